"""The limit of the curated loop with real data, and when mass condenses on the best reward.

With η = λ/(1+λ) and K = ∞ a limit solves p = (1−η)·p_ref + η·p·a/Z, Z = E_p a, so p = (1−η)·p_ref·Z/(Z − ηa).
This is Kingman's house-of-cards model. As Z ≥ ηa* is needed, thin-topped continuous rewards condense where
(1−η)·E_ref[a*/(a* − a)] < 1: the missing mass 1 − (1−η)·E_ref[a*/(a* − a)] sits at r*, where p_ref has none.
A grid makes an atom at its top, so the equation always has a solution there: the condition is what counts.
"""

import functools
import math
from fractions import Fraction

import numpy as np
import sympy as sp
from scipy import integrate

from proofs_numeric._laws import THREE
from theorycheck import (
    DERIVED,
    Assumption,
    Enclosed,
    FiniteLaws,
    OneOf,
    Rationals,
    Theorem,
    at_least,
    at_most,
    below,
    equals,
)
from theorycheck.loops import curation, digits, exact, populations

theorem = Theorem(
    key="curated-mixture-fixed-point",
    title="The limit of the curated loop with real data, and condensation",
    source=DERIVED,
    statement=(
        r"K=\infty:\quad p = (1-\eta)\,p_{\mathrm{ref}}\,\frac{Z}{Z-\eta a},\quad Z=\mathbb{E}_p a,\quad "
        r"\eta=\frac{\lambda}{1+\lambda}"
    ),
    assumptions=[
        Assumption("finite-states", "p is a law on finitely many states", {"law": FiniteLaws((2, 4))}),
        Assumption("share", "η = share·Z/a*, so that p_ref ≥ 0", {"share": Rationals(0, Fraction(99, 100))}),
        Assumption(
            "infinite-choices", "users choose among infinitely many proposals", {"choices": OneOf(math.inf)}
        ),
    ],
)


# --- the equation and its solution --------------------------------------------------------------------------


def reference(law, eta):
    """The p_ref whose limit is p: p·(1 − ηa/Z)/(1 − η)."""
    top = exact.mean(law.p, law.a)
    return [x * (1 - eta * a / top) / (1 - eta) for x, a in zip(law.p, law.a, strict=True)]


def generation(p, real, law, eta, choices):
    """(1−η)·p_ref + η·p·H^K, exactly."""
    if choices == math.inf:
        ratio = [a / exact.mean(p, law.a) for a in law.a]
    else:
        ratio = exact.choice_ratio(p, law.a, choices)
    return [(1 - eta) * y + eta * x * h for x, y, h in zip(p, real, ratio, strict=True)]


@theorem.forall(
    examples=80,
    rivals={
        "λ for η": dict(law=THREE, share=Fraction(1, 3), weight=lambda eta: eta / (1 - eta)),
        "η² for η": dict(law=THREE, share=Fraction(1, 3), weight=lambda eta: eta**2),
    },
    without={"infinite-choices": dict(law=THREE, share=Fraction(1, 3), choices=2)},
)
def closed_form_is_a_fixed_point(law, share, choices=math.inf, weight=lambda eta: eta):
    """Every p with Z > ηa* is the limit of p_ref = p·(1 − ηa/Z)/(1−η), a law: one generation returns p."""
    eta = share * exact.mean(law.p, law.a) / max(law.a)
    real = reference(law, eta)
    after = generation(law.p, real, law, weight(eta), choices)
    return [
        equals(sum(real), 1),
        *(at_least(x, 0) for x in real),
        *(equals(x, y) for x, y in zip(after, law.p, strict=True)),
    ]


Z, ETA, A, Q, S, W = sp.symbols("Z eta a q s lambda", positive=True)


@theorem.symbolic(
    scope="all η, Z, a",
    rivals={
        "Z/(Z − a)": dict(form=lambda q: (1 - ETA) * q * Z / (Z - A)),
        "p_ref·a/Z": dict(form=lambda q: q * A / Z),
    },
)
def equation_is_solved(form=lambda q: (1 - ETA) * q * Z / (Z - ETA * A)):
    """p = (1−η)·p_ref·Z/(Z − ηa) solves p = (1−η)·p_ref + η·p·a/Z; summing it, Σp = 1 is Z = E_p a."""
    p = form(Q)
    return equals(p, (1 - ETA) * Q + ETA * p * A / Z)


@theorem.forall(
    examples=60,
    rivals={
        "no gain": dict(law=THREE, share=Fraction(1, 2), factor=lambda eta: Fraction(0), relation=equals),
        "1/(1−η)": dict(law=THREE, share=Fraction(1, 2), factor=lambda eta: 1 / (1 - eta)),
    },
)
def limit_raises_the_reward(law, share, factor=lambda eta: eta, relation=at_least):
    """E_p a − E_ref a = (η/(1−η))·Var_p(a)/Z ≥ η·Var_p(a)/Z: the limit is better than the real data."""
    average, spread = exact.mean(law.p, law.a), exact.variance(law.p, law.a)
    eta = share * average / max(law.a)
    gain = average - exact.mean(reference(law, eta), law.a)
    return [
        equals(gain, eta / (1 - eta) * spread / average),
        relation(gain, factor(eta) * spread / average),
    ]


