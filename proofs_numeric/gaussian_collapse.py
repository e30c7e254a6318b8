"""A Gaussian refitted to its own samples collapses: E σ_t ≤ α^t σ_0 with α < 1.

The loop starts from known (μ_0, σ_0). Each generation draws n points from N(μ_t, σ_t²) and takes their
mean and unbiased variance as (μ_{t+1}, σ²_{t+1}). The sharp constant is α = c₄(n), and it is attained:
E σ_t = c₄(n)^t σ_0. Read on for what people get wrong: the typical path shrinks faster than the mean, the
variance does not shrink in mean at all, and plain Monte Carlo of E σ_t lies at long horizons.
"""

import functools
from fractions import Fraction
from math import sqrt

import numpy as np
import sympy as sp
from scipy import stats

from theorycheck import (
    BERTRAND_2024,
    Assumption,
    Enclosed,
    Integers,
    OneOf,
    Rationals,
    Rival,
    Theorem,
    at_least,
    at_most,
    below,
    equals,
    law,
    mean,
)
from theorycheck.loops import closed_forms as form
from theorycheck.loops import exact, gaussian
from theorycheck.loops.gaussian import contraction_factor

theorem = Theorem(
    key="gaussian-collapse",
    title="A Gaussian refitted to its own samples collapses",
    source=BERTRAND_2024,
    statement=r"\mathbb{E}\,\sigma_t \le \alpha^t \sigma_0,\quad 0 \le \alpha < 1",
    assumptions=[
        Assumption("sample-size", "each generation has n ≥ 2 samples", {"n": Integers(2)}),
        Assumption("gaussian", "samples are Gaussian", {"noise": OneOf("gaussian")}),
        Assumption("synthetic-only", "every sample comes from the current model", {"real": OneOf(0)}),
    ],
)

N = sp.Symbol("n", integer=True, positive=True)
NU, X = sp.symbols("nu x", positive=True)
S = sp.Symbol("s", positive=True)

# --- one generation: the law of the sample scale -----------------------------------------------------------


def scaled_variance(rng, size, n, noise="gaussian"):
    """νS²/σ² of literal samples."""
    return (n - 1) * gaussian.simulate(rng, n, 1, size, noise=noise).scale ** 2


def distance_between_chi_squares(n):
    """A lower bound on the distance of χ²_n from χ²_{n−1}: the difference of their laws at n − 1."""
    return form.chi_square_below(sp.Integer(n - 1), n - 1) - form.chi_square_below(sp.Integer(n - 1), n)


@theorem.sampled(
    at=[dict(n=2), dict(n=5), dict(n=30)],
    margin=0.015,
    rivals={"n degrees of freedom": Rival(dict(freedom=lambda n: n), distance_between_chi_squares)},
    without={"gaussian": dict(noise="two-point")},
)
def scaled_variance_is_chi_square(n, freedom=lambda n: n - 1, noise="gaussian"):
    """Cochran: νS²/σ² of n Gaussian points follows χ²_ν, ν = n − 1."""
    return equals(law(scaled_variance, n, noise), stats.chi2(freedom(n)))


@theorem.symbolic(
    scope="all real ν > 0, all powers > 0",
    rivals={
        "n-1 for n": dict(moment=lambda n, p: form.scale_moment(n - 1, p)),
        "biased estimator": dict(moment=lambda n, p: form.scale_moment(n, p) * ((n - 1) / n) ** (p / 2)),
        "no √(2/ν)": dict(moment=lambda n, p: form.scale_moment(n, p) * ((n - 1) / 2) ** (p / 2)),
    },
)
def moments_of_the_scale(moment=form.scale_moment):
    """E (S/σ)^p = (2/ν)^{p/2} Γ((ν+p)/2)/Γ(ν/2); at p = 1 this is c₄(n), at p = 2 it is 1."""
    density = form.chi_square_density(X, NU)
    return [
        equals(sp.Integral((X / NU) ** (S / 2) * density, (X, 0, sp.oo)), moment(NU + 1, S)),
        equals(sp.Integral(sp.sqrt(X / NU) * density, (X, 0, sp.oo)), moment(NU + 1, sp.S(1))),
        equals(moment(NU + 1, sp.S(2)), 1),
    ]


