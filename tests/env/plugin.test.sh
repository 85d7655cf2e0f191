#!/bin/bash
# plugin.test.sh - a user's own environment as a C plug-in, as a user meets it: compiled against the installed header,
# trained to the same bits on any number of ranks and through a resume; a plug-in that misbehaves in a training costs
# the episode, and too often the run. Nothing of it is left: no process, no shared memory.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
: "${BUILD:?}"
plugins=$BUILD/tests/plugins

# ---- the worked example ----

cmake --install "$BUILD" --prefix "$work/usr" >install.log 2>&1 || fail "install: $(cat install.log)"
reverie=$work/usr/bin/reverie
own=$SOURCE/configs/own/plugin
compile() { # COMPILER OPTIONS...
    "$@" -Wall -Wextra -Werror -I"$work/usr/include"
}
compile cc -shared -fPIC -O2 -o ball_beam.so "$own/ball_beam.c" -lm || fail "the example does not compile"
echo '#include <reverie_env.h>' >header.c
compile cc -std=c89 -pedantic -c -o header.o header.c || fail "the header is no C89"
cp header.c header.cc
compile c++ -std=c++98 -Wno-long-long -c -o header.o header.cc || fail "the header is no C++"
# a name without a folder is a file of this folder
settings=(env.name=ball_beam.so schedule.total_steps=2000 schedule.updates_per_step=2 model.max_epochs=20
    rollout.branches=2000 env.count=2 rollout.block=200)
for n in 1 2; do
    "$reverie" train "$own/ball_beam.yaml" "${settings[@]}" -n $n --run-dir "$work/whole-$n" >log 2>&1 ||
        fail "train on $n: $(cat log)"
    grep -q "done: 2000 real steps" log || fail "train on $n: $(cat log)"
    "$reverie" hash "whole-$n" >"whole-$n.hash" || fail "hash"
done
diff whole-1.hash whole-2.hash || fail "1 rank and 2 differ"

# stopped in the middle of an episode, gone on with on another number of ranks
"$reverie" train "$own/ball_beam.yaml" "${settings[@]}" -n 2 --run-dir "$work/stopped" >log 2>&1 &
pid=$!
wait_for 60 has_rows stopped 12 || fail "stopped: does not get going: $(cat log)"
[ -n "$(pgrep -f "env-child 3 ball_beam.so")" ] || fail "stopped: no process of the plug-in"
kill -USR1 $pid
wait $pid
code=$?
[ $code = 75 ] || fail "stopped: exit code $code: $(cat log)"
has_rows stopped 40 && fail "stopped: was over before it was stopped"
wait_for 5 is_gone "env-child 3 ball_beam.so" || fail "stopped: left $(pgrep -af env-child)"
"$reverie" train --resume stopped -n 1 >log 2>&1 || fail "resume: $(cat log)"
"$reverie" hash stopped >stopped.hash || fail "hash"
diff whole-1.hash stopped.hash || fail "stopped and gone on with is not the same"
"$reverie" eval whole-1 --episodes 3 >log 2>&1 || fail "eval: $(cat log)"

# a rank that is killed takes the process with it; so does everything at once
"$reverie" train "$own/ball_beam.yaml" "${settings[@]}" -n 2 --run-dir "$work/killed" >log 2>&1 &
pid=$!
wait_for 60 has_rows killed 12 || fail "killed: does not get going: $(cat log)"
pgrep -f "^$reverie train $work/killed\$" | xargs kill -9
wait $pid
wait_for 5 is_gone "env-child 3 ball_beam.so" || fail "killed: left $(pgrep -af env-child)"

# ---- misbehaviour in a training ----

# point NAME RANKS ARGUMENTS SETTING...: train a plug-in that does what its arguments say; code and $NAME.log
point() {
    local name=$1 n=$2 arguments=$3
    shift 3
    "$REVERIE" train "$tiny" env.name="$plugins/bad.so" env.arguments="$arguments" schedule.total_steps=400 \
        eval.every_steps=0 rollout.max_disagreement=0 "$@" -n "$n" --run-dir "$work/$name" >"$name.log" 2>&1
    code=$?
    wait_for 5 is_gone "env-child 3 $plugins/bad.so" || bad "$name: left $(pgrep -af env-child)"
    [ -z "$(shm_leaks)" ] || bad "$name: left $(shm_leaks)"
}

