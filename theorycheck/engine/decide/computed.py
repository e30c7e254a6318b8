"""Computed: a deterministic recursion or quadrature, with a bound on its error.

The sides are numbers or arrays, at least one of them `Enclosed`; arrays are compared entry by entry and the
worst entry decides.
"""

from __future__ import annotations

import numpy as np

from theorycheck.engine.decide._common import judge, margin_complaint, slack, withheld
from theorycheck.engine.question import Question
from theorycheck.formula import ball
from theorycheck.theorem import Comparison, Enclosed
from theorycheck.verdict import Finding, Status


def decide(question: Question) -> Finding:
    """Judge the interval value ± error, against a margin of at most half the smallest rival's effect."""
    margin = question.claim.margin
    if margin is None:
        raise ValueError(f"{question.claim.id}: a computed claim needs a margin")
    comparison = question.single()
    lo, hi = _gaps(comparison)
    if not any(isinstance(side, Enclosed) for side in (comparison.left, comparison.right)):
        raise TypeError("a computed claim needs an error bound: wrap a side in Enclosed(value, error)")
    complaint = None
    if question.variant is None:
        complaint = margin_complaint(margin, ((str(r.variant), _effect(r)) for r in question.rivals()))
    gap = (float(lo.min() if comparison.relation == "=" else lo.max()), float(hi.max()))
    statuses = [judge(comparison.relation, (low, high), margin) for low, high in zip(lo, hi, strict=True)]
    if Status.REFUTED in statuses:
        status = Status.REFUTED
        entry = statuses.index(Status.REFUTED)
        gap = (float(lo[entry]), float(hi[entry]))
    else:
        status = Status.UNDECIDED if None in statuses else Status.SUPPORTED
        entry = int(np.argmax(hi))
    left, right = (np.broadcast_to(_value(side), lo.shape) for side in (comparison.left, comparison.right))
    ratios = [slack(comparison.relation, float(x), float(y)) for x, y in zip(left, right, strict=True)]
    known = [(ratio, i) for i, ratio in enumerate(ratios) if ratio is not None]
    if known and status is not Status.REFUTED:
        entry = min(known)[1]
    finding = Finding(
        status,
        question.scope,
        interval=gap,
        slack=min(known)[0] if known else None,
        witness=f"entry {entry} of {lo.size}" if lo.size > 1 else None,
        certificate=f"error bound {float(np.max((hi - lo) / 2)):.2g}",
        reason="the error bound is too wide to decide" if status is Status.UNDECIDED else None,
    )
    return withheld(finding, complaint)


def _effect(question: Question) -> float:
    """How far a rival's interval stays from what it claims, at its worst entry."""
    comparison = question.single()
    lo, hi = _gaps(comparison)
    return float(max(lo.max(), -hi.min()) if comparison.relation == "=" else lo.max())


def _gaps(comparison: Comparison) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the gap in units of the scale, entry by entry."""
    left, right = (_value(side) for side in (comparison.left, comparison.right))
    error = sum(
        np.asarray(s.error, float) for s in (comparison.left, comparison.right) if isinstance(s, Enclosed)
    )
    if np.any(np.less(error, 0)):
        raise ValueError(f"an error bound must be at least 0, got {np.min(error):g}")
    scale = np.abs(_value(comparison.scale if comparison.scale is not None else comparison.right))
    scale = np.where(scale == 0, 1.0, scale)
    gap, error = np.broadcast_arrays(np.atleast_1d((left - right) / scale), error / scale)
    if not np.isfinite(gap).all():
        raise ValueError("a computed claim met a number that is not finite")
    return gap - error, gap + error


def _value(side: object) -> np.ndarray:
    if isinstance(side, Enclosed):
        return np.asarray(side.value, float)
    return (
        np.asarray(side, float)
        if isinstance(side, (np.ndarray, float))
        else np.asarray(float(ball(side).mid()))
    )
