"""For all: hypothesis draws instances from the declared assumptions and looks for a counterexample.

Arguments that neither the instance nor an override fixes are drawn from the assumptions' domains, or from
the option `given` (names to domains). First of all the claim is put to the points where its rivals are false:
a constant that is a little wrong fails there, and hardly at a random point. Comparisons are settled exactly,
so a counterexample is confirmed as it is found; it is shrunk and shown. Option `examples`: how many draws
(default 100, ten times as many in the full profile).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from theorycheck.domains import Domain
from theorycheck.engine.decide._common import Settled, comparisons, settle
from theorycheck.engine.question import Question
from theorycheck.engine.streams import words
from theorycheck.formula import interval
from theorycheck.verdict import Finding, Status

STAYS = True  # hypothesis also tries the constants that it finds in imported modules
OPTIONS = ("examples", "given")
EXAMPLES = 100


class _Counterexample(Exception):
    pass


def decide(question: Question) -> Finding:
    """SUPPORTED if nothing was found, REFUTED with the shrunk counterexample."""
    domains = question.free()
    if not domains:
        return _single(question)
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded

    examples = question.options.get("examples", EXAMPLES) * (10 if question.context.profile == "full" else 1)
    found: dict[str, Any] = {
        "tried": 0,
        "settled": 0,
        "slack": None,
        "witness": None,
        "last": None,
        "undecided": None,
    }

    @seeded(words(str(question.context.seed), *question.names, question.variant or "")[0])
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(**{name: domain.strategy() for name, domain in domains.items()})
    def search(**drawn: Any) -> None:
        found["tried"] += 1
        for settled in _settle_all(question, drawn):
            found["settled"] += 1
            if settled.holds is False:
                found["last"] = (settled, _show(drawn))
                raise _Counterexample
            if settled.holds is None:
                found["undecided"] = _show(drawn)
            if settled.slack is not None and (found["slack"] is None or settled.slack < found["slack"]):
                found["slack"], found["witness"] = settled.slack, _show(drawn)

    scope = f"{examples} random instances: " + ", ".join(
        str(domain) if str(domain).startswith(name) else f"{name} {domain}"
        for name, domain in domains.items()
    )
    for drawn in _points_of_rivals(question, domains):
        failed = next((s for s in _settle_all(question, drawn) if s.holds is False), None)
        if failed:
            return _refuted(failed, _show(drawn), scope)
    try:
        search()
    except _Counterexample:
        settled, where = found["last"]
        return _refuted(settled, where, scope)
    if not found["settled"]:
        return Finding(Status.UNDECIDED, scope, reason="there was nothing to decide")
    if found["undecided"]:
        return Finding(
            Status.UNDECIDED,
            scope,
            witness=found["undecided"],
            reason="ball arithmetic cannot separate the two sides",
        )
    return Finding(
        Status.SUPPORTED,
        (question.claim.scope and f"{question.claim.scope} ({scope})") or scope,
        slack=found["slack"],
        witness=found["witness"],
        certificate="no counterexample",
        samples=found["tried"],
    )


def _points_of_rivals(question: Question, domains: Mapping[str, Domain]) -> Iterator[dict[str, Any]]:
    """The points of the claim's domains at which its rivals are told to be false."""
    for rival in question.rivals() if question.variant is None else ():
        point = {name: value for name, value in rival.overrides.items() if name in domains}
        if point.keys() == domains.keys() and all(domains[name].contains(x) for name, x in point.items()):
            yield point


def _single(question: Question) -> Finding:
    """All arguments are fixed: there is one case, and it is settled exactly."""
    where = _show({**question.parameters, **question.overrides})
    settled = [*_settle_all(question, {})]
    for one in settled:
        if one.holds is False:
            return _refuted(one, where, question.scope)
        if one.holds is None:
            return Finding(Status.UNDECIDED, question.scope, witness=where, certificate=one.how)
    if not settled:
        return Finding(Status.UNDECIDED, question.scope, reason="there was nothing to decide")
    return Finding(Status.PROVED, question.scope, interval(settled[-1].gap), certificate=settled[-1].how)


def _settle_all(question: Question, drawn: dict[str, Any]) -> list[Settled]:
    return [settle(comparison) for comparison in comparisons(question.build(**drawn))]


def _refuted(settled: Settled, where: str, scope: str) -> Finding:
    return Finding(
        Status.REFUTED,
        scope,
        interval(settled.gap),
        witness=where,
        certificate=f"counterexample by {settled.how}",
    )


def _show(drawn: dict[str, Any]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in drawn.items() if not callable(value))
