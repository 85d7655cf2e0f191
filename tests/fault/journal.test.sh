#!/bin/bash
# journal.test.sh - no real transition is lost or doubled by a kill. Runs whose ranks, mpirun or supervisor are killed
# with -9 in the middle of ticks, and whose last write is cut short at any byte, go on with other numbers of ranks to the
# bits of a run that was not killed. An environment that cannot be restored writes down what it does: that and the journal
# agree. A journal alone, without a checkpoint, gives the whole run again, records included.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
: "${BUILD:?}"
plugins=$BUILD/tests/plugins
RANDOM=${SEED:-1}
# SEED=N: other places
settings=(supervisor.restarts=0 schedule.total_steps=2000 rollout.max_disagreement=0 schedule.updates_per_step=2)
# long enough to be met half-way, as Hopper is by itself
pendulum=(env.name=Pendulum-v1 schedule.total_steps=4000 schedule.updates_per_step=4)

hash_of() { # RUN
    "$REVERIE" hash "$1" >"$1.hash" || fail "hash of $1"
}

same() { # RUN REFERENCE
    hash_of "$1"
    diff "$2.hash" "$1.hash" || fail "$1 differs from $2"
    "$REVERIE" journal "$1" --verify >"$1.journal" || fail "$1: its journal"
    echo "same: $1 = $2"
}

whole() { # RUN ARGS...
    local run=$1
    shift
    "$REVERIE" train "$tiny" "${settings[@]}" "$@" -n 2 --run-dir "$work/$run" >"$run.log" 2>&1 ||
        fail "train $run: $(cat "$run.log")"
    hash_of "$run"
}

resume() { # RUN N
    "$REVERIE" train --resume "$1" -n "$2" >"$1.log" 2>&1 || fail "resume $1 on $2 ranks: $(cat "$1.log")"
}

# kill_it HOW RUN PID: what is left of it ends, too
kill_it() {
    local how=$1 run=$2 pid=$3
    case $how in
    rank) ranks_of "$work/$run" | shuf -n 1 --random-source="$tiny" | xargs -r kill -9 ;;
    mpirun) pkill -9 -P "$pid" ;;
    all) ranks_of "$work/$run" | xargs -r kill -9 ;;
    supervisor) kill -9 "$pid" ;;
    esac
    wait "$pid" 2>/dev/null
    wait_for 20 is_gone "$work/$run" || fail "$run: left $(pgrep -af "$work/$run")"
    shm_before=$(ls /dev/shm)
}

# has_tick RUN N: tick N is recorded
has_tick() {
    has_rows "$1" 0 && grep -q "\"tick\":$2,.*\"role\":\"rank\"" "$1/metrics.jsonl"
}

# begin RUN N ARGS...: in the background, as $pid
begin() {
    local run=$1 n=$2
    shift 2
    "$REVERIE" train "$tiny" "${settings[@]}" "$@" -n "$n" --run-dir "$work/$run" >"$run.log" 2>&1 &
    pid=$!
}

# cut RUN: the last write of each of its ranks is cut short at some byte, within what no checkpoint counts on
cut_tails() {
    python3 - "$1" "$RANDOM" <<'PY' || fail "cannot cut the journal of $1"
import glob, json, os, random, struct, sys
run, seed = sys.argv[1], int(sys.argv[2])
random.seed(seed)
manifests = sorted(glob.glob(run + "/checkpoints/tick_*/manifest.json"))
kept = json.load(open(manifests[-1]))["journal"]["rows"] if manifests else 0
last = max(int(os.path.basename(f)[:6]) for f in glob.glob(run + "/journal/*.seg"))
for path in glob.glob(run + "/journal/%06d_*.seg" % last):
    data = open(path, "rb").read()
    count, end, at = struct.unpack_from("<I", data, 24)[0], 64, 64
    while at + 40 <= len(data):
        length, _, env, _, step = struct.unpack_from("<4IQ", data, at)
        at += length
        if step * count + env < kept:
            end = at
    where = random.randint(end, len(data))
    os.truncate(path, where)
    print(f"{path}: {len(data)} bytes, cut to {where}, {end} belong to a checkpoint")
PY
}

# ---- tasks of ours: restored, stepped along, the same bits ----

for name in Pendulum-v1-lockstep Pendulum-v1-pipelined Hopper-v4-pipelined; do
    args=("env.name=${name%-*}" "schedule.mode=${name##*-}")
    [ "${name%%-*}" != Pendulum ] || args+=("${pendulum[@]}")
    whole "$name" "${args[@]}"
    for every in 0 6; do
        run=$name-$every
        how=$([ $every = 0 ] && echo rank || echo mpirun)
        begin "$run" 3 "${args[@]}" checkpoint.every_ticks=$every
        wait_for 60 has_rows "$run" 12 || fail "$run does not get going: $(cat "$run.log")"
        kill_it "$how" "$run" $pid
        grep -q "done: " "$run.log" && fail "$run was over before it was killed"
        for n in 1 4; do
            cp -r "$run" "$run-$n"
            cut_tails "$run-$n"
            resume "$run-$n" $n
            same "$run-$n" "$name"
        done
    done
done

# the journal alone gives the run again, and the settings of its durability change nothing
cp -r Hopper-v4-pipelined again
rm -rf again/checkpoints
resume again 3
same again Hopper-v4-pipelined
whole power "${pendulum[@]}" journal.durability=power
diff power.hash Pendulum-v1-pipelined.hash || fail "durability changes bits"

