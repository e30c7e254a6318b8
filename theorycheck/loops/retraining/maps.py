"""The population map G(θ) = argmax E_data log p_θ' + λ E_{p_θ} log p_θ', its Jacobian and its orbits.

Source: Bertrand et al., ICLR 2024 (iterative retraining). Expectations are quadratures whose error is
reported; the argmax is a safeguarded Newton ascent that starts from the current model, so that for
likelihoods with several maxima G follows the one uphill of θ.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from theorycheck import checks
from theorycheck.loops.retraining import consistency, laws
from theorycheck.loops.retraining.ascent import ascend, derivatives, value
from theorycheck.loops.retraining.family import Family
from theorycheck.loops.retraining.laws import Points
from theorycheck.loops.retraining.orbits import Measured, extrapolated, measured_rates

TOLERANCE = 1e-11  # of a quadrature, in standard errors of an observation
ROUNDING = 1e-15  # of a solution, relative


class Solution(NamedTuple):
    """Maximisers `theta`, shape (…, p), with bounds of their `error` and their `branch`, shape (…) both.

    G follows the maximum that is uphill of the current model. A branch is named after the entry of
    `Retraining.maxima` that is nearest to the solution: 0 is that of θ*.
    """

    theta: np.ndarray
    error: np.ndarray
    branch: np.ndarray


@dataclass(frozen=True)
class Retraining:
    """A family retrained on `data`: a frozen scipy.stats distribution, a `Mixture`, or observations.

    Raises TypeError or ValueError for data that are no law, and for a family whose sampler and density
    disagree.
    """

    family: Family
    data: Any

    def __post_init__(self) -> None:
        if not isinstance(self.family, Family):
            raise TypeError(f"family must be a Family, got {self.family!r}")
        object.__setattr__(self, "data", laws.checked(self.data))
        lowest = self._rules[0].x.min()
        if lowest < self.family.support[0]:
            raise ValueError(f"data must lie within {self.family.support}, got {lowest:.6g}")
        if isinstance(self.data, np.ndarray) and np.ptp(self.data) == 0 and self.family.positive.any():
            raise ValueError(
                f"data must not be all equal for {self.family.name}, which has a scale, got {self.data.size} "
                f"of {self.data[0]:.6g}"
            )

    def __hash__(self) -> int:
        return id(self)

    @functools.cached_property
    def best(self) -> np.ndarray:
        """θ* = argmax E_data log p_θ, shape (p,): the highest of `maxima`."""
        found = self.maxima[0]
        consistency.checked(self.family, found)
        return found

    @functools.cached_property
    def maxima(self) -> np.ndarray:
        """The maxima of E_data log p_θ that are uphill of the fits to the data and to each of its quarters.

        Shape (k, p), highest first. More than one: θ* is the best for the data, but a loop that starts
        elsewhere may follow another branch.
        """
        points = self._rules[2]
        order = np.argsort(points.x)
        x, weight = points.x[order], points.weight[order]
        # An atom belongs to the quarter that holds the middle of its step; rounding must not make a fifth.
        quarter = np.minimum(4 * (np.cumsum(weight) - weight / 2) / weight.sum(), 3).astype(int)
        start = self._start(points)
        # The likelihood of what is no density need not have a maximum.
        consistency.integrates(self.family, start, resolved=False)
        found = [self._uphill(start, points)]
        self._converges(points, found[0])
        for part in np.unique(quarter):
            inside = quarter == part
            try:
                with np.errstate(all="ignore"):
                    start = self._start(Points(x[inside], weight[inside] / weight[inside].sum()))
                    theta = self._uphill(start, points)
            except (ValueError, ArithmeticError):
                continue  # a quarter's fit need not be a model from which the ascent succeeds
            near = 1e-3 * self._frame(theta)[1]
            if all(np.linalg.norm(theta - other) > near for other in found):
                found.append(theta)
        heights = value(self.family, points, np.stack(found))
        # A flat maximum is found more than once: the first stands unless another is clearly higher.
        return np.stack(found)[np.argsort(-np.round(heights, 9), kind="stable")]

    def _start(self, part: Points) -> np.ndarray:
        """The family's fit to `part`."""
        start = np.asarray(self.family.fit(part), float)
        if start.shape != (len(self.family.parameters),) or not np.isfinite(start).all():
            raise ValueError(
                f"fit of {self.family.name} must give {len(self.family.parameters)} numbers, got {start}"
            )
        for symbol, number in zip(self.family.parameters, start, strict=True):
            if symbol.is_positive and number <= 0:
                raise ValueError(
                    f"fit of {self.family.name} must keep {symbol} positive, got {number:.6g}; are the "
                    "observations all equal?"
                )
        return start

    def _uphill(self, start: np.ndarray, points: Points) -> np.ndarray:
        """The maximum of E log p_θ over `points` uphill of a start."""
        return ascend(self.family, points, start, self._frame(start)[1])

    def _converges(self, points: Points, theta: np.ndarray) -> None:
        # Nodes of so small a weight lie in the outermost panels, and must not decide the likelihood.
        far = points.weight < 1e-27
        if not far.any():
            return
        terms = np.abs(self.family.evaluate("hessian", points.x, theta)) * points.weight
        if (terms[:, far].sum(axis=1) > 1e-5 * terms.sum(axis=1)).any():
            raise ValueError(
                f"data must have tails light enough for {self.family.name}: E_data ∇² log p_θ diverges, or "
                "converges too slowly"
            )

    @functools.cached_property
    def information(self) -> np.ndarray:
        """−(A + B)/2 at θ*, shape (p, p): positive definite where A or B alone may be flat.

        The Jacobian is self-adjoint in it for every λ, as it is in −A and in −B.
        """
        real, own = self.hessians
        return -(real + own) / 2

    @property
    def units(self) -> np.ndarray:
        """What each parameter is measured in, shape (p,): the standard error of one observation."""
        return np.diag(self.information) ** -0.5

    def _frame(self, theta: np.ndarray) -> tuple[float, float]:
        return self.family.frame(theta.reshape(-1, theta.shape[-1])[0])

    @functools.cached_property
    def _rules(self) -> tuple[Points, ...]:
        return tuple(laws.points(self.data, level) for level in range(laws.LEVELS))

    def objective(
        self, theta: np.ndarray, weight: np.ndarray, frame: tuple[float, float], level: int
    ) -> Points:
        """The training set of G at θ, as weighted points: data with 1/(1+λ), the model with λ/(1+λ).

        θ has shape (…, p) and the weights λ in [0, ∞] shape (…); `frame` places the model's points.
        """
        data = self._rules[level]
        model = self.family.points(theta, frame, level)
        share = shares(weight)[..., None]
        own = share * model.weight
        real = np.broadcast_to((1 - share) * data.weight, (*own.shape[:-1], data.x.size))
        return Points(np.concatenate([data.x, model.x]), np.concatenate([real, own], axis=-1))

    def step(self, theta: Any, synthetic_weight: Any) -> Solution:
        """G(θ) for each λ: θ of shape (…, p) against λ of shape (…), broadcast.

        The quadratures are refined until a Newton step on the next finer one is below `TOLERANCE`; that
        step is taken, and its length is the reported error.
        """
        theta, weight = self._paired(theta, synthetic_weight)
        frame = self._frame(theta)
        rows = theta.reshape(-1, theta.shape[-1])
        if np.abs(rows - rows[0]).max() > frame[1]:
            # Models far apart do not share the nodes of a quadrature.
            each = [self.step(row, w) for row, w in zip(rows, weight.ravel(), strict=True)]
            return Solution(
                np.reshape([one.theta for one in each], theta.shape),
                np.reshape([one.error for one in each], weight.shape),
                np.reshape([one.branch for one in each], weight.shape),
            )
        found = theta
        unit = np.linalg.norm(self.units)
        for level in range(laws.LEVELS - 1):
            found = ascend(self.family, self.objective(theta, weight, frame, level), found, frame[1])
            gradient, hessian = derivatives(
                self.family, self.objective(theta, weight, frame, level + 1), found
            )
            correction = (np.linalg.pinv(hessian, hermitian=True) @ gradient[..., None])[..., 0]
            error = np.linalg.norm(correction, axis=-1)
            rounding = ROUNDING * np.linalg.norm(found, axis=-1)
            if (error <= TOLERANCE * unit + rounding).all():
                break
        if (error > 1e-6 * unit + 1e5 * rounding).any():
            raise ValueError(
                f"the quadrature for {self.family.name} must converge, got an error of {error.max():.3g} at "
                f"θ = {rows[int(np.argmax(error))].tolist()}"
            )
        found = found - correction
        apart = np.linalg.norm(found[..., None, :] - self.maxima, axis=-1)
        return Solution(found, error + ROUNDING * unit + rounding, np.argmin(apart, axis=-1))

    def _paired(self, theta: Any, synthetic_weight: Any) -> tuple[np.ndarray, np.ndarray]:
        weight = weights(synthetic_weight)
        theta = checks.parameters(theta, len(self.family.parameters))
        if (theta[..., self.family.positive] <= 0).any():
            names = [str(s) for s in self.family.parameters if s.is_positive]
            raise ValueError(f"theta must have positive scales {', '.join(names)}, got {theta.tolist()}")
        shape = np.broadcast_shapes(weight.shape, theta.shape[:-1])
        return np.broadcast_to(theta, (*shape, theta.shape[-1])), np.broadcast_to(weight, shape)

    def orbit(self, start: Any, synthetic_weight: Any, steps: int) -> np.ndarray:
        """θ_0, …, θ_steps under G: shape (steps + 1, …, p)."""
        theta, weight = self._paired(start, synthetic_weight)
        path = [theta]
        for _ in range(checks.integer("steps", steps, 0)):
            path.append(self.step(path[-1], weight).theta)
        return np.stack(path)

    @functools.cached_property
    def hessians(self) -> tuple[np.ndarray, np.ndarray]:
        """A = E_data ∇² log p_θ* and B = E_{p_θ*} ∇² log p_θ* (minus the Fisher information), (p, p) each."""
        model = self.family.points(self.best, self._frame(self.best), 2)
        real = self._rules[2]
        return derivatives(self.family, real, self.best)[1], derivatives(self.family, model, self.best)[1]

    def jacobian(self, synthetic_weight: Any) -> np.ndarray:
        """J = (A + λB)^{−1} λB at θ*, for each λ: shape (…, p, p)."""
        real, own = self.hessians
        share = shares(weights(synthetic_weight))[..., None, None]
        return np.linalg.solve(
            (1 - share) * real + share * own, np.broadcast_to(share * own, (*share.shape[:-2], *own.shape))
        )

    def measured_jacobian(self, synthetic_weight: Any, width: float = 1e-3) -> tuple[np.ndarray, np.ndarray]:
        """∂G(θ*) by central differences of the solved map, extrapolated once, and error bounds.

        Shapes (…, p, p) both; `width` is the step in units of `units`.
        """
        weight = weights(synthetic_weight)
        estimates, noise = [], np.zeros(())
        for h in (width, width / 2):
            columns = []
            for shift in np.diag(h * self.units):
                ahead, behind = (self.step(self.best + sign * shift, weight) for sign in (1, -1))
                columns.append((ahead.theta - behind.theta) / (2 * shift.sum()))
                noise = np.maximum(noise, (ahead.error + behind.error) / shift.sum())
            estimates.append(np.stack(columns, axis=-1))
        value, change = extrapolated(*estimates)
        return value, change + noise[..., None, None]

    def measured_rates(self, synthetic_weight: Any) -> Measured:
        """The limiting ratio of successive errors θ_t − θ* of an orbit, with its error, for each λ."""
        return measured_rates(self, np.atleast_1d(weights(synthetic_weight)))


def weights(synthetic_weight: Any) -> np.ndarray:
    """λ as a float array of numbers in [0, ∞]; ValueError or TypeError for anything else."""
    flat = [checks.synthetic_weight(w) for w in np.ravel(np.asarray(synthetic_weight, dtype=object)).tolist()]
    return np.array(flat, float).reshape(np.shape(synthetic_weight))


def shares(weight: np.ndarray) -> np.ndarray:
    """The synthetic share λ/(1+λ) of the training set; 1 at λ = ∞."""
    return np.where(np.isinf(weight), 1.0, weight / (1 + np.where(np.isinf(weight), 0.0, weight)))
