"""Rates measured on orbits of the retraining map: many λ side by side, each until its own end."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from theorycheck.loops.retraining.maps import Retraining

MOST_STEPS = 2000


def extrapolated(coarse: np.ndarray, fine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What errs by O(h²), taken to h = 0 from its values at h and h/2, and how far it was taken."""
    change = (fine - coarse) / 3
    return fine + change, np.abs(change)


class Measured(NamedTuple):
    """A measured rate, its error, and the steps it took."""

    rate: float
    error: float
    steps: int


def measured_rates(loop: Retraining, weight: np.ndarray) -> list[Measured]:
    """The limiting ratio of successive errors ‖θ_t − θ*‖ of an orbit, for each λ of shape (k,).

    Lengths are in the (−A)-inner product, in which the Jacobian is self-adjoint: its unit is the standard
    error of one observation. An orbit starts a thousandth of it off θ*, in the direction that the measured
    Jacobian shrinks least (elsewhere the ratio has the same limit, later), and ends when its error is down
    by 10².
    """
    metric = -loop.hessians[0]
    factors, directions = np.linalg.eig(loop.measured_jacobian(weight)[0])
    largest = np.argmax(np.abs(factors), axis=-1)
    slowest = np.take_along_axis(directions, largest[:, None, None], axis=-1)[..., 0].real
    gap = 1e-3 * slowest / np.sqrt(np.einsum("ki,ij,kj->k", slowest, metric, slowest))[:, None]
    sizes: list[list[float]] = [[] for _ in weight]
    noise = np.zeros(weight.size)
    running = np.arange(weight.size)
    while True:
        for i in running:
            sizes[i].append(math.sqrt(gap[i] @ metric @ gap[i]))
        running = np.array([i for i in running if not _ended(sizes[i], noise[i])], dtype=int)
        if running.size == 0:
            break
        found = loop.step(loop.best + gap[running], weight[running])
        gap[running] = found.theta - loop.best
        noise[running] = found.error * math.sqrt(np.trace(metric))
    # At λ = 0 nothing may be left of the last error.
    shares = [
        (u @ metric @ g) ** 2 / ((u @ metric @ u) * (g @ metric @ g)) if g.any() else 1.0
        for u, g in zip(slowest, gap, strict=True)
    ]
    return [_limit(*orbit) for orbit in zip(sizes, noise, shares, strict=True)]


def _ended(sizes: list[float], noise: float) -> bool:
    """Down by 10², down to the noise, at its limit (three ratios agree to rounding), or too long.

    Ratios near 1 agree before anything has moved, so a limit counts when the error is down by 10, or late.
    """
    if sizes[-1] <= 1e3 * noise:
        return True
    if len(sizes) < 4:
        return False
    settled = np.ptp(np.divide(sizes[-3:], sizes[-4:-1])) < 1e-12 and (
        sizes[-1] <= 0.1 * sizes[0] or len(sizes) >= 20
    )
    return bool(settled) or sizes[-1] <= 1e-2 * sizes[0] or len(sizes) >= MOST_STEPS


def _limit(sizes: list[float], noise: float, share: float) -> Measured:
    """The limit of the ratios: what they still have to go is extrapolated from their last changes.

    What is left of other directions lowers a ratio by at most their share of the squared length.
    """
    ratio = np.array(sizes[1:]) / sizes[:-1]
    rounding = 4 * noise / sizes[-2] + ratio[-1] * abs(1 - share)
    if sizes[-1] > 0.1 * sizes[0]:
        # It hardly moves: where it is, the map need not be linear yet.
        rounding += abs(1 - ratio[-1]) * sizes[-1]
    lag = (ratio.size - 1) // 2
    if lag == 0:
        return Measured(float(ratio[-1]), float(np.ptp(ratio) + rounding), ratio.size)
    early, late = ratio[-1 - lag] - ratio[-1 - 2 * lag], ratio[-1] - ratio[-1 - lag]
    decay = late / early if abs(early) > rounding else 0.0
    if abs(decay) >= 1:
        return Measured(float(ratio[-1]), float(np.ptp(ratio) + rounding), ratio.size)
    rest = late * decay / (1 - decay)
    return Measured(float(ratio[-1] + rest), float(2 * abs(rest) + abs(late) + rounding), ratio.size)
