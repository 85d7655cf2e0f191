"""Compute again, with torch, what member_dump wrote to FOLDER.   usage: member_referee.py FOLDER

Torch in double precision is the truth, good to 1e-12; the member may be off by TOLERANCE of the largest entry of each
block (one weight matrix, one bias, one bound). Torch in single precision is measured the same way, to show what
float32 itself costs. Exit code 1 when something differs.
"""
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

TOLERANCE = 2e-5
# of the largest change of a block: Adam divides by the gradient's size, so an entry whose gradient nearly vanishes
# moves by a large part of its own rounding error
CHANGE_TOLERANCE = 1e-3

torch.set_num_threads(1)
folder = sys.argv[1]
failures = 0


def load(name, dtype, *shape):
    data = np.fromfile(os.path.join(folder, name), dtype)
    return data.reshape(shape) if shape else data


settings = {}
with open(os.path.join(folder, "settings.txt")) as f:
    for line in f:
        name, *values = line.split()
        settings[name] = [float(v) for v in values]
n_obs, n_act, rows, fit_rows, batch = (int(settings[k][0]) for k in ("n_obs", "n_act", "rows", "fit_rows", "batch"))
sizes = [int(n) for n in settings["sizes"]]
decay = settings["weight_decay"]
learning_rate = settings["learning_rate"][0]
logvar_weight = settings["logvar_weight"][0]
is_deterministic, is_next_state, is_normalised, ends = (
    bool(settings[k][0]) for k in ("deterministic", "next_state", "normalised", "ends"))
n_in, n_out = n_obs + n_act, n_obs + 1
n_y = n_out + ends
assert sizes[-1] == (1 if is_deterministic else 2) * n_out + ends


def blocks():
    """(name, shape) of each block, in the order of the flat buffer"""
    for l in range(len(decay)):
        yield f"W{l + 1}", (sizes[l], sizes[l + 1])
        yield f"b{l + 1}", (sizes[l + 1],)
    if not is_deterministic:
        yield "hi", (n_out,)
        yield "lo", (n_out,)


def split(flat):
    out, at = {}, 0
    for name, shape in blocks():
        n = int(np.prod(shape))
        out[name] = np.array(flat[at : at + n]).reshape(shape)
        at += n
    return out


class Member:
    def __init__(self, flat, dtype):
        self.dtype = dtype
        self.p = {k: torch.tensor(v, dtype=dtype, requires_grad=True) for k, v in split(flat).items()}
        self.adam = torch.optim.Adam(self.p.values(), lr=learning_rate, betas=(0.9, 0.999), eps=1e-8)

    def outputs(self, x):
        h = torch.as_tensor(x, dtype=self.dtype)
        for l in range(len(decay)):
            h = h @ self.p[f"W{l + 1}"] + self.p[f"b{l + 1}"]
            if l + 1 < len(decay):
                h = h * torch.sigmoid(h)
        return h[:, :n_out], h[:, n_out : 2 * n_out], h[:, -1]

    def loss(self, x, y):
        mu, r, z = self.outputs(x)
        y = torch.as_tensor(y, dtype=self.dtype)
        if is_deterministic:
            loss = F.mse_loss(mu, y[:, :n_out])
        else:
            hi, lo = self.p["hi"], self.p["lo"]
            logvar = hi - F.softplus(hi - r, threshold=1e9)
            logvar = lo + F.softplus(logvar - lo, threshold=1e9)
            loss = ((mu - y[:, :n_out]) ** 2 * torch.exp(-logvar) + logvar).mean()
            loss = loss + logvar_weight * (hi.sum() - lo.sum())
        if ends:
            loss = loss + F.binary_cross_entropy_with_logits(z, y[:, n_out])
        for l in range(len(decay)):
            loss = loss + decay[l] / 2 * (self.p[f"W{l + 1}"] ** 2).sum()
        return loss

    def gradient(self, x, y):
        """of the loss; also left in the parameters, for the optimiser"""
        self.adam.zero_grad()
        loss = self.loss(x, y)
        loss.backward()
        return loss.item(), {k: v.grad.numpy().copy() for k, v in self.p.items()}

    def update(self, x, y):
        loss, _ = self.gradient(x, y)
        self.adam.step()
        return loss

    def values(self):
        return {k: v.detach().numpy().copy() for k, v in self.p.items()}


