# syntax=docker/dockerfile:1
# The server in an image; docs/docker.md says how to use it. `make wheel` first: the image gets the wheel, not the clone.
# For NVIDIA GPUs: --build-arg BASE=nvidia/cuda:12.9.1-base-ubuntu24.04 --build-arg PACKAGES="gcc libc6-dev python3-dev"
ARG BASE=python:3.13-slim-trixie
ARG UV=ghcr.io/astral-sh/uv:0.13

FROM ${UV} AS uv

FROM ${BASE}
ARG PACKAGES=""
# pg_dump is for `modelyard backup` with PostgreSQL; images without Python get the distribution's.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates postgresql-client ${PACKAGES} \
       $(command -v python3 >/dev/null || echo python3) \
    && rm -rf /var/lib/apt/lists/*
COPY --from=uv /uv /usr/local/bin/
COPY packaging/install.sh requirements/server.txt dist/*.whl /tmp/modelyard/
RUN /tmp/modelyard/install.sh /tmp/modelyard/*.whl /opt/modelyard /tmp/modelyard/server.txt \
    && rm -rf /tmp/modelyard /root/.cache \
    && useradd --uid 10001 --create-home --home-dir /var/lib/modelyard modelyard

ENV PATH=/opt/modelyard/bin:$PATH \
    MODELYARD_HOME=/var/lib/modelyard \
    MODELYARD_HOST=0.0.0.0 \
    MODELYARD_PORT=9997
USER modelyard
WORKDIR /var/lib/modelyard
VOLUME /var/lib/modelyard
EXPOSE 9997
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['MODELYARD_PORT'] + '/health', timeout=4)"]
CMD ["modelyard", "serve"]
