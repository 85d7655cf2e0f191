# spring.py - a mass on a spring, pushed to a mark: an environment with the interface of Gymnasium, as one of your own
# would be. It imports nothing of Gymnasium's; where that is installed, derive from gymnasium.Env and take its spaces.
#
# In one terminal, from the folder of Reverie; on Debian it wants python3-zmq, python3-msgpack and python3-numpy:
#
#     launch/reverie-gym configs/own/gymnasium/spring.py:Spring
#
# and in another:
#
#     reverie train configs/own/gymnasium/spring.yaml
#
# The server waits for the next run; Ctrl-C ends it. Another spring: reverie train ... env.arguments=stiffness=2
"""a mass on a spring that is to be held at a mark"""
import struct
from types import SimpleNamespace

import numpy as np


def box(low, high):
    """what a gymnasium.spaces.Box has that matters"""
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    return SimpleNamespace(low=low, high=high, shape=low.shape, dtype=np.float64)


class Spring:
    """a mass on a spring that is to be held at a mark"""

    dt = 0.1
    time_limit = 100
    # beyond these the episode ends; an imagined state ends there too
    alive_low, alive_high = [-3, -np.inf, -np.inf], [3, np.inf, np.inf]
    state_size = 32

    def __init__(self, stiffness=1.0, friction=0.2):
        self.stiffness, self.friction = stiffness, friction
        self.observation_space = box([-np.inf] * 3, [np.inf] * 3)
        self.action_space = box([-2.0], [2.0])

    def observe(self):
        return np.array([self.x, self.v, self.mark])

    def reset(self, seed=None):
        rng = np.random.default_rng(seed)
        self.x, self.v, self.mark = rng.uniform([-1, -1, -1], [1, 1, 1])
        self.t = 0
        return self.observe(), {}

    def step(self, action):
        force = float(action[0])
        self.v += (force - self.stiffness * self.x - self.friction * self.v) * self.dt
        self.x += self.v * self.dt
        self.t += 1
        off = self.x - self.mark
        reward = 1 - off * off - 0.1 * self.v * self.v
        terminated = bool(abs(self.x) > 3)
        return self.observe(), reward, terminated, self.t >= self.time_limit, {}

    # all that the next step depends on: a run that is stopped goes on inside the episode
    def save_state(self):
        return struct.pack("<dddq", self.x, self.v, self.mark, self.t)

    def load_state(self, state):
        self.x, self.v, self.mark, self.t = struct.unpack("<dddq", state)
        return self.observe()
