"""Rates measured on orbits of maps that are written down here: their multipliers are known exactly."""

import numpy as np
import pytest

from theorycheck.loops.retraining.maps import Solution
from theorycheck.loops.retraining.orbits import NEAR, STEPS, extrapolated, measured_rates


class Map:
    """θ ↦ best + f(θ − best, λ) in place of G; `near` is what is measured of its Jacobian."""

    def __init__(self, function, near, information=None, best=None, noise=lambda gap: 0.0 * gap[..., 0]):
        near = np.asarray(near, float)
        self.near = near.reshape(-1, *near.shape[-2:])
        p = self.near.shape[-1]
        self.information = np.eye(p) if information is None else information
        self.best = np.zeros(p) if best is None else np.asarray(best, float)
        self.function, self.noise, self.calls = function, noise, []

    def measured_jacobian(self, weight):
        return np.broadcast_to(self.near, (weight.size, *self.near.shape[1:])), None

    def step(self, theta, weight):
        gap = theta - self.best
        self.calls.append(gap)
        return Solution(self.best + self.function(gap, weight[:, None]), self.noise(gap), None)


def line(function, **given):
    return Map(function, [[1.0]], **given)


RATES = np.array([0.0, 1e-3, 0.05, 0.5, 0.95, 1.0])


def test_extrapolation_is_exact_for_a_square():
    value, change = extrapolated(*(3.0 + 2.0 * h**2 for h in (0.2, 0.1)))
    assert value == pytest.approx(3.0, abs=1e-14)
    assert change == pytest.approx(2.0 * 0.1**2, rel=1e-12)


def test_the_multiplier_of_a_linear_map_is_its_rate():
    rate, error = measured_rates(line(lambda x, w: w * x), RATES)
    np.testing.assert_allclose(rate, RATES, atol=1e-15)
    assert (error < 1e-14).all()
    assert rate.shape == error.shape == RATES.shape


@pytest.mark.parametrize("square", [-1.0, 0.0, 2.0])
@pytest.mark.parametrize("cube", [-2.0, 0.5, 2.0])
def test_the_multiplier_of_a_curved_map_is_its_rate(square, cube):
    # The ratio errs by what is of third order: on both sides of θ*, the squares differ in nothing.
    found = line(lambda x, w: w * x + square * x**2 + cube * x**3)
    rate, error = measured_rates(found, RATES)
    assert (np.abs(rate - RATES) <= error / 30 + 1e-15).all()
    assert (error <= (abs(cube) + 2 * STEPS * square**2) * NEAR**2).all()


def test_orbits_end_when_they_are_down_by_a_hundred_or_after_their_steps():
    # A third-order term of the known size shows, by the error, how far from θ* the ratio was taken.
    cube = 0.01
    weights = np.array([1e-3, 0.02, 0.05, 0.25, 0.9])
    _, error = measured_rates(line(lambda x, w: w * x + cube * x**3), weights)
    # Steps before the last: those after which more than a hundredth is left, and at most all but one.
    before = np.array([0, 1, 1, 3, STEPS - 1])
    np.testing.assert_allclose(error, cube * (NEAR * weights**before) ** 2 / 4, rtol=1e-3)


def test_orbits_start_near_on_either_side():
    found = Map(lambda x, w: w * x, np.diag([0.2, 0.7]), best=[5.0, -2.0])
    [rate], _ = measured_rates(found, np.array([0.5]))
    assert rate == pytest.approx(0.5, rel=1e-12)
    assert len(found.calls) == STEPS
    starts = found.calls[0][:, :, 0]
    np.testing.assert_allclose(starts[:, 0], -starts[:, 1], atol=1e-15)
    np.testing.assert_allclose(starts[0, 0], 2 * starts[1, 0], atol=1e-15)
    np.testing.assert_allclose(np.abs(starts[0, 0]), [0, NEAR], atol=1e-15)


# A Jacobian that is self-adjoint in an information that is not diagonal, with the given eigenvalues.
INFORMATION = np.array([[2.0, 0.9], [0.9, 0.5]])
ROOT = np.linalg.cholesky(INFORMATION)
TURN = np.array([[0.8, -0.6], [0.6, 0.8]])


