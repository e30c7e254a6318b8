"""Retraining is repeated risk minimisation, and contracts at ε_Dβ/γ: the performative rate and the true one.

The contraction theorem of Perdomo et al.: if the loss is γ-strongly convex, ∇_θ loss is β-Lipschitz in x,
and the law of the data D(θ) is ε_D-Lipschitz in W₁, then G(θ) = argmin E_{D(θ)} loss has
|G(θ) − G(θ')| ≤ (ε_Dβ/γ)·|θ − θ'|.
Retraining has loss −log p_θ and D(θ) = (p_data + λp_θ)/(1+λ) (Bertrand et al.): ε_D = λ/(1+λ) for location
families. The proof needs strong convexity only of the expected loss near θ*; a logistic or Student loss has
none for every x. The rate is that of the Gaussian mean; for other locations it is β/F ≥ 1 times too large,
F the Fisher information: 3/2 for the logistic, (ν+3)/ν for Student. Where it is above 1 G contracts still.
"""

import functools
import itertools
from fractions import Fraction

import numpy as np
import sympy as sp
from scipy import stats

from theorycheck import (
    PERDOMO_2020,
    Assumption,
    CurvaturePairs,
    Curvatures,
    Enclosed,
    OneOf,
    Rationals,
    Spectra,
    Theorem,
    at_least,
    at_most,
    equals,
)
from theorycheck.loops.linear import matrix, row_sum_norm, symmetric_functions
from theorycheck.loops.retraining import examples, families, laws, rates
from theorycheck.loops.retraining.ascent import derivatives
from theorycheck.loops.retraining.family import X
from theorycheck.loops.retraining.laws import Mixture
from theorycheck.loops.retraining.maps import Retraining
from theorycheck.loops.retraining.stability import supremum

LARGEST = Fraction(999, 1000)

theorem = Theorem(
    key="performative-contraction",
    title="Retraining is repeated risk minimisation: the performative rate beside the true one",
    source=PERDOMO_2020,
    statement=(
        r"\|G(\theta)-G(\theta')\| \le \frac{\varepsilon_D\,\beta}{\gamma}\,\|\theta-\theta'\|,\quad "
        r"D(\theta) = \frac{p_{\mathrm{data}} + \lambda p_\theta}{1+\lambda}"
    ),
    assumptions=[
        Assumption(
            "strongly-convex",
            "the expected loss is γ-strongly convex, γ > 0 (γ = 1 where matrices are drawn)",
            {"curvatures": CurvaturePairs(), "flat": OneOf(False)},
        ),
        Assumption("smooth", "∇_θ loss is β-Lipschitz in x: without a jump", {"kink": OneOf(0)}),
        Assumption("sensitive", "D is ε_D-Lipschitz in W₁: without a jump", {"jump": OneOf(0)}),
        Assumption("rate", "ε_Dβ/γ < 1", {"contraction": Rationals(Fraction(1, 1000), LARGEST)}),
        Assumption("location", "models differ by a shift", {"stretch": OneOf(1)}),
    ],
)

# --- sensitivity --------------------------------------------------------------------------------------------


def share(weight):
    """λ/(1+λ)."""
    return weight / (1 + weight)


def mixed(real, own, weight):
    """(p_data + λp)/(1+λ) of two sets of equally likely atoms: pairs (atom, mass)."""
    part = share(weight)
    return [(x, (1 - part) / len(real)) for x in real] + [(x, part / len(own)) for x in own]


def area_between(law, other):
    """W₁ = ∫|F − G| of two finite laws, given as pairs (atom, mass)."""
    ends = sorted({x for x, _ in law + other})
    total = Fraction(0)
    for low, high in itertools.pairwise(ends):
        below = [sum(mass for x, mass in one if x <= low) for one in (law, other)]
        total += abs(below[0] - below[1]) * (high - low)
    return total


ATOMS = dict(real=(Fraction(1), Fraction(5)), own=(Fraction(0), Fraction(2)), synthetic_weight=Fraction(3, 2))
SENSITIVITIES = {
    "λ": dict(factor=lambda w: w),
    "1/(1+λ)": dict(factor=lambda w: 1 / (1 + w)),
    "1: no real data": dict(factor=lambda w: 1 + 0 * w),
}
MOVED = {
    name: dict(rival, **ATOMS, moved=(Fraction(3), Fraction(7))) for name, rival in SENSITIVITIES.items()
}
SHIFTED = {name: dict(rival, **ATOMS, shift=Fraction(3)) for name, rival in SENSITIVITIES.items()}


