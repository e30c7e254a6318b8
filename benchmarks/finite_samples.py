"""The finite-sample retraining loops beside NumPy, vectorised over paths, one thread each."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks import Row, side_by_side
from theorycheck.loops.retraining import multivariate
from theorycheck.loops.retraining.exponential import Gaussian
from theorycheck.loops.retraining.samples import points, simulate

WEIGHT, STEPS = 0.5, 20


def rows() -> Iterator[Row]:
    for family, kernel, baseline, samples, paths in (
        ("gaussian-mean", "literal", numpy_mean, 20, 8192),
        ("gaussian-mean", "reduced", numpy_reduced, 20, 65536),
        ("gaussian", "literal", numpy_gaussian, 20, 8192),
        ("poisson", "literal", numpy_poisson, 20, 4096),
        ("logistic", "literal", numpy_logistic, 20, 1024),
        ("logistic", "literal", numpy_logistic, 200, 128),
    ):
        yield side_by_side(
            f"{family}, {kernel}, n={samples}, λ={WEIGHT}, steps={STEPS}, paths={paths}",
            partial(simulate, np.random.default_rng(1), family, samples, WEIGHT, STEPS, paths, kernel=kernel),
            partial(baseline, np.random.default_rng(2), *points(samples, WEIGHT), paths),
            "NumPy over paths",
        )
    for d, kernel, samples, paths in (
        (3, "literal", 20, 2048),
        (3, "reduced", 20, 2048),
        (10, "reduced", 200, 256),
    ):
        yield side_by_side(
            f"Gaussian in {d} dimensions, {kernel}, n={samples}, λ={WEIGHT}, steps={STEPS}, paths={paths}",
            partial(
                multivariate.simulate,
                np.random.default_rng(1),
                samples,
                WEIGHT,
                STEPS,
                paths,
                data=Gaussian(np.zeros(d), np.eye(d)),
                kernel=kernel,
            ),
            partial(numpy_multivariate, np.random.default_rng(2), *points(samples, WEIGHT), paths, d),
            "NumPy over paths",
        )


def numpy_mean(rng: np.random.Generator, real: int, synthetic: int, paths: int) -> np.ndarray:
    """θ_t of the Gaussian mean, shape (paths, steps + 1), from all points of a generation at once."""
    history = np.zeros((paths, STEPS + 1))
    collected = rng.standard_normal((paths, real)).sum(axis=1)
    drawn = np.empty((paths, synthetic))
    for t in range(STEPS):
        rng.standard_normal(out=drawn)
        own = drawn.sum(axis=1) + synthetic * history[:, t]
        history[:, t + 1] = (collected + own) / (real + synthetic)
    return history


def numpy_reduced(rng: np.random.Generator, real: int, synthetic: int, paths: int) -> np.ndarray:
    """The same from one normal a generation."""
    history = np.zeros((paths, STEPS + 1))
    collected = rng.standard_normal(paths) * np.sqrt(real)
    for t in range(STEPS):
        own = rng.standard_normal(paths) * np.sqrt(synthetic) + synthetic * history[:, t]
        history[:, t + 1] = (collected + own) / (real + synthetic)
    return history


def numpy_gaussian(rng: np.random.Generator, real: int, synthetic: int, paths: int) -> np.ndarray:
    """μ_t and log σ_t of the Gaussian, shape (2, paths, steps + 1)."""
    history = np.zeros((2, paths, STEPS + 1))
    drawn = np.empty((paths, real + synthetic))
    drawn[:, :real] = rng.standard_normal((paths, real))
    for t in range(STEPS):
        own = rng.standard_normal((paths, synthetic)) * np.exp(history[1, :, t, None])
        drawn[:, real:] = own + history[0, :, t, None]
        history[0, :, t + 1] = drawn.mean(axis=1)
        history[1, :, t + 1] = np.log(drawn.std(axis=1))
    return history


def numpy_multivariate(
    rng: np.random.Generator, real: int, synthetic: int, paths: int, d: int
) -> tuple[np.ndarray, np.ndarray]:
    """μ_t, shape (paths, steps + 1, d), and Σ_t, (paths, steps + 1, d, d)."""
    mean = np.zeros((paths, STEPS + 1, d))
    covariance = np.zeros((paths, STEPS + 1, d, d))
    covariance[:, 0] = np.eye(d)
    drawn = np.empty((paths, real + synthetic, d))
    drawn[:, :real] = rng.standard_normal((paths, real, d))
    for t in range(STEPS):
        factor = np.linalg.cholesky(covariance[:, t])
        own = rng.standard_normal((paths, synthetic, d)) @ factor.transpose(0, 2, 1)
        drawn[:, real:] = own + mean[:, t, None]
        mean[:, t + 1] = drawn.mean(axis=1)
        centred = drawn - mean[:, t + 1, None]
        covariance[:, t + 1] = centred.transpose(0, 2, 1) @ centred / (real + synthetic)
    return mean, covariance


def numpy_poisson(rng: np.random.Generator, real: int, synthetic: int, paths: int) -> np.ndarray:
    """θ_t of the Poisson mean, shape (paths, steps + 1)."""
    history = np.ones((paths, STEPS + 1))
    collected = rng.poisson(1.0, (paths, real)).sum(axis=1)
    for t in range(STEPS):
        own = rng.poisson(history[:, t, None], (paths, synthetic)).sum(axis=1)
        history[:, t + 1] = (collected + own) / (real + synthetic)
    return history


def numpy_logistic(rng: np.random.Generator, real: int, synthetic: int, paths: int) -> np.ndarray:
    """θ_t of the logistic location, shape (paths, steps + 1), by Newton steps for all paths at once."""
    history = np.zeros((paths, STEPS + 1))
    drawn = np.empty((paths, real + synthetic))
    drawn[:, :real] = rng.logistic(size=(paths, real))
    for t in range(STEPS):
        guess = history[:, t].copy()
        drawn[:, real:] = rng.logistic(guess[:, None], size=(paths, synthetic))
        step = np.inf
        while np.max(np.abs(step)) > 1e-10:
            slope = np.tanh((drawn - guess[:, None]) / 2)
            step = 2 * slope.sum(axis=1) / (1 - slope**2).sum(axis=1)
            guess += step
        history[:, t + 1] = guess
    return history