@theorem.symbolic(
    scope="all real ν > 0, all x > 0",
    rivals={"tilt to two degrees more": dict(degrees=2), "weight x/ν": dict(power=sp.S(1))},
)
def change_of_measure(degrees=1, power=form.HALF):
    """√(x/ν)·f_ν(x) = c₄·f_{ν+1}(x): under the √-tilt σ_t times the likelihood ratio is the constant c₄^t.

    So E σ_t = c₄^t σ_0 for every t, without variance.
    """
    ratio = (X / NU) ** power * form.chi_square_density(X, NU)
    return equals(ratio / (form.contraction_factor(NU + 1) * form.chi_square_density(X, NU + degrees)), 1)


# --- the factor is below one --------------------------------------------------------------------------------


@theorem.symbolic(
    scope="all real ν > 0",
    rivals={"(ν+1)²/ν²": dict(growth=(NU + 1) ** 2 / NU**2), "ν/(ν+1)": dict(growth=NU / (NU + 1))},
)
def factor_recurrence(growth=(NU + 1) ** 2 / (NU * (NU + 2))):
    """c₄²(ν+2) = c₄²(ν)·(ν+1)²/(ν(ν+2)), and c₄²(ν)·c₄²(ν+1) = ν/(ν+1).

    The second with c₄ ≤ 1 (Jensen) gives c₄ → 1; the first then gives c₄ < 1 at every ν.
    """
    square = lambda nu: form.contraction_factor(nu + 1) ** 2  # noqa: E731
    return [
        equals(square(NU + 2) / square(NU), growth),
        equals(square(NU) * square(NU + 1), NU / (NU + 1)),
    ]


@theorem.symbolic(
    scope="all real ν ≥ 1",
    rivals={
        "lower bound 1−1/(4ν)": dict(lower=lambda nu: 1 - 1 / (4 * nu)),
        "upper bound 1−1/(2ν)": dict(upper=lambda nu: 1 - 1 / (2 * nu)),
    },
)
def bounds_are_inherited(lower=lambda nu: 1 - 1 / (2 * nu), upper=lambda nu: 1 - (1 - 2 / sp.pi) / nu):
    """c₄² grows by (ν+1)²/(ν(ν+2)) > 1 from ν to ν+2, its lower bound by more, its upper bound by less.

    As all tend to 1, c₄² < 1 and 1−1/(2ν) < c₄² hold at every ν ≥ 1, and c₄² < 1−(1−2/π)/ν at every ν ≥ 2.
    """
    growth = (NU + 1) ** 2 / (NU * (NU + 2))
    from_one, from_two = {NU: Rationals(1)}, {NU: Rationals(2)}
    return [
        below(1, growth, over=from_one),
        below(growth, lower(NU + 2) / lower(NU), over=from_one),
        below(upper(NU + 2) / upper(NU), growth, over=from_two),
    ]


@theorem.certified(
    at=[dict(last=5_000)],
    full=[dict(last=1_000_000)],
    scope="every n from 2 to last",
    rivals={
        "upper bound 1−1/(2ν)": dict(upper=lambda nu: 1 - 1 / (2 * nu)),
        "lower bound 1−1/(4ν)": dict(lower=lambda nu: 1 - 1 / (4 * nu)),
    },
)
def factor_between_bounds(last, lower=lambda nu: 1 - 1 / (2 * nu), upper=lambda nu: 1 - (1 - 2 / sp.pi) / nu):
    """1 − 1/(2ν) < c₄² ≤ 1 − (1−2/π)/ν < 1, one n at a time; the right side is attained at n = 2."""
    square = form.contraction_factor(N) ** 2
    return [
        below(lower(N - 1), square, over={N: Integers(2, last)}),
        below(square, upper(N - 1), over={N: Integers(3, last)}),
    ]


@theorem.symbolic(scope="n = 2", rivals={"½ for 2/π": dict(value=sp.Rational(1, 2))})
def upper_bound_attained(value=2 / sp.pi):
    """c₄(2)² = 2/π = 1 − (1−2/π)/1."""
    return equals(form.contraction_factor(sp.Integer(2)) ** 2, value)


