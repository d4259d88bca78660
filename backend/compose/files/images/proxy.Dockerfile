# The proxy, and the commands that convert and verify models, out of the wheel that lies beside this file.
# The tag is pinned; where digests are wanted: --build-arg PYTHON_IMAGE=python@sha256:…
ARG PYTHON_IMAGE=python:3.12-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN python -m venv --copies /opt/pilotfish
COPY wheels/ /wheels/
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    wheel=$(find /wheels -name 'pilotfish-*.whl') \
    && /opt/pilotfish/bin/pip install --no-cache-dir "${wheel}[triton,convert]"

FROM ${PYTHON_IMAGE}
COPY --from=build /opt/pilotfish /opt/pilotfish
ENV HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 5000
ENTRYPOINT ["/opt/pilotfish/bin/pilotfish-backend"]
CMD ["--help"]
