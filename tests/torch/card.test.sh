#!/bin/bash
# the error card against numpy and torch, in double precision, on every set of kernels
set -eu
/usr/bin/python3 -c 'import torch' 2>/dev/null || { echo "skipped: /usr/bin/python3 has no torch"; exit 77; }
# shellcheck source=tests/kernels.sh
. "$SOURCE/tests/kernels.sh"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for kernels in "${sets[@]}"; do
    echo "$kernels"
    "$BUILD/tests/card_dump" "$folder" "$kernels"
    /usr/bin/python3 "$SOURCE/tests/torch/card_referee.py" "$folder"
done
