#!/bin/bash
# learn.sh - trains a configuration with seeds 1, 2, 3 and demands a return of each: sourced by the tests of this folder.
# The bits do not depend on the ranks, so every seed runs on one, as many at once as there are cores.
# shellcheck disable=SC2016,SC2034 # xargs calls a shell of its own
set -u
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# learn CONFIG LEAST: the mean return of the last evaluation's 10 episodes must be LEAST or better
learn() {
    export REVERIE SOURCE work config=$1
    seq 3 | xargs -P "$(nproc)" -I {} sh -c \
        '"$REVERIE" train "$SOURCE/configs/$config.yaml" seed={} -n 1 --run-dir "$work/{}" >"$work/{}.log" 2>&1 || cat "$work/{}.log"'
    for seed in 1 2 3; do
        /usr/bin/python3 - "$work/$seed/progress.csv" "$seed" "$config" "$2" <<'PY' || exit 1
import csv, sys
path, seed, config, least = sys.argv[1:]
last = [row for row in csv.DictReader(open(path)) if row["eval/mean_reward"]][-1]
value = float(last["eval/mean_reward"])
print(f"{config} seed {seed}: {value:.1f} after {last['step']} real steps, {float(last['wall']):.0f} s")
sys.exit(0 if value >= float(least) and int(last["step"]) <= 5000 else f"FAILED: expected {least} within 5000 steps")
PY
    done
}
