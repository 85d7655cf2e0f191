#!/bin/bash
# A run that decides from what it measures is the same on 1, 2, 3 and 5 ranks, in both schedules, and after a stop and a
# resume on another number of ranks, with the fits of all reasons among those whose imagined rows are made again. Each
# reason alone brings fits and is named in the records. Without such settings nothing is measured.
set -u
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fail() {
    echo "FAILED: $*"
    exit 1
}

# fits at most every 100 steps, two of them kept
base=(schedule.retrain_every=400 schedule.retrain_gap=100 schedule.epoch_steps=400 rollout.max_disagreement=0)
all=("${base[@]}" schedule.retrain_loss_rise=0.9 schedule.retrain_policy_kl=0.02 schedule.retrain_disagreement=1.02
    policy.share=holdout policy.real_share=0.9 policy.real_share_end=0.1
    rollout.length=auto rollout.length_end=4 rollout.card=5 model.holdout_segment=10)

# train NAME N CODE ARGS...
train() {
    local name=$1 n=$2 code=$3 got=0
    shift 3
    "$REVERIE" train "$SOURCE/tests/mpi/tiny.yaml" -n "$n" --run-dir "$work/$name" "$@" >"$name.log" 2>&1 || got=$?
    [ $got = "$code" ] || fail "train $name: exit code $got: $(cat "$name.log")"
}
# same NAME REFERENCE
same() {
    "$REVERIE" hash "$1" >"$1.hash" || fail "hash of $1"
    diff "$2.hash" "$1.hash" || fail "$1 differs from $2"
    echo "same: $1 = $2 ($(tail -1 "$1.hash"))"
}
# fits NAME: the reasons of all fits but the first, in order
fits() {
    python3 - "$1" <<'PY'
import json, sys
records = [json.loads(line) for line in open(sys.argv[1] + "/metrics.jsonl")]
pace = [r for r in records if r["role"] == "pace"]
fits = {r["tick"]: int(r["pace/fit_reason"]) for r in pace if "pace/fit_reason" in r}
assert sorted(fits) == sorted({r["tick"] for r in records if r["role"] == "model"}), "a fit without a reason"
assert fits[min(fits)] == 1, "the first fit"
print(*[fits[tick] for tick in sorted(fits)][1:])
PY
}

# cards NAME: one after each fit, of five steps or fewer; what it recommends is the length of the next branches
cards() {
    python3 - "$1" <<'PY'
import json, sys
records = [json.loads(line) for line in open(sys.argv[1] + "/metrics.jsonl")]
pace = {r["tick"]: r for r in records if r["role"] == "pace"}
first = [tick for tick in pace if "pace/quality" in pace[tick]]
cards = {}
for r in records:
    if r["role"] == "card":
        cards.setdefault(r["tick"], {})[r["unit"]] = r
assert sorted(cards) == sorted(first) and len(first) > 2, "a fit without a card"
lengths = []
for tick in sorted(cards):
    card = cards[tick]
    n = len(card)
    assert sorted(card) == list(range(1, n + 1)) and 2 <= n <= 5, "horizons %s" % sorted(card)
    assert {"pace/gain", "pace/within_1", "pace/within_2", "pace/z_squared"} <= set(pace[tick]), "no gain or calibration"
    for k in card:
        assert card[k]["card/error_low"] <= card[k]["card/error_high"], "errors of members"
        naive = (1 + card[1]["card/error"]) ** k - 1
        assert abs(card[k]["card/naive"] - naive) < 1e-9 * (1 + naive), "naive guess"
    best = 1
    if "card/model_cost" in card[1]:
        for k in sorted(card):
            if card[k]["card/model_cost"] > card[k]["card/critic_cost"]:
                break
            best = k
    lengths.append(pace[tick + 1]["pace/length"] if tick + 1 in pace else None)
    assert lengths[-1] in (None, min(best, 4)), "tick %d: length %s, recommended %d" % (tick, lengths[-1], best)
print("lengths", *lengths)
PY
}

for mode in lockstep pipelined; do
    train $mode-1 1 0 schedule.mode=$mode "${all[@]}"
    "$REVERIE" hash $mode-1 >$mode-1.hash
    grep -q ' pace$' $mode-1.hash || fail "$mode: no unit 'pace'"
    reasons=$(fits $mode-1) || fail "$mode: $reasons"
    [ "$(tr ' ' '\n' <<<"$reasons" | grep -vx 1 | sort -u | wc -l)" -ge 2 ] || fail "$mode: reasons $reasons"
    echo "$mode: reasons $reasons"
    cards $mode-1 || fail "$mode: cards"
    for n in 2 3 5; do
        train $mode-$n $n 0 schedule.mode=$mode "${all[@]}"
        same $mode-$n $mode-1
    done

    # stopped in each tick of a fit, of its branches, and between
    for at in 300 350 400 450 500; do
        train $mode-stop-$at 3 75 schedule.mode=$mode "${all[@]}" supervisor.stop_after_steps=$at
        "$REVERIE" train --resume $mode-stop-$at -n 2 supervisor.stop_after_steps=0 >again.log 2>&1 ||
            fail "resume $mode at $at: $(cat again.log)"
        same $mode-stop-$at $mode-1
    done

    # one reason alone: in the records, and in words
    while read -r setting bit words; do
        name=$mode-reason-$bit
        train "$name" 2 0 schedule.mode=$mode "${base[@]}" "$setting"
        reasons=$(fits "$name") || fail "$name: $reasons"
        for r in $reasons; do
            [ $((r & ~(bit | 1))) = 0 ] || fail "$name: reasons $reasons"
        done
        grep -qw "$bit" <<<"$reasons" || fail "$name: reasons $reasons"
        grep -qE "fit [0-9]+ at step [0-9]+: $words" "$name.log" || fail "$name: $(cat "$name.log")"
    done <<'REASONS'
schedule.retrain_loss_rise=0.5 2 the loss on new rows rose \([0-9.]+ > 0.5 times the held-out loss\)
schedule.retrain_policy_kl=0.02 4 the policy moved \(KL [0-9.]+ > 0.02\)
schedule.retrain_disagreement=0.5 8 the members disagree on new rows \([0-9.]+ > 0.5 times as on held-out rows\)
REASONS
    # one that never comes: the interval's fits
    train $mode-calm 2 0 schedule.mode=$mode "${base[@]}" schedule.retrain_policy_kl=1000
    train $mode-plain 2 0 schedule.mode=$mode "${base[@]}"
    [ "$(fits $mode-calm)" = 1 ] || fail "$mode: reasons $(fits $mode-calm)"
    for run in calm plain; do
        "$REVERIE" hash $mode-$run | grep -E ' (env|member|shard)_[0-9]+$| learner$' >$run.units
    done
    diff plain.units calm.units || fail "$mode: measuring changes what is learned"
    ! grep -q '"role":"pace"' $mode-plain/metrics.jsonl || fail "$mode: measured without a setting"
    ! "$REVERIE" hash $mode-plain | grep -q ' pace$' || fail "$mode: a unit 'pace' without a setting"
done

# the placement with costs that were measured
"$REVERIE" layout "$SOURCE/tests/mpi/tiny.yaml" "${all[@]}" -n 2 --measure >layout.log 2>&1 ||
    fail "layout --measure: $(cat layout.log)"
echo "passed"
