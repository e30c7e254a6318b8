"""Constants and stated rates near θ*; against quadrature, closed forms and exact fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from models import EXPONENTIAL, GAMMA, GUMBEL, INVERSE_GAUSSIAN
from scipy import integrate, stats

from theorycheck.formula import softplus
from theorycheck.loops.retraining import examples, rates, stability, suprema
from theorycheck.loops.retraining.consistency import checked
from theorycheck.loops.retraining.families import gaussian, logistic, student
from theorycheck.loops.retraining.family import Family, X
from theorycheck.loops.retraining.maps import Retraining
from theorycheck.loops.retraining.suprema import _ball, supremum

GAMMA_LAW = stats.gamma(2.5)
NORMAL = Retraining(logistic(), stats.norm(1, 2))

# λ, α, L, ε.
PLAIN = [("1/10", 2, 3, "1/4"), ("3/7", 1, 0, 5), (1, "1/2", 2, "1/8")]


@pytest.mark.parametrize(("weight", "alpha", "lipschitz", "epsilon"), PLAIN)
def test_rates_in_fractions(weight, alpha, lipschitz, epsilon):
    constants = weight, alpha, lipschitz, epsilon = [Fraction(c) for c in (weight, alpha, lipschitz, epsilon)]
    kappa = lipschitz * epsilon / alpha
    assert rates.condition(*constants) == weight * (1 + kappa)
    pull = weight * (1 + kappa)
    assert rates.paper_rate(*constants) == pull / (1 - pull)
    assert rates.sharp_rate(*constants) == 1 - 1 / (1 + pull)
    assert rates.kl_rate(*constants) == weight * (1 + kappa) / (1 + weight * (1 - kappa))


LOCATION = np.array([0.3])


def _growing(slope):
    """A model, up to its constant, whose ∂_x∇² log p is this function of x."""
    m, u = sp.symbols("m u", real=True)
    density = m**2 / 2 * sp.Integral(slope.subs(X, u), (u, 0, X))
    return Family("mine", (m,), density, lambda rng, theta, size: rng.standard_normal(size), None)


SUPREMA = [
    (logistic(1), "slope", LOCATION, 0.0, math.sqrt(3) / 9),
    (logistic(1), "tilt", LOCATION, 0.0, 0.5),
    (logistic(Fraction(1, 2)), "slope", LOCATION, 0.0, 8 * math.sqrt(3) / 9),
    (gaussian(1), "slope", LOCATION, 0.0, 0.0),
    (gaussian(1), "slope", LOCATION, 2.0, 0.0),
    (gaussian(2), "tilt", LOCATION, 0.0, 0.25),
    (gaussian(), "slope", np.array([0.0, 1.0]), 0.0, math.inf),
    (gaussian(), "tilt", np.array([0.0, 1.0]), 0.0, math.inf),
    (EXPONENTIAL, "slope", np.array([2.0]), 0.0, 0.0),
    (EXPONENTIAL, "tilt", np.array([2.0]), 0.0, 1.0),
    (GAMMA, "tilt", np.array([2.0, 1.0]), 0.0, math.inf),
    (GUMBEL, "slope", np.array([0.0, 1.0]), 0.0, math.inf),
    (GUMBEL, "slope", np.array([-3e5, 1e3]), 200.0, math.inf),
    (GUMBEL, "tilt", np.array([0.0, 1.0]), 0.0, math.inf),
    (_growing(sp.exp(X**2)), "slope", LOCATION, 0.0, math.inf),
    (_growing(sp.exp(sp.exp(-X))), "slope", LOCATION, 0.1, math.inf),
    # However narrow or wide the law is.
    (GAMMA, "tilt", np.array([400.0, 400.0]), 0.0, math.inf),
    (logistic(100), "slope", LOCATION, 0.0, math.sqrt(3) / 9e6),
    (logistic(Fraction(1, 1000)), "slope", LOCATION, 0.0, math.sqrt(3) / 9e-9),
]


@pytest.mark.parametrize(("family", "name", "theta", "radius", "expected"), SUPREMA)
def test_suprema_in_closed_form(family, name, theta, radius, expected):
    assert supremum(family, name, theta, radius) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    "slope",
    [sp.exp(2 * X) / (1 + sp.exp(X)) ** 2, sp.exp(X) / (1 + sp.exp(X)), X * sp.exp(X) / (1 + sp.exp(X))],
)
def test_a_formula_that_breaks_down_is_no_unbounded_slope(slope):
    with pytest.raises(ValueError, match=r"^log_density of mine must be smooth, got no finite third"):
        supremum(_growing(slope), "slope", LOCATION)


@pytest.mark.parametrize(("radius", "unit"), [(0.0, 1.0), (0.0, 1e4), (0.25, 1.0)])
def test_what_is_left_of_terms_that_cancel_is_no_growth(radius, unit):
    # ∂_x∇² log p = [[−3b/a⁴, 1/a³], [1/a³, 0]]: with the least a, and then the largest b, it is largest.
    angle = np.linspace(0, np.pi, 100_001)
    a, b = 3 - radius * np.sin(angle), 6 + radius * np.cos(angle)
    expected = (3 * b / a**4 + np.hypot(3 * b / a**4, 2 / a**3)).max() / 2 / unit**3
    theta = unit * np.array([3.0, 6.0])
    assert supremum(INVERSE_GAUSSIAN, "slope", theta, radius) == pytest.approx(expected, rel=1e-5)
    assert supremum(INVERSE_GAUSSIAN, "tilt", theta) == math.inf


def test_where_nothing_is_known_there_is_no_bound(monkeypatch):
    monkeypatch.setattr(suprema, "_is_rounding", lambda family, name, x, theta: np.ones(x.size, bool))
    assert supremum(gaussian(), "slope", np.array([0.0, 1.0])) == math.inf
    assert supremum(logistic(1), "slope", LOCATION) == pytest.approx(math.sqrt(3) / 9)


def test_a_supremum_is_found_in_any_direction():
    # log p = tanh x·e^{a+2b} has ∂_x∇² log p = e^{a+2b}·[[1, 2], [2, 4]]/cosh²x: steepest along (1, 2).
    a, b = sp.symbols("a b", real=True)
    family = Family(
        "mine",
        (a, b),
        sp.tanh(X) * sp.exp(a + 2 * b),
        lambda rng, theta, size: rng.standard_normal(size),
        lambda points: [0.0, 0.0],
    )
    for radius in (0.0, 0.3):
        found = supremum(family, "slope", np.zeros(2), radius)
        assert found == pytest.approx(5 * math.exp(math.sqrt(5) * radius), rel=1e-7)


STANDARD = {
    "logistic": (logistic, -2 * sp.log(2 * sp.cosh(sp.Symbol("z") / 2))),
    "student(3)": (lambda *scale: student(3, *scale), -2 * sp.log(1 + sp.Symbol("z") ** 2 / 3)),
    "student(1)": (lambda *scale: student(1, *scale), -sp.log(1 + sp.Symbol("z") ** 2)),
}


@pytest.mark.parametrize(("family", "psi"), STANDARD.values(), ids=STANDARD)
def test_suprema_of_location_scale_models(family, psi):
    # log p = ψ(z) − log s at s = 1: slopes and tilts in z by the chain rule, on a grid.
    z = np.linspace(-30, 30, 600_001)
    first, second, third = (sp.lambdify("z", sp.diff(psi, "z", k))(z) for k in (1, 2, 3))
    slope = [
        [third, third * z + 2 * second],
        [third * z + 2 * second, third * z**2 + 4 * second * z + 2 * first],
    ]
    tilt = [-second, -(second * z + first)]
    half, gap = (slope[0][0] + slope[1][1]) / 2, (slope[0][0] - slope[1][1]) / 2
    norms = np.abs(half) + np.hypot(gap, slope[0][1])  # the larger eigenvalue
    theta = np.array([0.4, 1.0])
    for radius in (0.0, 0.5) if family is logistic else (0.0,):
        expected = norms.max() / (1 - radius) ** 3
        assert supremum(family(), "slope", theta, radius) == pytest.approx(expected, rel=1e-7)
    expected = np.hypot(*tilt).max()
    assert supremum(family(), "tilt", theta) == pytest.approx(expected, rel=1e-7)
    assert supremum(family(1), "slope", LOCATION) == pytest.approx(np.abs(third).max(), rel=1e-7)
    assert supremum(family(2), "tilt", LOCATION) == pytest.approx(np.abs(second).max() / 4, rel=1e-7)


@pytest.mark.parametrize("radius", [0.0, 0.25])
def test_supremum_of_a_model_whose_slope_depends_on_theta(radius):
    # ½·N(m, 1) + ½·N(−m, 1), up to the constant: log cosh(mx) − (x² + m²)/2.
    m = sp.Symbol("m", real=True)
    density = softplus(2 * m * X) - m * X - (X**2 + m**2) / 2 - sp.log(8 * sp.pi) / 2
    family = Family(
        "symmetric",
        (m,),
        density,
        lambda rng, theta, n: (2 * rng.integers(2, size=n) - 1) * theta[0] + rng.standard_normal(n),
        lambda points: [1.0],
    )
    x, theta = np.meshgrid(
        np.linspace(-6, 6, 4001), np.linspace(1 - radius, 1 + radius, 201 if radius else 1)
    )
    slope = 2 * x * (1 - theta * x * np.tanh(theta * x)) / np.cosh(theta * x) ** 2
    checked(family, np.array([1.0]))
    found = supremum(family, "slope", np.array([1.0]), radius)
    assert found == pytest.approx(np.abs(slope).max(), rel=1e-5)


def transport(law, model):
    """W₁ by quadrature."""
    return integrate.quad(
        lambda x: abs(law.cdf(x) - model.cdf(x)), -60, 60, points=np.linspace(-9, 9, 19), limit=900
    )[0]


@pytest.mark.parametrize("law", [stats.uniform(-1, 3), GAMMA_LAW, stats.t(3), stats.norm(1, 2)])
def test_constants_of_the_logistic_location(law):
    loop = Retraining(logistic(1), law)
    found = stability.constants(loop)
    theta = found.theta[0]
    curvature = integrate.quad_vec(lambda u: np.cosh((law.ppf(u) - theta) / 2) ** -2 / 2, 0, 1, epsabs=1e-10)[
        0
    ]
    assert found.alpha == pytest.approx(curvature, rel=1e-7)
    assert found.lipschitz == pytest.approx(math.sqrt(3) / 9, rel=1e-9)
    assert found.radius == 0
    expected = transport(law, stats.logistic(theta))
    if law.dist.name == "t":  # beyond 60: 2·∫ P(T > x) dx, a model's tail is nothing there
        expected += 2 * integrate.quad(lambda v: stats.t.sf(1 / v, 3) / v**2, 0, 1 / 60)[0]
    assert abs(found.epsilon - expected) <= found.epsilon_error + 1e-6
    assert found.epsilon_error < 1e-4


@pytest.mark.parametrize("nu", [1.5, 2, 3, 5, math.inf])
def test_constants_on_atoms(nu):
    data = np.array([-1.0, 0.0, 0.25, 3.0])
    family, radius = (student(nu, 1), 0.0) if nu < math.inf else (gaussian(1), 0.1)
    found = stability.constants(Retraining(family, data), radius)
    z = data - found.theta[0]
    expected = np.mean((nu + 1) * (nu - z**2) / (nu + z**2) ** 2) if nu < math.inf else 1
    assert found.alpha == pytest.approx(expected, rel=1e-12)
    assert found.radius == radius
    law = stats.t(nu) if nu < math.inf else stats.norm

    def gap(x):
        return abs(law.cdf(x) - np.mean(z <= x))

    inner = integrate.quad(gap, -9, 9, points=sorted([*z, *law.ppf([0.25, 0.5, 0.75])]), limit=200)[0]
    outer = integrate.quad(lambda v: 2 * law.sf(1 / v) / v**2, 0, 1 / 9)[0]
    assert abs(found.epsilon - inner - outer) <= found.epsilon_error + 1e-7
    assert found.epsilon_error < 1e-2


def test_a_perfect_model_has_no_distance():
    found = stability.constants(Retraining(gaussian(), stats.norm(3, 2)))
    np.testing.assert_allclose(found.theta, [3, 2], rtol=1e-12)
    assert found.alpha == pytest.approx(1 / 4, rel=1e-11)
    assert found.epsilon <= found.epsilon_error + 1e-8
    assert found.epsilon_error < 1e-6
    assert found.lipschitz == math.inf


def test_everything_from_one_call():
    lambdas = [0, 0.1, 2, math.inf]
    family, known, rows, others = stability.stability(logistic(1), GAMMA_LAW, lambdas, 0.05)
    assert others.shape == (0, 1)
    assert family == "logistic"
    kappa = known.lipschitz * (known.epsilon + known.epsilon_error) / known.alpha
    loop = Retraining(logistic(1), GAMMA_LAW)
    for weight, row in zip(lambdas, rows, strict=True):
        pull = weight * (1 + kappa)
        assert row.synthetic_weight == weight
        assert row.condition == pytest.approx(pull)
        if pull < 0.5:
            assert row.paper_rate == pytest.approx(pull / (1 - pull))
        else:
            assert row.paper_rate is None
        assert row.sharp_rate == pytest.approx(pull / (1 + pull) if weight < math.inf else 1)
        assert row.spectral_radius == pytest.approx(loop.jacobian(weight)[0, 0], rel=1e-12)
        assert abs(row.measured_rate - row.spectral_radius) <= row.measured_error + 1e-12
        assert row.spectral_radius <= row.sharp_rate + 1e-12
    assert {row.paper_rate is None for row in rows} == {True, False}
    assert stability.stability(logistic(1), GAMMA_LAW, 0.1).rows[0].synthetic_weight == 0.1


def test_a_row_takes_epsilon_at_its_upper_end_and_the_largest_eigenvalue():
    # λ(1 + Lε/α) with L/α = 1 and ε = ¼ + ¼ is 3λ/2; there is a rate of the paper's below ½ only.
    known = stability.Constants(NORMAL.best, 1.0, 1.0, 0.0, 0.25, 0.25)
    real, own = NORMAL.hessians
    rows = [stability.row(NORMAL, known, weight, 0.7, 0.1) for weight in (0.3, 1 / 3, 0.34)]
    for row in rows:
        λ = row.synthetic_weight
        assert row.condition == pytest.approx(1.5 * λ, rel=1e-15)
        assert row.sharp_rate == pytest.approx(1.5 * λ / (1 + 1.5 * λ), rel=1e-15)
        factors = np.linalg.eigvals(np.linalg.solve(real + λ * own, λ * own))
        assert np.ptp(factors) > 0.005
        assert row.spectral_radius == pytest.approx(factors.max(), rel=1e-9)
        assert (row.measured_rate, row.measured_error) == (0.7, 0.1)
    assert rows[1].condition == 0.5
    assert [row.paper_rate for row in rows] == [pytest.approx(0.45 / 0.55, rel=1e-15), None, None]


def test_constants_of_a_named_pair_take_epsilon_at_its_upper_end():
    known = stability.constants(examples.loop("student-location", "heavy"))
    assert examples.local("student-location", "heavy") == (
        known.alpha,
        known.lipschitz,
        known.epsilon + known.epsilon_error,
    )
    assert known.epsilon_error > 0


@pytest.mark.parametrize("family", [gaussian(), GUMBEL], ids=["gaussian", "gumbel"])
def test_an_unbounded_slope_leaves_no_bound(family):
    found = stability.stability(family, stats.norm(1, 2), [0, 0.5])
    nothing, some = found.rows
    assert found.constants.lipschitz == math.inf
    assert (nothing.condition, nothing.paper_rate, nothing.sharp_rate) == (0, 0, 0)
    assert (some.condition, some.paper_rate, some.sharp_rate) == (math.inf, None, 1)
    assert abs(some.measured_rate - some.spectral_radius) <= some.measured_error
    if family is not GUMBEL:
        assert some.spectral_radius == pytest.approx(1 / 3, rel=1e-10)


ROOT = math.sqrt(3)
BAD = [
    (
        lambda: stability.constants(Retraining(student(3, 1), [-ROOT, ROOT])),
        ValueError,
        r"the Hessian .* at θ\* = \[.*\] must be negative definite, got an eigenvalue of (0|-?\d\S*e-\d\d)",
    ),
    (
        lambda: stability.stability(logistic(1), stats.cauchy(), 1),
        ValueError,
        "data must have a finite first moment, got ε = .* inf",
    ),
    (
        lambda: stability.stability(student(1, 1), stats.norm(), 1),
        ValueError,
        r"student\(1\) must have a finite first moment at θ\* = .*, got ε = .* inf",
    ),
    *[
        (lambda r=r: stability.constants(NORMAL, r), ValueError, rf"radius must be in \[0, inf\), got {r}")
        for r in (-1, math.inf, math.nan)
    ],
    *[
        (
            lambda r=r: stability.constants(NORMAL, r),
            TypeError,
            rf"radius must be a number in \[0, inf\), got {r!r}",
        )
        for r in ("a", None, True)
    ],
    *[
        (
            lambda r=r: supremum(logistic(), "slope", np.array([0.0, 1.0]), r),
            ValueError,
            rf"radius must keep scales positive around θ\* = \[0.0, 1.0\], got {r}",
        )
        for r in (1.0, 3.0)
    ],
    (
        lambda: stability.stability(logistic(1), [1.0, 2.0], [1, -1]),
        ValueError,
        r"synthetic_weight must be in \[0, inf\], got -1",
    ),
    (
        lambda: stability.stability(logistic(1), [1.0, 2.0], "1"),
        TypeError,
        r"synthetic_weight must be a number in \[0, inf\], got '1'",
    ),
    (
        lambda: stability.stability(logistic(1), [1.0, 2.0], True),
        TypeError,
        "synthetic_weight must be a number .*, got True",
    ),
    (
        lambda: stability.stability(logistic(1), [1.0, 2.0], []),
        ValueError,
        r"synthetic_weight must be a number or a sequence of at least one, got \[\]",
    ),
    (
        lambda: stability.stability(logistic(1), [1.0, 2.0], [[1, 2]]),
        ValueError,
        r"synthetic_weight must be a number or a sequence of at least one, got \[\[1, 2\]\]",
    ),
]


@pytest.mark.parametrize(("call", "error", "sentence"), BAD, ids=[b[2][:60] for b in BAD])
def test_bad_arguments(call, error, sentence):
    with pytest.raises(error, match=f"^{sentence}"):
        call()


@pytest.mark.parametrize(
    ("epsilon", "error", "known"),
    [(10.0, 1.001, False), (10.0, 0.999, True), (0.0, 1.001e-4, False), (0.0, 0.999e-4, True)],
)
def test_a_distance_known_to_a_tenth_is_known(epsilon, error, known, monkeypatch):
    monkeypatch.setattr(stability.transport, "distance", lambda *arguments: (epsilon, error))
    if known:
        assert stability.constants(NORMAL)[4:] == (epsilon, error)
    else:
        with pytest.raises(ValueError, match="must have tails light enough"):
            stability.constants(NORMAL)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_a_curvature_is_small_by_its_own_scale(scale):
    found = stability.constants(Retraining(gaussian(sp.Rational(scale)), stats.norm(0, scale)))
    assert found.alpha == pytest.approx(scale**-2, rel=1e-9)


# --- over a neighbourhood, in other units, with other maxima ------------------------------------------------


@pytest.mark.parametrize("scale", [1.0, 3.5])
@pytest.mark.parametrize("share", [0.02, 0.05, 0.1, 0.3, 0.6])
def test_supremum_over_a_ball_of_a_scale_family(scale, share):
    # ∂_x∇² log p of a location–scale family is s⁻³ times a function of z: the smallest scale decides.
    theta, radius = np.array([2.0, scale]), share * scale
    at_point = supremum(logistic(), "slope", theta)
    over_ball = supremum(logistic(), "slope", theta, radius)
    assert over_ball == pytest.approx(at_point / (1 - share) ** 3, rel=1e-6)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_points_of_the_ball(p):
    points = _ball(p)
    sizes = np.linalg.norm(points, axis=1).round(12)
    directions = 2 * p + 64 * (p > 1)
    assert sizes.tolist() == [0] + [0.5] * directions + [1] * directions
    assert len(np.unique(points.round(12), axis=0)) == len(points)
    for axis in np.vstack([np.eye(p), -np.eye(p)]):
        assert (points == axis).all(axis=1).any()


@pytest.mark.parametrize(("centre", "size"), [(0.0, 1e-3), (1e6, 1.0), (-5e4, 6e4)])
def test_rates_do_not_depend_on_units(centre, size):
    unit = Retraining(logistic(), stats.gamma(3)).measured_rates([0.1, 2.0])
    moved = Retraining(logistic(), stats.gamma(3, centre, size)).measured_rates([0.1, 2.0])
    assert (np.abs(moved.rate - unit.rate) <= moved.error + unit.error).all()
    assert (moved.error < 1e-3).all()


@pytest.mark.parametrize("scale", [Fraction(1, 10_000), 1, 10_000])
def test_other_maxima_are_told(scale):
    data = float(scale) * np.array([-4.0] * 6 + [5.0] * 4)
    found = stability.stability(student(3, scale), data, 0.5)
    assert found.constants.theta / float(scale) == pytest.approx([-3.777], abs=1e-3)
    assert found.others / float(scale) == pytest.approx(np.array([[4.433]]), abs=1e-3)
