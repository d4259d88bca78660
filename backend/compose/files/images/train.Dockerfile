# Fine-tuning on NVIDIA GPUs: torch with the CUDA compiler that DeepSpeed wants, and the wheel that lies beside this file.
# CUDA 12.8 reaches back to Volta; for a P40 or another Pascal: TRAIN_IMAGE=pytorch/pytorch:2.10.0-cuda12.6-cudnn9-devel
# The tag is pinned; where digests are wanted: --build-arg TRAIN_IMAGE=…@sha256:…
ARG TRAIN_IMAGE=pytorch/pytorch:2.10.0-cuda12.8-cudnn9-devel

FROM ${TRAIN_IMAGE}
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
COPY wheels/ /wheels/
# The image's own torch stays, whatever the others ask for. DeepSpeed's optimizer for the CPU is compiled here and not at
# its first use, for this host's kind of processor; that needs torch, hence no environment of its own for the build. No GPU
# is seen while an image is built: DeepSpeed must be told that there will be one, or it compiles again at each start.
# What the distribution has installed for its Python can't be uninstalled: newer ones go beside it, where they come first.
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    export PIP_BREAK_SYSTEM_PACKAGES=1 PIP_NO_CACHE_DIR=1 PIP_CONSTRAINT=/opt/constraints.txt \
    && python3 -c 'import torch; print("torch==" + torch.__version__.partition("+")[0])' > "$PIP_CONSTRAINT" \
    && wheel=$(find /wheels -name 'pilotfish-*.whl') \
    && python3 -m pip install --no-cache-dir --ignore-installed 'setuptools==80.9.0' 'wheel==0.45.1' \
        'ninja==1.13.0' 'packaging==25.0' 'py-cpuinfo==9.0.0' \
    && DS_ACCELERATOR=cuda DS_BUILD_CPU_ADAM=1 python3 -m pip install --no-cache-dir --no-build-isolation 'deepspeed==0.19.8' \
    && python3 -m pip install --no-cache-dir "pilotfish[train] @ file://${wheel}"
# torch asks for its user's name, and the number below has none.
ENV HOME=/tmp LOGNAME=train PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HF_HUB_DISABLE_TELEMETRY=1
USER 10001:10001
WORKDIR /training
ENTRYPOINT ["pilotfish-backend"]
CMD ["finetune", "--help"]
