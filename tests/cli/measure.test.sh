#!/bin/bash
# Where the time goes: the ledger of each rank adds up to its wall time, roles' parts fit into it, and `reverie ledger`
# shows it; `reverie layout --measure` proposes settings that train takes and that change no bit, and leaves nothing
# behind, also when it is interrupted.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

says() { # CODE TEXT WORD...: one line on standard error, nothing on standard output
    local code=$1 text=$2 got
    shift 2
    "$REVERIE" "$@" >out 2>err
    got=$?
    if [ $got != "$code" ] || [ "$(grep -c . err)" != 1 ] || [ -s out ] || ! grep -qF -- "$text" err; then
        bad "reverie $*: exit code $got, expected $code and one line with: $text: $(head -c 500 out err)"
    fi
}

echo "-- the ledger"
for mode in lockstep pipelined; do
    for n in 1 3; do
        run=$mode-$n
        "$REVERIE" train "$tiny" schedule.mode=$mode checkpoint.every_ticks=4 -n $n --run-dir "$run" >log 2>&1 ||
            fail "train: $(cat log)"
        "$REVERIE" ledger "$run" --json >ledger.json || fail "ledger $run"
        "$REVERIE" ledger "$run" --from 400 --json >late.json || fail "ledger $run --from 400"
        python3 - "$run" $n <<'PY' || bad "the ledger of $run"
import json, sys
run, n = sys.argv[1], int(sys.argv[2])
kinds = ["work", "wait", "exchange"]
roles = ["actor", "model", "rollout", "policy", "evaluator"]
wall, whole, parts, ticks = {}, {}, {}, 0
for r in map(json.loads, open(run + "/metrics.jsonl")):
    if r["role"] != "rank":
        assert not any(name.endswith("_s") and name.startswith("time/") for name in r), r
        continue
    rank, spent = r["unit"], [r[f"time/{kind}_s"] for kind in kinds]
    assert all(s > -1e-7 for s in spent), r
    if rank in wall: # what was spent is the time since the last ledger
        assert abs(r["wall"] - wall[rank] - sum(spent)) < 1e-6, r
    wall[rank] = r["wall"]
    ticks += rank == 0
    hosted = [role for role in roles if f"time/work_{role}_s" in r]
    for kind, all_of in zip(kinds, spent):
        part = sum(r[f"time/{kind}_{role}_s"] for role in hosted)
        assert part <= all_of + 1e-6, (kind, r)
        parts[rank, kind] = parts.get((rank, kind), 0) + part
        whole[rank, kind] = whole.get((rank, kind), 0) + all_of
    assert n > 1 or hosted == roles and sum(r[f"time/wait_{role}_s"] for role in roles) == 0, r
assert sorted(wall) == list(range(n)), wall
assert n == 1 or sum(parts[rank, "wait"] for rank in wall) > 0, "nobody waited inside a role's work"
assert sum(parts[rank, "exchange"] for rank in wall) > 0, "nobody moved data inside a role's work"
assert sum(parts[rank, "work"] for rank in wall) > 0
ledger, late = json.load(open("ledger.json")), json.load(open("late.json"))
assert (ledger["first_tick"], ledger["last_tick"], ledger["last_step"]) == (0, ticks - 1, 800), ledger
assert late["first_step"] == 450 and late["ranks"][0]["ticks"] == ticks - 8, late
for row in ledger["ranks"]:
    rank = row["rank"]
    for kind in kinds:
        total = row["all"][kind + "_s"]
        assert abs(total - whole[rank, kind]) < 1e-6
        rest = total - sum(times[kind + "_s"] for times in row["roles"].values())
        assert abs(rest - row["between"][kind + "_s"]) < 1e-6
PY
    done
done
"$REVERIE" ledger pipelined-3 >out || bad "ledger"
for text in "ticks 0 to 16, up to step 800" " policy " " between " " all "; do
    grep -q "$text" out || bad "ledger: no '$text': $(cat out)"
done
says 64 "ledger: expected RUN" ledger
says 64 "ledger: --from: expected a whole number" ledger pipelined-3 --from x
says 66 "no tick after step 800" ledger pipelined-3 --from 800
says 66 "no run 'missing'" ledger missing
echo "{}" >>lockstep-1/metrics.jsonl
says 65 "metrics.jsonl: " ledger lockstep-1

echo "-- layout --measure"
export TMPDIR=$work/tmp # where it works
mkdir "$TMPDIR"
left() {
    find "$TMPDIR" -mindepth 1
}
"$REVERIE" layout --measure "$tiny" -n 3 >out 2>err || fail "layout --measure: $(cat err)"
grep -q '^reverie: a trial of ' err || bad "it does not say what it does: $(cat err)"
grep -q '^step 1400/1400 ' err || bad "no progress: $(cat err)"
for text in "measured on one core" "^model .* row .* 50 %" "the settings as they are" "as proposed" \
    "^reverie train $tiny -n 3 'layout.costs=\[.*\]'" "coordinator"; do
    grep -q -- "$text" out || bad "layout --measure: no '$text': $(cat out)"
