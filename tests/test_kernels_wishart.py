"""The d-dimensional Gaussian loop in NumPy, fed with the same stream of draws as the kernels."""

import numpy as np
import pytest
from scipy import linalg
from streams import Normals

from theorycheck.kernels import wishart
from theorycheck.loops.covariance import simulate_covariance, tilted_ratio

STARTS = {d: np.random.default_rng(d).normal(size=(d, d)) for d in (1, 2, 3, 5)}
CASES = [(d, n) for d in STARTS for n in (2, 3, 4, 7)]


def literal(draw, factor, n, steps):
    """One path: points from the current factor, np.cov, and the centred points as the next factor."""
    covariance = factor @ factor.T
    for _ in range(steps):
        points = factor @ np.array([draw(n) for _ in range(factor.shape[1])])
        covariance = np.cov(points, ddof=1).reshape(covariance.shape)
        factor = (points - points.mean(axis=1, keepdims=True)) / np.sqrt(n - 1)
    return covariance


def reflection(u):
    """The symmetric orthogonal matrix that exchanges the first axis and the unit vector u."""
    v = u - np.eye(len(u))[0]
    # |v|² = 2(1 − u_1); where u is the axis itself, nothing is to be done.
    return np.eye(len(u)) - (np.outer(v, v) / (1 - u[0]) if v @ v > 1e-20 else 0)


def bartlett(draw, factor, n, steps, direction=None):
    """One path from Bartlett's factors; with a direction, the first χ has a degree of freedom more."""
    for _ in range(steps):
        if direction is not None:
            u = factor.T @ direction
            factor = factor @ reflection(u / np.linalg.norm(u))
        width = factor.shape[1]
        triangle = np.zeros((width, min(width, n - 1)))
        freedom = n - 1 - np.arange(triangle.shape[1])
        freedom[0] += direction is not None
        np.fill_diagonal(triangle, np.sqrt(draw.chi_squares(freedom)))
        below = np.tril_indices(width, -1, triangle.shape[1])
        triangle[below] = draw(below[0].size)
        factor = factor @ triangle / np.sqrt(n - 1)
    return factor


