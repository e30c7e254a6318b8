"""With real data in the mix two laws come together in ℓ1, by η·H(r*) a generation, η = λ/(1+λ).

What users keep is a function of K proposals. Exchange them one by one, from p to p': a proposal of weight y
in place of x ≤ y moves 2y/(y + S) of the kept law, S the others' weights, and no weight exceeds a*. So
‖T(p) − T(p')‖₁ ≤ η·Σ_i E[a*/(a* + S_i)]·‖p − p'‖₁, with i − 1 of the others from p' and K − i from p. As
E e^{−uS_i} is a product of powers, at most their weighted mean, the sum is at most ½(H_p(r*) + H_{p'}(r*)).

At a limit p = (1−η)·p_ref + η·p·H_p, hence ηH_p(r*) = 1 − (1−η)·p_ref(r*)/p(r*), below 1 where r* has an
atom. So near a limit the loop contracts, and two limits would come together: there is one, for all λ and K.
"""

import functools
from fractions import Fraction
from math import inf

import numpy as np
import sympy as sp

from proofs_numeric._laws import RARE, THREE
from theorycheck import (
    DERIVED,
    Assumption,
    Enclosed,
    FiniteLaw,
    FiniteLaws,
    Integers,
    Rationals,
    Theorem,
    at_least,
    at_most,
    equals,
)
from theorycheck.loops import curation, exact

theorem = Theorem(
    key="real-data-contraction",
    title="With real data two laws come together by (λ/(1+λ))·H(r*) a generation, and there is one limit",
    source=DERIVED,
    statement=(
        r"\|T(p)-T(p')\|_1 \le \frac{\lambda}{1+\lambda}\,\frac{H_p(r_*)+H_{p'}(r_*)}{2}\,\|p-p'\|_1,\qquad "
        r"p=T(p) \Rightarrow \frac{\lambda}{1+\lambda}\,H_p(r_*) < 1"
    ),
    assumptions=[
        Assumption("finite-states", "p_ref is a law on finitely many states", {"law": FiniteLaws((2, 3))}),
        Assumption("choices", "users choose among K ≥ 1 proposals", {"choices": Integers(1, draw_to=4)}),
        Assumption("mixing", "λ ≥ 0 is the synthetic weight", {"weight": Rationals(0, 20)}),
        Assumption(
            "atom", "for one limit: the best reward has real mass", {"mass": Rationals(Fraction(1, 100), 1)}
        ),
    ],
)

HALF = Fraction(1, 2)
TWO_BEST = FiniteLaw((HALF, Fraction(1, 3), Fraction(1, 6)), (HALF, Fraction(1), Fraction(1)))
EXCHANGED = TWO_BEST._replace(p=(HALF, Fraction(1, 6), Fraction(1, 3)))
AT_TWO_BEST = dict(law=TWO_BEST, other=EXCHANGED, choices=3, weight=Fraction(2))
AT_RARE = dict(law=RARE, other=RARE._replace(p=(Fraction(1), Fraction(0))), choices=3, weight=HALF)

X, GAP, S, ETA, H, Q = sp.symbols("x g S eta h q", positive=True)


def distance(p, q):
    """‖p − q‖₁."""
    return sum(abs(x - y) for x, y in zip(p, q, strict=True))


def favour(p, a, choices, pick=max):
    """H_p at the best reward."""
    return exact.choice_ratio(p, a, choices)[a.index(pick(a))]


@theorem.symbolic(
    scope="all weights x < y = x + g of one proposal, S of the others",
    rivals={"of the lesser weight": dict(larger=X), "of their mean": dict(larger=X + GAP / 2)},
)
def one_proposal_moves_its_share(larger=X + GAP):
    """With y in place of x, the law of what is kept moves in ℓ1 by 2y/(y + S): x, y, and all others."""
    y = X + GAP
    moved = X / (X + S) + y / (y + S) + (S / (X + S) - S / (y + S))
    return equals(moved, 2 * larger / (larger + S))


@theorem.forall(
    examples=40,
    given={"law": FiniteLaws((3, 3)), "other": FiniteLaws((3, 3))},
    rivals={
        "1 % less": dict(AT_TWO_BEST, part=Fraction(99, 100)),
        "H of the worst": dict(AT_TWO_BEST, pick=min),
        "K − 1 for K": dict(AT_RARE, less=1),
    },
)
def laws_come_together(law, other, choices, weight, part=1, pick=max, less=0):
    """‖T(p) − T(p')‖₁ ≤ η·½(H_p(r*) + H_{p'}(r*))·‖p − p'‖₁ ≤ ηK·‖p − p'‖₁.

    So for λ < 1/(K−1) the loop has one limit, whatever p_0, and reaches it at the geometric rate λK/(1+λ).
    """
    before = law.p, other.p
    after = [exact.step(p, law.a, choices, law.p, weight) for p in before]
    most = part * sum(favour(p, law.a, choices, pick) for p in before) / 2
    return [
        at_most(distance(*after), weight / (1 + weight) * most * distance(*before)),
        at_most(most, choices - less),
    ]