def self_adjoint(*values):
    return np.linalg.inv(ROOT.T) @ TURN @ np.diag(values) @ TURN.T @ ROOT.T


@pytest.mark.parametrize("second", [-0.6, 0.0, 0.3, 0.65])
@pytest.mark.parametrize("off", [0.0, 1e-3, -1e-2])
def test_of_two_eigenvalues_the_larger_is_the_rate(second, off):
    jacobian = self_adjoint(second, 0.7)
    near = self_adjoint(second, 0.7) + off * np.array([[0.0, 1.0], [1.0, 0.0]])
    [rate], [error] = measured_rates(Map(lambda x, w: x @ jacobian.T, near, INFORMATION), np.ones(1))
    assert abs(rate - 0.7) <= error + 1e-15
    if off == 0:
        assert error < 1e-12


def test_the_error_bounds_what_is_left_of_another_direction():
    # The wrong direction altogether: an eigenvalue is measured, and the error says which it may be.
    jacobian = self_adjoint(0.2, 0.7)
    [rate], [error] = measured_rates(
        Map(lambda x, w: x @ jacobian.T, self_adjoint(0.7, 0.2), INFORMATION), np.ones(1)
    )
    assert rate == pytest.approx(0.2)
    # Mixed: both by the closed form, of a start in the middle between them.
    halfway = Map(lambda x, w: x @ np.diag([0.95, 0.9]), np.ones((2, 2)))
    [rate], [error] = measured_rates(halfway, np.ones(1))
    parts = np.array([0.95, 0.9]) ** (STEPS - 1)
    true = np.linalg.norm(parts * [0.95, 0.9]) / np.linalg.norm(parts)
    assert rate == pytest.approx(true, rel=1e-12)
    assert error == pytest.approx(
        np.linalg.norm(parts * ([0.95, 0.9] - true)) / np.linalg.norm(parts), rel=1e-9
    )
    assert 0.95 - rate <= error


def test_each_weight_has_its_own_direction():
    near = np.stack([np.diag([0.5, 0.1]), np.diag([0.1, 0.4])])
    both = Map(lambda x, w: x * np.where(w == 1, [0.5, 0.1], [0.1, 0.4]), near)
    rate, error = measured_rates(both, np.array([1.0, 2.0]))
    np.testing.assert_allclose(rate, [0.5, 0.4], rtol=1e-12)
    assert (error < 1e-12).all()


@pytest.mark.parametrize("sign", [-1, 0, 1])
@pytest.mark.parametrize("information", [1.0, 400.0])
def test_the_error_bounds_what_a_step_may_err_by(sign, information):
    noise = 1e-9

    def step(x, w):
        # The worst that may happen: away from each other at h/2, towards each other at h.
        worst = np.where(np.abs(x) > 0.75 * NEAR / information**0.5, -sign, sign) * np.sign(x) * noise
        return x * w + worst

    erring = line(
        step, information=np.array([[information]]), noise=lambda gap: np.full(gap.shape[:-1], noise)
    )
    [rate], [error] = measured_rates(erring, np.array([1e-4]))
    bound = 1.5 * noise * information**0.5 / (NEAR / 2)
    assert rate == pytest.approx(1e-4 + sign * bound, rel=1e-6)
    assert abs(rate - 1e-4) <= error
    assert error == pytest.approx(bound * (1 + abs(sign) / 3), rel=1e-6)


def test_the_worst_error_of_any_step_counts():
    seen = []

    def noise(gap):
        seen.append(gap)
        return np.where((len(seen) == 2) & (gap[..., 0] < 0), 1e-9, 1e-12) * [1.0, 3.0]

    found = line(lambda x, w: w * x, noise=noise)
    _, error = measured_rates(found, np.array([1.0, 1.0]))
    np.testing.assert_allclose(error, 1.5 * np.array([1e-9, 3e-9]) / (NEAR / 2), rtol=1e-6)
    # Lengths in several dimensions are at most the largest axis times those of θ.
    wide = Map(
        lambda x, w: x, np.eye(2), np.diag([4.0, 25.0]), noise=lambda gap: np.full(gap.shape[:-1], 1e-9)
    )
    _, [error] = measured_rates(wide, np.ones(1))
    assert error == pytest.approx(1.5 * 5 * 1e-9 / (NEAR / 2), rel=1e-6)