@pytest.mark.parametrize("steps", [0, 1, 3])
@pytest.mark.parametrize(("d", "n"), CASES)
def test_literal(d, n, steps):
    covariance = np.full((3, d, d), np.nan)
    wishart.literal(np.random.default_rng(1), STARTS[d], n, steps, covariance)
    draw = Normals(np.random.default_rng(1))
    expected = [literal(draw, STARTS[d], n, steps) for _ in range(3)]
    np.testing.assert_allclose(covariance, expected, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("tilt", [0, 1])
@pytest.mark.parametrize("steps", [0, 1, 3])
@pytest.mark.parametrize(("d", "n"), CASES)
def test_reduced(d, n, steps, tilt):
    x = np.random.default_rng(9).normal(size=d)
    x /= np.linalg.norm(x)
    factors, log_scale = np.full((3, d, d), np.nan), np.full(3, np.nan)
    wishart.reduced(np.random.default_rng(2), STARTS[d], n, steps, x, tilt, factors, log_scale)
    draw = Normals(np.random.default_rng(2))
    for factor, logarithm in zip(factors, log_scale, strict=True):
        expected = bartlett(draw, STARTS[d], n, steps, x if tilt else None)
        largest = np.abs(expected).max() if steps else 1.0
        padded = np.pad(expected / largest, ((0, 0), (0, d - expected.shape[1])))
        np.testing.assert_allclose(factor, padded, rtol=1e-9, atol=1e-12)
        assert logarithm == pytest.approx(np.log(largest), abs=1e-12)


def test_a_direction_along_the_first_axis_needs_no_reflection():
    factors, log_scale = np.zeros((1, 2, 2)), np.zeros(1)
    x = np.array([1.0, 0.0])
    wishart.reduced(np.random.default_rng(2), np.diag([2.0, 3.0]), 6, 1, x, 1, factors, log_scale)
    expected = bartlett(Normals(np.random.default_rng(2)), np.diag([2.0, 3.0]), 6, 1, x)
    np.testing.assert_allclose(factors[0] * np.exp(log_scale[0]), expected, rtol=1e-12)


@pytest.mark.parametrize("tilt", [0, 1])
@pytest.mark.parametrize("shape", [np.eye, np.tri, lambda d: np.tri(d).T], ids=["unit", "lower", "upper"])
def test_zeros_of_the_start_are_no_more_than_a_short_cut(shape, tilt):
    start, x = shape(4), np.full(4, 0.5)
    factors, log_scale = np.full((1, 4, 4), np.nan), np.zeros(1)
    wishart.reduced(np.random.default_rng(2), start, 7, 3, x, tilt, factors, log_scale)
    expected = bartlett(Normals(np.random.default_rng(2)), start, 7, 3, x if tilt else None)
    np.testing.assert_allclose(factors[0] * np.exp(log_scale[0]), expected, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("d", [8, 16])  # as many columns as a vector instruction takes: none is padding
def test_dimensions_without_padding(d):
    start, x = np.random.default_rng(1).normal(size=(d, d)), np.full(d, d**-0.5)
    factors, log_scale = np.full((1, d, d), np.nan), np.zeros(1)
    wishart.reduced(np.random.default_rng(2), start, d + 3, 2, x, 0, factors, log_scale)
    expected = bartlett(Normals(np.random.default_rng(2)), start, d + 3, 2, None)
    np.testing.assert_allclose(factors[0] * np.exp(log_scale[0]), expected, rtol=1e-9, atol=1e-13)


def test_a_factor_may_leave_the_range_of_floats():
    # With n = 3 in two dimensions a scale loses a digit in a few generations.
    factors, log_scale = np.zeros((1, 2, 2)), np.zeros(1)
    wishart.reduced(np.random.default_rng(2), np.eye(2), 3, 3000, np.array([1.0, 0.0]), 0, factors, log_scale)
    draw, factor, logarithm = Normals(np.random.default_rng(2)), np.eye(2), 0.0
    for _ in range(3000):
        factor = bartlett(draw, factor, 3, 1)
        size = np.abs(factor).max()
        factor, logarithm = factor / size, logarithm + np.log(size)
    assert logarithm < -800
    assert log_scale[0] == pytest.approx(logarithm, rel=1e-9)


def test_no_covariance_stays_none():
    factors, log_scale = np.full((2, 2, 2), np.nan), np.full(2, np.nan)
    x = np.array([0.6, 0.8])
    wishart.reduced(np.random.default_rng(2), np.zeros((2, 2)), 4, 3, x, 0, factors, log_scale)
    assert factors.tolist() == np.zeros((2, 2, 2)).tolist()
    assert log_scale.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("d", "n"), CASES)
def test_covariances_of_simulated_loops(d, n):
    start = STARTS[d] @ STARTS[d].T
    root = linalg.sqrtm(start)
    drawn = simulate_covariance(np.random.default_rng(3), start, n, 2, 2, kernel="literal")
    draw = Normals(np.random.default_rng(3))
    np.testing.assert_allclose(drawn, [literal(draw, root, n, 2) for _ in range(2)], rtol=1e-7, atol=1e-9)
    drawn = simulate_covariance(np.random.default_rng(3), start, n, 2, 2, kernel="reduced")
    draw = Normals(np.random.default_rng(3))
    # Another factor of the same covariance: a triangular one.
    factors = [bartlett(draw, linalg.qr(root)[1].T, n, 2) for _ in range(2)]
    np.testing.assert_allclose(drawn, [f @ f.T for f in factors], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("d", "n"), [(1, 3), (2, 2), (2, 5), (3, 3), (3, 8), (5, 4)])
@pytest.mark.parametrize("steps", [0, 1, 2])
def test_tilted_ratio(d, n, steps):
    start = STARTS[d] @ STARTS[d].T
    x = np.full(d, 1 / np.sqrt(d))
    ratio = tilted_ratio(np.random.default_rng(4), start, n, steps, 3, x)
    draw = Normals(np.random.default_rng(4))
    for value in ratio:
        factor = bartlett(draw, linalg.sqrtm(start), n, steps, x)
        left, singular, _ = linalg.svd(factor, full_matrices=False)
        root = left @ np.diag(singular) @ left.T
        assert value == pytest.approx(x @ root @ x / np.sqrt(x @ root @ root @ x), rel=1e-7)