@theorem.search(
    at=[dict(choices=2)],
    full=[dict(choices=4)],
    given={"law": FiniteLaws((3, 3))},
    generations=10,
    scope="p' is p in reverse order, λ = ½",
    sharp=1.01,
    rivals={"1 % less": dict(part=Fraction(99, 100)), "H of the worst": dict(pick=min)},
)
def worst_case_of_the_contraction(choices, law, part=1, pick=max):
    """No p on three states keeps further from its reverse; mass moved among rare or best states attains it.

    That ½(H_p + H_{p'}) ≤ K is sharp as well: `real-data-kl-stability` searches for the largest H.
    """
    other = law._replace(p=law.p[::-1])
    return laws_come_together(law, other, choices, HALF, part, pick)[0]


@theorem.certified(
    at=[dict(choices=K, weight=w) for K in (2, 3, 7) for w in (HALF, Fraction(5))],
    scope="a = (½, 1, 1), p = (½, ⅓, 1/6) and p' = (½, 1/6, ⅓)",
    rivals={"1 % less": dict(part=Fraction(99, 100)), "λ for λ/(1+λ)": dict(share=lambda w: w)},
)
def attained_by_two_best_states(choices, weight, part=1, share=lambda w: w / (1 + w)):
    """Mass moved among best states stays moved, times ηH(r*): an equality, at every K and λ."""
    after = [exact.step(p, TWO_BEST.a, choices, TWO_BEST.p, weight) for p in (TWO_BEST.p, EXCHANGED.p)]
    most = part * favour(TWO_BEST.p, TWO_BEST.a, choices)
    return equals(distance(*after), share(weight) * most * distance(TWO_BEST.p, EXCHANGED.p))


@theorem.certified(
    at=[dict(choices=K) for K in (2, 5, 20)],
    scope="p = (1 − 10⁻⁹, 10⁻⁹), p' = (1, 0), a = (10⁻⁹, 1), λ = 1/K",
    rivals={"attained": dict(slack=0)},
)
def sharp_without_a_law_in_mind(choices, slack=Fraction(1, 10**6)):
    """Nor does a factor below λK/(1+λ) serve all laws: it is at least (1 − 10⁻⁶) times that there.

    No search: one pair of laws is enough.
    """
    rare, weight = Fraction(1, 10**9), Fraction(1, choices)
    moved = exact.step((1 - rare, rare), (rare, Fraction(1)), choices, (1, 0), weight)[1]
    return at_least(moved, (1 - slack) * weight * choices / (1 + weight) * rare)


@theorem.symbolic(
    scope="all masses q of p_ref, all η and H",
    rivals={"p_ref undiluted": dict(real=Q), "(1−η)·p_ref/(ηp)": dict(real=(1 - ETA) * Q / ETA)},
)
def limits_contract(real=(1 - ETA) * Q):
    """p = (1−η)p_ref + ηpH gives ηH = 1 − (1−η)p_ref/p at each state: below 1 where p_ref has mass."""
    p = (1 - ETA) * Q / (1 - ETA * H)
    return [equals(p, (1 - ETA) * Q + ETA * p * H), equals(ETA * H, 1 - real / p)]


STARTS = (*np.eye(3), np.full(3, 1 / 3))
REWARD = np.log(np.array(THREE.a, float))


@functools.cache
def ends(proposals, lam, mass, steps):
    """p_ref, and p_steps from each start, one after the other."""
    real = np.array([0.8 - mass, 0.2, mass])
    loops = (curation.trajectory(p, REWARD, proposals, steps, lam, real)[-1] for p in STARTS)
    return real, np.concatenate([*loops])


@theorem.computed(
    at=[dict(proposals=K, lam=w) for K, w in ((2, 5.0), (4, 5.0), (16, 1.0), (inf, 0.5), (inf, 5.0))],
    scope="a = (1/5, ½, 1), from each state and from the middle, 400 generations",
    margin=1e-8,
    rivals={"p_ref": dict(limit=lambda p, *_: p), "after 5 generations": dict(steps=5)},
    without={"atom": dict(proposals=4, lam=5.0, mass=0.0)},
)
def every_start_ends_there(
    proposals, lam, mass=0.2, steps=400, limit=lambda *loop: curation.fixed_point(*loop).p
):
    """The loop ends at the limit from p_ref wherever it starts, also where λ > 1/(K−1)."""
    real, found = ends(proposals, lam, mass, steps)
    return equals(Enclosed(found, 1e-10), np.tile(limit(real, REWARD, proposals, lam), len(STARTS)), scale=1)
