"""Users who pick one of K samples reweight the model: p_{t+1} = p_t·H^K_{p_t}.

H^K_p(x) = E[K a(x)/(a(x) + Σ_{i<K} a(X_i))], a = e^r, X_i ~ p independent. With real data in the mix,
p_{t+1} = p_ref/(1+λ) + (λ/(1+λ))·p_t·H^K_{p_t}. Here for all laws on finitely many states.
"""

import itertools
from fractions import Fraction
from math import exp, inf

import numpy as np
import sympy as sp
from scipy import stats

from proofs_numeric._laws import THREE
from theorycheck import (
    FERBACH_2024,
    Assumption,
    Enclosed,
    FiniteLaw,
    FiniteLaws,
    Integers,
    OneOf,
    Rationals,
    Theorem,
    above,
    at_most,
    below,
    equals,
    mean,
)
from theorycheck.formula import ball, precision
from theorycheck.loops import curation, enclosures, exact, populations

theorem = Theorem(
    key="curated-density-update",
    title="Curation by a choice among K samples reweights the density by H^K",
    source=FERBACH_2024,
    statement=(
        r"p_{t+1} = p_t H^K_{p_t},\quad "
        r"H^K_p(x) = \mathbb{E}\Big[\frac{K e^{r(x)}}{e^{r(x)} + \sum_{i<K} e^{r(X_i)}}\Big]"
    ),
    assumptions=[
        Assumption("finite-states", "p is a law on finitely many states", {"law": FiniteLaws((2, 4))}),
        Assumption("choices", "users choose among K ≥ 1 proposals", {"choices": Integers(1, draw_to=5)}),
        Assumption(
            "independent", "proposals are drawn from p with replacement", {"replacement": OneOf(True)}
        ),
        Assumption(
            "bradley-terry", "x_k is kept with probability e^{r(x_k)}/Σ e^{r(x_j)}", {"power": OneOf(1)}
        ),
    ],
)

TWO = FiniteLaw((Fraction(1, 2), Fraction(1, 2)), (Fraction(1, 2), Fraction(1)))


def brute_force(p, a, choices, power=1, replacement=True):
    """The law of what is kept, from all ordered K-tuples of proposals."""
    kept = [Fraction(0)] * len(p)
    for proposals in itertools.product(range(len(p)), repeat=choices):
        chance, left = Fraction(1), list(p)
        for i in proposals:
            chance *= left[i] / sum(left) if sum(left) else 0
            if not replacement:
                left[i] = Fraction(0)
        for i in proposals:
            kept[i] += chance * a[i] ** power / sum(a[j] ** power for j in proposals)
    return kept


@theorem.forall(
    examples=60,
    given={"choices": Integers(1, 4)},
    rivals={
        "H without the factor K": dict(law=THREE, choices=3, factor=lambda K: Fraction(1)),
        "K − 1 for K": dict(law=THREE, choices=3, proposals=lambda K: K - 1),
        "K + 1 for K": dict(law=THREE, choices=3, proposals=lambda K: K + 1),
    },
    without={
        "independent": dict(law=THREE, choices=2, replacement=False),
        "bradley-terry": dict(law=THREE, choices=2, power=2),
    },
)
def kept_law_is_reweighted(
    law, choices, power=1, replacement=True, factor=lambda K: K, proposals=lambda K: K
):
    """The law of what users keep, over all ordered K-tuples, is p·H^K."""
    ratio = exact.choice_ratio(law.p, law.a, proposals(choices))
    weight = Fraction(factor(choices), choices)
    kept = brute_force(law.p, law.a, choices, power, replacement)
    return [equals(k, x * h * weight) for k, x, h in zip(kept, law.p, ratio, strict=True)]


@theorem.forall(examples=60, rivals={"0 < H ≤ 1": dict(law=THREE, choices=3, top=lambda K: 1)})
def ratio_is_a_density(law, choices, top=lambda K: K):
    """E_p H = 1 and 0 < H < K for K ≥ 2 (H = 1 for K = 1).

    That K cannot be bettered, a search finds in `real-data-kl-stability`.
    """
    ratio = exact.choice_ratio(law.p, law.a, choices)
    inside = [c for h in ratio for c in (above(h, 0), (below if choices > 1 else at_most)(h, top(choices)))]
    return [equals(exact.mean(law.p, ratio), 1), *inside]