@theorem.certified(
    at=[dict(n=n) for n in (2, 3, 10, 101, 10**4, 10**8, 10**12)],
    rivals={"off by 3e−13": dict(fast=lambda n: contraction_factor(n) * (1 + 3e-13))},
)
def fast_factor_is_enclosed(n, fast=contraction_factor):
    """The function that users call agrees with the closed form to a relative error of 1e−13."""
    truth = form.contraction_factor(N)
    here = {N: Integers(n, n)}
    tolerance = Fraction(1, 10**13)
    return [
        at_most(Fraction(fast(n)) / truth, 1 + tolerance, over=here),
        at_least(Fraction(fast(n)) / truth, 1 - tolerance, over=here),
    ]


# --- all generations ----------------------------------------------------------------------------------------

scale_law = functools.cache(gaussian.scale_law)  # the same for a claim and its rivals

FACTOR_RIVALS = {
    "0.99·c₄": dict(factor=lambda n: 0.99 * contraction_factor(n)),
    "c₄(n−1)": dict(factor=lambda n: contraction_factor(n - 1)),
    "c₄(n+1)": dict(factor=lambda n: contraction_factor(n + 1)),
    "no collapse": dict(factor=lambda n: 1.0),
    "biased estimator": dict(factor=form.biased_contraction_factor),
}


@theorem.computed(
    at=[dict(n=3, steps=3), dict(n=10, steps=5), dict(n=10, steps=20), dict(n=50, steps=20)],
    margin=1e-9,
    rivals={**FACTOR_RIVALS, "one generation more": dict(generations=lambda t: t + 1)},
)
def tower_property(n, steps, factor=contraction_factor, generations=lambda t: t):
    """E σ_t = c₄^t σ_0, from the law of σ_t itself: t convolutions of the law of log(S/σ)."""
    return equals(_converged(n, steps, np.exp), factor(n) ** generations(steps))


def _converged(n, steps, function):
    """E function(log σ_t) with its error: the change when the grid is halved, and rounding."""
    coarse, fine = (scale_law(n, steps, points).expect(function) for points in (512, 1024))
    return Enclosed(fine, abs(fine - coarse) + 1e-12 * max(1.0, abs(fine)))


def scale(rng, size, n, steps, kernel="literal", biased=False, noise="gaussian", real=0):
    """σ_t of simulated loops."""
    return gaussian.simulate(rng, n, steps, size, kernel=kernel, biased=biased, noise=noise, real=real).scale


def scale_variance(n, steps, noise="gaussian", real=0):
    """A bound on Var σ_t/σ_0².

    For Gaussian noise and no real data E σ_t² = σ_0², and E σ_t ≥ (1 − 1/(2ν))^{t/2} σ_0 as c₄² > 1 − 1/(2ν).
    Otherwise E σ_t² itself, by the recursion of E σ_t² and E μ_t² with `real` points of N(0, 1) in the mix.
    """
    if noise == "gaussian" and not real:
        return 1 - (1 - 1 / (2 * (n - 1))) ** steps
    square, displacement, own = 1.0, 0.0, n - real
    for _ in range(steps):
        within = (real + own * square) / n
        square, displacement = (
            within + displacement * real * own / (n * (n - 1)),
            displacement * (own / n) ** 2 + within / n,
        )
    return square


@theorem.sampled(
    at=[dict(n=10, steps=5), dict(n=50, steps=20), dict(n=5, steps=10)],
    margin=0.025,
    rivals={
        "0.97·c₄": Rival(
            dict(factor=lambda n: 0.97 * contraction_factor(n)), lambda steps: Fraction(100, 97) ** steps - 1
        ),
        "one generation more, n = 5": Rival(
            dict(n=5, steps=10, generations=lambda t: t + 1), lambda n: 1 / form.contraction_factor(n) - 1
        ),
    },
    without={
        "gaussian": dict(n=10, steps=5, noise="two-point"),
        "synthetic-only": dict(n=10, steps=5, real=5),
    },
)
def mean_scale_decays(n, steps, factor=contraction_factor, generations=lambda t: t, noise="gaussian", real=0):
    """E σ_t ≤ c₄^t σ_0 for the loop as the paper runs it."""
    drawn = mean(
        scale, n, steps, "literal", False, noise, real, variance=scale_variance(n, steps, noise, real)
    )
    return at_most(drawn, factor(n) ** generations(steps))


