#!/bin/bash
# watchdog.test.sh - a run that hangs is found within watchdog.seconds + 5 s, whoever holds it up is named, it ends with
# 75 and goes on to the bits of a run that never hung: a rank of each role that was stopped, an environment that never
# answers, a host that is cut off. A run that was stopped as a whole, or is slow, is not found to hang.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
: "${BUILD:?}"
seconds=3
settings=(schedule.total_steps=4000 schedule.updates_per_step=4 checkpoint.every_ticks=10 "watchdog.seconds=$seconds"
    rollout.max_disagreement=0 eval.every_steps=50 supervisor.restarts=0)
roles=(layout.actor_ranks=1 layout.model_ranks=1 layout.rollout_ranks=1 layout.policy_ranks=1 layout.evaluator_ranks=1)

hash_of() { # RUN
    "$REVERIE" hash "$1" >"$1.hash" || fail "hash of $1"
}

# same RUN REFERENCE, after it went on with N ranks
resume_to() { # RUN N REFERENCE ARGS...
    local run=$1 n=$2 reference=$3
    shift 3
    "$REVERIE" train --resume "$run" "$@" -n "$n" >"$run.again.log" 2>&1 || fail "resume $run: $(cat "$run.again.log")"
    hash_of "$run"
    diff "$reference.hash" "$run.hash" || fail "$run differs from $reference"
    echo "same: $run = $reference"
}

start() { # RUN N ARGS...: in the background, as $pid; goes on once it is on its way
    local run=$1 n=$2
    shift 2
    "$REVERIE" train "$tiny" "${settings[@]}" "$@" -n "$n" --run-dir "$work/$run" >"$run.log" 2>&1 &
    pid=$!
    wait_for 60 has_rows "$run" 12 || fail "$run does not get going: $(cat "$run.log")"
}

# the process of a rank
process_of() { # RUN RANK
    local p
    for p in $(ranks_of "$work/$1"); do
        tr '\0' '\n' <"/proc/$p/environ" | grep -qx "OMPI_COMM_WORLD_RANK=$2" && echo "$p"
    done
}

# something is said in time since $began, after $took seconds
noticed() { # RUN
    wait_for 60 grep -q error: "$1.log" || fail "$1: nobody noticed: $(cat "$1.log")"
    took=$((SECONDS - began))
    [ $took -le $((seconds + 5)) ] || fail "$1: took $took s: $(cat "$1.log")"
}

# that is one message, as it should be, and the run has ended with it
found() { # RUN PATTERN
    local run=$1 code=0
    noticed "$run"
    wait $pid || code=$?
    [ $code = 75 ] || fail "$run: exit code $code, expected 75: $(cat "$run.log")"
    [ $((SECONDS - began)) -le $((seconds + 20)) ] || fail "$run: over after $((SECONDS - began)) s: $(cat "$run.log")"
    [ "$(grep -c error: "$run.log")" = 1 ] || fail "$run: expected one message: $(cat "$run.log")"
    grep -qE -- "$2" "$run.log" || fail "$run: expected '$2': $(grep error: "$run.log")"
    file=$(sed -n 's/.*more in \([^;]*\);.*/\1/p' "$run.log")
    grep -qE -- "$2" "$file" || fail "$run: $file: $(cat "$file")"
    grep -q "rv_loop_run" "$file" || fail "$run: no stack in $file: $(cat "$file")"
    wait_for 5 is_gone "$work/$run" || fail "$run: left $(pgrep -af "$work/$run")"
    [ -z "$(shm_leaks)" ] || fail "$run: left $(shm_leaks)"
    echo "$run: found after $took s: $(grep -o 'error: .*' "$run.log")"
}

"$REVERIE" train "$tiny" "${settings[@]}" -n 2 --run-dir whole >log 2>&1 || fail "train: $(cat log)"
hash_of whole

# ---- a rank is stopped, whatever its role; it is the only one that has its role ----
rank=0
for role in actor model rollout policy evaluator; do
    run=stopped-$role
    start "$run" 5 "${roles[@]}"
    kill -STOP "$(process_of "$run" $rank)"
    began=$SECONDS
    found "$run" "rank $rank \($role\) on $(uname -n) has not run for .* it was stopped \(SIGSTOP\); last seen: .*tick"
    resume_to "$run" 2 whole
    rank=$((rank + 1))
done

# ---- an environment that never answers, with a time limit of its own that is too long ----
looping=(env.name="$BUILD/tests/plugins/bad.so" env.count=2 env.timeout_s=100000 "env.arguments=loop at 500 once $work/been"
    model.known_reward=false eval.every_steps=0 eval.episodes=0)
