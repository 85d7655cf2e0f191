#!/bin/bash
# the ensemble member against torch's automatic differentiation and Adam, in double and in single precision, on every
# set of kernels, and as every kind of member
set -eu
/usr/bin/python3 -c 'import torch' 2>/dev/null || { echo "skipped: /usr/bin/python3 has no torch"; exit 77; }
# shellcheck source=tests/kernels.sh
. "$SOURCE/tests/kernels.sh"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for kernels in "${sets[@]}"; do
    for kind in "" kind=deterministic target=next_state normalise_targets=true learned_termination=true bootstrap=false \
        "kind=deterministic target=next_state normalise_targets=true learned_termination=true" \
        "target=next_state normalise_targets=true learned_termination=true bootstrap=false"; do
        echo "$kernels $kind"
        # shellcheck disable=SC2086
        "$BUILD/tests/member_dump" "$folder" "$kernels" $kind
        /usr/bin/python3 "$SOURCE/tests/torch/member_referee.py" "$folder"
    done
done
