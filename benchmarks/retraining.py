"""The population map of the retraining loop, 8 λ in one call, beside scipy.optimize, one λ at a time."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from scipy import optimize, stats

from benchmarks import Row, side_by_side
from theorycheck.loops.retraining import families, laws
from theorycheck.loops.retraining.laws import Mixture, Points
from theorycheck.loops.retraining.maps import Retraining

WEIGHTS = np.array([0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 20.0])
LAW = Mixture((0.7, 0.3), (stats.norm(-1, 1), stats.gumbel_r(2, 0.5)))  # no logistic law
LEVEL = 1  # of the baseline's quadrature: as fine as the one that our error is judged on
GRADIENT = 1e-8  # at which the baseline stops
AGREEMENT = 1e-6  # of the maximisers, or the two times are not of the same work


def rows() -> Iterator[Row]:
    loop = Retraining(families.logistic(), LAW)
    theta = loop.best + np.array([0.3, 0.2])
    points = [training_set(loop, theta, weight) for weight in WEIGHTS]
    found = loop.step(theta, WEIGHTS).theta
    for name, solve in BASELINES.items():
        apart = np.abs(found - maxima(solve, points, theta)).max()
        if apart > AGREEMENT:
            raise RuntimeError(f"{name} must find the same maxima within {AGREEMENT:g}, got {apart:.2g}")
        row = side_by_side(
            "logistic, 8 λ",
            partial(loop.step, theta, WEIGHTS),
            partial(maxima, solve, points, theta),
            f"scipy {name}, one λ at a time",
        )
        ours, theirs = (len(WEIGHTS) / row[side] for side in ("ours_seconds", "baseline_seconds"))
        yield {**row, "workload": f"{row['workload']}: {ours:,.0f} against {theirs:,.0f} solves/s"}


def training_set(loop: Retraining, theta: np.ndarray, weight: float) -> Points:
    """Data with 1/(1+λ) and the model with λ/(1+λ), as weighted points."""
    parts = laws.points(loop.data, LEVEL), loop.family.points(theta, loop.family.frame(theta), LEVEL)
    x, mass = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    share = np.where(np.arange(x.size) < parts[0].x.size, 1.0, weight) / (1 + weight)
    return Points(x, share * mass)


def likelihood(points: Points, theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """−E log p_θ of the logistic law with its gradient (2,) and Hessian (2, 2), written by hand."""
    location, scale = theta
    if scale <= 0:
        return np.inf, np.full(2, np.nan), np.full((2, 2), np.nan)
    z = (points.x - location) / scale
    half = np.tanh(z / 2)
    bend = (1 - half**2) / 2
    loss = np.abs(z) + 2 * np.log1p(np.exp(-np.abs(z))) + np.log(scale)
    mean = points.weight
    gradient = -np.array([mean @ half, mean @ (z * half - 1)]) / scale
    cross = mean @ (half + z * bend)
    hessian = np.array([[mean @ bend, cross], [cross, mean @ (2 * z * half + z**2 * bend - 1)]]) / scale**2
    return float(mean @ loss), gradient, hessian


def bfgs(points: Points, theta: np.ndarray) -> np.ndarray:
    return optimize.minimize(
        lambda at: likelihood(points, at)[:2], theta, jac=True, method="BFGS", options={"gtol": GRADIENT}
    ).x


def trust_exact(points: Points, theta: np.ndarray) -> np.ndarray:
    return optimize.minimize(
        lambda at: likelihood(points, at)[:2],
        theta,
        jac=True,
        hess=lambda at: likelihood(points, at)[2],
        method="trust-exact",
        options={"gtol": GRADIENT},
    ).x


BASELINES: dict[str, Callable[[Points, np.ndarray], np.ndarray]] = {"BFGS": bfgs, "trust-exact": trust_exact}


def maxima(solve: Callable[[Points, np.ndarray], np.ndarray], points: list[Points], theta: np.ndarray):
    """The maximisers, one problem at a time from the same start: shape (8, 2)."""
    return np.array([solve(part, theta) for part in points])
