#!/bin/bash
# render.test.sh - `reverie render`: films and pictures of runs and tasks, and what it says when it cannot.
# shellcheck source=tests/cli/lib.sh
. "${SOURCE:?}/tests/cli/lib.sh"

# fails CODE TEXT ARGS...: ends with this code, says this in one line, and leaves no file
fails() {
    local code=0 wanted=$1 text=$2
    shift 2
    "$REVERIE" render "$@" >out 2>err || code=$?
    [ "$code" = "$wanted" ] || bad "render $*: exit code $code, expected $wanted: $(cat err)"
    grep -qF -- "$text" err || bad "render $*: expected '$text', got: $(cat err)"
    [ "$(wc -l <err)" = 1 ] || bad "render $*: more than one line: $(cat err)"
}

# is_film FILE WIDTH HEIGHT FRAMES: all frames can be read, are no flat colour, and the first and last differ
is_film() {
    ffmpeg -nostdin -loglevel error -i "$1" -vsync passthrough -f rawvideo -pix_fmt rgb24 frames </dev/null ||
        { bad "$1 cannot be read" && return; }
    python3 - "$@" <<'PYTHON' || bad "$1 is not what it should be"
import sys
name, width, height, frames = sys.argv[1], *map(int, sys.argv[2:5])
data = open("frames", "rb").read()
size = width * height * 3
if len(data) != size * frames:
    sys.exit(f"{name}: {len(data)} bytes of pixels, expected {frames} frames of {size}")
for i in (0, frames - 1):
    frame = data[i * size:(i + 1) * size]
    if len({frame[k:k + 3] for k in range(0, size, 3)}) < 8:
        sys.exit(f"{name}: frame {i} has hardly any colours")
if data[:size] == data[-size:]:
    sys.exit(f"{name}: the first frame is the last")
PYTHON
    rm -f frames
}

# is_png FILE WIDTH HEIGHT
is_png() {
    python3 - "$@" <<'PYTHON' || bad "$1 is not what it should be"
import struct, sys, zlib
data = open(sys.argv[1], "rb").read()
if data[:8] != b"\x89PNG\r\n\x1a\n" or struct.unpack(">II", data[16:24]) != tuple(map(int, sys.argv[2:4])):
    sys.exit(f"{sys.argv[1]}: {data[:24]}")
at, pixels = 8, b""
while at < len(data):
    n, kind = struct.unpack(">I4s", data[at:at + 8])
    if zlib.crc32(data[at + 4:at + 8 + n]) != struct.unpack(">I", data[at + 8 + n:at + 12 + n])[0]:
        sys.exit("wrong checksum")
    pixels += data[at + 8:at + 8 + n] if kind == b"IDAT" else b""
    at += 12 + n
if len(set(zlib.decompress(pixels))) < 20:
    sys.exit("hardly any colours")
PYTHON
}

# of JSON on standard input, this value
json() {
    python3 -c "import json, sys; d = json.load(sys.stdin); print($1)"
}

"$REVERIE" train "$tiny" -n 1 --run-dir run >log 2>&1 || fail "train: $(tail -n 3 log)"

echo "films of a run"
"$REVERIE" render run --out run.gif --size 160x120 --json >gif.json 2>err || fail "gif: $(cat err)"
[ ! -s err ] || bad "said although all is well: $(cat err)"
is_film run.gif 160 150 201
[ "$(json "d['frames'], d['width'], d['height'], d['fps']" <gif.json)" = "201 160 150 20.0" ] || bad "$(cat gif.json)"
[ "$(json "d['bytes']" <gif.json)" = "$(stat -c %s run.gif)" ] || bad "bytes: $(cat gif.json)"
"$REVERIE" eval run --episodes 2 --json >eval.json
"$REVERIE" render run --out run.mp4 --size 160x120 --episodes 2 --every 10 --fps 10 --json >mp4.json || fail "mp4"
is_film run.mp4 160 150 42
[ "$(json "[e['return'] for e in d['episodes']]" <mp4.json)" = "$(json "d['returns']" <eval.json)" ] ||
    bad "not the episodes of eval: $(cat mp4.json eval.json)"
"$REVERIE" render run --out other.gif --size 160x120 --seed 7 --steps 30 --json >other.json || fail "seed"
[ "$(json "d['episodes'][0]['steps'], d['frames'], d['seed']" <other.json)" = "30 31 7" ] || bad "$(cat other.json)"

echo "a sheet, and what the model imagines"
"$REVERIE" render run --out run.png --size 160x120 >out || fail "png"
is_png run.png 658 320
grep -q "^episode 0: 200 steps, return -" out || bad "$(cat out)"
"$REVERIE" render run --out both.png --imagined --size 160x120 --json >both.json || fail "imagined png"
is_png both.png 990 490
"$REVERIE" render run --out both.mp4 --imagined --size 160x120 --every 20 >both.txt || fail "imagined mp4"
is_film both.mp4 326 322 11
grep -qE "^ +50 +[0-9.]+ +[0-9.]+ +[0-9.]+$" both.txt || bad "no error at step 50: $(cat both.txt)"
python3 - <<'PYTHON' || bad "the error: $(cat both.json)"
import json
e = json.load(open("both.json"))["episodes"][0]["imagined"]
n = e["steps"] + 1
assert n > 20 and len(e["error"]) == len(e["least"]) == len(e["largest"]) == n
assert e["error"][0] == 0 and 0 < e["error"][1] < 1
assert all(0 <= low <= high for low, high in zip(e["least"], e["largest"]))
PYTHON
"$REVERIE" render run --out own.png --imagined --act-on imagined --size 160x120 --json >own.json || fail "--act-on"
[ "$(json "d['episodes'][0]['return']" <own.json)" = "$(json "d['episodes'][0]['return']" <both.json)" ] ||
    bad "the real episode depends on --act-on"
