"""Without curation KL(p_θ*‖p_θt) = Õ(ρ^{2t}): near θ* the KL is quadratic and the parameters contract.

J = (A + λB)⁻¹λB with A = E_data ∇² log p_θ* ⪯ −αI, −B the Fisher information, ‖B − A‖ ≤ Lε (see
`retraining-stability`). Then ‖J‖ ≤ ρ = λ(α+εL)/(α+λ(α−εL)), and KL = ½(θ−θ*)ᵀ(−B)(θ−θ*) + o squares it.
Two conditions, Lε < α and λ < α/(2Lε); neither carries the conclusion. The second alone gives ρ < 1, and
under the first the sharp norm λ(1+κ)/(1+λ(1+κ)), κ = Lε/α, is below 1 at every λ: beyond α/(2Lε) the KL
still vanishes at the squared spectral radius of J. What is needed is α > 0, no curation, and a local start.
"""

import functools
from fractions import Fraction

import numpy as np
import sympy as sp
from scipy import stats

from theorycheck import (
    FERBACH_2024,
    Assumption,
    CurvaturePairs,
    Curvatures,
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
from theorycheck.loops.linear import matrix, row_sum_norm, symmetric_functions
from theorycheck.loops.retraining import examples, families, rates, stability
from theorycheck.loops.retraining.exponential import FAMILIES
from theorycheck.loops.retraining.family import X
from theorycheck.loops.retraining.laws import Mixture
from theorycheck.loops.retraining.maps import TOLERANCE, Retraining

# Pairs of a model and a data law, by the names of `loops.retraining.examples` or by those below.
CLOSE = ("logistic-location/normal", "logistic-location/bimodal", "logistic/normal", "student/laplace")
CLOSE_TOO = ("logistic-location/uniform", "logistic-location/laplace", "student/heavy")
FAR = ("logistic-location/digits", "mixture/uniform")  # Lε ≥ α
FAR_TOO = ("student/bimodal", "logistic/skewed", "mixture/laplace")
OWN = ("logistic-location/logistic", "logistic/logistic", "mixture/its own", "gaussian/normal")
THIRD = sp.Rational(1, 3)
MORE = {
    "mixture/its own": lambda: Retraining(
        families.mixture(THIRD), Mixture((1 / 3, 2 / 3), (stats.norm(-2), stats.norm(2)))
    ),
    "student(3)/±√3": lambda: Retraining(families.student(3, 1), np.sqrt(3) * np.array([-1.0, 1.0])),
}

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
            {"curvatures": CurvaturePairs(), "pair": OneOf(*CLOSE, *CLOSE_TOO, *FAR, *FAR_TOO, *OWN)},
        ),
        Assumption("closeness", "κ = Lε/α < 1", {"kappa": Rationals(0, Fraction(999, 1000))}),
        Assumption("weight", "α is more than twice λLε", {"multiple": Rationals(2)}),
        Assumption("local-start", "θ_0 is within ¼ of θ* in each parameter", {"start": Rationals(0, 0.25)}),
    ],
)

# --- the rate, as a formula ---------------------------------------------------------------------------------

W, ALPHA, LE, SPARE, T, Q = sp.symbols("lambda alpha Le g t q", positive=True)


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


# --- the parameters contract --------------------------------------------------------------------------------

PAIR_OF_NUMBERS = dict(
    curvatures=Curvatures(((1,),), ((3,),)), kappa=Fraction(1, 2), synthetic_weight=Fraction(1, 2)
)
SKEWED = Curvatures(((1, 0), (0, 100)), ((1, 9), (9, 100)))
FLAT = Curvatures(((1, 0), (0, 0)), ((1, 0), (0, 1)))


