#!/bin/bash
# the ensemble member against torch's automatic differentiation and Adam, in double and in single precision
set -eu
/usr/bin/python3 -c 'import torch' 2>/dev/null || { echo "skipped: /usr/bin/python3 has no torch"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$BUILD/tests/member_dump" "$folder"
/usr/bin/python3 "$SOURCE/tests/torch/member_referee.py" "$folder"
