"""The whole scheme: how often it errs, what it has the power to refute, and what it refuses to say."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats
from theories import bernoulli, decide, decide_all, tiny

from theorycheck import Rival, at_least, at_most, equals, law, mean
from theorycheck.engine import budget, intervals, suite
from theorycheck.engine.catalogue import catalogue
from theorycheck.engine.decide import sampled
from theorycheck.verdict import Status

ALPHA = 0.2
MARGIN = 0.3
JUST_BEYOND = 1 + 1.001 * MARGIN  # a gap that the margin does not cover


def pareto(rng, size):
    """Mean 2/5 and variance 28/75, with an infinite fourth moment."""
    return rng.pareto(3.5, size)


def spike(rng, size):
    """Beta(1/10, 1): mean 1/11, most draws next to 0."""
    return rng.random(size) ** 10


def waiting(rng, size):
    """The exponential law."""
    return rng.exponential(size=size)


COIN = mean(bernoulli(0.02), bounds=(0, 1))
RARE = mean(bernoulli(0.0005), bounds=(0, 1))
PARETO = mean(pareto, variance=28 / 75)
SPIKE = mean(spike, bounds=(0, 1))
# The exponential laws with means 1 and `FAR` are a little more than the margin apart.
DISTANCE, FAR = 0.03, 1.086
WRONG = {Status.SUPPORTED}
RIGHT = {Status.REFUTED}

# (comparison with the value c, true c, margin, verdicts that would be false)
STATEMENTS = [
    (lambda c: equals(COIN, c), Fraction(1, 50), MARGIN, RIGHT),
    (lambda c: at_most(COIN, c), Fraction(1, 50), MARGIN, RIGHT),
    (lambda c: equals(RARE, c), Fraction(1, 2000), MARGIN, RIGHT),
    (lambda c: equals(COIN, c), 0.02 / JUST_BEYOND, MARGIN, WRONG),
    (lambda c: at_most(COIN, c), 0.02 / JUST_BEYOND, MARGIN, WRONG),
    (lambda c: at_least(SPIKE, c), Fraction(1, 11), MARGIN, RIGHT),
    (lambda c: equals(SPIKE, c), 1 / (11 * JUST_BEYOND), MARGIN, WRONG),
    (lambda c: equals(PARETO, c), Fraction(2, 5), MARGIN, RIGHT),
    (lambda c: at_most(PARETO, c), 0.4 / JUST_BEYOND, MARGIN, WRONG),
    (lambda c: equals(law(waiting), stats.expon(scale=c)), 1, DISTANCE, RIGHT),
    (lambda c: equals(law(waiting), stats.expon(scale=c)), FAR, DISTANCE, WRONG),
]


def mini_suite():
    theorem = tiny()
    for i, (comparison, value, margin, _) in enumerate(STATEMENTS):

        def statement(c=value, comparison=comparison):
            return comparison(c)

        statement.__name__ = f"statement{i}"
        theorem.claim("sampled", margin=margin, first=1024)(statement)
    return theorem


@pytest.fixture
def false_verdicts(monkeypatch):
    """Decides that many suites: how many hold a false verdict, and all verdicts that occurred."""
    # So that both intervals for bounded draws take part.
    monkeypatch.setattr(sampled, "FEW", 1024)
    return _false_verdicts


def _false_verdicts(suites):
    theorem, wrong, seen = mini_suite(), 0, set()
    for seed in range(suites):
        found = [r.finding.status for r in decide_all(theorem, seed=seed, alpha=ALPHA, looks=3)]
        wrong += any(status in bad for status, (*_, bad) in zip(found, STATEMENTS, strict=True))
        seen |= set(found)
    return wrong, seen


def test_no_more_false_verdicts_than_the_budget_allows(false_verdicts):
    cross = math.log(FAR) * FAR / (FAR - 1)
    assert math.exp(-cross / FAR) - math.exp(-cross) > DISTANCE
    wrong, seen = false_verdicts(250)
    assert stats.binomtest(wrong, 250, ALPHA, alternative="greater").pvalue > 1e-4
    assert seen >= {Status.SUPPORTED, Status.REFUTED, Status.UNDECIDED}


def test_the_count_of_false_verdicts_would_notice_normal_intervals(false_verdicts, monkeypatch):
    def normal(moments, bounds, level):
        half = stats.norm.isf(level / 2) * math.sqrt(moments.variance / moments.count)
        return moments.mean - half, moments.mean + half

    monkeypatch.setattr(intervals, "empirical_bernstein", normal)
    monkeypatch.setattr(intervals, "hedged_betting", lambda x, *rest: normal(intervals.Moments.of(x), *rest))
    wrong, _ = false_verdicts(40)
    assert stats.binomtest(wrong, 40, ALPHA, alternative="greater").pvalue < 1e-4


# --- power --------------------------------------------------------------------------------------------------


def narrow(rng, size):
    """Uniform on [0.45, 0.55]."""
    return rng.uniform(0.45, 0.55, size)


@pytest.mark.parametrize(
    "known", [dict(bounds=(0.45, 0.55)), dict(variance=0.01 / 12)], ids=["bounds", "variance"]
)
@pytest.mark.parametrize(
    ("effect", "first", "enough"),
    [(0.05, 64, True), (0.01, 64, True), (0.001, 64, False), (0.001, 8192, True)],
)
def test_a_rival_is_refuted_once_the_draws_suffice(effect, first, enough, known):
    """One draw deviates by 5.8 % of the mean: 0.1 % takes about 10⁵ draws, and the margin four times that."""

    def claim(value=0.5):
        return equals(mean(narrow, **known), value)

    found = decide(
        "sampled", claim, margin=effect / 2.1, first=first,
        rivals={"above": dict(value=0.5 / (1 - effect)), "below": dict(value=0.5 / (1 + effect))},
    )  # fmt: skip
    assert found.finding.status is (Status.SUPPORTED if enough else Status.UNDECIDED)
    assert [v.finding.status for v in found.rivals] == 2 * [Status.REFUTED if enough else Status.UNDECIDED]
    assert all("ball arithmetic" in v.finding.certificate for v in found.rivals if enough)


# --- what a rival needs -------------------------------------------------------------------------------------


def half(shift=0, draw=narrow):
    return equals(mean(draw, bounds=(0, 1)), Fraction(1, 2) + shift)


@pytest.mark.parametrize(("margin", "passes"), [(0.0499, True), (0.0501, False)])
def test_the_margin_is_at_most_half_the_smallest_effect(margin, passes):
    rivals = {"far": dict(shift=Fraction(1, 2)), "near": dict(shift=Fraction(1, 18))}  # 1/2 and 1/10
    found = decide("sampled", half, margin=margin, first=1024, rivals=rivals)
    assert found.passed is passes
    if not passes:
        assert found.finding.status is Status.UNDECIDED
        assert "half the effect" in found.finding.reason
        assert "near" in found.finding.reason


def shifted(rng, size):
    """Uniform on [0.55, 0.65]."""
    return narrow(rng, size) + 0.1


@pytest.mark.parametrize(
    ("rival", "passes"),
    [
        (dict(draw=shifted), False),
        (Rival(dict(draw=shifted), lambda: Fraction(1, 5)), True),
        (Rival(dict(draw=shifted), lambda: Fraction(0)), False),
        (dict(shift=0), False),
    ],
    ids=["no certificate", "certificate", "a certificate of nothing", "the claim itself"],
)
def test_a_rival_counts_only_with_a_certificate(rival, passes):
    found = decide("sampled", half, margin=0.02, first=1024, rivals={"other": rival})
    assert found.rivals[0].refuted is passes
    assert found.passed is passes
    if not passes:
        assert found.rivals[0].finding.status is Status.UNDECIDED
        assert "certificate" in found.rivals[0].finding.reason


def test_a_certificate_hears_the_instance():
    heard = []

    def certificate(shift, draw):
        heard.append((shift, draw))
        return Fraction(1, 5)

    decide(
        "sampled", half, at=[dict(shift=0)], margin=0.02, rivals={"o": Rival(dict(draw=shifted), certificate)}
    )
    assert set(heard) == {(0, shifted)}


# --- one budget ---------------------------------------------------------------------------------------------


def test_the_count_of_decisions():
    theorem = tiny(
        "sampled", half, margin=0.01, at=[dict(shift=0), dict(shift=1)], full=[dict(shift=2)],
        rivals={"a": {}, "b": {}}, without={"c": {}},
    )  # fmt: skip
    theorem.claim("certified", at=[{}] * 5)(lambda: None)
    assert budget.count([theorem], "quick") == 2 * 4
    assert budget.count([theorem, theorem], "full") == 2 * 3 * 4


def test_a_file_adds_its_own_decisions_to_the_catalogue():
    theorem = tiny("sampled", half, margin=0.01)
    with suite.running() as alone, suite.running(files=[theorem]) as beside:
        assert alone.budget.decisions == budget.count(catalogue(), "quick") > 20
        assert beside.budget.decisions == alone.budget.decisions + 1
        assert beside.budget.level == 1e-3 / (beside.budget.decisions * 5)


TWO = """
from theorycheck import DERIVED, Theorem, equals, mean
theorem = Theorem("two", title="Two coins", source=DERIVED, statement="")

