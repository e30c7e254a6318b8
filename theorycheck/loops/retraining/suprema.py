"""Suprema over all x, and over a ball of parameters, of a log-density's mixed derivatives."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage, optimize

from theorycheck.loops.retraining.family import LINE, Family

_FAR = 28.0  # a supremum over x is sought up to e^28 scales out
_FINE = {"xatol": 1e-10, "fatol": 1e-13}  # of a polish


def supremum(family: Family, name: str, theta: np.ndarray, radius: float = 0.0) -> float:
    """sup ‖·‖₂ over all x and ‖θ' − θ‖ ≤ `radius` of ∂_x∇²_θ log p ("slope") or ∂_x∇_θ log p ("tilt").

    The largest value on a grid of x and of θ' (centre, half radius, sphere), polished. Infinite where the
    norm keeps growing with |x|.
    """
    if radius and (theta[family.positive] <= radius).any():
        raise ValueError(f"radius must keep scales positive around θ* = {theta.tolist()}, got {radius}")
    frame = family.frame(theta)
    p = len(theta)

    def norm(terms: np.ndarray) -> np.ndarray:
        sizes: np.ndarray = np.linalg.norm(terms, axis=0)
        if p > 1:
            # At most √p times the spectral norm, which is worked out where it may be the largest.
            counts = sizes >= sizes.max() / np.sqrt(p)
            sizes[counts] = np.linalg.norm(terms[:, counts].T.reshape(-1, len(terms) // p, p), 2, axis=(1, 2))
        return sizes

    def at(w: np.ndarray, place: np.ndarray) -> float:
        return float(norm(family.evaluate(name, family.chart(frame, w)[0], place))[0])

    centres = theta + radius * _ball(p) if radius else theta[None]

    def over(w: np.ndarray) -> np.ndarray:
        x, sizes = family.chart(frame, w)[0], []
        for centre in centres:
            terms = family.values(name, x, centre)
            unbounded = _overflows(terms)
            sizes.append(
                np.full(w.size, np.inf) if unbounded else norm(family.finite(name, x, centre, terms))
            )
        return np.stack(sizes)

    far = np.arcsinh(np.exp(_FAR) if family.support == LINE else _FAR / frame[1])
    grid = np.linspace(-far, far, 6001)
    spacing = grid[1] - grid[0]
    # How far out a point is: the logarithm of x on the line, and of log x on the half-line.
    out = grid if family.support == LINE else np.sinh(grid)
    sizes = over(grid)
    if np.isinf(sizes).any():
        return math.inf
    if _grows(sizes.max(axis=0), out):
        x = family.chart(frame, grid)[0]
        known = ~np.any([_is_rounding(family, name, x, centre) for centre in centres], axis=0)
        if not known.any():
            return math.inf
        grid, out = grid[known], out[known]
        sizes = over(grid)
        if _grows(sizes.max(axis=0), out):
            return math.inf
    row, column = np.unravel_index(sizes.argmax(), sizes.shape)

    # Polished from the best point, with steps of the grid's own spacing.
    if radius == 0:
        polished = optimize.minimize_scalar(
            lambda w: -at(np.array([w]), theta),
            bounds=(grid[column] - spacing, grid[column] + spacing),
            method="bounded",
            options={"xatol": 1e-10},
        )
    else:

        def missing(point: np.ndarray) -> float:
            shift = point[1:] / max(1.0, float(np.linalg.norm(point[1:])))
            return -at(point[:1], theta + radius * shift)

        start = np.append(grid[column], (centres[row] - theta) / radius)
        simplex = start + np.vstack([np.zeros(p + 1), np.diag([spacing, *np.full(p, 0.1)])])
        polished = optimize.minimize(
            missing, start, method="Nelder-Mead", options={**_FINE, "initial_simplex": simplex}
        )
    return max(float(sizes.max()), -float(polished.fun))


def _grows(sizes: np.ndarray, out: np.ndarray) -> bool:
    """Whether sizes are larger far out than anywhere within half as far, or not known there."""
    inner = (out >= out[0] / 2) & (out <= out[-1] / 2)
    return not inner.any() or bool(sizes.max() > 1.5 * sizes[inner].max())


def _is_rounding(family: Family, name: str, x: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """At which x what is computed moves with the last bits of x: what is left where large terms cancel."""
    terms = family.values(name, x, theta)
    moved = [family.values(name, x * (1 + bits * 2.0**-52), theta) - terms for bits in (4, 8, 16)]
    with np.errstate(all="ignore"):
        moves = ~(np.linalg.norm(moved, axis=1).max(axis=0) <= 1e-6 * np.linalg.norm(terms, axis=0))
    # Bits may stand still by chance, and move where all terms change their sign: the neighbours decide.
    spread: np.ndarray = ndimage.maximum_filter(ndimage.median_filter(moves, 31), 61)
    return spread


def _overflows(terms: np.ndarray) -> bool:
    """Whether terms of shape (k, 2n + 1), from the centre to both sides, grow until no float holds them.

    They are largest next to where they are not finite, and by far. A bounded function whose formula breaks
    down far out, such as e^z/(1 + e^z), is not.
    """
    finite = np.isfinite(terms).all(axis=0)
    sizes = np.where(finite, np.abs(terms).max(axis=0), 0.0)
    peak, centre = int(sizes.argmax()), sizes.size // 2
    half = abs(peak - centre) // 2
    inner = float(sizes[centre - half : centre + half + 1].max())
    return not finite[max(peak - 1, 0) : peak + 2].all() and bool(sizes[peak] / 1e100 > inner)


def _ball(p: int) -> np.ndarray:
    """Points of the unit ball in ℝ^p: its centre, and two spheres."""
    directions = np.vstack([np.eye(p), -np.eye(p)])
    if p > 1:
        drawn = np.random.default_rng(0).standard_normal((64, p))
        directions = np.vstack([directions, drawn / np.linalg.norm(drawn, axis=1, keepdims=True)])
    return np.vstack([np.zeros((1, p)), directions / 2, directions])
