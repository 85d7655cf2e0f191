#!/bin/bash
# `reverie watch` on live runs: it prints frames, whoever stops reading neither stops the run nor thins its records and
# is told what it missed, and a run without subscribers, with several, or without a feed trains the same.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# two small frames and a ledger per rank for every two real steps, nothing learned: tens of thousands a second, more
# than sockets hold for a watcher that sleeps
many=(policy.real_share=1 policy.real_share_end=1 schedule.updates_per_step=0 schedule.tick_steps=2
    eval.every_steps=0 checkpoint.every_ticks=0 feed.high_water=10)

start() { # RUN STEPS ARGS...: on 2 ranks in the background, as $pid; goes on once it publishes
    local run=$1 steps=$2
    shift 2
    "$REVERIE" train "$tiny" "${many[@]}" schedule.total_steps="$steps" "$@" -n 2 --run-dir "$work/$run" \
        >"$run.log" 2>&1 &
    pid=$!
    wait_for 60 [ -e "$run/feed.json" ] || fail "$run does not get going: $(cat "$run.log")"
}

# the run ends well, and its records are whole: per tick a frame of each environment and of each rank, one evaluation,
# and one of each episode, which has 200 steps
whole() { # RUN STEPS
    wait $pid || fail "$1: exit code $?: $(cat "$1.log")"
    [ "$(wc -l <"$1/metrics.jsonl")" = $((4 * ($2 / 2 + 1) + 1 + $2 / 200)) ] || fail "$1: $(wc -l <"$1/metrics.jsonl") records"
    [ "$(wc -l <"$1/progress.csv")" = $(($2 / 2 + 2)) ] || fail "$1: $(wc -l <"$1/progress.csv") rows"
}

missed() { # FILE: lines, as told
    awk '/^missed [0-9]+ lines$/ { n += $2 } END { print n + 0 }' "$1"
}

has_lines() { # FILE N
    [ "$(wc -l <"$1")" -ge "$2" ]
}

# two watchers, one of which sleeps for a while
start busy 120000
"$REVERIE" watch busy --json >json 2>json.err &
json=$!
"$REVERIE" watch busy --role rank >text 2>text.err &
text=$!
wait_for 30 has_lines json 100 || fail "no frames: $(cat json.err)"
wait_for 30 has_lines text 100 || fail "no frames: $(cat text.err)"
kill -STOP $text
before=$(wc -l <text)
wait_for 60 has_rows busy $(($(wc -l <busy/progress.csv) + 20000)) || fail "the run waits for a watcher that sleeps"
kill -CONT $text
whole busy 120000
wait $json || fail "watch --json: $(cat json.err)"
wait $text || fail "watch: $(cat text.err)"
[ "$(tail -n 1 json.err)" = "the run has ended" ] || fail "watch --json: $(tail -n 3 json.err)"
[ "$(tail -n 1 text.err)" = "the run has ended" ] || fail "watch: $(tail -n 3 text.err)"
[ "$(missed text.err)" -gt 1000 ] || fail "a watcher that slept missed only $(missed text.err): $(cat text.err)"
[ "$(wc -l <text)" -gt "$before" ] || fail "a watcher that slept sees nothing any more"
grep -qE '^step [0-9]+ +rank [01]  .*time/wait_s [0-9]' text || fail "watch --role rank: $(head -n 1 text)"
! grep -qv '^step [0-9]* *rank ' text || fail "watch --role rank shows others"
# what came is what was recorded, in the same words; no more than there was
python3 - <<'PY' || fail "watch --json is not what was recorded"
import json
seen = [json.loads(line) for line in open("json")]
recorded = {(r["tick"], r["role"], r["unit"]): r for r in map(json.loads, open("busy/metrics.jsonl"))}
assert len(seen) >= 100
assert all(recorded[r["tick"], r["role"], r["unit"]] == r for r in seen)
PY
[ $(($(wc -l <json) + $(missed json.err))) -le "$(wc -l <busy/metrics.jsonl)" ] || fail "more missed than there was"
echo "two watchers: $(missed text.err) of $(wc -l <busy/metrics.jsonl) lines missed in sleep"

# a watcher that never wakes up; one that leaves; Ctrl-C
start asleep 60000
"$REVERIE" watch asleep >asleep.text 2>&1 &
sleeper=$!
"$REVERIE" watch asleep 2>head.err | head -n 5 >head.text
"$REVERIE" watch asleep >int.text 2>int.err &
interrupted=$!
wait_for 30 has_lines asleep.text 10 || fail "no frames: $(cat asleep.text)"
wait_for 30 has_lines int.text 10 || fail "no frames: $(cat int.err)"
kill -STOP $sleeper
kill -INT $interrupted
wait $interrupted || fail "watch after Ctrl-C: exit code $?"
! grep -q "the run has ended" int.err || fail "Ctrl-C is not the end of the run"
whole asleep 60000
kill -9 $sleeper
wait $sleeper 2>/dev/null
[ "$(wc -l <head.text)" = 5 ] || fail "watch | head: $(cat head.err)"

# nobody watches; nothing is published: the same run, bit for bit
start alone 20000
whole alone 20000
start silent 20000 feed.publish=off
code=0
"$REVERIE" watch silent >out 2>err || code=$?
[ $code = 69 ] || fail "watch of a run with feed.publish=off: exit code $code"
grep -q "publishes nothing (feed.publish: off)" err || fail "watch of a run with feed.publish=off: $(cat err)"
whole silent 20000
"$REVERIE" hash alone >alone.hash || fail "hash"
"$REVERIE" hash silent | diff alone.hash - || fail "feed.publish changes the result"

# an address that is taken: an error that names it, at once
start taken 120000
address=$(python3 -c 'import json; print(json.load(open("taken/feed.json"))["publish"])')
code=0
"$REVERIE" train "$tiny" -n 2 "feed.publish=$address" --run-dir second >out 2>err || code=$?
[ $code = 71 ] || fail "feed.publish=$address: exit code $code"
[ "$(wc -l <err)" = 1 ] || fail "feed.publish=$address: $(cat err)"
grep -qF "cannot bind $address: Address already in use" err || fail "feed.publish=$address: $(cat err)"
whole taken 120000
finish
