#!/bin/sh
# Installs what `make test-editors` needs into a folder: sh scripts/editors/install.sh [DIR]
# Each part is quick when it is there already, and can be run alone: sh scripts/editors/neovim.sh DIR
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-.editors}"
dir=$(cd "${1:-.editors}" && pwd)
failed=
for part in tools lint user neovim helix emacs vim vscode; do
    start=$(date +%s)
    if sh "$here/$part.sh" "$dir"; then
        echo "editors: $part is installed ($(($(date +%s) - start)) s)"
    else
        echo "editors: $part could not be installed, see above" >&2
        failed="$failed $part"
    fi
done
[ -z "$failed" ]
