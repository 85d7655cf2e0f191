#!/bin/bash
# A run that is stopped or killed and goes on, with another number of ranks, ends with the same hashes as one that was
# never stopped, and its records hold every tick once.
set -u
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
# long enough (some seconds) to be hit in the middle
settings=("$SOURCE/tests/mpi/tiny.yaml" schedule.total_steps=1600 schedule.updates_per_step=10 policy.hidden=64)
fail() {
    echo "FAILED: $*"
    [ ! -s log ] || tail -n 20 log
    exit 1
}
hashes() {
    "$REVERIE" hash "$1" >"$1.hash" 2>log || fail "hash $1"
}
same() { # RUN REFERENCE
    hashes "$1"
    diff "$2.hash" "$1.hash" || fail "$1 differs from $2"
    ticks=$(grep -c '"role":"rank","unit":0,' "$1/metrics.jsonl")
    [ "$ticks" = "$(cut -d, -f1 "$1/progress.csv" | tail -n +2 | sort -u | wc -l)" ] || fail "$1: progress.csv"
    [ "$ticks" = "$(grep -c '"role":"rank","unit":0,' "$2/metrics.jsonl")" ] || fail "$1: $ticks ticks recorded"
}
# start RUN N ARGS...: in the background; returns once the run has done a few ticks
start() {
    local run=$1 n=$2
    shift 2
    "$REVERIE" train "${settings[@]}" "$@" -n "$n" --run-dir "$run" >log 2>&1 &
    child=$!
    for _ in $(seq 300); do
        [ "$(wc -l 2>/dev/null <"$run/progress.csv")" -gt 6 ] 2>/dev/null && return
        kill -0 $child 2>/dev/null || fail "$run ended before it could be stopped"
        sleep 0.05
    done
    fail "$run does not get on"
}

for mode in lockstep pipelined; do
    "$REVERIE" train "${settings[@]}" schedule.mode=$mode -n 2 --run-dir whole-$mode >log 2>&1 || fail "train $mode"
    hashes whole-$mode
done
for signal in USR1 INT TERM; do
    start stop-$signal 3 schedule.mode=pipelined
    kill -$signal $child
    wait $child
    code=$?
    [ $code = 75 ] || fail "$signal: exit $code, expected 75"
    grep -q "train --resume stop-$signal" log || fail "$signal: no word of how to go on"
    [ ! -e stop-$signal/checkpoints/tick_00000032 ] || fail "$signal: the run was not stopped"
    "$REVERIE" train --resume stop-$signal -n 2 >log 2>&1 || fail "resume after $signal"
    same stop-$signal whole-pipelined
    echo "same after SIG$signal"
done

# no warning at all: a rank is killed, then the command itself
for victim in rank command; do
    start kill-$victim 4 schedule.mode=lockstep checkpoint.every_ticks=2
    ranks=$(pgrep -f "train kill-$victim\$" | grep -vx $child)
    [ -n "$ranks" ] || fail "no ranks to kill"
    # shellcheck disable=SC2086 # one word per process
    if [ $victim = rank ]; then kill -9 "$(echo $ranks | cut -d' ' -f3)"; else kill -9 $child; fi
    wait $child
    code=$?
    [ $code != 0 ] || fail "killed $victim: exit 0"
    for _ in $(seq 100); do
        pgrep -f "train kill-$victim\$" >/dev/null || break
        sleep 0.1
    done
    ! pgrep -f "train kill-$victim\$" || fail "killed $victim: processes are left"
    "$REVERIE" train --resume kill-$victim -n 1 >log 2>&1 || fail "resume after a killed $victim"
    same kill-$victim whole-lockstep
    echo "same after kill -9 of a $victim (exit $code)"
done

# a finished run goes on to more steps, as if it had been asked for them from the start
for mode in lockstep pipelined; do
    "$REVERIE" train "${settings[@]}" schedule.mode=$mode schedule.total_steps=800 -n 1 --run-dir longer-$mode >log 2>&1 ||
        fail "train 800 steps"
    "$REVERIE" train --resume longer-$mode schedule.total_steps=1600 -n 3 >log 2>&1 || fail "prolong"
    same longer-$mode whole-$mode
    echo "same when prolonged, $mode"
done
