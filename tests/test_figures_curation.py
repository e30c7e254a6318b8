"""What the figures on the curated loop plot, against enumeration, SciPy and simulation by hand."""

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from theorycheck.engine.executor import Executor
from theorycheck.figures import curated_loop, real_data
from theorycheck.figures._figure import Given, Table
from theorycheck.figures._measure import Draw

ATOMS = np.array([0.2, 0.5, 0.7, 1.0])


def step(p, a, choices):
    """What users keep of `choices` proposals, by enumerating all draws."""
    kept = np.zeros(len(p))
    for drawn in itertools.product(range(len(p)), repeat=choices):
        chance = math.prod(p[i] for i in drawn)
        total = sum(a[i] for i in drawn)
        for i in drawn:
            kept[i] += chance * a[i] / total
    return kept


@pytest.fixture(scope="module")
def curated():
    pool = Executor(2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curated_loop, "PATHS", 256)
        patch.setattr(curated_loop, "PIXELS", 32)
        table = curated_loop.compute(Given(Draw(7, "curated-loop", pool)))
    pool.close()
    return table


def test_rewards_with_atoms_follow_enumeration(curated):
    for choices in (2, 4):
        p = np.full(4, 0.25)
        found = curated.curve("a", f"K = {choices}")
        for t in range(7):
            assert found.y[t] == pytest.approx(1 - p @ ATOMS, rel=1e-9)
            assert t == 0 or curated.curve("c", f"atoms, K = {choices}").y[t - 1] == pytest.approx(
                p @ ATOMS**2 - (p @ ATOMS) ** 2, rel=1e-8
            )
            p = step(p, ATOMS, choices)
    tilted = curated.curve("a", "K = ∞")
    weights = ATOMS ** tilted.x[:, None]
    np.testing.assert_allclose(tilted.y, 1 - weights @ ATOMS / weights.sum(axis=1), rtol=1e-7)


def test_literal_loops_agree_within_their_intervals(curated):
    for choices in (2, 4, 16):
        exact, drawn = curated.curve("a", f"K = {choices}"), curated.curve("a", f"K = {choices}, measured")
        truth = exact.y[drawn.x.astype(int)]
        # Finitely many users stray from the population by a little.
        assert ((drawn.low - 2e-3 <= truth) & (truth <= drawn.high + 2e-3)).all()


def test_the_rates_are_met_at_late_times(curated):
    for name in ("2", "4", "16", "64", "∞"):
        for panel, share in (("a", 0.05), ("b", 0.02)):
            exact, rate = curated.curve(panel, f"K = {name}"), curated.curve(panel, f"K = {name}, rate")
            late = np.isin(exact.x, rate.x[-5:])
            np.testing.assert_allclose(exact.y[late], rate.y[-5:], rtol=share)
    # At K = ∞ the law of u = r* − r is a truncated exponential.
    found = curated.curve("b", "K = ∞")
    for x, y in zip(found.x[::9], found.y[::9], strict=True):
        tilt = stats.truncexpon(x, scale=1 / x)
        assert y == pytest.approx(tilt.expect(lambda u: -np.expm1(-u)), rel=1e-5)


def test_densities_on_the_line_integrate_to_one_and_follow_a_drawn_generation(curated):
    for panel, times in (("d", (0, 1, 3, 10)), ("e", (0, 1, 3, 10, 200))):
        for t in times:
            found = curated.curve(panel, f"t = {t}")
            assert integrate.trapezoid(found.y, found.x) == pytest.approx(1, abs=1e-3)
    rng = np.random.default_rng(8)
    shape = (60_000, 4)
    x = np.where(rng.random(shape) < 0.5, -1.2, 1.4) + 0.7 * rng.standard_normal(shape)
    reward = -2 * np.maximum(0, np.abs(x - 1) - 0.25)
    chosen = np.argmax(reward + rng.gumbel(size=shape), axis=1)
    kept = x[np.arange(len(x)), chosen]
    one = curated.curve("d", "t = 1")
    below = np.cumsum(one.y) * (one.x[1] - one.x[0])
    for at in (-0.5, 0.5, 1.0, 1.5):
        assert np.interp(at, one.x, below) == pytest.approx(np.mean(kept <= at), abs=0.012)
    mixed = curated.curve("e", "t = 1")
    np.testing.assert_allclose(mixed.y, (one.y + curated.curve("d", "t = 0").y) / 2, rtol=1e-9)


