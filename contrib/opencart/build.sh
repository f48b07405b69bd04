#!/bin/sh
# Build both zips into dist/ in the folder of this file. Works from any directory.
set -eu
exec python3 "$(dirname -- "$0")/build.py" "$@"
