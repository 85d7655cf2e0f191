#!/bin/bash
# Imagined rows that cannot be made again with the bits they had are found out on a resume: here by another kernel of
# OpenBLAS than the run had. checkpoint.other_bits lets it go on with a warning.
set -u
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fail() {
    echo "FAILED: $*"
    exit 1
}

train() { # KERNEL WORD...
    local kernel=$1
    shift
    OPENBLAS_CORETYPE=$kernel "$REVERIE" train "$@" -n 1 >out 2>err </dev/null
}

train Haswell "$SOURCE/tests/mpi/tiny.yaml" kernels.products=openblas rollout.max_disagreement=0 \
    --run-dir run || fail "no run to work on: $(cat err)"
cp -r run same
train Haswell --resume same schedule.total_steps=1600 || fail "the same kernel: $(cat err)"
code=0
train Nehalem --resume run schedule.total_steps=1600 || code=$?
[ $code = 65 ] || fail "another kernel: exit code $code, expected 65: $(cat err)"
grep -q "shard 0: the imagined rows that were made again are not those of the run" err || fail "said: $(cat err)"
[ "$(ls run/checkpoints)" = tick_00000016 ] || fail "a checkpoint was written: $(ls run/checkpoints)"
train Nehalem --resume run schedule.total_steps=1600 checkpoint.other_bits=true || fail "other bits: $(cat err)"
grep -q "shard 0: .*going on, as checkpoint.other_bits says" err || fail "went on without saying so: $(cat err)"
echo ok