def norm_gap(curvatures, kappa, weight, rate):
    """ρ²(A + λB)² − λ²B² with α = 1, which is ⪰ 0 iff ‖J‖ ≤ ρ.

    B = A + κS, where S is the pair's difference over its row-sum norm, so that ‖B − A‖ ≤ κ.
    """
    real, other = map(matrix, curvatures)
    kappa, weight = sp.Rational(kappa), sp.Rational(weight)
    difference = other - real
    own = real + kappa * difference / (row_sum_norm(difference) or 1)
    return rate(weight, 1, kappa, 1) ** 2 * (real + weight * own) ** 2 - weight**2 * own**2


@theorem.forall(
    examples=30,
    given={"synthetic_weight": Rationals(0, 100)},
    rivals={
        "ε forgotten": dict(**PAIR_OF_NUMBERS, rate=lambda w, *_: w / (1 + w)),
        "signs swapped": dict(**PAIR_OF_NUMBERS, rate=lambda w, alpha, L, e: rates.kl_rate(w, alpha, -L, e)),
        "no ε above": dict(
            **PAIR_OF_NUMBERS, rate=lambda w, alpha, L, e: w * alpha / (alpha + w * (alpha - e * L))
        ),
    },
    without={"strong-concavity": dict(PAIR_OF_NUMBERS, curvatures=FLAT)},
)
def jacobian_norm_is_bounded(curvatures, kappa, synthetic_weight, rate=rates.kl_rate):
    """‖(A+λB)⁻¹λB‖ ≤ ρ if A ⪯ −αI and ‖B−A‖ ≤ Lε < α: λ‖I+A⁻¹E‖/‖(1+λ)I+λA⁻¹E‖, E = B−A, ‖A⁻¹E‖ ≤ κ."""
    return [at_least(e, 0) for e in symmetric_functions(norm_gap(curvatures, kappa, synthetic_weight, rate))]


@theorem.forall(
    examples=30,
    given={"kappa": Rationals(1, 50), "share": Rationals(0, Fraction(999, 1000))},
    rivals={
        "sharp rate": dict(
            curvatures=SKEWED, kappa=Fraction(9), share=Fraction(9, 10), rate=rates.sharp_rate
        ),
        "condition λ < α/(Lε)": dict(curvatures=SKEWED, kappa=Fraction(9), share=Fraction(19, 10)),
    },
)
def closeness_is_not_needed(curvatures, kappa, share, rate=rates.kl_rate):
    """‖J‖ ≤ ρ < 1 for Lε ≥ α too, as long as λ < α/(2Lε)."""
    weight = sp.Rational(share) / (2 * sp.Rational(kappa))
    gap = norm_gap(curvatures, kappa, weight, rate)
    return [
        below(rate(weight, 1, sp.Rational(kappa), 1), 1),
        *(at_least(e, 0) for e in symmetric_functions(gap)),
    ]


@theorem.forall(
    examples=30,
    given={"synthetic_weight": Rationals(0, 100)},
    rivals={
        "ε forgotten": dict(**PAIR_OF_NUMBERS, rate=lambda w, *_: w / (1 + w)),
        "half of κ": dict(
            **PAIR_OF_NUMBERS, rate=lambda w, alpha, L, e: rates.sharp_rate(w, alpha, L / 2, e)
        ),
    },
    without={
        "strong-concavity": dict(PAIR_OF_NUMBERS, curvatures=FLAT),
        "closeness": dict(curvatures=SKEWED, kappa=Fraction(9), synthetic_weight=Fraction(1)),
    },
)
def sharp_norm_at_every_weight(curvatures, kappa, synthetic_weight, rate=rates.sharp_rate):
    """If Lε < α, ‖J‖ ≤ λ(1+κ)/(1+λ(1+κ)) < 1 at every λ: in the very norm, λ < α/(2Lε) is not needed."""
    return [at_least(e, 0) for e in symmetric_functions(norm_gap(curvatures, kappa, synthetic_weight, rate))]


