#!/bin/bash
# Whatever imagined rows are trusted and taught by, a run is the same on 1, 2 and 5 ranks, in both schedules, and after
# a stop and a resume on another number of ranks, at which imagined rows are made again. Records say what members said
# and where branches stopped. Settings that come to the defaults change nothing.
set -u
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fail() {
    echo "FAILED: $*"
    exit 1
}

# longer branches than tiny.yaml's, so that there is something to stop and to sum up
base=(rollout.length_end=6 rollout.max_disagreement=0)

# train NAME N CODE ARGS...
train() {
    local name=$1 n=$2 code=$3 got=0
    shift 3
    "$REVERIE" train "$SOURCE/tests/mpi/tiny.yaml" -n "$n" --run-dir "$work/$name" "${base[@]}" "$@" >"$name.log" 2>&1 ||
        got=$?
    [ $got = "$code" ] || fail "train $name: exit code $got: $(cat "$name.log")"
    "$REVERIE" hash "$name" >"$name.hash" || fail "hash of $name"
}
# same NAME REFERENCE
same() {
    diff "$2.hash" "$1.hash" || fail "$1 differs from $2"
    echo "same: $1 = $2 ($(tail -1 "$1.hash"))"
}
# learned NAME: the hashes of what was learned
learned() {
    grep -E ' (env|member|shard)_[0-9]+$| learner$' "$1.hash"
}
# records NAME CONDITION: of rollouts, in Python, with r the records of the blocks
records() {
    python3 - "$1" "$2" <<'PY' || fail "$1: $2"
import json, sys
r = [json.loads(line) for line in open(sys.argv[1] + "/metrics.jsonl")]
r = [x for x in r if x["role"] == "rollout"]
stops = [k for k in r[0] if k.startswith("imagine/stops_")]
assert r and eval(sys.argv[2])
PY
}

gate=(rollout.max_disagreement=0.08 rollout.full_disagreement=0.01)
quantile=(rollout.disagreement=quantile rollout.max_disagreement=0.95 rollout.full_disagreement=0.3)
all=("${quantile[@]}" policy.confidence=0.03 policy.target=expansion policy.target_steps=3)

for mode in lockstep pipelined; do
    while read -r name settings; do
        # shellcheck disable=SC2086
        train $mode-"$name"-1 1 0 schedule.mode=$mode $settings
        for n in 2 5; do
            # shellcheck disable=SC2086
            train $mode-"$name"-$n $n 0 schedule.mode=$mode $settings
            same $mode-"$name"-$n $mode-"$name"-1
        done
        # shellcheck disable=SC2086
        train $mode-"$name"-stop 3 75 schedule.mode=$mode $settings supervisor.stop_after_steps=550
        "$REVERIE" train --resume $mode-"$name"-stop -n 2 supervisor.stop_after_steps=0 >again.log 2>&1 ||
            fail "resume $mode $name: $(cat again.log)"
        "$REVERIE" hash $mode-"$name"-stop >$mode-"$name"-stop.hash
        same $mode-"$name"-stop $mode-"$name"-1
    done <<SETTINGS
plain
gate ${gate[*]}
quantile ${quantile[*]}
confidence policy.confidence=0.03
expansion policy.target=expansion policy.target_steps=3
nothing policy.target=expansion policy.target_steps=0
return policy.target=return
all ${all[*]}
paced ${all[*]} schedule.retrain_policy_kl=0.02 schedule.retrain_gap=50 rollout.length=auto model.holdout_segment=12
SETTINGS
    # each changes what is learned
    for name in gate quantile confidence expansion nothing return all; do
        ! diff -q <(learned $mode-plain-1) <(learned $mode-$name-1) >/dev/null || fail "$mode $name: changes nothing"
    done
    # and is in the records
    records $mode-plain-1 'not stops and "imagine/disagreement" not in r[0] and "imagine/weight_mean" not in r[0]'
    for name in gate quantile all; do
        records $mode-$name-1 'len(stops) == 8 and all(sum(x[k] for x in r) > 0 for k in stops[:5])'
        records $mode-$name-1 'all(sum(x[k] for k in stops) == round(20 * x["imagine/stopped_share"]) for x in r)'
        records $mode-$name-1 'all(x["imagine/epistemic"] > 0 and x["imagine/aleatoric"] > 0 for x in r if x["imagine/rows"])'
    done
    records $mode-confidence-1 'not stops and all(0 < x["imagine/weight_mean"] < 1 for x in r)'
    records $mode-confidence-1 'all(x["imagine/disagreement"] > 0 for x in r)'

    # what comes to the defaults: thresholds that are the same, one step, a gate and a confidence that are no matter
    train $mode-one 2 0 schedule.mode=$mode policy.target=expansion policy.target_steps=1
    train $mode-wide 2 0 schedule.mode=$mode rollout.max_disagreement=1e6 rollout.full_disagreement=1e5
    train $mode-hard 2 0 schedule.mode=$mode rollout.max_disagreement=0.05
    train $mode-equal 2 0 schedule.mode=$mode rollout.max_disagreement=0.05 rollout.full_disagreement=0.05
    diff <(learned $mode-plain-1) <(learned $mode-one) || fail "$mode: an expansion of one step is no td"
    diff <(learned $mode-plain-1) <(learned $mode-wide) || fail "$mode: a gate that stops nothing changes something"
    same $mode-equal $mode-hard
done
echo "passed"