@theorem.forall(
    examples=40,
    given={
        "real": Spectra((1, 4)),
        "own": Spectra((1, 4)),
        "moved": Spectra((1, 4)),
        "synthetic_weight": Rationals(0, 20, 100),
    },
    rivals=MOVED,
)
def real_data_damp_the_sensitivity(real, own, moved, synthetic_weight, factor=share):
    """W₁(D(θ), D(θ')) = (λ/(1+λ))·W₁(p_θ, p_θ'): areas on the left, matching on the right."""
    count = min(len(own), len(moved))
    own, moved = sorted(own[:count]), sorted(moved[:count])
    matched = sum(abs(x - y) for x, y in zip(own, moved, strict=True)) / count
    laws_of_data = (mixed(real, model, synthetic_weight) for model in (own, moved))
    return equals(area_between(*laws_of_data), factor(synthetic_weight) * matched)


@theorem.forall(
    examples=40,
    given={
        "real": Spectra((1, 4)),
        "own": Spectra((1, 4)),
        "shift": Rationals(-10, 10, 100),
        "synthetic_weight": Rationals(0, 20, 100),
    },
    rivals=SHIFTED,
    without={"location": dict(**ATOMS, shift=Fraction(3), stretch=2)},
)
def shifts_have_sensitivity_share(real, own, shift, synthetic_weight, stretch=1, factor=share):
    """W₁(D(θ), D(θ')) = (λ/(1+λ))|θ − θ'| where p_θ' is p_θ shifted: so ε_D = λ/(1+λ)."""
    moved = [stretch * x + shift for x in own]
    laws_of_data = (mixed(real, model, synthetic_weight) for model in (own, moved))
    return equals(area_between(*laws_of_data), factor(synthetic_weight) * abs(shift))


SHIFTS = np.array([0.01, 0.5, 4.0])


@functools.cache
def moved_areas(data, weight):
    """W₁ between D at θ* and at θ* + each shift, with its error."""
    found = examples.loop("logistic-location", data)
    centre, parts = float(found.best[0]), (1 - share(weight), share(weight))
    grid = centre + np.sinh(np.linspace(-14, 14, 2**14 + 1)) / 500
    here, *others = (Mixture(parts, (found.data, stats.logistic(centre + s))) for s in (0.0, *SHIFTS))
    areas = np.array([laws.distance(here, grid, laws.cdf(other, grid)) for other in others])
    return Enclosed(*areas.T)


@theorem.computed(
    at=[
        dict(data=data, weight=weight) for data, weight in (("bimodal", 0.5), ("heavy", 5.0), ("skewed", 1.0))
    ],
    scope="logistic location; θ' from θ* + 0.01 to θ* + 4",
    margin=1e-4,
    rivals={name: dict(rival, data="heavy", weight=5.0) for name, rival in SENSITIVITIES.items()},
)
def densities_have_sensitivity_share(data, weight, factor=share):
    """W₁(D(θ), D(θ')) = (λ/(1+λ))|θ − θ'| for densities too: the area between cdfs."""
    return equals(moved_areas(data, weight), factor(weight) * SHIFTS, scale=SHIFTS)


# --- the theorem --------------------------------------------------------------------------------------------

FLAT = Curvatures(((1, 0), (0, 0)), ((1, 0), (0, 1)))
UNEQUAL = Curvatures(((1, 0), (0, 9)), ((2, 0), (0, 1)))


@theorem.forall(
    examples=40,
    rivals={
        "the largest curvature for γ": dict(curvatures=UNEQUAL, gamma=lambda H: max(H.diagonal())),
        "the least of β": dict(curvatures=UNEQUAL, beta=lambda K: min(K.diagonal())),
    },
    without={"strongly-convex": dict(curvatures=FLAT)},
)
def quadratic_losses_obey_the_rate(curvatures, beta=row_sum_norm, gamma=lambda H: 1):
    """With loss ½φ'Hφ − x'Kφ, H ⪰ γ, ‖K‖ ≤ β, G is θ ↦ H⁻¹K·E_{D(θ)}x, and ‖H⁻¹K‖ ≤ β/γ: (γK)² ⪯ (βH)²."""
    H, K = map(matrix, curvatures)
    return [at_least(e, 0) for e in symmetric_functions(beta(K) ** 2 * H**2 - gamma(H) ** 2 * K**2)]


