"""Laws on the line as weighted points: a quadrature rule for a distribution, the atoms of a sample.

A data law is a scipy.stats distribution (frozen, or of the newer kind), a `Mixture` of laws, or an array of
observations.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from theorycheck import checks

# Panels in w = logit(u): between them ppf(u) of the usual laws is smooth, its kinks sit at the median.
_EDGES = np.array([0.0, 1, 2, 4, 8, 16, 32, 64, 92])
OUTERMOST = float(_EDGES[-1])
_ORDERS = (12, 24, 48, 96, 192)  # nodes a panel, by level of refinement
LEVELS = len(_ORDERS)
MOST_ATOMS = 1_000_000


class Points(NamedTuple):
    """Weighted points: `x` and `weight`, both of shape (N,); E f ≈ Σ weight·f(x)."""

    x: np.ndarray
    weight: np.ndarray


class Mixture(NamedTuple):
    """The law that draws from `laws[i]` with probability `weights[i]`."""

    weights: Sequence[float]
    laws: Sequence[Any]


def checked(law: Any) -> Any:
    """The law with its arrays as float arrays; TypeError or ValueError if it is none."""
    if isinstance(law, Mixture):
        weights = checks.probabilities("weights", law.weights)
        if len(weights) != len(law.laws):
            raise ValueError(f"weights must have one entry per law ({len(law.laws)}), got {len(weights)}")
        return Mixture(tuple(weights), tuple(map(checked, law.laws)))
    if hasattr(law, "icdf") and hasattr(law, "cdf"):
        law = _renamed(law)
    if hasattr(law, "ppf") and hasattr(law, "cdf"):
        try:
            ends = np.asarray(law.ppf([[0.25], [0.75]]), float)
        except TypeError:
            raise TypeError(f"data must be a frozen distribution, got {law!r}") from None
        if ends.shape != (2, 1) or not np.isfinite(ends).all():
            raise ValueError(f"data must be a proper distribution, got quartiles {ends.ravel().tolist()}")
        return law
    return np.sort(checks.vector("data", law))


def _renamed(law: Any) -> SimpleNamespace:
    """A distribution of SciPy's newer kind, such as `stats.Normal()`, under the names of the older one."""
    known = {"ppf": law.icdf, "isf": law.iccdf, "cdf": law.cdf, "sf": law.ccdf, "mean": law.mean}
    if any(kind.__name__ == "DiscreteDistribution" for kind in type(law).__mro__):
        known["pmf"] = law.pmf
    return SimpleNamespace(**known)


def points(law: Any, level: int = 0) -> Points:
    """The law as weighted points; `level` from 0 to `LEVELS` − 1 refines the rule of a distribution."""
    if isinstance(law, Mixture):
        parts = [points(part, level) for part in law.laws]
        weights = [w * part.weight for w, part in zip(law.weights, parts, strict=True)]
        return Points(np.concatenate([part.x for part in parts]), np.concatenate(weights))
    if isinstance(law, np.ndarray):
        values, counts = np.unique(law, return_counts=True)
        return Points(values, counts / law.size)
    if hasattr(law, "pmf"):
        # Closer to 1, quantiles of some discrete laws round to infinity.
        low, high = law.ppf(1e-15), law.isf(1e-15)
        if not high - low < MOST_ATOMS:
            raise ValueError(
                f"data must have at most {MOST_ATOMS} atoms that count, got some from {low} to {high}"
            )
        x = np.arange(low, high + 1)
        mass = law.pmf(x)
        if abs(mass.sum() - 1) > 1e-9:
            raise ValueError(
                f"data must be a law on the integers where it is discrete, got mass {mass.sum():.6g}"
            )
        return Points(x, mass)
    w, weight = _logits(_ORDERS[level])
    # Both tails from the side on which u does not round to 1.
    lower = law.ppf(special.expit(-w))
    upper = law.isf(special.expit(-w))
    return Points(np.concatenate([lower[::-1], upper]), np.concatenate([weight[::-1], weight]))


@functools.cache
def _logits(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss–Legendre nodes w > 0 on the panels, with the weights u(1 − u)dw, u = expit(w)."""
    node, weight = np.polynomial.legendre.leggauss(order)
    half = np.diff(_EDGES) / 2
    w = (_EDGES[:-1] + half)[:, None] + half[:, None] * node
    density = special.expit(w) * special.expit(-w)
    return w.ravel(), (half[:, None] * weight * density).ravel()


def atoms(law: Any) -> np.ndarray:
    """The points at which the cdf jumps, sorted."""
    if isinstance(law, Mixture):
        return np.unique(np.concatenate([atoms(part) for part in law.laws]))
    if isinstance(law, np.ndarray):
        return np.unique(law)
    return points(law).x if hasattr(law, "pmf") else np.empty(0)


def cdf(law: Any, x: np.ndarray, side: str = "right") -> np.ndarray:
    """P(X ≤ x), or P(X < x) with `side` = "left"; the shape of x."""
    if isinstance(law, Mixture):
        parts = [w * cdf(part, x, side) for w, part in zip(law.weights, law.laws, strict=True)]
        return np.sum(parts, axis=0)
    if isinstance(law, np.ndarray):
        return np.searchsorted(law, x, side=side) / law.size  # type: ignore[call-overload]
    with np.errstate(over="ignore", under="ignore"):  # far out, where a cdf is 0 or 1
        return law.cdf(x) - (law.pmf(x) if hasattr(law, "pmf") and side == "left" else 0.0)


def sf(law: Any, x: np.ndarray, side: str = "right") -> np.ndarray:
    """P(X > x), or P(X ≥ x) with `side` = "left": 1 − `cdf`, to all digits far out too; the shape of x."""
    if isinstance(law, Mixture):
        return np.sum([w * sf(part, x, side) for w, part in zip(law.weights, law.laws, strict=True)], axis=0)
    if isinstance(law, np.ndarray):
        return 1 - cdf(law, x, side)
    with np.errstate(over="ignore", under="ignore"):
        return law.sf(x) + (law.pmf(x) if hasattr(law, "pmf") and side == "left" else 0.0)


def digits_column(pixel: int = 36) -> np.ndarray:
    """The intensities, 0 to 16, of one pixel of scikit-learn's handwritten digits: shape (1797,)."""
    pixel = checks.integer("pixel", pixel, 0)
    if pixel > 63:
        raise ValueError(f"pixel must be at most 63, got {pixel}")
    return _digits()[:, pixel].copy()


def digits_scores(dimension: int = 2) -> np.ndarray:
    """The first principal component scores of the digits, in units of the first's deviation: (1797, d)."""
    dimension = checks.integer("dimension", dimension, 1)
    if dimension > 60:
        raise ValueError(f"dimension must be at most 60, got {dimension}")
    return _scores()[:, :dimension].copy()


@functools.cache
def _scores() -> np.ndarray:
    centred = _digits() - _digits().mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    # The sign of an axis is arbitrary: its largest entry is made positive.
    axes *= np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]
    scores = centred @ axes.T
    return scores / scores[:, 0].std()


@functools.cache
def _digits() -> np.ndarray:
    from sklearn.datasets import load_digits

    return load_digits().data
