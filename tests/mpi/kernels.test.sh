#!/bin/bash
# Kernels and bits: AVX2, AVX-512 and ranks that differ in them make the hash of kernels.instructions=auto, on any number
# of ranks, and a run goes on with either; OpenBLAS makes a hash of its own, the same on any number of ranks, where all
# ranks have the same kernels of it.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
# shellcheck source=tests/kernels.sh
. "$SOURCE/tests/kernels.sh"
: "${BUILD:?}"
# widths that leave a rest in every panel of columns, and more inner indices than are packed at a time
settings=(model.hidden=280 policy.hidden=70 rollout.max_disagreement=1 schedule.total_steps=600)

# train NAME N ARGS...: with the program $program
program=$REVERIE
train() {
    local name=$1 n=$2
    shift 2
    "$program" train "$tiny" "${settings[@]}" "$@" -n "$n" --run-dir "$work/$name" >"$name.log" 2>&1 ||
        fail "train $name on $n ranks: $(cat "$name.log")"
    "$REVERIE" hash "$name" >"$name.hash" || fail "hash of $name"
}
# same NAME REFERENCE
same() {
    diff "$2.hash" "$1.hash" || fail "$1 differs from $2"
    echo "same: $1 = $2 ($(tail -1 "$1.hash"))"
}
# refused CODE TEXT COMMAND...
refused() {
    local code=$1 text=$2 got=0
    shift 2
    "$@" >refused.log 2>&1 || got=$?
    [ $got = "$code" ] || fail "exit code $got, expected $code: $* $(cat refused.log)"
    grep -qF -- "$text" refused.log || fail "expected '$text': $* $(cat refused.log)"
    echo "refused: $(grep -F -- "$text" refused.log | head -n 1)"
}

for mode in lockstep pipelined; do
    train $mode-auto 1 schedule.mode=$mode
    train $mode-openblas 1 schedule.mode=$mode kernels.products=openblas
    ! diff -q $mode-auto.hash $mode-openblas.hash >log || fail "$mode: native products have the bits of OpenBLAS"
    for set in "${sets[@]}"; do
        reference=$mode-auto said="kernels: ${set#*=}$"
        [ "$set" != kernels.products=openblas ] || reference=$mode-openblas said="products by OpenBLAS"
        for n in 2 5; do
            train "$mode-$set-$n" $n schedule.mode=$mode "$set"
            same "$mode-$set-$n" $reference
        done
        grep -q "$said" "$mode-$set-2.log" || fail "$set: $(cat "$mode-$set-2.log")"
    done
    [ "$has_avx512" ] || continue
    program=$BUILD/tests/reverie_mixed
    train $mode-mixed 4 schedule.mode=$mode
    same $mode-mixed $mode-auto
    grep -q 'kernels: avx512 on this node, others elsewhere (same bits)' $mode-mixed.log || fail "$(cat $mode-mixed.log)"
    train $mode-mixed-openblas 3 schedule.mode=$mode kernels.products=openblas
    same $mode-mixed-openblas $mode-openblas
    program=$REVERIE
done

# other instructions from one day to the next; the products stay
if [ "$has_avx512" ]; then
    train again 3 schedule.mode=pipelined schedule.total_steps=400 kernels.instructions=avx512
    "$REVERIE" train --resume again -n 2 schedule.total_steps=600 kernels.instructions=avx2 >again.log 2>&1 ||
        fail "resume: $(cat again.log)"
    grep -q 'kernels: avx2' again.log || fail "resume: $(cat again.log)"
    "$REVERIE" hash again >again.hash || fail "hash of again"
    same again pipelined-auto
fi
refused 78 "override 'kernels.products=openblas': run 'pipelined-auto' learned with another value" \
    "$REVERIE" train --resume pipelined-auto -n 1 kernels.products=openblas
refused 78 "override 'kernels.products=native': run 'pipelined-openblas' learned with another value" \
    "$REVERIE" train --resume pipelined-openblas -n 1 kernels.products=native

# unlike kernels of OpenBLAS in one run
ranks=(-n 1 env "OPENBLAS_CORETYPE=Haswell" "$REVERIE" train "$tiny" kernels.products=openblas --run-dir "$work/unlike")
refused 69 "kernels.products: openblas needs the same kernels on all ranks" \
    mpirun -q --oversubscribe --bind-to none "${ranks[@]}" : "${ranks[@]/Haswell/Nehalem}"
finish
