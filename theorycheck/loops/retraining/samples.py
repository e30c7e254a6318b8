"""The finite-sample retraining map Gⁿ (Bertrand et al., ICLR 2024), simulated.

Each generation refits a family by maximum likelihood to n real points and ⌊λn⌋ points of the current model.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from theorycheck import checks

PROTOCOLS = ("fixed", "fresh")
KERNELS = ("literal", "reduced")
LAWS = ("normal", "uniform", "two-point", "logistic", "poisson", "bernoulli", "exponential")
LOCATION_LAWS = LAWS[:4]

# λ·n within two roundings of a whole number is that number: ⌊0.29·100⌋ = 29.
ROUNDING = 1 + 2.0**-52
MOST = 10**9  # points a generation: sums of as many counts, up to 10⁹ each, fit an integer


class Family(NamedTuple):
    """A family: its law, the range and default of its parameter, and what it asks of the real data.

    `least` is the smallest n for which a maximum-likelihood fit exists; `data` are the laws that real points
    may follow, the first by default.
    """

    law: str
    low: float
    high: float
    truth: float
    least: int
    data: tuple[str, ...]


FAMILIES = {
    "gaussian-mean": Family("normal", -math.inf, math.inf, 0.0, 1, LOCATION_LAWS),
    "gaussian": Family("normal", -math.inf, math.inf, 0.0, 2, LOCATION_LAWS),
    "logistic": Family("logistic", -math.inf, math.inf, 0.0, 1, LOCATION_LAWS[::-1]),
    "poisson": Family("poisson", 0.0, 1e9, 1.0, 1, ("poisson",)),
    "bernoulli": Family("bernoulli", 0.0, 1.0, 0.5, 1, ("bernoulli",)),
    "exponential": Family("exponential", 0.0, math.inf, 1.0, 1, ("exponential",)),
}


def points(samples: int, synthetic_weight: float) -> tuple[int, int]:
    """(real, synthetic) points a generation: (n, ⌊λn⌋), or (0, n) at λ = ∞.

    `samples` is n ≥ 1, `synthetic_weight` is λ in [0, ∞]. Raises TypeError or ValueError for anything else,
    and for more than 10⁹ points.
    """
    samples = checks.integer("samples", samples, 1)
    weight = checks.synthetic_weight(synthetic_weight)
    real, synthetic = (0, samples) if weight == math.inf else (samples, weight * samples * ROUNDING)
    if real + synthetic > MOST:
        raise ValueError(
            f"samples and synthetic_weight must ask for at most {MOST:.0e} points, got {real + synthetic:.3g}"
        )
    return real, math.floor(synthetic)


def simulate(
    rng: np.random.Generator,
    family: str,
    samples: int,
    synthetic_weight: float,
    steps: int,
    paths: int,
    *,
    protocol: str = "fixed",
    kernel: str = "literal",
    start: Any = None,
    truth: float | None = None,
    data: str | None = None,
    spread: float = 1.0,
    ddof: int = 0,
) -> np.ndarray:
    """Simulate `paths` independent loops of `steps` generations; shape (parameters, paths, steps + 1).

    `family` is one of "gaussian-mean" (variance 1 known), "gaussian" (parameters μ and log σ), "logistic"
    (location, scale 1) and, in mean parameters, "poisson", "bernoulli" and "exponential". `samples` is n ≥ 1
    (≥ 2 for "gaussian"), `synthetic_weight` is λ in [0, ∞]: ⌊λn⌋ points of the model join n real ones, at
    λ = ∞ n points of the model stand alone. `protocol` is "fixed" (one real set a path) or "fresh" (new real
    points each generation). `kernel` is "literal" (draws every point) or "reduced" (draws sufficient
    statistics; not for "logistic", nor for data from another law).

    Real points have the family's law with parameter `truth`. For the families on the line they may have
    another law `data` ("normal", "uniform", "two-point" or "logistic") about `truth`, times `spread`: the
    standard laws have variance 1, the range [−1, 1], the values ±1 and scale 1. `start` is θ_0, for
    "gaussian" a pair (mean, scale); by default `truth` (and `spread`). `ddof` is what "gaussian" subtracts
    from the number of points: 0 for maximum likelihood, 1 for the unbiased variance.

    Raises TypeError or ValueError, naming the argument, for anything outside these ranges. Source: Bertrand
    et al., ICLR 2024 (finite-sample extension).
    """
    from theorycheck.kernels import retraining as kernels

    checks.generator(rng)
    chosen = FAMILIES[one_of("family", family, tuple(FAMILIES))]
    real, synthetic = points(checks.integer("samples", samples, chosen.least), synthetic_weight)
    steps = checks.integer("steps", steps, 0)
    paths = checks.integer("paths", paths, 1)
    fresh = PROTOCOLS.index(one_of("protocol", protocol, PROTOCOLS))
    reduced = KERNELS.index(one_of("kernel", kernel, KERNELS))
    data = chosen.data[0] if data is None else one_of("data", data, chosen.data)
    if reduced and (family == "logistic" or data != chosen.law):
        raise ValueError(f"kernel must be literal for the family {family!r} with {data} data, got {kernel!r}")
    truth = chosen.truth if truth is None else _number("truth", truth, chosen.low, chosen.high)
    spread = _number("spread", spread, 0.0, math.inf)
    if spread != 1.0 and len(chosen.data) == 1:
        raise ValueError(f"spread must be 1 for the family {family!r}, got {spread:g}")
    ddof = checks.integer("ddof", ddof, 0)
    if ddof > (family == "gaussian"):
        raise ValueError(f"ddof must be 0, or 1 for the family 'gaussian', got {ddof}")

    law, model = LAWS.index(data), LAWS.index(chosen.law)
    if family == "gaussian":
        mean, scale = _pair(start, (truth, spread))
        history = np.zeros((2, paths, steps + 1))
        history[0, :, 0] = mean
        history[1, :, 0] = math.log(scale)
        if reduced:
            kernels.reduced_gaussian_loop(rng, truth, spread, real, synthetic, fresh, ddof, *history)
        else:
            kernels.gaussian_loop(rng, law, truth, spread, real, synthetic, fresh, ddof, *history)
        return history
    history = np.zeros((1, paths, steps + 1))
    history[:, :, 0] = truth if start is None else _number("start", start, chosen.low, chosen.high)
    if family == "logistic":
        kernels.logistic_loop(rng, law, truth, spread, real, synthetic, fresh, *history)
    else:
        loop = kernels.reduced_mean_loop if reduced else kernels.mean_loop
        loop(rng, model, law, truth, spread, real, synthetic, fresh, *history)
    return history


def means(
    rng: np.random.Generator,
    size: int,
    samples: int,
    synthetic_weight: float,
    steps: int,
    protocol: str,
    **options,
) -> np.ndarray:
    """θ_0, …, θ_t of `size` loops of the Gaussian mean, shape (size, t + 1); `options` as in `simulate`."""
    return simulate(
        rng, "gaussian-mean", samples, synthetic_weight, steps, size, protocol=protocol, **options
    )[0]


def one_of(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
    return value


def _number(name: str, value: Any, low: float, high: float) -> float:
    """`value` as a finite float in [low, high]."""
    number = checks.real(name, value, "a number")
    if not (math.isfinite(number) and low <= number <= high):
        raise ValueError(f"{name} must be finite and in [{low:g}, {high:g}], got {number:g}")
    return number


def _pair(start: Any, default: tuple[float, float]) -> tuple[float, float]:
    """θ_0 of the Gaussian: a mean and a positive scale."""
    try:
        mean, scale = default if start is None else start
    except (TypeError, ValueError):
        raise TypeError(
            f"start must be a pair (mean, scale) for the family 'gaussian', got {start!r}"
        ) from None
    mean, scale = _number("start", mean, -math.inf, math.inf), _number("start", scale, 0.0, math.inf)
    if scale == 0.0:
        raise ValueError("start must have a positive scale, got 0")
    return mean, scale
