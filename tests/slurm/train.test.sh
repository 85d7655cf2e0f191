#!/bin/bash
# train.test.sh - slurm/train.sbatch on a cluster of two nodes gives the numbers that one rank alone gives: with mpirun,
# with srun, and when the job is stopped half-way by a signal, its time limit, preemption, the loss of a node or of a
# node's daemon, goes back to the queue if need be, and resumes.
set -eu
: "${REVERIE:?}" "${SOURCE:?}" "${BUILD:?}"
[ "$(id -u)" = 0 ] || {
    echo "skipped: a Slurm cluster needs root"
    exit 77
}
cluster=$SOURCE/tests/slurm/cluster.sh
tiny=$SOURCE/tests/mpi/tiny.yaml
what=("$tiny" schedule.total_steps=2000)
# long enough to be stopped on the way, on any machine: 1 ms a step
paced=("$tiny" "env.name=$BUILD/tests/plugins/slow.so" env.arguments=1 env.count=1 schedule.total_steps=3500 eval.episodes=1
    eval.every_steps=1000)
# as long as it takes Slurm to look at a time limit, without work for the machine: 25 ms a step
slow=("$tiny" "env.name=$BUILD/tests/plugins/slow.so" env.arguments=25 env.count=1 schedule.total_steps=2000 eval.episodes=1
    eval.every_steps=1000 checkpoint.every_ticks=2)
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
        PENDING | CONFIGURING | RUNNING | COMPLETING | REQUEUED | NODE_FAIL) sleep 0.2 ;; # the last before it goes back
        *) fail "job $1 ended as $state" ;;
        esac
    done
    fail "job $1 is still $state after $2 s"
}

same_as_alone() { # NAME [REFERENCE]
    local file alone=${2:-alone}
    for file in config.yaml metrics.jsonl progress.csv checkpoints; do
        [ -e "runs/$1/$file" ] || fail "runs/$1/$file is missing"
    done
    "$REVERIE" hash "runs/$1" >"$1.hash"
    [ -s "$1.hash" ] || fail "no hashes for runs/$1"
    diff "$alone.hash" "$1.hash" || fail "runs/$1 differs from the run of one rank"
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

what=("${paced[@]}")
"$REVERIE" train "${what[@]}" --run-dir runs/paced -n 1 >paced.log 2>&1 ||
    fail "the paced run of one rank: $(tail -n 5 paced.log)"
"$REVERIE" hash runs/paced >paced.hash

rows_of() { # NAME
    if [ -e "runs/$1/progress.csv" ]; then wc -l <"runs/$1/progress.csv"; else echo 0; fi
}

wait_for_rows() { # NAME N
    local _
    for _ in $(seq 600); do
        [ "$(rows_of "$1")" -lt "$2" ] || return 0
        sleep 0.1
    done
    fail "$1 makes no progress: $(tail -n 5 reverie-*.out)"
}

restarted() { # JOB TIMES
    local restarts
    restarts=$(scontrol -o show job "$1" | sed -n 's/.*Restarts=\([0-9]*\).*/\1/p')
    [ "$restarts" = "$2" ] || fail "job $1 was restarted ${restarts:-0} times, expected $2"
}

# stopped by a signal once it has made some rows of progress
job=$(submit requeued -N 2 -n 4)
wait_for_rows requeued 3
scancel -b --signal=USR1 "$job"
wait_for "$job" 300
restarted "$job" 1
same_as_alone requeued paced

# a job of a partition that goes first
job=$(submit preempted -N 2 -n 4)
wait_for_rows preempted 3
high=$(sbatch --parsable -p high -N 2 -n 16 -t 1 -o high.out --wrap "sleep 1")
wait_for "$high" 120
wait_for "$job" 300
restarted "$job" 1
grep -q "asked to stop" "reverie-$job.out" || fail "job $job was not asked: $(cat "reverie-$job.out")"
same_as_alone preempted paced

# a lost node: Slurm sends the job back to the queue by itself
job=$(submit node -N 2 -n 4)
wait_for_rows node 3
scontrol update NodeName=n2 State=DOWN Reason=test
sleep 1
scontrol update NodeName=n2 State=RESUME 2>/dev/null || true # it may have come back by itself
wait_for "$job" 300
restarted "$job" 1
same_as_alone node paced

# Open MPI's daemon on a node: inside the job, the supervisor starts again
job=$(submit daemon -N 2 -n 4)
wait_for_rows daemon 3
daemons=$(for pid in $(pgrep -x orted); do grep -lsazx "SLURM_JOB_ID=$job" "/proc/$pid/environ" || true; done)
[ -n "$daemons" ] || fail "job $job has no daemon on the other node"
for pid in $daemons; do
    pid=${pid#/proc/}
    kill -9 "${pid%/environ}"
done
wait_for "$job" 300
restarted "$job" 0
grep -q "starting again from step" "reverie-$job.out" || fail "job $job: $(cat "reverie-$job.out")"
same_as_alone daemon paced

# Slurm's daemon of the step: Open MPI's goes on without it
job=$(submit step -N 2 -n 4)
wait_for_rows step 3
pkill -9 -f "^slurmstepd: \[$job.0\]" || fail "job $job has no step"
wait_for "$job" 300
same_as_alone step paced

# a rank of srun, which nobody supervises
job=$(REVERIE_LAUNCH=srun submit rank -N 2 -n 3)
wait_for_rows rank 3
rank=$(for pid in $(pgrep -f "^$REVERIE train .*runs/rank( |\$)"); do
    grep -Lxs reverie-janitor "/proc/$pid/comm"
done | sed -n '1s|/proc/\(.*\)/comm|\1|p')
[ -n "$rank" ] || fail "job $job has no ranks"
kill -9 "$rank"
wait_for "$job" 300
restarted "$job" 1
same_as_alone rank paced

# the time limit: a minute, and the signal comes when Slurm looks next, which it does every 30 s
limited=$(what=("${slow[@]}"); submit limited -N 2 -n 3 -t 1 --signal=B:USR1@50)
"$REVERIE" train "${slow[@]}" --run-dir runs/slow -n 1 >slow.log 2>&1 &
slow_run=$!

wait "$slow_run" || fail "the slow run of one rank: $(tail -n 5 slow.log)"
"$REVERIE" hash runs/slow >slow.hash
wait_for "$limited" 300
same_as_alone limited slow
[ "$(scontrol -o show job "$limited" | sed -n 's/.*Restarts=\([0-9]*\).*/\1/p')" -ge 1 ] ||
    fail "job $limited was over before its time limit"
