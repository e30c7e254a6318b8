"""The families that ship: Gaussian, logistic and Student location–scale, a mixture with known weight.

Each is made once: its derivatives are worked out symbolically, which takes longer than many solves.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
import sympy as sp

from theorycheck.formula import softplus
from theorycheck.loops.retraining.family import Family, X
from theorycheck.loops.retraining.laws import Points

LOCATION, SCALE = sp.Symbol("m", real=True), sp.Symbol("s", positive=True)
_Z = (X - LOCATION) / SCALE


def _quantiles(points: Points, *levels: float) -> list[float]:
    order = np.argsort(points.x)
    below = np.cumsum(points.weight[order])
    at = np.searchsorted(below, np.array(levels) * below[-1])
    return points.x[order][at].tolist()


def _number(name: str, value: Any, most: float = math.inf) -> sp.Expr:
    """A number in (0, most), exactly."""
    if isinstance(value, bool) or not isinstance(value, (Real, sp.Number)):
        raise TypeError(f"{name} must be a number in (0, {most:g}), got {value!r}")
    if not 0 < float(value) < most:
        raise ValueError(f"{name} must lie in (0, {most:g}), got {value}")
    return sp.nsimplify(value)


def _median(points: Points) -> float:
    return _quantiles(points, 0.5)[0]


def _spread(points: Points) -> float:
    return float(np.sum(points.weight * np.abs(points.x - _median(points)))) or 1.0


def _location_scale(name: str, standard: Callable, draw: Callable, scale: Any = None) -> Family:
    """log p = standard(z) − log s, z = (x − m)/s; with `scale`, only the location is unknown."""
    density = standard(_Z) - sp.log(SCALE)
    if scale is not None:
        given = _number("scale", scale)
        return Family(
            name,
            (LOCATION,),
            density.subs(SCALE, given),
            lambda rng, theta, size: theta[0] + float(scale) * draw(rng, size),
            lambda points: [_median(points)],
        )
    return Family(
        name,
        (LOCATION, SCALE),
        density,
        lambda rng, theta, size: theta[0] + theta[1] * draw(rng, size),
        lambda points: [_median(points), _spread(points)],
    )


def _normal(z: sp.Expr) -> sp.Expr:
    return -(z**2) / 2 - sp.log(2 * sp.pi) / 2


@functools.lru_cache(maxsize=None, typed=True)
def gaussian(scale: Any = None) -> Family:
    """N(m, s²), both unknown, or the mean alone with a given `scale`."""
    return _location_scale("gaussian", _normal, lambda rng, size: rng.standard_normal(size), scale)


@functools.lru_cache(maxsize=None, typed=True)
def logistic(scale: Any = None) -> Family:
    """Logistic with location m and scale s, or the location alone with a given `scale`."""
    return _location_scale(
        "logistic", lambda z: -z - 2 * softplus(-z), lambda rng, size: rng.logistic(size=size), scale
    )


@functools.lru_cache(maxsize=None, typed=True)
def student(degrees: int, scale: Any = None) -> Family:
    """Student with `degrees` > 0 degrees of freedom (1: Cauchy); its likelihood is not concave."""
    nu = _number("degrees", degrees)
    constant = sp.loggamma((nu + 1) / 2) - sp.loggamma(nu / 2) - sp.log(nu * sp.pi) / 2
    return _location_scale(
        f"student({degrees})",
        lambda z: constant - (nu + 1) / 2 * sp.log(1 + z**2 / nu),
        lambda rng, size: rng.standard_t(float(degrees), size),
        scale,
    )


@functools.lru_cache(maxsize=None, typed=True)
def mixture(weight: Any) -> Family:
    """w·N(m₁, 1) + (1−w)·N(m₂, 1) with known weight w in (0, 1) and unknown means."""
    w = _number("weight", weight, 1)
    first, second = sp.symbols("m1 m2", real=True)
    odds = sp.log((1 - w) / w) + ((X - first) ** 2 - (X - second) ** 2) / 2

    def draw(rng: np.random.Generator, theta: np.ndarray, size: int) -> np.ndarray:
        return np.where(rng.random(size) < float(w), theta[0], theta[1]) + rng.standard_normal(size)

    return Family(
        f"mixture({weight})",
        (first, second),
        sp.log(w) + _normal(X - first) + softplus(odds),
        draw,
        lambda points: _quantiles(points, float(w) / 2, (1 + float(w)) / 2),
    )