@theorem.sampled(at=[dict(n=5, steps=5), dict(n=10, steps=20)], margin=0.025, rivals=FACTOR_RIVALS)
def mean_scale_is_exact(n, steps, factor=contraction_factor):
    """E σ_t = c₄^t σ_0: the constant c₄ is sharp, at every t."""
    return equals(mean(scale, n, steps, "reduced", variance=scale_variance(n, steps)), factor(n) ** steps)


@theorem.sampled(
    at=[dict(n=5, steps=5), dict(n=10, steps=10)],
    margin=0.05,
    rivals={
        "unbiased factor": dict(factor=contraction_factor),
        "(n−1)/n without the root": dict(factor=lambda n: contraction_factor(n) * (n - 1) / n),
    },
)
def biased_estimator_collapses_faster(n, steps, factor=form.biased_contraction_factor):
    """With the maximum-likelihood variance, E σ_t = (c₄·√((n−1)/n))^t σ_0."""
    return equals(mean(scale, n, steps, "literal", True, variance=((n - 1) / n) ** steps), factor(n) ** steps)


def tilted_square(rng, size, n):
    """νS²/σ² drawn under the √-tilt."""
    return (n - 1) * gaussian.simulate(rng, n, 1, size, kernel="tilted").scale ** 2


@theorem.sampled(
    at=[dict(n=5), dict(n=30)],
    margin=0.015,
    rivals={"n − 1 degrees of freedom": Rival(dict(freedom=lambda n: n - 1), distance_between_chi_squares)},
)
def tilt_draws_one_degree_more(n, freedom=lambda n: n):
    """Under the √-tilt νS²/σ² follows χ²_n in place of χ²_{n−1}."""
    return equals(law(tilted_square, n), stats.chi2(freedom(n)))


def tilted_scale(rng, size, n, steps):
    """σ_t times the likelihood ratio of the path, relative to c₄^t; drawn under the √-tilt."""
    paths = gaussian.simulate(rng, n, steps, size, kernel="tilted")
    return np.exp(paths.log_scale + paths.log_ratio - steps * np.log(contraction_factor(n)))


@theorem.sampled(
    at=[dict(n=5, steps=400), dict(n=100, steps=1000)],
    full=[dict(n=5, steps=1000)],
    margin=0.01,
    rivals={
        "0.9999·c₄": dict(growth=lambda n: 0.9999),
        "c₄(n+1)": dict(growth=lambda n: contraction_factor(n + 1) / contraction_factor(n)),
        "c₄(n−1)": dict(growth=lambda n: contraction_factor(n - 1) / contraction_factor(n)),
    },
)
def long_horizon_by_tilt(n, steps, growth=lambda n: 1.0):
    """E σ_t = c₄^t σ_0 at horizons where plain Monte Carlo is worthless.

    σ_t·dP/dQ is constant (`change_of_measure`), so it lies in [0, 2]·c₄^t, and no draw can show that the
    kernel draws from Q: this leans on `tilt_draws_one_degree_more`, on Cochran, and on c₄'s own series.
    """
    return equals(mean(tilted_scale, n, steps, bounds=(0.0, 2.0)), growth(n) ** steps, scale=1)


# --- beside the mean: what the typical path does ------------------------------------------------------------


