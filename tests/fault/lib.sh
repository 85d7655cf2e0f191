#!/bin/bash
# lib.sh - shared by the tests of faults: which process of a run is which, and what must be gone when it is over.
# shellcheck source=tests/cli/lib.sh
. "$SOURCE/tests/cli/lib.sh"

# a TMPDIR of the test's own, so that whatever lies in it was left by a run
TMPDIR=$work/tmp
export TMPDIR
mkdir "$TMPDIR"

# supervise RUN N WORDS...: train in the background, as $pid, messages in RUN.log
supervise() {
    local run=$1 n=$2
    shift 2
    "$REVERIE" train "$@" -n "$n" --run-dir "$work/$run" >>"$run.log" 2>&1 &
    pid=$!
}

# the same, with --resume
supervise_again() {
    local run=$1 n=$2
    shift 2
    "$REVERIE" train --resume "$work/$run" "$@" -n "$n" >>"$run.log" 2>&1 &
    pid=$!
}

# pids_of WHAT: of the run whose supervisor is $pid: supervisor, janitor, mpirun, ranks, or rank0, rank1, ...
pids_of() {
    local mpirun child
    mpirun=$(pgrep -x -P "$pid" mpirun)
    case $1 in
    supervisor) echo "$pid" ;;
    janitor) pgrep -x -P "$pid" reverie-janitor ;;
    mpirun) echo "$mpirun" ;;
    ranks) if [ -n "$mpirun" ]; then pgrep -P "$mpirun"; else pgrep -x -P "$pid" reverie; fi ;;
    rank*)
        for child in $([ -z "$mpirun" ] || pgrep -P "$mpirun"); do
            grep -qsazx "OMPI_COMM_WORLD_RANK=${1#rank}" "/proc/$child/environ" && echo "$child"
        done
        ;;
    esac
}

# kill_them WHAT...: all of them in one go, those that are there; false when there was nobody
kill_them() {
    local what pids
    pids=$(for what; do pids_of "$what"; done)
    # shellcheck disable=SC2086 # several, each a word
    [ -n "$pids" ] && kill -9 $pids 2>/dev/null
}

# what runs have left: files in TMPDIR and in /dev/shm; where that is not ours alone, what nobody holds or has mapped
leftovers() {
    local folder
    ls -A "$TMPDIR"
    if [ -n "${OWN_SHM:-}" ]; then
        ls -A /dev/shm
        return
    fi
    for folder in "/dev/shm/reverie-$(id -u)-"*; do
        [ -d "$folder" ] || continue
        if [ ! -e "$folder/alive" ] || flock -n -x "$folder/alive" true 2>/dev/null; then echo "$folder"; fi
    done
    shm_leaks | grep -v '^/dev/shm/reverie-'
}

has_no_leftovers() {
    [ -z "$(leftovers)" ]
}

# nothing_left RUN: no process, no file, within seconds
nothing_left() {
    wait_for 10 is_gone "$work/$1" || fail "$1: left $(pgrep -af "$work/$1")"
    wait_for 10 has_no_leftovers || fail "$1: left $(leftovers)"
}

# how often a run was started, as run.json says
starts_of() {
    python3 -c 'import json, sys; print(len(json.load(open(sys.argv[1] + "/run.json"))["starts"]))' "$1"
}

# same RUN REFERENCE: the same bits, and each tick is recorded once, in order
same() {
    "$REVERIE" hash "$1" >"$1.hash" || fail "hash of $1"
    [ -e "$2.hash" ] || "$REVERIE" hash "$2" >"$2.hash" || fail "hash of $2"
    diff "$2.hash" "$1.hash" || fail "$1 differs from $2"
    python3 - "$1" <<'PY' || fail "$1: the records are not whole"
import csv, json, sys
run = sys.argv[1]
keys = [(r["tick"], r["role"], r["unit"]) for r in map(json.loads, open(run + "/metrics.jsonl"))]
assert len(keys) == len(set(keys)), "a frame is there twice"
assert [k[0] for k in keys] == sorted(k[0] for k in keys), "ticks go back"
ticks = [int(r["tick"]) for r in csv.DictReader(open(run + "/progress.csv"))]
assert ticks == list(range(len(ticks))), "ticks of progress.csv"
assert {k[0] for k in keys} == set(ticks), "ticks of metrics.jsonl"
PY
    # what was acted is in the journal, where this version has one
    ! "$REVERIE" --help | grep -q '^  journal ' || "$REVERIE" journal "$1" --verify >/dev/null || fail "$1: the journal"
}
