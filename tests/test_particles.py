"""Curated Gaussian mixtures refitted by EM: draws, choices and EM against SciPy and scikit-learn."""

import math

import numpy as np
import pytest
from scipy import integrate, stats
from sklearn.mixture import GaussianMixture

from theorycheck.kernels import particles as kernels
from theorycheck.loops import particles
from theorycheck.loops.particles import Points, grid, masses, mixture, population, simulate

LEVEL = 1e-6
PLANE = mixture([0.2, 0.5, 0.3], [[0.0, 0.0], [2.0, 1.0], [-1.0, 2.0]], [0.5, 0.3, 0.8])
LINE = mixture([0.4, 0.6], [[-1.0], [1.5]], [0.5, 0.7])
CELLS = grid([-7.0], [9.0], 0.05)


def linear(x):
    return x[..., 0]


def density(model, x):
    """On the line, by SciPy."""
    parts = zip(*model, strict=True)
    return sum(w * stats.norm(m[0], s).pdf(x) for w, m, s in parts)


def stacked(model, paths=1):
    return [np.repeat(part[None], paths, axis=0) for part in model]


# --- EM -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rounds", [1, 4])
def test_em_is_scikit_learns(rounds):
    x = np.random.default_rng(1).normal(size=(400, 2)) + np.array([[0.5, 1.0]])
    theirs = GaussianMixture(
        3, covariance_type="spherical", tol=0, max_iter=rounds, reg_covar=0,
        weights_init=PLANE.weight, means_init=PLANE.mean, precisions_init=PLANE.scale**-2,
    )  # fmt: skip
    with pytest.warns(match="converge"):
        theirs.fit(x)
    ours = stacked(PLANE)
    kernels.refit(x[None], np.full(400, 1 / 400), rounds, 1e-9, *ours)
    assert ours[0][0] == pytest.approx(theirs.weights_, abs=1e-12)
    assert ours[1][0] == pytest.approx(theirs.means_, abs=1e-11)
    assert ours[2][0] ** 2 == pytest.approx(theirs.covariances_, abs=1e-11)


def test_a_weight_counts_like_that_many_points():
    x = np.random.default_rng(2).normal(size=(30, 2))
    count = np.arange(30) % 3 + 1
    weighted, repeated = stacked(PLANE), stacked(PLANE)
    kernels.refit(x[None], count / count.sum(), 3, 1e-9, *weighted)
    many = np.repeat(x, count, axis=0)
    kernels.refit(many[None], np.full(len(many), 1 / len(many)), 3, 1e-9, *repeated)
    for first, second in zip(weighted, repeated, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-11)


def test_paths_are_refitted_apart():
    x = np.random.default_rng(3).normal(size=(2, 20, 1))
    both, alone = stacked(LINE, 2), stacked(LINE)
    kernels.refit(x, np.full(20, 0.05), 2, 1e-9, *both)
    kernels.refit(x[1:], np.full(20, 0.05), 2, 1e-9, *alone)
    for first, second in zip(both, alone, strict=True):
        assert first[1].tolist() == second[0].tolist()


def test_no_scale_vanishes_and_no_empty_component_moves():
    model = [np.array([[1.0, 0.0]]), np.array([[[0.0], [5.0]]]), np.array([[1.0, 2.0]])]
    kernels.refit(np.full((1, 4, 1), 3.0), np.full(4, 0.25), 2, 1e-3, *model)
    assert model[0].tolist() == [[1.0, 0.0]]
    assert model[1].tolist() == [[[3.0], [5.0]]]
    assert model[2].tolist() == [[1e-3, 2.0]]


# --- draws and choices --------------------------------------------------------------------------------------


