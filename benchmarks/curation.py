"""The curated loop: one population step on many atoms, and the particle loops, beside NumPy."""

from collections.abc import Iterator
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks import Row, side_by_side
from theorycheck.loops.curation import choice_ratio, simulate

ATOMS, SPAN = 100_000, 5.0
AGREEMENT = 1e-12  # of the two ratios, or the times are not of the same work
STEP, FIRST, LAST = 0.2, -39.0, 45.0  # of the trapezoidal rule in log u, see kernels/curation.py
FEW, USERS, STEPS, PATHS = 10, 1000, 20, 64


def rows() -> Iterator[Row]:
    # Our kernels run on one thread; so does NumPy.
    with threadpool_limits(1):
        rng = np.random.default_rng(1)
        p, reward = rng.dirichlet(np.ones(ATOMS)), rng.uniform(0, SPAN, ATOMS)
        for choices in (2, 16, 1000):
            apart = np.abs(choice_ratio(p, reward, choices) / numpy_ratio(p, reward, choices) - 1).max()
            if apart > AGREEMENT:
                raise RuntimeError(f"both must agree within {AGREEMENT:g} at K = {choices}, got {apart:.2g}")
            yield side_by_side(
                f"population step, {ATOMS:,} atoms, K={choices}",
                partial(choice_ratio, p, reward, choices),
                partial(numpy_ratio, p, reward, choices),
                "NumPy over atoms",
                turns=5,
            )
        start, reward = np.full(FEW, 1 / FEW), np.linspace(0, 1, FEW)
        for kernel, baseline in (("literal", numpy_literal), ("reduced", numpy_reduced)):
            for choices in (2, 16):
                yield side_by_side(
                    f"{kernel}, {FEW} atoms, K={choices}, users={USERS}, steps={STEPS}, paths={PATHS}",
                    partial(
                        simulate, np.random.default_rng(1), start, reward, choices, USERS, STEPS, PATHS,
                        kernel=kernel,
                    ),
                    partial(baseline, np.random.default_rng(2), start, reward, choices),
                    "NumPy over paths",
                )  # fmt: skip


def nodes(a: np.ndarray, choices: int) -> np.ndarray:
    first, last = FIRST - np.log(choices), np.log(LAST / (choices * a.min()))
    return np.exp(first + STEP * np.arange(int((last - first) / STEP) + 2))


def numpy_ratio(p: np.ndarray, reward: np.ndarray, choices: int) -> np.ndarray:
    """H^K at every atom by the same integral, one node after the other; K·log φ stays in range here."""
    a = np.exp(reward - reward.max())
    ratio = np.zeros_like(p)
    for u in nodes(a, choices):
        change = np.expm1(-u * a)
        deficit = p @ change
        log_phi = np.log1p(deficit) if deficit > -0.5 else np.log(p @ np.exp(-u * a))
        ratio += u * np.exp((choices - 1) * log_phi) * (1 + change)
    return STEP * choices * a * ratio


def numpy_literal(rng: np.random.Generator, p: np.ndarray, reward: np.ndarray, choices: int) -> np.ndarray:
    """p_t of each path, shape (paths, atoms), from all proposals of a generation at once."""
    a = np.exp(reward)
    p = np.tile(p, (PATHS, 1))
    path = np.arange(PATHS)[:, None, None]
    for _ in range(STEPS):
        # One sorted array for all paths: the cumulative probabilities, shifted by the path's number.
        cumulative = (np.cumsum(p, axis=1) + path[:, 0]).ravel()
        drawn = np.searchsorted(cumulative, rng.random((PATHS, USERS, choices)) + path, side="right")
        proposals = np.minimum(drawn - FEW * path, FEW - 1)
        odds = np.cumsum(a[proposals], axis=2)
        chosen = (odds <= odds[:, :, -1:] * rng.random((PATHS, USERS, 1))).sum(axis=2)
        kept = np.take_along_axis(proposals, chosen[:, :, None], axis=2)
        p = np.bincount((kept + FEW * path).ravel(), minlength=p.size).reshape(p.shape) / USERS
    return p


def numpy_reduced(rng: np.random.Generator, p: np.ndarray, reward: np.ndarray, choices: int) -> np.ndarray:
    """The same from multinomial counts, with H^K of all paths by two matrix products."""
    a = np.exp(reward - reward.max())
    u = nodes(a, choices)
    change = np.expm1(-u[:, None] * a)
    weight = STEP * choices * u[:, None] * a * (1 + change)
    p = np.tile(p, (PATHS, 1))
    for _ in range(STEPS):
        power = np.exp((choices - 1) * np.log1p(p @ change.T))
        kept = p * (power @ weight)
        p = rng.multinomial(USERS, kept / kept.sum(axis=1, keepdims=True)) / USERS
    return p