@theorem.symbolic(
    scope="all real ν > 0",
    rivals={
        "log c₄": dict(drift=lambda n: sp.log(form.contraction_factor(n))),
        "ψ(ν/2) alone": dict(drift=lambda n: sp.digamma((n - 1) / 2) / 2),
    },
)
def drift_of_the_logarithm(drift=form.log_drift, spread=form.log_spread):
    """E log(S/σ) = ½[ψ(ν/2) − log(ν/2)] and Var log(S/σ) = ψ₁(ν/2)/4: derivatives of log E (S/σ)^p at 0."""
    cumulants = sp.log((2 / NU) ** (S / 2)) + sp.loggamma((NU + S) / 2) - sp.loggamma(NU / 2)
    return [
        equals(sp.diff(cumulants, S).subs(S, 0), drift(NU + 1)),
        equals(sp.diff(cumulants, S, 2).subs(S, 0), spread(NU + 1)),
    ]


@theorem.certified(
    scope="every n from 2 to 2000",
    rivals={
        "the drift is log c₄": dict(least=lambda n: 1, most=lambda n: 1),
        "2 + 0.8/ν": dict(most=lambda n: 2 + sp.Rational(4, 5) / (n - 1)),
    },
)
def typical_path_shrinks_faster(least=lambda n: 2, most=lambda n: 2 + sp.Rational(9, 10) / (n - 1)):
    """log σ_t drifts at 2 to 2 + 0.9/ν times log c₄: the median path collapses twice as fast as the mean."""
    ratio = form.log_drift(N) / sp.log(form.contraction_factor(N))
    every = {N: Integers(2, 2000)}
    return [below(least(N), ratio, over=every), below(ratio, most(N), over=every)]


def log_scale(rng, size, n, steps):
    """log σ_t of simulated loops."""
    return gaussian.simulate(rng, n, steps, size, kernel="reduced").log_scale


@theorem.sampled(
    at=[dict(n=5, steps=100), dict(n=20, steps=100)],
    margin=0.02,
    rivals={
        "log c₄ per step": dict(drift=lambda n: sp.log(form.contraction_factor(n))),
        "n degrees of freedom": dict(drift=lambda n: form.log_drift(n + 1)),
    },
)
def logarithm_drifts(n, steps, drift=lambda n: form.log_drift(n)):
    """E log σ_t = t·½[ψ(ν/2) − log(ν/2)], with variance t·ψ₁(ν/2)/4.

    By Chebyshev log σ_t/t stays within ε of the drift but with probability ψ₁/(4tε²); σ_t → 0 almost surely.
    """
    variance = steps * sp.N(form.log_spread(n))
    return equals(mean(log_scale, n, steps, variance=variance), steps * drift(sp.Integer(n)))


@theorem.computed(
    at=[dict(n=5, steps=10), dict(n=5, steps=20), dict(n=10, steps=10)],
    margin=0.001,
    rivals={
        "no offset": dict(offset=lambda n: sp.S(0)),
        "the mean's rate": dict(rate=lambda n: sp.log(form.contraction_factor(n))),
    },
)
def median_follows_the_drift(n, steps, rate=form.log_drift, offset=form.median_offset):
    """The median of log σ_t is t·drift − ψ₂(ν/2)/(12ψ₁(ν/2)) up to 1/(100t): it follows the drift."""
    fine, coarse = (scale_law(n, steps, points).median() for points in (1024, 512))
    predicted = steps * rate(sp.Integer(n)) + offset(sp.Integer(n))
    remainder = abs(fine - float(sp.N(predicted))) * steps
    return at_most(Enclosed(remainder, steps * (abs(fine - coarse) + 1e-9)), Fraction(1, 100), scale=1)


# --- two martingales that do not collapse -------------------------------------------------------------------


def squared_scale(rng, size, n, steps):
    """σ_t² of literal loops."""
    return scale(rng, size, n, steps) ** 2


@theorem.sampled(
    at=[dict(n=10, steps=5), dict(n=50, steps=20)],
    margin=0.05,
    rivals={
        "shrinks like the mean": dict(second=lambda n, t: contraction_factor(n) ** (2 * t)),
        "biased estimator": dict(second=lambda n, t: ((n - 1) / n) ** t),
    },
)
def variance_is_a_martingale(n, steps, second=lambda n, t: 1.0):
    """E σ_t² = σ_0² for ever: the variance is unbiased at every generation."""
    return equals(mean(squared_scale, n, steps, variance=(1 + 2 / (n - 1)) ** steps - 1), second(n, steps))