# ---- an environment that writes down its steps and cannot be restored ----

run=ledger
args=(env.name="$plugins/ledger.so" env.arguments="$work/steps 2500" eval.episodes=0 checkpoint.every_ticks=5
    schedule.total_steps=6000)
n_kills=0
tick=0
begin $run 3 "${args[@]}"
for how in rank supervisor mpirun all rank mpirun; do
    tick=$((tick + 14))
    wait_for 60 has_tick $run $tick || fail "$run does not get going: $(cat $run.log)"
    sleep 0.0$((RANDOM % 10))
    has_tick $run 118 && fail "$run was over before it was killed"
    kill_it $how $run $pid
    n_kills=$((n_kills + 1))
    "$REVERIE" train --resume "$work/$run" -n $((2 + RANDOM % 3)) >"$run.log" 2>&1 &
    pid=$!
done
wait $pid || fail "$run: $(cat $run.log)"
grep -q "done: 6000 real steps" $run.log || fail "$run: $(cat $run.log)"
"$REVERIE" journal $run --verify --export rows >log 2>&1 || fail "journal: $(cat log)"
cat log
python3 - $run $n_kills <<'PY' || fail "$run: ledger, journal and records do not agree"
import collections, json, struct, sys
run, n_kills = sys.argv[1], int(sys.argv[2])
data = open("rows", "rb").read()
n = struct.unpack("<Q", data[:8])[0]
obs, env = (json.loads(data[8:8 + n])[name]["data_offsets"] for name in ("obs", "env"))
rows = [(round(e * 2**24), round(s * 1024)) for e, s, x in struct.iter_unpack("<3f", data[8 + n + obs[0]:8 + n + obs[1]])]
steps = [tuple(map(int, line.split())) for line in open("steps")]
assert len(rows) == 6000 and len(set(rows)) == 6000, "a row is there twice"
# an episode of which nobody has heard when its first step is cut off begins again with that step
twice = [step for step, times in collections.Counter(steps).items() if times > 1]
assert all(number == 0 for _, number in twice), f"made twice: {twice}"
lost = set(rows) - set(steps)
n_in_flight = len(steps) - len(rows)
print(f"{len(rows)} rows, {len(steps)} steps, {len(lost)} rows without a step, {n_in_flight} in flight in "
      f"{n_kills} kills, {len(twice)} first steps made again")
assert not lost and n_in_flight <= 2 * n_kills
numbers = collections.defaultdict(list)
for r in map(json.loads, open(run + "/metrics.jsonl")):
    if r["role"] == "episode":
        numbers[r["unit"] % 2].append((r["episode/number"], r["episode/length"], r["episode/failed"]))
for unit, episodes in numbers.items(): # each is recorded once, in order
    assert [e for e, _, _ in episodes] == list(range(len(episodes))), episodes
    assert not any(failed for _, _, failed in episodes)
PY
# all of it once more from the journal, without one step: its cuts, too
hash_of $run
cp -r $run again-ledger
rm -rf again-ledger/checkpoints
before=$(wc -l <steps)
resume again-ledger 2
same again-ledger $run
[ "$(wc -l <steps)" = "$before" ] || fail "the environment was stepped again"

# ---- a plug-in that failed: its failures are recorded again as they were ----

whole failed env.name="$plugins/bad.so" env.arguments="segv at 130 once $work/mark" eval.episodes=0 schedule.total_steps=600
grep -q '"episode/failed":1' failed/metrics.jsonl || fail "nothing has failed"
cp -r failed again-failed
rm -rf again-failed/checkpoints
resume again-failed 3
same again-failed failed
! grep -q warning again-failed.log || fail "again-failed: $(cat again-failed.log)"

# ---- an environment of the user's own that does other things now: the rows are used, then a new episode begins ----

run=strays
whole $run env.name="$plugins/ledger.so" env.arguments="$work/kept 0 save" eval.episodes=0 schedule.total_steps=1000
cp -r $run stray
rm -rf stray/checkpoints
touch kept.other
"$REVERIE" train --resume stray -n 3 schedule.total_steps=1100 >stray.log 2>&1 || fail "stray: $(cat stray.log)"
for unit in 0 1; do # in each episode
    [ "$(grep -c "warning: env $unit, episode [0-9]*: step [0-9]* is in the journal, but observation\[2\] is -*0.[0-9]*, the \
journal says -*0.[0-9]*; its rows are used" stray.log)" -ge 8 ] || fail "stray: $(cat stray.log)"
done
"$REVERIE" journal stray --json >stray.json || fail "stray: its journal"
python3 - <<'PY' || fail "stray: records and journal"
import json
episodes = [[json.loads(line) for line in open(run + "/metrics.jsonl") if '"role":"episode"' in line] for run in ("strays", "stray")]
frames = [[{k: v for k, v in f.items() if k not in ("wall", "rank")} for f in e] for e in episodes]
n = len(frames[0])
assert frames[1][:n] == frames[0], "episodes out of the journal are recorded otherwise"
# 500 steps of each environment are from the journal, in which its last episode is open: it is cut behind them
cut = [f for f in frames[1][n:] if f["step"] == 1000 and f["tick"] == 20]
assert [f["unit"] % 2 for f in cut] == [0, 1] and not any(f["episode/terminated"] or f["episode/failed"] for f in cut), cut
journal = json.load(open("stray.json"))
assert journal["rows"] == 1100 and journal["rows_of_env"] == [550, 550], journal
PY
finish
