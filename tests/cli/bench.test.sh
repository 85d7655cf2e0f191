#!/bin/bash
# The benchmark harness: a small measurement gives one JSON object per benchmark with every member, numbers agree with
# one another, words it does not know are refused with exit code 64, and a floor that does not hold fails a check.
: "${BUILD:?}" "${SOURCE:?}"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
run=$SOURCE/tests/bench/run
n_bad=0
bad() {
    echo "BAD: $*"
    n_bad=$((n_bad + 1))
}

refused() { # TEXT WORD...
    local text=$1 code=0
    shift
    "$run" "$@" >out 2>err || code=$?
    [ $code = 64 ] || bad "run $*: exit code $code"
    [ "$(wc -l <err)" = 1 ] || bad "run $*: said $(cat err)"
    grep -qF -- "$text" err || bad "run $*: expected '$text', got $(cat err)"
}

"$run" --repeats 2 --no-torch --kernels avx2 --json lines 'gemm/256-1/f*' vector/exp >table 2>err || bad "run: $(cat table err)"
python3 - lines <<'PYTHON' || bad "JSON: $(cat lines)"
import json
import sys
rows = [json.loads(line) for line in open(sys.argv[1])]
gemm, exp = rows
assert [r["name"] for r in rows] == ["gemm/256-1/forward", "vector/exp"]
for r in rows:
    assert set(r) == {"name", "median", "min", "p10", "p90", "unit", "gflops", "share_of_sgemm", "vs_torch",
                      "share_of_raw", "repeats", "clock", "kernels", "blas", "torch", "processor"}
    assert r["repeats"] == 2 and r["kernels"] == "avx2" and r["vs_torch"] is None and r["torch"] is None
    assert 0 < r["p10"] <= r["median"] <= r["p90"]
assert gemm["unit"] == "GFLOP/s" and gemm["gflops"] == gemm["median"] and 0 < gemm["share_of_sgemm"] < 2
assert gemm["min"] >= gemm["median"], "the fastest repeat has the highest rate"
assert exp["unit"] == "ns/element" and exp["gflops"] is None and 0.01 < exp["min"] <= exp["median"] < 100
PYTHON
grep -q '^vector/exp  .* ns/element' table || bad "table: $(cat table)"

refused "no benchmark 'vector/expp'" --no-torch vector/expp
refused "--repeats" --repeats 0 vector/exp
refused "--colour" --colour
"$run" --kernels sse2 --no-torch vector/exp >out 2>err && bad "unknown kernels are taken"
grep -q "kernels: expected .*'sse2'" err || bad "unknown kernels: $(cat err)"
"$run" --list >out || bad "--list: exit code $?"
for name in sac/half_cheetah ceiling/sgemm tests/bench/oversubscribe tests/bench/shards tests/bench/whole_loop; do
    grep -q "^$name  *[a-zA-Z]" out || bad "--list: no $name"
done
for script in run oversubscribe shards whole_loop; do
    "$SOURCE/tests/bench/$script" --help | grep -q "usage: tests/bench/$script" || bad "$script --help"
done

# the check on invented results: all floors hold; one does not; one was not measured
python3 - "$run" 2>err <<'PYTHON' || bad "--check: $(tail -n 1 err)"
import argparse
import importlib.machinery
import importlib.util
import sys
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("run", sys.argv[1])
run = importlib.util.module_from_spec(importlib.util.spec_from_loader("run", loader))
loader.exec_module(run)
results = {}
for name, member, least in run.FLOORS:
    results.setdefault(name, {"name": name})[member] = least
args = argparse.Namespace(no_torch=False)
assert run.check(args, results.values()) == 0
for name, member, least in run.FLOORS:
    for value in (0.999 * least, None):
        broken = {**results, name: {**results[name], member: value}}
        assert run.check(args, broken.values()) == 1, (name, member, value)
PYTHON
[ $n_bad = 0 ] || exit 1
echo ok
