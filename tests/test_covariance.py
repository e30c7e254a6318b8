"""Covariance loop: roots, constants of the plane, tilted ratios; against SciPy, NumPy and quadrature."""

import numpy as np
import pytest
from scipy import linalg, stats

from theorycheck.loops.covariance import (
    mean_root_plane,
    root,
    simulate_covariance,
    square_root_entries,
    tilted_ratio,
)

SPD = np.array([[2.0, 0.5, 0.1], [0.5, 1.0, 0.3], [0.1, 0.3, 0.7]])
SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])


@pytest.mark.parametrize("start", [SPD, SINGULAR, np.zeros((2, 2)), [[4.0]], np.diag([1e8, 1e-8])], ids=str)
def test_root(start):
    factor = root(start)
    assert np.array_equal(factor.shape, np.shape(start))
    np.testing.assert_allclose(factor, factor.T, atol=1e-14 * np.abs(factor).max())
    np.testing.assert_allclose(factor @ factor, start, rtol=1e-7, atol=1e-14)
    assert np.linalg.eigvalsh(factor).min() > -1e-8
    stack = np.array([start, start], dtype=float)
    np.testing.assert_allclose(square_root_entries(stack), [factor, factor], rtol=1e-12, atol=1e-12)


def test_roots_of_a_stack_keep_their_places():
    stack = np.array([SPD, 3 * SPD[::-1, ::-1], np.eye(3)])
    np.testing.assert_allclose(square_root_entries(stack), [linalg.sqrtm(x) for x in stack], atol=1e-13)


@pytest.mark.parametrize("kernel", ["literal", "reduced"])
@pytest.mark.parametrize("start", [SPD, SINGULAR, np.zeros((2, 2)), [[4.0]]], ids=str)
@pytest.mark.parametrize("samples", [2, 3, 9])
def test_simulated_covariances(kernel, start, samples):
    start = np.asarray(start)
    drawn = simulate_covariance(np.random.default_rng(0), start, samples, 2, 5, kernel=kernel)
    assert drawn.shape == (5, *start.shape)
    np.testing.assert_allclose(drawn, drawn.transpose(0, 2, 1), rtol=1e-12)
    rank = min(samples - 1, np.linalg.matrix_rank(start))
    assert (np.linalg.matrix_rank(drawn, rtol=1e-9) == rank).all()
    kernel_of_start = linalg.null_space(start)
    np.testing.assert_allclose(drawn @ kernel_of_start, 0, atol=1e-7)
    still = simulate_covariance(np.random.default_rng(0), start, samples, 0, 1, kernel=kernel)
    np.testing.assert_allclose(still[0], start, rtol=1e-7, atol=1e-14)


def gauss_legendre(lo, hi, density, order=80):
    nodes, weights = np.polynomial.legendre.leggauss(order)
    x = lo + (hi - lo) * (nodes + 1) / 2
    return x, weights * density(x) * (hi - lo) / 2


def plane_roots(n, condition):
    """E (√X)_ii/√s_i by quadrature over Bartlett's variables, the root from the eigenvalues."""
    reach = np.sqrt(n) + 9
    first, first_weight = gauss_legendre(0, reach, stats.chi(n - 1).pdf)
    second, second_weight = gauss_legendre(0, reach, stats.chi(n - 2).pdf)
    normal, normal_weight = gauss_legendre(0, 9, stats.norm.pdf)
    t11, t22, t21 = np.meshgrid(first, second, normal, indexing="ij")
    s = 1 / np.sqrt(condition)
    a, b, c = t11**2, s * t11 * t21, s**2 * (t21**2 + t22**2)
    middle, radius = (a + c) / 2, np.sqrt(((a - c) / 2) ** 2 + b**2)
    # The smaller eigenvalue from the determinant: a difference would lose its digits.
    large = middle + radius
    small = (s * t11 * t22) ** 2 / large
    # √X = α + β·X on two eigenvalues.
    beta = 1 / (np.sqrt(large) + np.sqrt(small))
    alpha = np.sqrt(large * small) * beta
    scale = 2 * first_weight[:, None, None] * second_weight[:, None] * normal_weight / np.sqrt(n - 1)
    return np.sum(scale * (alpha + beta * a)), np.sum(scale * (alpha + beta * c)) / s


