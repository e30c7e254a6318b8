"""Each closed form against SciPy, or against quadrature at 50 digits of what it stands for."""

from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from scipy import stats

from theorycheck.loops import closed_forms as form


def chi_square_mean(freedom, function):
    """E function(X), X ~ χ²_freedom, by quadrature; X = e^s keeps the integrand smooth at 0."""
    nu = mp.mpf(freedom)
    with mp.workdps(50):
        normaliser = mp.log(2) * nu / 2 + mp.loggamma(nu / 2)
        law = lambda s: mp.exp(s * nu / 2 - mp.exp(s) / 2 - normaliser)  # noqa: E731
        return mp.quad(lambda s: function(mp.exp(s)) * law(s), [-300 / nu, -20, -5, 0, 1, 2, 3, 4, 5, 6])


def value_of(expression):
    with mp.workdps(50):
        return mp.mpf(sp.N(sp.sympify(expression), 50)._mpf_)


def close(expression, truth, digits=40):
    with mp.workdps(50):
        return abs(value_of(expression) - truth) <= mp.mpf(10) ** -digits * (1 + abs(truth))


@pytest.mark.parametrize("n", [2, 3, 5, 10, 30])
@pytest.mark.parametrize("power", [1, 2, 3, sp.Rational(1, 2)])
def test_scale_moment(n, power):
    with mp.workdps(50):
        exponent = mp.mpf(power.p) / power.q / 2 if isinstance(power, sp.Rational) else mp.mpf(power) / 2
        truth = chi_square_mean(n - 1, lambda x: (x / (n - 1)) ** exponent)
    assert close(form.scale_moment(sp.Integer(n), power), truth)
    assert close(form.scale_moment(n, power), truth)
    if power == 1:
        assert close(form.contraction_factor(n), truth)


@pytest.mark.parametrize("n", [2, 3, 5, 10, 30])
def test_biased_factor_is_that_of_division_by_n(n):
    truth = stats.chi(n - 1).mean() / np.sqrt(n)
    assert float(form.biased_contraction_factor(n)) == pytest.approx(truth, rel=1e-13)


@pytest.mark.parametrize("n", [2, 3, 5, 30])
def test_log_moments(n):
    with mp.workdps(50):
        half_log = lambda x: mp.log(x / (n - 1)) / 2  # noqa: E731
        drift = chi_square_mean(n - 1, half_log)
        spread = chi_square_mean(n - 1, lambda x: (half_log(x) - drift) ** 2)
    assert close(form.log_drift(n), drift)
    assert close(form.log_spread(n), spread)


@pytest.mark.parametrize("n", [2, 3, 10])
@pytest.mark.parametrize("steps", [0, 1, 2, 7])
def test_displacement_fourth_moment(n, steps):
    # By the moments of one generation: D' = D + √(S/n)·z and S' = S·χ²_ν/ν.
    d4, d2s, s2 = Fraction(0), Fraction(0), Fraction(1)  # E D⁴, E D²S, E S²
    for _ in range(steps):
        d4, d2s = d4 + 6 * d2s / n + 3 * s2 / n**2, d2s + s2 / n
        s2 *= Fraction(n + 1, n - 1)  # E(χ²_ν/ν)² = (ν+2)/ν
    assert form.displacement_fourth_moment(sp.Integer(n), steps) == sp.Rational(d4.numerator, d4.denominator)


@pytest.mark.parametrize(("n", "j"), [(2, 1), (5, 1), (5, 4), (10, 3), (30, 7)])
def test_lyapunov_exponents_are_those_of_the_bartlett_diagonal(n, j):
    # Σ_{t+1} = ATT'A'/ν with T_jj² ~ χ²_{n−j}.
    with mp.workdps(50):
        truth = chi_square_mean(n - j, lambda x: mp.log(x / (n - 1)) / 2)
    assert close(form.lyapunov_exponent(n, j), truth)


@pytest.mark.parametrize("freedom", [1, 2, 5, 30])
@pytest.mark.parametrize("x", [0.25, 1, 3, 17])
def test_chi_square(freedom, x):
    law = stats.chi2(freedom)
    assert float(form.chi_square_density(sp.Rational(x), freedom)) == pytest.approx(law.pdf(x), rel=1e-12)
    assert float(form.chi_square_below(sp.Rational(x), freedom)) == pytest.approx(law.cdf(x), rel=1e-12)


def plane_root_trace(n, order=60):
    """E tr√W/2 in the plane: (s_1 + s_2)² = (t11 + t22)² + t21² for the singular values s of Bartlett's T."""
    nodes, weights = np.polynomial.legendre.leggauss(order)

    def rule(lo, hi, law):
        x = lo + (hi - lo) * (nodes + 1) / 2
        w = weights * law.pdf(x)
        return x, w * (hi - lo) / 2

    reach = np.sqrt(n) + 9
    first, first_weight = rule(max(0, np.sqrt(n) - 9), reach, stats.chi(n - 1))
    second, second_weight = rule(max(0, np.sqrt(n) - 9), reach, stats.chi(n - 2))
    normal, normal_weight = rule(0, 9, stats.norm())
    t11, t22, t21 = np.meshgrid(first, second, normal, indexing="ij")
    root = np.sqrt((t11 + t22) ** 2 + t21**2)
    mean = 2 * np.einsum("ijk,i,j,k->", root, first_weight, second_weight, normal_weight)
    return mean / 2 / np.sqrt(n - 1)


@pytest.mark.parametrize("n", [4, 5, 10, 30])
def test_isotropic_constant_in_the_plane(n):
    assert float(sp.N(form.isotropic_constant_plane(n))) == pytest.approx(plane_root_trace(n), rel=1e-9)


@pytest.mark.parametrize("d", [1, 2, 3, 10])
def test_isotropic_constant_of_a_pair(d):
    # ν = 1: W = zz', so tr√W = |z|.
    truth = stats.chi(d).mean() / d
    assert float(form.isotropic_constant_pair(d)) == pytest.approx(truth, rel=1e-13)
    if d == 2:
        assert float(sp.N(form.isotropic_constant_plane(2))) == pytest.approx(truth, rel=1e-13)


@pytest.mark.parametrize("d", [2, 3, 4, 7])
def test_alignment_limit(d):
    # The root ends up of rank one along a direction v with law tilted by |v_1|: E_Q|v_1| = E v_1²/E|v_1|.
    with mp.workdps(50):
        moment = lambda p: mp.quad(lambda c: abs(mp.cos(c)) ** p * mp.sin(c) ** (d - 2), [0, mp.pi / 2])  # noqa: E731
        truth = moment(2) / moment(1)
    assert close(form.alignment_limit(d), truth)


def test_alignment_limit_on_the_line():
    assert form.alignment_limit(1) == 1


def test_symbols_are_allowed():
    n, d = sp.symbols("n d", positive=True)
    for function in (
        form.contraction_factor,
        form.biased_contraction_factor,
        form.log_drift,
        form.log_spread,
        form.isotropic_constant_plane,
    ):
        assert close(function(n).subs(n, 7), value_of(function(7)))
    assert form.alignment_limit(d).subs(d, 3) == form.alignment_limit(3)