[ "$(json "d['episodes'][0]['imagined']['error'][1]" <own.json)" = \
    "$(json "d['episodes'][0]['imagined']['error'][1]" <both.json)" ] || bad "the first action depends on --act-on"
[ "$(json "d['episodes'][0]['imagined']['error']" <own.json)" != \
    "$(json "d['episodes'][0]['imagined']['error']" <both.json)" ] || bad "--act-on changes nothing"

echo "the same bytes again"
for file in run.gif:--json run.png: both.png:--imagined; do
    option=${file#*:} file=${file%:*}
    # shellcheck disable=SC2086 # one option or none
    "$REVERIE" render run --out "again.$file" --size 160x120 $option >out || fail "again $file"
    cmp "$file" "again.$file" || bad "$file differs"
done
"$REVERIE" render run --out again.mp4 --size 160x120 --episodes 2 --every 10 --fps 10 >out || fail "again mp4"
cmp run.mp4 again.mp4 || bad "run.mp4 differs"

echo "every task"
"$REVERIE" envs list --json | json "'\n'.join(e['name'] for e in d)" >names
[ "$(wc -l <names)" -ge 20 ] || bad "tasks: $(cat names)"
while read -r name; do
    "$REVERIE" render "$name" --out task.png --size 96x72 --steps 5 >out 2>&1 || { bad "$name: $(cat out)" && continue; }
    is_png task.png 402 224
done <names
"$REVERIE" render Hopper-v4 --out hopper.gif --size 160x120 --actions zero --every 1 --json >hopper.json || fail "Hopper"
is_film hopper.gif 160 150 "$(json "d['frames']" <hopper.json)"
"$REVERIE" render Hopper-v4 --out hopper2.gif --size 160x120 --actions zero --every 1 >out || fail "Hopper again"
cmp hopper.gif hopper2.gif || bad "hopper.gif differs"

echo "what cannot be"
mkdir bin before there
touch files
rm -f out err log
find . -maxdepth 1 | sort >files
fails 78 "randomise.mass: expected uniform(LOW, HIGH)" Hopper-v4 --out x.png randomise.mass=uniform
fails 64 "expected RUN or NAME" --out x.gif
fails 64 "--out FILE is missing" run
fails 64 "must end in .gif, .mp4 or .png, not 'x.webm'" run --out x.webm
fails 64 "must end in .gif, .mp4 or .png, not '/dev/full'" run --out /dev/full
fails 64 "--size: expected WxH" run --out x.gif --size 100
fails 64 "--size: expected WxH" run --out x.gif --size 100x100x100
fails 64 "--episodes: expected a whole number" run --out x.gif --episodes 0
fails 64 "--act-on: expected real or imagined" run --out x.gif --imagined --act-on both
fails 64 "--act-on needs --imagined" run --out x.gif --act-on real
fails 64 "a .png shows one episode" run --out x.png --episodes 2
fails 64 "--imagined needs a run" Hopper-v4 --out x.gif --imagined
fails 64 "--actions is for a task" run --out x.gif --actions zero
fails 66 "no run 'runs/none'" runs/none --out x.gif
fails 66 "before" before --out x.gif
fails 78 "did you mean 'Hopper-v4'" Hoper-v4 --out x.gif
fails 78 "hash" run --out x.gif model.hidden=99
fails 73 "no folder 'nowhere'" run --out nowhere/x.gif
ln -s "$(command -v env)" "$(command -v cat)" "$(command -v grep)" "$(command -v wc)" bin/
PATH=$work/bin fails 69 "apt-get install ffmpeg" run --out x.gif
PATH=$work/bin fails 69 "apt-get install ffmpeg" run --out x.mp4
PATH=$work/bin "$REVERIE" render run --out noffmpeg.png --size 96x72 >out 2>&1 || bad "a PNG needs ffmpeg: $(cat out)"
rm -f noffmpeg.png
# a model that was never fitted
"$REVERIE" train "$tiny" schedule.total_steps=300 checkpoint.every_ticks=1 checkpoint.keep=99 -n 1 --run-dir early \
    >log 2>&1 || fail "train: $(tail -n 3 log)"
mv early/checkpoints/tick_00000002 . && rm -rf early/checkpoints/* && mv tick_00000002 early/checkpoints/
fails 66 "before the first fit of the model" early --out x.png --imagined
rm -rf early

echo "a disk that is full"
# files may grow to 1 KiB: the file that is there stays as it was
echo old >there/x.png
(
    trap '' XFSZ
    ulimit -f 1
    "$REVERIE" render run --out there/x.png --size 96x72 >out 2>&1
)
code=$?
[ $code = 74 ] || bad "exit code $code, expected 74: $(cat out)"
[ "$(cat there/x.png)" = old ] || bad "the old file is gone"
[ "$(ls there)" = x.png ] || bad "left behind: $(ls there)"
rm -f out err log
find . -maxdepth 1 | sort | diff files - || bad "files have come or gone"
finish