@theorem.symbolic(
    scope="all λ ≥ 0, κ = 1/(1+q) in (0, 1]",
    rivals={
        "half of κ": dict(rate=lambda w, kappa: rates.sharp_rate(w, 1, kappa / 2, 1)),
        "any κ": dict(size=2 + Q),
    },
)
def proof_of_the_sharp_norm(rate=lambda w, kappa: rates.sharp_rate(w, 1, kappa, 1), size=1 / (1 + Q)):
    """ρ²|(1+λ)w+λu|² − λ²|w+u|² = c₁(κ²|w|²−|u|²) + c₂|κw−u|², u = A⁻¹Ew, with c₁ ≥ 0, and c₂ ≥ 0 for κ ≤ 1.

    As J = λ(I+A⁻¹E)((1+λ)I+λA⁻¹E)⁻¹, this says ‖J‖ ≤ ρ. In general c₂ ≥ 0 iff λκ² ≤ 1+λ.
    """
    k, ww, wu, uu = sp.symbols("kappa ww wu uu", positive=True)
    square = rate(W, k) ** 2
    second = (W**2 - square * W * (1 + W)) / k
    first = second + W**2 * (1 - square)
    left = square * ((1 + W) ** 2 * ww + 2 * W * (1 + W) * wu + W**2 * uu) - W**2 * (ww + 2 * wu + uu)
    every = {W: Rationals(0), Q: Rationals(0)}
    return [
        equals(left, first * (k**2 * ww - uu) + second * (k**2 * ww - 2 * k * wu + uu)),
        *(at_least(sp.cancel(c.subs(k, size)), 0, over=every) for c in (first, second)),
    ]


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


constants = functools.cache(stability.constants)


@functools.cache
def loop(pair):
    """The named model retrained on the named data."""
    return MORE[pair]() if pair in MORE else examples.loop(*pair.split("/"))


LOG_DENSITY = {
    "logistic-location": stats.logistic.logpdf,
    "logistic": stats.logistic.logpdf,
    "student": lambda x, m, s: stats.t.logpdf(x, 5, m, s),
    "student(3)": lambda x, m: stats.t.logpdf(x, 3, m),
    "gaussian": stats.norm.logpdf,
    "mixture": lambda x, a, b: np.logaddexp(
        stats.norm.logpdf(x, a) - np.log(3), stats.norm.logpdf(x, b) - np.log(1.5)
    ),
}


@functools.cache
def line_rule(order):
    """Nodes and weights for ∫dx over the line: Gauss–Legendre on 24 panels of t, x = 3t/(1−t²)."""
    node, weight = np.polynomial.legendre.leggauss(order)
    t = (np.arange(-12, 12)[:, None] + (node + 1) / 2).ravel() / 12
    return 3 * t / (1 - t**2), np.tile(weight / 24, 24) * 3 * (1 + t**2) / (1 - t**2) ** 2


def divergence(pair, theta, reverse=False):
    """KL(p_θ*‖p_θ), or KL(p_θ‖p_θ*), over |θ−θ*|²: θ of shape (…, p); two rules tell the error.

    ∫p(u + e^{−u} − 1), u = log(p/q), of SciPy's densities: it does not cancel.
    """
    best, log = loop(pair).best, LOG_DENSITY[pair.split("/")[0]]
    columns = np.moveaxis(theta, -1, 0)[..., None]
    values = []
    for order in (16, 24):
        x, weight = line_rule(order)
        logs = log(x + best[0], *best), log(x + best[0], *columns)
        first, second = reversed(logs) if reverse else logs
        ratio = np.clip(first - second, -500, 500)
        values.append(np.sum(weight * np.exp(first) * (ratio + np.expm1(-ratio)), axis=-1))
    coarse, fine = values / np.sum((theta - best) ** 2, axis=-1)
    return Enclosed(fine, np.abs(fine - coarse) + 1e-14)


NEAR = 1e-3  # how far from θ* limits are taken


