"""The same work in plain PyTorch on one thread, as a user who knows it well writes it: what Reverie is compared with.

    torch_bench.py --list     names of the benchmarks
    torch_bench.py            prints "ready" and the version, then answers each name that comes in on a line with "ok",
                              the processor's seconds and the clock's seconds for one thing (an update, an epoch, ...)

tests/bench/run asks it for one repeat at a time, between those of tests/bench/bench.c, whose protocol this is. The sizes
are those of bench_learn.c. Whatever made it faster was kept:
  - minibatches are one index_select of packed rows; targets, losses and the policy's density are written out (no
    torch.distributions); gradients are asked for where they are used (no critic weight gradients in the actor's step)
  - the ensemble is one batched product per layer (baddbmm), also over the rows that are imagined with all members;
    with the drawn elite only, states are grouped, so that each costs one member
  - imagined states go in blocks of 500, which was fastest with all members and made no difference with one
What made no difference: Adam's "foreach" form, PyTorch's own AVX-512 kernels (ATEN_CPU_CAPABILITY=avx512).
"""
import math
import os
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
import torch
from torch import nn
from torch.nn import functional as F

REPEAT_S = 0.05
BUFFER = 100000
MEMBERS, ELITES = 7, 5


def real_rows(n, n_obs, n_act):
    """[obs | act | next_obs | reward | terminated]"""
    obs = torch.randn(n, n_obs)
    next_obs = obs + 0.1 * torch.randn(n, n_obs)
    return torch.cat([obs, torch.tanh(torch.randn(n, n_act)), next_obs, torch.randn(n, 1), torch.zeros(n, 1)], 1)


