"""What was found: statuses, findings, and the result of a run."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

SCHEMA = 1


class Status(StrEnum):
    """The outcome of one statement at one instance, from best to worst for a claim."""

    PROVED = "PROVED"
    SUPPORTED = "SUPPORTED"
    OBSERVED = "OBSERVED"
    UNDECIDED = "UNDECIDED"
    REFUTED = "REFUTED"

    @property
    def passes(self) -> bool:
        """Whether a claim with this status holds."""
        return self in (Status.PROVED, Status.SUPPORTED)


_ORDER = list(Status)


@dataclass(frozen=True)
class Finding:
    """What a way of deciding says of one statement at one instance.

    `interval` encloses the gap left − right in units of the comparison's scale; `slack` is bound/value for
    an inequality (1 is sharp) and `witness` where it is attained.
    """

    status: Status
    scope: str = ""
    interval: tuple[float, float] | None = None
    slack: float | None = None
    witness: str | None = None
    certificate: str | None = None
    samples: int | None = None
    reason: str | None = None


@dataclass(frozen=True)
class VariantResult:
    """A rival or a dropped assumption at an instance; `id` is the rival's or the assumption's name."""

    id: str
    finding: Finding

    @property
    def refuted(self) -> bool:
        return self.finding.status is Status.REFUTED


@dataclass(frozen=True)
class InstanceResult:
    """A claim at one instance, with its rivals and its dropped assumptions."""

    id: str
    parameters: Mapping[str, Any]
    finding: Finding
    margin: float | None
    seconds: float
    rivals: tuple[VariantResult, ...] = ()
    without: tuple[VariantResult, ...] = ()

    @property
    def passed(self) -> bool:
        """The claim holds here and every variant is refuted; what is OBSERVED is told, not judged."""
        return self.finding.status is Status.OBSERVED or (
            self.finding.status.passes and all(v.refuted for v in self.rivals + self.without)
        )

    def complaints(self) -> list[str]:
        """One line for each thing that keeps the instance from passing."""
        lines: list[str] = []
        if self.finding.status is Status.OBSERVED:
            return lines
        if not self.finding.status.passes:
            lines.append(f"{self.finding.status}: {explain(self.finding)}")
        for kind, variants in (("rival", self.rivals), ("without", self.without)):
            for v in variants:
                if not v.refuted:
                    lines.append(f"{kind} “{v.id}” is {v.finding.status}, not REFUTED: {explain(v.finding)}")
        return lines

    def to_dict(self) -> dict[str, Any]:
        f = self.finding
        return {
            "id": self.id,
            "parameters": {name: _plain(value) for name, value in self.parameters.items()},
            "status": f.status.value,
            "scope": f.scope,
            "interval": _finite(f.interval),
            "margin": self.margin,
            "slack": f.slack,
            "witness": f.witness,
            "certificate": f.certificate,
            "samples": f.samples,
            "seconds": round(self.seconds, 4),
            "reason": f.reason,
            "rivals": [_rival(v) for v in self.rivals],
            "without": [{"assumption": v.id, "status": v.finding.status.value} for v in self.without],
        }


def _rival(variant: VariantResult) -> dict[str, Any]:
    f = variant.finding
    told = {"id": variant.id, "status": f.status.value, "interval": _finite(f.interval)}
    return told if f.certificate is None else told | {"certificate": f.certificate}


def explain(finding: Finding) -> str:
    """The reason, witness and interval of a finding in one line."""
    parts = [finding.reason]
    if finding.witness:
        parts.append(f"at {finding.witness}")
    if finding.interval:
        parts.append("gap in [{:.4g}, {:.4g}]".format(*finding.interval))
    if finding.certificate:
        parts.append(finding.certificate)
    return "; ".join(p for p in parts if p) or "no further detail"


def _plain(value: Any) -> int | float | str:
    # JSON has no infinity and no tuples that come back: what is not a finite number is told in words.
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value)


def _finite(interval: tuple[float, float] | None) -> list[float | None] | None:
    # JSON has no infinity: an end that is not known is null.
    if interval is None:
        return None
    return [x if math.isfinite(x) else None for x in interval]


@dataclass(frozen=True)
class ClaimResult:
    """A claim over its instances; its status is its worst instance's."""

    id: str
    statement: str
    method: str
    instances: tuple[InstanceResult, ...]

    @property
    def worst(self) -> InstanceResult:
        return max(self.instances, key=lambda i: (not i.passed, _ORDER.index(i.finding.status)))

    @property
    def status(self) -> Status:
        return max((i.finding.status for i in self.instances), key=_ORDER.index)

    @property
    def passed(self) -> bool:
        return all(i.passed for i in self.instances)

    @property
    def tightest(self) -> InstanceResult | None:
        """The instance with the smallest slack, if the claim is an inequality."""
        known = [i for i in self.instances if i.finding.slack is not None]
        return min(known, key=lambda i: i.finding.slack or 0.0) if known else None

    @property
    def seconds(self) -> float:
        return sum(i.seconds for i in self.instances)

    def variants(self) -> tuple[int, int]:
        """How many rivals and dropped assumptions were refuted, and how many there are to refute."""
        judged = [i for i in self.instances if i.finding.status is not Status.OBSERVED]
        found = [v.refuted for i in judged for v in i.rivals + i.without]
        return sum(found), len(found)

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "statement": self.statement,
            "status": self.status.value,
            "method": self.method,
            "instances": [i.to_dict() for i in self.instances],
        }