@theorem.computed(
    at=[dict(pair=pair) for pair in ("logistic-location/bimodal", "logistic/normal", "mixture/uniform")],
    margin=2e-3,
    rivals={
        "A for B": dict(matrix_of=lambda real, own: -real),
        "no ½": dict(matrix_of=lambda real, own: -2 * own),
    },
)
def kl_is_quadratic_in_the_parameters(pair, reverse=False, matrix_of=lambda real, own: -own):
    """KL(p_θ*‖p_θ)/|θ−θ*|² → ½u'(−B)u along u: Fisher's information, even where the data have another."""
    found = loop(pair)
    p = len(found.best)
    directions = np.concatenate([np.eye(p), np.ones((1, p)) / np.sqrt(p)])
    far, near = (divergence(pair, found.best + size * directions, reverse) for size in (2 * NEAR, NEAR))
    value = 2 * near.value - far.value
    form = np.einsum("ki,ij,kj->k", directions, matrix_of(*found.hessians), directions) / 2
    return equals(Enclosed(value, np.abs(near.value - far.value) + 3 * near.error), form)


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


@functools.cache
def kl_limit(pair, weights, reverse=False):
    """The limiting ratio KL_{t+1}/KL_t at each λ, along the direction that the loop shrinks least.

    The third ratio from distances `NEAR` and 2·`NEAR`, extrapolated to 0; second-order effects remain.
    """
    found = loop(pair)
    values, vectors = np.linalg.eig(found.jacobian(weights))
    slowest = np.argmax(np.abs(values), axis=-1)[:, None, None]
    directions = np.take_along_axis(vectors, slowest, axis=-1)[..., 0].real
    starts = found.best + NEAR * np.array([1.0, 2.0])[:, None, None] * directions
    orbit = found.orbit(starts, weights, 3)[2:]
    kl = divergence(pair, orbit, reverse)
    square = np.sum((orbit - found.best) ** 2, axis=-1)
    near, far = kl.value[1] / kl.value[0] * square[1] / square[0]
    rounding = 4 * (kl.error.max() / kl.value.min() + TOLERANCE / np.sqrt(square[1, 0]))
    return Enclosed(2 * near - far, np.abs(near - far) + rounding + NEAR**2)


WEIGHTS = (0.2, 0.5, 1.0, 5.0, 20.0)


def squared_radius(pair, power=2):
    """ρ(J)² at each λ."""
    return np.abs(np.linalg.eigvals(loop(pair).jacobian(WEIGHTS))).max(axis=-1) ** power


def squared(rate, pair, weights, share=1.0):
    """The square of a rate with this pair's α, L and ε; `share` multiplies L."""
    known = constants(loop(pair))
    return rate(np.array(weights), known.alpha, share * known.lipschitz, known.epsilon) ** 2


@theorem.computed(
    at=[*(dict(pair=pair) for pair in (*CLOSE, *FAR)), dict(pair="logistic/normal", reverse=True)],
    full=[dict(pair=pair) for pair in (*CLOSE_TOO, *FAR_TOO)],
    scope="λ from 0.2 to 20",
    margin=2e-4,
    rivals={
        "not squared": dict(factor=lambda pair: squared_radius(pair, 1)),
        "(λ/(1+λ))²": dict(factor=lambda pair: (np.array(WEIGHTS) / (1 + np.array(WEIGHTS))) ** 2),
    },
)
def kl_falls_at_the_squared_radius(pair, reverse=False, factor=squared_radius):
    """KL_{t+1}/KL_t → ρ(J)² at every λ, λ ≥ α/(2Lε) and Lε ≥ α included; KL(p_θt‖p_θ*) has the same limit."""
    return equals(kl_limit(pair, WEIGHTS, reverse), factor(pair), scale=1)


def threshold(pair):
    """α/(2Lε): the theorem allows smaller λ."""
    known = constants(loop(pair))
    return known.alpha / (2 * known.lipschitz * known.epsilon)


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
    return at_most(kl_limit(pair, weights), squared(rates.kl_rate, pair, weights, share), scale=1)


