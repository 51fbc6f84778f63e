#!/bin/sh
# Install Copier and uv in the versions that the last update has brought, and prepare the next one.
set -eu
tools=$(mktemp -d)
python3 -m venv "$tools"
"$tools/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
  --only-binary :all: --requirement tools/requirements.txt
exec "$tools/bin/python" -m tools.update prepare "$1"
