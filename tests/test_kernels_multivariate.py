"""The d-dimensional retraining loop in NumPy and SciPy, fed with the same stream of draws as the kernel."""

import math

import numpy as np
import pytest
from scipy import stats
from streams import Normals

from theorycheck.kernels import multivariate
from theorycheck.loops.covariance import simulate_covariance
from theorycheck.loops.retraining.exponential import Gaussian
from theorycheck.loops.retraining.multivariate import simulate
from theorycheck.loops.retraining.samples import simulate as simulate_line

INFINITE = math.inf
# Real and synthetic points for (n, λ): fewer than dimensions, and more than are drawn at once.
COUNTS = [
    (2, 0, 2, 0),
    (2, 0.5, 2, 1),
    (3, 1, 3, 3),
    (6, 0.5, 6, 3),
    (3, INFINITE, 0, 3),
    (520, 1, 520, 520),
]


def law(d, seed):
    """A Gaussian without symmetries."""
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(d, d))
    return Gaussian(rng.normal(size=d), factor @ factor.T)


def triangle(square):
    """The lower triangular factor with a non-negative diagonal of a semidefinite matrix, column by column."""
    lower = np.zeros_like(square)
    for i in range(len(square)):
        column = square[:, i] - lower @ lower[i]
        if column[i] > 1e-10 * square[i, i]:
            lower[:, i] = np.where(np.arange(len(square)) >= i, column, 0) / np.sqrt(column[i])
    return lower


class Points:
    """What the loop is told of a set of points: how many, their sum and the sum of their squares xx'."""

    def __init__(self, count, total, squares):
        self.count, self.total, self.squares = count, total, squares

    def __add__(self, other):
        return Points(self.count + other.count, self.total + other.total, self.squares + other.squares)

    def fit(self, ddof):
        mean = self.total / self.count
        return mean, (self.squares - self.count * np.outer(mean, mean)) / (self.count - ddof)