@theorem.search(
    at=[dict(share=Fraction(1, 2))],
    given={"law": FiniteLaws((2, 2))},
    generations=10,
    sharp=1.01,
    rivals={"1/(1−η)": dict(factor=lambda eta: 1 / (1 - eta))},
)
def worst_case_of_the_gain(share, law, factor=lambda eta: eta):
    """No law on two atoms gains less, and where the best state is rare, so η small, none gains more."""
    return limit_raises_the_reward(law, share, factor)[1]


# --- the loop goes there ------------------------------------------------------------------------------------

STATES = {
    "spread": (np.full(50, 1 / 50), np.linspace(0, 2, 50)),
    "rare top": (np.append(np.full(20, 0.999 / 20), 0.001), np.append(np.linspace(0, 1, 20), 1.2)),
}


@functools.cache
def settled(states, proposals, weight):
    """p_600 of the population loop."""
    p, reward = STATES[states]
    return curation.trajectory(p, reward, proposals, 600, weight)[-1]


@theorem.computed(
    at=[
        dict(states=states, proposals=proposals, weight=weight)
        for states in STATES
        for proposals, weight in ((math.inf, 0.5), (4, 2.0), (2, 0.5))
    ],
    margin=1e-8,
    rivals={
        "the real data": dict(limit=lambda p, *_: p),
        "K = 3": dict(limit=lambda p, r, K, w: curation.fixed_point(p, r, 3, w).p),
        "half of λ": dict(limit=lambda p, r, K, w: curation.fixed_point(p, r, K, w / 2).p),
    },
)
def loop_tends_to_the_fixed_point(
    states, proposals, weight, limit=lambda p, r, K, w: curation.fixed_point(p, r, K, w).p
):
    """600 generations from p_ref end where the solver of p = (1−η)·p_ref/(1 − ηH_p) says, at any K."""
    return equals(
        Enclosed(settled(states, proposals, weight), 1e-10),
        limit(*STATES[states], proposals, weight),
        scale=1,
    )


@theorem.certified(
    at=[
        dict(proposals=K, weight=w)
        for K, w in ((2, Fraction(1, 2)), (2, Fraction(20)), (5, Fraction(3, 2)), (math.inf, Fraction(1, 2)))
    ],
    scope="p_ref = (½, 3/10, 1/5), a = (1/5, ½, 1)",
    rivals={
        "K + 1": dict(proposals=2, solve=lambda p, r, K, w: curation.fixed_point(p, r, K + 1, w)),
        "λ off by 10⁻⁹": dict(solve=lambda p, r, K, w: curation.fixed_point(p, r, K, w * (1 + 1e-9))),
        "p_ref": dict(solve=lambda p, r, K, w: curation.FixedPoint(p, 0.0, 0.0, 0)),
    },
)
def residual_is_certified(proposals, weight, solve=curation.fixed_point):
    """One exact generation moves at most 2·10⁻¹² of the mass of what `fixed_point` returns.

    No search: the gap is an error of floating point.
    """
    found = solve(np.array(THREE.p, float), np.log(np.array(THREE.a, float)), proposals, float(weight))
    p = [Fraction(float(x)) for x in found.p]
    after = generation(p, THREE.p, THREE, weight / (1 + weight), proposals)
    return at_most(sum(abs(x - y) for x, y in zip(after, p, strict=True)), Fraction(2, 10**12))


@theorem.computed(
    at=[dict(reward="class:0", weight=0.5), dict(reward="confidence", weight=2.0)],
    scope="digits, K = ∞",
    margin=1e-6,
    rivals={"Z from p_ref": dict(reward="class:0", weight=0.5, level=lambda p, q, a: q @ a)},
)
def digits_follow_the_closed_form(reward, weight, level=lambda p, q, a: p @ a):
    """On 1,797 digits the loop's own limit is (1−η)·p_ref·Z/(Z − ηa) with its own Z."""
    r = digits.reward(reward)
    real, a, eta = np.full(r.size, 1 / r.size), np.exp(r), weight / (1 + weight)
    end = curation.trajectory(real, r, math.inf, 400, weight)[-1]
    z = level(end, real, a)
    return equals(Enclosed(end, 1e-11), (1 - eta) * real * z / (z - eta * a), scale=1 / r.size)


# --- condensation: a = e^r, r with density 3(1−r)² on [0, 1] ------------------------------------------------


@functools.cache
def pole_moment():
    """E_ref[a*/(a* − a)] = ∫_0^1 3s²/(1 − e^{−s}) ds, and its error."""
    return integrate.quad(lambda s: 3 * s**2 / -math.expm1(-s), 0, 1, epsabs=1e-13)


