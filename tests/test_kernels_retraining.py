"""The finite-sample retraining loops in NumPy and SciPy, fed with the same stream of draws as the kernels."""

import math

import numpy as np
import pytest
from scipy import optimize, special, stats
from streams import Stream

from theorycheck.kernels import gaussian as collapse
from theorycheck.kernels import retraining as kernels
from theorycheck.loops.retraining.samples import simulate

INFINITE = math.inf
# Real and synthetic points for (n, λ).
COUNTS = [(1, 0, 1, 0), (1, 1, 1, 1), (2, 0.5, 2, 1), (3, INFINITE, 0, 3), (5, 0, 5, 0), (4, 2.6, 4, 10)]
MANY = (700, 0.8, 700, 560)  # more than are drawn at a time

# Points from the stream, each by its own inverse of a distribution function.
DRAWS = {
    "normal": lambda draw, size, at, spread: at + spread * draw.normals(size),
    "uniform": lambda draw, size, at, spread: at - spread + 2 * spread * draw.uniforms(size),
    "two-point": lambda draw, size, at, spread: at + spread * np.where(draw.uniforms(size) < 0.5, 1, -1),
    "logistic": lambda draw, size, at, spread: stats.logistic.ppf(draw.uniforms(size), at, spread),
    "poisson": lambda draw, size, at, spread: stats.poisson.ppf(draw.uniforms(size), at) if size else [],
    "bernoulli": lambda draw, size, at, spread: draw.uniforms(size) < at,
    "exponential": lambda draw, size, at, spread: at * stats.expon.isf(draw.uniforms(size)),
}
# Sums of `size` points, one for each path.
SUMS = {
    "normal": lambda draw, size, at, spread: size * at + spread * np.sqrt(size) * draw.normals(len(at)),
    "poisson": lambda draw, size, at, spread: draw.poissons(size * at),
    "bernoulli": lambda draw, size, at, spread: draw.binomials([float(size)] * len(at), at),
    "exponential": lambda draw, size, at, spread: (
        at * draw.chi_squares([max(2 * size, 1)] * len(at)) / 2 * (size > 0)
    ),
}


def paths(seed, count, start, steps, fresh, refit, draw_real):
    """`count` paths from one stream: θ' = refit(draw, real set, θ); a parameter is a tuple."""
    draw, found = Stream(np.random.default_rng(seed)), []
    for _ in range(count):
        path, real = [start], None
        for t in range(steps):
            real = draw_real(draw) if fresh or t == 0 else real
            path.append(refit(draw, real, path[-1]))
        found.append(path)
    return np.moveaxis(np.array(found), 2, 0)


def together(seed, count, start, steps, fresh, refit, draw_real):
    """The same for paths that go on side by side: a parameter is a tuple of arrays, shape (count,)."""
    draw, real = Stream(np.random.default_rng(seed)), None
    path = [tuple(np.full(count, value) for value in start)]
    for t in range(steps):
        real = draw_real(draw) if fresh or t == 0 else real
        path.append(refit(draw, real, path[-1]))
    return np.moveaxis(np.array(path), 0, 2)


@pytest.mark.parametrize("protocol", ["fixed", "fresh"])
@pytest.mark.parametrize("kernel", ["literal", "reduced"])
@pytest.mark.parametrize(("n", "weight", "real", "own"), [*COUNTS, MANY])
@pytest.mark.parametrize(
    ("family", "law", "truth", "start"),
    [
        ("gaussian-mean", "normal", 0.3, -1.0),
        ("poisson", "poisson", 2.5, 0.4),
        ("bernoulli", "bernoulli", 0.3, 0.6),
        ("exponential", "exponential", 1.7, 0.5),
    ],
)
def test_mean_families(family, law, truth, start, n, weight, real, own, kernel, protocol):
    fresh = protocol == "fresh"
    points = real + own
    if kernel == "literal":
        expected = paths(
            3,
            5,
            (start,),
            3,
            fresh,
            lambda draw, collected, theta: (
                (collected + np.sum(DRAWS[law](draw, own, *theta, 1.0))) / points,
            ),
            lambda draw: np.sum(DRAWS[law](draw, real, truth, 1.0)),
        )
    else:
        expected = together(
            3,
            5,
            (start,),
            3,
            fresh,
            lambda draw, collected, theta: ((collected + SUMS[law](draw, own, *theta, 1.0)) / points,),
            lambda draw: SUMS[law](draw, real, np.full(5, truth), 1.0),
        )
    rng = np.random.default_rng(3)
    found = simulate(rng, family, n, weight, 3, 5, protocol=protocol, kernel=kernel, truth=truth, start=start)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("protocol", ["fixed", "fresh"])
