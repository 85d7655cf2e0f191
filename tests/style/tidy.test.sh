#!/bin/bash
# tidy.test.sh - clang-tidy (.clang-tidy says which checks) over src, roles and launch.
set -eu
: "${SOURCE:?}" "${BUILD:?}"
command -v run-clang-tidy >/dev/null || {
    echo "clang-tidy is missing; run: launch/install-deps test"
    exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# a configuration of its own: the flags of clang, whatever compiles $BUILD
cmake -S "$SOURCE" -B "$work" -G Ninja -DCMAKE_C_COMPILER=clang -DBUILD_TESTING=OFF >/dev/null
cd "$SOURCE"
code=0
run-clang-tidy -quiet -j "$(nproc)" -p "$work" "^$SOURCE/(src|roles|launch)/" >"$work/out" 2>"$work/err" || code=$?
sed 's/\x1b\[[0-9;]*m//g' "$work/out" | grep -E '^[^ ]+:[0-9]+:[0-9]+: (error|warning):' | sort -u || true
[ $code = 0 ] || {
    tail -n 5 "$work/err"
    exit 1
}
grep -c '^clang-tidy' "$work/out" | sed 's/$/ files/'
