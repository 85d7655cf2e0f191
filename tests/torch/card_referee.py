"""Compute again, with numpy and torch, what card_dump wrote to FOLDER.   usage: card_referee.py FOLDER

All in double precision, from the same weights and rows; Jacobians by torch's automatic differentiation, singular values
by numpy.linalg.svd. Exit code 1 when something differs.
"""
import os
import sys

import numpy as np
import torch

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
folder = sys.argv[1]
failures = 0

s = {}
with open(os.path.join(folder, "settings.txt")) as f:
    for line in f:
        name, *values = line.split()
        s[name] = [float(v) for v in values]


def number(name):
    return int(s[name][0])


n_obs, n_act, count, steps = number("n_obs"), number("n_act"), number("count"), number("steps")
n_in, n_out, discount = n_obs + n_act, n_obs + 1, s["discount"][0]
elites = [int(e) for e in s["elites"]]


def load(name, dtype, *shape):
    return np.fromfile(os.path.join(folder, name), dtype).reshape(shape if shape else -1)


raw = load("rows.f32", np.float32, number("rows"), 2 * n_obs + n_act + 2)
rows = raw.astype(float)
held = load("held.u32", np.uint32).astype(int)


def network(flat, sizes, act):
    """(function of rows of inputs, what is left of the buffer)"""
    layers, at = [], 0
    for a, b in zip(sizes, sizes[1:]):
        w = torch.tensor(flat[at : at + a * b].reshape(a, b))
        layers.append((w, torch.tensor(flat[at + a * b : at + a * b + b])))
        at += a * b + b

    def run(x):
        for l, (w, b) in enumerate(layers):
            x = x @ w + b
            x = act(x) if l + 1 < len(layers) else x
        return x

    return run, flat[at:]


def sizes(name):
    return [int(n) for n in s[name]]


def member(flat):
    """function of obs and act: means and variances of [reward, change]"""
    run, rest = network(flat, sizes("member_sizes"), torch.nn.functional.silu)
    rest = torch.tensor(rest)
    hi, lo = rest[:n_out], rest[n_out : 2 * n_out]
    mean, std = rest[2 * n_out : 2 * n_out + n_in], rest[2 * n_out + n_in : 2 * n_out + 2 * n_in]

    def predict(obs, act):
        out = run((torch.cat([obs, act], -1) - mean) / std)
        below = hi - torch.logaddexp(hi - out[..., n_out:], torch.zeros(()))
        return out[..., :n_out], torch.exp(lo + torch.logaddexp(below - lo, torch.zeros(())))

    return predict, std[:n_obs]


published = load("members.f32", np.float32, number("members"), -1).astype(float)
members = [member(p)[0] for p in published]
std = member(published[0])[1]
policy = network(load("policy.f32", np.float32).astype(float), sizes("policy_sizes"), torch.relu)[0]
critics = [network(c, sizes("critic_sizes"), torch.relu)[0] for c in load("critics.f32", np.float32, 2, -1).astype(float)]


def elites_mean(obs, act):
    return sum(members[e](obs, act)[0] for e in elites) / len(elites)


def q(obs, act):
    x = torch.cat([obs, act], -1)
    return torch.minimum(critics[0](x), critics[1](x))[..., 0]


def value(obs):
    return q(obs, torch.tanh(policy(obs)[..., :n_act]))


def compare(what, got, truth, tolerance):
    global failures
    got, truth = np.atleast_1d(np.asarray(got, float)), np.atleast_1d(np.asarray(truth, float))
    off = (np.abs(got - truth) / np.maximum(np.abs(truth), 1e-3)).max()
    ok = np.isfinite(off) and off <= tolerance
    failures += not ok
    print(f"{'ok  ' if ok else 'FAIL'} {what:24} off by {off:.1e} of {np.abs(truth).max():.4g}, allowed {tolerance:.0e}")


