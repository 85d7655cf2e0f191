#!/bin/bash
# SAC updates against torch: losses, gradients, Adam, temperature and target networks to float32 accuracy, on every set
# of kernels.
set -u
python=/usr/bin/python3
"$python" -c 'import torch' 2>/dev/null || { echo "torch is missing for $python"; exit 77; }
# shellcheck source=tests/kernels.sh
. "$SOURCE/tests/kernels.sh"
temp=$(mktemp -d) || exit 1
trap 'rm -rf "$temp"' EXIT
status=0
for kernels in "${sets[@]}"; do
    for case in plain clamped taught; do
        folder=$temp/$kernels-$case
        mkdir "$folder"
        "$BUILD/tests/sac_dump" "$folder" "$case" "$kernels" &&
            "$python" "$SOURCE/tests/torch/sac_referee.py" "$folder" || status=1
    done
done
exit $status
