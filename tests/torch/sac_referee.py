"""Compute the SAC updates that sac_dump wrote again, with torch's autograd, distributions and Adam, and compare.

    sac_referee.py FOLDER

Three comparisons, the reference in float64 from the same float32 inputs:
  gradients  of each update, from the learner's own state before it
  steps      Adam and target networks of each update, from the learner's own state and gradients
  chain      the reference run on its own for all updates: losses and parameters after the first and the last
Exit status 1 when anything differs by more than float32 arithmetic explains.
"""
import json
import sys

import numpy as np
import torch
from torch.distributions import Normal
from torch.distributions.transforms import TanhTransform

torch.set_default_dtype(torch.float64)
FOLDER = sys.argv[1]
CASE = json.load(open(f"{FOLDER}/case.json"))
N_OBS, N_ACT, BATCH = CASE["n_obs"], CASE["n_act"], CASE["batch"]
HIDDEN = [CASE["hidden"]] * CASE["hidden_layers"]
failures = 0


def load(name):
    return torch.from_numpy(np.fromfile(f"{FOLDER}/{name}", dtype=np.float32).astype(np.float64))


def near(what, got, want, tolerance):
    """The largest difference, against the largest number."""
    global failures
    error = (got - want).abs().max().item() / max(want.abs().max().item(), 1e-30)
    if not error <= tolerance:
        failures += 1
        print(f"  {what}: off by {error:.2g} of the largest, allowed {tolerance:.0e}")
    return error


class Network:
    """relu layers as torch has them, filled from and read back to the flat buffer W1 (in, out), b1, W2, ..."""

    def __init__(self, sizes, flat):
        layers = []
        at = 0
        for n_in, n_out in zip(sizes[:-1], sizes[1:]):
            linear = torch.nn.Linear(n_in, n_out)
            linear.weight.data = flat[at:at + n_in * n_out].reshape(n_in, n_out).T.clone()
            at += n_in * n_out
            linear.bias.data = flat[at:at + n_out].clone()
            at += n_out
            layers += [linear, torch.nn.ReLU()]
        assert at == flat.numel()
        self.module = torch.nn.Sequential(*layers[:-1])
        self.layers = layers[::2]

    def __call__(self, *x):
        return self.module(torch.cat(x, dim=1))

    def parameters(self):
        return list(self.module.parameters())

    def flat(self, of=lambda p: p.detach()):
        return torch.cat([part for l in self.layers for part in (of(l.weight).T.reshape(-1), of(l.bias))])

    def grad(self):
        return self.flat(lambda p: p.grad)


class Learner:
    def __init__(self, params, target):
        actor, critic = [N_OBS, *HIDDEN, 2 * N_ACT], [N_OBS + N_ACT, *HIDDEN, 1]
        n_actor = sum((i + 1) * o for i, o in zip(actor[:-1], actor[1:]))
        n = target.numel() // 2
        self.actor = Network(actor, params[:n_actor])
        self.critics = [Network(critic, params[n_actor + i * n:n_actor + (i + 1) * n]) for i in range(2)]
        self.targets = [Network(critic, target[i * n:(i + 1) * n]) for i in range(2)]
        self.log_alpha = params[-1:].clone().requires_grad_()

        def adam(parameters):
            return torch.optim.Adam(parameters, lr=CASE["learning_rate"])

        self.optimizers = [adam(self.actor.parameters()), adam([p for c in self.critics for p in c.parameters()]),
                           adam([self.log_alpha])]

    def sample(self, obs, eps):
        mean, log_std = self.actor(obs).chunk(2, dim=1)
        std = log_std.clamp(-20, 2).exp()
        u = mean + std * eps
        tanh = TanhTransform()
        a = tanh(u)
        log_prob = Normal(mean, std).log_prob(u) - tanh.log_abs_det_jacobian(u, a)
        return a, log_prob.sum(1, keepdim=True)

    def critic_gradients(self, data, eps):
        obs, act, next_obs, reward, terminated, weight, discount, entropy = data
        with torch.no_grad():
            next_act, log_prob = self.sample(next_obs, eps)
            next_q = torch.min(*[t(next_obs, next_act) for t in self.targets])
            alpha = self.log_alpha.exp()
            y = reward + alpha * entropy + discount * (1 - terminated) * (next_q - alpha * log_prob)
        q = [c(obs, act) for c in self.critics]
        loss = sum(0.5 * (weight * (x - y) ** 2).mean() for x in q)
        self.optimizers[1].zero_grad()
        loss.backward()
        return torch.cat([*[c.grad() for c in self.critics], loss.detach()[None], q[0].detach().mean()[None]])

    def actor_gradients(self, data, eps):
        obs = data[0]
        act, log_prob = self.sample(obs, eps)
        q = torch.min(*[c(obs, act) for c in self.critics])
        loss = (self.log_alpha.exp().detach() * log_prob - q).mean()
        self.optimizers[0].zero_grad()
        loss.backward()
        alpha_loss = -(self.log_alpha * (log_prob + CASE["target_entropy"]).detach()).mean()
        self.optimizers[2].zero_grad()
        alpha_loss.backward()
        mean = log_prob.detach().mean()[None]
        return torch.cat([self.actor.grad(), self.log_alpha.grad, loss.detach()[None], mean, -mean])

    def move_targets(self):
        with torch.no_grad():
            for target, critic in zip(self.targets, self.critics):
                for t, c in zip(target.parameters(), critic.parameters()):
                    t.lerp_(c, CASE["tau"])

    def state(self):
        params = torch.cat([self.actor.flat(), *[c.flat() for c in self.critics], self.log_alpha.detach()])
        return params, torch.cat([t.flat() for t in self.targets])


