"""Laws as weighted points and their cdf; against closed forms, quadrature and scikit-learn."""

import math
from types import SimpleNamespace

import mpmath as mp
import numpy as np
import pytest
from scipy import integrate, stats
from sklearn.datasets import load_digits

from theorycheck.loops.retraining import laws, transport
from theorycheck.loops.retraining.laws import LEVELS, Mixture, Points

SAMPLE = np.array([-1.5, 0.25, 0.25, 2.0])
NESTED = Mixture([0.25, 0.75], [stats.norm(-2, 0.5), Mixture([0.5, 0.5], [SAMPLE, stats.uniform(0, 2)])])

# A law and E cos X.
COSINES = [
    (stats.norm(1, 2), math.exp(-2) * math.cos(1)),
    (stats.uniform(-1, 3), (math.sin(2) + math.sin(1)) / 3),
    (stats.laplace(), 1 / 2),
    (stats.expon(), 1 / 2),
    (stats.gamma(2.5), ((1 - 1j) ** -2.5).real),
    (stats.gamma(0.5), ((1 - 1j) ** -0.5).real),
    (stats.logistic(), math.pi / math.sinh(math.pi)),
    (stats.beta(0.5, 0.5), math.cos(0.5) * float(mp.besselj(0, 0.5))),
    (stats.poisson(3), (np.exp(3 * (np.exp(1j) - 1))).real),
    (stats.poisson(300), (np.exp(300 * (np.exp(1j) - 1))).real),
    (stats.geom(0.2), (0.2 * np.exp(1j) / (1 - 0.8 * np.exp(1j))).real),
    (stats.binom(5, 0.3), ((0.7 + 0.3 * np.exp(1j)) ** 5).real),
    (stats.randint(-1, 2), (1 + 2 * math.cos(1)) / 3),
    (SAMPLE, np.mean([math.cos(x) for x in SAMPLE])),
    (
        NESTED,
        math.exp(-0.125) * math.cos(2) / 4
        + 3 / 8 * (np.mean([math.cos(x) for x in SAMPLE]) + math.sin(2) / 2),
    ),
]


@pytest.mark.parametrize("level", range(LEVELS))
@pytest.mark.parametrize(("law", "expected"), COSINES)
def test_expectations(law, expected, level):
    x, weight = laws.points(laws.checked(law), level)
    assert x.shape == weight.shape
    assert (weight >= 0).all()
    assert weight.sum() == pytest.approx(1, abs=1e-13 if hasattr(law, "pmf") else 4e-15)
    # The coarsest rule sees the cosine's waves far out with too few nodes.
    assert weight @ np.cos(x) == pytest.approx(expected, abs=1e-12 if level else 1e-6)


@pytest.mark.parametrize(
    ("law", "expected"),
    [
        (stats.norm(0, 2), 3 * 2**4),
        (stats.logistic(), 7 * math.pi**4 / 15),
        (stats.t(7), 49 * 3 / (5 * 3)),
        (stats.lognorm(0.5), math.exp(16 * 0.125)),
        (stats.pareto(6), 3.0),
    ],
)
def test_tails_are_kept(law, expected):
    for level in range(LEVELS):
        x, weight = laws.points(law, level)
        assert weight @ x**4 == pytest.approx(expected, rel=1e-9)


def test_few_atoms_may_lie_far_out():
    law = stats.randint(10**7, 10**7 + 3)
    x, weight = laws.points(law)
    assert x.tolist() == [10**7, 10**7 + 1, 10**7 + 2]
    assert weight == pytest.approx([1 / 3] * 3)


def test_heavy_tails_converge():
    x, weight = laws.points(stats.t(1.5), LEVELS - 1)
    expected = 2 * integrate.quad(lambda u: stats.t.pdf(u, 1.5) * u / (1 + u**2), 0, np.inf, epsabs=1e-13)[0]
    assert weight @ (np.abs(x) / (1 + x**2)) == pytest.approx(expected, abs=1e-11)
    assert weight @ (x / (1 + x**2)) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("level", range(LEVELS))
