#!/bin/bash
# `reverie compare`: real runs of two kinds, one of them stopped and resumed on another number of ranks, against numpy;
# runs made by hand whose answers are known; prices; what it says when it cannot.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
command -v gnuplot >/dev/null || { echo "gnuplot is missing" && exit 77; }
python=/usr/bin/python3
free=(policy.real_share=1 policy.real_share_end=1)

says() { # TEXT WORD...: compare WORD... ends well and says this
    local text=$1
    shift
    "$REVERIE" compare "$@" >out 2>err || bad "compare $*: exit code $?: $(cat err)"
    grep -qF -- "$text" out || bad "compare $*: expected '$text', got: $(cat out)"
    [ ! -s err ] || bad "compare $*: said $(cat err)"
}

fails() { # CODE TEXT WORD...
    local code=0 wanted=$1 text=$2
    shift 2
    "$REVERIE" compare "$@" >out 2>err || code=$?
    [ "$code" = "$wanted" ] || bad "compare $*: exit code $code, expected $wanted: $(cat err)"
    grep -qF -- "$text" err || bad "compare $*: expected '$text', got: $(cat err)"
    [ "$(wc -l <err)" = 1 ] || bad "compare $*: more than one line: $(cat err)"
}

# ---- real runs ----

mkdir runs
for seed in 1 2 3; do
    "$REVERIE" train "$tiny" seed=$seed -n $((seed % 2 + 1)) --run-dir "runs/based $seed" >log 2>&1 ||
        fail "train: $(cat log)"
    [ $seed = 3 ] || "$REVERIE" train "$tiny" "${free[@]}" seed=$seed -n 1 --run-dir "runs/free $seed" >log 2>&1 ||
        fail "train: $(cat log)"
done
"$REVERIE" train "$tiny" "${free[@]}" seed=3 -n 1 --run-dir "runs/free 3" supervisor.stop_after_steps=400 >log 2>&1
[ $? = 75 ] || fail "stop: $(cat log)"
sleep 1 # a pause, which must not count
"$REVERIE" train --resume "runs/free 3" supervisor.stop_after_steps=0 -n 3 >log 2>&1 || fail "resume: $(cat log)"
touch "runs/free 1.log"

says "curves: both/curves.csv" runs/based\ ? runs/free\ ? --out both
for kind in steps wall core; do
    [ "$(head -c 4 both/return_$kind.png | tail -c 3)" = PNG ] || bad "both/return_$kind.png is no PNG"
    grep -q "</svg>" both/return_$kind.svg || bad "both/return_$kind.svg is no SVG"
    grep -qF "model-based (3 seeds)" both/return_$kind.svg || bad "both/return_$kind.svg: no legend"
done
[ "$(find both -type f | wc -l)" = 7 ] || bad "more than pictures and curves: $(ls both)"
[ "$(head -n 1 both/curves.csv)" = group,x_kind,x,n,iqm,low,high ] || bad "$(head -n 1 both/curves.csv)"
grep -qE "^model-based +3 +800 +-[0-9.]+  -[0-9.]+ to -[0-9.]+ +[0-3] of 3 " out || bad "table: $(cat out)"
grep -qF "model-free: an interval over 3 seeds is too narrow" out || bad "no warning of few seeds: $(cat out)"
! grep -qE "differ in more|go(es)? on|compared up to" out || bad "notes without a reason: $(cat out)"

# named, by patterns, and in another order: the same numbers, to the bit
says "curves: named/curves.csv" free='runs/free *' "based=runs/based 1,runs/based 2" based='runs/based 3' --out named
rm "runs/free 1.log"
diff <(sed -n 's/^model-\(.*\)/\1/p' both/curves.csv | sort) <(tail -n +2 named/curves.csv | sort) ||
    bad "named groups have other curves"
says "curves: again/curves.csv" runs/based\ ? runs/free\ ? --out again
cmp both/curves.csv again/curves.csv || bad "twice the same comparison differs"

if $python -c 'import numpy' 2>/dev/null; then
    (cd both && $python "$SOURCE/tests/cli/compare_check.py" \
        "model-based=../runs/based 1,../runs/based 2,../runs/based 3" \
        "model-free=../runs/free 1,../runs/free 2,../runs/free 3") || bad "numpy finds something else"
else
    echo "without numpy: curves are not computed again"
fi
# the run that paused: its core-seconds grew by one rank's, then by three ranks'
$python - <<'PY' || bad "the resumed run"
import json
ranks = [(r["tick"], r["unit"]) for r in map(json.loads, open("runs/free 3/metrics.jsonl")) if r["role"] == "rank"]
assert max(u for t, u in ranks if t < 8) == 0 and max(u for t, u in ranks if t >= 8) == 2, ranks
PY

