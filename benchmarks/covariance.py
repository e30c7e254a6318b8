"""The d-dimensional Gaussian kernels beside `multivariate_normal` and `cov`, and all paths at once."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks import TURNS, Row, compare
from benchmarks._backends import Backend, backends
from benchmarks._gaussian import one_thread
from theorycheck.loops.covariance import root, simulate_covariance, tilted_ratio

# Kernel, dimension, samples, steps, paths, turns.
WORKLOADS = (
    ("reduced", 100, 100, 100, 1, 3),
    ("literal", 100, 100, 100, 1, 3),
    ("reduced", 3, 10, 20, 20, 15),
    ("literal", 3, 10, 20, 20, 15),
)


def rows() -> Iterator[Row]:
    with one_thread():
        for workload in WORKLOADS:
            yield from row(*workload)
        yield from tilted_row(3, 10, 20, 20)


def row(kernel: str, dimension: int, samples: int, steps: int, paths: int, count: int) -> Iterator[Row]:
    size = np.eye(dimension), samples, steps, paths
    rng = np.random.default_rng(2)
    yield from compare(
        f"{kernel}, d={dimension}, n={samples}, steps={steps}, paths={paths}",
        partial(simulate_covariance, np.random.default_rng(1), *size, kernel=kernel),
        {
            "multivariate_normal (svd) + cov": partial(python_loop, rng, *size, method="svd"),
            "multivariate_normal (eigh) + cov": partial(python_loop, rng, *size, method="eigh"),
            "NumPy over paths": partial(numpy_loop, rng, *size),
            **{f"{backend.name} over paths": backend_loop(backend, *size) for backend in backends()},
        },
        count=count,
        unit="generation",
        units=steps * paths,
        bytes_per_path=8 * dimension**2,
    )


def tilted_row(dimension: int, samples: int, steps: int, paths: int, count: int = TURNS) -> Iterator[Row]:
    size = np.eye(dimension), samples, steps, paths, np.eye(dimension)[0]
    yield from compare(
        f"tilted, d={dimension}, n={samples}, steps={steps}, paths={paths}",
        partial(tilted_ratio, np.random.default_rng(1), *size),
        {"NumPy over paths": partial(numpy_tilted, np.random.default_rng(2), *size)},
        count=count,
        unit="generation",
        units=steps * paths,
        bytes_per_path=8 * dimension**2,
    )


def python_loop(
    rng: np.random.Generator, start: np.ndarray, samples: int, steps: int, paths: int, *, method: str
) -> np.ndarray:
    """Σ_t of each path, shape (paths, d, d); `svd` is NumPy's default, `eigh` faster."""
    final = np.empty((paths, *start.shape))
    origin = np.zeros(len(start))
    for path in range(paths):
        mean, covariance = origin, start
        for _ in range(steps):
            points = rng.multivariate_normal(
                mean,
                covariance,
                samples,
                check_valid="ignore",
                method=method,  # type: ignore[arg-type]
            )
            mean, covariance = points.mean(axis=0), np.cov(points, rowvar=False)
        final[path] = covariance
    return final


def numpy_loop(
    rng: np.random.Generator, start: np.ndarray, samples: int, steps: int, paths: int
) -> np.ndarray:
    """The same for all paths at once, by Cholesky's factor where there is one and else by eigenvalues."""
    d = len(start)
    covariance = np.tile(start, (paths, 1, 1))
    for _ in range(steps):
        if samples > d:
            factor = np.linalg.cholesky(covariance)
        else:
            values, vectors = np.linalg.eigh(covariance)
            factor = vectors * np.sqrt(np.clip(values, 0, None))[:, None, :]
        points = rng.standard_normal((paths, samples, d)) @ factor.mT
        points -= points.mean(axis=1, keepdims=True)
        covariance = points.mT @ points / (samples - 1)
    return covariance


def backend_loop(
    backend: Backend, start: np.ndarray, samples: int, steps: int, paths: int
) -> Callable[[], Any]:
    """The same in torch or JAX."""
    xp, d = backend.arrays, len(start)

    def step(covariance: Any, key: Any) -> Any:
        if samples > d:
            factor = xp.linalg.cholesky(covariance)
        else:
            values, vectors = xp.linalg.eigh(covariance)
            factor = vectors * (xp.clip(values, 0, None) ** 0.5)[:, None, :]
        points = backend.normal(key, (paths, samples, d)) @ factor.mT
        points = points - points.mean(1)[:, None]
        return points.mT @ points / (samples - 1)

    return backend.loop(lambda key: xp.asarray(np.tile(start, (paths, 1, 1))), step, steps)


def numpy_tilted(
    rng: np.random.Generator, start: np.ndarray, samples: int, steps: int, paths: int, direction: np.ndarray
) -> np.ndarray:
    """`tilted_ratio` from points whose length along u = A'x/|A'x| has one more degree of freedom."""
    freedom = samples - 1
    factor = np.tile(root(start), (paths, 1, 1))
    for _ in range(steps):
        points = rng.standard_normal((paths, len(start), freedom))
        u = np.einsum("pij,i->pj", factor, direction)
        u /= np.linalg.norm(u, axis=1, keepdims=True)
        along = np.einsum("pij,pi->pj", points, u)
        square = np.einsum("pj,pj->p", along, along)
        longer = np.sqrt(1 + rng.chisquare(1, paths) / square) - 1
        points += u[:, :, None] * (longer[:, None] * along)[:, None, :]
        # A square factor of Σ_{t+1}, so that it does not grow.
        moved = factor @ points
        values, vectors = np.linalg.eigh(moved @ moved.mT / freedom)
        factor = vectors * np.sqrt(np.clip(values, 0, None))[:, None, :]
    components = np.einsum("pij,i->pj", vectors, direction) ** 2
    values = np.clip(values, 0, None)
    return (components * np.sqrt(values)).sum(axis=1) / np.sqrt((components * values).sum(axis=1))
