"""The start is forgotten: with real data in the mix, the mean's distance from the data shrinks by λ/(1+λ)."""

from fractions import Fraction

from theorycheck import Assumption, Integers, Rationals, Source, Theorem, equals, mean
from theorycheck.loops.retraining.samples import simulate

theorem = Theorem(
    key="new-theorem",
    title="Real data make the loop forget its start",
    source=Source("newcomer2026", ("N. Newcomer",), "a note of my own", "", 2026),
    statement=r"\mathbb{E}\,m_t - m_* = \Big(\frac{\lambda}{1+\lambda}\Big)^t (m_0 - m_*)",
    assumptions=[
        Assumption("sample-size", "each generation has n ≥ 1 real points", {"n": Integers(1)}),
        Assumption("real-data", "λ is finite", {"synthetic_weight": Rationals(0, 1000)}),
        Assumption("bernoulli", "the model is a coin with head probability m", {"start": Rationals(0, 1)}),
    ],
)

TRUTH = Fraction(1, 2)  # m*, the mean of the real data


def share(synthetic_weight):
    """λ/(1+λ), the synthetic share of the training set."""
    return Fraction(synthetic_weight) / (1 + Fraction(synthetic_weight))


def expected(start, synthetic_weight, steps, rate=share):
    """E m_t as claimed."""
    return TRUTH + rate(synthetic_weight) ** steps * (start - TRUTH)


@theorem.forall(rivals={"rate λ": dict(rate=lambda weight: weight)})
def start_is_forgotten(start, synthetic_weight, rate=share):
    """Each generation averages, m_{t+1} = (m* + λ m_t)/(1 + λ): three of them, in exact fractions."""
    model = start
    for _ in range(3):
        model = (TRUTH + synthetic_weight * model) / (1 + synthetic_weight)
    return equals(model, expected(start, synthetic_weight, 3, rate))


def final_model(rng, size, n, synthetic_weight, start):
    """m_3 of `size` simulated loops that draw n real points and λn from the model each generation."""
    return simulate(rng, "bernoulli", n, synthetic_weight, 3, size, start=start, protocol="fresh")[0, :, -1]


@theorem.sampled(
    at=[dict(n=4, synthetic_weight=1), dict(n=4, synthetic_weight=2)],
    margin=0.01,
    rivals={"one generation more": dict(steps=4)},
)
def loop_follows_the_formula(n, synthetic_weight, start=Fraction(9, 10), steps=3):
    """The simulated loop is, on average, where the formula says."""
    drawn = mean(final_model, n, synthetic_weight, float(start), bounds=(0, 1))
    return equals(drawn, expected(start, synthetic_weight, steps), scale=1)
