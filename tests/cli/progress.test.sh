#!/bin/bash
# What training shows: plain lines in a file, each state once, the same with one rank, several, and under mpirun; on a
# terminal one line that is rewritten and ended, with messages on lines of their own.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
command -v script >/dev/null || { echo "script (bsdutils) is missing" && exit 77; }

# without what depends on the machine's speed: evaluations are shown a tick later and at the end, other ticks as time goes by
settled() { # FILE
    sed -E 's/ \| [0-9.e+]+ (steps|updates)\/s.*//; s/ in [0-9:]+ on [0-9]+ ranks?;/ in TIME;/; s/^run:.*/run:/; s/^reverie: [0-9]+ ranks? on/reverie: RANKS on/' "$1" |
        sed '/^step /{/^step \(250\|450\|650\|800\)\//!d}'
}

"$REVERIE" train "$tiny" -n 1 --run-dir one >one.out 2>one.err || fail "one rank: $(cat one.err)"
"$REVERIE" train "$tiny" -n 3 --run-dir three >three.out 2>three.err || fail "three ranks: $(cat three.err)"
mpirun -n 3 --oversubscribe --mca plm isolated "$REVERIE" train "$tiny" --run-dir mpi >mpi.out 2>mpi.err ||
    fail "mpirun: $(cat mpi.err)"
grep -q '^step 800/800 | return -[0-9.]* | model loss [0-9.]* | imagined 95 %' one.err || fail "$(cat one.err)"
[ -z "$(settled one.err | sort | uniq -d)" ] || fail "a state is shown twice: $(cat one.err)"
! grep -q $'[\r\033]' one.err three.err || fail "a terminal's codes in a file"
for run in three mpi; do
    diff <(settled one.err) <(settled $run.err) || fail "$run is shown otherwise"
    diff <(settled one.out) <(settled $run.out) || fail "$run ends otherwise"
done
"$REVERIE" train --resume three -n 2 >again.out 2>again.err || fail "$(cat again.err)"
[ "$(wc -l <again.err)" = 2 ] || fail "a run that is over shows more than its end: $(cat again.err)"

# terminal NAME COMMAND...: what a terminal of 70 columns shows at the end, escape codes done, as lines; exec, because
# a shell that waits would take a Ctrl-C for itself
terminal() {
    local name=$1
    shift
    script -qefc "stty cols 70; exec $*" /dev/null >"$name.tty"
    echo $? >"$name.code"
    python3 - "$name.tty" >"$name.screen" <<'PY'
import sys
for line in open(sys.argv[1], newline="").read().split("\n"):
    shown = ""
    for part in line.split("\r"):
        clear = part.endswith("\033[K")
        part = part.replace("\033[K", "").replace("^C", "")
        shown = part if clear or len(part) >= len(shown) else part + shown[len(part):]
        assert len(part) < 70 or not part.startswith("step"), "the line wraps: " + part
    print(shown)
PY
}

for n in 1 3; do
    terminal "plain$n" "$REVERIE" train "$tiny" -n $n --run-dir "plain$n" </dev/null
    [ "$(cat plain$n.code)" = 0 ] || fail "on a terminal: exit code $(cat plain$n.code plain$n.tty)"
    [ "$(grep -c . plain$n.screen)" = 4 ] || fail "on a terminal: expected 4 lines: $(cat plain$n.screen)"
    [[ $(sed -n 1p plain$n.screen) = "reverie: $n rank"*" on 1 node; kernels: avx"* ]] ||
        fail "on a terminal: $(cat plain$n.screen)"
    [[ $(sed -n 2p plain$n.screen) = "step 800/800 | return "* ]] || fail "on a terminal: $(cat plain$n.screen)"
    [[ $(sed -n 3p plain$n.screen) = "done: 800 real steps "* ]] || fail "on a terminal: $(cat plain$n.screen)"
    [ "$(grep -o $'\r' plain$n.tty | wc -l)" -ge 4 ] || fail "on a terminal: the line is not rewritten"

    # Ctrl-C, when it is on its way
    (wait_for 60 has_rows "stop$n" 12 && printf '\003' && sleep 3) |
        terminal "stop$n" "$REVERIE" train "$tiny" -n $n --run-dir "stop$n" schedule.total_steps=20000
    [ "$(cat stop$n.code)" = 75 ] || fail "Ctrl-C: exit code $(cat stop$n.code stop$n.tty)"
    grep -q '^reverie: asked to stop: ' stop$n.screen || fail "Ctrl-C: $(cat stop$n.screen)"
    grep -q '^reverie: stopped at step [0-9]* as asked; go on with' stop$n.screen || fail "Ctrl-C: $(cat stop$n.screen)"
    [ "$(grep -c '^step' stop$n.screen)" = 1 ] || fail "Ctrl-C: $(cat stop$n.screen)"
done

# a rank is lost
(
    wait_for 60 has_rows lost 12
    kill -9 "$(ranks_of lost | tail -n 1)"
) &
terminal lost "$REVERIE" train "$tiny" -n 3 --run-dir lost schedule.total_steps=20000 \
    supervisor.restarts=0 </dev/null
[ "$(cat lost.code)" = 71 ] || fail "lost rank: exit code $(cat lost.code lost.tty)"
grep -q '^reverie: error: a rank was ended by signal 9' lost.screen || fail "lost rank: $(cat lost.screen)"
finish
