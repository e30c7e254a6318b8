"""Families as a user would write them, one of them with something wrong."""

import numpy as np
import sympy as sp

from theorycheck.loops.retraining.families import LOCATION, SCALE
from theorycheck.loops.retraining.family import HALF_LINE, LINE, Family, X

FIRST, SECOND = sp.symbols("a b", positive=True)
GAMMA = Family(
    "gamma",
    (FIRST, SECOND),
    (FIRST - 1) * sp.log(X) - SECOND * X + FIRST * sp.log(SECOND) - sp.loggamma(FIRST),
    lambda rng, theta, size: rng.gamma(theta[0], 1 / theta[1], size),
    lambda points: [1.0, 1.0],
    HALF_LINE,
)
EXPONENTIAL = Family(
    "exponential",
    (SECOND,),
    sp.log(SECOND) - SECOND * X,
    lambda rng, theta, size: rng.exponential(1 / theta[0], size),
    lambda points: [1 / float(np.sum(points.weight * points.x))],
    HALF_LINE,
)
# The slope in x of its Hessian grows like e^−x: no float holds it far out.
GUMBEL = Family(
    "gumbel",
    (LOCATION, SCALE),
    -(X - LOCATION) / SCALE - sp.exp(-(X - LOCATION) / SCALE) - sp.log(SCALE),
    lambda rng, theta, size: rng.gumbel(theta[0], theta[1], size),
    lambda points: [0.0, 1.0],
)
# At small x its derivatives are what is left of terms that cancel.
INVERSE_GAUSSIAN = Family(
    "inverse Gaussian",
    (FIRST, SECOND),
    (sp.log(SECOND / (2 * sp.pi)) - 3 * sp.log(X) - SECOND * (X - FIRST) ** 2 / (FIRST**2 * X)) / 2,
    lambda rng, theta, size: rng.wald(theta[0], theta[1], size),
    lambda points: [float(np.sum(points.weight * points.x)), 1.0],
    HALF_LINE,
)


NORMAL = -(X**2) / 2 - sp.log(2 * sp.pi) / 2


def wrong(density=NORMAL, draw=None, support=LINE):
    """A normal location family with something wrong."""
    draw = draw or (lambda rng, theta, size: theta[0] + rng.standard_normal(size))
    density = density.subs(X, X - LOCATION)
    return Family("mine", (LOCATION,), density, draw, lambda points: [0.0], support)
