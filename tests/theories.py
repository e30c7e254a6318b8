"""Tiny theorems for the tests, and a way to decide them under a budget of their own."""

import functools

from theorycheck import DERIVED, Theorem
from theorycheck.engine.budget import Budget, count
from theorycheck.engine.question import Context
from theorycheck.engine.suite import decide_instance


class Inline:
    """An executor without threads, for tests that decide thousands of claims."""

    workers = 1
    map = staticmethod(lambda function, blocks, name: map(function, blocks))


def tiny(method="certified", function=None, key="tiny", assumptions=(), **options):
    """A theorem, with one claim if a function is given."""
    theorem = Theorem(key, title="A tiny theorem", source=DERIVED, statement="1 = 1", assumptions=assumptions)
    if function is not None:
        theorem.claim(method, **options)(function)
    return theorem


def decide_all(theorem, *, seed=1, alpha=1e-3, looks=5):
    """Every claim at every instance, the theorem being the whole catalogue."""
    budget = Budget(alpha, count([theorem], "quick"), looks)
    context = Context(seed, budget, "quick", Inline())
    return [decide_instance(theorem, c, at, context) for c in theorem.claims for at in c.instances]


def decide(method, function, *, seed=1, **options):
    """The result of one claim at its first instance."""
    return decide_all(tiny(method, function, **options), seed=seed)[0]


@functools.cache
def bernoulli(p):
    """A draw of 0 or 1; the same object for the same p, as rivals are told from claims by their draws."""

    def draw(rng, size):
        return (rng.random(size) < p).astype(float)

    return draw


# A theorem file: every way of deciding that is quick, with a rival for each.
FILE = '''
from fractions import Fraction
from theorycheck import DERIVED, Assumption, Integers, Theorem, at_most, equals, mean

theorem = Theorem("coin", title="A coin", source=DERIVED, statement="p = 1/2",
                  assumptions=[Assumption("whole", "n is whole and positive", {"n": Integers(1)})])


def toss(rng, size):
    return rng.integers(0, 2, size).astype(float)


@theorem.certified(at=[dict(n=1), dict(n=7)], rivals={"half": dict(factor=Fraction(1, 2))})
def doubles(n, factor=2):
    """n + n = 2n."""
    return equals(n + n, Fraction(factor) * n)


@theorem.forall(rivals={"n \\u2265 n + 1": dict(shift=-1)})
def grows(n, shift=1):
    """n \\u2264 n + 1."""
    return at_most(n, n + shift)


@theorem.sampled(at=[dict(bias=0)], margin=0.05, rivals={"0.6": dict(value=Fraction(3, 5))})
def is_fair(bias, value=Fraction(1, 2)):
    """The mean of a toss is 1/2."""
    return equals(mean(toss, bounds=(0.0, 1.0)), value + bias)
'''
# The same file with the claim and its rival exchanged.
PROMOTED = (
    FILE.replace("Fraction(3, 5)", "RIVAL")
    .replace("value=Fraction(1, 2)", "value=Fraction(3, 5)")
    .replace("RIVAL", "Fraction(1, 2)")
)