@dataclass(frozen=True)
class TheoremResult:
    """A theorem with the results of its claims."""

    key: str
    title: str
    source: str
    statement: str
    assumptions: tuple[tuple[str, str], ...]
    claims: tuple[ClaimResult, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "title": self.title,
            "source": self.source,
            "statement": self.statement,
            "assumptions": [{"id": i, "text": text} for i, text in self.assumptions],
            "claims": [c.to_dict() for c in self.claims],
        }


@dataclass(frozen=True)
class Run:
    """The result of a run: what was asked, what was found, and where it comes from."""

    seed: int
    alpha: float
    profile: str
    seconds: float
    provenance: Mapping[str, Any]
    theorems: tuple[TheoremResult, ...] = field(default=())

    def claims(self) -> Iterator[tuple[TheoremResult, ClaimResult]]:
        """All claims with their theorems, in catalogue order."""
        for theorem in self.theorems:
            for claim in theorem.claims:
                yield theorem, claim

    @property
    def passed(self) -> bool:
        """There is a claim, every one that is judged holds, and all its rivals and `without` are refuted."""
        results = [claim.passed for _, claim in self.claims()]
        return bool(results) and all(results)

    @property
    def summary(self) -> str:
        """One line that sums up."""
        claims = [claim for _, claim in self.claims()]
        counts = {status: sum(c.status is status for c in claims) for status in Status}
        told = ", ".join(f"{n} {status}" for status, n in counts.items() if n)
        refuted, variants = (sum(c.variants()[i] for c in claims) for i in (0, 1))
        instances = sum(len(c.instances) for c in claims)
        if not self.passed:
            verdict = f"{sum(not c.passed for c in claims)} claims do not pass"
        elif counts[Status.OBSERVED] == len(claims):
            verdict = "nothing is judged"
        else:
            verdict = "all claims hold"
        return (
            f"{verdict}: {len(claims)} claims, {instances} instances ({told}); {refuted}/{variants} rivals "
            f"and dropped assumptions refuted; α = {self.alpha:g}, seed {self.seed}, {self.seconds:.1f} s"
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "seed": self.seed,
            "alpha": self.alpha,
            "profile": self.profile,
            "seconds": round(self.seconds, 4),
            "provenance": dict(self.provenance),
            "theorems": [t.to_dict() for t in self.theorems],
        }

    def to_json(self) -> str:
        """The run as JSON text (schema in `theorycheck/data/run.schema.json`)."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def to_latex(self) -> str:
        """A booktabs table of the claims, for a paper."""
        from theorycheck.render import latex

        return latex(self)

    def to_html(self, figures: Any = None) -> str:
        """A self-contained page (extra `report`), with the figures of a folder; see `theorycheck.report`."""
        from theorycheck.report import page

        return page(self, figures)

    def __repr__(self) -> str:
        from theorycheck.render import plain

        return plain(self)
