"""Retraining as repeated risk minimisation: what the contraction theorem needs, for location families.

Source: Perdomo et al., ICML 2020 (performative prediction), with D(θ) = (p_data + λp_θ)/(1+λ).
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from theorycheck.loops.retraining import examples, families, laws
from theorycheck.loops.retraining.ascent import derivatives
from theorycheck.loops.retraining.family import LINE, Family
from theorycheck.loops.retraining.maps import Retraining, shares, weights
from theorycheck.loops.retraining.suprema import supremum

Atoms = list[tuple[Any, Any]]  # pairs (atom, mass)
WEIGHTS = np.array([0.1, 0.5, 2.0, 20.0])
# Models as `location` names them, with laws of `examples`.
PAIRS: list[dict[str, Any]] = [
    dict(model="logistic", data="normal"),
    dict(model="logistic", data="bimodal"),
    dict(model="logistic", data="digits"),
    dict(model=5, data="skewed"),
]
MORE_PAIRS = [
    dict(model=model, data=data)
    for model, data in itertools.product(("logistic", 5), examples.MISSPECIFIED)
    if dict(model=model, data=data) not in PAIRS
]


def share(weight):
    """λ/(1+λ)."""
    return weight / (1 + weight)


def generic_rate(weight, beta, real, own):
    """ε_Dβ/γ with γ = (real + λ·own)/(1+λ), ε_D = λ/(1+λ)."""
    return share(weight) * beta * (1 + weight) / (real + weight * own)


def mixed(real: Sequence, own: Sequence, weight: Any) -> Atoms:
    """(p_data + λp)/(1+λ) of two sets of equally likely atoms."""
    unit = Fraction(1) / (1 + weight)
    return [(x, unit / len(real)) for x in real] + [(x, weight * unit / len(own)) for x in own]


def area_between(law: Atoms, other: Atoms) -> Fraction:
    """W₁ = ∫|F − G| of two finite laws, exactly."""
    ends = sorted({x for x, _ in law + other})
    total = Fraction(0)
    for low, high in itertools.pairwise(ends):
        below = [sum(mass for x, mass in one if x <= low) for one in (law, other)]
        total += abs(below[0] - below[1]) * (high - low)
    return total


@functools.cache
def location(model: str | int, data: str) -> Retraining:
    """A location family, "logistic" or Student by its degrees of freedom, on a law of `examples`."""
    if model == "logistic":
        return examples.loop("logistic-location", data)
    return Retraining(families.student(int(model), 1), (examples.DATA | examples.SPECIAL)[data]())


@functools.cache
def lipschitz(model: str | int, data: str) -> float:
    """β = sup|∂_x∂_θ log p|."""
    found = location(model, data)
    return supremum(found.family, "tilt", found.best)


@functools.cache
def least_curvatures(model: str | int, data: str, radius: float) -> list[float]:
    """`curvatures` of the named location family on the named law."""
    return curvatures(location(model, data), radius)


def curvatures(found: Retraining, radius: float) -> list[float]:
    """Lower bounds of −E_data and −E_{p_θ} ∂²log p_φ over θ, φ in [θ* − radius, θ* + radius], radius > 0.

    Minima over grids, less what a Lipschitz slope allows in between. For location families.
    """
    steep = supremum(found.family, "slope", found.best)
    width = radius / 64
    model_points = found.family.points(found.best, found.family.frame(found.best), 2)
    least = []
    # E_{p_θ} of a location family depends on φ − θ alone, which lies within twice the radius.
    for points, reach in ((laws.points(found.data, 2), radius), (model_points, 2 * radius)):
        grid = found.best + np.arange(-reach, reach + width / 2, width)[:, None]
        curvature = -derivatives(found.family, points, grid)[1][:, 0, 0]
        least.append(float(curvature.min()) - steep * width / 2)
    return least


def is_location(family: Family) -> bool:
    """Whether log p is seen to be a function of x − θ alone: False too where its form does not show it."""
    (first, *others), shifted = family.parameters, sp.Dummy("z", real=True)
    density = family.log_density.subs(family.x, shifted + first)
    return not others and family.support == LINE and first not in density.free_symbols


def contraction(found: Retraining, radius: float, weight: float) -> float:
    """ε_Dβ/γ of a location family for λ = `weight` in [0, ∞], ∞ where γ > 0 is not known.

    If it is below 1, |G(θ) − θ*| is at most that times |θ − θ*| for all θ within `radius` > 0 of θ*.
    """
    beta, own = supremum(found.family, "tilt", found.best), float(shares(weights(weight)))
    real, model = curvatures(found, radius)
    gamma = (1 - own) * real + own * model
    return own * beta / gamma if gamma > 0 else math.inf