@theorem.computed(
    at=[dict(pair=pair) for pair in (*CLOSE, *FAR)],
    full=[dict(pair=pair) for pair in (*CLOSE_TOO, *FAR_TOO)],
    scope="λ from 0.2 to 20",
    margin=1e-3,
    rivals={
        "the KL stops falling beyond α/(2Lε)": dict(
            relation=at_least, bound=lambda pair: np.where(np.array(WEIGHTS) > threshold(pair), 1.0, 0.0)
        ),
        "ε forgotten": dict(
            pair="logistic-location/bimodal", bound=lambda pair: squared(rates.sharp_rate, pair, WEIGHTS, 0.0)
        ),
    },
)
def kl_contracts_beyond_the_condition(
    pair, relation=at_most, bound=lambda pair: squared(rates.sharp_rate, pair, WEIGHTS)
):
    """At every λ the limit of KL_{t+1}/KL_t is at most (λ(1+κ)/(1+λ(1+κ)))² < 1, for Lε ≥ α too."""
    return relation(kl_limit(pair, WEIGHTS), bound(pair), scale=1)


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
    return equals(kl_limit(pair, WEIGHTS), factor(np.array(WEIGHTS)), scale=1)


# --- what is needed -----------------------------------------------------------------------------------------


@functools.cache
def late_ratio(pair, start):
    """KL_8/KL_7 at λ = ½ from θ_0 = θ* + start·(1, −1)."""
    found = loop(pair)
    orbit = found.orbit(found.best + start * np.array([1.0, -1.0])[: len(found.best)], 0.5, 8)[-2:]
    kl, square = divergence(pair, orbit), np.sum((orbit - found.best) ** 2, axis=-1)
    error = 4 * (kl.error.max() / kl.value.min() + TOLERANCE / np.sqrt(square.min()))
    return Enclosed(kl.value[1] / kl.value[0] * square[1] / square[0], error)


@theorem.computed(
    at=[dict(pair=pair, start=0.25) for pair in (*CLOSE, "mixture/its own")],
    full=[dict(pair=pair, start=0.25) for pair in CLOSE_TOO],
    scope="λ = ½, eighth generation from θ* + ¼·(1, −1)",
    margin=0.005,
    rivals={"ninefold": dict(least=9.0, pair="logistic-location/normal")},
    without={
        "strong-concavity": dict(pair="student(3)/±√3"),
        "local-start": dict(pair="mixture/its own", start=4.0),
    },
)
def kl_falls_fourfold(pair, start, least=4.0):
    """If Lε < α, at λ = ½ the KL falls at least fourfold a generation, in the end: ρ ≤ 2λ/(1+2λ) = ½.

    Not where α = 0, nor from a start near another maximum: a mixture whose means are swapped stays there.
    """
    return at_most(late_ratio(pair, start), 1 / least, scale=1)


@theorem.computed(
    at=[dict(weight=0.25), dict(weight=2.0)],
    scope="Student(3) location, data at ±√3: α = 0, ε finite",
    margin=0.01,
    rivals={
        "half as fast": dict(growth=lambda w: 0.5 / w),
        "at a geometric rate": dict(growth=lambda w: 1e3 * (1 + 1 / w)),
    },
)
def flat_likelihood_slows_the_kl(weight, growth=lambda w: 1 / w):
    """1/KL_t grows by 1/λ a generation, so KL_t ~ λ/t and KL_{t+1}/KL_t → 1, at every λ > 0.

    The growth along the solved map's orbit is extrapolated to θ → 0, where its error is O(θ²).
    """
    pair = "student(3)/±√3"
    near, far = (loop(pair).orbit([start], weight, 5) for start in (0.01, 0.02))
    fine, coarse = (np.diff(1 / (divergence(pair, orbit).value * orbit[:, 0] ** 2)) for orbit in (near, far))
    rounding = 1e-13 / near[1:, 0] ** 3
    return equals(Enclosed(fine + (fine - coarse) / 3, np.abs(fine - coarse) / 3 + rounding), growth(weight))
