"""What the figures on collapse, stability and finite samples plot, against SciPy, mpmath and brute force."""

import mpmath
import numpy as np
import pytest
from scipy import integrate, stats

from theorycheck.engine.executor import Executor
from theorycheck.figures import finite_samples, gaussian_collapse_multivariate, stability
from theorycheck.figures._figure import Given
from theorycheck.figures._measure import Draw


@pytest.fixture(scope="module")
def given():
    pool = Executor(2)
    yield lambda name: Given(Draw(7, name, pool))
    pool.close()


def inside(curve, truth, width=1.0):
    """Whether the intervals of a curve, widened, hold the truth."""
    slack = (width - 1) * (curve.high - curve.low)
    return ((curve.low - slack <= truth) & (truth <= curve.high + slack)).all()


def factor(n):
    """c₄(n), the mean of a χ law with n − 1 degrees of freedom over √(n−1)."""
    return float(stats.chi(n - 1).mean() / np.sqrt(n - 1))


# --- gaussian-collapse-multivariate ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def multivariate(given):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gaussian_collapse_multivariate, "RATIOS", 512)
        patch.setattr(gaussian_collapse_multivariate, "PIVOTS", 2048)
        patch.setattr(gaussian_collapse_multivariate, "TIMES", (1, 30, 100))
        return gaussian_collapse_multivariate.compute(given("gaussian-collapse-multivariate"))


def roots(n, spectrum, count=40000):
    """E(√X)_ii/√s_i of an empirical covariance, by drawing all points."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((count, n, len(spectrum))) * np.sqrt(spectrum)
    x -= x.mean(axis=1, keepdims=True)
    values, vectors = np.linalg.eigh(np.einsum("pni,pnj->pij", x, x) / (n - 1))
    root = np.einsum("pij,pj,pkj->pik", vectors, np.sqrt(np.maximum(values, 0)), vectors)
    return np.diagonal(root.mean(axis=0)) / np.sqrt(spectrum)


def test_one_step_constants_are_those_of_drawn_covariances(multivariate):
    exact, measured = (multivariate.curve("b", f"n = 10, {k}") for k in ("exact", "measured"))
    for condition in (1.0, 100.0):
        drawn = roots(10, np.array([1.0, 1 / condition])).max()
        assert exact.y[np.isclose(exact.x, condition)][0] == pytest.approx(drawn, abs=3e-3)
    assert inside(measured, np.interp(np.log(measured.x), np.log(exact.x), exact.y))
    assert multivariate.curve("b", "n = 10, bound").y == pytest.approx([factor(10)] * 2)
    assert (np.diff(exact.y) > 0).all()
    assert exact.y[-1] < factor(10)


def test_constants_by_dimension(multivariate):
    pair, measured = (multivariate.curve("c", f"n = 2, {k}") for k in ("exact", "measured"))
    # At n = 2 the root of a rank-one matrix: E χ_d/d.
    np.testing.assert_allclose(pair.y, [stats.chi(d).mean() / d for d in pair.x], rtol=1e-9)
    assert inside(measured, stats.chi(measured.x).mean() / measured.x)
    found = multivariate.curve("c", "n = 5, measured")
    drawn = [roots(5, np.ones(int(d)), 4000).mean() for d in found.x[:4]]
    np.testing.assert_allclose(found.y[:4], drawn, atol=0.02)


def test_lyapunov_exponents_are_mean_logarithms_of_chi(multivariate):
    for n in (20, 10, 5):
        exact, measured = (multivariate.curve("d", f"n = {n}, {k}") for k in ("exact", "measured"))
        truth = [
            float((mpmath.digamma(mpmath.mpf(n - j) / 2) + mpmath.log(2) - mpmath.log(n - 1)) / 2)
            for j in exact.x
        ]
        np.testing.assert_allclose(exact.y, truth, rtol=1e-9)
        assert inside(measured, truth)


def test_shares_of_the_bound_settle_and_the_isotropic_constant_does_not(multivariate):
    for d in (2, 5):
        found = multivariate.curve("a", f"I, d = {d}")
        # At last √Σ has one direction u, seen with weight |u_1|: E u_1²/E|u_1|.
        normal = np.random.default_rng(4).standard_normal((100_000, d))
        along = np.abs(normal[:, 0]) / np.linalg.norm(normal, axis=1)
        limit = multivariate.curve("a", f"limit from I, d = {d}").y[0]
        assert limit == pytest.approx(np.mean(along**2) / np.mean(along), rel=0.01)
        assert found.low[-1] < limit < found.high[-1]
        assert (found.high <= 1).all()
        assert found.low[-1] > 0.4
    rival = multivariate.curve("a", "isotropic constant, d = 2")
    measured = multivariate.curve("a", "I, d = 2")
    assert rival.y[-1] < measured.low[-1]
    assert rival.y[0] == pytest.approx(roots(10, np.ones(2)).mean() / factor(10), abs=3e-3)


# --- stability ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rates(given):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stability, "SHARES", (0.0, 0.2, 0.4))
        patch.setattr(stability, "WEIGHTS", np.array([0.1, 1.0, 5.0]))
        return stability.compute(given("stability"))


def curvatures(share):
    """E ∇² log p at θ* = 0 of the logistic location, under the data and under the model: SciPy's quad."""

    def hessian(x):
        return -2 * stats.logistic.pdf(x)

    groups = [stats.logistic(), stats.norm(-5, 0.5), stats.norm(5, 0.5)]
    real, *others = (
        integrate.quad(lambda x, g=g: hessian(x) * g.pdf(x), -60, 60, points=[-5, 0, 5])[0] for g in groups
    )
    return (1 - share) * real + share * sum(others) / 2, real


