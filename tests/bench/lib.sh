#!/bin/bash
# lib.sh - shared by the scripts that measure whole runs: --help, a folder of their own, one run, medians.
# Read it with the words of the command: . lib.sh "$@". Sets reverie and work.
# shellcheck disable=SC2034 # used by those who read this
case " $* " in
*" --help "* | *" -h "*)
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 71
reverie=${REVERIE:-build/reverie}
[ -x "$reverie" ] || {
    echo "${0##*/}: $reverie is missing: build it first, or say where it is in REVERIE" >&2
    exit 66
}
work=$(mktemp -d) || exit 71
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

# train RANKS CONFIG key=value...: a run in $work/run; nothing is said unless it fails
train() {
    local ranks=$1 code=0
    shift
    rm -rf "$work/run"
    "$reverie" train "$@" --run-dir "$work/run" -n "$ranks" >"$work/log" 2>&1 || code=$?
    [ $code = 0 ] && return
    cat "$work/log" >&2
    exit $code
}

# median of the numbers on standard input
median() {
    sort -g | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}