@pytest.mark.parametrize("condition", [1, 3, 100])
@pytest.mark.parametrize("n", [5, 10, 40])
def test_plane_by_quadrature(n, condition):
    expected = plane_roots(n, condition)
    for order in (80, 120):
        np.testing.assert_allclose(mean_root_plane(n, condition, order), expected, rtol=1e-8)


@pytest.mark.parametrize(("condition", "constant"), [(1, 0.9581), (1e2, 0.97216), (1e4, 0.97265)])
def test_plane_against_known_constants(condition, constant):
    digits = 4 if condition == 1 else 5
    assert round(max(mean_root_plane(10, condition)), digits) == constant
    for value, drawn in zip(mean_root_plane(10, condition), monte_carlo(10, condition), strict=True):
        assert abs(value - drawn.mean()) < 5.5 * drawn.std() / np.sqrt(drawn.size)


def monte_carlo(n, condition):
    """(√X)_ii/√s_i of Wishart draws, roots from SciPy's law and an eigendecomposition."""
    start = np.diag([1, 1 / condition])
    values, vectors = np.linalg.eigh(stats.wishart(n - 1, start / (n - 1)).rvs(50_000, random_state=1))
    roots = (vectors**2 * np.sqrt(np.maximum(values, 0))[:, None, :]).sum(axis=2)
    return (roots / np.sqrt(np.diag(start))).T


def test_plane_is_symmetric_for_equal_variances():
    first, second = mean_root_plane(6, 1, 160)
    assert first == pytest.approx(second, rel=1e-9)


@pytest.mark.parametrize(("d", "n", "steps"), [(1, 2, 5), (2, 2, 3), (2, 5, 400), (3, 4, 50), (3, 10, 0)])
def test_tilted_ratios_lie_in_the_unit_interval(d, n, steps):
    x = np.full(d, 1 / np.sqrt(d))
    ratio = tilted_ratio(np.random.default_rng(0), np.diag(np.arange(1.0, d + 1)), n, steps, 500, x)
    assert ratio.shape == (500,)
    assert ((ratio > 0) & (ratio <= 1)).all()
    if d == 1:
        np.testing.assert_allclose(ratio, 1, rtol=1e-14)


def test_rounding_lifts_no_ratio_above_one():
    directions = np.random.default_rng(0).normal(size=(40, 4))
    for x in directions / np.linalg.norm(directions, axis=1, keepdims=True):
        ratio = tilted_ratio(np.random.default_rng(0), np.eye(4), 3, 0, 1, x)[0]
        assert ratio <= 1
        assert ratio == pytest.approx(1, abs=1e-14)


def test_a_direction_may_be_rounded():
    for square in (1 - 9e-10, 1 + 9e-10):
        assert tilted_ratio(np.random.default_rng(0), np.eye(2), 3, 1, 1, [np.sqrt(square), 0.0]) <= 1
    for square in (1 - 1.1e-9, 1 + 1.1e-9):
        with pytest.raises(ValueError, match="unit vector"):
            tilted_ratio(np.random.default_rng(0), np.eye(2), 3, 1, 1, [np.sqrt(square), 0.0])


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("n", [2, 3, 8])
def test_tilt_gives_the_mean_root(n, steps):
    # E (√Σ_t)_xx = c₄^t·√(x'Σ_0x)·E_Q R_t, the left side from an untilted simulation in NumPy.
    x = np.array([0.48, 0.6, 0.64])
    rng = np.random.default_rng(1)
    paths = 20_000
    factor = np.broadcast_to(linalg.sqrtm(SPD), (paths, 3, 3))
    for _ in range(steps):
        points = factor @ rng.standard_normal((paths, factor.shape[2], n))
        factor = (points - points.mean(axis=2, keepdims=True)) / np.sqrt(n - 1)
    left, singular, _ = np.linalg.svd(factor, full_matrices=False)
    plain = np.einsum("pij,i,pj->p", left, x, singular * np.einsum("pij,i->pj", left, x))
    ratio = tilted_ratio(np.random.default_rng(2), SPD, n, steps, paths, x)
    factor = (stats.chi(n - 1).mean() / np.sqrt(n - 1)) ** steps * np.sqrt(x @ SPD @ x)
    error = np.hypot(plain.std(), factor * ratio.std()) / np.sqrt(paths)
    assert abs(plain.mean() - factor * ratio.mean()) < 5.5 * error


