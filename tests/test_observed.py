"""OBSERVED: counts over seeds, outside the error budget and the exit status."""

import numpy as np
import pytest

from theorycheck import DERIVED, Theorem, at_least, at_most, equals, verify
from theorycheck.engine.suite import decide_instance, running
from theorycheck.verdict import Status

FILE = """
from theorycheck import DERIVED, Theorem, at_least

theorem = Theorem("seen", title="Seen", source=DERIVED, statement="")

@theorem.observed(margin=0.1, rivals={"control": dict(found=(1.0, 2.0))})
def rises(found=(-1.0, 0.0)):
    \"\"\"It rises; no seed shows it, and the control does.\"\"\"
    return at_least(found, (0.0, 0.0))
"""


def observed(values, control, *, margin=0.1, relation=at_least):
    theorem = Theorem("seen", title="Seen", source=DERIVED, statement="")

    @theorem.observed(margin=margin, rivals={"control": dict(found=control)})
    def rises(found=values):
        """It rises."""
        return relation(found, np.zeros(len(values)))

    with running() as context:
        return decide_instance(theorem, theorem.claims[0], {}, context)


def test_seeds_are_counted_and_nothing_is_judged():
    seen = observed(np.array([0.5, 0.05, 0.2]), np.array([-0.3, 0.0, 0.1]))
    finding = seen.finding
    assert finding.status is Status.OBSERVED
    # 0 − values: a gap below −margin shows the claim.
    assert finding.interval == (-0.5, -0.05)
    assert finding.samples == 3
    assert finding.certificate == "2/3 seeds, controls 0/3, median gap -0.2, in the interval with 75%"
    assert [v.finding.status for v in seen.rivals] == [Status.OBSERVED]
    assert seen.rivals[0].finding.certificate.startswith("0/3 seeds")
    assert seen.passed
    assert seen.complaints() == []


def test_a_claim_that_no_seed_shows_is_told_as_such():
    assert observed(np.array([-1.0, -2.0]), np.array([1.0, 1.0])).finding.certificate.startswith(
        "0/2 seeds, controls 2/2, median gap +1.5, in the interval with 50%"
    )
    falls = observed(np.array([-1.0, -2.0]), np.array([1.0, 1.0]), relation=at_most)
    assert falls.finding.certificate.startswith("2/2 seeds, controls 0/2")


@pytest.mark.parametrize(
    ("values", "relation", "complaint"),
    [
        (np.array([1.0, np.nan]), at_least, "one finite number a seed"),
        (np.ones((2, 2)), at_least, "one finite number a seed"),
        (np.ones(2), equals, "by at_most or at_least"),
    ],
)
def test_what_is_not_a_number_a_seed_is_refused(values, relation, complaint):
    with pytest.raises(ValueError, match=complaint):
        observed(values, np.ones(2), relation=relation)


def test_the_interval_of_the_extremes_holds_the_median():
    """1 − 2^{1−s} by counting: the extremes miss it only if all lie on one side."""
    draws = np.random.default_rng(0).exponential(size=(40_000, 3))
    held = (draws.min(axis=1) < np.log(2)) & (np.log(2) < draws.max(axis=1))
    assert abs(held.mean() - 0.75) < 0.01


def test_observations_leave_the_exit_status_and_the_budget_alone(tmp_path):
    (tmp_path / "seen.py").write_text(FILE, encoding="utf-8")
    alone = verify(str(tmp_path / "seen.py"))
    assert alone.passed
    assert {claim.status for _, claim in alone.claims()} == {Status.OBSERVED}
    assert alone.summary.startswith("nothing is judged: 1 claims, 1 instances (1 OBSERVED); ")
    assert "0/0 rivals" in alone.summary
    certified = "gaussian-collapse::factor_between_bounds"
    both, without = verify(str(tmp_path / "seen.py"), certified), verify(certified)
    assert both.passed
    assert [c.variants() for _, c in both.claims() if c.id == "factor_between_bounds"] == [
        c.variants() for _, c in without.claims()
    ]
    assert "0/2 seeds, controls 2/2" in repr(alone)
