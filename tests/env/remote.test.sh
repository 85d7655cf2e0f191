#!/bin/bash
# Environments behind reverie-gym: the worked example trains to the same bits on any number of ranks and over a stop; a
# server that dies, or an environment that fails, costs an episode each; strangers are refused, and garbage does nothing.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
gym=$SOURCE/launch/reverie-gym
example=$SOURCE/configs/own/gymnasium
served=$SOURCE/tests/env/served.py
/usr/bin/python3 -c 'import zmq, msgpack, numpy' || fail "Python lacks packages; run: launch/install-deps own"
# a run of a second
short=(env.name=remote env.timeout_s=10 schedule.total_steps=400 eval.every_steps=0 eval.episodes=1)

# serve ENV ARGS...: in the background, as $server at $address; on any port, or on $port
servers=()
serve() {
    : >server.log
    "$gym" "$@" --bind "tcp://127.0.0.1:${port:-0}" >>server.log 2>&1 &
    server=$!
    servers+=("$server")
    wait_for 20 grep -q ' at tcp://' server.log || fail "the server does not start: $(cat server.log)"
    address=$(sed -n 's/.* at \(tcp:[^,]*\).*/\1/p' server.log)
}
trap 'kill -9 "${servers[@]}" 2>/dev/null; cleanup' EXIT

# asked to end, it does so well
unserve() {
    kill -INT "$server"
    wait "$server" || fail "the server ended with $?: $(cat server.log)"
    grep -q ': ends' server.log || fail "the server did not say that it ends: $(cat server.log)"
}

train() { # RUN CONFIG ARGS...
    local run=$1 config=$2
    shift 2
    "$REVERIE" train "$config" env.address="$address" "$@" --run-dir "$work/$run" >"$run.log" 2>&1 ||
        fail "train $run: exit code $?: $(cat "$run.log" server.log)"
    "$REVERIE" hash "$run" >"$run.hash" || fail "hash of $run"
}

