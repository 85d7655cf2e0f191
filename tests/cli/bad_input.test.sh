#!/bin/bash
# Bad input, for every command: the exit code says what kind of mistake it is, standard error holds one line that says
# which and where, standard output stays empty, and nothing is left behind or changed: no folder for a run that could
# not start, no byte of a run that could not go on.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# all that a command may have left: names, sizes, contents, whatever was not there or different before
state() {
    find . -path ./log -prune -o -type f -exec md5sum {} + -o -print | sort
}

# check CODE TEXT COMMAND...: under mpirun its own lines do not count
check() {
    local code=$1 text=$2 got lines before
    shift 2
    before=$(state)
    timeout 60 "$@" >log/out 2>log/err
    got=$?
    lines=$(grep -c . log/err)
    [ "$1" != mpirun ] || lines=$(grep -c '^reverie\|^\[rank\|^ *#[0-9]\|\*\*\*' log/err)
    if [ "$got" != "$code" ] || [ "$lines" != 1 ] || [ -s log/out ] || ! grep -F -- "$text" log/err | grep -q '^reverie: error: '; then
        bad "$*: exit code $got, expected $code and one line with: $text"
        head -c 2000 log/out log/err
    fi
    [ "$(state)" = "$before" ] || bad "$* left something behind: $(diff <(echo "$before") <(state))"
}

# the same as one rank, as a supervisor of three, and as three ranks
check_train() {
    local code=$1 text=$2
    shift 2
    check "$code" "$text" "$REVERIE" train "$@" -n 1
    check "$code" "$text" "$REVERIE" train "$@" -n 3
    check "$code" "$text" mpirun -n 3 --oversubscribe --mca plm isolated "$REVERIE" train "$@"
}

reverie() { # CODE TEXT WORD...
    local code=$1 text=$2
    shift 2
    check "$code" "$text" "$REVERIE" "$@"
}

mkdir log
mkdir made
"$REVERIE" train "$tiny" -n 2 --run-dir made/run >log/out 2>&1 || fail "no run to work on: $(cat log/out)"
printf 'env:\n  name: Pendulum-v1\n\tcount: 1\n' >tab.yaml
printf 'env:\n  name: Pendulum-v1\npolcy:\n  tau: 0.1\n' >section.yaml
printf 'policy:\n  tau: 0.1\n  tua: 0.1\n' >key.yaml
printf 'policy:\n  batch: many\n' >type.yaml
printf 'policy:\n  batch: 256\n  tau: 7\n' >range.yaml
printf 'env: {name: Pendulum-v2}\n' >environment.yaml
printf 'policy:\n  tau: 0.1\npolicy:\n  tau: 0.2\n' >twice.yaml
head -c 2000 "$REVERIE" >binary.yaml
: >file

echo "-- the command line"
reverie 64 "unknown command 'trian'; did you mean 'train'?" trian
reverie 64 "unknown option '--bogus'" --bogus
reverie 64 "unknown command 'a?b'" "a
b"
reverie 64 "train: -n: expected a whole number in [1, 65536], got '0'" train "$tiny" -n 0
reverie 64 "train: -n: expected a whole number in [1, 65536], got 'x'" train "$tiny" -n x
reverie 64 "train: -n needs a value" train "$tiny" -n
reverie 64 "--run-dir does not go with --resume" train --resume made/run --run-dir other
check 64 "-n 5, but 3 ranks were started" mpirun -n 3 --oversubscribe "$REVERIE" train "$tiny" -n 5
check_train 64 "unknown option '--resum'; did you mean '--resume'?" --resum made/run
check_train 64 "unknown option '--seed'; see 'reverie train --help'" "$tiny" --seed 3
check_train 64 "expected CONFIG"
check_train 64 "one word too many: 'other.yaml'" "$tiny" other.yaml

echo "-- settings"
check_train 66 "cannot open 'missing.yaml': No such file" missing.yaml
check_train 66 "'made' is not a file" made
check_train 78 "tab.yaml:3:1: not valid YAML" tab.yaml
check_train 78 "section.yaml:3:1: unknown key 'polcy'; did you mean 'policy'?" section.yaml
check_train 78 "environment.yaml: env.name: no environment 'Pendulum-v2'; did you mean 'Pendulum-v1'?" environment.yaml
check_train 78 "override 'policy.tua=1': unknown key 'policy.tua'; did you mean 'policy.tau'?" "$tiny" policy.tua=1
check_train 78 "override 'policy.tau=7': expected a number in [1e-08, 1], got '7'" "$tiny" policy.tau=7
check_train 78 "policy.batch (63) must be a multiple of policy.shards (4)" "$tiny" policy.batch=63
check 78 "layout.model_ranks asks for 8 ranks, but the run has 3" "$REVERIE" train "$tiny" -n 3 layout.model_ranks=8
check 78 "layout.model_ranks asks for 8 ranks, but the run has 3" \
    mpirun -n 3 --oversubscribe "$REVERIE" train "$tiny" layout.model_ranks=8