done
"$REVERIE" layout --measure "$tiny" -n 3 --json >out 2>/dev/null || fail "layout --measure --json"
mapfile -t proposed < <(python3 - <<'PY'
import json
found = json.load(open("out"))
assert found["n_ranks"] == 3 and 0 < found["trial_seconds"] < 30
assert list(found["roles"]) == ["actor", "model", "rollout", "policy", "evaluator"]
for role, row in found["roles"].items():
    assert row["samples"] >= 2 and 0 < row["seconds_per_item"] < 0.01 and row["spread"] >= 0, (role, row)
    assert abs(row["seconds_per_tick"] - row["due"] * row["units"] * row["unit_seconds"]) < 1e-9
busiest = max(row["seconds_per_tick"] for row in found["proposed"]["ranks"])
assert 0 < found["seconds_per_tick_proposed"] <= found["seconds_per_tick_as_set"] * 1.02
assert busiest <= found["seconds_per_tick_proposed"] * 1.001 # ticks wait for their slowest rank
assert sorted(sum((row["model"] for row in found["proposed"]["ranks"]), [])) == list(range(7))
print("\n".join(found["settings"]))
PY
)
[[ ${proposed[0]:-} = layout.costs=\[*\] ]] || fail "nothing is proposed: $(cat out)"
"$REVERIE" train "$tiny" "${proposed[@]}" -n 3 --run-dir proposed >log 2>&1 || fail "train as proposed: $(cat log)"
diff <("$REVERIE" hash proposed) <("$REVERIE" hash pipelined-3) || bad "costs changed a result"
[ -z "$(left)" ] || bad "a trial leaves behind: $(left)"

# settings of the command line are repeated, and ranks that it gives are taken back where they do harm
"$REVERIE" layout --measure "$tiny" seed=3 layout.actor_ranks=1 layout.model_ranks=1 layout.policy_ranks=1 -n 3 >out 2>err ||
    fail "layout --measure with ranks: $(cat err)"
line=$(grep '^reverie train ' out) || fail "nothing to paste: $(cat out)"
[[ $line = *"-n 3 'seed=3' 'layout.actor_ranks=1'"*"'layout.costs=["* ]] || bad "the command line: $line"
[[ $line = *"layout.costs="*"layout."*"_ranks=0'"* ]] || bad "nothing is taken back: $line"
eval "${line/reverie/\"\$REVERIE\"} --run-dir pasted" >log 2>&1 || bad "it cannot be pasted: $(cat log)"

# without a model: nothing to measure there
"$REVERIE" layout --measure "$tiny" -n 2 policy.real_share=1 policy.real_share_end=1 --json >out 2>err ||
    bad "without a model: $(cat err)"
python3 -c '
import json
roles = json.load(open("out"))["roles"]
assert roles["model"]["samples"] == roles["rollout"]["samples"] == 0 and roles["policy"]["samples"] > 2' ||
    bad "without a model: $(cat out)"

# slow enough to be met half-way
for signal in INT TERM; do
    rm err
    # a shell's job in the background is deaf to Ctrl-C otherwise
    env --default-signal=INT "$REVERIE" layout --measure "$SOURCE/configs/mbpo/hopper.yaml" -n 2 >out 2>err &
    pid=$!
    wait_for 30 grep -sq '^step ' err || fail "the trial does not get going: $(cat err)"
    [ -n "$(left)" ] || bad "the trial works elsewhere"
    kill -$signal $pid
    wait $pid
    code=$?
    [ $code = $((128 + $(kill -l $signal))) ] || bad "SIG$signal: exit code $code"
    [ ! -s out ] || bad "SIG$signal: $(cat out)"
    [ -z "$(left)" ] || bad "SIG$signal leaves behind: $(left)"
    ! pgrep -f -- "$TMPDIR" >/dev/null || bad "SIG$signal leaves a process behind"
done

says 64 "layout: -n N is missing" layout --measure "$tiny"
says 64 "layout: unknown option '--mesure'; did you mean '--measure'?" layout --mesure "$tiny" -n 2
says 64 "layout: --measure takes no value" layout --measure=yes "$tiny" -n 2
says 66 "cannot open 'missing.yaml'" layout --measure missing.yaml -n 2
says 78 "policy.batch (63) must be a multiple" layout --measure "$tiny" -n 2 policy.batch=63
says 78 "layout.model_ranks asks for 8 ranks, but the run has 3" layout --measure "$tiny" -n 3 layout.model_ranks=8
says 78 "layout.costs has 2 entries" layout "$tiny" -n 3 'layout.costs=[1,2]'
TMPDIR=/nowhere says 73 "cannot make folder '/nowhere/reverie-trial-" layout --measure "$tiny" -n 2
[ -z "$(left)" ] || bad "bad input leaves behind: $(left)"
"$REVERIE" layout --measure "$tiny" -n 2 >/dev/full 2>err
[ $? = 74 ] || bad "a full disk: $(cat err)"
finish
