"""Certified: exact rationals or ball arithmetic, at every point of a finite range.

The function returns one comparison or several; `over` maps symbols to finite domains to run through.
"""

from __future__ import annotations

import itertools
from typing import Any

from theorycheck.engine.decide._common import comparisons, settle
from theorycheck.engine.question import Question
from theorycheck.formula import interval
from theorycheck.verdict import Finding, Status


def decide(question: Question) -> Finding:
    """PROVED if every case is certain, REFUTED at the first that certainly fails."""
    cases, worst, tightest = 0, None, None
    for comparison in comparisons(question.build()):
        points = list(itertools.product(*map(_members, comparison.over.values())))
        if not points:
            return Finding(Status.UNDECIDED, question.scope, reason="a range to run through is empty")
        for point in points:
            values = dict(zip(comparison.over, point, strict=True))
            where = ", ".join(f"{symbol} = {value}" for symbol, value in values.items()) or question.scope
            found = settle(comparison, values)
            cases += 1
            if not found.holds:
                return Finding(
                    Status.UNDECIDED if found.holds is None else Status.REFUTED,
                    question.scope,
                    interval=interval(found.gap),
                    witness=where,
                    certificate=found.how,
                    reason="ball arithmetic cannot separate the two sides" if found.holds is None else None,
                )
            if worst is None or float(found.gap.mid()) > float(worst.gap.mid()):
                worst = found
            if found.slack is not None and (tightest is None or found.slack < tightest[0]):
                tightest = (found.slack, where)
    if worst is None:
        return Finding(Status.UNDECIDED, question.scope, reason="there is no case to decide")
    return Finding(
        Status.PROVED,
        question.scope,
        interval=interval(worst.gap),
        slack=tightest[0] if tightest else None,
        witness=tightest[1] if tightest else None,
        certificate=f"{cases} cases; the worst by {worst.how}" if cases > 1 else worst.how,
    )


def _members(domain: Any) -> list:
    try:
        return list(domain)
    except TypeError:
        raise TypeError(f"a certified claim runs through finite domains, and {domain} is none") from None
