#!/bin/bash
# Kill -9 of every kind of process of a run, alone and together, at random times: the run ends by itself, or by hand when
# its supervisor was killed, with the bits of a run that nobody disturbed, and leaves no process and no file. Then what
# else ends a run: a budget of restarts, a stop file, limits on steps and time, somebody else's lease.
# shellcheck source=tests/fault/lib.sh
. "$SOURCE/tests/fault/lib.sh"
: "${BUILD:?}"

# a rank for each role
roles=(layout.actor_ranks=1 layout.model_ranks=1 layout.rollout_ranks=1 layout.policy_ranks=1
    layout.evaluator_ranks=1)
settings=("$tiny" schedule.total_steps=4000 rollout.max_disagreement=0 schedule.updates_per_step=4
    checkpoint.every_ticks=6 supervisor.backoff_s=0.1)
# 50 ms a tick or more, on any machine
slow=("${settings[@]}" "env.name=$BUILD/tests/plugins/slow.so" env.arguments=1 env.count=1 schedule.updates_per_step=1
    schedule.total_steps=3000)

"$REVERIE" train "${settings[@]}" -n 2 --run-dir whole >whole.log 2>&1 || fail "train: $(cat whole.log)"
same whole whole

# killed NAME N WHAT...: start a run, kill these when it is on its way, within two checkpoints; $code is what the
# supervisor said
killed() {
    local run=$1 n=$2
    shift 2
    supervise "$run" "$n" "${settings[@]}" "${more[@]}"
    wait_for 60 has_rows "$run" $((8 + RANDOM % 12)) || fail "$run does not get going: $(cat "$run.log")"
    kill_them "$@" || fail "$run was over before anybody was killed"
    wait "$pid" 2>/dev/null
    code=$?
}

