"""How tight a theorem's inequalities are: one row a claim on a logarithmic axis from sharp to idle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from theorycheck.verdict import ClaimResult

DECADES = 3  # of bound/value that the axis shows
_INSET = 5.0  # per cent of the axis, at each end


class Row(NamedTuple):
    """A claim's dots: where each instance lies, in per cent of the axis; the tightest one and its number."""

    name: str
    anchor: str
    dots: list[float]
    tightest: float
    slack: float


class Strip(NamedTuple):
    """The rows from sharp to idle, and the axis: (place, bound/value)."""

    rows: list[Row]
    ticks: list[tuple[float, int]]


def place(slack: float) -> float:
    """Where bound/value = slack lies; what is beyond the axis lies at its end."""
    share = min(max(math.log10(slack) / DECADES, 0.0), 1.0)
    return round(_INSET + share * (100 - 2 * _INSET), 2)


def strip(claims: Sequence[tuple[str, str, ClaimResult]]) -> Strip | None:
    """The strip of named and anchored claims; None if none of them is an inequality of positive numbers."""
    rows = []
    for name, anchor, claim in claims:
        slacks = sorted(i.finding.slack for i in claim.instances if i.finding.slack is not None)
        if slacks and slacks[0] > 0:
            dots = sorted({place(slack) for slack in slacks})
            rows.append(Row(name, anchor, dots, place(slacks[0]), slacks[0]))
    ticks = [(place(10**decade), 10**decade) for decade in range(DECADES + 1)]
    return Strip(sorted(rows, key=lambda row: row.slack), ticks) if rows else None