def test_proposals_follow_the_mixture():
    x = np.empty((2, 50_000, 1))
    kernels.propose(np.random.default_rng(4), *stacked(LINE, 2), x)
    edges = np.linspace(-3, 4, 200)
    cdf = sum(w * stats.norm(m[0], s).cdf(edges) for w, m, s in zip(*LINE, strict=True))
    for path in x[..., 0]:
        found = np.searchsorted(np.sort(path), edges, side="right") / path.size
        assert np.abs(found - cdf).max() < math.sqrt(math.log(2 / LEVEL) / 2 / path.size)
    y = np.empty((1, 100_000, 2))
    kernels.propose(np.random.default_rng(5), *stacked(PLANE), y)
    assert y[0].mean(axis=0) == pytest.approx(PLANE.weight @ PLANE.mean, abs=0.03)


@pytest.mark.parametrize("choices", [1, 3])
def test_users_keep_by_bradley_terry(choices):
    rng, users = np.random.default_rng(6), 100_000
    a = np.tile(np.array([0.2, 1.0, 0.5])[:choices], (1, users, 1))
    x = np.tile(np.arange(choices, dtype=float)[:, None], (1, users, 1, 1))
    kept = np.empty((1, users, 1))
    kernels.keep(rng, a, x, kept)
    counts = np.bincount(kept[0, :, 0].astype(int), minlength=choices)
    expected = users * a[0, 0] / a[0, 0].sum()
    assert np.abs(counts - expected).max() <= 5 * math.sqrt(users) * (choices > 1)


# --- the loop -----------------------------------------------------------------------------------------------


def test_one_generation_of_one_component_by_moments():
    # K = 2 and one Gaussian: the new mean and variance are those of p·H, by quadrature.
    start, law = mixture([1.0], [[0.3]], 0.8), stats.norm(0.3, 0.8)

    def kept(x):
        h = integrate.quad(lambda y: law.pdf(y) * 2 * math.exp(x) / (math.exp(x) + math.exp(y)), -8, 9)[0]
        return law.pdf(x) * h

    mean, square = (integrate.quad(lambda x, k=k: x**k * kept(x), -8, 9)[0] for k in (1, 2))
    found = population(start, linear, 2, 1, CELLS)
    assert found.mean[1, 0, 0] == pytest.approx(mean, abs=1e-9)
    assert found.scale[1, 0] == pytest.approx(math.sqrt(square - mean**2), abs=1e-9)
    drawn = simulate(np.random.default_rng(7), start, linear, 2, 50, 1, 4000)
    error = found.scale[1, 0] / math.sqrt(50 * 4000)
    assert drawn.mean.mean() == pytest.approx(mean, abs=5 * error)
    assert (drawn.scale**2).mean() == pytest.approx((1 - 1 / 50) * (square - mean**2), rel=0.02)


def test_the_kept_law_of_a_mixture_is_refitted():
    # A round of EM on p_1 = (p_ref + λ·p·H)/(1 + λ), from SciPy's densities.
    real = Points(np.array([[0.0], [2.0]]), np.array([0.25, 0.75]))
    found = population(LINE, linear, 3, 1, CELLS, real=real, synthetic_weight=2.0)
    x = np.linspace(-7, 9, 4001)
    p = density(LINE, x)
    p /= p.sum()
    u = np.linspace(-25, 8, 3000)
    phi = np.exp(-np.exp(u)[:, None] * np.exp(x)) @ p
    h = (
        3
        * np.exp(x)
        * np.array([np.sum(np.exp(u - np.exp(u) * a) * phi**2) for a in np.exp(x)])
        * (u[1] - u[0])
    )
    points, mass = np.append(x, [0.0, 2.0]), np.append(2 / 3 * p * h, [0.25 / 3, 0.75 / 3])
    parts = [w * stats.norm(m[0], s).pdf(points) for w, m, s in zip(*LINE, strict=True)]
    held = mass * np.array(parts) / sum(parts)
    assert found.weight[1] == pytest.approx(held.sum(axis=1), abs=1e-9)
    assert found.mean[1, :, 0] == pytest.approx(held @ points / held.sum(axis=1), abs=1e-9)