BAD = [
    (dict(start=[[1.0, 0.5], [0.0, 1.0]]), ValueError, "start must be symmetric, got a difference of 0.5"),
    (dict(start=[[1.0, 2.0], [2.0, 1.0]]), ValueError, "start must be positive semi.* eigenvalue of -1"),
    (dict(start=[1.0, 2.0]), ValueError, r"start must be a square matrix, got shape \(2,\)"),
    (dict(samples=1), ValueError, "samples must be at least 2, got 1"),
    (dict(samples=2.0), TypeError, "samples must be .* got 2.0"),
    (dict(steps=-1), ValueError, "steps must be at least 0, got -1"),
    (dict(paths=0), ValueError, "paths must be at least 1, got 0"),
]
ROUTES = {simulate_covariance: {"kernel": "literal"}, tilted_ratio: {"direction": [1.0, 0.0]}}
OWN = [
    (simulate_covariance, dict(kernel="exact"), ValueError, "kernel must be literal or reduced, got 'exact'"),
    (
        tilted_ratio,
        dict(direction=[1.0]),
        ValueError,
        r"direction must be a unit vector of length 2, got \[1.0\]",
    ),
    (tilted_ratio, dict(direction=[1.0, 1.0]), ValueError, "direction must be a unit vector .* got"),
    (tilted_ratio, dict(direction="x"), TypeError, "direction must be .* got 'x'"),
    (
        tilted_ratio,
        dict(start=np.diag([0.0, 1.0])),
        ValueError,
        "direction must not lie in the kernel of start",
    ),
    (
        tilted_ratio,
        dict(start=[[1.0, 1.0], [1.0, 1.0]], direction=[0.5**0.5, -(0.5**0.5)]),
        ValueError,
        "direction must not lie in the kernel of start",
    ),
]


@pytest.mark.parametrize(
    ("function", "change", "error", "sentence"),
    [(function, *bad) for function in ROUTES for bad in BAD] + OWN,
    ids=lambda x: getattr(x, "__name__", None) or str(x),
)
def test_bad_arguments(function, change, error, sentence):
    arguments = {"start": np.eye(2), "samples": 3, "steps": 1, "paths": 1, **ROUTES[function], **change}
    with pytest.raises(error, match=f"^{sentence}"):
        function(np.random.default_rng(0), **arguments)


@pytest.mark.parametrize("condition", [0.0, -1.0, np.nan, np.inf])
def test_plane_refuses_what_is_no_condition(condition):
    with pytest.raises(ValueError, match=f"^condition must be positive and finite, got {condition}$"):
        mean_root_plane(5, condition)


def test_plane_refuses_small_samples():
    with pytest.raises(ValueError, match=r"^samples must be at least 5, got 4$"):
        mean_root_plane(4, 1.0)


def test_the_ratio_stays_below_one_for_a_direction_that_is_a_unit_but_for_rounding():
    assert tilted_ratio(np.random.default_rng(1), [[1.0]], 5, 1, 3, [1 + 4e-10]).max() <= 1


@pytest.mark.parametrize("size", [1e-16, 1.0, 1e16])
@pytest.mark.parametrize("angle", np.linspace(0.1, 1.5, 8))
def test_directions_in_the_kernel_are_refused_at_every_scale(size, angle):
    # A third coordinate apart from the others gives the root entries that are zero.
    along, across = [np.cos(angle), np.sin(angle), 0.0], [-np.sin(angle), np.cos(angle), 0.0]
    start = size * (np.outer(along, along) + np.diag([0.0, 0.0, 1.0]))
    with pytest.raises(ValueError, match="direction must not lie in the kernel of start"):
        tilted_ratio(np.random.default_rng(0), start, 3, 1, 1, across)
