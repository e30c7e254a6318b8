"""The one-dimensional Gaussian loop by other means; each returns final means and scales, (2, paths)."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np


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


def numpy_reduced(rng: np.random.Generator, samples: int, steps: int, paths: int) -> np.ndarray:
    """The same from one normal and one χ² a generation."""
    mean, scale = np.zeros(paths), np.ones(paths)
    for _ in range(steps):
        mean += scale * rng.standard_normal(paths) / np.sqrt(samples)
        scale *= np.sqrt(rng.chisquare(samples - 1, paths) / (samples - 1))
    return np.array([mean, scale])


def torch_literal(torch: Any, samples: int, steps: int, paths: int) -> np.ndarray:
    """All paths at once in torch, double precision."""
    mean, scale = torch.zeros(paths, dtype=torch.float64), torch.ones(paths, dtype=torch.float64)
    points = torch.empty((paths, samples), dtype=torch.float64)
    for _ in range(steps):
        points.normal_()
        variance, average = torch.var_mean(points, dim=1, correction=1)
        mean += scale * average
        scale *= torch.sqrt(variance)
    return np.stack([mean.numpy(), scale.numpy()])


def torch_reduced(torch: Any, samples: int, steps: int, paths: int) -> np.ndarray:
    """The same from one normal and one χ² a generation."""
    mean, scale = torch.zeros(paths, dtype=torch.float64), torch.ones(paths, dtype=torch.float64)
    halved = torch.full((paths,), (samples - 1) / 2, dtype=torch.float64)
    for _ in range(steps):
        mean += scale * torch.randn(paths, dtype=torch.float64) / samples**0.5
        scale *= torch.sqrt(torch._standard_gamma(halved) / halved)
    return np.stack([mean.numpy(), scale.numpy()])


@functools.cache
def _jax_program(name: str, samples: int, steps: int, paths: int) -> Callable[[int], Any]:
    jax: Any = importlib.import_module("jax")
    jnp: Any = importlib.import_module("jax.numpy")
    jax.config.update("jax_enable_x64", True)

    def literal(model, key):
        mean, scale = model
        points = jax.random.normal(key, (paths, samples), dtype=jnp.float64)
        return (mean + scale * points.mean(axis=1), scale * points.std(axis=1, ddof=1)), None

    def reduced(model, key):
        mean, scale = model
        first, second = jax.random.split(key)
        square = jax.random.chisquare(second, samples - 1.0, (paths,), dtype=jnp.float64)
        shift = jax.random.normal(first, (paths,), dtype=jnp.float64) / samples**0.5
        return (mean + scale * shift, scale * jnp.sqrt(square / (samples - 1))), None

    @jax.jit
    def run(key):
        start = jnp.zeros(paths), jnp.ones(paths)
        return jax.lax.scan(
            {"literal": literal, "reduced": reduced}[name], start, jax.random.split(key, steps)
        )

    return lambda seed: run(jax.random.key(seed))


def jax_loop(name: str, seed: int, samples: int, steps: int, paths: int) -> np.ndarray:
    """All paths at once in JAX, compiled as a whole, double precision; on as many threads as it takes."""
    (mean, scale), _ = _jax_program(name, samples, steps, paths)(seed)
    return np.stack([np.asarray(mean), np.asarray(scale)])


def installed(name: str) -> ModuleType | None:
    """A package, if it is there."""
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


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
    """Baselines of the "literal" or the "reduced" kernel, by name; torch and JAX where they are installed."""
    rng = np.random.default_rng(os.getpid())
    numpy = numpy_literal if name == "literal" else numpy_reduced
    found: dict[str, Callable[[], object]] = {
        "Python loop": functools.partial(python_literal, rng, samples, steps, paths),
        "NumPy over paths": functools.partial(numpy, rng, samples, steps, paths),
    }
    torch = installed("torch")
    if torch:
        loop = torch_literal if name == "literal" else torch_reduced
        found["torch over paths"] = functools.partial(loop, torch, samples, steps, paths)
    if installed("jax"):
        found["JAX over paths"] = functools.partial(jax_loop, name, 1, samples, steps, paths)
    return found
