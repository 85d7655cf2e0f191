#!/bin/bash
# A MuJoCo task of one's own from end to end: the example learns; any number of ranks and a stop in the middle of an
# episode give the same bits; what is wrong with a description is said with its place; a simulation that goes out of
# range costs an episode and no more.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
export OPENBLAS_NUM_THREADS=1
cp -r "$SOURCE/configs/own" . || fail "there is no example"
mkdir configs && mv own configs/own # it is named as seen from the source's folder
example=configs/own/mjcf/train.yaml
short=(schedule.total_steps=2000 schedule.updates_per_step=1 rollout.branches=1000 env.count=5)

train() { # RUN ARGS...
    local run=$1
    shift
    "$REVERIE" train "$@" --run-dir "$run" >"$run.log" 2>&1 || fail "$run: $(cat "$run.log")"
}

hash_of() { # RUN
    "$REVERIE" hash "$1" >"$1.hash" || fail "hash of $1"
}

same() { # RUN REFERENCE
    hash_of "$1"
    hash_of "$2"
    diff "$2.hash" "$1.hash" || fail "$1 differs from $2"
    echo "same: $1 = $2"
}

# the example, as it is, for 2000 steps: a random policy returns about 11
train learned $example schedule.total_steps=2000 -n 2
python3 - <<'PY' || bad "the example has not learned"
import csv
returns = [float(r["eval/mean_reward"]) for r in csv.DictReader(open("learned/progress.csv")) if r["eval/mean_reward"]]
print("returns of the example:", *(f"{r:.0f}" for r in returns))
assert returns[-1] > 60, returns
PY
grep -q warn learned.log && bad "warnings: $(cat learned.log)"

# ranks; and a stop while episodes are under way
train one $example "${short[@]}" -n 1
train two $example "${short[@]}" -n 2
same two one
train cut $example "${short[@]}" schedule.total_steps=1000 -n 2
python3 - <<'PY' || fail "no episode is under way at step 1000: the test tests nothing"
import json
rows = map(json.loads, open("cut/metrics.jsonl"))
assert sum(r["episode/length"] for r in rows if r["role"] == "episode") < 1000
PY
"$REVERIE" train --resume cut schedule.total_steps=2000 -n 1 >cut.again.log 2>&1 || fail "resume: $(cat cut.again.log)"
same cut one
# but not with another reward
sed -i 's/alive: 0.5/alive: 0.25/' configs/own/mjcf/beam.yaml
got=0
"$REVERIE" train --resume cut schedule.total_steps=2500 -n 1 >cut.other.log 2>&1 || got=$?
[ $got = 65 ] || bad "resume of another task: exit code $got: $(cat cut.other.log)"
grep -q 'this state is of another task' cut.other.log || bad "resume of another task: $(cat cut.other.log)"
sed -i 's/alive: 0.25/alive: 0.5/' configs/own/mjcf/beam.yaml

# a description with something wrong in it: exit code 78, and where it is
refused() { # NAME CODE TEXT SED...: the example's description after this change
    local name=$1 code=$2 text=$3 got=0
    shift 3
    sed "$@" configs/own/mjcf/beam.yaml >"configs/own/mjcf/$name.yaml"
    "$REVERIE" train $example "env.name=configs/own/mjcf/$name.yaml" -n 1 --run-dir "$name" >"$name.log" 2>&1 || got=$?
    [ "$got" = "$code" ] || bad "$name: exit code $got, expected $code: $(cat "$name.log")"
    grep -qF -- "configs/own/mjcf/$name.yaml:$text" "$name.log" || bad "$name: expected '$text': $(cat "$name.log")"
    [ "$(wc -l <"$name.log")" = 1 ] || bad "$name: more than a line: $(cat "$name.log")"
    [ ! -e "$name" ] || bad "$name: left a folder"
}
refused key 78 "17:5: no key 'joint_positions' in an entry of 'observation'; did you mean 'joint_position'?" \
    's/joint_position: all/joint_positions: all/'
refused joint 78 "18:28: no joint 'bell' in the model; did you mean 'ball'?" 's/\[tilt, ball\]/[tilt, bell]/'
refused number 78 "25:12: 'width': expected a number in [1e-09, 1000000000], got 'wide'" 's/width: 0.1/width: wide/'
refused model 78 "2:1: there is no file 'configs/own/mjcf/bean.xml'" 's/beam.xml$/bean.xml/'
refused indent 78 "5:2: not valid YAML" 's/^time_limit/ time_limit/'
got=0
"$REVERIE" train $example env.name=configs/none.yaml -n 1 >none.log 2>&1 || got=$?
[ $got = 66 ] || bad "no file: exit code $got: $(cat none.log)"

# a condition that is not observed is worth one warning, whatever the number of ranks
sed 's/^  - joint_position: all/  - joint_position: [tilt, mark]/' configs/own/mjcf/beam.yaml >configs/own/mjcf/blind.yaml
train blind $example "${short[@]}" schedule.total_steps=750 env.name=configs/own/mjcf/blind.yaml -n 2
[ "$(grep -c "blind.yaml:33: 'joint_position' .* imagined branches will not end there" blind.log)" = 1 ] ||
    bad "blind: $(cat blind.log)"

# unstable by its time step: twice as far with each, until the library would reset it by itself
cat >unstable.xml <<'XML'
<mujoco>
  <option timestep="0.1"/>
  <worldbody><body><joint name="j" type="slide" stiffness="450"/><geom size="0.1" mass="1"/></body></worldbody>
  <actuator><motor joint="j" ctrllimited="true" ctrlrange="-1 1"/></actuator>
</mujoco>
XML
cat >unstable.yaml <<'YAML'
model: unstable.xml
reset: {velocity: {j: 1}}
observation:
  - {joint_position: j, clip: 10}
  - {joint_velocity: j, clip: 10}
reward:
  - constant: 1
YAML
unstable=("$example" "${short[@]}" schedule.total_steps=1000 env.name=unstable.yaml)
train unstable "${unstable[@]}" env.failures=1000 -n 1
train unstable-2 "${unstable[@]}" env.failures=1000 -n 2
same unstable-2 unstable
n=$(grep -c 'unstable.yaml: the simulation went out of range: .*; the episode is cut there, failure' unstable.log)
[ "$n" -gt 20 ] || bad "unstable: $n failed episodes: $(cat unstable.log)"
got=0
"$REVERIE" train "${unstable[@]}" env.failures=2 -n 2 --run-dir gives-up >gives-up.log 2>&1 || got=$?
[ $got = 69 ] || bad "gives up: exit code $got"
grep -q 'failure 3, and env.failures allows 2: the run gives up' gives-up.log || bad "gives up: $(cat gives-up.log)"
[ ! -e MUJOCO_LOG.TXT ] || bad "the library wrote MUJOCO_LOG.TXT"
[ -z "$(shm_leaks)" ] || bad "left $(shm_leaks)"
finish
