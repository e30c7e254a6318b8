"""The one-dimensional Gaussian loop by other means; each returns final means and scales, (2, paths)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks._backends import Backend, backends, installed


def python_literal(rng: np.random.Generator, samples: int, steps: int, paths: int) -> np.ndarray:
    """The loop that papers ship: one path after the other, one generation after the other."""
    final = np.empty((2, paths))
    for path in range(paths):
        mean, scale = 0.0, 1.0
        for _ in range(steps):
            points = rng.normal(mean, scale, samples)
            mean, scale = points.mean(), points.std(ddof=1)
        final[:, path] = mean, scale
    return final


def numpy_literal(rng: np.random.Generator, samples: int, steps: int, paths: int) -> np.ndarray:
    """All paths at once, a generation at a time, without temporary arrays of points."""
    mean, scale = np.zeros(paths), np.ones(paths)
    points = np.empty((paths, samples))
    for _ in range(steps):
        rng.standard_normal(out=points)
        average = points.mean(axis=1)
        points -= average[:, None]
        squares = np.einsum("ij,ij->i", points, points)
        mean += scale * average
        scale *= np.sqrt(squares / (samples - 1))
    return np.array([mean, scale])


def numpy_reduced(
    rng: np.random.Generator, samples: int, steps: int, paths: int, tilt: int = 0
) -> np.ndarray:
    """The same from one normal and one χ² a generation, of `tilt` more degrees of freedom."""
    mean, scale = np.zeros(paths), np.ones(paths)
    for _ in range(steps):
        mean += scale * rng.standard_normal(paths) / np.sqrt(samples)
        scale *= np.sqrt(rng.chisquare(samples - 1 + tilt, paths) / (samples - 1))
    return np.array([mean, scale])


def backend_literal(backend: Backend, samples: int, steps: int, paths: int) -> Callable[[], Any]:
    """All paths at once in torch or JAX."""

    def step(model: Any, key: Any) -> Any:
        points = backend.normal(key, (paths, samples))
        mean, scale = model
        return mean + scale * points.mean(1), scale * points.var(1, correction=1) ** 0.5

    return backend.loop(partial(_start, backend, paths), step, steps)


def backend_reduced(
    backend: Backend, samples: int, steps: int, paths: int, tilt: int = 0
) -> Callable[[], Any]:
    """The same from one normal and one χ² a generation, of `tilt` more degrees of freedom."""

    def step(model: Any, key: Any) -> Any:
        first, second = backend.split(key, 2)
        mean, scale = model
        square = backend.chi_square(second, samples - 1 + tilt, (paths,))
        shift = backend.normal(first, (paths,)) / samples**0.5
        return mean + scale * shift, scale * (square / (samples - 1)) ** 0.5

    return backend.loop(partial(_start, backend, paths), step, steps)


def _start(backend: Backend, paths: int, key: Any) -> Any:
    scale = backend.arrays.ones(paths, dtype=backend.arrays.float64)
    return 0 * scale, scale


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """NumPy's BLAS and torch on one thread, as our kernels are."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    torch: Any = installed("torch")
    before = torch.get_num_threads() if torch else 1
    with threadpool_limits(1):
        if torch:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(before)


def others(name: str, samples: int, steps: int, paths: int) -> dict[str, Callable[[], object]]:
    """Baselines of the kernel of that name; torch and JAX where they are installed."""
    rng, size = np.random.default_rng(os.getpid()), (samples, steps, paths)
    known: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
        "literal": (numpy_literal, backend_literal),
        "reduced": (numpy_reduced, backend_reduced),
        "tilted": (partial(numpy_reduced, tilt=1), partial(backend_reduced, tilt=1)),
    }
    numpy, loop = known[name]
    found: dict[str, Callable[[], object]] = {
        "NumPy over paths": partial(numpy, rng, *size),
        **{f"{backend.name} over paths": loop(backend, *size) for backend in backends()},
    }
    # Nobody draws points under the tilted law.
    return found if name == "tilted" else {"Python loop": partial(python_literal, rng, *size), **found}
