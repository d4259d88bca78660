#!/bin/sh
# Makes DIR/user, the environment that the README's Install gives a user, out of the wheel of this tree, and pulls the
# default model into the user's cache: sh scripts/editors/user.sh DIR
# Quick when nothing has changed; after a change of the sources only the wheel is made and installed again.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p "$1"
dir=$(cd "$1" && pwd)
venv=$dir/user
# Two that install at once would be in each other's way.
exec 9>"$dir/user.lock"
flock 9
sources() {
    find lsp backend editors/emacs editors/neovim -type f ! -path '*/__pycache__/*' -print 2>/dev/null | LC_ALL=C sort | tr '\n' '\0' |
        xargs -0 cksum
    cksum pyproject.toml README.md LICENSE
}
dependencies=$(cksum pyproject.toml scripts/editors/user.sh)
wanted=$(sources | cksum)
# An environment that was moved does not work any more.
grep -qsF "$venv/bin" "$venv/bin/pip" || rm -rf "$venv"
if [ "$(cat "$venv/wheel-of" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi
echo "user: installing the wheel of this tree"
rm -f "$venv/wheel-of"
if [ "$(cat "$venv/dependencies-of" 2>/dev/null)" != "$dependencies" ]; then
    [ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
    rm -f "$venv/dependencies-of"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
fi
# From a copy: setuptools leaves its traces in the folder that it builds in.
tree=$dir/wheel/tree
rm -rf "$dir/wheel"
mkdir -p "$tree"
tar -c --exclude __pycache__ --exclude node_modules pyproject.toml README.md LICENSE lsp backend editors/emacs \
    editors/neovim | tar -x -C "$tree"
# setuptools warns of every folder of data in a package.
PYTHONWARNINGS=ignore "$venv/bin/python" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$dir/wheel" "$tree"
wheel=$(echo "$dir"/wheel/pilotfish-*.whl)
if [ ! -e "$venv/dependencies-of" ]; then
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "${wheel}[local]"
    echo "$dependencies" >"$venv/dependencies-of"
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall "$wheel"
rm -rf "$tree"
pulled=$("$venv/bin/pilotfish-backend" pull 2>&1) || {
    echo "$pulled" >&2
    exit 1
}
echo "$wanted" >"$venv/wheel-of"
