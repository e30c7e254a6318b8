"""The curated loop: one population step on many atoms, and the loops of finitely many users, beside NumPy."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks import Row, compare, side_by_side
from benchmarks._gaussian import installed, one_thread
from theorycheck.loops.curation import choice_ratio, simulate

ATOMS, SPAN = 100_000, 5.0
AGREEMENT = 1e-12  # of the two ratios, or the times are not of the same work
STEP, FIRST, LAST = 0.2, -39.0, 45.0  # of the trapezoidal rule in log u, see kernels/curation.py

# Kernel, atoms, K, users, steps, paths, turns.
LOOPS = (
    ("literal", 50, 16, 20_000, 1, 1, 15),
    ("reduced", 50, 16, 20_000, 20, 4, 15),
    ("literal", 10, 2, 1000, 5, 8, 15),
    ("reduced", 10, 2, 1000, 20, 64, 15),
)


def rows() -> Iterator[Row]:
    # Our kernels run on one thread; so do the others.
    with one_thread():
        for choices in (2, 16, 1000):
            yield population_row(choices)
        for loop in LOOPS:
            yield from loop_rows(*loop)


def population_row(choices: int, atoms: int = ATOMS) -> Row:
    rng = np.random.default_rng(1)
    p, reward = rng.dirichlet(np.ones(atoms)), rng.uniform(0, SPAN, atoms)
    apart = np.abs(choice_ratio(p, reward, choices) / numpy_ratio(p, reward, choices) - 1).max()
    if apart > AGREEMENT:
        raise RuntimeError(f"both must agree within {AGREEMENT:g} at K = {choices}, got {apart:.2g}")
    return side_by_side(
        f"population step, {atoms:,} atoms, K={choices}",
        partial(choice_ratio, p, reward, choices),
        partial(numpy_ratio, p, reward, choices),
        "NumPy over atoms",
        turns=3,
    )


def loop_rows(
    kernel: str, atoms: int, choices: int, users: int, steps: int, paths: int, count: int
) -> Iterator[Row]:
    start, reward = np.full(atoms, 1 / atoms), np.linspace(0, 1, atoms)
    size = start, reward, choices, users, steps, paths
    baselines = {"NumPy, all users at once": partial(numpy_literal, np.random.default_rng(2), *size)}
    if kernel == "reduced":
        baselines["NumPy, reduced too"] = partial(numpy_reduced, np.random.default_rng(2), *size)
    elif torch := installed("torch"):
        baselines["torch, all users at once"] = partial(torch_literal, torch, *size)
    unit, units = "generation", steps * paths
    if kernel == "literal":
        unit, units = "user", users * units
    yield from compare(
        f"{kernel}, {atoms} atoms, K={choices}, users={users:,}, steps={steps}, paths={paths}",
        partial(simulate, np.random.default_rng(1), *size, kernel=kernel),
        baselines,
        count=count,
        unit=unit,
        units=units,
        bytes_per_path=8 * atoms,
    )


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


def numpy_literal(
    rng: np.random.Generator,
    p: np.ndarray,
    reward: np.ndarray,
    choices: int,
    users: int,
    steps: int,
    paths: int,
) -> np.ndarray:
    """p_t of each path, shape (paths, atoms), from all proposals of a generation at once."""
    a, atoms = np.exp(reward), p.size
    p = np.tile(p, (paths, 1))
    path = np.arange(paths)[:, None, None]
    for _ in range(steps):
        # One sorted array for all paths: the cumulative probabilities, shifted by the path's number.
        cumulative = (np.cumsum(p, axis=1) + path[:, 0]).ravel()
        drawn = np.searchsorted(cumulative, rng.random((paths, users, choices)) + path, side="right")
        proposals = np.minimum(drawn - atoms * path, atoms - 1)
        odds = np.cumsum(a[proposals], axis=2)
        chosen = (odds <= odds[:, :, -1:] * rng.random((paths, users, 1))).sum(axis=2)
        kept = np.take_along_axis(proposals, chosen[:, :, None], axis=2)
        p = np.bincount((kept + atoms * path).ravel(), minlength=p.size).reshape(p.shape) / users
    return p


def torch_literal(
    torch: Any, p: np.ndarray, reward: np.ndarray, choices: int, users: int, steps: int, paths: int
) -> np.ndarray:
    """The same in torch, with its own multinomial draws."""
    a = torch.exp(torch.from_numpy(reward))
    model = torch.from_numpy(np.tile(p, (paths, 1)))
    for _ in range(steps):
        proposals = torch.multinomial(model, users * choices, replacement=True).reshape(-1, choices)
        kept = proposals.gather(1, torch.multinomial(a[proposals], 1)).reshape(paths, users)
        model = (
            torch.zeros_like(model).scatter_add_(1, kept, torch.ones_like(kept, dtype=model.dtype)) / users
        )
    return model.numpy()


def numpy_reduced(
    rng: np.random.Generator,
    p: np.ndarray,
    reward: np.ndarray,
    choices: int,
    users: int,
    steps: int,
    paths: int,
) -> np.ndarray:
    """The same from multinomial counts, with H^K of all paths by two matrix products."""
    a = np.exp(reward - reward.max())
    u = nodes(a, choices)
    change = np.expm1(-u[:, None] * a)
    weight = STEP * choices * u[:, None] * a * (1 + change)
    p = np.tile(p, (paths, 1))
    for _ in range(steps):
        with np.errstate(divide="ignore"):  # φ may underflow where its power is 0 anyhow
            power = np.exp((choices - 1) * np.log1p(p @ change.T))
        kept = p * (power @ weight)
        p = rng.multinomial(users, kept / kept.sum(axis=1, keepdims=True)) / users
    return p
