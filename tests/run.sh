#!/bin/bash
# run.sh - every check of Reverie, from packages to fuzzing; what continuous integration calls.
#
# usage: tests/run.sh             all of it
#        tests/run.sh LABEL...    the tests with these labels (unit: all tests in C; else a folder's *.test.sh)
#        tests/run.sh sanitize    unit tests and fuzz corpora under the address and undefined-behaviour sanitizers
#        tests/run.sh fuzz        each fuzz target for FUZZ_SECONDS (20)
#
# Builds lie in build-dev (gcc), build-clang, build-asan and build-fuzz; see CMakePresets.json. Ends with one line per
# stage; exit 0 when all passed.
# shellcheck disable=SC2016,SC2317 # xargs calls fuzz_one in a shell of its own
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
jobs=$(nproc)
summary=()
failed=0

stage() {
    began=$SECONDS
    printf '\n==== %s\n' "$1"
}

note() { # CODE TEXT: how the stage ended
    local word=ok
    if [ "$1" != 0 ]; then
        word=FAILED
        failed=1
    fi
    summary+=("$(printf '%-6s  %4d s  %s' $word $((SECONDS - began)) "$2")")
}

finish() {
    printf '\n==== summary after %d s\n' "$SECONDS"
    printf '%s\n' "${summary[@]}"
    exit $failed
}

build() { # PRESET FLAG...: quiet unless it fails; nothing can follow a build that failed
    local preset=$1 log
    shift
    stage "build $preset"
    log=$(mktemp)
    if { cmake --preset "$preset" "$@" && cmake --build --preset "$preset" -j "$jobs"; } >"$log" 2>&1; then
        tail -n 1 "$log"
        rm -f "$log"
        note 0 "build $preset, warnings are errors"
    else
        grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking)|^-- ' "$log" | tail -n 60
        rm -f "$log"
        note 1 "build $preset"
        finish
    fi
}

run_tests() { # PRESET CTEST-FLAG...
    local preset=$1 log code
    shift
    stage "tests $preset${*:+ $*}"
    log=$(mktemp)
    ctest --test-dir "build-$preset" -j "$jobs" --no-tests=error --output-on-failure "$@" 2>&1 | tee "$log"
    code=${PIPESTATUS[0]}
    note "$code" "tests $preset${*:+ $*}: $(grep 'tests passed' "$log" || echo "no test ran")"
    rm -f "$log"
}

sanitize() {
    build asan
    # a test of "out of memory" needs NULL from an allocation that is too large
    ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 run_tests asan -L unit
}

# one target; what it finds stays in build-fuzz/found
fuzz_one() { # PARSER
    local folder=build-fuzz/found/$1 code
    mkdir -p "$folder/corpus"
    "build-fuzz/tests/fuzz_$1" -max_total_time="${FUZZ_SECONDS:-20}" -max_len=16384 -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="$folder/" -print_final_stats=1 "$folder/corpus" "tests/fuzz/corpus/$1" >"$folder/log" 2>&1
    code=$?
    echo "fuzz_$1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$folder/log") inputs, exit code $code"
    [ "$code" = 0 ] || tail -n 40 "$folder/log"
    return "$code"
}

fuzz() {
    build fuzz
    stage "fuzz"
    local code=0 target parsers=()
    for target in tests/fuzz/fuzz_*.c; do
        target=${target##*/fuzz_}
        parsers+=("${target%.c}")
    done
    export -f fuzz_one
    printf '%s\n' "${parsers[@]}" | xargs -P "$jobs" -I {} bash -c 'fuzz_one "$1"' bash {} || code=1
    note $code "fuzz: ${#parsers[@]} targets, ${FUZZ_SECONDS:-20} s each"
}

case ${1:-} in
--help | -h)
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' tests/run.sh
    exit 0
    ;;
esac

launch/install-deps build run test || exit $?
if [ $# = 0 ]; then
    build clang -DBUILD_TESTING=OFF
    build dev
    run_tests dev
    sanitize
    fuzz
fi
is_built=no
for word; do
    case $word in
    sanitize | fuzz) $word ;;
    *)
        [ $is_built = yes ] || build dev
        is_built=yes
        run_tests dev -L "^$word\$"
        ;;
    esac
done
finish