# in the terminal: three charts
says "wall time (s)" runs/*
[ "$(grep -cE '^ +(environment steps|wall time \(s\)|core-seconds)$' out)" = 3 ] || bad "not three charts: $(cat out)"
grep -qF "model-free (3 seeds)" out || bad "no legend in the terminal"
! grep -q $'\033' out || bad "colours although nobody looks"

# what tells groups of one kind apart; a mixed group
"$REVERIE" train "$tiny" seed=1 model.hidden=8 rollout.max_disagreement=0 -n 1 --run-dir small >log 2>&1 ||
    fail "train: $(cat log)"
says "model.hidden=16 rollout.max_disagreement=0.05 (3 seeds)" runs/based\ ? small
grep -qF "model.hidden=8 rollout.max_disagreement=0 (1 seed: no interval)" out || bad "label: $(cat out)"
grep -qF "rollout.max_disagreement=0: one seed says nothing about how others fare" out || bad "one seed: $(cat out)"
says "model-based model.hidden=8" small runs/*
grep -q "^model-free  " out || bad "label: $(cat out)"
says "all: its runs differ in more than the seed" "all=small,runs/based 2,runs/free 1"
cp -r small "lr=3"
says "model-based      1 " "lr=3" # a path, though it looks like a label
"$REVERIE" train "$tiny" seed=1 env.name=InvertedPendulum-v4 "${free[@]}" -n 1 --run-dir other >log 2>&1 ||
    fail "train: $(cat log)"
fails 64 "'small' is Pendulum-v1, 'other' is InvertedPendulum-v4; give the runs of one task at a time" small other

# ---- by hand ----

# make RUN SEED TOTAL "STEP:RETURN..." RANKS SECONDS [MORE]: ticks of 100 steps, each of so many seconds on so many ranks
make() {
    local run=$1
    mkdir -p "$run"
    "$REVERIE" config show "$tiny" "seed=$2" schedule.tick_steps=100 schedule.total_steps=100000 "${@:7}" \
        >"$run/config.yaml" || fail "config show"
    python3 - "$run" "$3" "$4" "$5" "$6" <<'PY'
import json, sys
run, total, evaluations, ranks, seconds = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), float(sys.argv[5])
at = dict(map(float, e.split(":")) for e in evaluations.split())
with open(run + "/metrics.jsonl", "w") as out:
    for tick in range(total // 100):
        step = 100 * (tick + 1)
        base = {"tick": tick, "step": step, "rank": 0, "wall": 0}
        if step in at:
            print(json.dumps({**base, "role": "evaluator", "unit": 0, "eval/mean_reward": at[step]}), file=out)
        for rank in range(ranks):
            print(json.dumps({**base, "role": "rank", "unit": rank, "time/work_s": seconds / 2,
                              "time/wait_s": seconds / 4, "time/exchange_s": seconds / 4}), file=out)
PY
}

# three seeds with a model: 36 s a tick on 2 ranks, so 100 steps are 0.02 core-hours; three without: 3.6 s, 0.001
make a1 1 800 "100:-900 200:-500 400:-100 800:-60" 2 36
make a2 2 800 "100:-900 200:-400 400:-130 800:-50" 2 36
make a3 3 900 "100:-900 200:-300 400:-100 800:-40 900:-10" 2 36
make b1 1 4000 "100:-1000 1000:-500 2000:-150 4000:-100" 1 3.6 "${free[@]}"
make b2 2 4000 "100:-1000 1000:-600 2000:-250 4000:-100" 1 3.6 "${free[@]}"
make b3 3 4000 "100:-1000 1000:-400 2000:-290 4000:-100" 1 3.6 "${free[@]}"
says "model-based      3        800        -50  -60 to -40" a? b? --reach -200 --out hand
# -500 -400 -300 is -400; -100 -130 -100 is (-130 - 4 * 100 - 100) / 6: at step 400; b: at 2000 it is -240
grep -qE "^model-based +3 +800 +-50  -60 to -40 +3 of 3 +400 +144 +288$" out || bad "model-based: $(cat out)"
grep -qE "^model-free +3 +4000 +-100  -100 to -100 +3 of 3 +4000 +144 +144$" out || bad "model-free: $(cat out)"
grep -qF "model-based: compared up to step 800, which all its runs have reached" out || bad "no note: $(cat out)"
python3 - <<'PY' || bad "curves by hand"
import csv
got = {(r["group"], r["x_kind"], round(float(r["x"]), 6)): r for r in csv.DictReader(open("hand/curves.csv"))}
for key, iqm in {("model-based", "steps", 100): -900, ("model-based", "steps", 200): -400,
                 ("model-based", "steps", 400): -105, ("model-based", "wall_s", 144): -105,
                 ("model-based", "core_s", 288): -105, ("model-free", "steps", 400): -1000,
                 ("model-free", "steps", 1000): -500, ("model-free", "steps", 2000): -240,
                 ("model-free", "core_s", 72): -240, ("model-free", "core_s", 144): -100}.items():
    assert abs(float(got[key]["iqm"]) - iqm) < 1e-9, (key, got[key])
assert ("model-based", "steps", 900) not in got and ("model-based", "steps", 1000) not in got
PY
# nine tenths of the way from -1000 to -50
says "when it reaches -145" a? b?

# 400 steps and 0.08 core-hours against 4000 and 0.04: 3600 steps are worth 0.04 core-hours
says "model-based costs 4.04 EUR: 400 real steps and 0.08 core-hours; the cheapest" a? b? --reach -200 --step-price 0.01 \
    --core-hour-price 0.5 --currency EUR
grep -qF "At these prices a model pays: model-based costs 4.04 EUR, model-free 40.02 EUR." out || bad "$(cat out)"
grep -qF "model-based is cheaper than model-free when a real step costs more than 5.556e-06 EUR (at 0.5 EUR a core-hour),\
 or when a core-hour costs less than 900 EUR (at 0.01 EUR a step)." out || bad "break-even: $(cat out)"
says "At these prices a model does not pay: model-based costs 80.04, model-free 40.4." a? b? --reach=-200 \
    --step-price=1e-4 --core-hour-price=1000
grep -qF "when a real step costs more than 0.01111 (at 1000 a core-hour)" out || bad "break-even: $(cat out)"
says "A model pays: no model-free run got there." a? b? --reach -70 --step-price 0 --core-hour-price 1
grep -qE "^model-free .* 0 of 3 +never +- +-$" out || bad "never: $(cat out)"
grep -qF "model-free did not reach a return of -70 in 4000 real steps" out || bad "never: $(cat out)"
says "neither model-based nor model-free reached a return of 0." a? b? --reach 0 --step-price 1 --core-hour-price 1

# a run that goes on: a line is cut short, and run.json knows of no end
cp -r b1 live
head -c -20 b1/metrics.jsonl >live/metrics.jsonl
echo '{"starts": [{"number": 1, "tick": 0}]}' >live/run.json
says "live: 1 of its runs goes on, as far as known" live=live

# ---- what is wrong ----

fails 64 "expected RUN... or LABEL=RUN,RUN..."
fails 64 "unknown option '--reech'; did you mean '--reach'?" a1 --reech 3
fails 64 "--reach: expected a number" a1 --reach soon
fails 64 "belong together" a1 --step-price 3
fails 64 "--step-price: expected a number in [0" a1 --step-price -1 --core-hour-price 1
fails 64 "--currency needs --step-price" a1 --currency EUR
fails 64 "run 'a1/.' is given twice" a1 a1/.
cp -r a1 copy
fails 64 "'a1' and 'copy' have the same settings and the same seed (1), so they are one seed" a1 copy
fails 64 "a LABEL has 1 to 127 characters" =a1
fails 64 "lists a run without a name" x=a1,,a2
fails 66 "no run 'nothing'" nothing
fails 66 "no run 'nothing'" x=a1,nothing
fails 66 "nothing that 'lo*' fits is a run" 'lo*'
mkdir empty
fails 66 "no run in 'empty': there is no config.yaml in it" empty
cp a1/config.yaml empty
fails 66 "cannot open 'empty/metrics.jsonl'" empty
grep -v evaluator a1/metrics.jsonl >empty/metrics.jsonl
fails 66 "empty/metrics.jsonl holds no evaluation yet" empty
echo nonsense >>empty/metrics.jsonl
fails 65 "empty/metrics.jsonl: 17: " empty
make late 4 1000 "900:-1" 1 1
fails 66 "'late' has its first evaluation at step 900, when another run of group 'x' has ended at step 800" x=a1,late
fails 73 "'log' is not a folder" a1 --out log/file
[ -z "$(find . -name '*tmp*')" ] || bad "left behind: $(find . -name '*tmp*')"
mkdir bin
ln -s "$(command -v env)" "$(command -v cat)" "$(command -v grep)" "$(command -v wc)" bin/
PATH=$work/bin fails 69 "gnuplot-nox" a1
code=0
"$REVERIE" compare a1 >/dev/full 2>err || code=$?
[ $code = 74 ] || bad "to a full disk: exit code $code"
finish
