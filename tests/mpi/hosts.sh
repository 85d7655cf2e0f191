#!/bin/bash
# hosts.sh - two "hosts" on this machine, to try what happens between hosts: each a network namespace with its own
# host name, shared memory and address; messages between them go over TCP through a bridge. Root only.
#
#   tests/mpi/hosts.sh up                 make them
#   tests/mpi/hosts.sh run N COMMAND...   run COMMAND by mpirun as N ranks, the first half on host 1, the rest on host 2
#   tests/mpi/hosts.sh bytes              bytes that host 1 has sent to the bridge so far
#   tests/mpi/hosts.sh down               end what runs there and remove them
#
# Several sets can exist at once: RV_HOSTS names the set (default "rv"; at most 8 letters and digits).
# MPIRUN_FLAGS adds flags for mpirun.
set -eu

die() {
    echo "hosts.sh: $*" >&2
    exit 1
}

name=${RV_HOSTS:-rv}
[[ $name =~ ^[A-Za-z0-9]{1,8}$ ]] || die "RV_HOSTS must be 1 to 8 letters or digits, not '$name'"
[ "$(id -u)" = 0 ] || die "needs root"
command -v ip >/dev/null || die "ip is missing; run: launch/install-deps test"
state=${TMPDIR:-/tmp}/reverie-hosts-$name
# the controller holds the bridge, so that the machine itself has no address in the subnet
controller=$name-0

# a subnet nobody uses; the route claims it and keeps what is meant for it from leaving the machine
claim_subnet() {
    local i
    for i in $(shuf -i 1-254); do
        [ -z "$(ip -4 route show to root "10.77.$i.0/24")$(ip -4 addr show to "10.77.$i.0/24")" ] || continue
        if ip route add unreachable "10.77.$i.0/24" 2>/dev/null; then
            echo "10.77.$i" >"$state/subnet"
            return
        fi
    done
    die "no free subnet in 10.77.0.0/16"
}

up() {
    local i net
    mkdir "$state" 2>/dev/null || die "hosts '$name' exist already (in $state); remove them with: hosts.sh down"
    trap 'trap - EXIT; down' EXIT
    claim_subnet
    net=$(cat "$state/subnet")
    ip netns add "$controller"
    ip -n "$controller" link set lo up
    ip -n "$controller" link add bridge0 type bridge
    ip -n "$controller" addr add "$net.254/24" dev bridge0
    ip -n "$controller" link set bridge0 up
    for i in 1 2; do
        ip netns add "$name-$i"
        ip -n "$name-$i" link set lo up
        ip link add "host$i" netns "$controller" type veth peer name eth0 netns "$name-$i"
        ip -n "$controller" link set "host$i" master bridge0 up
        ip -n "$name-$i" addr add "$net.$i/24" dev eth0
        ip -n "$name-$i" link set eth0 up
    done
    # stands for ssh: enter the host named by the first word and run the rest there
    cat >"$state/enter" <<'ENTER'
#!/bin/bash
while [[ $1 == -* ]]; do shift; done
host=$1
shift
exec ip netns exec "$host" unshare --uts --mount bash -c \
    'hostname "$0" && mount -t tmpfs -o size=2g tmpfs /dev/shm && exec /bin/sh -c "$1"' "$host" "$*"
ENTER
    chmod 755 "$state/enter"
    trap - EXIT
}

down() {
    local host pids
    for host in "$controller" "$name-1" "$name-2"; do
        pids=$(ip netns pids "$host" 2>/dev/null) || continue
        # shellcheck disable=SC2086
        [ -z "$pids" ] || kill -9 $pids 2>/dev/null || true
        ip netns del "$host"
    done
    if [ -s "$state/subnet" ]; then
        ip route del unreachable "$(cat "$state/subnet").0/24" 2>/dev/null || true
    fi
    rm -rf "$state"
}

run() { # N COMMAND...
    local n=$1 net spread
    shift
    [[ $n =~ ^[1-9][0-9]*$ ]] || die "run: expected a number of ranks, got '$n'"
    [ -s "$state/subnet" ] || die "there are no hosts '$name'; make them with: hosts.sh up"
    net=$(cat "$state/subnet").0/24
    spread=$name-1:$(((n + 1) / 2))
    [ "$n" = 1 ] || spread=$spread,$name-2:$((n / 2))
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    # shellcheck disable=SC2016,SC2086 # the inner shell expands; flags are split on purpose
    exec ip netns exec "$controller" unshare --uts bash -c 'hostname "$0" && exec mpirun "$@"' "$controller" \
        -np "$n" --host "$spread" --mca plm rsh --mca plm_rsh_agent "$state/enter" \
        --mca oob_tcp_if_include "$net" --mca btl_tcp_if_include "$net" --mca btl self,vader,tcp --mca pml ob1 \
        --mca osc ^rdma,ucx --mca mpi_yield_when_idle 1 --bind-to none ${MPIRUN_FLAGS:-} "$@"
}

bytes() {
    ip netns exec "$name-1" cat /sys/class/net/eth0/statistics/tx_bytes
}

command=${1:-}
[ $# = 0 ] || shift
case $command in
up | down | bytes) $command ;;
run)
    [ $# -ge 2 ] || die "usage: hosts.sh run N COMMAND..."
    run "$@"
    ;;
*) die "usage: hosts.sh up | run N COMMAND... | bytes | down" ;;
esac