touch been
"$REVERIE" train "$tiny" "${settings[@]}" "${looping[@]}" -n 2 --run-dir loop-whole >log 2>&1 || fail "train: $(cat log)"
hash_of loop-whole
for n in 1 3; do
    rm been
    run=loop-$n
    start "$run" "$n" "${looping[@]}"
    wait_for 60 [ -e been ] || fail "$run: it never loops"
    began=$SECONDS
    found "$run" "rank [0-2] \(.*actor.*\) on .* has got nowhere for .*: actor, env [01]: in the environment's step, tick"
    grep -q "rv_env_step_end" "$file" || fail "$run: $(cat "$file")"
    resume_to "$run" 2 loop-whole
done

# ---- not fooled: all ranks stopped, for longer than watchdog.seconds; and a rank that only gets on in jerks ----
run=paused
start $run 3
mapfile -t pids < <(ranks_of "$work/$run")
kill -STOP "${pids[@]}"
sleep $((seconds + 3))
kill -CONT "${pids[@]}"
wait $pid || fail "$run: exit code $?: $(cat $run.log)"
hash_of $run
diff whole.hash $run.hash || fail "$run differs"
# (a longer run, which is not over before)
"$REVERIE" train "$tiny" "${settings[@]}" schedule.total_steps=8000 -n 2 --run-dir long >log 2>&1 ||
    fail "train: $(cat log)"
hash_of long
run=slow
start $run 3 schedule.total_steps=8000
slow=$(process_of $run 1)
got_on() { has_rows $run "$rows" || ! kill -0 $pid 2>/dev/null; }
for i in {1..6}; do
    kill -STOP "$slow" || break
    sleep $((seconds - 1))
    rows=$(wc -l <$run/progress.csv)
    kill -CONT "$slow" || break
    wait_for 60 got_on || fail "$run does not get on: $(cat $run.log)"
done
[ "$i" -gt 2 ] || fail "$run was over too early"
kill -CONT "$slow" 2>/dev/null
wait $pid || fail "$run: exit code $?: $(cat $run.log)"
hash_of $run
diff long.hash $run.hash || fail "$run differs"
echo "not fooled by a job that was stopped as a whole, nor by one that gets on in jerks"

# ---- a host is cut off ----
if [ "$(id -u)" != 0 ] || ! command -v ip >/dev/null || ! ip netns list >/dev/null 2>&1; then
    echo "no second host here"
    finish
    exit
fi
export RV_HOSTS=wd$(($$ % 10000)) # a set of hosts of this test alone
hosts=$SOURCE/tests/mpi/hosts.sh
bash "$hosts" up || fail "hosts"
trap 'bash "$hosts" down; cleanup' EXIT
state=${TMPDIR:-/tmp}/reverie-hosts-$RV_HOSTS
net=$(cat "$state/subnet").0/24
printf '%s slots=2\n' "$RV_HOSTS-1" "$RV_HOSTS-2" >slots

# reverie's own mpirun, over these hosts: as in a job of a cluster it is not told to stay on this machine
# shellcheck disable=SC2016 # the inner shell expands
over_hosts() {
    OMPI_MCA_plm=rsh OMPI_MCA_plm_rsh_agent=$state/enter OMPI_MCA_ras=^slurm OMPI_MCA_orte_default_hostfile=$work/slots \
        OMPI_MCA_oob_tcp_if_include=$net OMPI_MCA_btl_tcp_if_include=$net OMPI_MCA_btl=self,vader,tcp OMPI_MCA_pml=ob1 \
        SLURM_JOB_ID=1 ip netns exec "$RV_HOSTS-0" unshare --uts bash -c 'hostname "$0"; exec "$@"' "$RV_HOSTS-0" "$@"
}

for cut in 1 2; do
    run=cut-$cut
    over_hosts "$REVERIE" train "$tiny" "${settings[@]}" schedule.total_steps=8000 -n 4 --run-dir "$work/$run" \
        >"$run.log" 2>&1 &
    pid=$!
    wait_for 60 has_rows "$run" 24 || fail "$run does not get going: $(cat "$run.log")"
    ip -n "$RV_HOSTS-0" link set "host$cut" down
    began=$SECONDS
    noticed "$run"
    grep -qE "rank [0-3] \(.*\) on $RV_HOSTS-$cut has not been heard for .*: host $RV_HOSTS-$cut is cut off" "$run.log" ||
        fail "$run: $(cat "$run.log")"
    code=0
    wait $pid || code=$?
    echo "$run: over after $((SECONDS - began)) s: $(grep -o 'error: .*' "$run.log")"
    [ $code = 75 ] || fail "$run: exit code $code: $(cat "$run.log")"
    wait_for 20 is_gone "$work/$run" || fail "$run: left $(pgrep -af "$work/$run")"
    ip -n "$RV_HOSTS-0" link set "host$cut" up
    resume_to "$run" 2 long
done
finish
