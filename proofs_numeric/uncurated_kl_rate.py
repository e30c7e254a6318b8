"""Without curation KL(p_θ*‖p_θt) = Õ(ρ^{2t}): near θ* the KL is quadratic and the parameters contract.

J = (A + λB)⁻¹λB with A = E_data ∇² log p_θ* ⪯ −αI, −B the Fisher information, ‖B − A‖ ≤ Lε (see
`retraining-stability`). Then ‖J‖ ≤ ρ = λ(α+εL)/(α+λ(α−εL)), and KL = ½(θ−θ*)ᵀ(−B)(θ−θ*) + o squares it.
The theorem asks for Lε < α and λ < α/(2Lε); the latter alone gives ρ < 1. What happens beyond, and why, is in
`uncurated-kl-rate-sharp`. What is needed is α > 0, no curation, and a local start.
"""

from fractions import Fraction

import numpy as np
import sympy as sp

from proofs_numeric._curvatures import FLAT, NUMBERS
from theorycheck import (
    FERBACH_2024,
    Assumption,
    CurvaturePairs,
    Enclosed,
    OneOf,
    Rationals,
    Theorem,
    above,
    at_least,
    at_most,
    below,
    equals,
)
from theorycheck.loops.linear import norm_gap, symmetric_functions
from theorycheck.loops.retraining import examples, rates
from theorycheck.loops.retraining.divergence import NEAR, divergence, kl_limit, late_ratio
from theorycheck.loops.retraining.examples import CLOSE, CLOSE_TOO
from theorycheck.loops.retraining.exponential import FAMILIES
from theorycheck.loops.retraining.family import X

OWN = ("logistic-location/logistic", "logistic/logistic", "mixture/its own mixture", "gaussian/normal")

theorem = Theorem(
    key="uncurated-kl-rate",
    title="Without curation the KL to the best model vanishes at the squared rate of the parameters",
    source=FERBACH_2024,
    statement=(
        r"\mathrm{KL}(p_{\theta^*}\|p_{\theta_t}) = \tilde{O}(\rho^{2t}),\quad "
        r"\rho = \frac{\lambda(\alpha+\varepsilon L)}{\alpha+\lambda(\alpha-\varepsilon L)} < 1"
    ),
    assumptions=[
        Assumption("uncurated", "samples are not curated", {"tilt": OneOf(0)}),
        Assumption(
            "strong-concavity",
            "E_data ∇² log p_θ* ⪯ −αI with α > 0 (α = 1 where matrices are drawn)",
            {"curvatures": CurvaturePairs(), "pair": OneOf(*CLOSE, *CLOSE_TOO, *OWN, "mixture/uniform")},
        ),
        Assumption("closeness", "κ = Lε/α < 1", {"kappa": Rationals(0, Fraction(999, 1000))}),
        Assumption("weight", "α is more than twice λLε", {"multiple": Rationals(2)}),
        Assumption("local-start", "θ_0 is within ¼ of θ* in each parameter", {"start": Rationals(0, 0.25)}),
    ],
)

W, ALPHA, LE, SPARE, T, Q = sp.symbols("lambda alpha Le g t q", positive=True)
NUMBERS_AT_HALF = dict(curvatures=NUMBERS, kappa=Fraction(1, 2), synthetic_weight=Fraction(1, 2))
WEIGHTS = (0.2, 0.5, 1.0, 5.0, 20.0)


# --- the parameters contract --------------------------------------------------------------------------------


@theorem.symbolic(
    scope="all λ, Lε ≥ 0, α = 2λLε + g with g > 0 (scaled to g ≥ 1)",
    rivals={
        "the stability theorem's ρ": dict(rate=rates.paper_rate),
        "signs swapped": dict(rate=lambda w, alpha, L, e: rates.kl_rate(w, alpha, -L, e)),
    },
    without={"weight": dict(multiple=1)},
)
def rate_is_below_one(rate=rates.kl_rate, multiple=2):
    """1 − ρ = (α − 2λLε)/(α + λ(α − Lε)), with a denominator above 0: ρ < 1 iff λ < α/(2Lε).

    Lε < α is not asked for.
    """
    quotient = (ALPHA - 2 * W * LE) / (ALPHA + W * (ALPHA - LE))
    alpha = multiple * W * LE + SPARE
    every = {W: Rationals(0), LE: Rationals(0), SPARE: Rationals(1)}
    return [
        equals(1 - rate(W, ALPHA, LE, sp.S(1)), quotient),
        above(alpha + W * (alpha - LE), 0, over=every),
        below(rate(W, alpha, LE, sp.S(1)), 1, over=every),
    ]


