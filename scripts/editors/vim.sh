#!/bin/sh
# Installs Vim with ALE for the tests, out of Debian's packages: sh scripts/editors/vim.sh DIR
# Afterwards DIR/vim/bin/vim just runs, and DIR/vim/ale is the plugin, to be put where a user has plugins. No root.
# Quick when it is there already.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
editors=$(cd "$1" && pwd)
dir=$editors/vim
exec 9>"$editors/vim.lock"
flock 9
sh "$here/deb-overlay.sh" trixie "$dir" "vim vim-ale" usr/bin/vim.basic
share=$(find "$dir/root/usr/share/vim" -maxdepth 1 -name 'vim[0-9]*' | head -n 1)
cat >"$dir/bin/vim" <<END
#!/bin/sh
VIMRUNTIME="$share" TERMINFO_DIRS=/etc/terminfo:/lib/terminfo:/usr/share/terminfo exec "$dir/root/usr/bin/vim.basic" "\$@"
END
chmod +x "$dir/bin/vim"
ln -sfn root/usr/share/vim-ale "$dir/ale"
[ -e "$dir/ale/plugin/ale.vim" ] || {
    echo "vim: there is no ALE in the packages" >&2
    exit 1
}
said=$("$dir/bin/vim" --version | head -n 1)
echo "vim: ${said%% (*} with ALE is in $dir"