echo "-- folders"
check_train 73 "'made/run' holds a run already" "$tiny" --run-dir made/run
check_train 73 "'file' is not a folder" "$tiny" --run-dir file/run
check_train 73 "cannot make folder '/proc/reverie'" "$tiny" --run-dir /proc/reverie
check_train 66 "no run in 'made'" --resume made
check_train 66 "no run in 'missing'" --resume missing
if [ "$(id -u)" != 0 ]; then
    mkdir locked
    chmod 555 locked
    check_train 73 "cannot make folder 'locked/run': Permission denied" "$tiny" --run-dir locked/run
fi
check 69 "there is no mpirun" env PATH=/nowhere "$REVERIE" train "$tiny" -n 3

echo "-- resuming with other settings"
longer=schedule.total_steps=1600 # would be written to config.yaml
check_train 78 "override 'policy.tau=0.1': run 'made/run' learned with another value" --resume made/run $longer \
    policy.tau=0.1
check_train 78 "override 'seed=2': run 'made/run' learned with another value" --resume made/run seed=2
check_train 78 "the checkpoint is at step 800, beyond schedule.total_steps = 400" --resume made/run \
    schedule.total_steps=400
check_train 78 "schedule.total_steps (810) must be a multiple" --resume made/run schedule.total_steps=810
sed -i 's/tau: .*/tau: 0.1/' made/run/config.yaml
check_train 78 "made with other settings than config.yaml" --resume made/run $longer
reverie 78 "is not the configuration that checkpoint" eval made/run
sed -i 's/  tau: .*/  tau: 0.005/' made/run/config.yaml

echo "-- corrupt checkpoints"
newest=checkpoints/$(ls made/run/checkpoints)
cp -r made/run made/good
spoil() { # COMMAND...: a fresh copy, spoilt by the command in its newest checkpoint
    rm -rf made/run
    cp -r made/good made/run
    (cd "made/run/$newest" && "$@") || fail "cannot spoil a checkpoint: $*"
}
spoilt() { # TEXT
    check_train 65 "$1" --resume made/run $longer
    reverie 65 "$1" hash made/run
    reverie 65 "$1" eval made/run # all of a checkpoint is verified, whatever is used of it
}
spoil damage learner.safetensors
spoilt "learner.safetensors' has the hash"
spoil truncate -s 100 manifest.json
spoilt "manifest.json:"
spoil rm manifest.json
spoilt "manifest.json'"
spoil sed -i 's/"tick": 16/"tick": 15/' manifest.json
spoilt "it was changed"
spoil rm shard_1.safetensors
spoilt "shard_1.safetensors' belongs to the checkpoint but cannot be found"
spoil truncate -s 10 member_2.safetensors
spoilt "member_2.safetensors' has 10 bytes"
echo "-- one bad checkpoint of two"
rm -rf made/run
cp -r made/good made/run
"$REVERIE" train --resume made/run $longer -n 1 >log/out 2>&1 || fail "cannot make a second checkpoint"
damage "made/run/checkpoints/tick_00000032/member_3.safetensors"
"$REVERIE" ckpt verify made/run >log/out 2>log/err && fail "ckpt verify: a bad file was not found"
grep -q "^BAD .*tick_00000032/member_3.safetensors" log/out || fail "ckpt verify: the bad file is not named"
[ "$(grep -c '^BAD' log/out)" = 1 ] || fail "ckpt verify: more than one bad file"
reverie 66 "no run or checkpoint at 'missing'" ckpt verify missing
reverie 64 "ckpt: unknown command 'list'; did you mean 'ls'?" ckpt list made/run
for command in hash eval; do
    "$REVERIE" $command made/run >log/out 2>log/err || fail "$command: did not fall back"
    grep -q "member_3.safetensors' has the hash.*going on from the older one of tick 20" log/err ||
        fail "$command: fell back without saying so"
