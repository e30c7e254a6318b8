"""The loop of particles: proposals of a mixture, users' choices, and a refit by EM, beside NumPy."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks import TURNS, Row, compare
from benchmarks._gaussian import one_thread
from theorycheck.loops.particles import LEAST_SCALE, Mixture, mixture, simulate
from theorycheck.loops.planar import circle
from theorycheck.loops.rewards import Reward

CHOICES = 4


def rows() -> Iterator[Row]:
    start = mixture(np.full(8, 1 / 8), circle(), 0.2)
    with one_thread():
        for users, steps, paths in ((1000, 5, 1), (50, 5, 20)):
            yield from row(start, users, steps, paths)


def row(start: Mixture, users: int, steps: int, paths: int, count: int = TURNS) -> Iterator[Row]:
    size = start, reward, CHOICES, users, steps, paths
    yield from compare(
        f"{len(start.weight)} components, K={CHOICES}, users={users:,}, steps={steps}, paths={paths}",
        partial(simulate, np.random.default_rng(1), *size),
        {"NumPy, all users at once": partial(numpy_loop, np.random.default_rng(2), *size)},
        count=count,
        unit="user",
        units=users * steps * paths,
        bytes_per_path=sum(part.nbytes for part in start),
    )


def reward(x: np.ndarray) -> np.ndarray:
    """What both sides pay for alike: to the right is better."""
    return x[..., 0]


def numpy_loop(
    rng: np.random.Generator, start: Mixture, reward: Reward, choices: int, users: int, steps: int, paths: int
) -> Mixture:
    """`particles.simulate` without real data, one round of EM a generation."""
    weight, mean, scale = (np.repeat(part[None], paths, axis=0) for part in start)
    path = np.arange(paths)[:, None]
    for _ in range(steps):
        uniform = rng.random((paths, users * choices, 1))
        drawn = (np.cumsum(weight, axis=1)[:, None] <= uniform).sum(axis=2).clip(max=weight.shape[1] - 1)
        x = rng.standard_normal((paths, users * choices, mean.shape[2]))
        x = (mean[path, drawn] + scale[path, drawn][:, :, None] * x).reshape(paths, users, choices, -1)
        odds = np.exp(reward(x)).cumsum(axis=2)
        chosen = (odds <= odds[:, :, -1:] * rng.random((paths, users, 1))).sum(axis=2)
        kept = x[path, np.arange(users), chosen]
        square = ((kept[:, :, None] - mean[:, None]) ** 2).sum(axis=3)
        with np.errstate(divide="ignore"):  # a component without mass holds nothing
            height = np.log(weight) - mean.shape[2] * np.log(scale)
        part = height[:, None] - square / (2 * scale**2)[:, None]
        held = np.exp(part - part.max(axis=2, keepdims=True))
        held /= held.sum(axis=2, keepdims=True)
        mass = held.sum(axis=1)
        alive = mass > 0
        safe = np.where(alive, mass, 1.0)
        moved = np.where(alive[:, :, None], held.mT @ kept / safe[:, :, None], mean)
        square = ((kept[:, :, None] - moved[:, None]) ** 2).sum(axis=3)
        spread = np.sqrt((held * square).sum(axis=1) / (mean.shape[2] * safe))
        weight, mean = mass / users, moved
        scale = np.where(alive, np.maximum(spread, LEAST_SCALE), scale)
    return Mixture(weight, mean, scale)
