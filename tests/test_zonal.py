"""Exact moments of the refitted covariance, against pairings of a Gaussian matrix, closed forms and draws."""

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from scipy import special

from theorycheck.formula import ball, power_integral
from theorycheck.loops import closed_forms, zonal


def pairings(points):
    if not points:
        yield []
        return
    first, *rest = points
    for i, other in enumerate(rest):
        for more in pairings(rest[:i] + rest[i + 1 :]):
            yield [(first, other), *more]


def cycles(*matchings):
    """The number of cycles in the union of two matchings of the same points."""
    step = [dict([*m, *((b, a) for a, b in m)]) for m in matchings]
    left, count = set(step[0]), 0
    while left:
        count += 1
        point = next(iter(left))
        while point in left:
            left -= {point, step[0][point]}
            point = step[1][step[0][point]]
    return count


def by_pairings(freedom, dimension, power):
    """E tr (GG'/ν)^m/d by Wick's theorem: every pairing of the 2m entries of G counts ν^a·d^b index cycles.

    Entry k of tr G G' G G' … is G[i, s]: entries 2k and 2k + 1 share the column, 2k + 1 and 2k + 2 the row.
    """
    points = list(range(2 * power))
    columns = [(2 * k, 2 * k + 1) for k in range(power)]
    rows = [(2 * k + 1, (2 * k + 2) % (2 * power)) for k in range(power)]
    total = sum(freedom ** cycles(m, columns) * dimension ** cycles(m, rows) for m in pairings(points))
    return Fraction(total, freedom**power * dimension)


@pytest.mark.parametrize("power", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(("samples", "dimension"), [(10, 5), (3, 4), (2, 1)])
def test_one_generation_by_pairings(samples, dimension, power):
    assert zonal.moment(samples, dimension, 1, power) == by_pairings(samples - 1, dimension, power)


@pytest.mark.parametrize("power", [-2, -1, 3, 7])
@pytest.mark.parametrize("steps", [0, 1, 4])
def test_one_dimension(power, steps):
    """E (χ²_ν/ν)^m = Γ(ν/2 + m)/Γ(ν/2)·(2/ν)^m, and generations multiply."""
    nu = 12
    one = float(special.poch(nu / 2, power)) * (2 / nu) ** power
    assert float(zonal.moment(nu + 1, 1, steps, power)) == pytest.approx(one**steps, rel=1e-12)


def test_inverse_in_closed_form():
    """E W⁻¹ = ν/(ν−d−1)·I."""
    assert zonal.moment(10, 5, 1, -1) == 3
    assert zonal.moment(12, 4, 2, -1) == Fraction(11, 6) ** 2


def draws(rng, nu, dimension, steps, size):
    factor = np.broadcast_to(np.eye(dimension), (size, dimension, dimension))
    for _ in range(steps):
        factor = factor @ rng.standard_normal((size, factor.shape[-1], nu)) / np.sqrt(nu)
    return np.linalg.svd(factor, compute_uv=False) ** 2


@pytest.mark.parametrize(("power", "steps"), [(-2, 1), (-1, 2), (2, 2), (3, 2), (2, 3)])
def test_several_generations_by_draws(power, steps):
    spectra = draws(np.random.default_rng(5), 19, 3, steps, 40_000)
    values = np.mean(spectra ** float(power), axis=1)
    expected = float(zonal.moment(20, 3, steps, power))
    assert abs(values.mean() - expected) < 5 * values.std() / np.sqrt(values.size)


def test_mean_root_contains_the_closed_forms():
    plane = ball(closed_forms.isotropic_constant_plane(sp.Integer(12)))
    line = ball(closed_forms.contraction_factor(sp.Integer(30))) ** 3
    for found, truth in ((zonal.mean_root(12, 2, 1), plane), (zonal.mean_root(30, 1, 3), line)):
        assert found.contains(truth)
        assert float(found.rad()) < 1e-4


def test_mean_root_contains_the_mean_of_draws():
    values = np.mean(np.sqrt(draws(np.random.default_rng(6), 9, 5, 2, 40_000)), axis=1)
    found = zonal.mean_root(10, 5, 2)
    assert abs(values.mean() - float(found.mid())) < float(found.rad()) + 5 * values.std() / 200
    assert float(found.rad()) < 0.006


@pytest.mark.parametrize("exponent", [Fraction(1, 2), Fraction(3, 2), Fraction(5, 2)])
@pytest.mark.parametrize("nodes", [2, 3, 6])
def test_power_integral_of_the_uniform_law(exponent, nodes):
    """∫_0^1 x^s dx = 1/(1+s); and the ball shrinks with the number of nodes."""
    if exponent > 2 * nodes:
        return
    found = power_integral([Fraction(1, k + 1) for k in range(2 * nodes + 1)], exponent)
    assert found.contains(ball(1 / (1 + exponent)))
    assert float(found.rad()) < 0.1 / nodes**2


@pytest.mark.parametrize(("moments", "exponent"), [(5, 2), (5, -1), (4, "1/2"), (3, "5/2"), (0, "1/2")])
def test_power_integral_refuses(moments, exponent):
    with pytest.raises(ValueError, match="exponent must be fractional and below 2k"):
        power_integral([Fraction(1)] * moments, Fraction(exponent))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((1, 2, 1, 1), ValueError, "samples must be at least 2"),
        ((10, 0, 1, 1), ValueError, "dimension must be at least 1"),
        ((10, 2, -1, 1), ValueError, "steps must be at least 0"),
        ((10, 5, 1, -3), ValueError, "power must be above -2.5 here, got -3"),
        ((4, 2, 1, -1), ValueError, "power must be above -1 here, got -1"),
        ((10, 5.0, 1, 1), TypeError, "dimension must be an integer"),
    ],
)
def test_moment_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        zonal.moment(*arguments)
