#!/bin/sh
# Installs Modelyard from a wheel into a folder of its own: packaging/install.sh WHEEL FOLDER [REQUIREMENTS]
# The Dockerfile runs it, and so does a machine with systemd. It needs uv, and the Python that $PYTHON names (python3).
set -eu
wheel=$1
folder=$2
requirements=${3:-$(dirname "$0")/../requirements/server.txt}
command -v uv >/dev/null || { echo "install.sh needs uv: https://docs.astral.sh/uv/" >&2; exit 1; }

uv venv --quiet --no-python-downloads --python "${PYTHON:-python3}" "$folder"
# What the lock file lists, by its hashes, and nothing else. Modules are compiled here, because the server's user may not write.
export UV_COMPILE_BYTECODE="${UV_COMPILE_BYTECODE:-1}"
uv pip install --quiet --python "$folder/bin/python" --no-deps --require-hashes -r "$requirements"
uv pip install --quiet --python "$folder/bin/python" --no-deps "$wheel"
"$folder/bin/modelyard" --version