@theorem.symbolic(
    scope="all λ > 0; α > λLε for the first, λ(1+κ) = 1/(2+q) < ½ for the second",
    rivals={"the other way round": dict(relation=at_least)},
)
def rate_lies_between(relation=at_most):
    """The sharp rate ≤ ρ ≤ the stability theorem's rate, where each is defined; its condition is stronger."""
    alpha, kappa = W * LE + SPARE, 1 / ((2 + Q) * W) - 1
    every = {W: Rationals(0), LE: Rationals(0), SPARE: Rationals(1), Q: Rationals(0)}
    first = [sp.cancel(rate(W, alpha, LE, 1)) for rate in (rates.sharp_rate, rates.kl_rate)]
    second = [sp.cancel(rate(W, 1, kappa, 1)) for rate in (rates.kl_rate, rates.paper_rate)]
    return [relation(*first, over=every), relation(*second, over=every)]


@theorem.forall(
    examples=30,
    given={"synthetic_weight": Rationals(0, 100)},
    rivals={
        "ε forgotten": dict(**NUMBERS_AT_HALF, rate=lambda w, *_: w / (1 + w)),
        "signs swapped": dict(**NUMBERS_AT_HALF, rate=lambda w, alpha, L, e: rates.kl_rate(w, alpha, -L, e)),
        "no ε above": dict(
            **NUMBERS_AT_HALF, rate=lambda w, alpha, L, e: w * alpha / (alpha + w * (alpha - e * L))
        ),
    },
    without={"strong-concavity": dict(NUMBERS_AT_HALF, curvatures=FLAT)},
)
def jacobian_norm_is_bounded(curvatures, kappa, synthetic_weight, rate=rates.kl_rate):
    """‖(A+λB)⁻¹λB‖ ≤ ρ if A ⪯ −αI and ‖B−A‖ ≤ Lε < α: λ‖I+A⁻¹E‖/‖(1+λ)I+λA⁻¹E‖, E = B−A, ‖A⁻¹E‖ ≤ κ."""
    return [at_least(e, 0) for e in symmetric_functions(norm_gap(curvatures, kappa, synthetic_weight, rate))]


# --- the KL is quadratic ------------------------------------------------------------------------------------


def textbook(name):
    """Mean and covariance of T(x) in natural parameters, from the moments in any textbook."""
    eta = FAMILIES[name].natural
    if name == "poisson":
        return [sp.exp(eta[0])], [[sp.exp(eta[0])]]
    if name == "bernoulli":
        p = 1 / (1 + sp.exp(-eta[0]))
        return [p], [[p * (1 - p)]]
    if name == "gamma":
        shape, rate = eta
        mean = [sp.digamma(shape) - sp.log(rate), -shape / rate]
        return mean, [[sp.polygamma(1, shape), -1 / rate], [-1 / rate, shape / rate**2]]
    mu, square = eta[0] / (2 * eta[1]), 1 / (2 * eta[1])
    cross = -2 * mu * square
    return [mu, -(mu**2) - square], [[square, cross], [cross, 4 * mu**2 * square + 2 * square**2]]


