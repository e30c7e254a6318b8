"""What every family does: points, chart, checks; and what a badly written one is told."""

import dataclasses
import math

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from models import GAMMA, NORMAL, wrong

from theorycheck.formula import expit, softplus
from theorycheck.loops.retraining.consistency import checked
from theorycheck.loops.retraining.families import LOCATION, SCALE, gaussian, logistic, mixture, student
from theorycheck.loops.retraining.family import HALF_LINE, Family, X
from theorycheck.loops.retraining.laws import Points


def test_points_of_several_theta_share_their_nodes():
    theta = np.array([[[0.0, 1.0], [0.5, 2.0]]])
    x, weight = logistic().points(theta, (0.0, 1.0), 1)
    assert weight.shape == (1, 2, x.size)
    for row, t in zip(weight[0], theta[0], strict=True):
        assert row.sum() == pytest.approx(1, abs=1e-12)
        assert row @ x == pytest.approx(t[0], abs=1e-12)
        assert row @ (x - t[0]) ** 2 == pytest.approx(t[1] ** 2 * math.pi**2 / 3, rel=1e-12)


@pytest.mark.parametrize(
    ("family", "growth", "expected"),
    [
        (student(3, 1), np.square, 3),
        (student(5), lambda x: x**4, 25),
        (student(1, 1), lambda x: np.log1p(x**2), 2 * math.log(2)),
    ],
)
def test_points_reach_far_into_heavy_tails(family, growth, expected):
    theta = np.array([0.0, 1.0])[: len(family.parameters)]
    x, weight = family.points(theta, family.frame(theta), 2)
    assert weight @ growth(x) == pytest.approx(expected, rel=1e-7)


def cauchy(rng, theta, size):
    return theta[0] + rng.standard_cauchy(size)


TAILS = {
    "left": -sp.log(1 + (X - LOCATION) ** 2) - softplus(X - LOCATION),
    "right": -sp.log(1 + (X - LOCATION) ** 2) - softplus(LOCATION - X),
}


@pytest.mark.parametrize("density", TAILS.values(), ids=TAILS)
def test_one_tail_is_enough_for_an_infinite_moment(density):
    assert Family("mine", (LOCATION,), density, cauchy, None).first_moment(np.array([0.0])) == math.inf


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_first_moments_in_any_unit(scale):
    theta = np.array([0.0, scale])
    assert student(1).first_moment(theta) == math.inf
    assert logistic().first_moment(theta) == pytest.approx(2 * math.log(2) * scale, rel=1e-4)


def test_the_chart_covers_the_support():
    w = np.linspace(-46, 46, 93)
    x, slope = logistic().chart((1.0, 2.0), w)
    np.testing.assert_allclose(x, 1 + 2 * np.sinh(w))
    np.testing.assert_allclose(slope, 2 * np.cosh(w))
    x, slope = GAMMA.chart((1.0, 0.5), w[40:53])
    np.testing.assert_allclose(x, np.exp(1 + 0.5 * np.sinh(w[40:53])))
    np.testing.assert_allclose(slope, x * 0.5 * np.cosh(w[40:53]))


@pytest.mark.parametrize(
    ("positive", "family"),
    [
        ([False, True], logistic()),
        ([False], student(3, 1)),
        ([True, True], GAMMA),
        ([False, False], mixture(0.5)),
    ],
)
def test_scales_are_positive(positive, family):
    assert family.positive.tolist() == positive
    assert family.positive.dtype == bool


WEIGHTED = Points(np.array([3.0, -1.0, 0.0, 7.0]), np.array([0.2, 0.3, 0.4, 0.1]))


@pytest.mark.parametrize("make", [gaussian, logistic, lambda *scale: student(3, *scale)])
def test_the_search_starts_between_the_quartiles(make):
    median = make(1).fit(WEIGHTED)[0]
    assert abs(median) < 0.6
    assert make().fit(WEIGHTED) == pytest.approx([median, WEIGHTED.weight @ np.abs(WEIGHTED.x - median)])
    assert make().fit(Points(np.array([2.0]), np.array([1.0]))) == [2.0, 1.0]


def test_the_search_for_a_mixture_starts_at_its_parts():
    data = Points(
        np.array([5.0, -5, 5.1, -5.1, 4.9, -4.9]), np.array([0.4 / 3, 0.2, 0.4 / 3, 0.2, 0.4 / 3, 0.2])
    )
    low, high = mixture(0.6).fit(data)
    assert -5.2 < low < -4.8
    assert 4.8 < high < 5.2


MOVED = NORMAL.subs(X, X - LOCATION)
WEIGHT = sp.Symbol("w", positive=True)


