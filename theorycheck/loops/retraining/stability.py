"""One family on one data law: its constants α, L, ε, the rates that theory states and the rate measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from theorycheck import checks
from theorycheck.loops.retraining import rates, transport
from theorycheck.loops.retraining.family import Family
from theorycheck.loops.retraining.maps import Retraining, weights
from theorycheck.loops.retraining.suprema import supremum


class Constants(NamedTuple):
    """θ*; α = λ_min(−A); L over ‖θ − θ*‖ ≤ `radius`; ε = W₁(p_θ*, p_data) with its numerical error."""

    theta: np.ndarray
    alpha: float
    lipschitz: float
    radius: float
    epsilon: float
    epsilon_error: float


class Row(NamedTuple):
    """One λ: the paper's λ(1 + Lε/α) and its rate (None where that is not below ½), the sharp bound, the
    spectral radius of the Jacobian, and the rate measured on an orbit with its error."""

    synthetic_weight: float
    condition: float
    paper_rate: float | None
    sharp_rate: float
    spectral_radius: float
    measured_rate: float
    measured_error: float


class Stability(NamedTuple):
    """What is known of a family retrained on a data law: its constants, and a row for each λ.

    `others`, shape (k, p), are further maxima of E_data log p that were found: a loop that starts nearer to
    one of them follows that branch of G, and what is said of θ* does not hold there.
    """

    family: str
    constants: Constants
    rows: tuple[Row, ...]
    others: np.ndarray


def constants(loop: Retraining, radius: float = 0.0) -> Constants:
    """α, L and ε at θ*.

    Raises ValueError where E_data ∇² log p_θ* is not negative definite (it names the eigenvalue) or ε is
    infinite (a law without a first moment).
    """
    radius = checks.real("radius", radius, "a number in [0, inf)")
    if not 0 <= radius < math.inf:
        raise ValueError(f"radius must be in [0, inf), got {radius}")
    if not math.isfinite(transport.first_moment(loop.data)):
        raise ValueError("data must have a finite first moment, got ε = W₁(p_θ*, p_data) = inf")
    family, theta = loop.family, loop.best
    real, own = loop.hessians
    curvature, axes = np.linalg.eigh(real)
    if curvature[-1] >= -1e-9 * max(np.abs(curvature).max(), np.abs(own).max()):
        along = zip(
            family.parameters, axes[:, -1] * np.sign(axes[np.abs(axes[:, -1]).argmax(), -1]), strict=True
        )
        raise ValueError(
            f"the Hessian of E_data log p at θ* = {theta.tolist()} must be negative definite, got an "
            f"eigenvalue of {curvature[-1]:.6g} for {family.name}, along "
            + ", ".join(f"{name} = {part:.3g}" for name, part in along)
        )
    epsilon, error = transport.distance(loop.data, *family.distribution(theta))
    if not math.isfinite(family.first_moment(theta)):
        raise ValueError(
            f"{family.name} must have a finite first moment at θ* = {theta.tolist()}, "
            "got ε = W₁(p_θ*, p_data) not to be told from inf"
        )
    if not error <= max(0.1 * epsilon, 1e-4):
        raise ValueError(
            f"data and {family.name} must have tails light enough for ε = W₁(p_θ*, p_data) to be known, "
            f"got {epsilon:.3g} ± {error:.2g}"
        )
    lipschitz = supremum(family, "slope", theta, radius)
    return Constants(theta, float(-curvature[-1]), lipschitz, radius, epsilon, error)


def stability(
    family: Family, data: Any, synthetic_weight: float | Sequence[float], radius: float = 0.0
) -> Stability:
    """α, L, ε, the paper's condition and rate, the sharp rate and the measured rate, for each λ.

    For continuous families on the line; in several dimensions and for discrete laws, `exponential` has the
    exact map, whose rate is λ/(1+λ).
    `data` is a frozen scipy.stats distribution, a `Mixture` of laws or an array of observations; `radius` is
    that of the neighbourhood over which L is taken. Raises ValueError or TypeError, with one sentence, for
    data or weights that are none, a family whose sampler and density disagree, and where a constant does not
    exist. Source: Bertrand et al., ICLR 2024 (stability); the sharp rate is derived.
    """
    lambdas = np.atleast_1d(weights(synthetic_weight))
    if lambdas.ndim != 1 or lambdas.size == 0:
        raise ValueError(
            f"synthetic_weight must be a number or a sequence of at least one, got {synthetic_weight}"
        )
    loop = Retraining(family, data)
    known = constants(loop, radius)
    measured = loop.measured_rates(lambdas)
    rows = (row(loop, known, *map(float, found)) for found in zip(lambdas, *measured, strict=True))
    return Stability(family.name, known, tuple(rows), loop.maxima[1:])


def row(loop: Retraining, known: Constants, weight: float, rate: float, error: float) -> Row:
    """What is known at λ = `weight` of a loop with these constants, and the rate measured with its error."""
    # At λ = 0 every bound is 0, at λ = ∞ or L = ∞ the sharp one is 1.
    local = (known.alpha, known.lipschitz if weight else 0.0, known.epsilon + known.epsilon_error)
    condition = rates.condition(weight, *local)
    radius = float(np.abs(np.linalg.eigvals(loop.jacobian(weight))).max())
    return Row(
        weight,
        condition,
        rates.paper_rate(weight, *local) if condition < 0.5 else None,
        rates.sharp_rate(weight, *local) if math.isfinite(condition) else 1.0,
        radius,
        rate,
        error,
    )