def find_windows():
    """[(first row, steps)]: the longest first, those of equal length evenly"""
    is_held = set(held.tolist())
    place = {r: i for i, r in enumerate(held.tolist())}
    every = []
    for first in held.tolist():
        n, r = 1, first
        while n < steps and raw[r, -1] == 0 and place.get(r + count) == place[r] + count:
            if raw[r, n_in : n_in + n_obs].tobytes() != raw[r + count, :n_obs].tobytes():
                break
            n, r = n + 1, r + count
        every.append((first, n))
    assert len(is_held) == len(held)
    chosen = []
    for length in range(steps, 0, -1):
        same = [w for w in every if w[1] == length]
        take = min(len(same), number("max_windows") - len(chosen))
        chosen += [w for i, w in enumerate(same) if (i + 1) * take // len(same) > i * take // len(same)]
    return chosen


def obs_of(r):
    return torch.tensor(rows[r, :n_obs])


def act_of(r):
    return torch.tensor(rows[r, n_obs:n_in])


def next_of(r):
    return torch.tensor(rows[r, n_in : n_in + n_obs])


def rms(x):
    return float((x**2).mean().sqrt())


def open_loop(windows):
    n_windows, error, model_cost, critic_cost = (np.zeros(steps + 1) for _ in range(4))
    of_members = np.zeros((len(members), steps + 1))
    n_over = 0
    start = np.array([w[0] for w in windows])
    length = np.array([w[1] for w in windows])
    ensemble = obs_of(start)
    own = [obs_of(start) for _ in members]
    first_q = q(obs_of(start), act_of(start))
    imagined, real, alive = torch.zeros(len(start)), torch.zeros(len(start)), torch.ones(len(start), dtype=torch.bool)
    for k in range(1, length.max() + 1):
        reach = int((length >= k).sum())
        r = start[:reach] + (k - 1) * count
        act = act_of(r)
        p = elites_mean(ensemble[:reach], act)
        ensemble = ensemble[:reach] + p[:, 1:]
        n_windows[k], error[k] = reach, rms((ensemble - next_of(r)) / std)
        for m, predict in enumerate(members):
            own[m] = own[m][:reach] + predict(own[m][:reach], act)[0][:, 1:]
            of_members[m, k] = rms((own[m] - next_of(r)) / std)
        imagined = imagined[:reach] + discount ** (k - 1) * p[:, 0] * alive[:reach]
        real = real[:reach] + discount ** (k - 1) * torch.tensor(rows[r, -2])
        alive = alive[:reach] & (ensemble[:, 0] < 0.3)
        g = real + discount**k * value(next_of(r)) * torch.tensor(1 - rows[r, -1])
        model_cost[k] = rms(imagined + discount**k * value(ensemble) * alive - g)
        critic_cost[k] = rms(first_q[:reach] - g)
        n_over += int((~alive & torch.tensor(rows[r, -1] == 0)).sum())
    print(f"     {n_over} times an imagined state was over and the real one was not")
    assert n_over > 0
    compare("windows", load("windows.i32", np.int32), n_windows, 0)
    for name, truth in (("error", error), ("members", of_members.ravel()), ("low", of_members.min(0)),
                        ("high", of_members.max(0)), ("model_cost", model_cost), ("critic_cost", critic_cost)):
        compare(name, load(f"{name}.f64", np.float64), truth, 1e-4)
    pays = model_cost[1:] <= critic_cost[1:]
    horizon = max(1, int(pays.argmin()) if not pays.all() else steps)
    compare("horizon", number("horizon"), horizon, 0)
    return error[1]


def check_gain(windows, e):
    starts = [windows[i * len(windows) // number("gains")][0] for i in range(number("gains"))]
    sigma = []
    for r in starts:
        jacobian = torch.autograd.functional.jacobian(lambda o: o + elites_mean(o, act_of(r))[1:], obs_of(r))
        sigma.append(np.linalg.svd((jacobian * std[None, :] / std[:, None]).numpy(), compute_uv=False)[0])
    g = np.mean(sigma)
    k = np.arange(1, steps + 1)
    compare("gain", s["gain"], g, 1e-5)
    compare("naive", load("naive.f64", np.float64)[1:], (1 + e) ** k - 1, 1e-4)
    compare("guess", load("guess.f64", np.float64)[1:], e * (g**k - 1) / (g - 1), 1e-3)


def check_one_step():
    r = held[: number("one_step_rows")]
    y = torch.cat([torch.tensor(rows[r, -2:-1]), torch.tensor((raw[r, n_in : n_in + n_obs] - raw[r, :n_obs]).astype(float))], 1)
    every = [predict(obs_of(r), act_of(r)) for predict in members]
    means, variances = torch.stack([m for m, _ in every]), torch.stack([v for _, v in every])
    disagreement = (means.std(0, unbiased=False) / variances.mean(0).sqrt()).max(1).values.mean()
    mu = means[elites].mean(0)
    variance = (variances[elites] + means[elites] ** 2).mean(0) - mu**2
    z = (y - mu) / variance.sqrt()
    r2 = 1 - ((y - mu) ** 2).mean(0) / y.var(0, unbiased=False)
    compare("quality", s["quality"], float(r2.clamp(0, 1).mean()), 1e-5)
    compare("disagreement", s["disagreement"], float(disagreement), 1e-4)
    one = 1.5 / z.numel()  # one z may lie within rounding of the bound
    compare("within_1", s["within_1"], float((z.abs() <= 1).double().mean()), one)
    compare("within_2", s["within_2"], float((z.abs() <= 2).double().mean()), one)
    compare("z_squared", s["z_squared"], float((z**2).mean()), 1e-4)
    print(f"     quality {s['quality'][0]:.3f}, within {s['within_1'][0]:.3f} {s['within_2'][0]:.3f}, gain {s['gain'][0]:.3f}")


with torch.no_grad():
    chosen = find_windows()
    error_1 = open_loop(chosen)
    check_one_step()
check_gain(chosen, error_1)
print(f"{failures} differences")
sys.exit(1 if failures else 0)
