"""Families and data laws that the theorems are tried on, by name; most pairs are misspecified."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import sympy as sp
from scipy import stats

from theorycheck.loops.retraining import families, laws
from theorycheck.loops.retraining.family import Family
from theorycheck.loops.retraining.laws import Mixture
from theorycheck.loops.retraining.maps import Retraining
from theorycheck.loops.retraining.orbits import Measured
from theorycheck.loops.retraining.stability import constants

MODELS: dict[str, Callable[[], Family]] = {
    "logistic-location": lambda: families.logistic(1),
    "logistic": families.logistic,
    "student": lambda: families.student(5),
    "gaussian": families.gaussian,
    "mixture": lambda: families.mixture(sp.Rational(1, 3)),
    "student-location": lambda: families.student(3, 1),
}
DATA = {
    "logistic": lambda: stats.logistic(1, 1),
    "normal": lambda: stats.norm(0, 2),
    "uniform": lambda: stats.uniform(-3, 6),
    "laplace": lambda: stats.laplace(0, 1),
    "heavy": lambda: stats.t(3),
    "skewed": lambda: stats.gamma(3),
    "bimodal": lambda: Mixture((0.7, 0.3), (stats.norm(), stats.norm(4, 0.5))),
    "digits": laws.digits_column,
}
MISSPECIFIED = tuple(name for name in DATA if name != "logistic")
# Pairs whose κ = Lε/α is below 1, and some where it is not; the second of each for a longer look.
CLOSE = ("logistic-location/normal", "logistic-location/bimodal", "logistic/normal", "student/laplace")
CLOSE_TOO = ("logistic-location/uniform", "logistic-location/laplace", "student/heavy")
FAR = ("logistic-location/digits", "mixture/uniform")
FAR_TOO = ("student/bimodal", "logistic/skewed", "mixture/laplace")
SPECIAL: dict[str, Callable] = {
    "its own mixture": lambda: Mixture((1 / 3, 2 / 3), (stats.norm(-2), stats.norm(2))),
    "±√3": lambda: np.sqrt(3) * np.array([-1.0, 1.0]),  # where a Student(3) location has α = 0
}
WEIGHTS = (0.05, 0.1, 0.2, 0.45, 1.0, 2.0, 5.0, 20.0)


@functools.cache
def loop(model: str, data: str) -> Retraining:
    """The named family retrained on the named data law."""
    return Retraining(MODELS[model](), (DATA | SPECIAL)[data]())


def pair(name: str) -> Retraining:
    """The loop of a pair written "model/data"."""
    return loop(*name.split("/"))


@functools.cache
def local(model: str, data: str) -> tuple[float, float, float]:
    """α, L and ε at θ* of the named pair, ε with its numerical error on top."""
    known = constants(loop(model, data))
    return known.alpha, known.lipschitz, known.epsilon + known.epsilon_error


@functools.cache
def measured(model: str, data: str, weights: tuple[float, ...] = WEIGHTS) -> Measured:
    """The measured rates of the named pair at the given λ; several claims ask for the same."""
    return loop(model, data).measured_rates(weights)
