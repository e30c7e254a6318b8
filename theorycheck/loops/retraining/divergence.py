"""KL divergences from θ* along orbits of example pairs, by quadrature of SciPy's own densities.

A pair is written "model/data", by the names of `examples`; the families' own formulas take no part here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from theorycheck.loops.retraining import examples
from theorycheck.loops.retraining.maps import TOLERANCE

NEAR = 1e-3  # how far from θ* limits are taken
LOG_DENSITIES: dict[str, Callable[..., np.ndarray]] = {
    "logistic-location": stats.logistic.logpdf,
    "logistic": stats.logistic.logpdf,
    "student": lambda x, m, s: stats.t.logpdf(x, 5, m, s),
    "student-location": lambda x, m: stats.t.logpdf(x, 3, m),
    "gaussian": stats.norm.logpdf,
    "mixture": lambda x, a, b: np.logaddexp(
        stats.norm.logpdf(x, a) - np.log(3), stats.norm.logpdf(x, b) - np.log(1.5)
    ),
}


@functools.cache
def line_rule(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights for ∫dx over the line: Gauss–Legendre on 24 panels of t, x = 3t/(1−t²)."""
    node, weight = np.polynomial.legendre.leggauss(order)
    t = (np.arange(-12, 12)[:, None] + (node + 1) / 2).ravel() / 12
    return 3 * t / (1 - t**2), np.tile(weight / 24, 24) * 3 * (1 + t**2) / (1 - t**2) ** 2


def divergence(pair: str, theta: np.ndarray, reverse: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """KL(p_θ*‖p_θ), or KL(p_θ‖p_θ*), over |θ−θ*|², θ of shape (…, p), and its error by two rules.

    ∫p(u + e^{−u} − 1), u = log(p/q): it does not cancel.
    """
    best, log = examples.pair(pair).best, LOG_DENSITIES[pair.split("/")[0]]
    columns = np.moveaxis(theta, -1, 0)[..., None]
    values = []
    for order in (16, 24):
        x, weight = line_rule(order)
        logs = log(x + best[0], *best), log(x + best[0], *columns)
        first, second = reversed(logs) if reverse else logs
        ratio = np.clip(first - second, -500, 500)
        values.append(np.sum(weight * np.exp(first) * (ratio + np.expm1(-ratio)), axis=-1))
    coarse, fine = values / np.sum((theta - best) ** 2, axis=-1)
    return fine, np.abs(fine - coarse) + 1e-14


@functools.cache
def kl_limit(pair: str, weights: Sequence[float], reverse: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The limiting ratio KL_{t+1}/KL_t at each λ, along the direction that the loop shrinks least; its error.

    The third ratio from distances `NEAR` and 2·`NEAR`, extrapolated to 0; second-order effects remain.
    """
    found = examples.pair(pair)
    values, vectors = np.linalg.eig(found.jacobian(weights))
    slowest = np.argmax(np.abs(values), axis=-1)[:, None, None]
    directions = np.take_along_axis(vectors, slowest, axis=-1)[..., 0].real
    starts = found.best + NEAR * np.array([1.0, 2.0])[:, None, None] * directions
    orbit = found.orbit(starts, weights, 3)[2:]
    kl, error = divergence(pair, orbit, reverse)
    square = np.sum((orbit - found.best) ** 2, axis=-1)
    near, far = kl[1] / kl[0] * square[1] / square[0]
    return 2 * near - far, np.abs(near - far) + _rounding(kl, error, square) + NEAR**2


@functools.cache
def late_ratio(pair: str, start: float, weight: float = 0.5) -> tuple[np.ndarray, float]:
    """KL_8/KL_7 from θ_0 = θ* + start·(1, −1), and its error."""
    found = examples.pair(pair)
    orbit = found.orbit(found.best + start * np.array([1.0, -1.0])[: len(found.best)], weight, 8)[-2:]
    (kl, error), square = divergence(pair, orbit), np.sum((orbit - found.best) ** 2, axis=-1)
    return kl[1] / kl[0] * square[1] / square[0], _rounding(kl, error, square)


def _rounding(kl: np.ndarray, error: np.ndarray, square: np.ndarray) -> float:
    """What errors of the divergences and of the solved map may do to a ratio of two divergences."""
    return 4 * float((error / kl).max() + TOLERANCE / np.sqrt(square.min()))
