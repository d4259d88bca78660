#!/bin/sh
# Builds the extension for Visual Studio Code, with the wheel of the language server in it.
#   sh scripts/vsix.sh [OUTPUT.vsix]     (default: pilotfish.vsix in the repository's root)
# Needs npm, Node 20 or newer, and a Python with pip for the wheel; PYTHON names another one.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
output=${1:-$root/pilotfish.vsix}
case $output in /*) ;; *) output=$(pwd)/$output ;; esac
complain() {
    echo "vsix: $1" >&2
    exit 1
}
command -v npm >/dev/null || complain "npm is missing; on Debian and Ubuntu: apt install npm"
python=
for candidate in "${PYTHON:-}" "$root/.venv/bin/python" "$HOME/.local/share/pilotfish/bin/python" python3; do
    if [ -n "$candidate" ] && "$candidate" -m pip --version >/dev/null 2>&1; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || complain "there is no Python with pip; on Debian and Ubuntu: apt install python3-pip"

cd "$root/editors/vscode"
# Two that build at once would be in each other's way; where there is no flock (macOS) nobody does.
if command -v flock >/dev/null; then
    mkdir -p out
    exec 9>out/lock
    flock 9
fi
# What the lock file says; again only when it has changed.
if ! cmp -s package-lock.json node_modules/.installed-lock; then
    npm ci --ignore-scripts --no-fund --no-audit --loglevel=error
    cp package-lock.json node_modules/.installed-lock
fi

# From a copy: setuptools leaves its traces in the folder that it builds in.
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
(cd "$root" && tar -c --exclude __pycache__ --exclude node_modules --exclude editors/vscode \
    pyproject.toml README.md LICENSE lsp backend editors) | tar -x -C "$tree"
rm -rf wheel
# setuptools warns of every folder of data in a package.
PYTHONWARNINGS=ignore "$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir wheel "$tree"

npm run --silent check-types
node scripts/package.mjs "$output"