def test_many_users_are_the_population():
    real = Points(CELLS.x, masses(LINE, CELLS))
    options = dict(real=real, synthetic_weight=1.0, rounds=2)
    expected = population(LINE, linear, 4, 3, CELLS, **options)
    found = simulate(np.random.default_rng(8), LINE, linear, 4, 100_000, 3, 1, **options)
    for first, second in zip(found, expected, strict=True):
        assert first[0] == pytest.approx(second[-1], abs=0.02)


def test_the_start_and_the_real_points_are_left_alone():
    real = Points(np.array([[0.0]]), np.array([1.0]))
    before = [part.copy() for part in LINE]
    found = simulate(np.random.default_rng(9), LINE, linear, 2, 5, 2, 3, real=real, synthetic_weight=1.0)
    population(LINE, linear, 2, 2, CELLS, real=real, synthetic_weight=1.0)
    assert all((a == b).all() for a, b in zip(LINE, before, strict=True))
    assert [part.shape for part in found] == [(3, 2), (3, 2, 1), (3, 2)]
    assert len({*found.weight[:, 0]}) == 3


def test_synthetic_weight_0_refits_the_real_points():
    real = Points(np.array([[0.0], [1.0]]), np.array([0.5, 0.5]))
    found = simulate(
        np.random.default_rng(10), mixture([1.0], [[0.0]], 1.0), linear, 2, 5, 1, 1, real=real,
        synthetic_weight=0.0,
    )  # fmt: skip
    assert (found.mean.item(), found.scale.item()) == (0.5, 0.5)


def test_no_generation_and_one_round_are_the_least():
    assert [part[0].tolist() for part in population(LINE, linear, 2, 0, CELLS)] == [p.tolist() for p in LINE]
    for found, expected in zip(drawn(), drawn(rounds=1), strict=True):
        assert found.tolist() == expected.tolist()


def test_users_keep_their_best_however_far_it_is_from_that_of_others():
    # With r = 10⁴·x the best of four standard normals is kept, whose mean is 1.0294.
    start = mixture([1.0], [[0.0]], 1.0)
    found = simulate(np.random.default_rng(11), start, lambda x: 1e4 * x[..., 0], 4, 1000, 1, 20)
    expected = 4 * integrate.quad(lambda x: x * stats.norm.pdf(x) * stats.norm.cdf(x) ** 3, -9, 9)[0]
    assert found.mean.mean() == pytest.approx(expected, abs=5 * 0.71 / math.sqrt(20_000))


def test_a_grid_has_its_corners_and_volume():
    cells = grid([0.0, -1.0], [1.0, 1.0], 0.3)
    assert cells.x.shape == (4 * 7, 2)
    assert cells.weight.sum() == pytest.approx(2)
    assert cells.x.min(axis=0) == pytest.approx([0.125, -1 + 1 / 7])
    assert masses(PLANE, grid([-6.0, -4.0], [5.0, 8.0], 0.1)).sum() == pytest.approx(1, abs=1e-14)


