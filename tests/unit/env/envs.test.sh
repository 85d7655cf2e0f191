#!/bin/bash
# `reverie envs`: listing, showing, checking, replay of good, altered and broken files, bad usage.
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
expect 0 "HalfCheetah-v4"
expect 0 "action        3 numbers" Hopper-v4
expect 0 '"time_limit": 1000' Hopper-v4 --json
expect 0 "the limit truncates" check Pendulum-v1
expect 0 "Hopper-v4 keeps what training relies on" check Hopper-v4 --steps 500 --seed 3
expect 0 '"good": true' check InvertedPendulum-v4 --json
expect 78 "did you mean 'Hopper-v4'?" check Hoper-v4
expect 78 "did you mean 'Hopper-v4'?" Hoper-v4
expect 64 "--steps: expected a whole number in [10, 10000000], got '3'" check Hopper-v4 --steps 3
expect 64 "belong to 'envs check'" Hopper-v4 --steps 30
expect 64 "one word too many: 'more'" Hopper-v4 more
expect 64 "check needs a NAME" check
expect 64 "keys needs a FOLDER" keys
expect 0 "the run needs client.secret" keys "$work/keys"
expect 73 "keys" keys "$work/keys"
expect 78 "override 'env.nme=x'" check Hopper-v4 env.nme=x
expect 64 "'randomise.mass=' changes nothing here" check Hopper-v4 randomise.mass=
expect 66 "there is no file 'none.yaml', seen from the folder that reverie was started in" none.yaml
expect 78 "no key 'env' in the description of a task" "$SOURCE/tests/mpi/tiny.yaml"
expect 0 "examples:" --help
expect 0 "examples:" replay --help
for file in "$SOURCE"/tests/unit/env/reference/{*.sin,traj_*}.csv; do
    expect 0 " steps" replay "$file"
done
expect 0 '"equal": true' replay "$good" --json
# one digit of one number of row t=40
sed '45s/,1\.\([0-9]\)/,1.9\1/2' "$good" >"$work/altered.csv"
expect 1 "differ first at t=40 column" replay "$work/altered.csv"
expect 1 '"t": 40' replay --json "$work/altered.csv"
# a row without observation: its action counts
sed '46s/,-0\.[0-9]*$/,0.1/' "$good" >"$work/other_action.csv"
expect 1 "differ first at t=4" replay "$work/other_action.csv"
# a file made small
"$SOURCE/tests/unit/env/reference/thin" "$SOURCE/tests/unit/env/reference/CartPole-v1.sin.csv" >"$work/thin.csv"
expect 0 "observation      12 values equal" replay "$work/thin.csv"
sed '47s/,/;/' "$good" >"$work/broken.csv"
expect 65 "broken.csv:47:1: expected a finite number, got '42;1'" replay "$work/broken.csv"
sed '1s/Hopper/Hoper/' "$good" >"$work/unknown.csv"
expect 78 "unknown.csv: no environment 'Hoper-v4'; did you mean 'Hopper-v4'?" replay "$work/unknown.csv"
expect 66 "none.csv" replay "$work/none.csv"
expect 64 "unknown command 'repla'; did you mean 'replay'?" repla
expect 64 "unknown option '--jsn'; did you mean '--json'?" list --jsn
expect 64 "replay needs a FILE.csv" replay
expect 64 "list takes no 'more'" list more
[ "$n_bad" = 0 ]