def test_a_finer_level_has_twice_the_nodes(level):
    x = laws.points(stats.norm(), level).x
    assert x.size == 12 * 2**level * 16
    assert (np.diff(x) > 0).all()
    assert -22 < x[0] < -13
    np.testing.assert_allclose(x, -x[::-1], rtol=1e-13)


def test_samples_are_sorted_and_weigh_the_same():
    law = laws.checked([3, 1, 2])
    assert law.dtype == float
    x, weight = laws.points(law, 3)
    assert x.tolist() == [1, 2, 3]
    assert weight.tolist() == [1 / 3] * 3
    assert isinstance(laws.points(law), Points)


@pytest.mark.skipif(not hasattr(stats, "make_distribution"), reason="SciPy has no newer distributions yet")
@pytest.mark.parametrize("name", ["norm", "laplace", "gamma", "binom"])
def test_distributions_of_the_newer_kind(name):
    shapes = {"gamma": {"a": 2.5}, "binom": {"n": 6, "p": 0.3}}.get(name, {})
    old, made = getattr(stats, name)(**shapes), stats.make_distribution(getattr(stats, name))(**shapes)
    new = laws.checked(made)
    for level in (0, 2):
        ours, theirs = laws.points(new, level), laws.points(old, level)
        np.testing.assert_allclose(ours.x, theirs.x, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(ours.weight, theirs.weight, rtol=1e-9)
    grid = np.array([-1.0, 0.0, 0.5, 2.0])
    for side in ("left", "right"):
        np.testing.assert_allclose(laws.cdf(new, grid, side), laws.cdf(old, grid, side), rtol=1e-12)
        np.testing.assert_allclose(laws.sf(new, grid, side), laws.sf(old, grid, side), rtol=1e-12)
    assert transport.first_moment(new) == pytest.approx(transport.first_moment(old), rel=1e-9)
    np.testing.assert_array_equal(laws.atoms(new), laws.atoms(old))


def test_a_value_seen_again_weighs_more():
    x, weight = laws.points(laws.checked([2, 1, 2, 7, 2]))
    assert x.tolist() == [1, 2, 7]
    assert weight.tolist() == [1 / 5, 3 / 5, 1 / 5]


def test_a_mixture_is_checked_all_the_way_down():
    law = laws.checked(Mixture((0.5, 0.5 + 5e-10), ([2, 1], stats.norm())))
    assert sum(law.weights) == pytest.approx(1, abs=1e-15)
    assert law.laws[0].tolist() == [1.0, 2.0]


CDFS = [
    (stats.norm(1, 2), [1.0, 3.0], [0.5, stats.norm.cdf(1)], [0.5, stats.norm.cdf(1)], []),
    (SAMPLE, [-1.5, 0.25, 1.0, 2.0], [0.25, 0.75, 0.75, 1], [0, 0.25, 0.75, 0.75], [-1.5, 0.25, 2.0]),
    (stats.binom(2, 0.5), [0.0, 0.5, 1.0, 2.0], [0.25, 0.25, 0.75, 1], [0, 0.25, 0.25, 0.75], [0, 1, 2]),
    (
        Mixture([0.5, 0.5], [np.array([0.0, 1.0]), stats.uniform()]),
        [0.0, 0.5, 1.0],
        [0.25, 0.5, 1],
        [0, 0.5, 0.75],
        [0, 1],
    ),
    (Mixture([0.25, 0.75], [SAMPLE, np.array([2.0])]), [2.0], [1.0], [3 / 16], [-1.5, 0.25, 2.0]),
]


@pytest.mark.parametrize(("law", "x", "right", "left", "jumps"), CDFS)
def test_distribution_functions(law, x, right, left, jumps):
    np.testing.assert_allclose(laws.cdf(law, np.array(x)), right, atol=1e-15)
    np.testing.assert_allclose(laws.cdf(law, np.array(x), "left"), left, atol=1e-15)
    np.testing.assert_allclose(laws.sf(law, np.array(x)), 1 - np.array(right), atol=1e-15)
    np.testing.assert_allclose(laws.sf(law, np.array(x), "left"), 1 - np.array(left), atol=1e-15)
    assert laws.atoms(law).tolist() == jumps


def test_survival_functions_keep_all_digits_far_out():
    law = Mixture([0.25, 0.75], [stats.norm(), np.array([0.0])])
    assert laws.sf(law, np.array([12.0]))[0] == pytest.approx(stats.norm.sf(12) / 4, rel=1e-12)


@pytest.mark.parametrize("pixel", [0, 36, 63])
def test_a_column_of_the_digits(pixel):
    assert laws.digits_column(pixel).tolist() == load_digits().images[:, pixel // 8, pixel % 8].tolist()
    assert laws.digits_column().tolist() == laws.digits_column(36).tolist()


@pytest.mark.parametrize("dimension", [1, 60])
def test_scores_of_the_digits(dimension):
    data = load_digits().data
    variances, axes = np.linalg.eigh(np.cov(data, rowvar=False, ddof=0))
    axes = axes[:, ::-1][:, :dimension]
    signs = np.sign([axis[np.argmax(np.abs(axis))] for axis in axes.T])
    expected = (data - data.mean(axis=0)) @ axes * signs / np.sqrt(variances[-1])
    assert laws.digits_scores(dimension) == pytest.approx(expected, abs=1e-9)
    assert laws.digits_scores().shape == (1797, 2)


BAD = [
    (laws.checked, (None,), ValueError, r"data must be a non-empty one-dimensional array, got shape \(\)"),
    (laws.checked, ([],), ValueError, r"data must be a non-empty .* array, got shape \(0,\)"),
    (laws.checked, ([[1.0]],), ValueError, r"data must be a non-empty .* array, got shape \(1, 1\)"),
    (laws.checked, ([1.0, math.nan],), ValueError, "data must be finite, got nan at index 1"),
    (laws.checked, ("abc",), TypeError, "data must be a one-dimensional array of numbers, got 'abc'"),
    (laws.checked, (SimpleNamespace(ppf=abs),), TypeError, "data must be .* of numbers, got namespace"),
    (laws.checked, (SimpleNamespace(cdf=abs),), TypeError, "data must be .* of numbers, got namespace"),
    (
        laws.checked,
        (stats.norm(0, -1),),
        ValueError,
        r"data must be a proper distribution, got quartiles \[+nan",
    ),
    (laws.checked, (stats.norm([0, 1]),), ValueError, "data must be a proper distribution, got "),
    (laws.checked, (stats.gamma,), TypeError, "data must be a frozen distribution, got <"),
    (
        laws.checked,
        (Mixture([0.5, 0.6], [SAMPLE] * 2),),
        ValueError,
        "weights must sum to 1 .*, got a sum of 1.1",
    ),
    (
        laws.checked,
        (Mixture([1.5, -0.5], [SAMPLE] * 2),),
        ValueError,
        "weights must not be negative, got -0.5",
    ),
    (
        laws.checked,
        (Mixture([1.0], [SAMPLE] * 2),),
        ValueError,
        r"weights must have one entry per law \(2\), got 1",
    ),
    (laws.checked, (Mixture([1.0], ["abc"]),), TypeError, "data must be .* numbers, got 'abc'"),
    (laws.digits_column, (64,), ValueError, "pixel must be at most 63, got 64"),
    (laws.digits_column, (-1,), ValueError, "pixel must be at least 0, got -1"),
    (laws.digits_column, (1.5,), TypeError, "pixel must be an integer .*, got 1.5"),
    (laws.digits_scores, (0,), ValueError, "dimension must be at least 1, got 0"),
    (laws.digits_scores, (61,), ValueError, "dimension must be at most 60, got 61"),
    (laws.digits_scores, (True,), TypeError, "dimension must be an integer .*, got True"),
]


@pytest.mark.parametrize(("call", "arguments", "error", "sentence"), BAD)
def test_bad_arguments(call, arguments, error, sentence):
    with pytest.raises(error, match=f"^{sentence}"):
        call(*arguments)
