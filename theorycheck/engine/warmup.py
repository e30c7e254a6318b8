"""Fills the compile cache, and tells while kernels are compiled."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from theorycheck import kernels

Tell = Callable[[str, int, int], None]
COMPILING = "compiling {} (kernel {} of {}; once, then it is kept on disk)"  # what `tell` is told, in words


def _gaussian(rng: np.random.Generator, kernel: str) -> None:
    from theorycheck.loops import gaussian

    gaussian.simulate(rng, 2, 1, 1, kernel=kernel)


def _covariance(rng: np.random.Generator, kernel: str) -> None:
    from theorycheck.loops import covariance

    covariance.simulate_covariance(rng, np.eye(2), 2, 1, 1, kernel=kernel)


def _tilted_covariance(rng: np.random.Generator) -> None:
    from theorycheck.loops import covariance

    covariance.tilted_ratio(rng, np.eye(2), 2, 1, 1, np.array([1.0, 0.0]))


def _retraining(rng: np.random.Generator, family: str, kernel: str) -> None:
    from theorycheck.loops.retraining import samples

    samples.simulate(rng, family, 2, 1.0, 1, 1, kernel=kernel)


def _multivariate(rng: np.random.Generator) -> None:
    from theorycheck.loops.retraining import multivariate

    multivariate.simulate(rng, 2, 1.0, 1, 1, data=multivariate.Gaussian(np.zeros(1), np.eye(1)))


def _population(rng: np.random.Generator) -> None:
    from theorycheck.loops import curation

    curation.choice_ratio(np.array([0.5, 0.5]), np.array([0.0, 1.0]), 2)


def _curation(rng: np.random.Generator, kernel: str) -> None:
    from theorycheck.loops import curation

    curation.simulate(rng, np.array([0.5, 0.5]), np.array([0.0, 1.0]), 2, 1, 1, 1, kernel=kernel)


def _particles(rng: np.random.Generator) -> None:
    from theorycheck.loops import particles

    start = particles.mixture([1.0], [[0.0]], 1.0)
    particles.simulate(rng, start, lambda x: x[..., 0], 2, 2, 1, 1)


# Calls of the least size that meet every kernel with the types that the package gives it.
CALLS: dict[str, Callable[[np.random.Generator], None]] = {
    **{f"Gaussian, {kernel}": partial(_gaussian, kernel=kernel) for kernel in ("literal", "reduced")},
    **{f"covariance, {kernel}": partial(_covariance, kernel=kernel) for kernel in ("literal", "reduced")},
    "covariance, tilted": _tilted_covariance,
    **{
        f"finite samples, {family}, {kernel}": partial(_retraining, family=family, kernel=kernel)
        for family, kernel in (
            ("gaussian-mean", "literal"),
            ("gaussian-mean", "reduced"),
            ("gaussian", "literal"),
            ("gaussian", "reduced"),
            ("logistic", "literal"),
        )
    },
    "finite samples, multivariate": _multivariate,
    "population step": _population,
    **{f"K-choice, {kernel}": partial(_curation, kernel=kernel) for kernel in ("literal", "reduced")},
    "particles": _particles,
}


class Warmth(NamedTuple):
    """What a warm-up did: the kernels compiled, how many there are, and the seconds that it took."""

    compiled: list[str]
    kernels: int
    seconds: float


def warmup(tell: Tell = lambda name, number, total: None) -> Warmth:
    """Compile every kernel that the cache does not hold; `tell` hears of each, as in `compiling`."""
    began = time.perf_counter()
    compiled: list[str] = []

    def note(name: str, number: int, total: int) -> None:
        compiled.append(name)
        tell(name, number, total)

    with compiling(note):
        for call in CALLS.values():
            call(np.random.default_rng(0))
    return Warmth(compiled, len(everything()), time.perf_counter() - began)


@contextlib.contextmanager
def compiling(tell: Tell) -> Iterator[None]:
    """While it lasts, `tell(name, number, total)` hears of each kernel just before it is compiled.

    It is the number-th that this process compiles, of the `total` that there are: a cache that holds some of
    them already leaves the number short of the total.
    """
    seen: list[str] = []

    def hear(name: str) -> None:
        if name not in seen:
            seen.append(name)
            tell(name, len(seen), len(everything()))

    kernels.COMPILING.append(hear)
    try:
        yield
    finally:
        kernels.COMPILING.remove(hear)


def everything() -> dict[str, Any]:
    """All kernels of the package by name (with Numba switched off: none)."""
    from theorycheck.kernels.jit import name

    found = {}
    for info in pkgutil.iter_modules(kernels.__path__):
        module = importlib.import_module(f"{kernels.__name__}.{info.name}")
        for value in vars(module).values():
            if hasattr(value, "py_func") and value.py_func.__module__ == module.__name__:
                found[name(value.py_func)] = value
    return found
