"""A model family on the line: a log-density, a sampler and a fit.

The log-density is a sympy expression; score, Hessian and the Hessian's slope in x follow from it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from scipy.integrate import cumulative_simpson
from sympy.core.function import AppliedUndef

from theorycheck.formula import numeric
from theorycheck.loops.retraining.laws import Points

X = sp.Symbol("x", real=True)
LINE, HALF_LINE = (-math.inf, math.inf), (0.0, math.inf)
_REACH = 46.0  # of the nodes' w in c + s·sinh w
_NEGLIGIBLE = 1e-40  # weight of a node, relative to the largest
NAMES = {"derivatives": "derivative", "slope": "third derivative", "tilt": "second derivative"}
_TAIL = 1e-13  # mass beyond which a distribution function is not followed


@dataclass(frozen=True)
class Family:
    """Densities p_θ on the line or, with `support` = (0, ∞), on the half-line.

    θ lies in ℝ^p; entries whose symbol is declared positive stay positive.

    `log_density` is a sympy expression in `x` and `parameters`, written so that it stays finite far out
    (`theorycheck.formula` has `softplus` and `expit` for that); `sample(rng, theta, size)` draws from p_θ;
    `fit(points)` says where the search for the best model of weighted points starts: the maximum-likelihood
    estimate where it has a closed form, else anything close.
    """

    name: str
    parameters: tuple[sp.Symbol, ...]
    log_density: sp.Expr
    sample: Callable[[np.random.Generator, np.ndarray, int], np.ndarray]
    fit: Callable[[Points], Sequence[float]]
    support: tuple[float, float] = LINE
    x: sp.Symbol = X

    def __post_init__(self) -> None:
        if self.support not in (LINE, HALF_LINE):
            raise ValueError(f"support of {self.name} must be {LINE} or {HALF_LINE}, got {self.support}")
        if not (isinstance(self.parameters, tuple) and self.parameters) or not all(
            isinstance(symbol, sp.Symbol) for symbol in self.parameters
        ):
            raise TypeError(
                f"parameters of {self.name} must be a tuple of sympy symbols, got {self.parameters!r}"
            )
        if not isinstance(self.log_density, sp.Expr):
            raise TypeError(
                f"log_density of {self.name} must be a sympy expression, got {self.log_density!r}"
            )
        strange = self.log_density.free_symbols - {self.x, *self.parameters}
        if strange:
            raise ValueError(f"log_density of {self.name} may use x and the parameters, got also {strange}")

    @property
    def positive(self) -> np.ndarray:
        """Which parameters must stay positive: shape (p,)."""
        return np.array([bool(s.is_positive) for s in self.parameters])

    @functools.cached_property
    def _functions(self) -> dict[str, Callable[..., Any]]:
        gradient = [sp.diff(self.log_density, s) for s in self.parameters]
        hessian = [sp.diff(g, s) for g in gradient for s in self.parameters]
        slope = [sp.diff(h, self.x) for h in hessian]
        listed = {"log_density": [self.log_density], "score": gradient, "hessian": hessian, "slope": slope}
        listed["tilt"] = [sp.diff(g, self.x) for g in gradient]
        listed["derivatives"] = gradient + hessian
        terms = sp.Tuple(*(sp.Tuple(*part) for part in listed.values()))
        if broken := terms.atoms(AppliedUndef, sp.DiracDelta, sp.Derivative, sp.Subs):
            raise ValueError(
                f"log_density of {self.name} must have derivatives that are functions, got "
                f"{min(map(str, broken))} among them"
            )
        return {name: numeric(terms, self.x, *self.parameters) for name, terms in listed.items()}

    def evaluate(self, name: str, x: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """ "log_density", "score" ∇_θ, "hessian" ∇²_θ, "slope" ∂_x∇²_θ or "tilt" ∂_x∇_θ of log p_θ(x).

        `x` has shape (…, N) and `theta` (…, p); the result has shape (terms, …, N), matrices row by row.
        Raises ValueError where a derivative is not finite.
        """
        values = self.values(name, x, theta)
        return values if name == "log_density" else self.finite(name, x, theta, values)

    def finite(self, name: str, x: np.ndarray, theta: np.ndarray, values: np.ndarray) -> np.ndarray:
        """The `values` given; ValueError, with the place, where one is not finite."""
        if not np.isfinite(values).all():
            bad = np.argwhere(~np.isfinite(values))[0][1:]
            raise ValueError(
                f"log_density of {self.name} must be smooth, got no finite {NAMES.get(name, name)} "
                f"at x = {np.broadcast_to(x, values.shape[1:])[tuple(bad)]:.6g}, "
                f"θ = {np.asarray(theta).tolist()}"
            )
        return values

    def values(self, name: str, x: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """What `evaluate` gives, with infinities and NaN where they are."""
        entries = np.moveaxis(np.asarray(theta, float), -1, 0)[..., None]
        with np.errstate(all="ignore"):
            terms = self._functions[name](x, *entries)
        values = np.empty((len(terms), *np.broadcast_shapes(np.shape(x), entries.shape[1:])))
        for value, term in zip(values, terms, strict=True):
            value[...] = term
        return values

    def frame(self, theta: np.ndarray) -> tuple[float, float]:
        """Centre and scale of p_θ, as the sampler shows them: they place the nodes of a quadrature."""
        drawn = np.asarray(self.sample(np.random.default_rng(0), np.asarray(theta, float), 512), float)
        if drawn.shape != (512,) or not np.isfinite(drawn).all():
            raise ValueError(f"sample of {self.name} must give finite numbers of shape (512,)")
        if drawn.min() < self.support[0]:
            raise ValueError(f"sample of {self.name} must stay within {self.support}, got {drawn.min():.6g}")
        low, centre, high = np.sort(drawn if self.support == LINE else np.log(drawn))[[128, 256, 384]]
        return float(centre), float(high - low) / 2 or 1.0

    def chart(self, frame: tuple[float, float], w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """x(w) and dx/dw for x, or log x on the half-line, equal to c + s·sinh w: all of the support."""
        with np.errstate(over="ignore", invalid="ignore"):
            place, slope = frame[0] + frame[1] * np.sinh(w), frame[1] * np.cosh(w)
            return (place, slope) if self.support == LINE else (np.exp(place), np.exp(place) * slope)

    def _mass(self, theta: np.ndarray, frame: tuple[float, float], w: np.ndarray) -> Points:
        """x(w), and p_θ(x(w))·dx/dw or 0 where that is not finite: shapes (len(w),) and (…, len(w))."""
        x, slope = self.chart(frame, w)
        with np.errstate(all="ignore"):
            mass = np.exp(self.evaluate("log_density", x, theta)[0]) * slope
        return Points(x, np.where(np.isfinite(mass), mass, 0.0))

    def points(self, theta: np.ndarray, frame: tuple[float, float], level: int = 0) -> Points:
        """p_θ as weighted points, by the trapezoidal rule in the chart's w; θ has shape (…, p).

        It converges geometrically for smooth densities, with heavy tails too. All θ share the nodes.
        """
        w = np.linspace(-_REACH, _REACH, 2 ** (9 + level) + 1)
        x, mass = self._mass(theta, frame, w)
        seen = (mass > _NEGLIGIBLE * mass.max()).reshape(-1, w.size).any(axis=0)
        return Points(x[seen], mass[..., seen] * (w[1] - w[0]))

    def distribution(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Increasing points x and the cdf of p_θ there, to about ten digits: two arrays of shape (N,)."""
        frame = self.frame(theta)
        w = np.linspace(-_REACH, _REACH, 2**10 + 1)
        seen = w[self._mass(theta, frame, w).weight > _NEGLIGIBLE]
        w = np.linspace(seen[0], seen[-1], 2**14 + 1)
        x, mass = self._mass(theta, frame, w)
        cumulative = cumulative_simpson(mass, x=w, initial=0)
        # Further out, 1 − F is rounding, which a heavy tail's reach would multiply.
        kept = slice(np.searchsorted(cumulative, _TAIL), np.searchsorted(cumulative, 1 - _TAIL))
        return x[kept], cumulative[kept]

    def first_moment(self, theta: np.ndarray) -> float:
        """E|x| under p_θ; infinite where the outer half of the chart still adds a tenth of it."""
        frame = self.frame(theta)
        x, weight = self.points(theta, frame, 2)
        low, high = self.chart(frame, np.array([-_REACH / 2, _REACH / 2]))[0]
        terms = np.abs(x) * weight
        return float(terms.sum()) if terms[(x < low) | (x > high)].sum() <= 0.1 * terms.sum() else math.inf