def data_of(update):
    """obs, act, next_obs, reward, terminated, weight, discount, entropy; what several steps come to is summed here"""
    rows = load("batch").reshape(CASE["n_updates"], BATCH, -1)[update - 1]
    data = list(rows.split([N_OBS, N_ACT, N_OBS, 1, 1, rows.shape[1] - 2 * N_OBS - N_ACT - 2], dim=1)[:5])
    one = torch.ones(BATCH, 1)
    if CASE["confidence"] == 0:
        return data + [one, CASE["discount"] * one, 0 * one]
    there, reward, surprise, doubt = load("steps").reshape(CASE["n_updates"], BATCH, -1, 4)[update - 1].unbind(dim=2)
    worth = CASE["discount"] ** torch.arange(there.shape[1], dtype=torch.float64)
    data[3] = (worth * reward).sum(1, keepdim=True)
    weight = (1 + (doubt / CASE["confidence"]) ** 2).reciprocal().min(dim=1, keepdim=True).values
    return data + [weight, CASE["discount"] ** there.sum(1, keepdim=True), (worth * surprise)[:, 1:].sum(1, keepdim=True)]


def noise_of(name, update):
    return load(name).reshape(CASE["n_updates"], BATCH, N_ACT)[update - 1]


def adam_by_torch(before, update, grad, part):
    """One step of torch.optim.Adam on a slice of the flat buffers, from the dumped moments."""
    p = load(f"params{before}")[part].clone().requires_grad_()
    optimizer = torch.optim.Adam([p], lr=CASE["learning_rate"])
    optimizer.state[p] = {"step": torch.tensor(float(update - 1)), "exp_avg": load(f"adam_m{before}")[part].clone(),
                          "exp_avg_sq": load(f"adam_v{before}")[part].clone()}
    p.grad = grad.clone()
    optimizer.step()
    return p.detach(), optimizer.state[p]["exp_avg"], optimizer.state[p]["exp_avg_sq"]


def compare_gradients(update, before, middle):
    """before: the state before the update; middle: with its new critics, as the actor's step sees it."""
    data = data_of(update)
    worst = 0
    for name, learner, compute, extra in (("critic", before, Learner.critic_gradients, 2),
                                          ("actor", middle, Learner.actor_gradients, 4)):
        want = compute(learner, data, noise_of(f"eps_{name}", update))
        got = load(f"{name}_grad{update}")
        networks = learner.critics if name == "critic" else [learner.actor]
        at = 0
        for i, network in enumerate(networks):
            for l, layer in enumerate(network.layers):
                for n, kind in ((layer.weight.numel(), "weight"), (layer.bias.numel(), "bias")):
                    what = f"update {update}: gradient of {name} {i} layer {l} {kind}"
                    worst = max(worst, near(what, got[at:at + n], want[at:at + n], 2e-5))
                    at += n
        assert at + extra == got.numel() == want.numel()
        for i in range(at, at + extra):
            worst = max(worst, near(f"update {update}: {name} tail {i - at}", got[i], want[i], 1e-5))
    return worst


