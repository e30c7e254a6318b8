"""Symbolic: sympy shows that both sides are the same expression, or that an inequality holds everywhere.

An identity is also checked numerically to 50 digits at test points; an integral is evaluated there by
quadrature, since sympy's word on a definite integral is not taken alone. An inequality between rational
functions on [lo, ∞) is proved by shifting the variable to lo and finding all coefficients of one sign. A
refutation is confirmed by ball arithmetic at a test point.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import mpmath
import sympy as sp
from flint import arb

from theorycheck.domains import Integers
from theorycheck.engine.decide._common import comparisons, settle
from theorycheck.engine.question import Question
from theorycheck.formula import ball, interval, precision
from theorycheck.theorem import Comparison
from theorycheck.verdict import Finding, Status

DIGITS = 50
BITS = 320  # of the balls that check an integral
POSITIVE_POINTS = (
    sp.Rational(7, 3),
    sp.Rational(13, 5),
    sp.Rational(37, 10),
    sp.Rational(29, 7),
    sp.Rational(16, 3),
)
INTEGER_POINTS = (3, 4, 7, 6, 11)


def decide(question: Question) -> Finding:
    """PROVED with the certificate of the last step, or the first finding that is not."""
    finding = Finding(Status.UNDECIDED, question.scope, reason="there is nothing to decide")
    for comparison in comparisons(question.build()):
        finding = (
            _identity(question, comparison)
            if comparison.relation == "="
            else _inequality(question, comparison)
        )
        if finding.status is not Status.PROVED:
            break
    return finding


def _identity(question: Question, comparison: Comparison) -> Finding:
    left, right = sp.sympify(comparison.left), sp.sympify(comparison.right)
    closed = [side.doit() for side in (left, right)]
    points = _points(left.free_symbols | right.free_symbols)
    residuals = (_residual(left, right, point) for point in points)
    residual = next((r for r in residuals if r > mpmath.mpf(10) ** -DIGITS), None)
    if residual is not None:
        for point in points:
            found = settle(Comparison("=", *(side.subs(point) for side in closed)))
            if found.holds is False:
                return Finding(
                    Status.REFUTED,
                    question.scope,
                    interval=interval(found.gap),
                    witness=", ".join(f"{k} = {v}" for k, v in point.items()) or None,
                    certificate=found.how,
                )
        return Finding(
            Status.UNDECIDED, question.scope, reason=f"the sides differ by {mpmath.nstr(residual, 3)}"
        )
    if not _vanishes(
        closed[0] - closed[1], force=all(s.is_positive for s in left.free_symbols | right.free_symbols)
    ):
        return Finding(
            Status.UNDECIDED, question.scope, reason="equal to 50 digits, but sympy does not simplify it"
        )
    return Finding(
        Status.PROVED,
        question.scope,
        certificate=f"difference 0 (sympy); {DIGITS} digits agree at {len(points)} points",
    )


def _points(symbols: set[sp.Symbol], domains: Mapping[sp.Symbol, Any] | None = None) -> list[dict]:
    """Test points that respect what is known of the symbols: their assumptions, or the domains given."""
    ordered = sorted(symbols, key=lambda s: s.name)
    if not ordered:
        return [{}]
    return [
        {s: _point(s, shift + i, (domains or {}).get(s)) for i, s in enumerate(ordered)} for shift in range(4)
    ]


def _point(symbol: sp.Symbol, index: int, domain: Any) -> sp.Expr:
    whole = symbol.is_integer or isinstance(domain, Integers)
    values = INTEGER_POINTS if whole else POSITIVE_POINTS
    if domain is not None:
        value = sp.sympify(values[index % 5]) + sp.sympify(domain.least)
        member = int(value) if whole else Fraction(int(value.p), int(value.q))
        return value if domain.contains(member) else sp.sympify(domain.least)
    tried = (
        sign * sp.sympify(values[i % 5])
        for i in range(index, index + 5)
        for sign in ((1, -1) if i % 2 else (-1, 1))  # every other point is negative, if it may be
    )
    point = next((x for x in tried if _allowed(symbol, x)), None)
    if point is None:
        raise ValueError(f"{symbol} must allow some of the test points ±{values}, as its assumptions do not")
    return point


def _allowed(symbol: sp.Symbol, value: sp.Expr) -> bool:
    """Whether the value has what is assumed of the symbol: its sign, its parity."""
    return all(getattr(value, f"is_{fact}") in (truth, None) for fact, truth in symbol.assumptions0.items())


def _residual(left: sp.Expr, right: sp.Expr, point: dict) -> mpmath.mpf:
    with mpmath.workdps(DIGITS + 25):
        a, b = (_value(side.subs(point)) for side in (left, right))
        return abs(a - b) / max(abs(b), 1)


def _value(expression: sp.Expr) -> mpmath.mpf:
    """The expression to 75 digits; integrals by quadrature of their integrands, not by sympy."""
    integrals = expression.atoms(sp.Integral)
    known = {integral: _quadrature(integral) for integral in integrals}
    replaced = expression.xreplace({k: sp.Float(v, DIGITS + 25) for k, v in known.items()})
    return mpmath.mpf(sp.N(replaced, DIGITS + 25))


@functools.lru_cache(maxsize=256)  # a claim and its rivals share their integrals
def _quadrature(integral: sp.Integral) -> mpmath.mpf:
    (symbol, low, high), *others = integral.limits
    if others:
        raise NotImplementedError("only integrals over one variable are checked numerically")
    if (low, high) != (0, sp.oo):
        return mpmath.quad(sp.lambdify(symbol, integral.function, modules="mpmath"), [low, high])
    with precision(BITS):
        coarse, fine = (_half_line(integral.function, symbol, nodes) for nodes in (14, 20))
        if abs(coarse - fine) > abs(fine).max(arb(1)) * arb(10) ** -DIGITS:
            raise ArithmeticError(f"the quadrature of {integral} does not converge")
        return mpmath.mpf(fine.mid().str(DIGITS + 25, radius=False))


def _half_line(integrand: sp.Expr, symbol: sp.Symbol, nodes: int) -> arb:
    """∫_0^∞ by the trapezoidal rule in log x, step 1/nodes: geometric convergence for analytic integrands."""
    total, negligible = arb(0), arb(10) ** -(DIGITS + 15)
    for direction, start in ((1, 0), (-1, 1)):
        small, k = 0, start
        while small < 8:
            x = (arb(direction * k) / nodes).exp()
            term = ball(integrand, {symbol: x}, BITS) * x
            total += term
            small = small + 1 if abs(term) <= abs(total) * negligible else 0
            k += 1
            if k > 500 * nodes:
                raise ArithmeticError(f"∫ {integrand} d{symbol} over (0, ∞) does not converge")
    return total / nodes


def _vanishes(difference: sp.Expr, force: bool) -> bool:
    """Whether sympy simplifies it to 0; `force` lets it treat every symbol as positive."""
    steps: tuple[Callable, ...] = (
        sp.simplify,
        sp.gammasimp,
        sp.expand_func,
        lambda e: sp.powsimp(sp.expand(sp.powdenest(e, force=force)), force=force),
        sp.factor,
        lambda e: sp.simplify(sp.expand_log(sp.expand_func(e), force=force)),
    )
    for step in steps:
        difference = step(difference)
        if difference == 0:
            return True
    return False


def _inequality(question: Question, comparison: Comparison) -> Finding:
    """right − left ≥ 0 (> 0) on a product of half-lines, by the signs of its shifted coefficients."""
    shifts: dict[sp.Symbol, sp.Expr] = {}
    domain: Any
    for symbol, domain in comparison.over.items():
        shifts[symbol] = sp.sympify(domain.least) + sp.Dummy(symbol.name, nonnegative=True)
    difference = sp.together(sp.sympify(comparison.right) - sp.sympify(comparison.left))
    loose = [s for s in difference.free_symbols if s not in shifts and not s.is_nonnegative]
    if loose:
        return Finding(
            Status.UNDECIDED, question.scope, reason=f"nothing says over which {loose[0]} it is claimed"
        )
    numerator, denominator = (sp.expand(part.subs(shifts)) for part in sp.fraction(difference))
    signs, reason = [], "the coefficients have mixed signs"
    for part in (numerator, denominator):
        variables = sorted(part.free_symbols, key=str)
        try:
            coefficients = sp.Poly(part, *variables).coeffs() if variables else [part]
        except sp.PolynomialError:
            coefficients, reason = [sp.nan], "the sides are no rational functions"
        constant = part.subs(dict.fromkeys(variables, 0))
        nonnegative = all(c.is_nonnegative for c in coefficients)
        nonpositive = all(c.is_nonpositive for c in coefficients)
        strict = constant.is_nonzero
        signs.append((1 if nonnegative else -1 if nonpositive else 0, bool(strict)))
    (top, strict_top), (bottom, strict_bottom) = signs
    if top * bottom > 0 and strict_bottom and (strict_top or comparison.relation == "<="):
        return Finding(
            Status.PROVED,
            question.scope,
            certificate=f"one sign (sympy): all coefficients of {numerator} and of {denominator}",
        )
    for point in _points(difference.free_symbols, comparison.over):
        sides = [sp.sympify(side).subs(point) for side in (comparison.left, comparison.right)]
        found = settle(Comparison(comparison.relation, *sides))
        if found.holds is False:
            return Finding(
                Status.REFUTED,
                question.scope,
                interval(found.gap),
                witness=str(point),
                certificate=found.how,
            )
    return Finding(Status.UNDECIDED, question.scope, reason=reason)
