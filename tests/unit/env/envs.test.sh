#!/bin/bash
# `reverie envs`: listing, replay of good, altered and broken files, bad usage.
set -u
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
good=$SOURCE/tests/unit/env/reference/Hopper-v4.sin.csv
n_bad=0
# expect EXIT_CODE TEXT ARGS...: the exit code, and a line of the output that holds the text
expect() {
    local code=$1 text=$2
    shift 2
    "$REVERIE" envs "$@" >"$work/out" 2>&1
    local got=$?
    if [ "$got" != "$code" ] || ! grep -qF -- "$text" "$work/out"; then
        echo "envs $*: exit $got, expected $code and '$text':"
        cat "$work/out"
        n_bad=$((n_bad + 1))
    fi
}
expect 0 "HalfCheetah-v4" list
expect 0 '"name": "Hopper-v4"' list --json
expect 0 "examples:" --help
expect 0 "examples:" replay --help
for file in "$SOURCE"/tests/unit/env/reference/{*.sin,traj_*}.csv; do
    expect 0 " steps" replay "$file"
done
expect 0 '"equal": true' replay "$good" --json
# one digit of one number of row t=42
sed '47s/,1\.\([0-9]\)/,1.9\1/2' "$good" >"$work/altered.csv"
expect 1 "differ first at t=42 column" replay "$work/altered.csv"
expect 1 '"t": 42' replay --json "$work/altered.csv"
sed '47s/,/;/' "$good" >"$work/broken.csv"
expect 65 "broken.csv:47:1: expected a finite number, got '42;1'" replay "$work/broken.csv"
sed '1s/Hopper/Hoper/' "$good" >"$work/unknown.csv"
expect 78 "unknown.csv: no environment 'Hoper-v4'; did you mean 'Hopper-v4'?" replay "$work/unknown.csv"
expect 66 "none.csv" replay "$work/none.csv"
expect 64 "expected 'list' or 'replay FILE.csv'"
expect 64 "unknown command 'play'; did you mean 'replay'?" play
expect 64 "unknown option '--jsn'; did you mean '--json'?" list --jsn
expect 64 "replay needs a FILE.csv" replay
expect 64 "list takes no 'more'" list more
[ "$n_bad" = 0 ]
