#!/bin/bash
# What a member may be - deterministic, of next states, with normalised targets, with a learned end, without a bootstrap -
# each alone and all at once: the same bits on 1 and on 2 ranks, and when a run stops in the middle and goes on. The gate
# and the learned end stop branches, and the elites are the members of least held-out error.
# shellcheck source=tests/cli/lib.sh
. "$SOURCE/tests/cli/lib.sh"

begin() { # RUN RANKS KEY=VALUE...: in the background, as $!
    local run=$1 ranks=$2
    shift 2
    "$REVERIE" train "$tiny" env.name=CartPole-v1 rollout.max_disagreement=1 rollout.length_start=5 \
        rollout.length_end=20 "$@" -n "$ranks" --run-dir "$work/$run" >"$run.log" 2>&1 &
}

ended() { # RUN PID
    wait "$2" || fail "$options: $1: $(cat "$1.log")"
}

same() { # RUN REFERENCE
    "$REVERIE" hash "$1" >"$1.hash" || fail "$options: hash of $1"
    diff "$2.hash" "$1.hash" || fail "$options: $1 differs from $2"
}

check_metrics() { # RUN WHAT_MUST_BE_THERE...
    python3 - "$@" <<'PY' || fail "$options: metrics of $1"
import json, sys
fits, seen = {}, {}
for line in open(sys.argv[1] + "/metrics.jsonl"):
    record = json.loads(line)
    for name, value in record.items():
        if name.startswith("imagine/"):
            seen[name] = max(seen.get(name, 0), value)
    if "model/is_elite" in record:
        fits.setdefault(record["step"], []).append((record["model/holdout_loss"], 1 - record["model/is_elite"]))
assert len(fits) >= 4, fits
for members in fits.values():
    assert len(members) == 7 and sum(not other for _, other in members) == 5, members
    assert max(loss for loss, other in members if not other) <= min(loss for loss, other in members if other), members
for name in sys.argv[2:]:
    assert seen.get(name, 0) > 0, (name, seen)
PY
}

all="model.kind=deterministic model.target=next_state model.normalise_targets=true model.learned_termination=true"
cases=(model.kind=deterministic model.target=next_state model.normalise_targets=true model.learned_termination=true
    model.bootstrap=false "$all model.bootstrap=false"
    "${all/deterministic/probabilistic} schedule.mode=lockstep")
hashes=()
for options in "${cases[@]}"; do
    rm -rf one two part
    read -ra settings <<<"$options"
    begin one 1 "${settings[@]}"
    one=$!
    begin two 2 "${settings[@]}"
    two=$!
    begin part 2 "${settings[@]}" schedule.total_steps=450
    ended part $!
    "$REVERIE" train --resume part schedule.total_steps=800 -n 1 >part.log 2>&1 ||
        fail "$options: resume: $(cat part.log)"
    ended one $one
    ended two $two
    "$REVERIE" hash one >one.hash || fail "$options: hash"
    same two one
    same part one
    check_metrics one imagine/terminated_share imagine/stopped_share
    hashes+=("$(tail -n 1 one.hash)")
    echo "same: $options ($(tail -n 1 one.hash))"
done
[ "$(printf '%s\n' "${hashes[@]}" | sort -u | wc -l)" = ${#cases[@]} ] || bad "two settings give the same bits"
finish