same() { # RUN REFERENCE
    diff "$2.hash" "$1.hash" || fail "$1 differs from $2"
    echo "same: $1 = $2 ($(tail -n 1 "$1.hash"))"
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

# cuts RUN NAME: how often an episode of NAME ("env 0", "evaluation") was cut
cuts() {
    grep -c "$2, episode.*the episode is cut" "$1.log"
}

### the worked example

# long enough that whoever waits for its first rows meets it on its way
spring=("$example/spring.yaml" env.count=2 eval.every_steps=3000 schedule.total_steps=6000)
serve "$example/spring.py:Spring"
train one "${spring[@]}" -n 1
train two "${spring[@]}" -n 2
same two one
[ "$(grep -c 'it said bye' server.log)" = "$(grep -c begins server.log)" ] || fail "sessions left open: $(cat server.log)"
return=$(sed -n 's/.*mean return \([-0-9.]*\) over.*/\1/p' one.log)
awk -v r="$return" 'BEGIN { exit !(r > 80) }' || fail "the example learned to $return, expected 80 and more"

# stopped and resumed, inside episodes, with a server that was started again
"$REVERIE" train "${spring[@]}" env.address="$address" -n 2 --run-dir "$work/stopped" >stopped.log 2>&1 &
run=$!
wait_for 60 has_rows stopped 6 || fail "no start: $(cat stopped.log)"
kill -USR1 $run
wait $run
[ $? = 75 ] || fail "expected to be stopped: $(cat stopped.log)"
unserve
serve "$example/spring.py:Spring"
"$REVERIE" train --resume stopped env.address="$address" -n 1 >stopped.log 2>&1 || fail "resume: $(cat stopped.log)"
"$REVERIE" hash stopped >stopped.hash
same stopped one
[ "$(cuts stopped 'env .')" = 0 ] || fail "a resume costs no episode: $(cat stopped.log)"

# another spring is another task; what it does not have is said
train stiff "${spring[@]}" schedule.total_steps=400 env.arguments=stiffness=2 -n 1
train loose "${spring[@]}" schedule.total_steps=400 -n 1
! diff -q stiff.hash loose.hash >/dev/null || fail "env.arguments change nothing"
refused 69 "unexpected keyword argument 'mass'" "$REVERIE" train "${spring[@]}" env.address="$address" \
    env.arguments=mass=2 -n 1 --run-dir "$work/mass"

# garbage beside a run
"$REVERIE" train "${spring[@]}" env.address="$address" -n 2 --run-dir "$work/sprayed" >sprayed.log 2>&1 &
run=$!
wait_for 60 has_rows sprayed 2 || fail "no start: $(cat sprayed.log)"
/usr/bin/python3 "$SOURCE/tests/env/garbage.py" "$address" || fail "the garbage did not get out"
wait $run || fail "garbage ended the run: $(cat sprayed.log server.log)"
"$REVERIE" hash sprayed >sprayed.hash
same sprayed one
grep -q "messages that are none of the protocol's were dropped" server.log || fail "no garbage? $(cat server.log)"
unserve

### the server dies

# killed and started again: an episode of each environment
port=${address##*:}
serve "$example/spring.py:Spring"
"$REVERIE" train "${spring[@]}" env.address="$address" env.timeout_s=20 -n 2 --run-dir "$work/killed" >killed.log 2>&1 &
run=$!
wait_for 60 has_rows killed 6 || fail "no start: $(cat killed.log)"
kill -9 "$server"
sleep 0.3
serve "$example/spring.py:Spring"
wait $run || fail "the run did not go on: $(cat killed.log)"
has_rows killed 60 || fail "the run is not whole"
for env in 'env 0' 'env 1'; do
    [ "$(cuts killed "$env")" = 1 ] || fail "$env: $(cuts killed "$env") episodes cut, expected 1: $(cat killed.log)"
done
grep -q "$address: the connection to the server was lost" killed.log || fail "no reason: $(cat killed.log)"
grep -c '"episode/failed":1' killed/metrics.jsonl | grep -qx 2 || fail "episodes marked as failed"

# never back
"$REVERIE" train "${spring[@]}" env.address="$address" env.timeout_s=0.3 env.failures=3 -n 2 --run-dir "$work/gone" \
    >gone.log 2>&1 &
run=$!
wait_for 60 has_rows gone 3 || fail "no start: $(cat gone.log)"
kill -9 "$server"
wait $run
[ $? = 69 ] || fail "expected to give up: $(cat gone.log)"
grep -q "no server there within 0.3 s.*that was failure 4, and env.failures allows 3: the run gives up" gone.log ||
    fail "no reason: $(cat gone.log)"
refused 69 "$address: no server there within 0.3 s" "$REVERIE" train "${spring[@]}" env.address="$address" \
    env.timeout_s=0.3 -n 2 --run-dir "$work/none"
port=

### the environment fails

faulty() { # HOW TEXT ARGS...
    local how=$1 text=$2
    shift 2
    serve "$served:Faulty" --kwargs "{\"how\": \"$how\", \"at\": [50, 250]}"
    train "$how" "$tiny" "${short[@]}" env.count=1 "$@" -n 1
    [ "$(cuts "$how" 'env 0')" = 2 ] || fail "$how: $(cuts "$how" 'env 0') episodes cut, expected 2: $(cat "$how.log")"
    grep -qF -- "$text" "$how.log" || fail "$how: expected '$text': $(cat "$how.log")"
    unserve
    echo "an environment that does '$how' costs two episodes"
}
faulty raise "the server says: ValueError: too?hot (served.py:"
faulty exit "the server says: SystemExit: enough"
faulty nan "remote: observation[1] is nan at step"
faulty size "an observation of 2 numbers, expected 3"
faulty sleep "the server did not answer within 2 s" env.timeout_s=2

### spaces, and Gymnasium's names

serve "$served:Walk"
train walk "$tiny" "${short[@]}" env.count=1 -n 1
train again "$tiny" "${short[@]}" env.count=1 -n 2
same again walk
unserve
refused 1 "the observation space is" "$gym" "$served:Spaces" --kwargs '{"what": "dict"}' --bind tcp://127.0.0.1:0
refused 1 "the action space is" "$gym" "$served:Spaces" --kwargs '{"what": "several"}' --bind tcp://127.0.0.1:0
refused 1 "expected finite ones" "$gym" "$served:Spaces" --kwargs '{"what": "infinite"}' --bind tcp://127.0.0.1:0
refused 1 "no callable 'Spring2'" "$gym" "$example/spring.py:Spring2" --bind tcp://127.0.0.1:0
refused 1 "there is no file" "$gym" nowhere.py:Spring --bind tcp://127.0.0.1:0
refused 1 "which class or function of the file? $example/spring.py:CLASS" "$gym" "$example/spring.py"
for address in tcp://127.0.0.1 tcp://127.0.0.1: tcp://127.0.0.1:71091 ipc:// 127.0.0.1:5555; do
    refused 2 "--bind: expected tcp://HOST:PORT" "$gym" "$example/spring.py:Spring" --bind "$address"
done
refused 2 "expected a JSON object" "$gym" "$example/spring.py:Spring" --kwargs '[1]'
/usr/bin/python3 -c 'import gymnasium' 2>/dev/null ||
    refused 1 "the module gymnasium is not installed" "$gym" CartPole-v1 --bind tcp://127.0.0.1:0
"$gym" --help | grep -q 'reverie-gym CartPole-v1' || fail "no examples in the help"

# a stand-in for Gymnasium: what make returns is wrapped, and the time limit is in its spec
mkdir fake
cat >fake/gymnasium.py <<PY
import sys
from types import SimpleNamespace
sys.path.insert(0, "$example")
from spring import Spring

def make(name, **kwargs):
    core = Spring(**kwargs)
    core.time_limit = 10**9
    return SimpleNamespace(unwrapped=core, reset=core.reset, step=core.step, close=lambda: None,
                           observation_space=core.observation_space, action_space=core.action_space,
                           spec=SimpleNamespace(id=name, max_episode_steps=25))
PY
PYTHONPATH=$work/fake serve Made-v0
grep -q "Made-v0 at tcp" server.log || fail "its name: $(cat server.log)"
train made "$tiny" "${short[@]}" env.count=1 -n 1
grep -o '"episode/length":[0-9]*' made/metrics.jsonl | sort | uniq -c | grep -q '16 "episode/length":25' ||
    fail "expected 16 episodes of 25 steps"
unserve

### keys

keys() { # FOLDER
    mkdir "$1"
    /usr/bin/python3 - "$1" <<'PY'
import sys
import zmq
for who in ("server", "client"):
    for kind, key in zip(("public", "secret"), zmq.curve_keypair()):
        open(f"{sys.argv[1]}/{who}.{kind}", "wb").write(key + b"\n")
PY
}
keys ours
keys others
cp ours/server.public others/ # they know the server
other=("$REVERIE" train "$tiny" "${short[@]}" env.timeout_s=0.5 -n 1 --run-dir "$work/stranger")
serve "$example/spring.py:Spring" --keys ours
train keyed "$tiny" "${short[@]}" env.keys=ours -n 2
refused 69 "the server refused our keys" "${other[@]}" env.address="$address" env.keys=others
grep -q "does not have the client's key" server.log || fail "the server does not say whom it refused: $(cat server.log)"
refused 69 "the server wants keys" "${other[@]}" env.address="$address"
keys third
refused 69 "or other keys" "${other[@]}" env.address="$address" env.keys=third
rm third/client.secret
refused 66 "third/client.secret" "${other[@]}" env.address="$address" env.keys=third
train still "$tiny" "${short[@]}" env.keys=ours -n 1
same still keyed
unserve
serve "$example/spring.py:Spring"
refused 69 "has no keys" "${other[@]}" env.address="$address" env.keys=ours
unserve
# off this machine: never without
began=$SECONDS
refused 78 "tcp://192.0.2.1:5555 is not on this machine" "${other[@]}" env.address=tcp://192.0.2.1:5555 env.timeout_s=60
for bind in 'tcp://*:0' tcp://0.0.0.0:0 tcp://127.0.0.1.example.org:0; do
    refused 78 "can be reached from other machines: give --keys" "$gym" "$example/spring.py:Spring" --bind "$bind"
done
[ $((SECONDS - began)) -lt 30 ] || fail "refused, but not at once"
refused 66 "third/server.secret" "$gym" "$example/spring.py:Spring" --bind 'tcp://*:0' --keys "$(rm third/server.secret && echo third)"
echo nothing >others/client.public
refused 65 "others/client.public holds no key" "$gym" "$example/spring.py:Spring" --bind 'tcp://*:0' --keys others

### one environment: a session at a time

serve "$example/spring.py:Spring" --one
# its evaluation is a second session
train alone "$tiny" "${short[@]}" env.count=1 env.timeout_s=1 -n 1
grep -q "evaluation, episode 0: .*another session has it" alone.log || fail "two sessions at once: $(cat alone.log)"
# a run that never evaluates needs but one
train acts "$tiny" "${short[@]}" env.count=1 eval.episodes=0 env.failures=0 -n 2
! grep -q failure acts.log || fail "one session was not enough: $(cat acts.log)"
refused 69 "env.arguments must be empty" "${other[@]}" env.address="$address" env.arguments=stiffness=2
# whoever is gone has it no longer
"$REVERIE" train "$tiny" "${short[@]}" env.count=1 env.address="$address" schedule.total_steps=100000 -n 1 \
    --run-dir "$work/dies" >dies.log 2>&1 &
run=$!
wait_for 60 has_rows dies 2 || fail "no start: $(cat dies.log)"
kill -9 $run
wait $run 2>/dev/null
wait_for 20 grep -q 'its connection is gone' server.log || fail "the session of a dead run lives: $(cat server.log)"
train next "$tiny" "${short[@]}" env.count=1 env.timeout_s=1 -n 1
[ "$(cuts next 'env 0')" = 0 ] || fail "the next run: $(cat next.log)"
unserve
finish
