#!/bin/bash
# SAC updates against torch: losses, gradients, Adam, temperature and target networks to float32 accuracy.
set -u
python=/usr/bin/python3
"$python" -c 'import torch' 2>/dev/null || { echo "torch is missing for $python"; exit 77; }
temp=$(mktemp -d) || exit 1
trap 'rm -rf "$temp"' EXIT
status=0
for case in plain clamped; do
    mkdir "$temp/$case"
    "$BUILD/tests/sac_dump" "$temp/$case" "$case" && "$python" "$SOURCE/tests/torch/sac_referee.py" "$temp/$case" || status=1
done
exit $status
