#!/bin/bash
# lib.sh - shared by the tests of the command line: a folder of their own, runs to interrupt, and what must be gone
# after them. Needs REVERIE and SOURCE.
# shellcheck disable=SC2034 # used by those who read this
set -u
: "${REVERIE:?}" "${SOURCE:?}"
# Where it may, a test gets a /dev/shm of its own, so that other runs of this machine neither see nor disturb it.
if [ -z "${OWN_SHM:-}" ] && unshare --mount mount -t tmpfs tmpfs /dev/shm 2>/dev/null; then
    # shellcheck disable=SC2016 # the inner shell expands them
    OWN_SHM=yes exec unshare --mount bash -c 'mount -t tmpfs tmpfs /dev/shm && exec bash "$@"' bash "$0" "$@"
fi
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
tiny=$SOURCE/tests/mpi/tiny.yaml
work=$(mktemp -d) || exit 1
cd "$work" || exit 1
n_bad=0

# end what a test that failed left running: only processes that name its folder
cleanup() {
    local pids
    mapfile -t pids < <(pgrep -f -- "$work/")
    [ ${#pids[@]} = 0 ] || kill -9 "${pids[@]}" 2>/dev/null
    cd / && rm -rf "$work"
}
trap cleanup EXIT

fail() {
    echo "FAILED: $*"
    exit 1
}

# a failure that does not end the test
bad() {
    echo "BAD: $*"
    n_bad=$((n_bad + 1))
}

finish() {
    [ "$n_bad" = 0 ] || fail "$n_bad of the checks above"
    echo ok
}

# wait_for SECONDS COMMAND...: until the command succeeds
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}

# has_rows RUN N: progress.csv has at least N rows
has_rows() {
    [ -e "$1/progress.csv" ] && [ "$(wc -l <"$1/progress.csv")" -gt "$2" ]
}

# processes of a run's ranks: their command line is "reverie train [--resume] RUN"
ranks_of() {
    pgrep -f -- "^$REVERIE train (--resume )?$1\$"
}

# nothing that names the run is alive
is_gone() {
    ! pgrep -f -- "$1( |\$)" >/dev/null
}

# files in shared memory that no process has open or mapped, apart from those that were there before
shm_before=$(ls /dev/shm)
shm_leaks() {
    local file
    for file in /dev/shm/*; do
        grep -qxF "${file##*/}" <<<"$shm_before" && continue
        [ -e "$file" ] && ! grep -qsF "$file" /proc/[0-9]*/maps && echo "$file"
    done
}

# flip one bit in the middle of a file
damage() {
    python3 -c '
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[len(data) // 2] ^= 1
open(sys.argv[1], "wb").write(data)' "$1"
}
