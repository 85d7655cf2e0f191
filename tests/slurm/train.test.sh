#!/bin/bash
# train.test.sh - slurm/train.sbatch on a cluster of two nodes gives the numbers that one rank alone gives: with mpirun,
# with srun, and when the job is stopped half-way, goes back to the queue and resumes.
set -eu
: "${REVERIE:?}" "${SOURCE:?}"
[ "$(id -u)" = 0 ] || {
    echo "skipped: a Slurm cluster needs root"
    exit 77
}
cluster=$SOURCE/tests/slurm/cluster.sh
# long enough to be stopped on the way
what=("$SOURCE/tests/mpi/tiny.yaml" schedule.total_steps=5000)
work=$(mktemp -d /tmp/reverie-slurm.XXXXXX)
finish() {
    code=$?
    trap - EXIT
    [ $code = 0 ] || tail -n 30 "$work"/jobs/*.out "$work"/cluster/log/* 2>/dev/null
    "$cluster" stop "$work/cluster" || true
    rm -rf "$work"
    exit $code
}
trap finish EXIT
trap 'exit 1' INT TERM

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

submit() { # NAME SBATCH-FLAGS... : prints the job's number
    local name=$1
    shift
    sbatch --parsable -t 10 "$@" "$SOURCE/slurm/train.sbatch" "${what[@]}" --run-dir "runs/$name"
}

state_of() { # JOB
    scontrol -o show job "$1" | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p'
}

wait_for() { # JOB SECONDS: until it has ended well
    local state=unknown _
    for _ in $(seq $(($2 * 5))); do
        state=$(state_of "$1")
        case $state in
        COMPLETED) return ;;
        PENDING | CONFIGURING | RUNNING | COMPLETING | REQUEUED) sleep 0.2 ;;
        *) fail "job $1 ended as $state" ;;
        esac
    done
    fail "job $1 is still $state after $2 s"
}

same_as_alone() { # NAME
    local file
    for file in config.yaml metrics.jsonl progress.csv checkpoints; do
        [ -e "runs/$1/$file" ] || fail "runs/$1/$file is missing"
    done
    "$REVERIE" hash "runs/$1" >"$1.hash"
    [ -s "$1.hash" ] || fail "no hashes for runs/$1"
    diff alone.hash "$1.hash" || fail "runs/$1 differs from the run of one rank"
    echo "ok: $1 is the same as one rank alone ($(wc -l <"$1.hash") hashes)"
}

"$cluster" start "$work/cluster" 2 8
. "$work/cluster/env.sh"
export REVERIE
mkdir "$work/jobs"
cd "$work/jobs"

"$REVERIE" train "${what[@]}" --run-dir runs/alone -n 1 >alone.log 2>&1 ||
    fail "the run of one rank: $(tail -n 5 alone.log)"
"$REVERIE" hash runs/alone >alone.hash

job=$(submit mpirun -N 2 -n 4)
wait_for "$job" 300
grep -q "4 ranks on n\[1-2\]" "reverie-$job.out" || fail "job $job did not use both nodes"
same_as_alone mpirun

job=$(REVERIE_LAUNCH=srun submit srun -N 2 -n 3)
wait_for "$job" 300
same_as_alone srun

# stop it once it has made some rows of progress
job=$(submit requeued -N 2 -n 4)
for _ in $(seq 600); do
    [ ! -f runs/requeued/progress.csv ] || [ "$(wc -l <runs/requeued/progress.csv)" -lt 2 ] || break
    sleep 0.1
done
scancel -b --signal=USR1 "$job"
wait_for "$job" 300
restarts=$(scontrol -o show job "$job" | sed -n 's/.*Restarts=\([0-9]*\).*/\1/p')
[ "$restarts" = 1 ] || fail "job $job was restarted ${restarts:-0} times, expected 1"
same_as_alone requeued
