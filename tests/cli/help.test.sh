#!/bin/bash
# Help: every command explains itself with examples on standard output; listings speak JSON; `reverie --help` lists the
# exit codes, and what is written in examples is taken by the program.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

prints() { # TEXT WORD...: exit code 0, the text on standard output, nothing on standard error
    local text=$1
    shift
    "$REVERIE" "$@" >out 2>err || bad "reverie $*: exit code $?: $(cat err)"
    grep -qF -- "$text" out || bad "reverie $*: expected '$text'"
    [ ! -s err ] || bad "reverie $*: said $(cat err)"
}

json() { # WORD...: with --json it prints JSON
    prints '' "$@" --json
    python3 -m json.tool <out >/dev/null || bad "reverie $* --json: no JSON: $(head -c 200 out)"
}

commands=$("$REVERIE" --help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ "$(wc -w <<<"$commands")" -ge 8 ] || fail "--help lists the commands: $commands"
for command in $commands; do
    prints "usage: reverie $command" "$command" --help
    prints "examples:" "$command" -h
    prints "examples:" "$command" --unknown words --help
    # lines of more than 120 characters wrap
    ! grep -nE '^.{121}' out || bad "$command --help: lines too long"
done
for text in "Exit codes:" "  64  the command line is wrong" "  75  stopped on request" "  78  the configuration"; do
    prints "$text" --help
    prints "$text" -h
    prints "$text" help
done
# the table of exit codes is base/status.h's, and the README knows each
mapfile -t codes < <(sed -nE 's/^ *X\(RV_[A-Z_]*, *([0-9]+), "(.*)"\) *\\?$/\1 \2/p' "$SOURCE/src/base/status.h")
[ ${#codes[@]} -ge 16 ] || fail "status.h: ${#codes[@]} codes"
"$REVERIE" --help >out
for row in "${codes[@]}"; do
    code=${row%% *}
    grep -qxF -- "$(printf '  %3d  %s' "$code" "${row#* }")" out || bad "--help does not say: $row"
    sed -n '/^### Exit codes/,/^## /p' "$SOURCE/README.md" | grep -qE "^\|( *[0-9]+,)* *$code( *, *[0-9]+)* *\|" ||
        bad "README.md: no row for exit code $code"
done
[ "$(sed -n '/Exit codes:$/,$p' <(prints '' --help && cat out) | grep -cE '^ +[0-9]+  ')" = ${#codes[@]} ] ||
    bad "--help lists other codes than status.h"
prints "128 + N" --help
prints "reverie " --version
"$REVERIE" >out 2>err && bad "reverie alone: exit code 0"
grep -q "^usage: reverie COMMAND" err || bad "reverie alone: $(cat err)"

"$REVERIE" train "$tiny" -n 1 --run-dir run >log 2>&1 || fail "train: $(cat log)"
json config show
json config show "$tiny" policy.batch=128
json config explain
json config explain policy
json config explain policy.tau
json layout "$tiny" -n 3
json envs list
json envs Hopper-v4
json envs check Pendulum-v1
json envs replay "$SOURCE/tests/unit/env/reference/Pendulum-v1.sin.csv"
json hash run
json ledger run
json diagnose run
json eval run --episodes 2
python3 -m json.tool <run/run.json >/dev/null || bad "run.json"

# settings named in --help exist
for key in $("$REVERIE" train --help | grep -oE '[a-z]+\.[a-z_]+=' | tr -d = | sort -u); do
    prints "$key: " config explain "$key"
done
# a full disk is no success
for words in --help "train --help" "config show" "envs list" "envs list --json" "layout $tiny -n 2" "hash run" \
    "diagnose run --text"; do
    code=0
    # shellcheck disable=SC2086
    "$REVERIE" $words >/dev/full 2>err || code=$?
    [ $code = 74 ] || bad "reverie $words to a full disk: exit code $code"
done
finish
