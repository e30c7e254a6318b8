"""One formula, many arithmetics: sympy expressions lowered to ball arithmetic and to NumPy.

`ball` gives a rigorous enclosure (python-flint's `arb`), `numeric` a fast NumPy function. Fractions,
integers and floats (as the exact rationals that they are) are enclosed too.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from numbers import Integral
from typing import Any

import flint
import numpy as np
import sympy as sp
from flint import acb, arb, fmpq, fmpq_mat, fmpq_poly, fmpz
from scipy import special

# python-flint's working precision is one global setting.
_PRECISION = threading.RLock()


class expit(sp.Function):
    """1/(1 + e^{−x}); stays finite where e^{−x} overflows."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return self * (1 - self)


class softplus(sp.Function):
    """log(1 + e^x); stays finite where e^x overflows."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return expit(self.args[0])


_NUMERIC = {"expit": special.expit, "softplus": lambda x: np.logaddexp(0, x)}


def _digamma(order: arb, x: arb) -> arb:
    """ψ_m(x) = (−1)^{m+1} m! ζ(m+1, x); ψ itself for m = 0."""
    if order == 0:
        return x.digamma()
    sign = (order * arb.pi()).cos()
    return -sign * (order + 1).gamma() * (order + 1).zeta(x)


# fmt: off
_FUNCTIONS: dict[Any, Callable[..., arb]] = {
    sp.exp: arb.exp, sp.log: arb.log, sp.Abs: abs,
    sp.gamma: arb.gamma, sp.loggamma: arb.lgamma, sp.polygamma: _digamma,
    sp.lowergamma: lambda s, x: x.gamma_lower(s), sp.erf: arb.erf,
    sp.hyper: lambda a, b, z: z.hypgeom(a, b),
    expit: lambda x: 1 / (1 + (-x).exp()), softplus: lambda x: (1 + x.exp()).log(),
    sp.Max: lambda *xs: functools.reduce(arb.max, xs), sp.Min: lambda *xs: functools.reduce(arb.min, xs),
}
# fmt: on
_CONSTANTS = {sp.pi: arb.pi, sp.E: arb.const_e, sp.EulerGamma: arb.const_euler, sp.Catalan: arb.const_catalan}


@functools.lru_cache(maxsize=4096)
def _lower(expression: sp.Basic) -> Callable[[Mapping], Any]:
    """The expression as nested closures over a mapping from symbols to balls."""
    if expression.is_Symbol:
        return lambda values: values[expression]
    if isinstance(expression, (sp.Integer, sp.Rational)):
        numerator, denominator = int(expression.p), int(expression.q)
        if denominator == 1:
            return lambda values: arb(numerator)
        return lambda values: arb(fmpq(numerator, denominator))
    if expression in _CONSTANTS:
        constant = _CONSTANTS[expression]
        return lambda values: constant()
    if isinstance(expression, sp.Float):
        return _lower(sp.Rational(expression))
    parts = [_lower(part) for part in expression.args]
    if isinstance(expression, sp.Add):
        return lambda values: sum((part(values) for part in parts[1:]), parts[0](values))
    if isinstance(expression, sp.Mul):
        return lambda values: math.prod((part(values) for part in parts[1:]), start=parts[0](values))
    if isinstance(expression, sp.Pow):
        base, exponent = parts
        if expression.exp == sp.Rational(1, 2):
            return lambda values: base(values).sqrt()
        if expression.exp.is_Integer:
            power = int(expression.exp)
            return lambda values: base(values) ** power
        return lambda values: base(values) ** exponent(values)
    if isinstance(expression, sp.Tuple):
        return lambda values: [part(values) for part in parts]
    try:
        function = _FUNCTIONS[expression.func]
    except KeyError:
        raise NotImplementedError(f"no ball arithmetic for {expression.func.__name__}") from None
    return lambda values: function(*(part(values) for part in parts))


@contextlib.contextmanager
def precision(bits: int) -> Iterator[None]:
    """Ball arithmetic at this many bits, on this thread alone."""
    with _PRECISION:
        before, flint.ctx.prec = flint.ctx.prec, bits
        try:
            yield
        finally:
            flint.ctx.prec = before


def ball(quantity: Any, values: Mapping[sp.Symbol, Any] | None = None, bits: int = 128) -> arb:
    """A ball that contains `quantity` (sympy expression, exact number, float or ball).

    `values` gives numbers for the expression's symbols. Raises NotImplementedError for a function with no
    counterpart in ball arithmetic.
    """
    with precision(bits):
        if isinstance(quantity, sp.Basic):
            return _lower(quantity)(
                {symbol: ball(value, bits=bits) for symbol, value in (values or {}).items()}
            )
        if isinstance(quantity, (fmpq, fmpz, arb)):
            return arb(quantity)
        if isinstance(quantity, Integral):
            return arb(fmpz(int(quantity)))
        # Fractions, and floats of any kind and length, are ratios of integers.
        return arb(fmpq(*map(int, quantity.as_integer_ratio())))


def integral(integrand: Callable[[acb], Any], ends: Sequence[Any]) -> arb:
    """A ball that contains the integral from the last to the first of `ends`, piece by piece.

    `integrand` maps complex balls to complex balls and must be entire; the ends may be balls. Adaptive
    Gauss–Legendre quadrature with proven bounds (Petras 2002), as implemented in Arb (Johansson 2018).
    """
    pieces = (acb.integral(lambda x, _: integrand(x), low, high) for high, low in itertools.pairwise(ends))
    return sum((piece.real for piece in pieces), start=arb(0))


def interval(quantity: arb) -> tuple[float, float]:
    """The ball as floats [lo, hi], rounded outwards."""
    with _PRECISION:
        lo, hi = float(quantity.lower()), float(quantity.upper())
    return math.nextafter(lo, -math.inf), math.nextafter(hi, math.inf)


def numeric(expression: Any, *symbols: sp.Symbol) -> Callable[..., Any]:
    """The expression, or a list of them, as a NumPy function of its symbols, in that order."""
    return sp.lambdify(symbols, expression, modules=[_NUMERIC, "scipy", "numpy"], cse=True)


def power_integral(moments: Sequence[Fraction], exponent: Fraction) -> arb:
    """A ball that contains ∫x^s dμ, s = `exponent` > 0, from the moments μ_0, …, μ_2k of a law μ on x > 0.

    The derivatives of x^s of order 2k and 2k + 1 differ in sign; so of the Gauss rule with k nodes and the
    Gauss–Radau rule with one more at 0, one lies above the integral and one below. Both are exact but for the
    roots of a polynomial with rational coefficients. ValueError unless 2k > s and s is no integer.
    Source: Golub & Meurant, Matrices, Moments and Quadrature (2010), chapter 6.
    """
    if exponent <= 0 or exponent.denominator == 1 or not len(moments) % 2 or exponent >= len(moments) - 1:
        raise ValueError(f"exponent must be fractional and below 2k for 2k + 1 moments, got {exponent}")
    mu = [fmpq(x.numerator, x.denominator) for x in moments]
    power = fmpq(exponent.numerator, exponent.denominator)
    with precision(256):
        return _gauss(mu[:-1], power).union(_gauss(mu[1:], power - 1))


def _gauss(moments: Sequence[fmpq], power: fmpq) -> arb:
    """Σ w_i x_i^power for the Gauss rule with these moments μ_0, …, μ_{2k−1}."""
    nodes = range(len(moments) // 2)
    hankel = fmpq_mat([[moments[i + j] for j in nodes] for i in nodes])
    solution = hankel.solve(fmpq_mat([[-moments[len(nodes) + i]] for i in nodes]))
    coefficients = [*(solution[i, 0] for i in nodes), fmpq(1)]
    orthogonal = fmpq_poly(coefficients)
    # Σ w_i (p(z) − p(x_i))/(z − x_i), which is w_i·p'(x_i) at the node x_i.
    second = fmpq_poly(
        [sum(c * moments[k - j] for k, c in enumerate(coefficients[j + 1 :], j)) for j in nodes]
    )
    slope = orthogonal.derivative()
    roots = [root.real for root, _ in orthogonal.numer().complex_roots()]  # type: ignore[misc, has-type]
    return sum((_at(second, x) / _at(slope, x) * x ** arb(power) for x in roots), start=arb(0))


def _at(polynomial: fmpq_poly, x: arb) -> arb:
    return functools.reduce(lambda value, c: value * x + arb(c), reversed(polynomial.coeffs()), arb(0))