# once HOW TEXT SETTING...: it costs one episode, and the run is done
once() {
    local how=$1 text=$2
    shift 2
    point "$how" 2 "$how at 130 once $work/$how.mark" "$@"
    [ "$code" = 0 ] || bad "$how: exit code $code: $(cat "$how.log")"
    [ "$(grep -c "the episode is cut there, failure 1 of at most 10" "$how.log")" = 1 ] ||
        bad "$how: expected one failure: $(cat "$how.log")"
    grep -qE "^\[rank [01] .*\] warning: env [01], episode [0-9]+: $plugins/bad.so: $text" "$how.log" ||
        bad "$how: expected '$text': $(cat "$how.log")"
    [ "$(grep -c '"episode/failed":1' "$how/metrics.jsonl")" = 1 ] || bad "$how: no episode that failed is recorded"
}
once segv "the plug-in was ended by signal 11 \(Segmentation fault\) in step"
once loop "the plug-in gave no answer in step for 0.5 s" env.timeout_s=0.5
once nan "observation\[1\] is nan at step"
once few "the plug-in's step returned 1, expected 2"
once many "the plug-in's step returned 3, expected 2"
once beyond "the plug-in's step wrote beyond the end of its buffer"
once exit "the plug-in ended its process with exit code 3 in step"
grep -q '^RV_SANITIZE:STRING=.' "$BUILD/CMakeCache.txt" || # which has an allocator of its own
    once leak "the plug-in was ended by signal .* of the 64 MB that env.memory_mb allows" env.memory_mb=64

# an evaluation loses an episode in the same way; no other process comes to its 300th step
point evaluation 2 "segv at 300 once $work/evaluation.mark" eval.every_steps=200 eval.episodes=20
[ "$code" = 0 ] || bad "evaluation: exit code $code: $(cat evaluation.log)"
grep -qE "warning: evaluation, episode [0-9]+: .* signal 11 .* failure 1 of at most 10" evaluation.log ||
    bad "evaluation: $(cat evaluation.log)"

# a state that cannot be put back costs its episode too
point lost 2 "load" schedule.total_steps=450 # within an episode
"$REVERIE" train --resume lost schedule.total_steps=600 -n 1 >lost.log 2>&1 || bad "lost: $(cat lost.log)"
for unit in 0 1; do
    grep -q "env $unit: .*signal 11 (Segmentation fault) in load.*; a new episode begins" lost.log ||
        bad "lost: $(cat lost.log)"
done

# too often: the run gives up, with the message
point often 2 "segv at 25" env.failures=3
[ "$code" = 69 ] || bad "often: exit code $code: $(cat often.log)"
[ "$(grep -c "the episode is cut there" often.log)" -ge 3 ] || bad "often: $(cat often.log)"
grep -qE "error: .*signal 11 .*that was failure 4, and env.failures allows 3: the run gives up" often.log ||
    bad "often: $(cat often.log)"
point never 1 "reset" env.failures=0
[ "$code" = 69 ] || bad "never: exit code $code: $(cat never.log)"
grep -q "signal 11 (Segmentation fault) in reset.*that was failure 1, and env.failures allows 0" never.log ||
    bad "never: $(cat never.log)"

# ---- what is wrong before a run begins ----

# refused CODE TEXT SETTING...
refused() {
    local expected=$1 text=$2
    shift 2
    "$REVERIE" train "$tiny" "$@" -n 2 --run-dir "$work/refused" >refused.log 2>&1
    code=$?
    [ $code = "$expected" ] || bad "$*: exit code $code, expected $expected: $(cat refused.log)"
    grep -qF -- "$text" refused.log || bad "$*: expected '$text': $(cat refused.log)"
    [ ! -e refused ] || bad "$*: left a folder"
}
refused 66 "env.name: there is no file 'none.so', seen from the folder that reverie was started in" env.name=none.so
# a user whose own limit (ulimit -d) is below env.memory_mb
(ulimit -d 1000000 && "$reverie" envs ball_beam.so env.memory_mb=4000) >log 2>&1 || fail "ulimit: $(cat log)"
refused 78 "has no function reverie_env" env.name="$plugins/no_symbol.so"
refused 78 "speaks version 7 of reverie_env.h" env.name="$plugins/tables.so" env.arguments=version
refused 69 "was ended by signal 6 (Aborted) in reverie_env" env.name="$plugins/tables.so" env.arguments=crash
code=0
"$REVERIE" env-child 3 >child.log 2>&1 || code=$?
[ $code = 64 ] || bad "env-child by hand: exit code $code: $(cat child.log)"
"$REVERIE" --help | grep -q env-child && bad "env-child is listed"
pgrep -af "env-child 3 ($work|$plugins|ball_beam)" && bad "processes are left"
[ -z "$(shm_leaks)" ] || bad "left $(shm_leaks)"
finish
