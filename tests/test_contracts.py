"""What every theorem of the catalogue obeys."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from theorycheck.engine import decide
from theorycheck.engine.catalogue import catalogue, checked
from theorycheck.theorem import Mean

THEOREMS = {theorem.key: theorem for theorem in catalogue()}
CLAIMS = {f"{t.key}::{c.id}": (t, c) for t in THEOREMS.values() for c in t.claims}
DOMAINS = {
    f"{t.key}::{a.id}::{name}": domain
    for t in THEOREMS.values()
    for a in t.assumptions
    for name, domain in a.domains.items()
}

quietly = settings(
    max_examples=25, database=None, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck]
)
each_theorem = pytest.mark.parametrize("theorem", THEOREMS.values(), ids=THEOREMS)
each_claim = pytest.mark.parametrize(("theorem", "claim"), CLAIMS.values(), ids=CLAIMS)


@each_theorem
def test_the_key_is_the_file_name(theorem):
    assert {c.function.__module__ for c in theorem.claims} == {
        "proofs_numeric." + theorem.key.replace("-", "_")
    }


@each_theorem
def test_the_theorem_is_consistent_and_told(theorem):
    assert checked(theorem) is theorem
    assert theorem.title
    assert theorem.statement
    assert theorem.source.bibtex.startswith("@")
    assert all(a.id and a.text and a.domains for a in theorem.assumptions)
    assert len({a.id for a in theorem.assumptions}) == len(theorem.assumptions)


@each_theorem
def test_an_assumption_is_about_what_some_claim_takes(theorem):
    taken = {name for claim in theorem.claims for name in claim.arguments}
    assert {name for a in theorem.assumptions for name in a.domains} <= taken


@each_claim
def test_the_claim_has_a_docstring(theorem, claim):
    assert claim.function.__doc__
    assert claim.statement != claim.id


@each_claim
def test_the_instances_are_told_apart(theorem, claim):
    from theorycheck.theorem import instance_id

    ids = [instance_id(parameters) for parameters in claim.at("full")]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=DOMAINS)
def test_an_assumption_can_be_met(domain):
    met = []

    @quietly
    @given(st.data())
    def sample(data):
        value = data.draw(domain.strategy())
        assert domain.contains(value)
        met.append(value)

    sample()
    assert met


@each_claim
def test_a_sampled_or_computed_claim_is_pinned(theorem, claim):
    if claim.method in ("sampled", "computed"):
        assert claim.margin is not None
        assert 0 < claim.margin < 1


@each_claim
def test_a_sampled_claim_has_a_rival(theorem, claim):
    if decide.is_random(claim.method):
        assert claim.rivals


@each_claim
def test_a_declared_variance_is_no_smaller_than_that_of_draws(theorem, claim):
    """An interval rests on it, and nothing else would tell. Heavy tails show less than there is."""
    if not decide.is_random(claim.method):
        return
    for parameters in claim.instances:
        comparison = claim.function(**parameters)
        for side in (comparison.left, comparison.right):
            if isinstance(side, Mean) and side.variance is not None:
                drawn = side.draw(np.random.default_rng(11), 4096, *side.arguments)
                assert np.var(drawn) < 1.25 * side.variance


@each_theorem
def test_each_way_of_deciding_is_seen_to_say_no(theorem):
    used = {c.method for c in theorem.claims}
    challenged = {c.method for c in theorem.claims if c.rivals or c.without}
    assert used == challenged
