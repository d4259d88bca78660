#!/bin/sh
# Checks the editors' sources: types, lint and format of TypeScript and Lua, the compiler's warnings of Emacs Lisp, and
# the tests that need no editor: sh scripts/editors/check.sh DIR
# All that is wrong is said, not only the first.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$(cd "$1" && pwd)
cd "$here/../.."
failed=
said=$(mktemp)
trap 'rm -f "$said"' EXIT
try() { # NAME COMMAND …
    name=$1
    shift
    if "$@" >"$said" 2>&1; then
        echo "check-editors: $name: good"
    else
        cat "$said" >&2
        failed="$failed, $name"
    fi
}
extension() {
    (cd editors/vscode && npm run --silent check && npm run --silent test)
}
emacs_lisp() {
    # Compiled beside, so that nothing is left in the tree.
    compiled=$(mktemp -d)
    cp editors/emacs/*.el "$compiled"
    status=0
    "$dir/emacs/bin/emacs" --batch --directory "$compiled" --eval '(setq byte-compile-error-on-warn t)' \
        --funcall batch-byte-compile "$compiled"/*.el || status=1
    rm -rf "$compiled"
    return $status
}
try "Lua's format" node scripts/editors/stylua.mjs "$dir/stylua/node_modules" editors/neovim --check
try "luacheck" "$dir/luacheck/bin/luacheck" --quiet --config editors/neovim/.luacheckrc editors/neovim
try "the extension's sources and tests" extension
try "Emacs Lisp" emacs_lisp
[ -z "$failed" ] || {
    echo "check-editors: wrong:${failed#,}" >&2
    exit 1
}
