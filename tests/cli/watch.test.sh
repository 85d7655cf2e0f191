#!/bin/bash
# Live metrics of a real run: a watcher prints frames and ends with the run; one that is stopped by SIGSTOP from its
# first frame on, and none at all, change neither the run's end nor its records; the stopped one says what it missed.
set -u
work=$(mktemp -d) || exit 1
watchers=()
cleanup() {
    [ ${#watchers[@]} = 0 ] || kill -9 "${watchers[@]}" 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
cd "$work" || exit 1
fail() {
    echo "FAILED: $*"
    exit 1
}
train=("$REVERIE" train "$SOURCE/tests/mpi/tiny.yaml" schedule.total_steps=3200 schedule.updates_per_step=5 -n 2)

"${train[@]}" feed.publish=off --run-dir alone >log 2>&1 || fail "$(cat log)"
"${train[@]}" feed.high_water=10 --run-dir watched >log 2>&1 &
child=$!
for _ in $(seq 200); do
    [ -e watched/feed.json ] && break
    sleep 0.02
done
"$REVERIE" watch watched >live.txt 2>live.err &
watchers+=($!)
"$REVERIE" watch watched --json >stopped.txt 2>stopped.err &
watchers+=($!)
for _ in $(seq 500); do
    [ -s stopped.txt ] && break
    sleep 0.01
done
[ -s stopped.txt ] || fail "no frame reached the watcher: $(cat stopped.err)"
kill -STOP "${watchers[1]}"
wait $child || fail "the run failed: $(cat log)"
kill -CONT "${watchers[1]}"
for i in 0 1; do
    for _ in $(seq 100); do
        kill -0 "${watchers[$i]}" 2>/dev/null || break
        sleep 0.1
    done
    ! kill -0 "${watchers[$i]}" 2>/dev/null || fail "watcher $i did not end with the run"
done
[ "$(wc -l <live.txt)" -gt 100 ] || fail "the watcher printed $(wc -l <live.txt) lines"
/usr/bin/python3 -c 'import json, sys; [json.loads(line) for line in open(sys.argv[1])]' stopped.txt || fail "--json is not JSON"
grep -qi "missed" stopped.err stopped.txt live.err live.txt || fail "nobody says that frames were missed"
for run in alone watched; do
    "$REVERIE" hash $run | sort >$run.hash
done
diff alone.hash watched.hash || fail "watching changed the run"
echo "watched: $(wc -l <live.txt) lines live; $(cat stopped.err live.err | grep -i missed | tail -n 1)"
