"""Retraining is repeated risk minimisation, and contracts at ε_Dβ/γ, the performative rate.

The contraction theorem of Perdomo et al.: if the loss is γ-strongly convex, ∇_θ loss is β-Lipschitz in x,
and the law of the data D(θ) is ε_D-Lipschitz in W₁, then G(θ) = argmin E_{D(θ)} loss has
|G(θ) − G(θ')| ≤ (ε_Dβ/γ)·|θ − θ'|.
Retraining has loss −log p_θ and D(θ) = (p_data + λp_θ)/(1+λ) (Bertrand et al.): ε_D = λ/(1+λ) for location
families. The proof needs strong convexity only of the expected loss near θ*; a logistic or Student loss has
none for every x. How far the rate is from the true one is in `performative-contraction-sharp`.
"""

import functools
from fractions import Fraction

import numpy as np
import sympy as sp
from scipy import stats

from proofs_numeric._curvatures import FLAT
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
from theorycheck.loops.retraining import examples, laws, performative, transport
from theorycheck.loops.retraining.family import X
from theorycheck.loops.retraining.laws import Mixture
from theorycheck.loops.retraining.performative import MORE_PAIRS, PAIRS, WEIGHTS, area_between, mixed, share

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
    centre, parts = float(found.best[0]), np.array([1, weight]) / (1 + weight)
    grid = centre + np.sinh(np.linspace(-14, 14, 2**14 + 1)) / 500
    here, *others = (Mixture(parts, (found.data, stats.logistic(centre + s))) for s in (0.0, *SHIFTS))
    areas = np.array([transport.distance(here, grid, laws.cdf(other, grid)) for other in others])
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


W = sp.Symbol("lambda", positive=True)
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


# --- a logistic and a Student location, near θ* -------------------------------------------------------------

RADIUS = 0.25  # of the neighbourhood [θ* − r, θ* + r]


LINE = np.linspace(-60, 60, 24_001)
BETWEEN = (
    np.sqrt(3) / 9 * RADIUS / 128
)  # what the slope of ∂² log p allows half way between points of the grid


def least_overlap(law, centre, reach):
    """The least 2∫f(x − φ)p(x)dx over |φ − centre| ≤ reach, f the logistic density and p the law's."""
    own = stats.logistic.pdf(LINE - (centre + np.linspace(-reach, reach, 17))[:, None])
    return 2 * np.trapezoid(own * law.pdf(LINE), LINE, axis=1).min()


@theorem.computed(
    at=[dict(data="normal"), dict(data="laplace")],
    scope="logistic location, 0.25 around θ*",
    margin=1e-3,
    rivals={
        "at θ* alone": dict(reach=0.0),
        "the model's within 0.25": dict(apart=1),
        "the density, not twice": dict(part=0.5),
    },
)
def curvatures_are_the_least_nearby(data, reach=RADIUS, apart=2, part=1.0):
    """γ's two parts are the least −E ∂² log p_φ over the data, |φ − θ*| ≤ ¼, and over p_θ, |φ − θ| ≤ ½.

    −∂²_θ log p_θ(x) is twice the logistic density; what a grid of 1/64 of the radius may miss is taken off.
    """
    best = float(performative.location("logistic", data).best[0])
    claimed = [
        least_overlap(examples.DATA[data](), best, reach),
        least_overlap(stats.logistic(best), best, apart * reach),
    ]
    found = np.array(performative.least_curvatures("logistic", data, RADIUS))
    return equals(Enclosed(found, 1e-5), part * np.array(claimed) - BETWEEN, scale=1)


@functools.cache
def secants(model, data):
    """|G(θ)−G(θ')|/|θ−θ'| over pairs of nine points of the neighbourhood, and λ; with its error."""
    found = performative.location(model, data)
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
def one_step_contracts(model, data, rate=performative.generic_rate, part=1.0):
    """|G(θ)−G(θ')| ≤ (ε_Dβ/γ)|θ−θ'| near θ*, with γ of the expected loss over the neighbourhood."""
    bound = rate(
        WEIGHTS,
        part * performative.lipschitz(model, data),
        *performative.least_curvatures(model, data, RADIUS),
    )
    return at_most(secants(model, data), np.tile(bound, 36), scale=1)