def shared(apart, weight=lambda w: w):
    """w·N(0, 1) + (1−w)·N(apart, 1) with unknown w in (0, 1), sampled with `weight` of it."""
    odds = sp.log((1 - WEIGHT) / WEIGHT) + apart * X - sp.sympify(apart) ** 2 / 2
    return Family(
        "shared",
        (WEIGHT,),
        NORMAL + sp.log(WEIGHT) + softplus(odds),
        lambda rng, theta, size: np.where(
            rng.random(size) < weight(theta[0]), rng.standard_normal(size), rng.normal(apart, 1, size)
        ),
        None,
    )


BAD = [
    (lambda: student(0), ValueError, r"degrees must lie in \(0, inf\), got 0"),
    (lambda: student(-2, 1), ValueError, r"degrees must lie in \(0, inf\), got -2"),
    (lambda: student("a"), TypeError, r"degrees must be a number in \(0, inf\), got 'a'"),
    (lambda: student(math.nan), ValueError, "degrees must lie in .*, got nan"),
    (lambda: logistic(0), ValueError, r"scale must lie in \(0, inf\), got 0"),
    (lambda: gaussian(-1), ValueError, r"scale must lie in \(0, inf\), got -1"),
    (lambda: gaussian(math.inf), ValueError, r"scale must lie in \(0, inf\), got inf"),
    (lambda: gaussian(True), TypeError, r"scale must be a number in \(0, inf\), got True"),
    (lambda: mixture(0), ValueError, r"weight must lie in \(0, 1\), got 0"),
    (lambda: mixture(1), ValueError, r"weight must lie in \(0, 1\), got 1"),
    (lambda: mixture(1.5), ValueError, r"weight must lie in \(0, 1\), got 1.5"),
    (lambda: mixture("a"), TypeError, r"weight must be a number in \(0, 1\), got 'a'"),
    (lambda: mixture(math.nan), ValueError, r"weight must lie in \(0, 1\), got nan"),
    (lambda: wrong(support=(0.0, 1.0)), ValueError, r"support of mine must be .*, got \(0.0, 1.0\)"),
    (lambda: wrong(density=X * SCALE), ValueError, "log_density of mine may use x .*, got also {s}"),
    (
        lambda: Family("mine", [LOCATION], X, None, None),
        TypeError,
        r"parameters of mine must be .*, got \[m\]",
    ),
    (lambda: Family("mine", (), X, None, None), TypeError, r"parameters of mine must be .*, got \(\)"),
    (
        lambda: Family("mine", ("m",), X, None, None),
        TypeError,
        r"parameters of mine must be .*, got \('m',\)",
    ),
    (
        lambda: wrong(density=sp.Function("f")(X)).evaluate("score", np.zeros(1), np.zeros(1)),
        ValueError,
        "log_density of mine must have derivatives that are functions, got ",
    ),
    (
        lambda: Family("mine", (LOCATION,), 3.0, None, None),
        TypeError,
        "log_density of mine must be a sympy .*, got 3.0",
    ),
    # Mass 1 at θ = 0 only, with a slope there or a curvature.
    (
        lambda: checked(Family("mine", (LOCATION,), NORMAL + LOCATION, wrong().sample, None), np.zeros(1)),
        ValueError,
        r"log_density of mine must integrate to 1 for every θ, .* at θ = \[0.0\]",
    ),
    (
        lambda: checked(Family("mine", (LOCATION,), NORMAL + LOCATION**2, wrong().sample, None), np.zeros(1)),
        ValueError,
        "log_density of mine must integrate to 1 for every θ",
    ),
    # The sampler, and the density.
    (
        lambda: wrong(draw=lambda rng, t, n: rng.normal(size=2 * n)).frame([0.0]),
        ValueError,
        "sample of mine must give finite numbers",
    ),
    (
        lambda: wrong(draw=lambda rng, t, n: np.full(n, np.nan)).frame([0.0]),
        ValueError,
        "sample of mine must give finite numbers",
    ),
    (
        lambda: wrong(draw=lambda rng, t, n: rng.normal(size=n), support=HALF_LINE).frame([0.0]),
        ValueError,
        r"sample of mine must stay within \(0.0, inf\), got -",
    ),
    (
        lambda: checked(wrong(draw=lambda rng, t, n: 1.05 * rng.normal(size=n)), np.zeros(1)),
        ValueError,
        r"sample of mine must draw from its log_density, .* at distance 0.01\d at θ = \[0.0\]",
    ),
    (
        lambda: checked(wrong(draw=lambda rng, t, n: 0.05 + rng.normal(size=n)), np.zeros(1)),
        ValueError,
        "sample of mine must draw from its log_density, got laws at distance 0.0",
    ),
    (
        lambda: checked(wrong(density=-(X**2) / 2), np.zeros(1)),
        ValueError,
        r"log_density of mine must integrate to 1 over \(-inf, inf\), got 2.50663 at θ = \[0.0\]",
    ),
    (
        lambda: checked(
            wrong(density=-(X**2) / 2 - sp.log(2 * sp.pi) / 2 + sp.Rational(2, 10**6)), np.zeros(1)
        ),
        ValueError,
        r"log_density of mine must integrate to 1 over \(-inf, inf\), got 1 at",
    ),
    # Right at θ alone.
    (
        lambda: checked(wrong(draw=lambda rng, t, n: rng.normal(size=n)), np.zeros(1)),
        ValueError,
        r"sample of mine must draw from its log_density, got laws at distance 0.\d* at θ = \[0.\d*\]",
    ),
    (
        lambda: checked(
            dataclasses.replace(logistic(), sample=lambda rng, t, n: rng.logistic(t[0], 2, n)),
            np.array([3.0, 2.0]),
        ),
        ValueError,
        r"sample of logistic must draw from its log_density, .* at θ = \[3.0, 2.8\d*\]",
    ),
    (
        # Shape and rate together leave a gamma law nearly where it was.
        lambda: checked(
            dataclasses.replace(GAMMA, sample=lambda rng, t, n: rng.gamma(400, 1 / 400, n)),
            np.array([400.0, 400.0]),
        ),
        ValueError,
        r"sample of gamma must draw from its log_density, .* at θ = \[4\d\d\.\d*, 400.0\]",
    ),
    # There is no density at a weight beyond 1: the other side is tried, or nearer.
    *[
        (
            lambda apart=apart, w=w: checked(shared(apart, lambda _: w), np.array([w])),
            ValueError,
            rf"sample of shared must draw from its log_density, .* at θ = \[{found}\d*\]",
        )
        for apart, w, found in ((5, 0.9, "0.7"), (5, 0.985, "0.9"), (sp.Rational(1, 2), 0.95, "0.7"))
    ],
    (
        lambda: checked(Family("mine", (LOCATION,), MOVED + LOCATION**4, wrong().sample, None), np.zeros(1)),
        ValueError,
        r"log_density of mine must integrate to 1 over .*, got 1.06449 at θ = \[0.\d*\]",
    ),
    (
        lambda: checked(mixture(0.5), np.array([0.0, 1e6])),
        ValueError,
        r"the quadrature for mixture\(0.5\) must resolve its density, got .* at θ = \[0.0, 1000000.0\]",
    ),
    (
        lambda: wrong(density=-sp.sqrt(X)).evaluate("score", np.array([1.0, -4.0]), np.zeros(1)),
        ValueError,
        r"log_density of mine must be smooth, got no finite score at x = -4, θ = \[0.0\]",
    ),
    (
        lambda: wrong(density=sp.log(X - 4)).evaluate(
            "hessian", np.array([9.0, 7.0]), np.array([[1.0], [3.0]])
        ),
        ValueError,
        r"log_density of mine must be smooth, got no finite hessian at x = 7, θ = \[\[1.0\], \[3.0\]\]",
    ),
]