@pytest.mark.parametrize("data", ["normal", "uniform", "two-point", "logistic"])
@pytest.mark.parametrize(("n", "weight", "real", "own"), [*(c for c in COUNTS if c[0] > 1), MANY])
@pytest.mark.parametrize("ddof", [0, 1])
def test_gaussian_literal(n, weight, real, own, data, ddof, protocol):
    def refit(draw, points, theta):
        x = np.concatenate([points, theta[0] + np.exp(theta[1]) * draw.normals(own)])
        with np.errstate(divide="ignore"):
            return x.mean(), np.log(x.std(ddof=ddof) if np.ptp(x) > 0 else 0.0)

    expected = paths(
        4,
        6,
        (0.5, np.log(0.7)),
        3,
        protocol == "fresh",
        refit,
        lambda draw: DRAWS[data](draw, real, 0.2, 1.5),
    )
    found = simulate(
        np.random.default_rng(4),
        "gaussian",
        n,
        weight,
        3,
        6,
        protocol=protocol,
        start=(0.5, 0.7),
        truth=0.2,
        data=data,
        spread=1.5,
        ddof=ddof,
    )
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("protocol", ["fixed", "fresh"])
@pytest.mark.parametrize(("n", "weight", "real", "own"), [c for c in COUNTS if c[0] > 1])
@pytest.mark.parametrize("ddof", [0, 1])
def test_gaussian_reduced(n, weight, real, own, ddof, protocol):
    def sums(draw, size, at, scale):
        """Σx and Σx² of that many normal points, for each of five paths."""
        if size == 0:
            return np.zeros((2, 5))
        mean = at + scale / np.sqrt(size) * draw.normals(5)
        centred = scale**2 * draw.chi_squares([size - 1] * 5) if size > 1 else 0.0
        return np.array([size * mean, centred + size * mean**2])

    def refit(draw, collected, theta):
        first, second = collected + sums(draw, own, theta[0], np.exp(theta[1]))
        points = real + own
        return first / points, 0.5 * np.log((second - first**2 / points) / (points - ddof))

    expected = together(
        5, 5, (0.5, np.log(0.7)), 3, protocol == "fresh", refit, lambda draw: sums(draw, real, 0.2, 1.5)
    )
    found = simulate(
        np.random.default_rng(5),
        "gaussian",
        n,
        weight,
        3,
        5,
        protocol=protocol,
        kernel="reduced",
        start=(0.5, 0.7),
        truth=0.2,
        spread=1.5,
        ddof=ddof,
    )
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("n", "steps"), [(2, 3), (5, 40), (2, 2000)])
@pytest.mark.parametrize("ddof", [0, 1])
def test_without_real_data_the_gaussian_collapses_as_in_part_a(n, steps, ddof):
    # Scales far below the smallest float included; 0 is the code of Gaussian noise there.
    found = simulate(np.random.default_rng(6), "gaussian", n, INFINITE, steps, 3, ddof=ddof)
    mean, log_scale, length = np.zeros((3, 3))
    collapse.literal(np.random.default_rng(6), n, steps, ddof, 0, 0, mean, log_scale, length)
    np.testing.assert_allclose(found[0, :, -1], mean, rtol=1e-12)
    np.testing.assert_allclose(found[1, :, -1], log_scale, rtol=1e-12)


def test_points_that_coincide_have_no_scale_until_the_next_real_set():
    found = simulate(
        np.random.default_rng(1), "gaussian", 2, 0, 40, 1, data="two-point", protocol="fresh", spread=2.0
    )
    scale = np.exp(found[1, 0, 1:])
    assert set(np.round(scale, 12)) == {0.0, 2.0}


# --- the logistic location ----------------------------------------------------------------------------------


def location(points):
    """The root of the score, by Brent's method."""
    points = np.asarray(points, float)
    score = lambda at: np.sum(2 * special.expit(points - at) - 1)  # noqa: E731
    if np.ptp(points) == 0:
        return points[0]
    return optimize.brentq(score, points.min(), points.max(), xtol=1e-14, rtol=1e-14)


@pytest.mark.parametrize("protocol", ["fixed", "fresh"])
@pytest.mark.parametrize("data", ["normal", "uniform", "two-point", "logistic"])
@pytest.mark.parametrize(("n", "weight", "real", "own"), COUNTS)
def test_logistic_loop(n, weight, real, own, data, protocol):
    expected = paths(
        7,
        5,
        (1.5,),
        3,
        protocol == "fresh",
        lambda draw, points, theta: (location(np.append(points, DRAWS["logistic"](draw, own, *theta, 1.0))),),
        lambda draw: DRAWS[data](draw, real, 0.3, 2.0),
    )
    found = simulate(
        np.random.default_rng(7),
        "logistic",
        n,
        weight,
        3,
        5,
        protocol=protocol,
        data=data,
        truth=0.3,
        spread=2.0,
        start=1.5,
    )
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("start", [0.0, -3.0, 70.0, 1e4, -1e4])
@pytest.mark.parametrize(
    ("points", "fitted"),
    [
        ([2.5], 2.5),
        ([-1.0, 1.0], 0.0),
        # Far apart, one of three points pulls by ½ each: 2·tanh(θ/2) = 1.
        ([1000.0, 1000.0, 1100.0], 1000 + math.log(3)),
        ([-1000.0, -1100.0, -1000.0], -1000 - math.log(3)),
        ([0.0, 0.0, 0.0, 900.0], math.log(2)),
    ],
)
def test_logistic_fit_in_closed_form(points, fitted, start):
    found = fit(points, start)
    assert found == pytest.approx(fitted, rel=1e-14, abs=1e-14)
    assert fit(points, start, kernels.fit_logistic.py_func) == found