HALVES = np.full(2, 0.5)
BAD = [
    (lambda: mixture([0.5, 0.6], [[0.0], [1.0]], 1.0), "weight must sum to 1"),
    (lambda: mixture([0.5, 0.5], [[0.0]], 1.0), r"mean must be finite, of shape \(2, d\), got shape \(1, 1"),
    (lambda: mixture([1.0], [[math.nan]], 1.0), "mean must be finite"),
    (lambda: mixture([1.0], [[0.0]], 0.0), r"scale must be positive and finite, got \[0.0\]"),
    (lambda: grid([0.0], [0.0], 0.1), "high must be above low, and step positive"),
    (lambda: grid([0.0], [1.0], 0.0), "high must be above low, and step positive"),
    (lambda: grid([0.0], [1.0], math.inf), "high must be above low, and step positive"),
    (lambda: grid([0.0], [1.0, 2.0], 0.1), "high must be above low, and step positive"),
    (lambda: masses(LINE, grid([0.0], [1.0], 0.1)), "cells must hold and resolve the model, got a mass"),
    (lambda: masses(LINE, grid([-9.0], [9.0], 3.0)), "cells must hold and resolve the model, got a mass"),
    (lambda: drawn(synthetic_weight=1.0), "real must be given where synthetic_weight is finite, got 1.0"),
    (lambda: drawn(synthetic_weight=-1.0), "synthetic_weight must be in"),
    (lambda: drawn(start=LINE._replace(scale=-LINE.scale)), "scale must be positive and finite, got"),
    (lambda: drawn(users=0), "users must be at least 1, got 0"),
    (lambda: drawn(choices=0), "choices must be at least 1, got 0"),
    (lambda: drawn(rounds=0), "rounds must be at least 1, got 0"),
    (lambda: drawn(paths=0), "paths must be at least 1, got 0"),
    (lambda: drawn(steps=-1), "steps must be at least 0, got -1"),
    (lambda: drawn(reward=lambda x: x), r"reward must give finite numbers of shape \(1, 10\), got shape"),
    (lambda: drawn(reward=lambda x: x[..., 0] + math.inf), "reward must give finite numbers"),
    (lambda: drawn(real=Points(np.zeros((2, 2)), HALVES), synthetic_weight=1.0), "real.x must be finite"),
    (lambda: drawn(real=Points(np.zeros((2, 1)), 2 * HALVES), synthetic_weight=1.0), "real.weight must sum"),
]  # fmt: skip


def drawn(**changes):
    options = dict(start=LINE, reward=linear, choices=2, users=5, steps=1, paths=1) | changes
    return particles.simulate(np.random.default_rng(0), **options)


@pytest.mark.parametrize(("make", "sentence"), BAD, ids=[sentence for _, sentence in BAD])
def test_what_is_refused(make, sentence):
    with pytest.raises(ValueError, match=f"^{sentence}"):
        make()


def test_a_number_beyond_the_last_sum_means_the_last_component():
    # Weights that rounding leaves below 1, by far here.
    weight, scale = np.full((1, 3), 0.2), np.full((1, 3), 1e-3)
    mean, x = np.array([[[0.0], [10.0], [20.0]]]), np.full((1, 5000, 1), np.nan)
    kernels.propose(np.random.default_rng(1), weight, mean, scale, x)
    component, off = np.divmod(x.ravel() + 5, 10)
    assert np.abs(off - 5).max() < 0.1
    assert stats.chisquare(np.bincount(component.astype(int)), [1000, 1000, 3000]).pvalue > 1e-6


def test_who_is_kept_is_told_by_one_number_a_user():
    a = np.random.default_rng(1).random((2, 50, 4))
    x = np.broadcast_to(np.arange(4.0)[:, None], (2, 50, 4, 1)).copy()
    kept = np.full((2, 50, 1), np.nan)
    kernels.keep(np.random.default_rng(2), a, x, kept)
    uniform = np.random.default_rng(2).random((2, 50, 1))
    reached = a.cumsum(axis=2)
    assert kept[..., 0].tolist() == (reached <= reached[..., -1:] * uniform).sum(axis=2).tolist()
    assert {*kept.ravel()} == {0.0, 1.0, 2.0, 3.0}


def test_points_far_from_all_components_belong_to_the_nearest():
    weight, mean, scale = np.full((1, 2), 0.5), np.array([[[0.0], [1.0]]]), np.ones((1, 2))
    x = np.array([[[100.0], [-100.0], [-100.0], [-100.0]]])
    kernels.refit(x, np.full(4, 0.25), 1, 1e-6, weight, mean, scale)
    assert weight[0] == pytest.approx([0.75, 0.25], rel=1e-12)
    assert mean[0, :, 0] == pytest.approx([-100, 100], rel=1e-12)
