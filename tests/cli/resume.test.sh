#!/bin/bash
# A run that was interrupted, whatever way, and went on with another number of ranks ends with the bits of a run that
# was not: every unit's hash and the hash of the records, in both schedules. What was interrupted leaves no process and
# no shared memory behind.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# long enough to be met half-way; branches are kept, so that imagined rows are part of the state
settings=(schedule.total_steps=4000 rollout.max_disagreement=0 schedule.updates_per_step=4 checkpoint.every_ticks=0)
n_ticks=80

hash_of() { # RUN
    "$REVERIE" hash "$1" >"$1.hash" || fail "hash of $1"
}

# same RUN REFERENCE: and each tick is recorded once
same() {
    hash_of "$1"
    diff "$2.hash" "$1.hash" || fail "$1 differs from $2"
    python3 - "$1" "${3:-$n_ticks}" <<'PY' || fail "$1: the records are not whole"
import csv, json, sys
run, last = sys.argv[1], int(sys.argv[2])
keys = [(r["tick"], r["role"], r["unit"]) for r in map(json.loads, open(run + "/metrics.jsonl"))]
assert len(keys) == len(set(keys)), "a frame is there twice"
assert [t for t, role, unit in keys if (role, unit) == ("rank", 0)] == list(range(last + 1)), "ticks of rank 0"
assert [t for t, role, unit in keys if (role, unit) == ("actor", 1)] == list(range(last + 1)), "ticks of env 1"
ticks = [int(r["tick"]) for r in csv.DictReader(open(run + "/progress.csv"))]
assert ticks == list(range(last + 1)), "ticks of progress.csv"
PY
    echo "same: $1 = $2"
}

start() { # RUN N ARGS...: in the background, as $pid; goes on once it is on its way
    local run=$1 n=$2
    shift 2
    "$REVERIE" train "$tiny" "${settings[@]}" "$@" -n "$n" --run-dir "$work/$run" >"$run.log" 2>&1 &
    pid=$!
    wait_for 60 has_rows "$run" 12 || fail "$run does not get going: $(cat "$run.log")"
}

# ended CODE TEXT: the run started last has ended with this, and left nothing
ended() {
    local code=$1 text=$2 run=$3 got
    wait $pid
    got=$?
    [ "$got" = "$code" ] || fail "$run: exit code $got, expected $code: $(cat "$run.log")"
    [ "$(grep -c 'as asked\|error' "$run.log")" = 1 ] || fail "$run: expected one message: $(cat "$run.log")"
    grep -qF -- "$text" "$run.log" || fail "$run: expected '$text': $(cat "$run.log")"
    wait_for 5 is_gone "$work/$run" || fail "$run: left $(pgrep -af "$work/$run")"
    [ -z "$(shm_leaks)" ] || fail "$run: left $(shm_leaks)"
    [ ! -e "$run/feed.json" ] || [ "$code" = 71 ] || fail "$run: left feed.json"
}

resume() { # RUN N ARGS...
    local run=$1 n=$2
    shift 2
    "$REVERIE" train --resume "$run" "$@" -n "$n" >"$run.again.log" 2>&1 || fail "resume $run: $(cat "$run.again.log")"
    ! grep -q "starts from the beginning" "$run.again.log" || fail "$run: there was no checkpoint"
}

for mode in lockstep pipelined; do
    mkdir $mode
    "$REVERIE" train "$tiny" "${settings[@]}" schedule.mode=$mode -n 2 --run-dir $mode/whole >log 2>&1 ||
        fail "train: $(cat log)"
    hash_of $mode/whole
    same $mode/whole $mode/whole

    # asked to stop: signal, ranks, ranks that go on
    for how in "USR1 3 2" "INT 2 5" "TERM 1 3" "HUP 3 1"; do
        read -r signal n again <<<"$how"
        run=$mode/$signal
        start "$run" "$n" schedule.mode=$mode
        kill -"$signal" $pid
        ended 75 "as asked; go on with: reverie train --resume $work/$run" "$run"
        [ "$(find "$run/checkpoints" -name manifest.json | wc -l)" = 1 ] || fail "$run: no checkpoint"
        has_rows "$run" $n_ticks && fail "$run was over before it was stopped"
        resume "$run" "$again"
        same "$run" $mode/whole
    done

    # asked before it has begun
    run=$mode/early
    "$REVERIE" train "$tiny" "${settings[@]}" schedule.mode=$mode -n 3 --run-dir "$work/$run" >$run.log 2>&1 &
    pid=$!
    wait_for 30 pgrep -x -P $pid reverie-janitor >janitor || fail "$run: no janitor" # it hears signals before it has one
    kill -USR1 $pid
    ended 75 "as asked" "$run"
    resume "$run" 2
    same "$run" $mode/whole

    # a rank is killed; what it did after the checkpoint is done again
    run=$mode/lost
    start "$run" 3 schedule.mode=$mode checkpoint.every_ticks=4 supervisor.restarts=0
    kill -9 "$(ranks_of "$work/$run" | tail -n 1)"
    ended 71 "a rank was ended by signal 9 (Killed); go on with: reverie train --resume $work/$run" "$run"
    resume "$run" 4
    same "$run" $mode/whole
done

# the supervisor is killed: the ranks follow, and until they are gone nobody else may train the run
run=pipelined/orphan
start "$run" 3 checkpoint.every_ticks=4
kill -9 $pid
wait $pid 2>/dev/null
wait_for 10 is_gone "$work/$run" || fail "$run: left $(pgrep -af "$work/$run")"
[ -z "$(shm_leaks)" ] || fail "$run: left $(shm_leaks)"
resume "$run" 2
same "$run" pipelined/whole
# so is mpirun
run=pipelined/mpirun
start "$run" 3 checkpoint.every_ticks=4 supervisor.restarts=0
kill -9 "$(pgrep -x -P $pid mpirun)"
ended 71 "mpirun was ended by signal 9 (Killed); go on with: reverie train --resume $work/$run" "$run"
resume "$run" 2
same "$run" pipelined/whole

# one run, one trainer
run=pipelined/busy
start "$run" 2 schedule.total_steps=1000000
code=0
"$REVERIE" train --resume $run -n 1 checkpoint.keep=7 >busy.log 2>&1 || code=$?
[ $code = 73 ] || fail "busy: exit code $code"
grep -q "is being trained by another process" busy.log || fail "busy: $(cat busy.log)"
grep -q "keep: 7" $run/config.yaml && fail "busy: config.yaml was changed"
kill -TERM $pid
ended 75 "as asked" "$run"

# a run that is prolonged equals one that was that long from the start
for mode in lockstep pipelined; do
    "$REVERIE" train "$tiny" schedule.mode=$mode rollout.max_disagreement=0 -n 2 --run-dir $mode/short >log 2>&1 ||
        fail "train: $(cat log)"
    "$REVERIE" train "$tiny" schedule.mode=$mode rollout.max_disagreement=0 schedule.total_steps=1600 -n 1 \
        --run-dir $mode/long >log 2>&1 || fail "train: $(cat log)"
    hash_of $mode/long
    resume $mode/short 3 schedule.total_steps=1600
    same $mode/short $mode/long 32
    resume $mode/short 2 # there is nothing left to do
    same $mode/short $mode/long 32
done
finish
