#!/bin/bash
# nonfinite.test.sh - numbers that are not finite, put in at each place (spoilt.c): they are left out and counted, with
# the same bits on 1 and 3 ranks, and none is in a record or a checkpoint. When the budget is spent, the run goes back to
# its last checkpoint once: what was an accident is undone, to the bits of a run without it; what comes again ends the
# run with 76, and the last batches are written down.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
: "${BUILD:?}"
spoilt=$BUILD/tests/reverie_spoilt
settings=(schedule.total_steps=800 checkpoint.every_ticks=3 env.failures=1000)

hash_of() { # RUN
    "$REVERIE" hash "$1" >"$1.hash" || fail "hash of $1"
}

# every number in records and checkpoints
all_finite() { # RUN
    ! grep -qiE '[^a-z](nan|inf)' "$1/metrics.jsonl" "$1/progress.csv" || fail "$1: $(grep -iE -m1 'nan|inf' "$1"/*.jsonl)"
    python3 - "$1" <<'PY' || fail "$1: its checkpoints"
import array, glob, json, math, struct, sys
n = 0
for path in glob.glob(sys.argv[1] + "/checkpoints/*/*.safetensors"):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    for name, a in json.loads(data[8:8 + size]).items():
        if name == "__metadata__" or a["dtype"] not in ("F32", "F64"):
            continue
        begin, end = (8 + size + x for x in a["data_offsets"])
        numbers = array.array("f" if a["dtype"] == "F32" else "d", data[begin:end])
        n += len(numbers)
        assert all(map(math.isfinite, numbers)), f"{path}: {name}"
assert n > 1000 or not glob.glob(sys.argv[1] + "/checkpoints/tick*")
PY
}

# sum of a metric over a run
total() { # RUN METRIC
    python3 - "$@" <<'PY'
import json, sys
print(int(sum(r.get(sys.argv[2], 0) for r in map(json.loads, open(sys.argv[1] + "/metrics.jsonl")))))
PY
}

"$REVERIE" train "$tiny" "${settings[@]}" -n 2 --run-dir whole >log 2>&1 || fail "train: $(cat log)"
hash_of whole
grep -q guard/ whole/metrics.jsonl && fail "a run without trouble reports of the guard"
"$spoilt" train "$tiny" "${settings[@]}" -n 1 --run-dir untouched >log 2>&1 || fail "train: $(cat log)"
hash_of untouched
diff whole.hash untouched.hash || fail "the spoilt program differs where nothing is spoilt"

# ---- left out and counted ----
while read -r what one_in metric least; do
    for n in 1 3; do
        SPOIL=$what SPOIL_ONE_IN=$one_in "$spoilt" train "$tiny" "${settings[@]}" -n $n --run-dir "$what-$n" >"$what-$n.log" 2>&1 ||
            fail "$what on $n: exit code $?: $(cat "$what-$n.log")"
        hash_of "$what-$n"
        all_finite "$what-$n"
    done
    diff "$what-1.hash" "$what-3.hash" || fail "$what: 1 and 3 ranks differ"
    diff -q "$what-1.hash" whole.hash >/dev/null && fail "$what: nothing was spoilt"
    counted=$(total "$what-1" "$metric")
    [ "$counted" -ge "$least" ] || fail "$what: $metric is $counted"
    echo "$what: $metric $counted, the same on 1 and 3 ranks"
done <<'TABLE'
critic 60 guard/skipped_updates 10
actor 60 guard/skipped_updates 10
batch 60 guard/skipped_updates 10
member 30 guard/skipped_batches 10
env 100 guard/cut_episodes 2
TABLE

# ---- an accident: back to the last checkpoint, and on to the bits of a run without it ----
# (an environment's has rows, which the journal keeps)
while read -r what budget text; do
    run=accident-$what
    code=0
    SPOIL=$what "$spoilt" train "$tiny" "${settings[@]}" guard.budget="$budget" env.failures=3 supervisor.restarts=0 -n 3 --run-dir "$run" \
        >"$run.log" 2>&1 || code=$?
    [ $code = 75 ] || fail "$run: exit code $code, expected 75: $(cat "$run.log")"
    grep -q "error: .*$text.*; the run goes back to its last checkpoint, once: reverie train --resume $run" "$run.log" ||
        fail "$run: $(cat "$run.log")"
    [ "$(grep -c error: "$run.log")" = 1 ] || fail "$run: expected one message: $(cat "$run.log")"
    cp -r "$run" "again-$what"
    "$REVERIE" train --resume "$run" env.failures=1000 -n 2 >"$run.log" 2>&1 || fail "resume $run: $(cat "$run.log")"
    hash_of "$run"
    if [ "$what" = env ]; then # its rows happened, and stay
        cp -r "again-$what" other
        "$REVERIE" train --resume other env.failures=1000 -n 3 >other.log 2>&1 || fail "resume other: $(cat other.log)"
        hash_of other
        diff other.hash "$run.hash" || fail "$run: 2 and 3 ranks differ"
        "$REVERIE" journal "$run" --verify >journal.log || fail "the journal of $run"
    else
        diff whole.hash "$run.hash" || fail "$run differs from a run without an accident"
    fi
    # ---- the same again: it stops for good ----
    run=again-$what
    code=0
    SPOIL=$what "$spoilt" train --resume "$run" -n 1 >"$run.log" 2>&1 || code=$?
    [ $code = 76 ] || fail "$run: exit code $code, expected 76: $(cat "$run.log")"
    grep -q "error: .*$text.*so it was before" "$run.log" || fail "$run: $(cat "$run.log")"
    all_finite "$run"
    [ "$what" = env ] || [ -n "$(find "$run/failures" -name 'batches_*.safetensors')" ] || fail "$run: no batches"
    echo "$what: $(grep -o 'error: .*' "$run.log")"
done <<'TABLE'
critic 4 5 updates in a row had no finite gradient
actor 0 1 updates in a row had no finite gradient
weights 4 weights are not finite
member 6 member [0-6]: the loss or gradient of [0-9]* minibatches
env 4 observation.0. is nan
TABLE

# ---- the supervisor makes that restart, and not a second one ----
code=0
SPOIL=critic "$spoilt" train "$tiny" "${settings[@]}" guard.budget=4 -n 3 --run-dir twice >twice.log 2>&1 || code=$?
[ $code = 76 ] || fail "twice: exit code $code, expected 76: $(cat twice.log)"
[ "$(grep -c "starting again" twice.log)" = 1 ] || fail "twice: expected one restart: $(cat twice.log)"
grep -q "error: .*so it was before" twice.log || fail "twice: $(cat twice.log)"
finish