def test_densities_in_the_plane_integrate_to_one(curated):
    # The eight Gaussians lie inside the frame; curation alone ends in the rewarded one.
    for key in "gijk":
        found = curated.curve(key, "eight Gaussians")
        cell = (np.ptp(found.x) / 31) * (np.ptp(found.y) / 31)
        assert found.z.sum() * cell == pytest.approx(1, abs=0.05)
    start, once, late, first, mixed = (curated.curve(key, "eight Gaussians") for key in "ghijk")
    near = np.hypot(late.x - 2, late.y) < 0.8
    assert start.z[near].sum() / start.z.sum() == pytest.approx(1 / 8, abs=0.02)
    assert late.z[near].sum() / late.z.sum() > 0.9
    # λ = 1: half of a generation's weight is on real data.
    np.testing.assert_allclose(first.z, (start.z + once.z) / 2, rtol=1e-9, atol=1e-300)
    assert mixed.z.min() >= 0.5 * start.z.min()
    assert (mixed.z >= 0.499 * start.z).all()  # p_t ≥ p_ref/(1+λ)
    ring = curated.curve("g", "r = -5")
    np.testing.assert_allclose(np.hypot(ring.x - 2, ring.y), 1.0)


# --- real-data ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real():
    table = Table()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(real_data, "LAMBDAS", np.geomspace(0.05, 5, 9))
        real_data.two_states(table)
        real_data.gains(table)
        real_data.condensation(table)
        real_data.real_digits(table)
    return table


def test_two_states_settle_at_the_root_of_a_quadratic(real):
    # K = 2: top' = m·q + (1 − m)·top·(top + (1 − top)·2/(1 + low)).
    found = real.curve("a", "KL, s = 3")
    q = math.exp(-3)
    for weight, kl in zip(found.x, found.y, strict=True):
        m, favour = 1 / (1 + weight), 2 / (1 + 1e-6)
        root = optimize.brentq(
            lambda top, m=m, favour=favour: m * q + (1 - m) * top * (top + (1 - top) * favour) - top,
            0,
            1 - 1e-12,
        )
        expected = root * math.log(root / q) + (1 - root) * math.log((1 - root) / (1 - q))
        assert kl == pytest.approx(expected, rel=1e-6)


def test_bounds_hold_and_the_density_ratio_attains_the_papers(real):
    paper, better = real.curve("a", "the paper's bound"), real.curve("a", "the better bound")
    np.testing.assert_allclose(paper.y, -np.log1p(-paper.x), rtol=1e-9)
    assert (better.y < paper.y).all()
    ratio = real.curve("a", "D_∞, s = 40")
    np.testing.assert_allclose(ratio.y, -np.log1p(-ratio.x), rtol=1e-4)
    for s in (3, 10, 40):
        kl = real.curve("a", f"KL, s = {s}")
        inside = kl.x < 1
        assert (kl.y[inside] < np.interp(kl.x[inside], better.x, better.y)).all()
    # Past the threshold it grows with s.
    last = [real.curve("a", f"KL, s = {s}").y[-1] for s in (3, 10, 40)]
    assert last[0] < last[1] < last[2]
    assert last[2] > 20


def test_divergence_on_the_digits_is_that_of_the_tilted_law(real):
    from theorycheck.loops import digits

    # At K = ∞ the limit is p_ref·(1 − η)Z/(Z − ηa), Σp = 1.
    a = np.exp(digits.reward("class:0"))
    found = real.curve("b", "K = ∞, KL")
    for weight, kl in list(zip(found.x, found.y, strict=True))[::2]:
        eta = weight / (1 + weight)
        z = optimize.brentq(
            lambda z, eta=eta: np.mean((1 - eta) * z / (z - eta * a)) - 1,
            eta * a.max() * (1 + 1e-9),
            10 * a.max(),
        )
        ratio = (1 - eta) * z / (z - eta * a)
        assert kl == pytest.approx(np.mean(ratio * np.log(ratio)), rel=1e-4)


def test_gains(real):
    sharp, paper = real.curve("c", "the sharp λ/(1+λ)"), real.curve("c", "the paper's λ/(1+λ)³")
    np.testing.assert_allclose(paper.y, sharp.y / (1 + sharp.x) ** 2)
    close = real.curve("c", "close rewards, t = 1")
    np.testing.assert_allclose(close.y, close.x / (1 + close.x), rtol=2e-4)
    one = real.curve("c", "digits, confidence, t = 1")
    assert (one.y >= one.x / (1 + one.x)).all()
    # The gain after one generation at K = 2 is E[v/ā] over pairs, times λ/(1+λ).
    from theorycheck.loops import digits

    a = np.exp(digits.reward("confidence"))
    a = a / a.max()
    pairs = (a[:, None] - a) ** 2 / (2 * (a[:, None] + a))
    expected = pairs.mean() / (0.5 * a.var())
    np.testing.assert_allclose(one.y, expected * one.x / (1 + one.x), rtol=1e-8)


def test_condensation(real):
    exact, found = real.curve("d", "K = ∞, exact"), real.curve("d", "K = ∞")
    expected = stats.beta(1, 3).expect(lambda r: 1 / (1 - np.exp(r - 1)), ub=1 - 1e-13)
    np.testing.assert_allclose(exact.y, np.maximum(0, 1 - expected / (1 + exact.x)), atol=1e-6)
    np.testing.assert_allclose(found.y, np.maximum(0, 1 - expected / (1 + found.x)), atol=1e-6)
    assert (real.curve("d", "K = 4").y <= found.y + 1e-9).all()