def sign(x):
    """−1, 0 or 1."""
    return (x > 0) - (x < 0)


CLOSE_BY = dict(
    theta=Fraction(1, 10),
    other=Fraction(-1, 10),
    beta=Fraction(1),
    gain=Fraction(1),
    contraction=Fraction(1, 2),
)


@theorem.forall(
    examples=40,
    given={
        "theta": Rationals(-1, 1, 100),
        "other": Rationals(-1, 1, 100),
        "beta": Rationals(Fraction(1, 10), 10, 100),
        "gain": Rationals(Fraction(1, 10), 10, 100),
    },
    rivals={"half the rate": dict(CLOSE_BY, part=Fraction(1, 2))},
    without={
        "strongly-convex": dict(CLOSE_BY, flat=True),
        "smooth": dict(CLOSE_BY, kink=1),
        "sensitive": dict(CLOSE_BY, jump=1),
        "rate": dict(CLOSE_BY, contraction=Fraction(3, 2)),
    },
)
def rate_is_attained(theta, other, beta, gain, contraction, flat=False, kink=0, jump=0, part=1):
    """Loss ½γφ² − βxφ, |φ| ≤ 10, and all data at ε_Dθ: |G(θ)−G(θ')| = (ε_Dβ/γ)|θ−θ'| until φ meets its ends.

    So no smaller rate will do, and G spreads where γ = 0, where ∇loss or D jump, and where ε_Dβ/γ > 1.
    """
    gamma = 0 if flat else gain * beta / contraction

    def respond(at):
        x = gain * at + jump * sign(at)
        pull = beta * x + kink * sign(x)
        return max(-10, min(10, pull / gamma)) if gamma else 10 * sign(pull)

    moved, apart = abs(respond(theta) - respond(other)), abs(theta - other)
    return [at_most(moved, part * contraction * apart), at_most(moved, LARGEST * apart)]


W, A, F, BETA, NU = sp.symbols("lambda A F beta nu", positive=True)
THETA, PHI, MEAN = sp.symbols("theta phi mu", real=True)


@theorem.symbolic(
    scope="the Gaussian mean: all data means, all λ > 0",
    rivals={
        "λ": dict(sensitivity=lambda w: w),
        "1/(1+λ)": dict(sensitivity=lambda w: 1 / (1 + w)),
        "λ/(1−λ)": dict(sensitivity=lambda w: w / (1 - w)),
    },
)
def gaussian_mean_attains_the_rate(sensitivity=share):
    """For the loss ½(x−φ)², γ = β = 1, and G has slope λ/(1+λ) = ε_Dβ/γ: nothing is lost."""
    loss = (X - PHI) ** 2 / 2
    gradient = sp.diff(loss, PHI)
    gamma, beta = sp.diff(gradient, PHI), sp.Abs(sp.diff(gradient, X))
    drawn = (MEAN + W * THETA) / (1 + W)  # E_{D(θ)} x; the gradient is linear in x
    best = sp.solve(gradient.subs(X, drawn), PHI)[0]
    return equals(sp.diff(best, THETA), sensitivity(W) * beta / gamma)


# --- location families: the rate beside the true one -------------------------------------------------------


@functools.cache
def loop(model, data):
    """A location family, "logistic" or Student by its degrees of freedom, on named data or ±√3."""
    if model == "logistic":
        return examples.loop("logistic-location", data)
    law = np.sqrt(3) * np.array([-1.0, 1.0]) if data == "±√3" else examples.DATA[data]()
    return Retraining(families.student(model, 1), law)


@functools.cache
def lipschitz(model, data):
    """β = sup|∂_x∂_θ log p|."""
    found = loop(model, data)
    return supremum(found.family, "tilt", found.best)


def curvatures_at_best(model, data):
    """(−A, F): what data and model contribute to the expected loss's curvature at θ*."""
    return tuple(-float(hessian[0, 0]) for hessian in loop(model, data).hessians)


