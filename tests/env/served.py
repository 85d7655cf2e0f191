"""environments for remote.test.sh: on its worst behaviour, with choices, with spaces that cannot be served"""
import os
import sys
import time
from types import SimpleNamespace

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../configs/own/gymnasium"))
from spring import Spring, box  # noqa: E402


class Faulty(Spring):
    """does something wrong in some steps, counted over all objects of the process"""

    n_steps = 0

    def __init__(self, how, at):
        super().__init__()
        self.how, self.at = how, at

    def step(self, action):
        obs, *rest = super().step(action)
        Faulty.n_steps += 1
        if Faulty.n_steps in self.at:
            if self.how == "raise":
                raise ValueError("too\nhot")
            if self.how == "exit":
                sys.exit("enough")
            if self.how == "nan":
                obs[1] = np.nan
            if self.how == "size":
                obs = obs[:2]
            if self.how == "sleep":
                time.sleep(3)
        return (obs, *rest)


class Walk:
    """seven places in a row, left or right; its state cannot be saved"""

    observation_space = SimpleNamespace(n=7, start=3, shape=())
    action_space = SimpleNamespace(n=2, start=-1, shape=())

    def reset(self, seed=None):
        self.at, self.t = 1 + seed % 5, 0
        return 3 + self.at, {}

    def step(self, action):
        assert action in (-1, 0)
        self.at += 1 if action == 0 else -1
        self.t += 1
        return np.int64(3 + self.at), int(self.at == 6), self.at in (0, 6), self.t == 40, {}


class Spaces(Spring):
    def __init__(self, what):
        super().__init__()
        if what == "dict":
            self.observation_space = SimpleNamespace(spaces={})
        if what == "infinite":
            self.action_space = box([-np.inf], [1])
        if what == "several":
            self.action_space = SimpleNamespace(nvec=[2, 2], shape=(2,))
