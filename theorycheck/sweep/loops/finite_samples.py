"""A family refitted to real points and points of its own, in finite number."""

from __future__ import annotations

import math

import numpy as np

from theorycheck import checks
from theorycheck.loops.retraining import oracle, samples
from theorycheck.sweep.loops.entry import Cell, Loop, Quantity
from theorycheck.sweep.loops.keys import KERNEL, STEPS, Key, at_least, one_of, weight

# The variance of the model's points at θ* + e is, in mean, V + square·E e²: (V, square) at the default θ*.
VARIANCES = {
    "gaussian-mean": (1.0, 0.0),
    "poisson": (1.0, 0.0),
    "bernoulli": (0.25, -1.0),
    "exponential": (1.0, 1.0),
}


def retraining_tells(cell: Cell) -> dict[str, Quantity]:
    family, n = cell["family"], cell["samples"]
    known = samples.FAMILIES[family]
    real, synthetic = samples.points(checks.integer("samples", n, known.least), cell["synthetic_weight"])
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
    return told


def _variance(real: int, synthetic: int, steps: int, protocol: str, own: float, square: float) -> float:
    """E (θ_t − θ*)² from θ_0 = θ*, exactly: the model's points vary by `own` + `square`·(θ_t − θ*)²."""
    moments = 0.0, 0.0
    for _ in range(steps):
        if real:
            moments = oracle.next_moments(moments, real, synthetic, protocol, own, own + square * moments[1])
        else:
            moments = 0.0, moments[1] + (own + square * moments[1]) / synthetic
    return moments[1]


def retraining_draw(rng: np.random.Generator, size: int, cell: Cell) -> dict[str, np.ndarray]:
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


def retraining_work(cell: Cell) -> float:
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
        "synthetic_weight": Key(weight),
        **STEPS,
        "protocol": Key(one_of(*samples.PROTOCOLS), "fixed"),
        **KERNEL,
    },
    retraining_tells,
    retraining_draw,
    retraining_work,
)
