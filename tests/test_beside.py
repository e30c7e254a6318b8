"""Claims without draws in a second process: the same findings, and one sentence for what goes wrong there."""

import os

import pytest

import theorycheck
from theorycheck.engine import beside, budget, catalogue, suite
from theorycheck.engine.beside import Beside
from theorycheck.engine.executor import Unavailable
from theorycheck.render import difference

KEYS = (
    "optimal-set-convergence",
    "real-data-reward-gain",
    "uncurated-kl-rate",
    "performative-contraction-sharp",
)


@pytest.fixture
def other():
    with suite.running(workers=1) as context:
        process = Beside(context)
        yield process
        process.close()


def claim(name):
    theorem = catalogue.find("uncurated-kl-rate")
    return theorem, next(c for c in theorem.claims if c.id == name)


def test_two_processes_find_what_one_finds(monkeypatch):
    asked = []
    decide = Beside.decide
    monkeypatch.setattr(Beside, "decide", lambda self, *job: asked.append(job) or decide(self, *job))
    both = theorycheck.verify(*KEYS, workers=2)
    assert asked
    assert not any(c.method in ("forall", "sampled") for _, c, _ in asked)
    count = len(asked)
    one = theorycheck.verify(*KEYS, workers=1)
    assert len(asked) == count
    assert difference(both.to_dict(), one.to_dict()) == []


def test_a_process_that_is_gone_is_told(other):
    theorem, chosen = claim("rate_is_below_one")
    assert other.decide(theorem, chosen, chosen.instances[0]).passed
    other._process.kill()
    with pytest.raises(
        Unavailable, match="the second process ended while it decided uncurated-kl-rate::rate_is"
    ):
        other.decide(theorem, chosen, chosen.instances[0])


def test_what_fails_in_a_claim_is_its_own_error(monkeypatch):
    def broken(*arguments):
        raise suite.ClaimError("uncurated-kl-rate::rate_is_below_one[] cannot be decided")

    monkeypatch.setattr(suite, "decide_instance", broken)
    fields = {"alpha": 0.001, "decisions": 1, "looks": budget.LOOKS["quick"]}
    told = beside._decided("uncurated-kl-rate", "rate_is_below_one", 0, 0, "quick", fields)
    assert told == {"error": "uncurated-kl-rate::rate_is_below_one[] cannot be decided"}


@pytest.mark.skipif(not hasattr(os, "getsid"), reason="this system has no sessions")
def test_an_interrupt_at_the_terminal_is_not_for_it(other):
    assert os.getsid(other._process.pid) != os.getsid(0)
