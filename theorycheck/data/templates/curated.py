"""The best state gains: under curation, the mass of the states with the largest reward never falls."""

from fractions import Fraction

import numpy as np

from theorycheck import Assumption, FiniteLaws, Integers, Source, Theorem, at_least, equals, mean
from theorycheck.loops import curation, exact

theorem = Theorem(
    key="new-theorem",
    title="Under curation the best state gains",
    source=Source("newcomer2026", ("N. Newcomer",), "a note of my own", "", 2026),
    statement=r"p_{t+1}(r = r_*) \ge p_t(r = r_*)",
    assumptions=[
        Assumption("finite-states", "finitely many states", {"law": FiniteLaws((2, 4))}),
        Assumption("choices", "K ≥ 1 proposals", {"choices": Integers(1, draw_to=4)}),
    ],
)


@theorem.forall(rivals={"the worst state gains": dict(pick=min)})
def best_state_gains(law, choices, pick=max):
    """p_{t+1}(r = r*) ≥ p_t(r = r*) for every law and every K, in exact fractions."""
    kept = exact.step(law.p, law.a, choices)
    best = [weight == pick(law.a) for weight in law.a]
    return at_least(exact.mean(kept, best), exact.mean(law.p, best))


P, A = (Fraction(3, 4), Fraction(1, 4)), (Fraction(1, 2), Fraction(1))


def best_share(rng, size, choices):
    """The share of the best state after 10 users chose, in `size` simulated loops."""
    p, reward = np.array(P, float), np.log(np.array(A, float))
    return curation.simulate(rng, p, reward, choices, 10, 1, size)[:, 1]


@theorem.sampled(
    at=[dict(choices=2), dict(choices=4)],
    margin=0.004,
    rivals={"one proposal more": dict(proposals=lambda K: K + 1)},
)
def loop_follows_the_formula(choices, proposals=lambda K: K):
    """The simulated loop has the share that the formula predicts."""
    predicted = exact.step(P, A, proposals(choices))[1]
    return equals(mean(best_share, choices, bounds=(0, 1)), predicted, scale=1)
