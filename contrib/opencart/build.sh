#!/bin/sh
# Builds both zips into dist/ next to this file, from any directory.
set -eu
exec python3 "$(dirname -- "$0")/build.py" "$@"