done
"$REVERIE" train --resume made/run $longer -n 1 >log/out 2>log/err || fail "resume: did not fall back"
grep -q "going on from the older one of tick 20, step 1000" log/err || fail "resume: fell back without saying so"
[ -d made/run/checkpoints/tick_00000032.bad-1 ] || fail "resume: the bad checkpoint was not set aside"
"$REVERIE" ckpt verify made/run >log/out || fail "resume: the checkpoint was not written again"
"$REVERIE" ckpt ls made/run | grep -q "tick_00000032.bad-1 .*BAD" || fail "ckpt ls: no bad one"
"$REVERIE" ckpt diff made/run >log/out 2>log/err && fail "ckpt diff: two ticks are equal"
"$REVERIE" ckpt diff made/run made/run >log/out || fail "ckpt diff: a run differs from itself"

echo "-- corrupt journals"
segment=$(cd made/good && echo journal/*.seg)
# spoilt_journal TEXT
spoilt_journal() {
    check_train 65 "$1" --resume made/run $longer
    reverie 65 "$1" hash made/run
    reverie 65 "$1" journal made/run --verify
}
spoil damage "../../$segment"
spoilt_journal "$segment:"
spoil rm "../../$segment"
check_train 65 "holds 0 of the 800 real rows" --resume made/run $longer
reverie 65 "holds 0 of the 800 real rows" hash made/run
spoil truncate -s -100 "../../$segment" # a tail like that of a kill, but a checkpoint has counted on it
check_train 65 "holds 798 of the 800 real rows" --resume made/run $longer
reverie 65 "holds 798 of the 800 real rows" journal made/run --verify
spoil touch ../../journal/notes
spoilt_journal "notes' is no segment of a journal"
spoil sed -i '/"journal": {/,/}/d' manifest.json
spoilt "it has no 'journal'"
rm -rf made/run
mv made/good made/run

echo "-- other commands"
for file in tab.yaml:3:1 section.yaml:3:1 key.yaml:3:3 type.yaml:2:10 range.yaml:3:8 twice.yaml:3:1 binary.yaml:1:1; do
    reverie 78 "$file: " config check "${file%%:*}"
    reverie 78 "$file: " config show "${file%%:*}" --json
    reverie 78 "$file: " layout "${file%%:*}" -n 2
done
reverie 78 "type.yaml:2:10: 'batch': expected a whole number in" config check type.yaml
reverie 64 "config: unknown command 'shw'; did you mean 'show'?" config shw
reverie 64 "config: expected show, check or explain" config
reverie 64 "config: unknown option '--jso'; did you mean '--json'?" config show --jso
reverie 66 "cannot open 'missing.yaml'" config check missing.yaml
reverie 78 "unknown key 'policy.tua'; did you mean 'policy.tau'?" config explain policy.tua
reverie 78 "unknown key 'plicy'; did you mean 'policy'?" config explain plicy
for command in eval hash watch plot ledger journal; do
    reverie 64 "$command: unknown option '--hlep'; did you mean '--help'?" $command made/run --hlep
    reverie 64 "$command: expected RUN" $command
    reverie 66 "'missing'" $command missing
done
reverie 64 "eval: --episodes: expected a whole number in [1, 100000], got '0'" eval made/run --episodes 0
reverie 64 "eval: --seed: expected a whole number" eval made/run --seed x
reverie 64 "eval: --seed needs a value" eval made/run --seed
reverie 64 "eval: one word too many: 'b'" eval made/run b
reverie 64 "hash: --json takes no value" hash made/run --json=yes
reverie 64 "journal: --export needs a value" journal made/run --export
reverie 74 "cannot create '/nowhere/rows" journal made/run --export /nowhere/rows
reverie 64 "plot: --out must end in .png or .svg" plot made/run --out curve.pdf
reverie 64 "has no column 'model/loss'" plot made/run --metric model/loss
reverie 64 "watch: unknown role 'evalutor'; did you mean 'evaluator'?" watch made/run --role evalutor
reverie 69 "run 'made/run' is not running" watch made/run
reverie 64 "layout: -n N is missing" layout "$tiny"
reverie 64 "layout: -n: expected a whole number" layout "$tiny" -n 0
reverie 78 "layout.model_ranks asks for 8 ranks, but the run has 3" layout "$tiny" -n 3 layout.model_ranks=8
reverie 66 "cannot open 'missing.yaml'" layout missing.yaml -n 3
reverie 64 "envs: unknown command 'lst'; did you mean 'list'?" envs lst
reverie 64 "envs: unknown option '--jsn'; did you mean '--json'?" envs list --jsn
reverie 64 "envs: replay needs a FILE.csv" envs replay
reverie 66 "cannot open 'missing.csv'" envs replay missing.csv
finish
