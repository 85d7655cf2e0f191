#!/bin/bash
# Hopper with every quantity randomised: the same bits on 1 and 3 ranks, and after a stop within an episode; each episode
# says what it drew; a run without it learns something else; what cannot be is refused by name.
# shellcheck source=tests/cli/lib.sh
. "$SOURCE/tests/cli/lib.sh"

random=(env.name=Hopper-v4 "randomise.mass=uniform(0.5, 1.5)" "randomise.friction=log_uniform(0.5, 2)"
    "randomise.damping=normal(1, 0.2)" "randomise.gear=uniform(0.8, 1.2)" "randomise.delay=uniform(0, 0.03)"
    "randomise.obs_noise=uniform(0, 0.02)")

train() { # RUN N ARGS...
    local run=$1 n=$2
    shift 2
    "$REVERIE" train "$tiny" -n "$n" --run-dir "$work/$run" "$@" >"$run.log" 2>&1 || fail "$run: $(cat "$run.log")"
}

hash_of() { # RUN
    "$REVERIE" hash "$1" >"$1.hash" || fail "hash of $1"
}

same() { # RUN REFERENCE
    hash_of "$1"
    diff "$2.hash" "$1.hash" || fail "$1 differs from $2"
    echo "same: $1 = $2"
}

differs() { # RUN REFERENCE [LINES]: the lines of all hashes that match, in both
    hash_of "$1"
    ! diff -q <(grep "${3:-all}" "$1.hash") <(grep "${3:-all}" "$2.hash") >/dev/null || fail "$1 equals $2"
}

train one 1 "${random[@]}"
hash_of one
train three 3 "${random[@]}"
same three one

train stopped 3 "${random[@]}" schedule.total_steps=400
python3 - stopped/checkpoints/*/env_0* <<'PY' || fail "the run did not stop within an episode"
import json, struct, sys
data = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", data[:8])[0]
length = json.loads(data[8:8 + n])["episode_length"]["data_offsets"][0]
sys.exit(struct.unpack_from("<q", data, 8 + n + length)[0] < 3)
PY
"$REVERIE" train --resume stopped -n 1 schedule.total_steps=800 >again.log 2>&1 || fail "resume: $(cat again.log)"
same stopped one

# draws are there, in their ranges, and others in each episode; the whole run has but one set of quantities
python3 - one <<'PY' || fail "the draws of the episodes are wrong"
import json, sys
episodes = [r for r in map(json.loads, open(sys.argv[1] + "/metrics.jsonl")) if r["role"] == "episode"]
assert len(episodes) > 10, len(episodes)
ranges = {"mass": (0.5, 1.5), "friction": (0.5, 2), "damping": (0.001, 1000), "gear": (0.8, 1.2), "delay_s": (0, 0.03),
          "obs_noise": (0, 0.02)}
for name, (low, high) in ranges.items():
    values = [e["random/" + name] for e in episodes]
    assert all(low <= v <= high for v in values), (name, values)
    if name != "delay_s":
        assert len(set(values)) == len(values), (name, values)
steps = [e["random/delay_s"] / 0.002 for e in episodes]
assert all(abs(s - round(s)) < 1e-9 for s in steps) and len(set(steps)) > 3, steps
others = [r for r in map(json.loads, open(sys.argv[1] + "/metrics.jsonl")) if r["role"] != "episode"]
assert not any(k.startswith("random/") for r in others for k in r), "draws of others than episodes"
PY

# without it, and with one quantity: other bits, and only its draw
train plain 1 env.name=Hopper-v4
differs plain one
! grep -q random/ plain/metrics.jsonl || fail "draws of a run that draws nothing"
train mass 1 env.name=Hopper-v4 "randomise.mass=uniform(0.5, 1.5)"
differs mass plain learner
grep '"role":"episode"' mass/metrics.jsonl | grep -q random/mass || fail "no mass"
! grep -q random/gear mass/metrics.jsonl || fail "a gear that nobody asked for"

# evaluation has the task as it is, unless asked otherwise
train inside 1 "${random[@]}" randomise.in_evaluation=true
differs inside one
diff <(grep env_ inside.hash) <(grep env_ one.hash) || fail "evaluation changes training"

# noise needs no MuJoCo
train noise 1 "randomise.obs_noise=normal(0.1, 0.01)"

refused() { # TEXT ARGS...
    local text=$1
    shift
    "$REVERIE" train "$tiny" -n 1 --run-dir "$work/refused" "$@" >refused.log 2>&1
    [ $? = 78 ] || fail "$*: expected exit code 78: $(cat refused.log)"
    grep -qF -- "$text" refused.log || fail "$*: expected '$text': $(cat refused.log)"
    [ ! -e refused ] || fail "$*: left a run"
}
refused "randomise.mass: expected uniform(LOW, HIGH), log_uniform(LOW, HIGH) or normal(MEAN, STD), got 'unform(1,2)'" \
    env.name=Hopper-v4 "randomise.mass=unform(1,2)"
refused "randomise.gear: uniform(2, 1): LOW must be at most HIGH" env.name=Hopper-v4 "randomise.gear=uniform(2, 1)"
refused "randomise.delay: uniform(-1, 0) must lie in [0, 1]" env.name=Hopper-v4 "randomise.delay=uniform(-1, 0)"
refused "randomise.damping must be empty: Pendulum-v1 does not run on MuJoCo" "randomise.damping=normal(1, 0.1)"
refused "did you mean 'randomise.mass'?" "randomise.masss=normal(1, 0.1)"

"$REVERIE" layout "$SOURCE/configs/hopper_randomised.yaml" -n 2 >layout.log 2>&1 || fail "$(cat layout.log)"
finish
