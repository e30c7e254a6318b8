"""The safeguarded Newton ascent: derivatives against finite sums, maxima against scipy.optimize."""

import dataclasses

import numpy as np
import pytest
import sympy as sp
from scipy import optimize, stats

from theorycheck.loops.retraining.ascent import STEPS, ascend, derivatives, value
from theorycheck.loops.retraining.families import LOCATION, SCALE, gaussian, logistic, mixture, student
from theorycheck.loops.retraining.family import Family, X
from theorycheck.loops.retraining.laws import Points

RNG = np.random.default_rng(3)
DATA = Points(RNG.gamma(2.0, size=40), RNG.dirichlet(np.ones(40)))
LIKELIHOODS = {
    "gaussian": (gaussian(), lambda x, m, s: stats.norm.logpdf(x, m, s), [1.0, 1.0]),
    "logistic": (logistic(), lambda x, m, s: stats.logistic.logpdf(x, m, s), [1.0, 1.0]),
    "student": (student(3), lambda x, m, s: stats.t.logpdf(x, 3, m, s), [1.0, 1.0]),
    "logistic location": (logistic(1), lambda x, m: stats.logistic.logpdf(x, m), [-3.0]),
    "mixture": (
        mixture(0.3),
        lambda x, m, n: np.log(0.3 * stats.norm.pdf(x, m) + 0.7 * stats.norm.pdf(x, n)),
        [0.5, 4.0],
    ),
}
each = pytest.mark.parametrize(("family", "density", "start"), LIKELIHOODS.values(), ids=LIKELIHOODS)


@each
def test_value_and_derivatives(family, density, start):
    theta = np.array([[start, np.add(start, 0.5)], [np.add(start, 1.0), np.add(start, 0.25)]])

    def total(t):
        return sum(w * density(x, *t) for x, w in zip(*DATA, strict=True))

    gradient, hessian = derivatives(family, DATA, theta)
    p = len(start)
    assert gradient.shape == (2, 2, p)
    assert hessian.shape == (2, 2, p, p)
    for i in np.ndindex(2, 2):
        assert value(family, DATA, theta)[i] == pytest.approx(total(theta[i]), rel=1e-13)
        for k, shift in enumerate(1e-4 * np.eye(p)):
            slope = (total(theta[i] + shift) - total(theta[i] - shift)) / 2e-4
            assert gradient[i][k] == pytest.approx(slope, abs=1e-6)
            ahead, behind = (derivatives(family, DATA, theta[i] + s * shift)[0] for s in (1, -1))
            np.testing.assert_allclose(hessian[i][k], (ahead - behind) / 2e-4, atol=1e-5)


def test_every_problem_may_have_weights_of_its_own():
    weight = np.random.default_rng(0).dirichlet(np.ones(40), size=3)
    theta = np.array([[1.0, 1.0], [0.5, 2.0], [2.0, 0.7]])

    def everything(points, theta):
        return [*derivatives(logistic(), points, theta), value(logistic(), points, theta)]

    together = everything(Points(DATA.x, weight), theta)
    for i in range(3):
        for batch, single in zip(together, everything(Points(DATA.x, weight[i]), theta[i]), strict=True):
            np.testing.assert_allclose(batch[i], single, rtol=1e-14)


@each
@pytest.mark.parametrize("reach", [0.1, 100.0])
def test_maxima(family, density, start, reach):
    found = ascend(family, DATA, np.array(start), reach)
    expected = optimize.minimize(
        lambda t: -np.sum(DATA.weight * density(DATA.x, *t)),
        found + 0.1,
        method="Nelder-Mead",
        options=dict(xatol=1e-9, fatol=1e-14, maxiter=4000),
    ).x
    np.testing.assert_allclose(found, expected, atol=1e-6)
    gradient, hessian = derivatives(family, DATA, found)
    assert np.abs(gradient).max() < 1e-14
    assert np.linalg.eigvalsh(hessian).max() < 0


def test_a_batch_of_starts_is_as_good_as_each_alone():
    starts = np.array([[[1.0, 1.0], [30.0, 0.1]], [[-5.0, 50.0], [2.0, 1e-3]], [[0.0, 1.0], [-9.0, 3.0]]])
    together = ascend(logistic(), DATA, starts, 1.0)
    best = ascend(logistic(), DATA, np.array([2.0, 1.0]), 1.0)
    np.testing.assert_allclose(together, np.broadcast_to(best, (3, 2, 2)), rtol=1e-12)
    assert starts[1, 0].tolist() == [-5.0, 50.0]  # left alone


def roots_of_two_points(a):
    """Where the Cauchy location likelihood of data at ±a has its maxima: θ² = a² − 1."""
    return np.sqrt(a**2 - 1)


