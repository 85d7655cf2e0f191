#!/bin/bash
# cluster.sh - a throw-away Slurm cluster on this machine's loopback: its own munge, controller and n nodes, all state
# in one folder, nothing in /etc read or written. Root only (slurmd starts jobs as their owner).
#
# usage: tests/slurm/cluster.sh start DIR [NODES [CPUS_PER_NODE]]     then: . DIR/env.sh
#        tests/slurm/cluster.sh stop DIR                              ends every job, daemon and removes DIR
#
# Partitions: main, and high, whose jobs send those of main back to the queue after 20 s of grace.
#
# DIR/env.sh sets what clients and Open MPI need. Each node has its own host name (Open MPI names shared memory by it)
# and its own port; ports are looked for anew on every start.
set -eu

die() {
    echo "cluster.sh: $*" >&2
    exit 1
}

is_alive() { # PID: neither gone nor a zombie waiting for its parent
    local stat
    stat=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) || return 1
    [ -n "$stat" ] && [ "$stat" != Z ]
}

stop_pids() { # PIDFILE...: TERM, then KILL after 5 s
    local file pid pids=() left=() _
    for file; do [ -s "$file" ] && pids+=("$(cat "$file")"); done
    [ ${#pids[@]} -gt 0 ] || return 0
    kill "${pids[@]}" 2>/dev/null || true
    for _ in $(seq 100); do
        left=()
        for pid in "${pids[@]}"; do is_alive "$pid" && left+=("$pid"); done
        [ ${#left[@]} -gt 0 ] || return 0
        sleep 0.05
    done
    kill -9 "${left[@]}" 2>/dev/null || true
}

stop() {
    [ -d "$dir" ] || return 0
    [ -f "$dir/cluster.sh.lock" ] || die "$dir was not made by this script"
    export SLURM_CONF=$dir/slurm.conf
    if timeout 5 squeue -h >/dev/null 2>&1; then
        timeout 5 scancel -u root -s KILL -f 2>/dev/null || true
        timeout 5 scancel -u root 2>/dev/null || true
        for _ in $(seq 100); do
            [ -n "$(timeout 5 squeue -h 2>/dev/null)" ] || break
            sleep 0.1
        done
    fi
    # nodes first: without a controller their steps would linger, waiting to report
    stop_pids "$dir"/run/slurmd.*.pid
    stop_pids "$dir/run/slurmctld.pid"
    stop_pids "$dir/munge/pid"
    rm -rf "$dir"
}

free_ports() { # N: first of N consecutive ports that nobody listens on
    local base used
    used=$(ss -Htanu 2>/dev/null | awk '{n = split($5, part, ":"); print part[n]}' | sort -u)
    for base in $(shuf -i 200-300 | awk '{print $1 * 100}'); do
        seq "$base" $((base + $1 - 1)) | grep -qxFf <(echo "$used") || {
            echo "$base"
            return
        }
    done
    die "no $1 consecutive free ports between 20000 and 30000"
}

write_config() { # NODES CPUS
    local host base i
    host=$(hostname -s)
    base=$(free_ports $(($1 + 2)))
    cat >"$dir/slurm.conf" <<CONF
ClusterName=reverie
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$base
SlurmdPort=$((base + 1))
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
# a requeued job may start again once its old credential has run out
AuthInfo=socket=$dir/munge/socket,cred_expire=5
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmdPidFile=$dir/run/slurmd.%n.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
# nodes have as many processors as asked for, whatever the machine has
SlurmdParameters=config_overrides
ReturnToService=2
InactiveLimit=60
KillWait=5
KillOnBadExit=1
SlurmctldTimeout=30
SlurmdTimeout=30
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
# in its grace time a job gets the signal that it asked for (--signal)
SlurmctldParameters=preempt_send_user_signal
PlugStackConfig=$dir/plugstack.conf
# each node needs a folder of its own for the files of srun --mpi=pmix
TmpFS=$dir/tmp/%n
CONF
    for i in $(seq "$1"); do
        echo "NodeName=n$i NodeHostname=n$i NodeAddr=127.0.0.1 Port=$((base + 1 + i)) CPUs=$2 State=UNKNOWN"
        mkdir -p "$dir/tmp/n$i"
    done >>"$dir/slurm.conf"
    cat >>"$dir/slurm.conf" <<CONF
PartitionName=main Nodes=ALL Default=YES DefaultTime=10 MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=20
PartitionName=high Nodes=ALL DefaultTime=10 MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
CONF
    : >"$dir/plugstack.conf"
    cat >"$dir/env.sh" <<ENV
export SLURM_CONF='$dir/slurm.conf'
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_btl_tcp_if_include=lo OMPI_MCA_oob_tcp_if_include=lo
ENV
}

start() { # NODES CPUS
    local i idle
    [ "$(id -u)" = 0 ] || die "needs root"
    for i in munged slurmctld slurmd sinfo unshare ss; do
        command -v $i >/dev/null || die "$i is missing; run: launch/install-deps test"
    done
    mkdir -p "$dir"/{munge,state,spool,log,run,tmp}
    chmod 755 "$dir" "$dir/munge"
    : >"$dir/cluster.sh.lock"
    (umask 077 && head -c 128 /dev/urandom >"$dir/munge/key")
    write_config "$1" "$2"
    export SLURM_CONF=$dir/slurm.conf
    munged --force --socket="$dir/munge/socket" --key-file="$dir/munge/key" --log-file="$dir/munge/log" \
        --pid-file="$dir/munge/pid" --seed-file="$dir/munge/seed" || die "munged did not start"
    slurmctld -c -f "$dir/slurm.conf" || die "slurmctld did not start"
    for i in $(seq "$1"); do
        # shellcheck disable=SC2016 # the inner shell expands them
        unshare --uts sh -c 'hostname "$1" && exec slurmd -f "$2" -N "$1"' sh "n$i" "$dir/slurm.conf" ||
            die "slurmd of node n$i did not start"
    done
    for _ in $(seq 300); do
        idle=$(timeout 5 sinfo -h -N -t idle -o %N 2>/dev/null | sort -u | wc -l)
        [ "$idle" != "$1" ] || return 0
        sleep 0.1
    done
    die "only $idle of $1 nodes came up; last words: $(tail -qn 1 "$dir"/log/*.log)"
}

[ $# -ge 2 ] || die "usage: cluster.sh start DIR [NODES [CPUS]] | stop DIR"
command=$1
case $2 in /*) dir=$2 ;; *) dir=$PWD/$2 ;; esac
# munge refuses a socket path of more than 107 bytes; Slurm's configuration has no quotes
[[ $dir =~ ^[-A-Za-z0-9_./]{1,80}$ ]] || die "the folder's path must be short and plain: $dir"
case $command in
start)
    [ ! -e "$dir" ] || [ -z "$(ls -A "$dir")" ] || die "$dir is not empty"
    trap 'trap - EXIT; stop' EXIT
    start "${3:-2}" "${4:-8}" </dev/null
    trap - EXIT
    ;;
stop) stop ;;
*) die "unknown command '$command'" ;;
esac