def toss(rng, size):
    return rng.integers(0, 2, size).astype(float)

@theorem.sampled(margin=0.02, rivals={"0.6": dict(share=0.6)})
def first(share=0.5):
    return equals(mean(toss, bounds=(0, 1)), share)

@theorem.sampled(margin=0.02, rivals={"0.6": dict(share=0.6)})
def second(share=0.5):
    return equals(mean(toss, bounds=(0, 1)), share)
"""


def test_asking_for_one_claim_changes_nothing(tmp_path):
    path = tmp_path / "two.py"
    path.write_text(TWO)
    (whole,) = suite.verify(str(path), workers=2).theorems
    (part,) = suite.verify(f"{path}::second", workers=1).theorems
    assert [c.id for c in part.claims] == ["second"]
    assert part.claims[0].instances[0].finding == whole.claims[1].instances[0].finding
    # Claims have streams of their own.
    assert whole.claims[0].instances[0].finding.interval != whole.claims[1].instances[0].finding.interval


def test_another_seed_draws_other_numbers():
    found = [decide("sampled", half, margin=0.02, first=1024, seed=seed).finding for seed in (1, 2, 1)]
    assert found[0] == found[2]
    assert found[0].interval != found[1].interval
    assert np.ptp([f.interval[0] for f in found]) < 0.02