@pytest.mark.parametrize(("call", "error", "sentence"), BAD, ids=[b[2][:60] for b in BAD])
def test_bad_families(call, error, sentence):
    with pytest.raises(error, match=f"^{sentence}"):
        call()


@pytest.mark.parametrize("weight", [0.02, 0.5, 0.9, 0.98, 0.9999])
def test_a_parameter_is_not_tried_where_there_is_no_density(weight):
    checked(shared(5), np.array([weight]))


def test_what_a_density_does_not_depend_on_is_not_tried():
    idle = sp.Symbol("idle", real=True)
    checked(Family("mine", (LOCATION, idle), MOVED, wrong().sample, None), np.array([0.3, 7.0]))


def test_a_density_may_be_off_by_a_millionth():
    checked(wrong(density=-(X**2) / 2 - sp.log(2 * sp.pi) / 2 + sp.Rational(9, 10**7)), np.zeros(1))


def test_a_user_may_name_another_variable():
    y = sp.Symbol("y", real=True)
    family = Family("mine", (LOCATION,), sp.log(expit(y - LOCATION)), None, None, x=y)
    expected = -mp.log(1 + mp.exp(mp.mpf(-1)))
    assert family.evaluate("log_density", np.array([3.0]), np.array([2.0]))[0, 0] == pytest.approx(
        float(expected)
    )


def test_the_variable_is_a_real_number():
    # |x − m|⁴ is smooth, which sympy sees of real numbers only.
    family = wrong(density=-(abs(X) ** 4) - sp.log(2 * sp.gamma(sp.Rational(5, 4))))
    found = [family.evaluate(name, np.array([1.5]), np.array([2.0]))[0, 0] for name in ("score", "hessian")]
    assert found == pytest.approx([-0.5, -3])
