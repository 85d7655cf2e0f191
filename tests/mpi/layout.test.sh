#!/bin/bash
# The same settings and seed give the same bits, whatever the layout: every unit's hash and the metrics' hash agree on
# 1, 2, 3, 5 and 12 ranks, and over two hosts that talk over TCP with one copy of the real buffer on each, in both
# schedules, after 7 (lockstep) and 6 (pipelined) fits of the ensemble. A changed seed must change them.
set -u
work=$(mktemp -d) || exit 1
hosts="$SOURCE/tests/mpi/hosts.sh"
export RV_HOSTS=lay$((RANDOM % 1000))
made_hosts=
cleanup() {
    [ -z "$made_hosts" ] || bash "$hosts" down
    rm -rf "$work"
}
trap cleanup EXIT
fail() {
    echo "FAILED: $*"
    exit 1
}

# train NAME N ARGS...
train() {
    local name=$1 n=$2
    shift 2
    "$REVERIE" train "$SOURCE/tests/mpi/tiny.yaml" -n "$n" --run-dir "$work/$name" "$@" >"$work/$name.log" 2>&1 ||
        fail "train on $n ranks: $(cat "$work/$name.log")"
}
# same NAME REFERENCE
same() {
    "$REVERIE" hash "$work/$1" >"$work/$1.hash" || fail "hash of $1"
    diff "$work/$2.hash" "$work/$1.hash" || fail "$1 differs from $2"
    echo "same: $1 = $2 ($(tail -1 "$work/$1.hash"))"
}

for mode in lockstep pipelined; do
    train "$mode-1" 1 schedule.mode=$mode
    "$REVERIE" hash "$work/$mode-1" >"$work/$mode-1.hash" || fail "hash"
    fits=$(grep -c '"role":"model","unit":0,' "$work/$mode-1/metrics.jsonl")
    [ "$fits" -ge 4 ] || fail "$mode: only $fits fits"
    grep -q '"imagine/stopped_share":0\.[0-9]' "$work/$mode-1/metrics.jsonl" || fail "$mode: the gate stopped no branch"
    for n in 2 3 5 12; do
        train "$mode-$n" "$n" schedule.mode=$mode
        same "$mode-$n" "$mode-1"
    done
    # roles with ranks of their own, the learner on the last ones
    train "$mode-own" 9 schedule.mode=$mode layout.model_ranks=4 layout.rollout_ranks=1 layout.policy_ranks=4
    same "$mode-own" "$mode-1"
done
train other 2 schedule.mode=pipelined seed=2
"$REVERIE" hash "$work/other" >"$work/other.hash"
! diff -q "$work/other.hash" "$work/pipelined-1.hash" >/dev/null || fail "another seed gives the same bits"

if [ "$(id -u)" != 0 ]; then
    echo "two hosts: left out, network namespaces need root"
    exit 0
fi
made_hosts=1
bash "$hosts" up || fail "cannot make two hosts"
for mode in lockstep pipelined; do
    before=$(bash "$hosts" bytes)
    bash "$hosts" run 5 "$REVERIE" train "$SOURCE/tests/mpi/tiny.yaml" schedule.mode=$mode --run-dir "$work/$mode-hosts" \
        >"$work/hosts.log" 2>&1 || fail "two hosts: $(cat "$work/hosts.log")"
    same "$mode-hosts" "$mode-1"
    grep -q '"nodes": 2' "$work/$mode-hosts/run.json" || fail "the ranks did not see two nodes"
    sent=$(($(bash "$hosts" bytes) - before))
    [ "$sent" -gt 1000000 ] || fail "only $sent bytes went over the network"
    echo "two hosts, $mode: $sent bytes over TCP"
done
