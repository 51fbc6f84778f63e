#!/bin/sh
# Install the versions of Copier and uv from the last update, and prepare the next update.
set -eu
tools=$(mktemp -d)
python3 -m venv "$tools"
"$tools/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
  --only-binary :all: --requirement tools/requirements.txt
exec "$tools/bin/python" -m tools.update prepare "$1"
