#!/bin/bash
# Bad input: one clear line on stderr, the fitting exit code, nothing left half-written. Called plainly on one rank and
# on three, and as a rank of mpirun.
set -u
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
tiny=$SOURCE/tests/mpi/tiny.yaml
n_bad=0
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

# expect EXIT_CODE TEXT COMMAND...: exit code, one line on stderr, and it holds the text
expect() {
    local code=$1 text=$2 got lines
    shift 2
    timeout 60 "$@" >out 2>err </dev/null
    got=$?
    lines=$(grep -c . err)
    if [ "$got" != "$code" ] || [ "$lines" != 1 ] || ! grep -qF -- "$text" err; then
        echo "FAILED: $*"
        echo "  exit $got (expected $code), $lines lines on stderr (expected 1, with '$text'):"
        sed 's/^/    /' err
        n_bad=$((n_bad + 1))
    fi
}
# the folder holds no run, whole or half
nothing() {
    if [ -e "$1" ]; then
        echo "FAILED: $1 was left behind: $(ls -A "$1")"
        n_bad=$((n_bad + 1))
    fi
}

printf 'polcy:\n  tau: 1\n' >unknown.yaml
printf 'env:\n  name: Hoper-v4\n' >env.yaml
printf 'policy:\n  tau: [1\n' >broken.yaml
printf 'schedule:\n  total_steps: many\n' >type.yaml
printf 'policy:\n  discount: 1.5\n' >range.yaml
for how in one three mpirun; do
    case $how in
    one) train=("$REVERIE" train -n 1) ;;
    three) train=("$REVERIE" train -n 3) ;;
    mpirun) train=(mpirun -q -n 3 --oversubscribe --bind-to none --mca plm isolated "$REVERIE" train) ;;
    esac
    expect 78 "unknown.yaml:1:1:" "${train[@]}" unknown.yaml --run-dir run
    grep -q "policy" err || { echo "FAILED: no nearest name: $(cat err)"; n_bad=$((n_bad + 1)); }
    expect 78 "did you mean 'Hopper-v4'" "${train[@]}" env.yaml --run-dir run
    expect 78 "broken.yaml:" "${train[@]}" broken.yaml --run-dir run
    expect 78 "type.yaml:2:16:" "${train[@]}" type.yaml --run-dir run
    expect 78 "range.yaml:2:13:" "${train[@]}" range.yaml --run-dir run
    expect 78 "policy.tau" "${train[@]}" "$tiny" policy.tau=7 --run-dir run
    expect 78 "policy.shards (3)" "${train[@]}" "$tiny" policy.shards=3 --run-dir run
    expect 66 "missing.yaml" "${train[@]}" missing.yaml --run-dir run
    expect 66 "nowhere" "${train[@]}" --resume nowhere
    expect 78 "layout.model_ranks asks for 7 ranks, but the run has" "${train[@]}" "$tiny" layout.model_ranks=7 --run-dir run
    expect 64 "--nonsense" "${train[@]}" "$tiny" --nonsense
    nothing run
    nothing nowhere
    nothing runs
done
expect 64 "-n" "$REVERIE" train "$tiny" -n 0
expect 64 "-n" "$REVERIE" train "$tiny" -n many
expect 64 "tain" "$REVERIE" tain
expect 64 "--run-dir" "$REVERIE" train --resume x --run-dir y
expect 78 "policy.tua" "$REVERIE" config explain policy.tua
expect 66 "missing.yaml" "$REVERIE" config check missing.yaml
expect 66 "no_run" "$REVERIE" eval no_run
expect 66 "no_run" "$REVERIE" hash no_run
expect 66 "no_run" "$REVERIE" plot no_run
expect 66 "no_run" "$REVERIE" watch no_run
expect 66 "none.csv" "$REVERIE" envs replay none.csv
expect 64 "-n" "$REVERIE" layout "$tiny"

# a run, and what can go wrong with it
"$REVERIE" train "$tiny" -n 2 --run-dir good >out 2>&1 || { cat out; exit 1; }
before=$(find good -type f -exec md5sum {} + | sort)
expect 73 "good" "$REVERIE" train "$tiny" --run-dir good
expect 78 "policy.tau" "$REVERIE" train --resume good policy.tau=0.1 -n 2
expect 78 "total_steps" "$REVERIE" train --resume good schedule.total_steps=400 -n 2
[ "$before" = "$(find good -type f -exec md5sum {} + | sort)" ] || {
    echo "FAILED: a refused command changed the run"
    n_bad=$((n_bad + 1))
}
checkpoint=$(echo good/checkpoints/tick_*16)
for damage in flip cut gone manifest; do
    rm -rf bad
    cp -r good bad
    folder=bad/${checkpoint#good/}
    case $damage in
    flip) printf '\xff' | dd of="$folder/learner.safetensors" bs=1 seek=3000 conv=notrunc status=none ;;
    cut) truncate -s -10 "$folder/member_3.safetensors" ;;
    gone) rm "$folder/real.safetensors" ;;
    manifest) truncate -s 100 "$folder/manifest.json" ;;
    esac
    before=$(find bad/checkpoints -type f -exec md5sum {} + | sort)
    expect 65 "tick_00000016" "$REVERIE" hash bad
    expect 65 "tick_00000016" "$REVERIE" train --resume bad -n 2 schedule.total_steps=1600
    case $damage in flip | manifest) expect 65 "tick_00000016" "$REVERIE" eval bad ;; esac
    [ "$before" = "$(find bad/checkpoints -type f -exec md5sum {} + | sort)" ] || {
        echo "FAILED: the corrupt checkpoint ($damage) was changed"
        n_bad=$((n_bad + 1))
    }
done
if [ "$(id -u)" != 0 ]; then
    mkdir locked && chmod 555 locked
    expect 73 "locked" "$REVERIE" train "$tiny" --run-dir locked/run
fi
expect 73 "'/dev/null' is not a folder" "$REVERIE" train "$tiny" --run-dir /dev/null/run
[ "$n_bad" = 0 ] && echo "all refused as they should be"
[ "$n_bad" = 0 ]
