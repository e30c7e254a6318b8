"""Whether a family is what it says: its density integrates to 1, and its sampler draws from that."""

from __future__ import annotations

import numpy as np

from theorycheck.loops.retraining.family import Family

DRAWS, DRAWS_AROUND = 200_000, 40_000  # of the sampler: a law that does not move is wrong by far
# How far off θ a parameter is tried, in standard errors of one observation: nearer, or on the other side,
# where a density has no value further on, as a weight beyond 1.
SHIFTS = (0.5, -0.5, 0.125, -0.125)


def integrates(family: Family, theta: np.ndarray, *, resolved: bool = True) -> None:
    """ValueError unless the density integrates to 1 at θ, with neither slope nor curvature in θ.

    A density that the quadrature does not resolve there is refused as well, or let pass if not `resolved`.
    """
    frame = family.frame(theta)
    coarse, fine = (family.points(theta, frame, level) for level in (3, 4))
    mass = float(fine.weight.sum())
    if not (abs(coarse.weight.sum() - mass) < 0.01 * mass and (np.diff(fine.x) > 0).all()):
        if not resolved:
            return
        raise ValueError(
            f"the quadrature for {family.name} must resolve its density, got {mass:.6g} for its integral "
            f"and {coarse.weight.sum():.6g} with half the nodes at θ = {theta.tolist()}"
        )
    if abs(mass - 1) > 1e-6:
        raise ValueError(
            f"log_density of {family.name} must integrate to 1 over {family.support}, got {mass:.6g} "
            f"at θ = {theta.tolist()}"
        )
    # ∫p_θ has the slope E s and the curvature E(∇²log p + ssᵀ).
    score = family.evaluate("score", fine.x, theta)
    spread = (score * fine.weight) @ score.T
    curvature = (family.evaluate("hessian", fine.x, theta) @ fine.weight).reshape(spread.shape) + spread
    size = np.sqrt(np.diag(spread))
    if (np.abs(score @ fine.weight) > 1e-5 * size).any() or (
        np.abs(curvature) > 1e-5 * np.outer(size, size)
    ).any():
        raise ValueError(
            f"log_density of {family.name} must integrate to 1 for every θ, got a mass that changes with θ "
            f"at θ = {theta.tolist()}"
        )


def checked(family: Family, theta: np.ndarray) -> None:
    """ValueError unless the sampler draws from the density, at θ and with each parameter moved off it."""
    _agrees(family, theta, DRAWS)
    for place in _around(family, theta):
        _agrees(family, place, DRAWS_AROUND)


def _agrees(family: Family, theta: np.ndarray, draws: int) -> None:
    integrates(family, theta)
    drawn = np.sort(family.sample(np.random.default_rng(1), theta, draws))
    distribution = np.interp(drawn, *family.distribution(theta))
    ranks = np.arange(draws + 1) / draws
    gap = float(np.maximum(np.abs(distribution - ranks[1:]), np.abs(distribution - ranks[:-1])).max())
    # Dvoretzky–Kiefer–Wolfowitz at level 1e−9.
    if gap > np.sqrt(np.log(2e9) / (2 * draws)):
        raise ValueError(
            f"sample of {family.name} must draw from its log_density, got laws at distance {gap:.3f} "
            f"at θ = {theta.tolist()}"
        )


def _around(family: Family, theta: np.ndarray) -> list[np.ndarray]:
    """θ with one parameter moved, for each that the density depends on and that can be."""
    x, weight = family.points(theta, family.frame(theta))
    sizes = np.sqrt(family.evaluate("score", x, theta) ** 2 @ weight)
    places = []
    for axis, size in zip(np.eye(len(theta)), sizes, strict=True):
        tried = [theta + shift / size * axis for shift in SHIFTS if size]
        places += [place for place in tried if _has_density(family, x, place)][:1]
    return places


def _has_density(family: Family, x: np.ndarray, theta: np.ndarray) -> bool:
    positive = (theta[family.positive] > 0).all()
    return bool(positive and np.isfinite(family.values("log_density", x, theta)).all())