def squared_displacement(rng, size, n, steps):
    """(μ_t − μ_0)²/σ_0² of literal loops."""
    return gaussian.simulate(rng, n, steps, size).mean ** 2


@theorem.sampled(
    at=[dict(n=10, steps=5), dict(n=10, steps=10)],
    margin=0.05,
    rivals={
        "one generation less": dict(spread=lambda n, t: Fraction(t - 1, n)),
        "σ² shrinks with c₄": dict(
            spread=lambda n, t: sum(contraction_factor(n) ** (2 * s) for s in range(t)) / n
        ),
    },
)
def mean_spreads_linearly(n, steps, spread=lambda n, t: Fraction(t, n)):
    """E (μ_t − μ_0)² = t·σ_0²/n: carried by rare paths, as μ_t itself converges almost surely."""
    bound = form.displacement_fourth_moment(n, steps)
    return equals(mean(squared_displacement, n, steps, variance=bound), spread(n, steps))


def path_length(rng, size, n, steps):
    """Σ|μ_{s+1} − μ_s|/σ_0 of simulated loops."""
    return gaussian.simulate(rng, n, steps, size, kernel="reduced").length


def length_variance(n, steps):
    """A bound on the variance of that length, from 1 − 1/(2ν) < c₄² ≤ 1 − (1−2/π)/ν.

    n·E length² = t + (4/π)·Σ_{s<u} E σ_sσ_u, and E σ_sσ_u = E σ_s²·c₄^{u−s} = c₄^{u−s}.
    """
    least, most = sqrt(1 - 1 / (2 * (n - 1))), sqrt(1 - (1 - 2 / np.pi) / (n - 1))
    cross = sum((steps - k) * most**k for k in range(1, steps))
    return (steps + 4 / np.pi * cross - 2 / np.pi * sum(least**s for s in range(steps)) ** 2) / n


@theorem.sampled(
    at=[dict(n=5, steps=20)],
    margin=0.02,
    rivals={
        "linear growth": dict(total=lambda n, t: t),
        "rate c₄²": dict(
            total=lambda n, t: (1 - contraction_factor(n) ** (2 * t)) / (1 - contraction_factor(n) ** 2)
        ),
    },
)
def mean_path_is_short(
    n, steps, total=lambda n, t: (1 - contraction_factor(n) ** t) / (1 - contraction_factor(n))
):
    """E Σ|μ_{s+1} − μ_s| = √(2/(πn))·(1−c₄^t)/(1−c₄)·σ_0: summable, so μ_t converges almost surely."""
    drawn = mean(path_length, n, steps, variance=length_variance(n, steps))
    return equals(drawn, sqrt(2 / (np.pi * n)) * total(n, steps))


# --- what the assumption of Gaussian samples carries --------------------------------------------------------


def expected_scale(n, noise):
    """E S/σ without Γ: up the recurrence of c₄² from n = 2 or 3; for two-point noise by counting."""
    if noise == "gaussian":
        growth = sp.prod(
            [sp.Integer(nu + 1) ** 2 / sp.Integer(nu * (nu + 2)) for nu in range(1 + n % 2, n - 2, 2)]
        )
        return sp.sqrt(growth * (2 / sp.pi if n % 2 == 0 else sp.pi / 4))
    half = (sp.Rational(1, 2),) * 2
    return sum(
        exact.probability(half, (k, n - k)) * sp.sqrt(sp.Rational(4 * k * (n - k), n * (n - 1)))
        for k in range(n + 1)
    )


@theorem.certified(
    at=[dict(n=10), dict(n=51)],
    scope="one generation",
    rivals={"0.99·c₄": dict(factor=lambda n: form.contraction_factor(n) * sp.Rational(99, 100))},
    without={"gaussian": dict(noise="two-point")},
)
def gaussian_samples_are_needed(n, noise="gaussian", factor=form.contraction_factor):
    """E S/σ ≤ c₄(n), to 30 digits, for Gaussian samples; two-point samples break it, by counting all 2^n."""
    return at_most(expected_scale(n, noise), factor(sp.Integer(n)) * (1 + sp.Rational(1, 10**30)))
