"""Sampled: an interval that holds at finite N, at most J looks at N_0·4^j draws.

Options of a claim: `first`, the draws of the first look (default 16384).
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import math
from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from flint import arb

from theorycheck.engine import intervals
from theorycheck.engine.budget import FIRST_LOOK
from theorycheck.engine.decide._common import judge, margin_complaint, number, slack, withheld
from theorycheck.engine.question import Question
from theorycheck.engine.streams import generator
from theorycheck.formula import ball, interval
from theorycheck.theorem import Comparison, Law, Mean, Sample
from theorycheck.verdict import Finding, Status

RANDOM = True
OPTIONS = ("first",)
LARGEST_BLOCK = 8192
FEW = 4096  # up to here all draws are kept and the betting interval is used
QUANTILES = 511
GRID = 25


def decide(question: Question) -> Finding:
    """Look until the rule decides; refuse what heavy tails make hopeless."""
    return plan(question)()


def plan(question: Question) -> Callable[[], Finding]:
    """What sympy and ball arithmetic have to say, at once; the looks, later and on any thread."""
    comparison = question.single()
    statistic, sign, other = _sides(comparison)
    margin = question.claim.margin
    if margin is None:
        raise ValueError(f"{question.claim.id}: a sampled claim needs a margin")
    draws = question.shared.setdefault(statistic, _Draws(question, statistic, len(question.shared)))
    certificate, target, refusal = None, margin / 2, None
    if question.rival is not None:
        effect, certificate = _effect(question)
        target = effect / 2
        if not effect > 0:
            refusal = "no certificate that the rival is false here"
    scale = _scale(comparison, other)
    refusal = refusal or _refusal(statistic, draws, target * scale)
    if refusal:
        return lambda: Finding(Status.UNDECIDED, question.scope, reason=refusal)
    if isinstance(statistic, Law):
        if comparison.relation != "=":
            raise ValueError("a law is compared with equals(law(...), distribution) only")
        # A law is compared through its distance from `other`, which is at least 0 and claimed to be 0.
        look = functools.partial(_look, question, draws, other, "<=", 1, 0.0, 1.0, certificate)
    else:
        relation = comparison.relation
        look = functools.partial(
            _look, question, draws, None, relation, sign, number(other), scale, certificate
        )
    if question.variant is not None:
        return look
    complaint = margin_complaint(margin, ((str(r.variant), _effect(r)[0]) for r in question.rivals()))
    return lambda: withheld(look(), complaint)


def _look(
    question: Question,
    draws: _Draws,
    law: Any,
    relation: str,
    sign: int,
    origin: float,
    scale: float,
    certificate: str | None,
) -> Finding:
    """Look at more and more draws until the interval of sign·(statistic − origin)/scale decides."""
    margin = question.claim.margin or 0.0
    for look in range(question.context.budget.looks):
        lo, hi = draws.interval(look, law)
        ends = (sign * (lo - origin) / scale, sign * (hi - origin) / scale)
        gap = (min(ends), max(ends))
        status = judge(relation, gap, margin)
        if status:
            break
    middle = (lo + hi) / 2
    sides = (middle, origin) if sign > 0 else (origin, middle)
    inequality = law is None and relation != "="
    return Finding(
        status or Status.UNDECIDED,
        question.scope,
        interval=gap,
        slack=slack(relation, *sides) if inequality else None,
        witness=question.scope if inequality else None,
        certificate=certificate,
        samples=draws.count(look),
        reason=None if status else "the last look leaves the interval across the margin",
    )


def _sides(comparison: Comparison) -> tuple[Sample, int, Any]:
    """The sampled side, its sign in the gap, and the other side."""
    for side, sign, other in (
        (comparison.left, 1, comparison.right),
        (comparison.right, -1, comparison.left),
    ):
        if isinstance(side, Sample):
            return side, sign, other
    raise ValueError("a sampled claim compares a mean or a law with something")


def _scale(comparison: Comparison, other: Any) -> float:
    if comparison.scale is not None:
        return abs(number(comparison.scale))
    if hasattr(other, "ppf"):
        return 1.0
    return abs(number(other)) or 1.0


def _effect(question: Question) -> tuple[float, str | None]:
    """By how much a rival is false here, from below, and the certificate; (−inf, None): unknown."""
    if question.rival is None:
        return math.inf, None
    if question.rival.certificate is not None:
        accepted = inspect.signature(question.rival.certificate).parameters
        arguments = {k: v for k, v in question.bound().items() if k in accepted}
        effect = ball(question.rival.certificate(**arguments))
        return interval(effect)[0], f"false by {_shown(effect)} (ball arithmetic)"
    claim, rival = question.original().single(), question.single()
    if claim.relation != "=" or isinstance(claim.left, Law) or claim.left != rival.left:
        return -math.inf, None
    scale = ball(rival.right if rival.scale is None else rival.scale)
    effect = abs((ball(claim.right) - ball(rival.right)) / scale)
    return interval(effect)[0], f"differs from the claim by {_shown(effect)} (ball arithmetic)"


def _shown(effect: arb) -> str:
    return "[{:.6g}, {:.6g}]".format(*interval(effect))


def _refusal(statistic: Sample, draws: _Draws, target: float) -> str | None:
    """Why no affordable number of draws can decide, if none can."""
    if isinstance(statistic, Law):
        return None
    assert isinstance(statistic, Mean)
    if statistic.bounds is not None:
        if not statistic.bounds[0] < statistic.bounds[1]:
            raise ValueError(f"bounds must be (lo, hi) with lo < hi, got {statistic.bounds}")
        return None
    if statistic.variance is not None and statistic.variance < 0:
        raise ValueError(f"variance must be at least 0, got {statistic.variance}")
    if statistic.variance is None or not math.isfinite(statistic.variance):
        return (
            "plain Monte Carlo refused: neither bounds nor a finite variance are known, so no interval holds"
        )
    logarithm = math.log(2 / draws.level)
    needed = 2 * logarithm * (1 + statistic.variance / target**2)
    last = draws.question.context.budget.looks - 1
    if needed > draws.count(last):
        return (
            f"plain Monte Carlo refused: heavy tails; with variance {statistic.variance:.3g} an interval of "
            f"half-width {target:.3g} takes {needed:.2g} draws, and the last look has {draws.count(last):.2g}"
        )
    return None


class _Draws:
    """The draws of one statistic, summarised look by look in constant memory."""

    def __init__(self, question: Question, statistic: Sample, number: int) -> None:
        self.question = question
        self.name = f"{question.place} statistic {number}"
        self.statistic = statistic
        first = question.options.get("first", FIRST_LOOK)
        if not isinstance(first, int) or first < 8:
            raise ValueError(f"first must be an integer of at least 8, got {first!r}")
        self.block = min(LARGEST_BLOCK, first // 4)
        self.first = first // self.block * self.block
        self.level = question.context.budget.level
        self._moments: dict[int, intervals.Moments] = {}
        self._found: dict[Any, tuple[float, float]] = {}

    def count(self, look: int) -> int:
        return self.first * 4**look

    def interval(self, look: int, other: Any) -> tuple[float, float]:
        key = (look, other)
        if key not in self._found:
            self._found[key] = self._interval(look, other)
        return self._found[key]

    def _interval(self, look: int, other: Any) -> tuple[float, float]:
        count = self.count(look)
        blocks = range(count // self.block)
        if isinstance(self.statistic, Law):
            edges = other.ppf(np.arange(1, QUANTILES + 1) / (QUANTILES + 1))
            name = f"counts below {hashlib.blake2b(edges.tobytes(), digest_size=8).hexdigest()}"
            below = sum(self._map(functools.partial(_counts, edges), blocks, name))
            return intervals.kolmogorov_distance(below, other.cdf(edges), count, self.level)
        assert isinstance(self.statistic, Mean)
        bounds = self.statistic.bounds
        if bounds is not None and count <= FEW:
            values = np.concatenate(list(self._map(np.asarray, blocks, "draws")))
            return intervals.hedged_betting(values, bounds, self.level)
        if bounds is not None:
            return intervals.empirical_bernstein(self._moments_to(look), bounds, self.level)
        return self._catoni(look)

    def _blocks(self, look: int) -> range:
        """The blocks that a look adds to the one before; block 0 alone, look −1, is the first pilot."""
        if look < 0:
            return range(1)
        before = 1 if look == 0 else self.count(look - 1) // self.block
        return range(before, self.count(look) // self.block)

    def _moments_to(self, look: int) -> intervals.Moments:
        if look not in self._moments:
            before = intervals.Moments() if look < 0 else self._moments_to(look - 1)
            self._moments[look] = before.merge(self._merge(self._blocks(look)))
        return self._moments[look]

    def _merge(self, blocks: range) -> intervals.Moments:
        rows = self._map(_moments, blocks, "moments")
        return functools.reduce(
            intervals.Moments.merge, (intervals.Moments(*row) for row in rows), intervals.Moments()
        )

    def _catoni(self, look: int) -> tuple[float, float]:
        """From the draws that this look adds; those before are the pilot that places the grid."""
        assert isinstance(self.statistic, Mean)
        assert self.statistic.variance is not None
        pilot = self._moments_to(look - 1)
        blocks = self._blocks(look)
        error = math.sqrt(pilot.variance / pilot.count)
        estimator = intervals.Catoni(
            self.statistic.variance,
            len(blocks) * self.block,
            self.level,
            pilot.mean + error * np.linspace(-5, 5, GRID),
        )
        sums, moments = np.zeros(GRID), pilot
        for row in self._map(functools.partial(_influences, estimator), blocks, f"influences, look {look}"):
            sums += row[:GRID]
            moments = moments.merge(intervals.Moments(*row[GRID:]))
        self._moments[look] = moments
        return estimator.interval(sums)

    def _map(self, summary: Callable[[np.ndarray], np.ndarray], blocks: range, name: str) -> Any:
        block = _Block(self.question.context.seed, self.question.names, self.statistic, self.block, summary)
        return self.question.context.executor.map(block, blocks, f"{self.name}: {name}")


@dataclass(frozen=True)
class _Block:
    """Draws one block and summarises it: all that is needed for it, so that any process can."""

    seed: int
    names: tuple[str, str, str]
    statistic: Sample
    size: int
    summary: Callable[[np.ndarray], np.ndarray]

    def __call__(self, block: int) -> np.ndarray:
        rng = generator(self.seed, self.names, block)
        values = np.asarray(self.statistic.draw(rng, self.size, *self.statistic.arguments), float)
        if values.shape != (self.size,) or not np.isfinite(values).all():
            raise ValueError(f"a draw must give {self.size} finite numbers")
        bounds = self.statistic.bounds if isinstance(self.statistic, Mean) else None
        if bounds and not (bounds[0] <= values.min() and values.max() <= bounds[1]):
            raise ValueError(f"a draw left its bounds {bounds}: [{values.min():g}, {values.max():g}]")
        return self.summary(values)


def _counts(edges: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.sort(values), edges, side="right").astype(float)


def _moments(values: np.ndarray) -> np.ndarray:
    return np.array(astuple(intervals.Moments.of(values)), float)


def _influences(estimator: intervals.Catoni, values: np.ndarray) -> np.ndarray:
    return np.concatenate([estimator.sums(values), _moments(values)])
