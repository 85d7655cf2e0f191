#!/bin/bash
# plot.test.sh - `reverie plot`: pictures, the terminal, and what it says when it cannot.
set -eu
: "${REVERIE:?}"
work=$(mktemp -d "${TMPDIR:-/tmp}/reverie plot.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

fails() { # CODE TEXT ARGS...: the command must end with this code and say this
    local code=0 wanted=$1 text=$2
    shift 2
    "$REVERIE" plot "$@" >out 2>err || code=$?
    [ "$code" = "$wanted" ] || fail "plot $*: exit code $code, expected $wanted: $(cat err)"
    grep -qF -- "$text" err || fail "plot $*: expected '$text', got: $(cat err)"
    [ "$(wc -l <err)" = 1 ] || fail "plot $*: more than one line: $(cat err)"
}

mkdir one "it's \$(two)" empty early
for run in one "it's \$(two)"; do
    {
        echo "step,wall,rollout/ep_rew_mean,eval/mean_reward,eval/std_reward,model/holdout_loss"
        for step in $(seq 250 250 10000); do
            echo "$step,$((step / 10)),$((step / 10 - 1200)),$([ $((step % 1000)) != 0 ] || echo "$((step / 10 - 1100)),50")$(
                [ $((step % 1000)) = 0 ] || echo ,),0.5"
        done
    } >"$run/progress.csv"
done
head -n 3 one/progress.csv >early/progress.csv

"$REVERIE" plot --help | grep -q "usage: reverie plot RUN" || fail "--help"
"$REVERIE" plot one/ >out || fail "plot one/"
grep -q "environment steps (thousands)" out || fail "no curve in the terminal"
grep -qE "[*•]{3}" out || fail "no points in the terminal"
! grep -q $'\033' out || fail "colours although nobody looks"
[ "$(head -c 4 one/curve.png | tail -c 3)" = PNG ] || fail "one/curve.png is no PNG"
"$REVERIE" plot one it* --no-terminal --out both.svg >out || fail "two runs"
[ "$(cat out)" = "picture: both.svg" ] || fail "more than the picture's name: $(cat out)"
grep -qF "it's \$(two)" both.svg || fail "the second run is not named"
"$REVERIE" plot one --metric model/holdout_loss --x wall --out loss.png >out || fail "--metric"
grep -q "wall time (minutes)" out || fail "no wall time"
"$REVERIE" plot one it* --no-terminal >/dev/null
[ -s curves.png ] || fail "no curves.png"
"$REVERIE" plot one | head -n 1 >/dev/null || fail "a reader that goes away"

fails 64 "expected RUN..."
fails 64 "unknown option '--colour'" one --colour
fails 64 "--out needs a value" one --out
fails 64 "must end in .png or .svg" one --out curve.pdf
fails 64 "--x must be step or wall" one --x hours
fails 64 "it has: step, wall, rollout/ep_rew_mean" one --metric reward
fails 66 "no run 'three'" three
fails 66 "holds no progress.csv" empty
fails 66 "has no value of eval/mean_reward yet" early
fails 74 "nowhere" one --no-terminal --out nowhere/curve.png
printf 'step,x\n1,2,3\n' >empty/progress.csv
fails 65 "progress.csv:2: expected 2 cells, got 3" empty
mkdir bin
ln -s "$(command -v env)" "$(command -v cat)" "$(command -v grep)" "$(command -v wc)" bin/
PATH=$work/bin fails 69 "gnuplot-nox" one
[ -z "$(find . -name '*tmp*')" ] || fail "left behind: $(find . -name '*tmp*')"
echo "ok"
