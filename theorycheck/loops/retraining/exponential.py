"""Exponential families in mean parameters: there the population map is one line, and exact.

p_η(x) = h(x)·exp(η·T(x) − A(η)) has mean parameters m = E T = ∇A(η), and G averages them:
m_{t+1} = (m_data + λ m_t)/(1 + λ), whatever the data law. The rate λ/(1+λ) is global.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from theorycheck import checks
from theorycheck.loops.retraining.family import X
from theorycheck.loops.retraining.maps import shares, weights


@dataclass(frozen=True)
class ExponentialFamily:
    """`statistics` T(x), in `families.X`; `log_partition` A in the `natural` parameters η; log h(x)."""

    name: str
    statistics: tuple[sp.Expr, ...]
    natural: tuple[sp.Symbol, ...]
    log_partition: sp.Expr
    log_base: sp.Expr
    support: Callable[[], sp.Set]

    @property
    def log_density(self) -> sp.Expr:
        """log p_η(x) as a sympy expression."""
        inner = sum(eta * t for eta, t in zip(self.natural, self.statistics, strict=True))
        return self.log_base + inner - self.log_partition

    @property
    def mean(self) -> tuple[sp.Expr, ...]:
        """m = ∇A(η)."""
        return tuple(sp.diff(self.log_partition, eta) for eta in self.natural)


_ETA = sp.Symbol("eta", real=True)
_FIRST, _SECOND = sp.symbols("eta_1 eta_2", positive=True)

# One-dimensional instances. Signs are spelt out so that every symbol is positive where it has to be.
FAMILIES = {
    family.name: family
    for family in (
        ExponentialFamily(
            "gaussian",
            (X, -(X**2)),
            (_ETA, _SECOND),
            _ETA**2 / (4 * _SECOND) - sp.log(2 * _SECOND) / 2,
            -sp.log(2 * sp.pi) / 2,
            lambda: sp.Reals,
        ),
        ExponentialFamily(
            "poisson", (X,), (_ETA,), sp.exp(_ETA), -sp.loggamma(X + 1), lambda: sp.S.Naturals0
        ),
        ExponentialFamily(
            "bernoulli", (X,), (_ETA,), sp.log(1 + sp.exp(_ETA)), sp.S(0), lambda: sp.FiniteSet(0, 1)
        ),
        ExponentialFamily(
            "gamma",
            (sp.log(X), -X),
            (_FIRST, _SECOND),
            sp.loggamma(_FIRST) - _FIRST * sp.log(_SECOND),
            -sp.log(X),
            lambda: sp.Interval.open(0, sp.oo),
        ),
    )
}


def mean_step(data_mean: Any, mean: Any, synthetic_weight: Any) -> np.ndarray:
    """(m_data + λm)/(1 + λ): mean parameters of shape (…, k) against λ in [0, ∞] of shape (…)."""
    share = shares(weights(synthetic_weight))[..., None]
    return (1 - share) * np.asarray(data_mean, float) + share * np.asarray(mean, float)


class Gaussian(NamedTuple):
    """N(mean, covariance) in d dimensions: shapes (d,) and (d, d)."""

    mean: np.ndarray
    covariance: np.ndarray

    def moments(self) -> np.ndarray:
        """The mean parameters (E x, E xxᵀ), flattened: shape (d + d²,)."""
        return np.concatenate([self.mean, (self.covariance + np.outer(self.mean, self.mean)).ravel()])


def fitted(observations: Any) -> Gaussian:
    """The maximum-likelihood Gaussian of observations of shape (N, d), N > d.

    Raises TypeError or ValueError for observations whose covariance is singular.
    """
    try:
        points = np.asarray(observations, float)
    except (TypeError, ValueError):
        raise TypeError(f"observations must be an array of numbers, got {observations!r}") from None
    if points.ndim != 2 or not points.size or not np.isfinite(points).all():
        raise ValueError(f"observations must be a finite array of shape (N, d), got shape {points.shape}")
    covariance = np.atleast_2d(np.cov(points, rowvar=False, ddof=0))
    if np.linalg.matrix_rank(covariance, hermitian=True) < points.shape[1]:
        raise ValueError(
            f"observations must span all {points.shape[1]} dimensions, got {points.shape[0]} of rank "
            f"{np.linalg.matrix_rank(covariance, hermitian=True)}"
        )
    return Gaussian(points.mean(axis=0), covariance)


def gaussian_step(data: Gaussian, model: Gaussian, synthetic_weight: Any) -> Gaussian:
    """G of the Gaussian family, mean and covariance unknown, exactly: (…, d) and (…, d, d) for λ (…)."""
    checks.covariance("covariance", model.covariance)
    d = len(data.mean)
    moments = mean_step(data.moments(), model.moments(), synthetic_weight)
    mean = moments[..., :d]
    second = moments[..., d:].reshape(*mean.shape, d)
    return Gaussian(mean, second - mean[..., :, None] * mean[..., None, :])