@theorem.computed(
    at=[{}],
    scope="density 3(1−r)² on [0, 1]",
    margin=1e-4,
    rivals={
        "½": dict(value=0.5),
        "1/E": dict(threshold=lambda moment: 1 / moment),
    },
)
def threshold_of_the_example(value=0.515, threshold=lambda moment: 1 - 1 / moment):
    """η_c = 1 − 1/E_ref[a*/(a* − a)] is .515, rounded, for a = e^r and the density 3(1−r)² on [0, 1].

    No search: it is one number.
    """
    moment, error = pole_moment()
    return at_most(Enclosed(abs(threshold(moment) - value), error), 5e-4, scale=1)


@functools.cache
def thin_topped():
    """Weighted points of the density 3(1−r)²."""
    law = populations.of_density(lambda r: 3 * (1 - r) ** 2, 0, 1)
    return law.p, law.reward


@theorem.computed(
    at=[dict(eta=eta) for eta in (0.3, 0.5, 0.55, 0.7, 0.9)],
    margin=1e-6,
    rivals={
        "no condensate, as on a grid": dict(eta=0.7, mass=lambda eta, moment: 0.0),
        "1 − η of it": dict(eta=0.7, mass=lambda eta, moment: (1 - eta) * (1 - (1 - eta) * moment)),
        "at every η": dict(eta=0.3, mass=lambda eta, moment: abs(1 - (1 - eta) * moment)),
    },
)
def condensate_is_the_missing_mass(eta, mass=lambda eta, moment: max(0.0, 1 - (1 - eta) * moment)):
    """Mass 1 − (1−η)·E_ref[a*/(a* − a)] condenses at r* where that is positive, and none elsewhere."""
    p, r = thin_topped()
    found = curation.fixed_point(p, r, math.inf, eta / (1 - eta), top=1.0)
    return equals(Enclosed(found.condensate, 1e-10), mass(eta, pole_moment()[0]), scale=1)


@theorem.computed(
    at=[dict(eta=0.4), dict(eta=0.7)],
    scope="K = ∞, extrapolated from 2,000 and 4,000 generations",
    margin=0.002,
    rivals={"the grid's last atoms stay as they are": dict(eta=0.7, level=lambda mass: 0.0)},
)
def loop_carries_the_condensate_up(eta, level=lambda mass: mass):
    """The population loop itself moves that mass into r > .99, above what the regular part has there."""
    p, r = thin_topped()
    weight = eta / (1 - eta)
    found = curation.fixed_point(p, r, math.inf, weight, top=1.0)
    history = curation.trajectory(p, r, math.inf, 4000, weight)
    early, late = (history[t][r > 0.99].sum() - found.p[r > 0.99].sum() for t in (2000, 4000))
    return equals(Enclosed(2 * late - early, abs(late - early) + 1e-6), level(found.condensate), scale=1)


@theorem.computed(
    at=[dict(proposals=2, threshold=0.760), dict(proposals=4, threshold=0.637)],
    scope="density 3(1−r)² on [0, 1], η from 5·10⁻⁴ below to 5·10⁻⁴ above",
    margin=1e-6,
    rivals={
        "the same threshold at every K": dict(threshold=0.515),
        "1 % later": dict(proposals=2, threshold=0.768),
    },
)
def fewer_choices_condense_later(proposals, threshold):
    """η_c, rounded, is .760 at K = 2 and .637 at K = 4: nothing condenses below, and 10⁻⁴ or more above.

    At K = ∞ it is .515.
    No search: it is one number for each K.
    """
    p, r = thin_topped()
    before, after = (
        curation.fixed_point(p, r, proposals, eta / (1 - eta), top=1.0).condensate
        for eta in (threshold - 5e-4, threshold + 5e-4)
    )
    return at_most(Enclosed(np.array([before, 1e-4]), 1e-10), np.array([0.0, after]), scale=1)


@theorem.symbolic(
    scope="a* = 1, all λ > 0, every mass q of an atom at the top",
    rivals={
        "twice as far from ηa*": dict(near=lambda eta, q: eta * (1 + 2 * (1 - eta) * q)),
        "q for (1−η)q": dict(near=lambda eta, q: eta * (1 + q)),
        "λ for η": dict(real=lambda eta, q: (1 - eta / (1 - eta)) * q),
    },
)
def atoms_never_condense(near=lambda eta, q: eta * (1 + (1 - eta) * q), real=lambda eta, q: (1 - eta) * q):
    """With an atom q at the top, (1−η)·E_ref[Z/(Z − ηa)] → ∞ as Z → ηa*: there is always a solution above.

    At Z = ηa*·(1 + (1−η)q) the atom's term alone is 1 + (1−η)q, above 1.
    No search: symbols decide all λ and q.
    """
    eta, q = W / (1 + W), 1 / (1 + S)  # 0 < q ≤ 1
    term = real(eta, q) * near(eta, q) / (near(eta, q) - eta)
    return below(1, sp.cancel(term), over={W: Rationals(0), S: Rationals(0)})
