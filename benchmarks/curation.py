"""The curated loop: one population step on many atoms, and the loops of finitely many users, beside NumPy."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks import Row, compare
from benchmarks._backends import Backend, backends
from benchmarks._gaussian import one_thread
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
            yield from population_rows(choices)
        for loop in LOOPS:
            yield from loop_rows(*loop)


def population_rows(choices: int, atoms: int = ATOMS) -> Iterator[Row]:
    rng = np.random.default_rng(1)
    p, reward = rng.dirichlet(np.ones(atoms)), rng.uniform(0, SPAN, atoms)
    ours = partial(choice_ratio, p, reward, choices)
    baselines: dict[str, Callable[[], Any]] = {"NumPy over atoms": partial(numpy_ratio, p, reward, choices)}
    baselines |= {f"{b.name} over atoms": backend_ratio(b, p, reward, choices) for b in backends()}
    for name, ratio in baselines.items():
        apart = np.abs(ours() / np.asarray(ratio()) - 1).max()
        if apart > AGREEMENT:
            raise RuntimeError(f"{name} must agree within {AGREEMENT:g} at K = {choices}, got {apart:.2g}")
    yield from compare(
        f"population step, {atoms:,} atoms, K={choices}",
        ours,
        baselines,
        count=3,
        unit="atom",
        units=atoms,
    )


def loop_rows(
    kernel: str, atoms: int, choices: int, users: int, steps: int, paths: int, count: int
) -> Iterator[Row]:
    start, reward = np.full(atoms, 1 / atoms), np.linspace(0, 1, atoms)
    size = start, reward, choices, users, steps, paths
    rng = np.random.default_rng(2)
    baselines: dict[str, Callable[[], Any]] = {
        "NumPy, all users at once": partial(numpy_literal, rng, *size),
        **{f"{backend.name}, all users at once": backend_literal(backend, *size) for backend in backends()},
    }
    if kernel == "reduced":
        baselines["NumPy, reduced too"] = partial(numpy_reduced, rng, *size)
    else:
        baselines["Python loop"] = partial(python_literal, rng, *size)
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


def backend_ratio(backend: Backend, p: np.ndarray, reward: np.ndarray, choices: int) -> Callable[[], Any]:
    """The same in torch or JAX."""
    xp, relative = backend.arrays, np.exp(reward - reward.max())
    mass, a, u = (xp.asarray(x) for x in (p, relative, nodes(relative, choices)))

    def step(sums: Any, key: Any) -> Any:
        number, ratio = sums
        node = u[number]
        change = xp.expm1(-node * a)
        deficit = mass @ change
        # Both forms of log φ, as neither package branches on a number.
        log_phi = xp.where(deficit > -0.5, xp.log1p(deficit), xp.log(mass @ xp.exp(-node * a)))
        return number + 1, ratio + node * xp.exp((choices - 1) * log_phi) * (1 + change)

    run = backend.loop(lambda key: (xp.asarray(0), xp.zeros_like(a)), step, len(u))
    return lambda: STEP * choices * a * run()[1]


def python_literal(
    rng: np.random.Generator,
    p: np.ndarray,
    reward: np.ndarray,
    choices: int,
    users: int,
    steps: int,
    paths: int,
) -> np.ndarray:
    """The loop that papers ship, one user after the other: p_t of each path, shape (paths, atoms)."""
    a, atoms = np.exp(reward), p.size
    final = np.empty((paths, atoms))
    for path in range(paths):
        model = p
        for _ in range(steps):
            kept = np.zeros(atoms)
            for _user in range(users):
                proposals = rng.choice(atoms, choices, p=model)
                odds = a[proposals]
                kept[rng.choice(proposals, p=odds / odds.sum())] += 1
            model = kept / users
        final[path] = model
    return final


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


def backend_literal(
    backend: Backend, p: np.ndarray, reward: np.ndarray, choices: int, users: int, steps: int, paths: int
) -> Callable[[], Any]:
    """The same in torch or JAX."""
    xp, atoms = backend.arrays, p.size
    a, path = xp.asarray(np.exp(reward)), xp.arange(paths)[:, None]

    def step(model: Any, key: Any) -> Any:
        first, second = backend.split(key, 2)
        cumulative = (xp.cumsum(model, 1) + path).reshape(-1)
        uniform = backend.uniform(first, (paths, users * choices)) + path
        drawn = xp.searchsorted(cumulative, uniform.reshape(-1), side="right").reshape(paths, -1)
        proposals = xp.clip(drawn - atoms * path, 0, atoms - 1).reshape(-1, choices)
        odds = xp.cumsum(a[proposals], 1)
        threshold = odds[:, -1:] * backend.uniform(second, (paths * users, 1))
        chosen = (odds <= threshold).sum(1)
        kept = proposals[xp.arange(paths * users), chosen].reshape(paths, users) + atoms * path
        return backend.tally(kept.reshape(-1), paths * atoms).reshape(paths, atoms) / users

    return backend.loop(lambda key: xp.asarray(np.tile(p, (paths, 1))), step, steps)


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
            # Masses may sum to a little more than 1.
            power = np.exp((choices - 1) * np.log1p(np.maximum(p @ change.T, -1)))
        kept = p * (power @ weight)
        p = rng.multinomial(users, kept / kept.sum(axis=1, keepdims=True)) / users
    return p
