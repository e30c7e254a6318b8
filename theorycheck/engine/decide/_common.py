"""The rules that all ways of deciding share."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from numbers import Integral, Rational
from typing import Any, NamedTuple

import sympy as sp
from flint import arb, fmpq, fmpz

from theorycheck.formula import ball, interval
from theorycheck.theorem import Comparison, Enclosed
from theorycheck.verdict import Finding, Status

EXACT = (Integral, Rational, fmpq, fmpz, arb, sp.Basic)
PRECISIONS = (64, 128, 512, 2048)  # bits of ball arithmetic, tried in turn


def judge(relation: str, gap: tuple[float, float], margin: float) -> Status | None:
    """The verdict on `left relation right` from an interval for left − right; None if it does not decide.

    Refutation comes first, and support needs the interval within the margin.
    """
    lo, hi = gap
    if lo > 0 or (relation == "=" and hi < 0):
        return Status.REFUTED
    if relation == "=":
        return Status.SUPPORTED if -margin < lo and hi < margin else None
    return Status.SUPPORTED if hi <= margin else None


def margin_complaint(margin: float, effects: Iterable[tuple[str, float]]) -> str | None:
    """Why the margin is too wide: it may be at most half the smallest effect of a rival."""
    for name, effect in effects:
        if margin > effect / 2:
            return f"the margin {margin:g} is more than half the effect {effect:.3g} of the rival “{name}”"
    return None


def withheld(finding: Finding, complaint: str | None) -> Finding:
    """Support does not count where the margin is too wide; a refutation stands."""
    if complaint is None or finding.status is not Status.SUPPORTED:
        return finding
    return dataclasses.replace(finding, status=Status.UNDECIDED, reason=complaint)


def slack(relation: str, left: float, right: float) -> float | None:
    """bound/value for an inequality between positive numbers; 1 is sharp."""
    if relation == "=" or not (left > 0 and right > 0):
        return None
    ratio = right / left
    return ratio if math.isfinite(ratio) else None


def number(quantity: Any) -> float:
    """A side of a comparison as a float."""
    if isinstance(quantity, Enclosed):
        return float(quantity.value)
    return float(ball(quantity).mid())


class Settled(NamedTuple):
    """What exact or ball arithmetic says: does the comparison hold, by what gap, with what slack?"""

    holds: bool | None
    gap: arb
    slack: float | None
    how: str


def settle(comparison: Comparison, values: Mapping[sp.Symbol, Any] | None = None) -> Settled:
    """Decide a comparison by exact rationals where both sides are rational, else by ball arithmetic.

    Raises TypeError for floats, with an error bound or without: nothing is proved from them. A float that is
    itself the object of the claim is passed as a Fraction.
    """
    relation, left, right = comparison.relation, comparison.left, comparison.right
    for side in (left, right):
        if not isinstance(side, EXACT) or (isinstance(side, sp.Basic) and side.has(sp.Float)):
            raise TypeError(f"{side!r} proves nothing: floats do not; pass a Fraction or a sympy expression")
    exact = [_fraction(side) for side in (left, right)]
    if exact[0] is not None and exact[1] is not None:
        gap = exact[0] - exact[1]
        holds = gap == 0 if relation == "=" else gap <= 0 if relation == "<=" else gap < 0
        ratio = slack(relation, *map(_float, exact))
        return Settled(holds, ball(gap), ratio, f"exact rationals, gap {_short(gap)}")
    if isinstance(left, sp.Basic) and left == right and ball(left, values).is_finite():
        return Settled(relation != "<", ball(0), 1.0, "both sides are the same expression")
    for bits in PRECISIONS:
        sides = [ball(side, values, bits) for side in (left, right)]
        gap_ball = sides[0] - sides[1]
        lo, hi = interval(gap_ball)
        how = f"ball arithmetic at {bits} bits, gap in [{lo:.6g}, {hi:.6g}]"
        ratio = slack(relation, *(float(side.mid()) for side in sides))
        if gap_ball > 0 or (relation == "=" and gap_ball < 0):
            return Settled(False, gap_ball, ratio, how)
        if (gap_ball < 0 and relation != "=") or (gap_ball <= 0 and relation == "<="):
            return Settled(True, gap_ball, ratio, how)
    return Settled(None, gap_ball, ratio, how)


def _fraction(quantity: Any) -> Fraction | None:
    if isinstance(quantity, sp.Rational):
        return Fraction(int(quantity.p), int(quantity.q))
    return Fraction(quantity) if isinstance(quantity, Rational) else None


def _float(quantity: Fraction | None) -> float:
    try:
        return float(quantity or 0)
    except OverflowError:
        return math.inf


def _short(gap: Fraction) -> str:
    digits = gap.numerator.bit_length() + gap.denominator.bit_length()
    return str(gap) if digits < 120 else f"≈ {_float(gap):.6g}"


def comparisons(built: Comparison | Iterable[Comparison]) -> list[Comparison]:
    """What a claim's function returned, as a list: it may return several comparisons that must all hold."""
    found = [*built] if isinstance(built, Iterable) else [built]
    for one in found:
        if not isinstance(one, Comparison):
            raise TypeError(f"a claim returns a comparison or several, got {one!r}")
    return found