@pytest.mark.parametrize("reach", [0.3, 2.0, 1e6])
@pytest.mark.parametrize("start", [0.4, 3.0, 5.0, 7.0, 40.0])
def test_uphill_of_the_start(start, reach):
    data = Points(np.array([-5.0, 5.0]), np.array([0.5, 0.5]))
    found = ascend(student(1, 1), data, np.array([[start], [-start]]), min(reach, start))
    np.testing.assert_allclose(found, [[roots_of_two_points(5)], [-roots_of_two_points(5)]], rtol=1e-12)


class Watched(Family):
    """Keeps the θ at which gradients are taken."""

    def evaluate(self, name, x, theta):
        if name == "derivatives":
            PATH.append(np.array(theta))
        return super().evaluate(name, x, theta)


PATH: list = []


def watched(family):
    return Watched(**vars(dataclasses.replace(family)))


@pytest.mark.parametrize(
    ("family", "start"), [(student(1, 1), [4.0]), (logistic(), [9.0, 0.5]), (student(3), [9.0, 2.0])]
)
@pytest.mark.parametrize("reach", [0.05, 0.5])
def test_no_step_is_longer_than_the_reach_and_none_goes_down(family, start, reach):
    PATH.clear()
    ascend(watched(family), DATA, np.array(start), reach)
    lengths = np.linalg.norm(np.diff(PATH, axis=0), axis=1)
    assert lengths.max() == pytest.approx(reach)
    heights = [value(family, DATA, theta) for theta in PATH]
    assert (np.diff(heights) >= -1e-12).all()
    assert PATH[0].tolist() == start


def test_newton_is_quick():
    PATH.clear()
    ascend(watched(gaussian(2)), DATA, np.array([50.0]), 1e6)
    assert len(PATH) <= 3  # one step, and one more that shows that it was the last
    PATH.clear()
    ascend(watched(logistic()), DATA, np.array([1.8, 0.7]), 1.0)
    assert len(PATH) <= 7


def test_scales_stay_positive():
    data = Points(np.array([-1e-3, 1e-3]), np.array([0.5, 0.5]))
    found = ascend(gaussian(), data, np.array([0.0, 0.5]), 10.0)
    np.testing.assert_allclose(found, [0, 1e-3], rtol=1e-9, atol=1e-15)


def unbounded(density, symbols=(LOCATION,)):
    return Family("mine", symbols, density, None, None)


ONE = Points(np.array([0.0]), np.array([1.0]))


def test_a_climb_without_a_top_says_where_it_stopped():
    with pytest.raises(
        ValueError,
        match=r"^the Newton ascent for mine stopped at θ = \[(.*)\] after 200 steps, with a gradient of 3$",
    ) as caught:
        ascend(unbounded(3 * LOCATION - X), ONE, np.array([1.0]), 0.5)
    assert float(str(caught.value).split("[")[1].split("]")[0]) == pytest.approx(1 + 0.5 * STEPS)


def test_the_worst_of_a_batch_is_named():
    density = sp.Piecewise((-((LOCATION - 1) ** 2), LOCATION < 4), (7 * LOCATION, True)) - X
    with pytest.raises(
        ValueError, match=r"stopped at θ = \[\d{3}\.\d*\] after 200 steps, with a gradient of 7$"
    ):
        ascend(unbounded(density), ONE, np.array([[0.0], [9.0], [2.0]]), 0.5)


def test_a_minimum_is_left_for_a_maximum():
    data = Points(np.array([-5.0, 5.0]), np.array([0.5, 0.5]))
    found = ascend(student(1, 1), data, np.array([[0.0], [3.0]]), 1.0)
    np.testing.assert_allclose(np.abs(found), roots_of_two_points(5), rtol=1e-12)


def test_a_saddle_is_left_for_a_maximum():
    # Two equal means are a saddle of the mixture's likelihood if the data have more spread than one normal.
    data = Points(np.array([-3.0, 3.0]), np.array([0.5, 0.5]))
    found = ascend(mixture(sp.Rational(1, 2)), data, np.array([0.0, 0.0]), 1.0)
    np.testing.assert_allclose(np.sort(found), [-3, 3], atol=1e-6)
    assert np.linalg.eigvalsh(derivatives(mixture(0.5), data, found)[1]).max() < 0


@pytest.mark.parametrize(
    ("density", "symbols", "start"),
    [
        (LOCATION**2 - X, (LOCATION,), [0.0]),
        (SCALE**2 - LOCATION**2 - 2 * SCALE - X, (LOCATION, SCALE), [0.0, 1.0]),
    ],
)
def test_a_minimum_without_a_maximum_says_where_the_climb_stopped(density, symbols, start):
    with pytest.raises(
        ValueError, match=r"^the Newton ascent for mine stopped at θ = \[.*\] after 200 steps"
    ):
        ascend(unbounded(density, symbols), ONE, np.array(start), 0.01)


def test_a_flat_top_is_a_maximum():
    # −m⁴: Newton converges by a third a step only, and the curvature vanishes at the top.
    found = ascend(unbounded(-(LOCATION**4) - X), ONE, np.array([0.5]), 1.0)
    assert abs(found[0]) < 1e-3