def mlp(n_in, hidden, n_out):
    return nn.Sequential(nn.Linear(n_in, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
                         nn.Linear(hidden, n_out))


def sample(actor, obs):
    """An action and its log density."""
    mean, log_std = actor(obs).chunk(2, 1)
    log_std = log_std.clamp(-20, 2)
    eps = torch.randn_like(mean)
    u = mean + log_std.exp() * eps
    logp = -0.5 * eps * eps - log_std - 0.5 * math.log(2 * math.pi) - 2 * (math.log(2) - u - F.softplus(-2 * u))
    return torch.tanh(u), logp.sum(1, keepdim=True)


class Sac:
    """one update of Soft Actor-Critic; things: updates"""

    discount, tau, rate = 0.99, 0.005, 3e-4

    def __init__(self, n_obs, n_act, hidden, batch):
        self.n_obs, self.n_act, self.batch = n_obs, n_act, batch
        self.rows = real_rows(BUFFER, n_obs, n_act)
        self.actor = mlp(n_obs, hidden, 2 * n_act)
        self.critics = [mlp(n_obs + n_act, hidden, 1) for _ in range(2)]
        self.targets = [mlp(n_obs + n_act, hidden, 1) for _ in range(2)]
        self.critic_params = [p for c in self.critics for p in c.parameters()]
        self.target_params = [p for c in self.targets for p in c.parameters()]
        for target, critic in zip(self.targets, self.critics):
            target.load_state_dict(critic.state_dict())
        self.log_alpha = torch.zeros(1, requires_grad=True)
        self.critic_adam = torch.optim.Adam(self.critic_params, self.rate)
        self.actor_adam = torch.optim.Adam(self.actor.parameters(), self.rate)
        self.alpha_adam = torch.optim.Adam([self.log_alpha], self.rate)

    def run(self):
        rows = self.rows.index_select(0, torch.randint(BUFFER, (self.batch,)))
        obs_act, next_obs, reward, terminated = rows.split([self.n_obs + self.n_act, self.n_obs, 1, 1], 1)
        obs = rows[:, :self.n_obs]
        with torch.no_grad():
            alpha = self.log_alpha.exp()
            next_act, logp = sample(self.actor, next_obs)
            x = torch.cat([next_obs, next_act], 1)
            q = torch.min(self.targets[0](x), self.targets[1](x))
            y = reward + self.discount * (1 - terminated) * (q - alpha * logp)
        loss = sum(0.5 * F.mse_loss(c(obs_act), y) for c in self.critics)
        self.critic_adam.zero_grad(set_to_none=True)
        loss.backward()
        self.critic_adam.step()

        for p in self.critic_params:
            p.requires_grad_(False)
        act, logp = sample(self.actor, obs)
        x = torch.cat([obs, act], 1)
        loss = (alpha * logp - torch.min(self.critics[0](x), self.critics[1](x))).mean()
        self.actor_adam.zero_grad(set_to_none=True)
        loss.backward()
        self.actor_adam.step()
        for p in self.critic_params:
            p.requires_grad_(True)

        loss = -self.log_alpha * (logp.detach().mean() - self.n_act)
        self.alpha_adam.zero_grad(set_to_none=True)
        loss.backward()
        self.alpha_adam.step()
        with torch.no_grad():
            for target, p in zip(self.target_params, self.critic_params):
                target.lerp_(p, self.tau)
        return 1


class Ensemble:
    """MEMBERS networks of four hidden layers as one: weights (MEMBERS, in, out)"""

    def __init__(self, n_obs, n_act):
        self.n_obs, self.n_act = n_obs, n_act
        sizes = [n_obs + n_act, 200, 200, 200, 200, 2 * (n_obs + 1)]
        self.weights = [nn.Parameter(torch.randn(MEMBERS, i, o) / (2 * math.sqrt(i))) for i, o in zip(sizes, sizes[1:])]
        self.biases = [nn.Parameter(torch.zeros(MEMBERS, 1, o)) for o in sizes[1:]]
        self.hi = nn.Parameter(torch.full((MEMBERS, 1, n_obs + 1), 0.5))
        self.lo = nn.Parameter(torch.full((MEMBERS, 1, n_obs + 1), -10.0))

    def bound(self, r, hi, lo):
        return lo + F.softplus(hi - F.softplus(hi - r) - lo)

    def all(self, x):
        """x (MEMBERS, n, in) -> means, log variances, (MEMBERS, n, out)"""
        for w, b in zip(self.weights[:-1], self.biases[:-1]):
            x = F.silu(torch.baddbmm(b, x, w))
        mean, r = torch.baddbmm(self.biases[-1], x, self.weights[-1]).chunk(2, 2)
        return mean, self.bound(r, self.hi, self.lo)

    def one(self, m, x):
        """x (n, in) -> mean, log variance, (n, out) of member m"""
        for w, b in zip(self.weights[:-1], self.biases[:-1]):
            x = F.silu(torch.addmm(b[m], x, w[m]))
        mean, r = torch.addmm(self.biases[-1][m], x, self.weights[-1][m]).chunk(2, 1)
        return mean, self.bound(r, self.hi[m], self.lo[m])


class Epoch:
    """one epoch of all members over their bootstraps; things: epochs"""

    n, batch = 10000, 256
    decay = [2.5e-5, 5e-5, 7.5e-5, 7.5e-5, 1e-4]

    def __init__(self):
        self.net = Ensemble(17, 6)
        rows = real_rows(self.n, 17, 6)
        x = rows[:, :23]
        x = (x - x.mean(0)) / x.std(0)
        self.data = torch.cat([x, rows[:, -2:-1], rows[:, 23:40] - rows[:, :17]], 1)
        self.bootstrap = torch.randint(self.n, (MEMBERS, self.n))
        self.adam = torch.optim.Adam([*self.net.weights, *self.net.biases, self.net.hi, self.net.lo], 1e-3)

    def run(self):
        net = self.net
        order = torch.stack([b[torch.randperm(self.n)] for b in self.bootstrap])
        for at in range(0, self.n, self.batch):
            index = order[:, at:at + self.batch]
            rows = self.data.index_select(0, index.reshape(-1)).view(*index.shape, -1)
            x, y = rows.split([23, 18], 2)
            mean, logvar = net.all(x)
            loss = ((mean - y).square() * torch.exp(-logvar) + logvar).mean((1, 2)).sum()
            loss = loss + sum(d / 2 * w.square().sum() for d, w in zip(self.decay, net.weights))
            loss = loss + 0.01 * (net.hi.sum() - net.lo.sum())
            self.adam.zero_grad(set_to_none=True)
            loss.backward()
            self.adam.step()
        return 1


class Imagine:
    """one imagined step from real states; things: transitions"""

    def __init__(self, gate, block):
        self.gate, self.block = gate, block
        self.net = Ensemble(17, 6)
        self.actor = mlp(17, 256, 12)
        self.real = real_rows(BUFFER, 17, 6)
        self.mean, self.std = torch.zeros(23), torch.ones(23)

    def members(self, x, n):
        """mean and log variance (n, out) of the elite drawn for each state, and which states may go on"""
        if self.gate:
            mean, logvar = self.net.all(x.expand(MEMBERS, n, 23))
            spread = mean.var(0, unbiased=False) / logvar.exp().mean(0)
            elite = torch.randint(MEMBERS, (n,))
            at = torch.arange(n)
            return mean[elite, at], logvar[elite, at], spread.amax(1) <= 1e12
        # states are independent: any cut into groups of binomial sizes is a draw of an elite per state
        sizes = torch.bincount(torch.randint(ELITES, (n,)), minlength=ELITES).tolist()
        parts = [self.net.one(m, part) for m, part in enumerate(x.split(sizes))]
        return torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts]), None

    @torch.no_grad()
    def run(self):
        n = self.block
        obs = self.real.index_select(0, torch.randint(BUFFER, (n,)))[:, :17]
        mean, log_std = self.actor(obs).chunk(2, 1)
        act = torch.tanh(mean + log_std.clamp(-20, 2).exp() * torch.randn_like(mean))
        x = torch.cat([obs, act], 1)
        mean, logvar, go = self.members((x - self.mean) / self.std, n)
        out = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
        rows = torch.cat([x, obs + out[:, 1:], out[:, :1], torch.zeros(n, 1)], 1)
        if go is not None:
            rows = rows[go]
        assert len(rows) == n
        return n


