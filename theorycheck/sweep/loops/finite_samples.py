"""A family refitted to finitely many real points and points of its own."""

from __future__ import annotations

import math

import numpy as np

from theorycheck import checks
from theorycheck.loops.retraining import moments, multivariate, oracle, samples
from theorycheck.loops.retraining.exponential import Gaussian
from theorycheck.sweep.loops.entry import Cell, Loop, Quantity
from theorycheck.sweep.loops.gaussian import CONDITION, DIMENSION, spectrum
from theorycheck.sweep.loops.keys import KERNEL, STEPS, Key, at_least, one_of, weight

MIX = {
    "synthetic_weight": Key(weight),
    **STEPS,
    "protocol": Key(one_of(*samples.PROTOCOLS), "fixed"),
    **KERNEL,
}

# The variance of the model's points at θ* + e is, in mean, V + square·E e²: (V, square) at the default θ*.
VARIANCES = {
    "gaussian-mean": (1.0, 0.0),
    "poisson": (1.0, 0.0),
    "bernoulli": (0.25, -1.0),
    "exponential": (1.0, 1.0),
}


def one_tells(cell: Cell) -> dict[str, Quantity]:
    family, n = cell["family"], cell["samples"]
    least = samples.FAMILIES[family].least
    real, synthetic = samples.points(checks.integer("samples", n, least), cell["synthetic_weight"])
    if cell["kernel"] == "reduced" and family == "logistic":
        raise ValueError("kernel must be literal for the family 'logistic', got 'reduced'")
    told = {"error": Quantity(), "squared_error": Quantity(), "clipped_error": Quantity(bounds=(0.0, 1.0))}
    if family in VARIANCES:
        own, square = VARIANCES[family]
        exact = _variance(real, synthetic, cell["steps"], cell["protocol"], own, square)
        told["error"] = Quantity(exact=0.0, variance=exact)
        told["squared_error"] = Quantity(
            exact=exact,
            variance=2 * exact**2 if family == "gaussian-mean" else None,
            bounds=(0.0, 0.25) if family == "bernoulli" else None,
        )
    elif family == "gaussian":
        known = moments.spread(real, synthetic, cell["steps"], cell["protocol"])
        told["error"] = Quantity(exact=0.0, variance=known.shift)
        told["squared_error"] = Quantity(exact=known.shift, variance=known.shift_variance)
    return told


def _variance(real: int, synthetic: int, steps: int, protocol: str, own: float, square: float) -> float:
    """E (θ_t − θ*)² from θ_0 = θ*, exactly: the model's points vary by `own` + `square`·(θ_t − θ*)²."""
    found = 0.0, 0.0
    for _ in range(steps):
        if real:
            found = oracle.next_moments(found, real, synthetic, protocol, own, own + square * found[1])
        else:
            found = 0.0, found[1] + (own + square * found[1]) / synthetic
    return found[1]


def one_draw(rng: np.random.Generator, size: int, cell: Cell) -> dict[str, np.ndarray]:
    family = cell["family"]
    found = samples.simulate(
        rng,
        family,
        cell["samples"],
        cell["synthetic_weight"],
        cell["steps"],
        size,
        protocol=cell["protocol"],
        kernel=cell["kernel"],
    )
    error = found[0, :, -1] - samples.FAMILIES[family].truth
    return {"error": error, "squared_error": error**2, "clipped_error": np.minimum(np.abs(error), 1.0)}


def one_work(cell: Cell) -> float:
    if cell["kernel"] == "reduced":
        return 4.0 * (cell["steps"] + 1)
    share = 0.0 if cell["synthetic_weight"] == math.inf else cell["synthetic_weight"]
    return cell["samples"] * (1 + share) * (cell["steps"] + 1)


ONE = Loop(
    "a family refitted to n real points and ⌊λn⌋ of its own: E(θ_t−θ*), its square, E min(|θ_t−θ*|, 1)",
    'family = ["gaussian-mean", "bernoulli"]\nsamples = [10, 100]\nsynthetic_weight = [0.5, 5, inf]\n'
    'steps = 20\nprotocol = ["fixed", "fresh"]',
    {
        "family": Key(one_of(*samples.FAMILIES), "gaussian-mean"),
        "samples": Key(at_least(1)),
        **MIX,
    },
    one_tells,
    one_draw,
    one_work,
)


# --- the Gaussian in several dimensions ---------------------------------------------------------------------


def several_tells(cell: Cell) -> dict[str, Quantity]:
    real, synthetic = samples.points(cell["samples"], cell["synthetic_weight"])
    # Every direction has the moments of one dimension, times its variance. The deviations of a mean over
    # directions add up to the most where all move together.
    known = moments.spread(real, synthetic, cell["steps"], cell["protocol"])
    law = spectrum(cell)
    unit = float(law.mean())
    return {
        "squared_shift": Quantity(exact=known.shift * unit, variance=known.shift_variance * unit**2),
        "mean_variance": Quantity(exact=known.variance * unit, variance=known.variance_variance * unit**2),
        # (tr√Σ/d)² ≤ tr Σ/d, and √ is concave in the mean along each axis.
        "mean_root": Quantity(
            variance=known.variance * unit, upper=float(np.sqrt(known.variance * law).mean())
        ),
    }


def several_draw(rng: np.random.Generator, size: int, cell: Cell) -> dict[str, np.ndarray]:
    law = spectrum(cell)
    found = multivariate.simulate(
        rng,
        cell["samples"],
        cell["synthetic_weight"],
        cell["steps"],
        size,
        data=Gaussian(np.zeros(law.size), np.diag(law)),
        protocol=cell["protocol"],
        kernel=cell["kernel"],
    )
    values = np.clip(np.linalg.eigvalsh(found.covariance[:, -1]), 0, None)
    return {
        "squared_shift": (found.mean[:, -1] ** 2).mean(axis=1),
        "mean_variance": values.mean(axis=1),
        "mean_root": np.sqrt(values).mean(axis=1),
    }


def several_work(cell: Cell) -> float:
    d, (real, synthetic) = cell["dimension"], samples.points(cell["samples"], cell["synthetic_weight"])
    return (cell["steps"] + 1) * d * d * (d if cell["kernel"] == "reduced" else real + synthetic)


SEVERAL = Loop(
    "the Gaussian in d dimensions, refitted to n real points and ⌊λn⌋ of its own: E‖μ_t−μ‖²/d, E tr Σ_t/d",
    "samples = [10, 100]\ndimension = [2, 10]\nsynthetic_weight = [0.5, 5, inf]\nsteps = 20\n"
    'protocol = ["fixed", "fresh"]',
    {"samples": Key(at_least(2)), **DIMENSION, **MIX, **CONDITION},
    several_tells,
    several_draw,
    several_work,
)