def fit(points, start, function=kernels.fit_logistic):
    points = np.array(points)
    return function(points, start, np.empty((2, points.size)), np.empty(points.size, dtype=np.uint64))


def test_logistic_fit_from_where_the_score_vanishes():
    # The likelihood is flat to the last bit around 0, and symmetric.
    assert fit([-100.0, 100.0], 0.0) == 0.0


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0, 1000.0])
@pytest.mark.parametrize("seed", range(5))
def test_logistic_fit_is_the_most_likely(seed, scale):
    # An odd number: between two far halves the likelihood would be flat to the last bit.
    points = scale * np.random.default_rng(seed).standard_cauchy(21)
    fitted = fit(points, 0.0)
    assert fitted == pytest.approx(location(points), rel=1e-12, abs=1e-12)
    # And by SciPy's own likelihood, no neighbour does better.
    likelihood = [stats.logistic.logpdf(points, fitted + e).sum() for e in (-1e-3, 0.0, 1e-3)]
    assert max(likelihood) == likelihood[1]


# --- draws --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("law", "location", "scale", "uniform", "point"),
    [
        (kernels.UNIFORM, 1.0, 3.0, 0.0, -2.0),
        (kernels.UNIFORM, 1.0, 3.0, 0.75, 2.5),
        (kernels.TWO_POINT, 1.0, 3.0, np.nextafter(0.5, 0), 4.0),
        (kernels.TWO_POINT, 1.0, 3.0, 0.5, -2.0),
        (kernels.BERNOULLI, 0.25, 1.0, np.nextafter(0.25, 0), 1.0),
        (kernels.BERNOULLI, 0.25, 1.0, 0.25, 0.0),
        (kernels.BERNOULLI, 0.0, 1.0, 0.0, 0.0),
        (kernels.BERNOULLI, 1.0, 1.0, np.nextafter(1.0, 0), 1.0),
    ],
)
def test_where_the_unit_interval_is_cut(monkeypatch, law, location, scale, uniform, point):
    monkeypatch.setattr(kernels.uniforms, "draw", lambda stream, count, out: out.fill(uniform))
    out = np.zeros(1)
    kernels.fill.py_func(None, law, 1, location, scale, out, np.zeros(2))
    assert out[0] == point


LEVEL = 1e-6  # a correct kernel fails once in ten thousand choices of all the seeds


@pytest.mark.parametrize("protocol", ["fixed", "fresh"])
@pytest.mark.parametrize("family", ["gaussian-mean", "gaussian", "poisson", "bernoulli", "exponential"])
def test_literal_and_reduced_agree_in_law(family, protocol):
    found = [
        simulate(np.random.default_rng(seed), family, 6, 0.5, 4, 10_000, kernel=kernel, protocol=protocol)
        for seed, kernel in enumerate(("literal", "reduced"))
    ]
    for first, second in zip(*found, strict=True):
        for combine in (lambda x: x[:, 4], lambda x: x[:, 4] - x[:, 1]):
            # Sums of the same points in another order differ in the last bits.
            pair = [np.round(combine(x), 9) for x in (first, second)]
            assert stats.ks_2samp(*pair, method="asymp").pvalue > LEVEL


def bernoulli_law(real, own, truth, start, steps, fresh):
    """The law of the number of ones among all points after `steps` generations, by its Markov chain."""
    counts = np.arange(real + own + 1)
    drawn = stats.binom(real, truth).pmf(np.arange(real + 1))
    law = np.zeros(counts.size)
    for ones, chance in zip([None] if fresh else range(real + 1), [1.0] if fresh else drawn, strict=True):
        first = drawn if fresh else np.eye(real + 1)[ones]
        state = None
        for _ in range(steps):
            parameters = [start] if state is None else counts / (real + own)
            rows = [np.convolve(first, stats.binom(own, p).pmf(np.arange(own + 1))) for p in parameters]
            state = rows[0] if state is None else state @ np.array(rows)
        law += chance * state
    return law


@pytest.mark.parametrize("kernel", ["literal", "reduced"])
@pytest.mark.parametrize("protocol", ["fixed", "fresh"])
@pytest.mark.parametrize(("n", "weight", "own"), [(2, 0.5, 1), (3, 1, 3), (2, 2, 4)])
def test_bernoulli_loop_has_the_law_of_its_chain(n, weight, own, protocol, kernel):
    draws, steps = 10_000, 3
    found = simulate(
        np.random.default_rng(8),
        "bernoulli",
        n,
        weight,
        steps,
        draws,
        protocol=protocol,
        kernel=kernel,
        truth=0.3,
    )
    counts = np.bincount(np.rint(found[0, :, steps] * (n + own)).astype(int), minlength=n + own + 1)
    law = bernoulli_law(n, own, 0.3, 0.3, steps, protocol == "fresh")
    assert stats.chisquare(counts, draws * law).pvalue > LEVEL
