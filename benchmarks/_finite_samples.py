"""The finite-sample retraining loops by other means: a kept real set and points of the model, refitted.

`family` is that of `theorycheck.loops.retraining.samples`, or a number of dimensions for the Gaussian in as
many. Final models come with the paths first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks._backends import Backend

NEWTON = 6  # steps to a logistic location, more than it ever needs from the last one


class Family(NamedTuple):
    """How a family is drawn and fitted with NumPy, from `model` with the paths first."""

    start: Callable[[int], Any]  # of so many paths
    draw: Callable[[np.random.Generator, Any, int], np.ndarray]
    fit: Callable[[np.ndarray, Any], Any]  # to points of shape (paths, n, …), from the model before


def _logistic_fit(x: np.ndarray, guess: np.ndarray) -> np.ndarray:
    guess, step = guess.copy(), np.inf
    while np.max(np.abs(step)) > 1e-10:
        slope = np.tanh((x - guess[:, None]) / 2)
        step = 2 * slope.sum(axis=1) / (1 - slope**2).sum(axis=1)
        guess += step
    return guess


def _moments(x: np.ndarray, model: Any) -> tuple[np.ndarray, np.ndarray]:
    mean = x.mean(axis=1)
    centred = x - mean[:, None]
    return mean, centred.mT @ centred / x.shape[1]


FAMILIES = {
    "gaussian-mean": Family(
        np.zeros,
        lambda rng, mean, n: rng.standard_normal((len(mean), n)) + mean[:, None],
        lambda x, _: x.mean(axis=1),
    ),
    "gaussian": Family(
        lambda paths: (np.zeros(paths), np.ones(paths)),
        lambda rng, m, n: rng.standard_normal((len(m[0]), n)) * m[1][:, None] + m[0][:, None],
        lambda x, _: (x.mean(axis=1), x.std(axis=1)),
    ),
    "poisson": Family(
        np.ones,
        lambda rng, mean, n: rng.poisson(mean[:, None], (len(mean), n)),
        lambda x, _: x.mean(axis=1),
    ),
    "logistic": Family(
        np.zeros, lambda rng, mean, n: rng.logistic(mean[:, None], size=(len(mean), n)), _logistic_fit
    ),
}


def _multivariate(d: int) -> Family:
    def draw(rng: np.random.Generator, model: Any, n: int) -> np.ndarray:
        mean, covariance = model
        return rng.standard_normal((len(mean), n, d)) @ np.linalg.cholesky(covariance).mT + mean[:, None]

    return Family(lambda paths: (np.zeros((paths, d)), np.tile(np.eye(d), (paths, 1, 1))), draw, _moments)


def numpy_loop(
    rng: np.random.Generator, family: str | int, real: int, synthetic: int, steps: int, paths: int
) -> Any:
    """All paths at once, a generation at a time."""
    known = FAMILIES[family] if isinstance(family, str) else _multivariate(family)
    model = known.start(paths)
    first = known.draw(rng, model, real)
    points = np.empty((paths, real + synthetic, *first.shape[2:]))
    points[:, :real] = first
    for _ in range(steps):
        points[:, real:] = known.draw(rng, model, synthetic)
        model = known.fit(points, model)
    return model


def python_loop(
    rng: np.random.Generator, family: str | int, real: int, synthetic: int, steps: int, paths: int
) -> list[Any]:
    """The loop that papers ship: one path after the other."""
    return [numpy_loop(rng, family, real, synthetic, steps, 1) for _ in range(paths)]


def numpy_reduced(rng: np.random.Generator, real: int, synthetic: int, steps: int, paths: int) -> np.ndarray:
    """The Gaussian mean from one normal a generation."""
    mean = np.zeros(paths)
    collected = rng.standard_normal(paths) * np.sqrt(real)
    for _ in range(steps):
        own = rng.standard_normal(paths) * np.sqrt(synthetic) + synthetic * mean
        mean = (collected + own) / (real + synthetic)
    return mean


def backend_loop(
    backend: Backend, family: str | int, real: int, synthetic: int, steps: int, paths: int
) -> Callable[[], Any]:
    """`numpy_loop` in torch or JAX, where the real set is part of what is carried on."""
    xp = backend.arrays
    first = (FAMILIES[family] if isinstance(family, str) else _multivariate(family)).start(paths)
    model = tuple(xp.asarray(part) for part in (first if isinstance(first, tuple) else (first,)))

    def draw(key: Any, model: Any, n: int) -> Any:
        mean = model[0]
        if isinstance(family, int):
            factor = xp.linalg.cholesky(model[1])
            return backend.normal(key, (paths, n, family)) @ factor.mT + mean[:, None]
        if family == "poisson":
            return backend.poisson(key, mean[:, None] * xp.ones((paths, n), dtype=xp.float64))
        if family == "logistic":
            uniform = backend.uniform(key, (paths, n))
            return xp.log(uniform) - xp.log1p(-uniform) + mean[:, None]
        scale = model[1][:, None] if family == "gaussian" else 1.0
        return scale * backend.normal(key, (paths, n)) + mean[:, None]

    def fit(x: Any, model: Any) -> Any:
        mean = x.mean(1)
        if family == "logistic":
            mean = model[0]
            for _ in range(NEWTON):
                slope = xp.tanh((x - mean[:, None]) / 2)
                mean = mean + 2 * slope.sum(1) / (1 - slope**2).sum(1)
        if len(model) == 1:
            return (mean,)
        centred = x - mean[:, None]
        if family == "gaussian":
            return mean, (centred**2).mean(1) ** 0.5
        return mean, centred.mT @ centred / (real + synthetic)

    def step(carried: Any, key: Any) -> Any:
        kept, model = carried
        return kept, fit(xp.concatenate([kept, draw(key, model, synthetic)], 1), model)

    run = backend.loop(lambda key: (draw(key, model, real), model), step, steps)
    return lambda: run()[1]