def compare(what, got, single, truth, tolerance):
    """Dictionaries of arrays: the member's, single-precision torch's, double-precision torch's. Where single precision
    itself costs much, ten times that is allowed."""
    global failures
    for name in truth:
        largest = np.abs(truth[name]).max()
        error = np.abs(got[name] - truth[name]).max() / largest
        torch_error = np.abs(single[name] - truth[name]).max() / largest
        allowed = max(tolerance, 10 * torch_error)
        ok = np.isfinite(error) and error <= allowed and largest > 0
        failures += not ok
        print(f"{'ok  ' if ok else 'FAIL'} {what:24} {name:5} off by {error:.1e} (torch float32 {torch_error:.1e}), "
              f"allowed {allowed:.0e} of {largest:.3g}")


def changes(after, before):
    return {k: np.asarray(after[k], float) - np.asarray(before[k], float) for k in before}


def check_batch():
    x = load("batch_x.f32", np.float32, rows, n_in)
    y = load("batch_y.f32", np.float32, rows, n_y)
    start = load("batch_params.f32", np.float32)
    first = split(start)
    double, single = Member(start, torch.float64), Member(start, torch.float32)
    (loss, grad), (single_loss, single_grad) = double.gradient(x, y), single.gradient(x, y)
    compare("batch loss", {"": load("batch_loss.f64", np.float64)}, {"": single_loss}, {"": np.array(loss)}, TOLERANCE)
    compare("batch gradient", split(load("batch_grad.f32", np.float32)), single_grad, grad, TOLERANCE)
    for step in range(1, 11):
        double.update(x, y)
        single.update(x, y)
        if step in (1, 10):
            got, t, s = split(load(f"batch_params_{step}.f32", np.float32)), double.values(), single.values()
            compare(f"parameters after {step}", got, s, t, TOLERANCE)
            compare(f"their change after {step}", changes(got, first), changes(s, first), changes(t, first),
                    CHANGE_TOLERANCE)


def check_fit():
    table = load("fit_rows.f32", np.float32, fit_rows, 2 * n_obs + n_act + 2).astype(float)
    order, holdout = load("fit_order.u32", np.uint32), load("fit_holdout.u32", np.uint32)
    before, after = load("fit_before.f32", np.float32), load("fit_after.f32", np.float32)
    train_loss, holdout_loss = load("fit_losses.f64", np.float64)
    x = table[:, :n_in]
    state = table[:, n_in : n_in + n_obs] - (0 if is_next_state else table[:, :n_obs])
    y = np.concatenate([table[:, -2:-1], state], axis=1)
    # what is published: parameters, mean and std of the inputs, loss, logvar, mean and std of the targets
    n_trained = sum(int(np.prod(shape)) for _, shape in blocks())
    widths = [n_in, n_in, 1, n_out * is_deterministic, n_out * is_normalised, n_out * is_normalised]
    published = np.split(after[n_trained:], np.cumsum(widths))
    assert len(published[-1]) == 0
    mean, std, loss, logvar, y_mean, y_std = published[:-1]

    def check_statistics(what, got_mean, got_std, of):
        truth = {"mean": of.mean(axis=0), "std": of.std(axis=0)}
        compare(what, {"mean": got_mean, "std": got_std}, {k: v.astype(np.float32) for k, v in truth.items()}, truth,
                TOLERANCE)
        return (of - truth["mean"]) / truth["std"]

    x = check_statistics("fit statistics", mean, std, x)
    if is_normalised:
        y = check_statistics("fit target statistics", y_mean, y_std, y)
    if ends:
        y = np.concatenate([y, table[:, -1:]], axis=1)

    members = [Member(before, torch.float64), Member(before, torch.float32)]
    first = split(before)
    results = []
    for m in members:
        total = 0.0
        for at in range(0, len(order), batch):
            picked = order[at : at + batch]
            total += m.update(x[picked], y[picked]) * len(picked)
        mu = m.outputs(x[holdout])[0].detach().numpy()
        square = ((mu - y[holdout][:, :n_out]) ** 2).mean(axis=0)
        results.append({"train": np.array(total / len(order)), "held": square.mean(), "logvar": np.log(square)})
    truth, single = members[0].values(), members[1].values()
    got = split(after)
    compare("fit parameters", got, single, truth, TOLERANCE)
    compare("fit change", changes(got, first), changes(single, first), changes(truth, first), CHANGE_TOLERANCE)
    logvars = [r.pop("logvar") for r in results]
    compare("fit loss", {"train": train_loss, "held": holdout_loss}, results[1], results[0], TOLERANCE)
    compare("fit published loss", {"held": loss}, {"held": results[1]["held"]}, {"held": results[0]["held"]}, TOLERANCE)
    if is_deterministic:
        compare("fit log variance", {"": logvar}, {"": logvars[1]}, {"": logvars[0]}, TOLERANCE)


check_batch()
check_fit()
print(f"{failures} differences")
sys.exit(1 if failures else 0)
