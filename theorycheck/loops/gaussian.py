"""The Gaussian refitted to its own samples (Bertrand et al., ICLR 2024): one dimension.

Each generation draws n points from N(μ_t, σ_t²) and takes their mean and variance as the next model.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

from theorycheck import checks

NOISES = ("gaussian", "two-point")


class Paths(NamedTuple):
    """Final states of simulated one-dimensional loops, started from mean 0 and scale 1.

    Each field has shape (paths,): the mean μ_t, log σ_t, the length Σ|μ_{s+1} − μ_s| of the mean's path,
    and the logarithm of the likelihood ratio of the path (0 without a tilt).
    """

    mean: np.ndarray
    log_scale: np.ndarray
    length: np.ndarray
    log_ratio: np.ndarray

    @property
    def scale(self) -> np.ndarray:
        """σ_t; zero where it underflows."""
        return np.exp(self.log_scale)


# log Γ(x+½) − log Γ(x) − ½ log x = Σ_k _SERIES[k]/x^{2k+1} + O(x^{−11}) (from Stirling's series).
_SERIES = (-1 / 8, 1 / 192, -1 / 640, 17 / 14336, -31 / 18432)
_SHIFT = 16


def contraction_factor(n):
    """c₄(n) = √(2/ν)·Γ(n/2)/Γ(ν/2), ν = n − 1: the factor by which E σ_t shrinks in a generation.

    `n` is an integer of at least 2 or an array of them; the result is a float or an array of that shape,
    with relative error at most 1e−13 up to n = 10¹². Raises TypeError or ValueError for other n.
    Source: Bertrand et al., ICLR 2024 (collapse of the refitted Gaussian); the sharp constant is derived.
    """
    array = np.asarray(n)
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"n must be an integer of at least 2, got {n!r}")
    if array.size and array.min() < 2:
        raise ValueError(f"n must be at least 2, got {array.min()}")
    half = (array.astype(float) - 1) / 2
    # Γ(x+½)/Γ(x) from the series at x + _SHIFT, carried back by Γ(y+1) = y·Γ(y).
    shifted = half + _SHIFT
    exponent = sum(c / shifted ** (2 * k + 1) for k, c in enumerate(_SERIES))
    carried = np.prod([(half + k) / (half + k + 0.5) for k in range(_SHIFT)], axis=0)
    factor = np.sqrt(shifted / half) * carried * np.exp(exponent)
    return float(factor) if array.ndim == 0 else factor


def simulate(
    rng: np.random.Generator,
    samples: int,
    steps: int,
    paths: int,
    *,
    kernel: str = "literal",
    biased: bool = False,
    real: int = 0,
    noise: str = "gaussian",
) -> Paths:
    """Simulate `paths` independent loops of `steps` generations with `samples` points each.

    `kernel` is "literal" (draws every point), "reduced" (draws mean and variance from their laws) or
    "tilted" (reduced, under the measure that makes σ_t times the likelihood ratio constant). `biased`
    divides the variance by n instead of n − 1. The literal kernel can mix in `real` fresh points from
    N(0, 1) each generation, or draw "two-point" noise ±1 in place of Gaussian noise.
    """
    from theorycheck.kernels import gaussian as kernels

    checks.generator(rng)
    samples = checks.integer("samples", samples, 2)
    steps = checks.integer("steps", steps, 0)
    paths = checks.integer("paths", paths, 1)
    real = checks.integer("real", real, 0)
    if real > samples:
        raise ValueError(f"real must be at most samples = {samples}, got {real}")
    if noise not in NOISES:
        raise ValueError(f"noise must be one of {', '.join(NOISES)}, got {noise!r}")
    if kernel not in ("literal", "reduced", "tilted"):
        raise ValueError(f"kernel must be literal, reduced or tilted, got {kernel!r}")
    if kernel != "literal" and (real or noise != "gaussian"):
        raise ValueError(f"kernel must be literal for real data or other noise, got {kernel!r}")
    out = Paths(*np.zeros((4, paths)))
    ddof = 0 if biased else 1
    if kernel == "literal":
        kernels.literal(rng, samples, steps, ddof, real, NOISES.index(noise), *out[:3])
    elif kernel == "reduced":
        kernels.reduced(rng, samples, steps, ddof, 0, 0.0, *out)
    else:
        normaliser = 0.5 * math.log(2) + math.lgamma(samples / 2) - math.lgamma((samples - 1) / 2)
        kernels.reduced(rng, samples, steps, ddof, 1, normaliser, *out)
    return out


class ScaleLaw(NamedTuple):
    """The law of log σ_t on a uniform grid: `log_scale` and `mass`, both of shape (points,)."""

    log_scale: np.ndarray
    mass: np.ndarray

    def expect(self, function) -> float:
        """E function(log σ_t)."""
        return float(np.sum(function(self.log_scale) * self.mass))

    def median(self) -> float:
        """The median of log σ_t."""
        return float(np.interp(0.5, np.cumsum(self.mass) - self.mass / 2, self.log_scale))


def scale_law(samples: int, steps: int, points: int = 1024) -> ScaleLaw:
    """The exact law of log σ_t from σ_0 = 1, by `steps` convolutions of the law of log √(χ²_ν/ν).

    The density is analytic, so the trapezoidal rule on `points` nodes an increment converges geometrically;
    all terms are positive, so even far tails keep their relative accuracy. Doubling `points` tells the error.
    """
    samples = checks.integer("samples", samples, 2)
    steps = checks.integer("steps", steps, 1)
    points = checks.integer("points", points, 2)
    law = stats.chi2(samples - 1)
    low = 0.5 * np.log(law.ppf(1e-18) / (samples - 1))
    # The upper end must also hold the second moment: E σ² weighs the density by χ².
    high = 0.5 * np.log(stats.chi2(samples + 3).isf(1e-18) / (samples - 1))
    increment, step = np.linspace(low, high, points, retstep=True)
    square = (samples - 1) * np.exp(2 * increment)
    one = 2 * square * law.pdf(square) * step
    mass = one
    for _ in range(steps - 1):
        mass = np.convolve(mass, one)
    return ScaleLaw(steps * low + step * np.arange(mass.size), mass)
