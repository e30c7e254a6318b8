"""What the page says of a run, in words and numbers that its template only has to place."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from theorycheck.report.mathml import formulas
from theorycheck.report.prose import evidence, parameters, scope, words
from theorycheck.report.strip import Strip, strip
from theorycheck.verdict import (
    ClaimResult,
    InstanceResult,
    Run,
    Status,
    TheoremResult,
    VariantResult,
)

METHODS = {
    "symbolic": "a symbolic identity",
    "certified": "exact rationals or ball arithmetic",
    "computed": "a computation with an error bound",
    "forall": "a search for counterexamples",
    "search": "a search for the worst case",
    "sampled": "simulation",
}


class Variant(NamedTuple):
    """A rival over all instances of a claim, told by the instance where it comes closest to the truth."""

    name: str
    refuted: int
    tried: int
    evidence: str


class ClaimView(NamedTuple):
    """A claim as the page tells it; `instances` are (name, result)."""

    anchor: str
    name: str
    result: ClaimResult
    method: str
    scope: str
    evidence: str
    complaints: list[str]
    rivals: list[Variant]
    instances: list[tuple[str, InstanceResult]]

    @property
    def more(self) -> int:
        """How many instances there are beside the worst."""
        return len(self.instances) - 1


class AssumptionView(NamedTuple):
    """An assumption, with the claims that were false without it and those that were not."""

    name: str
    text: str
    false_without: list[ClaimView]
    not_refuted: list[ClaimView]


class TheoremView(NamedTuple):
    """A theorem as the page tells it; `formulas` is None where the statement is no LaTeX."""

    anchor: str
    result: TheoremResult
    formulas: list | None
    assumptions: list[AssumptionView]
    claims: list[ClaimView]
    strip: Strip | None
    counts: str
    passed: bool
    command: str


def theorems(run: Run, catalogued: Sequence[str]) -> list[TheoremView]:
    """All theorems of a run; `catalogued` are the keys that the command line knows."""
    seen = set[str]()
    views = []
    for number, theorem in enumerate(run.theorems, 1):
        anchor = theorem.key
        if anchor in seen or not re.fullmatch(r"[a-z][a-z0-9-]*", anchor):
            anchor = f"theorem-{number}"
        seen.add(anchor)
        views.append(_theorem(run, theorem, anchor, catalogued))
    return views


def _theorem(run: Run, theorem: TheoremResult, anchor: str, catalogued: Sequence[str]) -> TheoremView:
    claims = [_claim(claim, f"{anchor}.{number}") for number, claim in enumerate(theorem.claims, 1)]
    return TheoremView(
        anchor,
        theorem,
        formulas(theorem.statement),
        [_assumption(name, text, claims) for name, text in theorem.assumptions],
        claims,
        strip([(c.name, c.anchor, c.result) for c in claims]),
        counted(theorem.claims),
        all(c.result.passed for c in claims),
        command(run, [theorem.key], catalogued),
    )


def counted(claims: Iterable[ClaimResult]) -> str:
    """ "3 PROVED, 2 SUPPORTED"."""
    counts = Counter(claim.status for claim in claims)
    return ", ".join(f"{counts[status]} {status}" for status in Status if counts[status])


def command(run: Run, decided: Sequence[str], catalogued: Sequence[str]) -> str:
    """What decides these keys of the run again."""
    targets = list(dict.fromkeys(key if key in catalogued else "FILE.py" for key in decided))
    parts = ["theorycheck verify", *([] if targets == list(catalogued) else targets)]
    parts.append(f"--seed {run.seed} --alpha {run.alpha:g}")
    if run.profile != "quick":
        parts.append(f"--profile {run.profile}")
    return " ".join(parts)


def _claim(claim: ClaimResult, anchor: str) -> ClaimView:
    worst = claim.worst
    return ClaimView(
        anchor,
        words(claim.id),
        claim,
        METHODS.get(claim.method, words(claim.method).lower()),
        scope(worst),
        evidence(worst.finding, worst.margin),
        [line for instance in claim.instances for line in instance.complaints()],
        list(_rivals(claim)),
        [(parameters(instance) or "as stated", instance) for instance in claim.instances],
    )


def _rivals(claim: ClaimResult) -> Iterator[Variant]:
    for name in dict.fromkeys(v.id for i in claim.instances for v in i.rivals):
        found = [(i, v) for i in claim.instances for v in i.rivals if v.id == name]
        instance, closest = min(found, key=lambda pair: (pair[1].refuted, distance(pair[1])))
        told = evidence(closest.finding, None)
        if len(found) > 1 and instance.id:
            told += f" (closest at {parameters(instance)})"
        yield Variant(name, sum(v.refuted for _, v in found), len(found), told)


def distance(variant: VariantResult) -> float:
    """How far from 0 its gap is known to be."""
    lo, hi = variant.finding.interval or (math.inf, math.inf)
    return max(lo, -hi, 0.0)


def _assumption(name: str, text: str, claims: list[ClaimView]) -> AssumptionView:
    dropped = {
        c.anchor: [v.refuted for i in c.result.instances for v in i.without if v.id == name] for c in claims
    }
    tried = [c for c in claims if dropped[c.anchor]]
    return AssumptionView(
        words(name),
        text,
        [c for c in tried if all(dropped[c.anchor])],
        [c for c in tried if not all(dropped[c.anchor])],
    )
