#!/bin/bash
# What a run keeps of its data, read from its journal and its records: real rows say what happened (a time limit is
# no termination, a fall is one), and imagined rows survive as many retrains as the settings say.
set -u
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
fail() {
    echo "FAILED: $*"
    exit 1
}

# train NAME ARGS...
train() {
    local name=$1
    shift
    "$REVERIE" train "$SOURCE/tests/mpi/tiny.yaml" -n 2 --run-dir "$work/$name" rollout.max_disagreement=0 "$@" \
        >"$work/log" 2>&1 || fail "train: $(cat "$work/log")"
}

# real NAME N_OBS N_ACT COUNT: checks and counts
real() {
    "$REVERIE" journal "$work/$1" --verify --export "$work/$1/rows" >"$work/log" 2>&1 || fail "journal: $(cat "$work/log")"
    /usr/bin/python3 - "$work/$1/rows" "$2" "$3" "$4" <<'PYTHON' || fail "real rows of $1"
import json, math, struct, sys
path, n_obs, n_act, count = sys.argv[1], *map(int, sys.argv[2:])
data = open(path, "rb").read()
n = struct.unpack("<Q", data[:8])[0]
arrays = json.loads(data[8:8 + n])
assert n % 8 == 0 and len(data) - 8 - n == max(a["data_offsets"][1] for k, a in arrays.items() if k[0] != "_")
def column(name, shape, code):
    a = arrays[name]
    begin, end = a["data_offsets"]
    assert a["shape"] == [800] + shape, a
    return list(struct.iter_unpack(f"<{math.prod(shape)}{code}", data[8 + n + begin:8 + n + end]))
rows = [o + a + s + r + (float(t[0]),) for o, a, s, r, t in zip(
    column("obs", [n_obs], "f"), column("act", [n_act], "f"), column("next_obs", [n_obs], "f"), column("reward", [], "f"),
    column("terminated", [], "?"))]
assert len(rows) == 800, len(rows)
assert [e for e, in column("env", [], "q")] == [i % count for i in range(800)]
episode, cut = [e for e, in column("episode", [], "q")], [t for t, in column("truncated", [], "?")]
episodes = falls = 0
for env in range(count):
    mine = rows[env::count]         # environments take turns
    length = 0
    for row, after in zip(mine, mine[1:]):
        next_obs, terminated = row[n_obs + n_act:-2], row[-1]
        length += 1
        if n_obs == 3:              # Pendulum: never terminates, 200 steps
            ended = length == 200
            assert terminated == 0
            speed = row[2] + (15 * row[1] + 6 * row[3]) * 0.05
            assert abs(max(-8, min(8, speed)) - next_obs[2]) < 1e-4, "not the true next state"
            assert not ended or abs(after[2]) <= 1
        else:                       # InvertedPendulum: falls at 0.2 radians
            ended = abs(next_obs[1]) > struct.unpack("f", struct.pack("f", 0.2))[0]
            assert terminated == ended
            assert not ended or max(map(abs, after[:n_obs])) <= 0.01
            falls += ended
        assert (after[:n_obs] == next_obs) == (not ended), "rows do not follow each other"
        here = env + count * (mine.index(row))
        assert (episode[here + count] > episode[here]) == ended and cut[here] == (ended and not terminated)
        episodes += ended
        length = 0 if ended else length
print(f"{episodes} episodes, {falls} falls")
assert episodes >= 2 and (falls > 10 or n_obs == 3)
PYTHON
}

# kept NAME ROWS_PER_FIT FITS: data/imagined_rows grows by a fit's rows until FITS of them are kept, and then stays
kept() {
    /usr/bin/python3 - "$work/$1/progress.csv" "$2" "$3" <<'PYTHON' || fail "imagined rows of $1"
import csv, sys
path, rows, fits = sys.argv[1], *map(int, sys.argv[2:])
seen = [float(r["data/imagined_rows"]) for r in csv.DictReader(open(path)) if r["data/imagined_rows"]]
shares = {r["train/imagined_share"] for r in csv.DictReader(open(path)) if r["train/imagined_share"]}
print("imagined rows:", seen, "share:", shares)
assert seen == [rows * min(k + 1, fits) for k in range(len(seen))] and len(seen) > fits + 2
assert {float(s) for s in shares} == {61 / 64}   # 0.05 of 64 rows are 3
PYTHON
}

for mode in lockstep pipelined; do
    # a fit at every tick; 2 epochs of 100 steps hold 4 of them; 10 blocks for 4 shards do not divide evenly
    train "pendulum-$mode" schedule.mode=$mode env.count=2 schedule.retrain_every=50 rollout.branches=200 \
        rollout.length_start=2 rollout.length_end=2
    real "pendulum-$mode" 3 1 2
    kept "pendulum-$mode" 400 4
done
train falls env.name=InvertedPendulum-v4 env.count=1
real falls 4 1 1