@theorem.symbolic(
    at=[dict(family=name) for name in FAMILIES],
    scope="all parameters",
    rivals={"½ of it": dict(part=sp.Rational(1, 2)), "twice it": dict(part=2)},
)
def kl_is_half_the_fisher_form(family, part=1):
    """KL(p_η*‖p_η) has gradient 0 and Hessian Cov T = −B at η = η*, in an exponential family."""
    member = FAMILIES[family]
    mean, covariance = textbook(family)
    shift = [sp.Symbol(f"d_{i}", real=True) for i in range(len(mean))]
    moved = member.log_partition.subs(
        {eta: eta + d for eta, d in zip(member.natural, shift, strict=True)}, simultaneous=True
    )
    kl = moved - member.log_partition - sum(d * m for d, m in zip(shift, mean, strict=True))
    here = dict.fromkeys(shift, 0)
    return [
        *(equals(sp.diff(kl, d).subs(here), 0) for d in shift),
        *(
            equals(sp.diff(kl, a, b).subs(here), part * covariance[i][j])
            for i, a in enumerate(shift)
            for j, b in enumerate(shift)
        ),
    ]


@theorem.computed(
    at=[dict(pair=pair) for pair in ("logistic-location/bimodal", "logistic/normal", "mixture/uniform")],
    margin=2e-3,
    rivals={
        "A for B": dict(matrix_of=lambda real, own: -real),
        "no ½": dict(matrix_of=lambda real, own: -2 * own),
    },
)
def kl_is_quadratic_in_the_parameters(pair, matrix_of=lambda real, own: -own):
    """KL(p_θ*‖p_θ)/|θ−θ*|² → ½u'(−B)u along u: Fisher's information, even where the data have another."""
    found = examples.pair(pair)
    p = len(found.best)
    directions = np.concatenate([np.eye(p), np.ones((1, p)) / np.sqrt(p)])
    (far, _), (near, error) = (divergence(pair, found.best + size * directions) for size in (2 * NEAR, NEAR))
    form = np.einsum("ki,ij,kj->k", directions, matrix_of(*found.hessians), directions) / 2
    return equals(Enclosed(2 * near - far, np.abs(near - far) + 3 * error), form)


# --- the KL along orbits ------------------------------------------------------------------------------------


MEAN, SHIFT = sp.symbols("m d", real=True)


@theorem.symbolic(
    scope="the Gaussian mean: all data means, all starts, all λ > 0",
    rivals={
        "ρ, not squared": dict(factor=W / (1 + W)),
        "(λ/(1−λ))²": dict(factor=(W / (1 - W)) ** 2),
    },
    without={"uncurated": dict(tilt=1)},
)
def gaussian_kl_is_exact(factor=(W / (1 + W)) ** 2, tilt=0):
    """KL_{t+1} = (λ/(1+λ))²·KL_t at every t and distance; curation by e^{tilt·x} moves the fixed point."""

    def kl(mean, other):
        return sp.expand(((X - other) ** 2 - (X - mean) ** 2) / 2).subs(X, mean)  # linear in x

    theta = MEAN + SHIFT
    return equals(kl(MEAN, (MEAN + W * (theta + tilt)) / (1 + W)), factor * kl(MEAN, theta))


MEAN_KL = {
    "poisson": lambda m, x: m * sp.log(m / x) + x - m,
    "exponential": lambda m, x: sp.log(x / m) + m / x - 1,
}


@theorem.symbolic(
    at=[dict(family=family) for family in MEAN_KL],
    scope="all means, all λ > 0",
    rivals={"ρ, not squared": dict(power=1)},
)
def exponential_families_square_the_rate(family, power=2):
    """In mean parameters G is m ↦ (m_data + λm)/(1+λ), whatever the data; so KL_{t+1}/KL_t → (λ/(1+λ))².

    L'Hôpital, twice, in the distance t to θ*: both KLs vanish there with their slopes.
    """
    rate = W / (1 + W)
    after, before = (MEAN_KL[family](ALPHA, ALPHA + factor * T) for factor in (rate, 1))
    order = [[sp.diff(kl, T, k).subs(T, 0) for k in range(3)] for kl in (after, before)]
    return [
        *(equals(term, 0) for terms in order for term in terms[:2]),
        equals(order[0][2] / order[1][2], rate**power),
    ]