def generic_rate(weight, beta, real, own):
    """ε_Dβ/γ with γ = (real + λ·own)/(1+λ), ε_D = λ/(1+λ)."""
    return share(weight) * beta * (1 + weight) / (real + weight * own)


LOOSENESS = {"logistic": 3 / 2, 2: 5 / 2, 5: 8 / 5, 30: 33 / 30}
PAIRS = [
    dict(model="logistic", data="normal"),
    dict(model="logistic", data="bimodal"),
    dict(model="logistic", data="digits"),
    dict(model=5, data="skewed"),
]
MORE_PAIRS = [
    dict(model=model, data=data)
    for model, data in itertools.product(("logistic", 5), examples.MISSPECIFIED)
    if dict(model=model, data=data) not in PAIRS
]
WEIGHTS = np.array([0.1, 0.5, 2.0, 20.0])


@functools.cache
def slope(model, data):
    """G'(θ*) at every λ, by differences of the solved map."""
    value, error = loop(model, data).measured_jacobian(WEIGHTS)
    return Enclosed(np.abs(value[:, 0, 0]), error[:, 0, 0])


@theorem.computed(
    at=[*PAIRS, dict(model=2, data="bimodal")],
    full=[*MORE_PAIRS, dict(model=30, data="uniform")],
    scope="λ from 0.1 to 20",
    margin=1e-3,
    rivals={
        "the rate is sharp": dict(looseness=lambda model: 1.0),
        "2": dict(looseness=lambda model: 2.0),
        "β": dict(model="logistic", data="normal", looseness=lambda model: 0.5),
    },
)
def rate_is_too_large_by_a_constant(model, data, looseness=LOOSENESS.get):
    """(ε_Dβ/γ)/|G'(θ*)| = β/F whatever the data and λ: 3/2 for the logistic, (ν+3)/ν for Student."""
    generic = generic_rate(WEIGHTS, lipschitz(model, data), *curvatures_at_best(model, data))
    true = slope(model, data)
    return equals(
        Enclosed(generic / true.value, generic * true.error / true.value**2), looseness(model), scale=1
    )


@theorem.symbolic(
    scope="all λ, β, F, A > 0",
    rivals={
        "λ < A/F": dict(spread=F),
        "λ < A/β": dict(spread=BETA),
    },
)
def rate_is_below_one_up_to_a_threshold(spread=BETA - F):
    """1 − ε_Dβ/γ = (A − λ(β−F))/(A+λF), with −A written A: the rate is below 1 iff λ < A/(β−F)."""
    return equals(1 - generic_rate(W, BETA, A, F), (A - W * spread) / (A + W * F))


LOG_DENSITIES = {
    "logistic": -X - 2 * sp.log(1 + sp.exp(-X)),
    "student": -(NU + 1) / 2 * sp.log(1 + X**2 / NU),
}


@theorem.symbolic(
    scope="all ν > 0",
    rivals={"the expected curvature F": dict(logistic=sp.Rational(1, 3), student=(NU + 1) / (NU + 3))},
)
def losses_are_not_convex_at_every_point(logistic=0, student=-3 * (NU + 1) / (25 * NU)):
    """−∂²_θ log p tends to 0 far out for the logistic, and is negative for Student (here at x − θ = 2√ν).

    So the theorem applies to retraining only with γ of the expected loss, which is all that its proof uses.
    """
    curvature = {name: -sp.diff(density, X, 2) for name, density in LOG_DENSITIES.items()}
    return [
        equals(sp.limit(sp.simplify(curvature["logistic"]), X, sp.oo), logistic),
        equals(curvature["student"].subs(X, 2 * sp.sqrt(NU)), student),
    ]


THRESHOLDS = {"logistic": sp.S(2), "student": NU / 3}


@theorem.symbolic(
    at=[dict(model="logistic"), dict(model="student")],
    scope="data from the model; all ν > 0",
    rivals={"the stability theorem's ½": dict(thresholds=dict.fromkeys(THRESHOLDS, sp.S.Half))},
)
def threshold_without_misspecification(model, thresholds=THRESHOLDS):
    """At ε = 0 the link covers λ < 2 for the logistic and λ < ν/3 for Student, the stability theorem λ < ½.

    β is |∂_x∂_θ log p| at its peak x = θ; F = 1/3 and (ν+1)/(ν+3).
    """
    information = {"logistic": sp.Rational(1, 3), "student": (NU + 1) / (NU + 3)}[model]
    beta = sp.simplify(-sp.diff(LOG_DENSITIES[model], X, 2).subs(X, 0))
    return equals(generic_rate(thresholds[model], beta, information, information), 1)


