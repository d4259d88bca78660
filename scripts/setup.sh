#!/bin/sh
# Makes the virtual environment that the Makefile uses: sh scripts/setup.sh DIR
set -eu
venv=$1
find_python() {
    for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
}
python=$(find_python)
if [ -z "$python" ]; then
    echo "setup: no Python 3.11 or newer found; install one, or name it: make setup PYTHON=/path/to/python3" >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "setup: $python has no venv module; on Debian and Ubuntu: apt install python3-venv" >&2
    exit 1
fi
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
echo "setup: installing into $venv, which takes a minute or so"
"$venv/bin/python" -m pip install --quiet --upgrade 'pip>=25.1'
# setuptools warns of every editable installation that maps names to folders, as ours does.
PYTHONWARNINGS=ignore "$venv/bin/python" -m pip install --quiet --editable '.[dev]'
if ! reason=$("$venv/bin/python" -c 'import xllamacpp' 2>&1); then
    echo "setup: llama.cpp can't be loaded: $(echo "$reason" | tail -n 1)" >&2
    case $reason in
    *libgomp*) echo "setup: on Debian and Ubuntu: apt install libgomp1" >&2 ;;
    esac
    exit 1
fi
