# Triton for NVIDIA GPUs, with CTranslate2 for its Python backend. CTranslate2 is made for CUDA 12; this is among the
# last of NVIDIA's images that have it, and Python 3.12. The model's code is in the model repository, not in here.
# The tag is pinned; where digests are wanted: --build-arg TRITON_IMAGE=…@sha256:…
ARG TRITON_IMAGE=nvcr.io/nvidia/tritonserver:25.06-py3

FROM ${TRITON_IMAGE}
# Distributions mark their Python as theirs to manage; nothing but the model's code uses it in this image.
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    PIP_BREAK_SYSTEM_PACKAGES=1 pip install --no-cache-dir 'numpy==1.26.4' 'ctranslate2==4.8.5'
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000 8001 8002
CMD ["tritonserver", "--help"]