U, A1, A2, P = sp.symbols("u a_1 a_2 p", positive=True)


@theorem.symbolic(
    at=[dict(choices=2)],
    full=[dict(choices=3)],
    scope="two states, all weights and probabilities",
    rivals={"power K": dict(exponent=lambda K: K), "without the factor K": dict(factor=lambda K: 1)},
)
def ratio_is_a_laplace_integral(choices, exponent=lambda K: K - 1, factor=lambda K: K):
    """H = K a ∫_0^∞ e^{−ua}·(E_p e^{−ua(X)})^{K−1} du: one integral, whatever K is."""
    phi = P * sp.exp(-U * A1) + (1 - P) * sp.exp(-U * A2)
    integrand = sp.expand(factor(choices) * A1 * sp.exp(-U * A1) * phi ** exponent(choices))
    enumerated = exact.choice_ratio((P, 1 - P), (A1, A2), choices)[0]
    return equals(sp.Integral(integrand, (U, 0, sp.oo)), enumerated)


@theorem.certified(
    at=[
        dict(span=1, choices=2),
        dict(span=20, choices=2),
        dict(span=20, choices=7),
        dict(span=8, choices=20),
        dict(span=1, choices=1000),
        dict(span=20, choices=100),
        dict(span=20, choices=1000),
    ],
    rivals={"off by 3e−12": dict(fast=lambda p, r, K: curation.choice_ratio(p, r, K) * (1 + 3e-12))},
)
def fast_ratio_is_enclosed(span, choices, fast=curation.choice_ratio):
    """The function that users call is H to a relative error of 1e−12.

    H is enumerated up to K = 20; beyond, it is a ball around the integral with a proven bound on its tail.
    No search: the gap is an error of floating point.
    """
    p = (Fraction(1, 2), Fraction(1, 4), Fraction(1, 8), Fraction(1, 8))
    # Rational weights close to e^0, e^{−span/3}, e^{−span/2}, e^{−span}; taking their logarithms in floats
    # moves them by less than 3e−15.
    a = [Fraction(round(10**12 * exp(-share * span)), 10**12) for share in (0, 1 / 3, 1 / 2, 1)]
    truth = (exact if choices <= 20 else enclosures).choice_ratio(p, a, choices)
    found = fast(np.array(p, float), np.log(np.array(a, float)), choices)
    with precision(256):
        gaps = [abs(ball(f, bits=256) / ball(t, bits=256) - 1) for f, t in zip(found, truth, strict=True)]
    return [at_most(gap, Fraction(1, 10**12)) for gap in gaps]


@theorem.computed(
    at=[dict(choices=2), dict(choices=16), dict(choices=10**6)],
    margin=1e-10,
    scope="50 random laws on 30 atoms",
    rivals={
        "r → 2r": dict(change=lambda p, r: (p, 2 * r)),
        "r → −r": dict(change=lambda p, r: (p, -r)),
    },
)
def rewards_are_relative(choices, change=lambda p, r: (p, r + 7.5)):
    """H does not change under r → r + c."""
    rng = np.random.default_rng(7)
    laws = [(rng.dirichlet(np.ones(30)), 3 * rng.random(30)) for _ in range(50)]
    before = np.concatenate([curation.choice_ratio(p, r, choices) for p, r in laws])
    after = np.concatenate([curation.choice_ratio(p, r, choices) for p, r in (change(*law) for law in laws)])
    return equals(Enclosed(after, 2e-12 * after), before)


@theorem.forall(examples=60, rivals={"positions matter": dict(law=THREE, choices=3, back=lambda x: x)})
def states_have_no_order(law, choices, back=lambda x: x[::-1]):
    """Relabelling the states relabels H; states with the same reward may be merged."""
    ratio = exact.choice_ratio(law.p, law.a, choices)
    relabelled = back(exact.choice_ratio(law.p[::-1], law.a[::-1], choices))
    split = exact.choice_ratio((law.p[0] / 2, law.p[0] / 2, *law.p[1:]), (law.a[0], *law.a), choices)
    return [equals(x, y) for x, y in zip([*ratio, *ratio], [*relabelled, *split[1:]], strict=True)]


