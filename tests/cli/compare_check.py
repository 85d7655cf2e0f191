"""compare_check.py GROUP=RUN,RUN...: compute curves.csv of `reverie compare --out .` once more, from metrics.jsonl.

Every return and interval at every place of every axis, with numpy: the step function of each run, the interquartile
mean as the mean of the middle half of the numbers written down four times each, a bootstrap of its own.
"""
import collections
import csv
import json
import sys

import numpy as np

KINDS = ["steps", "wall_s", "core_s"]


def evaluations(run):
    """Rows of (steps, wall, core-seconds, return)."""
    ticks = collections.OrderedDict()
    for record in map(json.loads, open(run + "/metrics.jsonl")):
        ticks.setdefault(record["tick"], []).append(record)
    wall = core = 0
    rows = []
    for records in ticks.values():
        ranks = [r for r in records if r["role"] == "rank"]
        first = next(r for r in ranks if r["unit"] == 0)
        seconds = first["time/work_s"] + first["time/wait_s"] + first["time/exchange_s"]
        wall += seconds
        core += seconds * len(ranks)
        rows += [(r["step"], wall, core, r["eval/mean_reward"]) for r in records if "eval/mean_reward" in r]
    return np.array(rows)


def iqm(values):
    n = values.shape[-1]
    return np.sort(np.repeat(values, 4, axis=-1), axis=-1)[..., n : 3 * n].mean(axis=-1)


rows = list(csv.DictReader(open("curves.csv")))
n_rows = 0
rng = np.random.default_rng(1)
for word in sys.argv[1:]:
    label, runs = word.split("=", 1)
    all_of = [evaluations(run) for run in runs.split(",")]
    common = min(e[-1, 0] for e in all_of)
    used = [e[e[:, 0] <= common] for e in all_of]
    for axis, kind in enumerate(KINDS):
        mine = [r for r in rows if r["group"] == label and r["x_kind"] == kind]
        x = np.array([float(r["x"]) for r in mine])
        assert np.all(np.diff(x) > 0), (label, kind, "ascending")
        assert np.isclose(x[0], max(e[0, axis] for e in used)), (label, kind, "first")
        assert np.isclose(x[-1], max(e[-1, axis] for e in used)), (label, kind, "last")
        # a place is where a run was evaluated: past the rounding of sums in another order
        at = [np.searchsorted(e[:, axis], x * (1 + 1e-12), side="right") - 1 for e in used]
        values = np.stack([e[i, 3] for e, i in zip(used, at)], axis=-1)
        got = np.array([float(r["iqm"]) for r in mine])
        assert np.allclose(got, iqm(values), rtol=1e-12), (label, kind, got, iqm(values))
        n = len(used)
        assert all(r["n"] == str(n) for r in mine), (label, kind, "n")
        n_rows += len(mine)
        if n == 1:
            assert all(r["low"] == r["high"] == "" for r in mine), (label, kind, "an interval of one")
            continue
        drawn = iqm(values[:, rng.integers(0, n, (8000, n))])
        spread = np.ptp(values, axis=1)
        for q, name in ((0.025, "low"), (0.975, "high")):
            mine_q = np.array([float(r[name]) for r in mine])
            # two draws of a quantile: between those a little way to either side
            least, most = np.quantile(drawn, [max(q - 0.012, 0), min(q + 0.012, 1)], axis=1)
            ok = (least - 1e-9 * spread <= mine_q) & (mine_q <= most + 1e-9 * spread)
            assert ok.all(), (label, kind, name, mine_q[~ok], least[~ok], most[~ok])
assert n_rows == len(rows), "rows of other groups"
print("checked %d rows" % n_rows)