def test_measured_rates_are_those_of_the_jacobian(rates):
    data, own = curvatures(0.2)
    found = rates.curve("a", "measured")
    truth = found.x * own / (data + found.x * own)
    np.testing.assert_allclose(found.y, truth, atol=1e-6)
    plane = rates.curve("c", "measured")
    well_specified = plane.y < 1e-6
    np.testing.assert_allclose(plane.z[well_specified], [1 / 11, 1 / 2, 5 / 6], atol=1e-6)


def test_bounds_come_from_the_constants(rates):
    data, _ = curvatures(0.2)
    lipschitz = 1 / (3 * np.sqrt(3))  # of tanh'(x/2)/2

    def cdf(x):
        groups = stats.norm.cdf(x, -5, 0.5) + stats.norm.cdf(x, 5, 0.5)
        return 0.8 * stats.logistic.cdf(x) + 0.1 * groups

    misfit = integrate.quad(
        lambda x: abs(cdf(x) - stats.logistic.cdf(x)), -40, 40, limit=500, points=[-5, 0, 5]
    )[0]
    pull = 1 + lipschitz * misfit / -data
    sharp, paper = rates.curve("a", "sharp"), rates.curve("a", "paper")
    np.testing.assert_allclose(sharp.y, sharp.x * pull / (1 + sharp.x * pull), rtol=1e-5)
    np.testing.assert_allclose(paper.y, paper.x * pull / (1 - paper.x * pull), rtol=1e-4)
    assert paper.x[-1] == pytest.approx(0.5 / pull, rel=1e-5)
    edge = rates.curve("c", "paper's condition")
    assert edge.x[0] == pytest.approx(0.5)
    assert (np.diff(edge.x) < 0).all()


def test_no_rate_where_the_likelihood_is_flat(rates):
    slow = rates.curve("d", "α = 0, measured")
    late = slow.x > 50
    np.testing.assert_allclose(slow.y[late] * np.sqrt(slow.x[late]), np.sqrt(1.2), rtol=0.05)
    fast = rates.curve("d", "α > 0, measured")
    # Student with 3 degrees of freedom, data at ±c: −A = 4(3 − c²)/(3 + c²)², −B = 4/6.
    data, own = 4 * (3 - 1.4**2) / (3 + 1.4**2) ** 2, 4 / 6
    ratio = (fast.y[-1] / fast.y[-2]) ** (1 / (fast.x[-1] - fast.x[-2]))
    assert ratio == pytest.approx(0.4 * own / (data + 0.4 * own), rel=1e-3)


# --- finite-samples ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def errors(given):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finite_samples, "PATHS", 1024)
        patch.setattr(finite_samples, "FINE", np.array([1, 2, 10, 100]))
        return finite_samples.compute(given("finite-samples"))


def brute(n, weight, steps, fresh):
    """The 95 % quantile of |θ_t| of loops drawn point by point."""
    rng = np.random.default_rng(2)
    paths, synthetic = 6000, int(weight * n)
    real = rng.standard_normal((paths, n)).sum(axis=1)
    theta = np.zeros(paths)
    for _ in range(steps):
        if fresh:
            real = rng.standard_normal((paths, n)).sum(axis=1)
        own = rng.standard_normal((paths, synthetic)).sum(axis=1) + synthetic * theta
        theta = (real + own) / (n + synthetic)
    return np.quantile(np.abs(theta), 0.95)


def test_error_quantiles_are_those_of_drawn_loops(errors):
    exact, measured = (errors.curve("a", f"n = 10, {k}") for k in ("exact", "measured"))
    assert exact.y[exact.x == 10][0] == pytest.approx(brute(10, 0.5, 10, False), rel=0.05)
    both = np.intersect1d(exact.x, measured.x)
    truth = exact.y[np.isin(exact.x, both)]
    at = np.isin(measured.x, both)
    assert ((measured.low[at] <= truth) & (truth <= measured.high[at])).all()
    settled = {k: errors.curve("c", f"{k}, exact") for k in ("fixed", "fresh")}
    for kind, curve in settled.items():
        found = np.interp(0.5, curve.x, curve.y)
        assert found == pytest.approx(brute(100, 0.5, 15, kind == "fresh"), rel=0.05)


def test_the_bound_is_the_theorems(errors):
    found = errors.curve("b", "λ = 2, bound")
    rho, spread = 2 / 3, np.sqrt(2 / 3 / 100)
    sums = np.array([sum(rho**k for k in range(int(t))) for t in found.x])
    np.testing.assert_allclose(found.y, spread * np.sqrt(np.log(2 * found.x / 0.05)) * sums, rtol=1e-9)
    exact = errors.curve("b", "λ = 2, exact")
    assert (found.y > exact.y).all()
    # Bound²/Var is about 20 at λ = ½, t = 100, δ = .05 with the real set kept.
    loose = errors.curve("d", "fixed")
    ratio = np.interp(np.log(0.5), np.log(loose.x), loose.y)
    assert (ratio * stats.norm.isf(0.025)) ** 2 == pytest.approx(20, abs=0.5)