@theorem.certified(
    at=[dict(choices=2), dict(choices=5)],
    scope="p scaled by 3/2, three states",
    rivals={"degree K": dict(degree=lambda K: K), "degree 0": dict(degree=lambda K: 0)},
)
def mass_errors_grow(choices, degree=lambda K: K - 1):
    """H is homogeneous of degree K − 1 in p's mass: an error in Σp grows K-fold a step unless removed."""
    factor = Fraction(3, 2)
    ratio = exact.choice_ratio(THREE.p, THREE.a, choices)
    scaled = exact.choice_ratio([factor * x for x in THREE.p], THREE.a, choices)
    return [equals(s, h * factor ** degree(choices)) for s, h in zip(scaled, ratio, strict=True)]


@theorem.computed(
    at=[dict(choices=10**3), dict(choices=10**5)],
    margin=1e-3,
    scope="three states",
    rivals={
        "no Var a": dict(variance=0.0),
        "opposite drift": dict(drift=-1.0),
    },
)
def many_choices_tilt_exponentially(choices, variance=1.0, drift=1.0):
    """K(H^K − a/E a) → (a/m)·[(m−a)/m + Var a/m²], m = E a: H^K tends to e^r/E e^r at rate 1/K.

    The remainder is at most 1/K at these K.
    No search: it is about one law; for all laws `infinite-choices-limit` has a bound, and searches.
    """
    p, a = (np.array(x, float) for x in THREE)
    m, v = p @ a, p @ (a - p @ a) ** 2
    found = choices * (curation.choice_ratio(p, np.log(a), choices) - a / m)
    limit = a / m * (drift * (m - a) / m + variance * v / m**2)
    remainder = np.abs(found - limit) * choices
    return at_most(Enclosed(remainder, 1e-12 * choices**2), 1)


# --- with real data, and the loop itself --------------------------------------------------------------------


@theorem.forall(
    examples=40,
    given={"weight": Rationals(0, 10, 20)},
    rivals={
        "weights exchanged": dict(law=THREE, choices=3, weight=Fraction(1, 2), flip=True),
        "p_0 for p_ref": dict(law=THREE, choices=3, weight=Fraction(1, 2), reference=lambda p: p),
        "H of the reference": dict(law=THREE, choices=3, weight=Fraction(1, 2), steps=2, frozen=True),
    },
)
def real_data_is_mixed_in(
    law, choices, weight, steps=2, flip=False, frozen=False, reference=lambda p: p[::-1]
):
    """The public trajectory is p_ref/(1+λ) + (λ/(1+λ))·p·H^K_p, to 1e−9 at t = 2, for p_ref ≠ p_0.

    No search: the gap is an error of floating point.
    """
    p = law.p
    for _ in range(steps):
        base = law.p if frozen else p
        kept = [x * h for x, h in zip(p, exact.choice_ratio(base, law.a, choices), strict=True)]
        total = sum(kept)
        real = [1, weight] if not flip else [weight, 1]
        p = [
            (real[0] * x + real[1] * k / total) / (1 + weight)
            for x, k in zip(reference(law.p), kept, strict=True)
        ]
    reward = np.log(np.array(law.a, float))
    fast = curation.trajectory(
        np.array(law.p, float), reward, choices, steps, float(weight), np.array(law.p[::-1], float)
    )
    return [equals_within(Fraction(float(f)), x) for f, x in zip(fast[-1], p, strict=True)]


def equals_within(found, truth, tolerance=Fraction(1, 10**9)):
    """|found − truth| ≤ tolerance, exactly."""
    return at_most(abs(found - truth), tolerance)


def share_of(rng, size, atom, choices, users, steps, weight, power=1.0):
    """The share of one state after literal generations of `users` choices each."""
    a = np.array(THREE.a, float)
    p = curation.simulate(
        rng, np.array(THREE.p, float), power * np.log(a), choices, users, steps, size, synthetic_weight=weight
    )
    return p[:, atom]