@theorem.certified(
    at=[dict(first=first) for first in (Fraction(101, 100), Fraction(2), Fraction(50))],
    scope="Poisson, data mean 1, λ = 1",
    rivals={"the squared rate from the first step": dict(relation=at_most)},
)
def rate_is_only_asymptotic(first, relation=above):
    """KL_1 > ρ²KL_0 from any mean above θ*: Õ(ρ^{2t}) cannot be read as ρ^{2t}·KL_0."""
    kl, start = MEAN_KL["poisson"], sp.Rational(first)
    return relation(kl(sp.S(1), (1 + start) / 2), kl(sp.S(1), start) / 4)


def bound(rate, pair, weights, share=1.0):
    """The square of a rate with this pair's α, L and ε; `share` multiplies L."""
    alpha, lipschitz, epsilon = examples.local(*pair.split("/"))
    return rate(np.array(weights), alpha, share * lipschitz, epsilon) ** 2


def threshold(pair):
    """α/(2Lε): the theorem allows smaller λ."""
    alpha, lipschitz, epsilon = examples.local(*pair.split("/"))
    return alpha / (2 * lipschitz * epsilon)


@theorem.computed(
    at=[dict(pair=pair) for pair in CLOSE],
    full=[dict(pair=pair) for pair in CLOSE_TOO],
    scope="½ and 0.99 of the largest λ allowed",
    margin=1e-3,
    rivals={"ε forgotten": dict(pair="logistic-location/bimodal", share=0.0)},
)
def kl_contracts_within_the_bound(pair, share=1.0):
    """The limit of KL_{t+1}/KL_t is at most ρ², with α, L and ε computed for the pair; Lε < α."""
    weights = (0.5 * threshold(pair), 0.99 * threshold(pair))
    return at_most(Enclosed(*kl_limit(pair, weights)), bound(rates.kl_rate, pair, weights, share), scale=1)


@theorem.computed(
    at=[dict(pair=pair) for pair in OWN],
    scope="λ from 0.2 to 20",
    margin=2e-4,
    rivals={
        "not squared": dict(factor=lambda w: w / (1 + w)),
        "(λ/(1−λ))²": dict(factor=lambda w: (w / (1 - w + (w == 1))) ** 2),
    },
)
def well_specified_rate(pair, factor=lambda w: (w / (1 + w)) ** 2):
    """At ε = 0 the limit is (λ/(1+λ))² at every λ, whatever L (the Gaussian's in (μ, σ) is infinite)."""
    return equals(Enclosed(*kl_limit(pair, WEIGHTS)), factor(np.array(WEIGHTS)), scale=1)


@theorem.computed(
    at=[dict(pair=pair, start=0.25) for pair in (*CLOSE, "mixture/its own mixture")],
    full=[dict(pair=pair, start=0.25) for pair in CLOSE_TOO],
    scope="λ = ½, eighth generation from θ* + ¼·(1, −1)",
    margin=0.005,
    rivals={"ninefold": dict(least=9.0, pair="logistic-location/normal")},
    without={
        "strong-concavity": dict(pair="student-location/±√3"),
        "local-start": dict(pair="mixture/its own mixture", start=4.0),
    },
)
def kl_falls_fourfold(pair, start, least=4.0):
    """If Lε < α, at λ = ½ the KL falls at least fourfold a generation, in the end: ρ ≤ 2λ/(1+2λ) = ½.

    Not where α = 0, nor from a start near another maximum: a mixture whose means are swapped stays there.
    """
    return at_most(Enclosed(*late_ratio(pair, start)), 1 / least, scale=1)


@theorem.computed(
    at=[dict(pair=pair) for pair in (*CLOSE[:2], OWN[2])],
    scope="λ = ½, eighth generation from θ* + ¼·(1, −1)",
    margin=1e-3,
    rivals={
        "not squared": dict(limit=lambda pair: np.sqrt(kl_limit(pair, (0.5,))[0])),
        "¼": dict(limit=lambda pair: 0.25),
    },
)
def late_ratio_is_the_limit(pair, limit=lambda pair: kl_limit(pair, (0.5,))[0]):
    """Within 10⁻⁴ KL_8/KL_7 is by then the limit that is found close to θ*: the orbit is at its rate."""
    return equals(Enclosed(late_ratio(pair, 0.25)[0], 1e-4 * limit(pair)), limit(pair))
