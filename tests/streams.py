"""The kernels' own stream of normals, for oracles that are fed with the same draws."""

import numpy as np

from theorycheck.kernels import normals


class Normals:
    """`size` normals a call, from the stream that `rng` seeds."""

    def __init__(self, rng):
        self.stream = normals.start(rng)

    def __call__(self, size):
        out = np.empty(size)
        normals.draw(self.stream, size, out)
        return out
