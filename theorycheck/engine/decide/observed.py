"""Observed: what trained models showed, seed by seed. Outside the error budget and the exit status.

The sides are numbers or arrays with one entry a seed, from results stored by `theorycheck retrain`. A seed
shows the claim if it holds there by more than the margin. The claim's rivals are its controls: what must not
show the same. Nothing is judged; the counts are told.
"""

from __future__ import annotations

import numpy as np

from theorycheck.engine.question import Question
from theorycheck.verdict import Finding, Status


def decide(question: Question) -> Finding:
    """OBSERVED, with the number of seeds that show the claim and the range of the gap over seeds.

    The smallest and the largest of s independent gaps enclose their law's median with probability
    1 − 2^{1−s} at least, whatever the law.
    """
    gaps, shown = _seeds(question)
    parts = [f"{shown}/{gaps.size} seeds"]
    if question.variant is None:
        controls = [_seeds(control) for control in question.rivals()]
        if controls:
            counts = (sum(shown for _, shown in controls), sum(gaps.size for gaps, _ in controls))
            parts.append("controls {}/{}".format(*counts))
    parts.append(f"median gap {np.median(gaps):+.3g}, in the interval with {1 - 2.0 ** (1 - gaps.size):.0%}")
    return Finding(
        Status.OBSERVED,
        question.scope,
        interval=(float(gaps.min()), float(gaps.max())),
        certificate=", ".join(parts),
        samples=gaps.size,
    )


def _seeds(question: Question) -> tuple[np.ndarray, int]:
    """left − right by seed, and in how many seeds left < right by more than the margin."""
    comparison = question.single()
    if comparison.relation == "=":
        raise ValueError("an observed claim compares by at_most or at_least: seeds show a direction")
    left, right = (np.asarray(side, float) for side in (comparison.left, comparison.right))
    gaps = np.atleast_1d(left - right)
    if gaps.ndim != 1 or not np.isfinite(gaps).all():
        raise ValueError("an observed claim needs one finite number a seed on each side")
    margin = question.claim.margin or 0.0
    return gaps, int(np.sum(gaps < -margin))
