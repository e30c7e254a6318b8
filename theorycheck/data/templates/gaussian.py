"""Narrower more often than wider: a Gaussian refitted to its own samples loses scale in most generations."""

from fractions import Fraction

import sympy as sp

from theorycheck import Assumption, Integers, OneOf, Source, Theorem, above, equals, mean
from theorycheck.loops import closed_forms as form
from theorycheck.loops import gaussian

theorem = Theorem(
    key="new-theorem",
    title="A refitted Gaussian gets narrower more often than wider",
    source=Source("newcomer2026", ("N. Newcomer",), "a note of my own", "", 2026),
    statement=r"\mathbb{P}(\sigma_{t+1} < \sigma_t) > \tfrac12",
    assumptions=[
        Assumption("sample-size", "each generation has n ≥ 2 samples", {"n": Integers(2)}),
        Assumption("gaussian", "samples are Gaussian", {"noise": OneOf("gaussian")}),
    ],
)

N = sp.Symbol("n", integer=True, positive=True)


def narrower(n):
    """P(S² < σ²) = P(χ²_ν < ν) for n samples, ν = n − 1."""
    return form.chi_square_below(n - 1, n - 1)


@theorem.certified(
    at=[dict(last=300)],
    scope="every n from 2 to last",
    rivals={"six times in ten": dict(bound=Fraction(6, 10))},
)
def narrower_more_often(last, bound=Fraction(1, 2)):
    """P(χ²_ν < ν) > ½, one n at a time, in ball arithmetic."""
    return above(narrower(N), bound, over={N: Integers(2, last)})


def shrinks(rng, size, n, noise):
    """1 where the simulated refit is narrower than the model that it was drawn from."""
    return (gaussian.simulate(rng, n, 1, size, noise=noise).scale < 1).astype(float)


@theorem.sampled(
    at=[dict(n=2), dict(n=10)],
    margin=0.01,
    rivals={"n degrees of freedom": dict(chance=lambda n: form.chi_square_below(n - 1, n))},
)
def loop_follows_the_formula(n, chance=narrower, noise="gaussian"):
    """Literal samples narrow the model as often as the formula says."""
    return equals(mean(shrinks, n, noise, bounds=(0, 1)), chance(sp.Integer(n)))
