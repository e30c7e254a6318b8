"""Rates measured on orbits of the retraining map, for many λ side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from theorycheck.loops.retraining.maps import Retraining

NEAR = 1e-2  # how far off θ* orbits start, in standard errors
STEPS = 8


def extrapolated(coarse: np.ndarray, fine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What errs by O(h²), taken to h = 0 from its values at h and h/2, and how far it was taken."""
    change = (fine - coarse) / 3
    return fine + change, np.abs(change)


class Measured(NamedTuple):
    """Measured rates and their errors, shape (k,) both."""

    rate: np.ndarray
    error: np.ndarray


def measured_rates(loop: Retraining, weight: np.ndarray) -> Measured:
    """The limiting ratio of successive errors θ_t − θ* of an orbit, for each λ of shape (k,).

    Orbits start on either side of θ*, in the direction that the measured Jacobian shrinks least (elsewhere
    the ratio has the same limit, later), and take `STEPS` steps, or fewer where they are down by 10² before.
    Half of what lies between two sides is an error without its even part: at a distance h the ratio of its
    lengths errs by O(h²), and is extrapolated from h and h/2.

    Lengths are in the loop's information, whose unit is the standard error of one observation. There the
    Jacobian is self-adjoint, so that it has an eigenvalue ρ with |ρ − r| ≤ ‖e_{t+1} − r·e_t‖/‖e_t‖ for any r.
    The reported error is this bound, how far the ratio was extrapolated, and what rounding does to both.
    """
    root = np.linalg.cholesky(loop.information)  # lengths are those of rootᵀ(θ − θ*)
    inverse = np.linalg.inv(root)
    slowest = np.linalg.eigh(root.T @ loop.measured_jacobian(weight)[0] @ inverse.T)[1][..., -1]
    starts = NEAR * np.array([[1, -1], [0.5, -0.5]])[..., None, None] * (slowest @ inverse)
    path, noise = [loop.best + starts], np.zeros(())
    for _ in range(STEPS):
        found = loop.step(path[-1], weight)
        path.append(found.theta)
        noise = np.maximum(noise, found.error.max(axis=(0, 1)))
    sides = np.stack(path)
    error = (sides[:, :, 0] - sides[:, :, 1]) / 2 @ root
    last = np.sum(np.linalg.norm(error[1:-1, 0], axis=-1) > NEAR / 100, axis=0)
    each = np.arange(weight.size)
    before, after = error[last, :, each], error[last + 1, :, each]
    size: np.ndarray = np.linalg.norm(before, axis=-1)
    ratio = np.linalg.norm(after, axis=-1) / size
    left = np.linalg.norm(after - ratio[..., None] * before, axis=-1) / size
    rate, change = extrapolated(*ratio.T)
    # What a step errs by is extrapolated too: 4/3 of it at h/2, 1/3 of half as much at h.
    return Measured(rate, left[:, 1] + change + 1.5 * np.linalg.norm(root, 2) * noise / size[:, 1])
