#!/bin/bash
# steady.test.sh - a tick that has happened before takes no memory. Over 100 ticks with acting, fits, rollouts, updates,
# evaluations and records, on every thread and rank, Reverie's own code makes no heap call (what the C library allocates
# for it counts as its own), and neither do MuJoCo, BLAS, msgpack and whatever else is not named in allowed(). Calls of
# Open MPI and libzmq are bounded and printed, and what a rank holds does not grow.
set -u
: "${REVERIE:?}" "${BUILD:?}" "${SOURCE:?}"
first=100 last=200 # the window, in ticks
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
n_bad=0
bad() {
    echo "BAD: $*"
    n_bad=$((n_bad + 1))
}
grep -q '^RV_SANITIZE:STRING=.' "$BUILD/CMakeCache.txt" && {
    echo "a sanitizer has an allocator of its own"
    exit 77
}

# allowed OWNER FRAMES: heap calls that a library may make in the window
allowed() {
    local ticks=$((last - first))
    case $1 in
    libzmq.so*) echo $((3 * $2 + ticks)) ;;                   # a message, sent and published; what was received
    mca_coll_libnbc.so) echo $((30 * ticks)) ;;               # two collectives that do not block: their schedules
    mca_*.so | libmpi.so* | libopen-pal.so*) echo "$ticks" ;; # buffers for messages that came early, kept
    *) echo 0 ;;
    esac
}

# the functions at offsets of a file, innermost first
names() { # FILE OFFSET,OFFSET,...
    local offsets
    IFS=, read -ra offsets <<<"$2"
    addr2line -s -f -p -e "$1" "${offsets[@]}" | paste -sd '<' | sed 's/</ <- /g'
}

check_rank() { # NAME FILE FRAMES
    local owner calls limit growth blocks bytes rss
    growth=$(head -n 1 "$2")
    while read -r calls owner; do
        limit=$(allowed "$owner" "$3")
        printf '  %-28s %7d calls, at most %d\n' "$owner" "$calls" "$limit"
        [ "$calls" -le "$limit" ] && continue
        bad "$1: $calls heap calls of $owner, at most $limit:"
        while IFS=$'\t' read -r calls _ thread _ stack; do
            printf '    %d on the %s thread: ' "$calls" "$thread"
            if [ "$owner" = "${REVERIE##*/}" ]; then names "$REVERIE" "$stack"; else echo "$owner $stack"; fi
        done < <(awk -F '\t' -v owner="$owner" 'NR > 1 && $4 == owner' "$2" | sort -rn | head -n 10)
    done < <(awk -F '\t' 'NR > 1 { n[$4] += $1 } END { for (o in n) print n[o], o }' "$2" | sort -rn)
    read -r _ _ _ _ _ blocks _ bytes _ rss <<<"$growth"
    echo "  holds $blocks more blocks, $bytes more bytes; resident: $rss more bytes"
    if [ "$blocks" -ge 100 ] || [ "$bytes" -ge 262144 ] || [ "$rss" -ge 1048576 ]; then
        bad "$1: memory grows: $growth"
    fi
}

# steady NAME RANKS SETTING...
steady() {
    local name=$1 n=$2 rank frames
    shift 2
    echo "$name, ranks: $n"
    ALLOC_FROM=$first ALLOC_TO=$last ALLOC_OUT=$work/$name-$n LD_PRELOAD=$BUILD/tests/liballoc_count.so \
        "$REVERIE" train "$SOURCE/tests/mpi/tiny.yaml" -n "$n" --run-dir "$work/run-$name-$n" schedule.tick_steps=10 \
        schedule.total_steps=2200 eval.every_steps=50 checkpoint.every_ticks=0 "$@" >"$work/log" 2>&1 || {
        bad "$name: train: $(cat "$work/log")"
        return
    }
    frames=$(sed -n 's/^{"tick":\([0-9]*\),.*/\1/p' "$work/run-$name-$n/metrics.jsonl" |
        awk -v first=$first -v last=$last '$1 >= first && $1 < last' | wc -l)
    for role in actor model rollout policy evaluator; do
        awk -F '[:,"]+' -v role=$role -v first=$first -v last=$last \
            '$3 >= first && $3 < last && $7 == role { found = 1 } END { exit !found }' \
            "$work/run-$name-$n/metrics.jsonl" || bad "$name: no $role in ticks $first to $last"
    done
    for ((rank = 0; rank < n; rank++)); do
        [ -s "$work/$name-$n.$rank" ] || {
            bad "$name: rank $rank counted nothing"
            continue
        }
        check_rank "$name, rank $rank" "$work/$name-$n.$rank" "$frames"
    done
}

for n in 1 3; do
    steady lockstep $n schedule.mode=lockstep
    steady pipelined $n schedule.mode=pipelined
    steady more-work $n schedule.mode=pipelined schedule.updates_per_step=8 model.max_epochs=30 rollout.max_disagreement=0
done
steady trusts 3 rollout.length_end=4 rollout.disagreement=quantile rollout.max_disagreement=0.9 \
    rollout.full_disagreement=0.2 policy.confidence=0.05 policy.target=expansion policy.target_steps=2
steady decides 3 schedule.retrain_policy_kl=0.001 schedule.retrain_gap=20 policy.share=holdout \
    rollout.length=auto rollout.length_end=3 model.holdout_segment=12
steady mujoco 3 env.name=Hopper-v4
[ "$n_bad" = 0 ] || {
    echo "FAILED: $n_bad of the checks above"
    exit 1
}
echo ok