echo "-- made good by the supervisor"
more=("${roles[@]}")
for what in rank0 rank1 rank2 rank3 rank4 mpirun "mpirun rank2" "ranks" "janitor mpirun"; do
    run=${what// /-}
    # shellcheck disable=SC2086 # several words
    killed "$run" 5 $what
    [ $code = 0 ] || fail "$run: exit code $code: $(cat "$run.log")"
    [ "$(starts_of "$run")" = 2 ] || fail "$run: $(starts_of "$run") starts"
    grep -qE "(a rank|mpirun) was ended by signal 9 \(Killed\) at [0-9:]{8}; starting again from step [0-9]+ now \(restart 1 of 5\)" \
        "$run.log" || fail "$run: $(cat "$run.log")"
    nothing_left "$run"
    same "$run" whole
    echo "same: $run"
done
more=()
killed alone 1 ranks
[ $code = 0 ] || fail "alone: exit code $code: $(cat alone.log)"
[ "$(starts_of alone)" = 2 ] || fail "alone: $(starts_of alone) starts"
nothing_left alone
same alone whole

echo "-- made good by hand"
for what in supervisor "supervisor mpirun" "supervisor janitor" "supervisor janitor mpirun" \
    "supervisor janitor mpirun ranks"; do
    run=${what// /-}
    # shellcheck disable=SC2086 # several words
    killed "$run" 3 $what
    [ $code = 137 ] || fail "$run: exit code $code: $(cat "$run.log")"
    wait_for 10 is_gone "$work/$run" || fail "$run: left $(pgrep -af "$work/$run")"
    # without a janitor it is the next start that clears away
    [[ $what = *janitor* ]] || nothing_left "$run"
    supervise_again "$run" 2
    wait $pid || fail "$run: exit code $?: $(cat "$run.log")"
    nothing_left "$run"
    same "$run" whole
    echo "same: $run"
done

echo "-- a janitor that is killed is replaced"
supervise replaced 2 "${settings[@]}" schedule.total_steps=100000
wait_for 60 has_rows replaced 8 || fail "replaced: $(cat replaced.log)"
first=$(pids_of janitor)
kill_them janitor
new_janitor() { [ -n "$(pids_of janitor)" ] && [ "$(pids_of janitor)" != "$first" ]; }
wait_for 20 new_janitor || fail "replaced: no new janitor"
kill_them supervisor
wait $pid 2>/dev/null
nothing_left replaced

echo "-- what a restart does not cure, and a budget that is used up"
supervise budget 3 "${settings[@]}" checkpoint.every_ticks=0 supervisor.restarts=2 schedule.total_steps=100000
for i in 1 2 3; do
    has_started() { [ -e budget/run.json ] && [ "$(starts_of budget)" = "$i" ] && [ -e budget/feed.json ]; }
    wait_for 30 has_started || fail "budget: start $i: $(cat budget.log)"
    kill_them rank1 || fail "budget: nobody there"
done
wait $pid
[ $? = 71 ] || fail "budget: $(cat budget.log)"
grep -qF "a rank was ended by signal 9 (Killed) once more after 2 restarts (supervisor.restarts) without a new checkpoint; go on with: reverie train --resume $work/budget" \
    budget.log || fail "budget: $(cat budget.log)"
nothing_left budget
# progress fills it again: as many kills as above, each after a new checkpoint
"$REVERIE" train "${slow[@]}" -n 1 --run-dir slow >slow.log 2>&1 || fail "train: $(cat slow.log)"
supervise refilled 3 "${slow[@]}" checkpoint.every_ticks=2 supervisor.restarts=1
newest() { find refilled/checkpoints -name 'tick_*' 2>/dev/null | sort | tail -n 1; }
for i in 1 2 3; do
    before=$(newest)
    goes_on() { [ "$(newest)" != "$before" ] && [ "$(starts_of refilled)" = "$i" ]; }
    wait_for 30 goes_on || fail "refilled: start $i: $(cat refilled.log)"
    kill_them rank1 || fail "refilled: nobody there"
done
wait $pid || fail "refilled: $(cat refilled.log)"
[ "$(starts_of refilled)" = 4 ] || fail "refilled: $(starts_of refilled) starts"
same refilled slow
code=0
"$REVERIE" train "${settings[@]}" -n 2 feed.publish=tcp://192.0.2.1:1 --run-dir refused >refused.log 2>&1 || code=$?
[ $code = 71 ] || fail "refused: exit code $code: $(cat refused.log)"
! grep -q "starting again" refused.log || fail "refused: $(cat refused.log)"

echo "-- a stop file"
supervise file 3 "${settings[@]}"
wait_for 60 has_rows file 8 || fail "file: $(cat file.log)"
touch file/stop
wait $pid
[ $? = 75 ] || fail "file: $(cat file.log)"
[ ! -e file/stop ] || fail "file: it is still there"
grep -q "stopped at step [0-9]* as its file 'stop' asked; go on with: reverie train --resume" file.log ||
    fail "file: $(cat file.log)"
nothing_left file
mpirun -n 2 --oversubscribe --mca plm isolated "$REVERIE" train --resume "$work/file" >file.log 2>&1 &
pid=$!
again() { [ -e file/feed.json ]; }
wait_for 30 again || fail "file: $(cat file.log)"
touch file/stop
wait $pid
[ $? = 75 ] || fail "file under mpirun: $(cat file.log)"
[ ! -e file/stop ] || fail "file under mpirun: it is still there"
supervise_again file 2
wait $pid || fail "file: $(cat file.log)"
nothing_left file
same file whole

echo "-- limits of a call"
supervise steps 3 "${settings[@]}" supervisor.stop_after_steps=1000
wait $pid
codes=$?
for _ in 1 2 3; do
    supervise_again steps 2
    wait $pid
    codes+=" $?"
done
[ "$codes" = "75 75 75 75" ] || fail "steps: exit codes $codes: $(cat steps.log)"
grep -q "stopped at step 2000 as supervisor.stop_after_steps says" steps.log || fail "steps: $(cat steps.log)"
supervise_again steps 2
wait $pid || fail "steps: exit code $?: $(cat steps.log)"
same steps whole
# a lost rank does not lengthen it
supervise lost-steps 3 "${slow[@]}" supervisor.stop_after_steps=1500
wait_for 60 has_rows lost-steps 8 || fail "lost-steps: $(cat lost-steps.log)"
kill_them rank1 || fail "lost-steps: nobody there"
wait $pid
[ $? = 75 ] || fail "lost-steps: $(cat lost-steps.log)"
grep -q "stopped at step 1500 as" lost-steps.log || fail "lost-steps: $(cat lost-steps.log)"
[ "$(starts_of lost-steps)" = 2 ] || fail "lost-steps: $(starts_of lost-steps) starts"
supervise time 2 "${settings[@]}" schedule.total_steps=1000000 supervisor.stop_after_s=1.5
began=$SECONDS
wait $pid
[ $? = 75 ] || fail "time: $(cat time.log)"
[ $((SECONDS - began)) -lt 20 ] || fail "time: $((SECONDS - began)) s"
grep -q "as supervisor.stop_after_s says" time.log || fail "time: $(cat time.log)"

echo "-- asked to stop while it waits to start again"
supervise waiting 3 "${settings[@]}" checkpoint.every_ticks=0 schedule.total_steps=100000 supervisor.backoff_s=100
for i in 1 2; do
    is_on() { [ -e waiting/run.json ] && [ "$(starts_of waiting)" = "$i" ] && [ -e waiting/feed.json ]; }
    wait_for 60 is_on || fail "waiting: start $i: $(cat waiting.log)"
    kill_them rank1
done
wait_for 20 grep -q "starting again from step [0-9]* in 60 s" waiting.log || fail "waiting: $(cat waiting.log)"
kill -TERM $pid
wait $pid
[ $? = 75 ] || fail "waiting: $(cat waiting.log)"
nothing_left waiting

echo "-- the lease"
# on a file system without locks: the lock of another file is no lock
supervise lease 2 "${settings[@]}" schedule.total_steps=1000000 supervisor.lease_s=1
wait_for 60 has_rows lease 8 || fail "lease: $(cat lease.log)"
cp lease/metrics.jsonl lease/copy && mv lease/copy lease/metrics.jsonl
code=0
"$REVERIE" train --resume lease -n 1 >second.log 2>&1 || code=$?
[ $code = 73 ] || fail "a second copy: exit code $code: $(cat second.log)"
grep -q "is being trained by process [0-9]* on $(hostname), which renews its lease" second.log || fail "$(cat second.log)"
# taken over from elsewhere
before=$(find lease/checkpoints -name 'tick_*' | sort | tail -n 1)
sed 's/"token": "[0-9a-f]*"/"token": "0123"/; s/"boot": "[^"]*"/"boot": "another"/' lease/lease >lease/new
mv lease/new lease/lease
wait $pid
[ $? = 73 ] || fail "lease: $(cat lease.log)"
grep -q "another process has taken this run over" lease.log || fail "lease: $(cat lease.log)"
! grep -q "starting again" lease.log || fail "lease: $(cat lease.log)"
nothing_left lease
grep -q '"token": "0123"' lease/lease || fail "lease: the other's is gone"
# which was never renewed: it is watched, then taken
supervise_again lease 2 supervisor.stop_after_steps=100
wait $pid
[ $? = 75 ] || fail "lease: $(cat lease.log)"
grep -q "which has not given its lease back: watching it for 4 s" lease.log || fail "lease: $(cat lease.log)"
[ ! -e lease/lease ] || fail "lease: it was not given back"
nothing_left lease
finish