def drawn(draw, count, mean, factor):
    """Every point, by parts of 512, a coordinate of a part at a time."""
    parts = [512] * (count // 512) + [count % 512] * (count % 512 > 0)
    points = np.zeros((len(mean), 0))
    for part in parts:
        points = np.hstack([points, mean[:, None] + factor @ np.array([draw(part) for _ in mean])])
    return Points(count, points.sum(axis=1), points @ points.T)


def summarised(draw, count, mean, factor):
    """Mean and scatter from their laws: a normal and Bartlett's factor."""
    d = len(mean)
    if count == 0:
        return Points(0, np.zeros(d), np.zeros((d, d)))
    bartlett = np.zeros((d, min(d, count - 1)))
    np.fill_diagonal(bartlett, np.sqrt(draw.chi_squares(count - 1 - np.arange(bartlett.shape[1]))))
    below = np.tril_indices(d, -1, bartlett.shape[1])
    bartlett[below] = draw(below[0].size)
    centre = mean + factor @ draw(d) / np.sqrt(count)
    wishart = factor @ bartlett @ bartlett.T @ factor.T
    return Points(count, count * centre, wishart + count * np.outer(centre, centre))


@pytest.mark.parametrize("protocol", ["fixed", "fresh"])
@pytest.mark.parametrize(("kernel", "gather"), [("literal", drawn), ("reduced", summarised)])
@pytest.mark.parametrize(("n", "weight", "real", "own"), COUNTS)
@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("d", [1, 2, 4])
def test_loop(d, n, weight, real, own, kernel, gather, protocol, ddof):
    data, start = law(d, 1), law(d, 2)
    draw = Normals(np.random.default_rng(3))
    means, covariances = [], []
    for _ in range(2):
        model, path = start, [start]
        for t in range(3):
            if t == 0 or protocol == "fresh":
                collected = gather(draw, real, data.mean, triangle(data.covariance))
            synthetic = gather(draw, own, model.mean, triangle(model.covariance))
            model = Gaussian(*(collected + synthetic).fit(ddof))
            path.append(model)
        means.append([step.mean for step in path])
        covariances.append([step.covariance for step in path])
    found = simulate(
        np.random.default_rng(3),
        n,
        weight,
        3,
        2,
        data=data,
        start=start,
        protocol=protocol,
        kernel=kernel,
        ddof=ddof,
    )
    np.testing.assert_allclose(found.mean, means, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(found.covariance, covariances, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("width", [1, 2, 3, 7])
@pytest.mark.parametrize("held", [0, 1, 5])
def test_pooled_sets(held, width):
    rng = np.random.default_rng(width)
    factor, columns, means = (
        np.tril(rng.normal(size=(3, 3))),
        rng.normal(size=(3, width)),
        rng.normal(size=(2, 3)),
    )
    factor[np.diag_indices(3)] **= 2
    if held == 0:
        factor[:] = 0
    scatter = factor @ factor.T + columns @ columns.T
    scatter += held * 4 / (held + 4) * np.outer(means[1] - means[0], means[1] - means[0])
    pooled = (held * means[0] + 4 * means[1]) / (held + 4)
    used = np.pad(columns, ((0, 0), (0, 2)), constant_values=9.0)
    multivariate.pool(held, means[0], factor, 4, means[1], used, width)
    np.testing.assert_allclose(means[0], pooled, rtol=1e-13)
    np.testing.assert_allclose(factor @ factor.T, scatter, rtol=1e-12, atol=1e-13)
    assert (np.triu(factor, 1) == 0).all()
    assert (np.diag(factor) >= 0).all()


def test_a_small_addition_keeps_its_digits():
    # 1 + 10⁻²⁰ rounds to 1; the second row must feel what the first hides.
    factor, columns = np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([[1e-10, 0.0], [1e-10, 0.0]])
    multivariate.pool(0, np.zeros(2), factor, 1, np.zeros(2), columns, 1)
    assert factor[1, 1] == pytest.approx(1e-10, rel=1e-14)
    assert factor[1, 0] == pytest.approx(1e-20, rel=1e-14)


# --- laws ---------------------------------------------------------------------------------------------------

LEVEL = 1e-6  # a correct kernel fails once in ten thousand choices of all the seeds
PLANE = Gaussian(np.array([0.3, -1.0]), np.array([[2.0, 0.6], [0.6, 0.5]]))


def same(first, second):
    # Sums of the same points in another order differ in the last bits.
    return stats.ks_2samp(np.round(first, 9), np.round(second, 9), method="asymp").pvalue > LEVEL


def scalars(found):
    """Scalars that together tell laws of paths apart."""
    mean, covariance = found
    yield from mean[:, -1].T
    yield (mean[:, -1] - mean[:, 1]) @ [0.5, 1.0]
    yield from (covariance[:, -1, i, j] for i, j in ((0, 0), (0, 1), (1, 1)))
    yield np.linalg.det(covariance[:, -1])
    yield mean[:, -1] @ [1.0, 2.0] * np.sqrt(covariance[:, -1, 0, 0])
    yield covariance[:, -1, 0, 1] - covariance[:, 1, 0, 1]


@pytest.mark.parametrize("protocol", ["fixed", "fresh"])
@pytest.mark.parametrize(("n", "weight"), [(6, 0.5), (2, 1.5), (4, INFINITE)])
def test_literal_and_reduced_agree_in_law(n, weight, protocol):
    found = [
        simulate(
            np.random.default_rng(seed), n, weight, 4, 10_000, data=PLANE, kernel=kernel, protocol=protocol
        )
        for seed, kernel in enumerate(("literal", "reduced"))
    ]
    for first, second in zip(*map(scalars, found), strict=True):
        assert same(first, second)


@pytest.mark.parametrize("kernel", ["literal", "reduced"])
@pytest.mark.parametrize("protocol", ["fixed", "fresh"])
def test_projections_are_loops_on_the_line(protocol, kernel):
    u = np.array([0.8, -0.6])
    plane = simulate(
        np.random.default_rng(1), 5, 0.8, 4, 10_000, data=PLANE, kernel=kernel, protocol=protocol
    )
    spread = math.sqrt(u @ PLANE.covariance @ u)
    line = simulate_line(
        np.random.default_rng(2),
        "gaussian",
        5,
        0.8,
        4,
        10_000,
        protocol=protocol,
        truth=u @ PLANE.mean,
        spread=spread,
    )
    mean, variance = plane.mean[:, -1] @ u, np.einsum("i,pij,j->p", u, plane.covariance[:, -1], u)
    assert same(mean, line[0, :, -1])
    assert same(np.log(variance) / 2, line[1, :, -1])
    assert same(mean / np.sqrt(variance), line[0, :, -1] * np.exp(-line[1, :, -1]))


@pytest.mark.parametrize("kernel", ["literal", "reduced"])
@pytest.mark.parametrize("n", [2, 3, 6])
def test_without_real_data_the_covariance_collapses_as_in_part_a(n, kernel):
    found = simulate(np.random.default_rng(4), n, INFINITE, 3, 10_000, data=PLANE, kernel=kernel, ddof=1)
    collapsed = simulate_covariance(np.random.default_rng(5), PLANE.covariance, n, 3, 10_000)
    for i, j in ((0, 0), (0, 1), (1, 1)):
        assert same(found.covariance[:, -1, i, j], collapsed[:, i, j])
    assert same(np.linalg.eigvalsh(found.covariance[:, -1])[:, 1], np.linalg.eigvalsh(collapsed)[:, 1])


# --- arguments ----------------------------------------------------------------------------------------------


def test_defaults_are_the_literal_loop_with_a_fixed_set_from_the_law_of_the_data():
    spelt = dict(protocol="fixed", kernel="literal", start=PLANE, ddof=0)
    found, again = (
        simulate(np.random.default_rng(0), 5, 0.5, 3, 4, data=PLANE, **more) for more in ({}, spelt)
    )
    assert found.mean.shape == (4, 4, 2)
    assert found.covariance.shape == (4, 4, 2, 2)
    assert all(np.array_equal(one, other) for one, other in zip(found, again, strict=True))
    np.testing.assert_allclose(found.covariance[:, 0], np.tile(PLANE.covariance, (4, 1, 1)), rtol=1e-14)


def test_a_singular_law_stays_on_its_line():
    law_of_data = Gaussian([0.0, 0.0], [[1.0, 2.0], [2.0, 4.0]])
    for kernel in ("literal", "reduced"):
        found = simulate(np.random.default_rng(0), 5, 1, 3, 4, data=law_of_data, kernel=kernel)
        np.testing.assert_allclose(found.mean[..., 1], 2 * found.mean[..., 0], atol=1e-12)
        np.testing.assert_allclose(found.covariance @ [2.0, -1.0], 0, atol=1e-12)
        assert (found.covariance[:, :, 0, 0] > 0.01).all()


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        (dict(samples=1), ValueError, "samples must be at least 2, got 1"),
        (dict(synthetic_weight=-1), ValueError, r"synthetic_weight must be in \[0, inf\], got -1"),
        (dict(steps=-1), ValueError, "steps must be at least 0, got -1"),
        (dict(paths=0), ValueError, "paths must be at least 1, got 0"),
        (dict(protocol="new"), ValueError, "protocol must be one of fixed, fresh, got 'new'"),
        (dict(kernel="tilted"), ValueError, "kernel must be one of literal, reduced, got 'tilted'"),
        (dict(ddof=2), ValueError, "ddof must be 0 or 1, got 2"),
        (dict(ddof=-1), ValueError, "ddof must be at least 0, got -1"),
        (dict(data=3), TypeError, "data must be a Gaussian: a mean and a covariance, got 3"),
        (dict(data=([0.0], 1.0, 2.0)), TypeError, "data must be a Gaussian: a mean and a covariance, got .*"),
        (dict(data=([np.nan], [[1.0]])), ValueError, "data.mean must be finite, got nan at index 0"),
        (dict(data=([0.0], [[-1.0]])), ValueError, "data.covariance must be positive semidefinite, .* -1"),
        (
            dict(data=([0.0], np.eye(2))),
            ValueError,
            "data.covariance must have the mean's dimension, 1, got 2",
        ),
        (dict(start=([0.0], [[1.0]])), ValueError, "start must have the dimension of data, 2, got 1"),
    ],
)
def test_bad_arguments(options, error, sentence):
    arguments = {"samples": 5, "synthetic_weight": 1, "steps": 1, "paths": 1, "data": PLANE, **options}
    with pytest.raises(error, match=f"^{sentence}$"):
        simulate(np.random.default_rng(0), **arguments)