class Sgemm:
    """the product alone: shows that torch has the same BLAS; things: products"""

    def __init__(self):
        self.a, self.b, self.c = (torch.randn(1024, 1024) for _ in range(3))

    def run(self):
        torch.mm(self.a, self.b, out=self.c)
        return 1


BENCHMARKS = {
    "ceiling/sgemm": Sgemm,
    "sac/half_cheetah": lambda: Sac(17, 6, 256, 256),
    "sac/pendulum": lambda: Sac(3, 1, 64, 100),
    "fit/epoch": Epoch,
    "imagine/drawn": lambda: Imagine(False, 500),
    "imagine/gate": lambda: Imagine(True, 500),
}
ready = {}


def run_times(work, n):
    cpu, wall = time.process_time(), time.perf_counter()
    things = sum(work.run() for _ in range(n))
    return time.process_time() - cpu, time.perf_counter() - wall, things


def prepare(name):
    work = BENCHMARKS[name]()
    run_times(work, 1)
    n = 1
    while run_times(work, n)[0] < REPEAT_S:
        n *= 2
    return work, n


def repeat(name):
    if name not in ready:
        ready[name] = prepare(name)
    work, n = ready[name]
    if n > 1:
        work.run()
    return run_times(work, n)


def main():
    if sys.argv[1:] == ["--list"]:
        print(*BENCHMARKS, sep="\n")
        return
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    torch.manual_seed(1)
    print("ready", torch.__version__, sep="\t", flush=True)
    for line in sys.stdin:
        cpu, wall, things = repeat(line.strip())
        print("ok", cpu / things, wall / things, sep="\t", flush=True)


if __name__ == "__main__":
    main()
