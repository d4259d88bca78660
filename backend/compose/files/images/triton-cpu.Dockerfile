# Triton without CUDA's gigabytes: the server out of a wheel, with CTranslate2 for its Python backend.
# The tag is pinned; where digests are wanted: --build-arg PYTHON_IMAGE=python@sha256:…
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE}
# Not pytriton's own Python interface, only the server inside its wheel, hence no dependencies. numpy 2 would give
# the models empty tensors.
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    pip install --no-cache-dir 'numpy==1.26.4' 'ctranslate2==4.8.5' \
    && pip install --no-cache-dir --no-deps 'nvidia-pytriton==0.7.0'
# The stub finds its libraries from its real place, so it is linked; the backend is copied beside it. The server takes
# its backends' folder from the command line only, hence a program of the same name as in NVIDIA's images.
RUN inside=/usr/local/lib/python3.11/site-packages/pytriton/tritonserver \
    && mkdir -p /opt/tritonserver/backends/python /opt/tritonserver/bin \
    && cp "$inside"/backends/python/libtriton_python.so "$inside"/backends/python/triton_python_backend_utils.py \
        /opt/tritonserver/backends/python/ \
    && ln -s "$inside"/python_backend_stubs/3.11/triton_python_backend_stub /opt/tritonserver/backends/python/ \
    && printf '#!/bin/sh\nexec %s --backend-directory=/opt/tritonserver/backends --allow-gpu-metrics=false "$@"\n' \
        "$inside/bin/tritonserver" > /opt/tritonserver/bin/tritonserver \
    && chmod 755 /opt/tritonserver/bin/tritonserver
# The backend's stub takes its packages from the first python3 on the path, and its libpython from LD_LIBRARY_PATH.
ENV PATH=/opt/tritonserver/bin:/usr/local/bin:/usr/bin:/bin LD_LIBRARY_PATH=/usr/local/lib
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000 8001 8002
CMD ["tritonserver", "--help"]