def one_step(choices, weight, proposals=lambda K: K, rewards=lambda a: a):
    """p_1 of the three-state law, exactly; λ = ∞ is the purely synthetic loop."""
    real = None if weight == inf else Fraction(weight)
    return exact.step(THREE.p, [rewards(x) for x in THREE.a], proposals(choices), synthetic_weight=real)


@theorem.sampled(
    at=[dict(choices=2, weight=inf), dict(choices=4, weight=inf), dict(choices=4, weight=0.5)],
    margin=0.004,
    rivals={
        "exponential tilt": dict(predicted=lambda K, w: tilted(w)),
        "one proposal less": dict(predicted=lambda K, w: one_step(K, w, proposals=lambda k: k - 1)),
        "rewards reversed": dict(predicted=lambda K, w: one_step(K, w, rewards=lambda a: 1 / a)),
    },
    without={"bradley-terry": dict(power=2.0)},
)
def literal_loop_follows(choices, weight, predicted=one_step, power=1):
    """The loop as the paper runs it: the mean share of the best state after a generation is p_1 there."""
    drawn = mean(share_of, 2, choices, 10, 1, weight, float(power), bounds=(0.0, 1.0))
    return equals(drawn, predicted(choices, weight)[2], scale=1)


def tilted(weight):
    """What K = ∞ would give: p·a/E a, mixed with real data."""
    m = exact.mean(THREE.p, THREE.a)
    kept = [x * y / m for x, y in zip(THREE.p, THREE.a, strict=True)]
    if weight == inf:
        return kept
    return [(x + Fraction(weight) * k) / (1 + Fraction(weight)) for x, k in zip(THREE.p, kept, strict=True)]


@theorem.certified(
    at=[dict(choices=2)],
    scope="a = (1, 2, 5), K = 2",
    rivals={"finite K is an exponential tilt": dict(ratio=lambda a, K: a)},
)
def finite_choices_do_not_tilt(choices, ratio=None):
    """At finite K, log H is not affine in r: its slopes between three reward levels differ.

    With the tilt in place of H the slopes agree, and the claim is false.
    No search: one law is enough.
    """
    a = (sp.Integer(1), sp.Integer(2), sp.Integer(5))
    third = (sp.Rational(1, 3),) * 3
    h = ratio(a, choices) if ratio else exact.choice_ratio(third, a, choices)
    slopes = [sp.log(h[i + 1] / h[i]) / sp.log(a[i + 1] / a[i]) for i in range(2)]
    return above(slopes[0], slopes[1] + sp.Rational(1, 10))


@theorem.symbolic(scope="K = 1, all laws on two states", rivals={"H = 1 for K = 2": dict(choices=2)})
def one_choice_changes_nothing(choices=1):
    """K = 1 gives H ≡ 1."""
    return [equals(sp.simplify(h), 1) for h in exact.choice_ratio((P, 1 - P), (A1, A2), choices)]


@theorem.computed(
    at=[dict(span=1.0), dict(span=6.0)],
    scope="K = 2, rewards uniform on [0, span]",
    margin=1e-6,
    rivals={
        "a grid of 100 states": dict(
            of=lambda span: populations.Population(np.full(100, 0.01), np.linspace(0, span, 100))
        ),
        "K = 3": dict(choices=3),
    },
)
def continuous_laws_are_quadratures(
    span, of=lambda span: populations.of_rewards(stats.uniform(0, span)), choices=2
):
    """The loop depends on x only through r(x): weighted points of the reward's law give H on a continuum.

    For r uniform on [0, s] and K = 2, H(x) = 2·E a/(a + e^R) = (2/s)·[s − log((a + e^s)/(a + 1))].
    """
    p, reward = of(span).levels[:2]
    a = np.exp(reward)
    exact_ratio = 2 / span * (span - np.log((a + np.exp(span)) / (a + 1)))
    return equals(Enclosed(curation.choice_ratio(p, reward, choices), 1e-10), exact_ratio)