RADIUS = 0.25  # of the neighbourhood [θ* − r, θ* + r]


@functools.cache
def least_curvatures(model, data):
    """Lower bounds of −E_data and −E_{p_θ} ∂²log p_φ over θ, φ in the neighbourhood.

    Minima over grids, less what a Lipschitz slope allows in between.
    """
    found = loop(model, data)
    steep = supremum(found.family, "slope", found.best)
    width = RADIUS / 64
    model_points = found.family.points(found.best, found.family.frame(found.best), 2)
    least = []
    # E_{p_θ} of a location family depends on φ − θ alone, which lies within twice the radius.
    for points, reach in ((laws.points(found.data, 2), RADIUS), (model_points, 2 * RADIUS)):
        grid = found.best + np.arange(-reach, reach + width / 2, width)[:, None]
        curvature = -derivatives(found.family, points, grid)[1][:, 0, 0]
        least.append(float(curvature.min()) - steep * width / 2)
    return least


@functools.cache
def secants(model, data):
    """|G(θ)−G(θ')|/|θ−θ'| over pairs of nine points of the neighbourhood, and λ; with its error."""
    found = loop(model, data)
    grid = found.best[0] + np.linspace(-RADIUS, RADIUS, 9)
    after = found.step(grid[:, None, None], WEIGHTS)
    first, second = np.triu_indices(9, 1)
    apart = np.abs(grid[first] - grid[second])[:, None]
    value = np.abs(after.theta[first, :, 0] - after.theta[second, :, 0]) / apart
    return Enclosed(value.ravel(), ((after.error[first] + after.error[second]) / apart).ravel())


@theorem.computed(
    at=PAIRS,
    full=MORE_PAIRS,
    scope="36 pairs within 0.25 of θ*, λ from 0.1 to 20",
    margin=1e-3,
    rivals={
        "half of β": dict(part=0.5),
        "λ/(1+λ)": dict(model="logistic", data="bimodal", rate=lambda w, beta, real, own: share(w)),
    },
)
def one_step_contracts(model, data, rate=generic_rate, part=1.0):
    """|G(θ)−G(θ')| ≤ (ε_Dβ/γ)|θ−θ'| near θ*, with γ of the expected loss over the neighbourhood."""
    bound = rate(WEIGHTS, part * lipschitz(model, data), *least_curvatures(model, data))
    return at_most(secants(model, data), np.tile(bound, 36), scale=1)


# --- beyond the link ----------------------------------------------------------------------------------------


@theorem.computed(
    at=PAIRS,
    full=MORE_PAIRS,
    scope="λ from 0.1 to 20",
    margin=1e-3,
    rivals={
        "no contraction where ε_Dβ/γ ≥ 1": dict(
            relation=at_least, rate=lambda w, beta, real, own: 1.0 * (generic_rate(w, beta, real, own) >= 1)
        ),
        "γ of data and model": dict(
            model="logistic", data="bimodal", rate=lambda w, beta, real, own: share(w)
        ),
    },
)
def map_contracts_beyond_the_link(
    model, data, relation=at_most, rate=lambda w, beta, real, own: rates.sharp_rate(w, real, beta - real, 1)
):
    """|G'(θ*)| = λF/(A+λF) ≤ λβ/(A+λβ) < 1 at every λ, ε_Dβ/γ ≥ 1 included: γ of the data alone, β ≥ F."""
    bound = rate(WEIGHTS, lipschitz(model, data), *curvatures_at_best(model, data))
    return relation(slope(model, data), bound, scale=1)


@theorem.computed(
    scope="Student(3) location, data at ±√3, λ from 0.1 to 20",
    margin=1e-3,
    rivals={"ε_Dβ/γ": dict(value=2.0), "λ/(1+λ)": dict(value=share(WEIGHTS))},
)
def flat_likelihood_is_not_covered(value=1.0):
    """Where the data's part of γ is 0, G'(θ*) = 1 at every λ > 0; ε_Dβ/γ = 2 promises nothing."""
    return equals(slope(3, "±√3"), value, scale=1)