def compare_steps(update, n_actor):
    n = load("params0").numel()
    slices = {"actor": slice(0, n_actor), "critics": slice(n_actor, n - 1), "log_alpha": slice(n - 1, n)}
    critic_grad, actor_grad = load(f"critic_grad{update}"), load(f"actor_grad{update}")
    grads = {"actor": actor_grad[:n_actor], "critics": critic_grad[:-2], "log_alpha": actor_grad[n_actor:n_actor + 1]}
    after = load(f"params{update}")
    for name, part in slices.items():
        params, m, v = adam_by_torch(update - 1, update, grads[name], part)
        moved = params - load(f"params{update - 1}")[part]
        # a step is a few 1e-4 of a parameter: rounding to float32 leaves 3e-8 of the largest parameter
        near(f"update {update}: {name} after Adam", after[part], params, 2e-7)
        rounding = 1.2e-7 * params.abs().max() / moved.abs().max()
        near(f"update {update}: {name} moved", after[part] - load(f"params{update - 1}")[part], moved,
             max(1e-5, 2 * rounding.item()))
        near(f"update {update}: {name} first moment", load(f"adam_m{update}")[part], m, 1e-6)
        # 0.999 as a float is off by 1.3e-8, and with it 1 - 0.999 by 1.3e-5 of itself
        near(f"update {update}: {name} second moment", load(f"adam_v{update}")[part], v, 2e-5)
    want = (1 - CASE["tau"]) * load(f"target{update - 1}") + CASE["tau"] * after[slices["critics"]]
    near(f"update {update}: targets", load(f"target{update}"), want, 2e-7)


def compare_chain():
    """Errors grow along the chain: Adam divides by the size of the gradient, so a gradient that is nearly 0 turns its
    rounding error into a visible part of a step. Allowed: a hundredth of the way that a parameter can have gone."""
    chain = Learner(load("params0"), load("target0"))
    report = []
    for update in range(1, CASE["n_updates"] + 1):
        critic = chain.critic_gradients(data_of(update), noise_of("eps_critic", update))
        chain.optimizers[1].step()
        actor = chain.actor_gradients(data_of(update), noise_of("eps_actor", update))
        chain.optimizers[0].step()
        chain.optimizers[2].step()
        chain.move_targets()
        near(f"chain, update {update}: losses of the critics", load(f"critic_grad{update}")[-2:], critic[-2:], 2e-5)
        near(f"chain, update {update}: losses of the actor", load(f"actor_grad{update}")[-3:], actor[-3:], 2e-5)
        if update in (1, CASE["n_updates"]):
            params, target = chain.state()
            way = update * CASE["learning_rate"] / params.abs().max().item()
            error = near(f"chain, update {update}: parameters", load(f"params{update}"), params, 0.01 * way)
            typical = (load(f"params{update}") - params).abs().mean().item() / params.abs().max().item()
            near(f"chain, update {update}: targets", load(f"target{update}"), target, 2e-5)
            report.append(f"after {update}: parameters off by {error:.1e} of the largest, {typical:.1e} on average")
    return "; ".join(report)


def main():
    n_actor = load("actor_grad1").numel() - 4
    worst = 0
    for update in range(1, CASE["n_updates"] + 1):
        params, target = load(f"params{update - 1}"), load(f"target{update - 1}")
        middle = params.clone()
        middle[n_actor:-1] = load(f"params{update}")[n_actor:-1]
        worst = max(worst, compare_gradients(update, Learner(params, target), Learner(middle, target)))
        compare_steps(update, n_actor)
    chain = compare_chain()
    print(f"{FOLDER.rsplit('/', 1)[-1]}: gradients and losses off by at most {worst:.1e} of the largest; {chain}")
    if failures:
        print(f"{failures} differences")
        sys.exit(1)


main()
