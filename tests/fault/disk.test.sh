#!/bin/bash
# disk.test.sh - a disk in trouble while a run writes: full, broken, over quota, read-only, taking bytes one by one. The
# run ends with 74 and says which file and why, or waits until there is room; the last checkpoint is whole, and the run
# goes on to the bits of one that had no trouble.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
: "${BUILD:?}"
settings=(schedule.total_steps=1200 checkpoint.every_ticks=5)
shim=$BUILD/tests/libdisk_fault.so
[ -e "$shim" ] || fail "no $shim"
grep -q '^RV_SANITIZE:STRING=.' "$BUILD/CMakeCache.txt" && {
    echo "a sanitizer has to be loaded first"
    exit 77
}

hash_of() { # RUN
    "$REVERIE" hash "$1" >"$1.hash" || fail "hash of $1"
}

resume_to_whole() { # RUN
    "$REVERIE" train --resume "$1" -n 2 >"$1.again.log" 2>&1 || fail "resume $1: $(cat "$1.again.log")"
    hash_of "$1"
    diff whole.hash "$1.hash" || fail "$1 differs from the run without trouble"
}

"$REVERIE" train "$tiny" "${settings[@]}" -n 2 --run-dir whole >log 2>&1 || fail "train: $(cat log)"
hash_of whole

# ---- the run ends: fault, part of the path, which call, what it must say ----
i=0
while read -r fault where n text; do
    i=$((i + 1))
    run=end-$i
    code=0
    LD_PRELOAD=$shim DISK_FAULT="$fault $where $n" "$REVERIE" train "$tiny" "${settings[@]}" -n 3 --run-dir "$work/$run" \
        >"$run.log" 2>&1 || code=$?
    [ $code = 74 ] || fail "$fault on $where: exit code $code, expected 74: $(cat "$run.log")"
    [ "$(grep -c error: "$run.log")" = 1 ] || fail "$fault on $where: expected one message: $(cat "$run.log")"
    grep -q "error: .*$where.*: $text" "$run.log" || fail "$fault on $where: expected '$where ... $text': $(cat "$run.log")"
    wait_for 5 is_gone "$work/$run" || fail "$run: left $(pgrep -af "$work/$run")"
    resume_to_whole "$run"
    echo "$fault on $where: $(grep -o 'error: .*' "$run.log")"
done <<'TABLE'
ENOSPC metrics.jsonl 12 No space left on device
EIO progress.csv 8 Input/output error
EDQUOT checkpoints 30 Disk quota exceeded
ENOSPC tick_00000010 1 No space left on device
EROFS tick_00000015 1 Read-only file system
EIO manifest.json 4 Input/output error
EROFS feed.json 1 Read-only file system
ENOSPC run.json 1 No space left on device
TABLE

# ---- writes that are cut short are gone on with ----
i=0
for where in metrics.jsonl progress.csv checkpoints; do
    i=$((i + 1))
    run=short-$i
    LD_PRELOAD=$shim DISK_FAULT="SHORT $where 1" "$REVERIE" train "$tiny" "${settings[@]}" -n 2 --run-dir "$work/$run" \
        >"$run.log" 2>&1 || fail "$run: $(cat "$run.log")"
    hash_of "$run"
    diff whole.hash "$run.hash" || fail "$run differs"
done
echo "short writes: same"

# ---- waiting for room, for longer than the watchdog allows standing still ----
for where in metrics.jsonl tick_00000010; do
    run=wait-${where%%[._]*}
    rm -f healed
    LD_PRELOAD=$shim DISK_FAULT="ENOSPC $where 3" DISK_HEAL=$work/healed "$REVERIE" train "$tiny" "${settings[@]}" \
        disk.on_full=wait watchdog.seconds=2 -n 3 --run-dir "$work/$run" >"$run.log" 2>&1 &
    pid=$!
    wait_for 30 grep -q "waiting until there is room" "$run.log" || fail "$run: $(cat "$run.log")"
    sleep 6
    kill -0 $pid || fail "$run did not wait: $(cat "$run.log")"
    touch healed
    wait $pid || fail "$run: exit code $?: $(cat "$run.log")"
    [ "$(grep -c "waiting until" "$run.log")" -le 3 ] || fail "$run: expected one line of a rank: $(cat "$run.log")"
    hash_of "$run"
    diff whole.hash "$run.hash" || fail "$run differs"
    echo "waited: $(grep -o 'cannot write.*' "$run.log" | head -n 1)"
done

# ---- a real file system: one that is full, and one that becomes read-only ----
mkdir small
if [ "$(id -u)" != 0 ] || ! mount -t tmpfs -o size=400k tmpfs small 2>/dev/null; then
    echo "no mounts here"
    finish
    exit
fi
trap 'umount -l "$work/small" 2>/dev/null; cleanup' EXIT
run=small/full
code=0
"$REVERIE" train "$tiny" "${settings[@]}" -n 2 --run-dir "$work/$run" >full.log 2>&1 || code=$?
[ $code = 74 ] || fail "$run: exit code $code: $(cat full.log)"
grep -q "error: .*$work/$run/.*No space left on device" full.log || fail "$run: $(cat full.log)"
mount -o remount,size=100m "$work/small" || fail "remount"
resume_to_whole "$run"
run=small/readonly
mkdir -p $run/checkpoints
mount --bind "$work/$run/checkpoints" "$work/$run/checkpoints" || fail "bind"
trap 'umount -l "$work/small/readonly/checkpoints" "$work/small" 2>/dev/null; cleanup' EXIT
"$REVERIE" train "$tiny" "${settings[@]}" schedule.updates_per_step=20 -n 2 --run-dir "$work/$run" >readonly.log 2>&1 &
pid=$!
wait_for 30 [ -e "$run/checkpoints/tick_00000005/manifest.json" ] || fail "$run: $(cat readonly.log)"
until mount -o remount,bind,ro "$work/$run/checkpoints" 2>/dev/null; do sleep 0.01; done
code=0
wait $pid || code=$?
[ $code = 74 ] || fail "$run: exit code $code: $(cat readonly.log)"
grep -q "error: .*checkpoints/.*Read-only file system" readonly.log || fail "$run: $(cat readonly.log)"
mount -o remount,bind,rw "$work/$run/checkpoints" || fail "remount"
"$REVERIE" train --resume "$run" -n 1 >log 2>&1 || fail "resume $run: $(cat log)"
"$REVERIE" train "$tiny" "${settings[@]}" schedule.updates_per_step=20 -n 2 --run-dir other >log 2>&1 || fail "$(cat log)"
diff <("$REVERIE" hash other) <("$REVERIE" hash "$run") || fail "$run differs"
echo "full: $(grep -o 'error: .*' full.log); read-only: $(grep -o 'error: .*' readonly.log)"
finish
