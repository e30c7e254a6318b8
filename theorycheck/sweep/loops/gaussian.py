"""The Gaussian refitted to its own samples, in one dimension and in several."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import digamma, polygamma

from theorycheck.loops import covariance, gaussian
from theorycheck.sweep.loops.entry import Cell, Loop, Quantity
from theorycheck.sweep.loops.keys import KERNEL, STEPS, Key, at_least, number_from, yes_or_no


def gaussian_tells(cell: Cell) -> dict[str, Quantity]:
    n, t = cell["samples"], cell["steps"]
    freedom, shrunk = n - 1, (n - 1) / n if cell["biased"] else 1.0
    factor = (gaussian.contraction_factor(n) * math.sqrt(shrunk)) ** t
    drift = 0.5 * (digamma(freedom / 2) - math.log(freedom / 2) + math.log(shrunk))
    # (μ_t − μ_0)² is, given the scales, Σσ_s²/n times a χ²_1; E σ_s²σ_u² = g^s·c^{u−s} for s ≤ u.
    growth = np.float64(shrunk**2 * (1 + 2 / freedom))
    generation = np.arange(t)
    powers = np.cumsum(np.append(0.0, shrunk ** np.arange(1, max(t, 1))))[:t]
    with np.errstate(over="ignore"):
        fourth = 3 / n**2 * float(np.sum(growth**generation * (1 + 2 * powers[::-1])))
    spread = float(np.sum(shrunk**generation)) / n
    return {
        "scale": Quantity(exact=factor, variance=max(shrunk**t - factor**2, 0.0)),
        "log_scale": Quantity(exact=t * drift, variance=t * float(polygamma(1, freedom / 2)) / 4),
        "squared_shift": Quantity(exact=spread, variance=max(fourth - spread**2, 0.0)),
    }


def gaussian_draw(rng: np.random.Generator, size: int, cell: Cell) -> dict[str, np.ndarray]:
    found = gaussian.simulate(
        rng, cell["samples"], cell["steps"], size, kernel=cell["kernel"], biased=cell["biased"]
    )
    return {"scale": found.scale, "log_scale": found.log_scale, "squared_shift": found.mean**2}


GAUSSIAN = Loop(
    "the Gaussian refitted to its own n samples: E σ_t, E log σ_t, E(μ_t − μ_0)²",
    "samples = [10, 100]\nsteps = [1, 10, 50]\nbiased = [false, true]",
    {"samples": Key(at_least(2)), **STEPS, **KERNEL, "biased": Key(yes_or_no, False)},
    gaussian_tells,
    gaussian_draw,
    lambda cell: (cell["steps"] + 1) * (cell["samples"] if cell["kernel"] == "literal" else 8),
)


DIMENSION = {"dimension": Key(at_least(1, 10**4))}
CONDITION = {"condition": Key(number_from(1.0), 1.0)}


def spectrum(cell: Cell) -> np.ndarray:
    """The eigenvalues of Σ_0 (or of the data), from 1 down to 1/`condition` at equal ratios."""
    return np.geomspace(1.0, 1.0 / cell["condition"], cell["dimension"])


def covariance_tells(cell: Cell) -> dict[str, Quantity]:
    n, t, d = cell["samples"], cell["steps"], cell["dimension"]
    start, freedom = spectrum(cell), n - 1
    factor = gaussian.contraction_factor(n) ** t
    mean, lower = float(start.mean()), float(factor * np.sqrt(start.max()) / d)
    # E (tr Σ)² and E tr Σ², a generation on: moments of Wishart matrices.
    trace, square = np.float64(start.sum() ** 2), np.float64((start**2).sum())
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(t):
            trace, square = trace + 2 * square / freedom, (1 + 1 / freedom) * square + trace / freedom
    variance = float(trace) / d**2 - mean**2
    return {
        # (tr√Σ/d)² ≤ tr Σ/d, whose mean never changes.
        "mean_root": Quantity(
            variance=max(mean - lower**2, 0.0), lower=lower, upper=float(factor * np.sqrt(start).mean())
        ),
        "mean_variance": Quantity(exact=mean, variance=max(variance, 0.0)),
    }


def covariance_draw(rng: np.random.Generator, size: int, cell: Cell) -> dict[str, np.ndarray]:
    found = covariance.simulate_covariance(
        rng, np.diag(spectrum(cell)), cell["samples"], cell["steps"], size, kernel=cell["kernel"]
    )
    values = np.clip(np.linalg.eigvalsh(found), 0, None)
    return {"mean_root": np.sqrt(values).mean(axis=1), "mean_variance": values.mean(axis=1)}


def covariance_work(cell: Cell) -> float:
    d, n = cell["dimension"], cell["samples"]
    return d**3 + cell["steps"] * d * d * (n if cell["kernel"] == "literal" else d)


MULTIVARIATE = Loop(
    "the same in d dimensions, Σ_0 of a given condition: E tr√Σ_t/d between its bounds, E tr Σ_t/d",
    "samples = [5, 20]\ndimension = [2, 10]\nsteps = [1, 10]\ncondition = [1, 100]",
    {
        "samples": Key(at_least(2)),
        **DIMENSION,
        **STEPS,
        **KERNEL,
        **CONDITION,
    },
    covariance_tells,
    covariance_draw,
    covariance_work,
)
