#!/bin/bash
# Every built-in task gives the same bits on 1 and on 3 ranks, and when a run is stopped in the middle of an episode and
# goes on with another number of ranks: every unit's hash and that of the records. Arguments: these tasks only.
# shellcheck source=tests/cli/lib.sh
. "$SOURCE/tests/cli/lib.sh"

half=150 # real steps, of which some episode is to span the last
settings=(schedule.total_steps=$((2 * half)) schedule.warmup_steps=100 schedule.updates_per_step=1 model.max_epochs=2
    rollout.branches=80 rollout.max_disagreement=0 "eval.every_steps=$half" eval.episodes=1 checkpoint.every_ticks=0)

# begin RUN RANKS KEY=VALUE...: in the background, as $!
begin() {
    local run=$1 ranks=$2
    shift 2
    "$REVERIE" train "$tiny" "${settings[@]}" "$@" -n "$ranks" --run-dir "$work/$run" >"$run.log" 2>&1 &
}

# ended RUN PID
ended() {
    wait "$2" || fail "$task: $1: $(cat "$1.log")"
}

same() { # RUN REFERENCE
    "$REVERIE" hash "$1" >"$1.hash" || fail "$task: hash of $1"
    diff "$2.hash" "$1.hash" || fail "$task: $1 differs from $2"
}

# some environment of the run's checkpoint has made steps of an episode that is to go on
is_within_an_episode() {
    python3 - "$1"/checkpoints/tick_*/env_*.safetensors <<'PY'
import json, struct, sys
for path in sys.argv[1:]:
    data = open(path, "rb").read()
    start = 8 + struct.unpack_from("<Q", data)[0]
    tensors = json.loads(data[8:start])
    n_steps, is_running = struct.unpack_from("<qq", data, start + tensors["state"]["data_offsets"][0])
    if n_steps > 0 and is_running:
        sys.exit(0)
sys.exit(1)
PY
}

"$REVERIE" envs list --json >tasks.json || fail "envs list"
mapfile -t tasks < <(python3 -c 'import json; print(*(task["name"] for task in json.load(open("tasks.json"))), sep="\n")')
[ ${#tasks[@]} -ge 35 ] || fail "only ${#tasks[@]} tasks are listed"
[ $# = 0 ] || tasks=("$@")
for task in "${tasks[@]}"; do
    rm -rf one three part
    begin one 1 "env.name=$task"
    one=$!
    begin three 3 "env.name=$task"
    three=$!
    begin part 3 "env.name=$task" schedule.total_steps=$half
    ended part $!
    is_within_an_episode part || fail "$task: no episode spans step $half; choose another"
    "$REVERIE" train --resume part schedule.total_steps=$((2 * half)) -n 2 >part.log 2>&1 ||
        fail "$task: resume: $(cat part.log)"
    ended one $one
    ended three $three
    "$REVERIE" hash one >one.hash || fail "$task: hash"
    same three one
    same part one
    echo "same: $task ($(tail -n 1 one.hash))"
done
finish
