"""Sympy expressions in ball arithmetic and in NumPy, against mpmath at 100 digits and exact rationals."""

import math
import threading
from fractions import Fraction

import flint
import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from flint import arb, fmpq, fmpz

from theorycheck.formula import ball, expit, integral, interval, numeric, precision, softplus

X, Y = sp.symbols("x y")
A, B = Fraction(7, 3), Fraction(2, 5)  # what x and y stand for below

# An expression in x and y, and the same written for mpmath.
FORMULAS = [
    (X + Y + 3, lambda x, y: x + y + 3),
    (X * Y * 5, lambda x, y: 5 * x * y),
    (X - Y, lambda x, y: x - y),
    (X / Y, lambda x, y: x / y),
    (X**3, lambda x, y: x * x * x),
    (X**-2, lambda x, y: 1 / (x * x)),
    (sp.sqrt(X), lambda x, y: mp.sqrt(x)),
    (1 / sp.sqrt(X), lambda x, y: 1 / mp.sqrt(x)),
    (X**Y, lambda x, y: mp.exp(y * mp.log(x))),
    (X ** sp.Rational(-5, 3), lambda x, y: mp.power(x, mp.mpf(-5) / 3)),
    (sp.exp(-X), lambda x, y: mp.exp(-x)),
    (sp.log(Y), lambda x, y: mp.log(y)),
    (sp.Abs(Y - X), lambda x, y: x - y),
    (sp.gamma(X), lambda x, y: mp.gamma(x)),
    (sp.loggamma(X * 100), lambda x, y: mp.loggamma(100 * x)),
    (sp.digamma(X), lambda x, y: mp.psi(0, x)),
    (sp.polygamma(1, X), lambda x, y: mp.psi(1, x)),
    (sp.polygamma(2, X), lambda x, y: mp.psi(2, x)),
    (sp.polygamma(3, Y), lambda x, y: mp.psi(3, y)),
    (sp.lowergamma(X, Y), lambda x, y: mp.gammainc(x, 0, y)),
    (sp.erf(Y), lambda x, y: mp.erf(y)),
    (sp.hyper((-sp.Rational(1, 2), X), (Y,), -1), lambda x, y: mp.hyp2f1(mp.mpf(-1) / 2, x, y, -1)),
    (sp.hyper((X,), (Y,), -Y), lambda x, y: mp.hyp1f1(x, y, -y)),
    (sp.Max(X, Y), lambda x, y: x),
    (sp.Min(X, Y), lambda x, y: y),
    (sp.Max(X, Y, 3), lambda x, y: mp.mpf(3)),
    (sp.Min(X, Y, sp.Rational(1, 9)), lambda x, y: mp.mpf(1) / 9),
    (sp.pi * X, lambda x, y: mp.pi * x),
    (sp.E + X, lambda x, y: mp.e + x),
    (sp.EulerGamma - X, lambda x, y: mp.euler - x),
    (sp.Catalan, lambda x, y: +mp.catalan),
    (X * 0.5, lambda x, y: x / 2),
    (expit(X), lambda x, y: mp.exp(x) / (1 + mp.exp(x))),
    (expit(-Y) * X, lambda x, y: x / (1 + mp.exp(y))),
    (softplus(X), lambda x, y: mp.log(1 + mp.exp(x))),
    (softplus(Y - X), lambda x, y: mp.log(1 + mp.exp(y - x))),
    (sp.diff(softplus(X * Y), X), lambda x, y: y / (1 + mp.exp(-x * y))),
    (
        sp.diff(softplus(X * Y), X, Y),
        lambda x, y: mp.diff(lambda s, t: mp.log(1 + mp.exp(s * t)), (x, y), (1, 1)),
    ),
    (sp.diff(expit(X), X, 2), lambda x, y: mp.diff(lambda s: 1 / (1 + mp.exp(-s)), x, 2)),
]


@pytest.fixture
def many_digits():
    """Comparisons of balls convert numbers at the working precision."""
    flint.ctx.prec, before = 400, flint.ctx.prec
    with mp.workdps(100):
        yield
    flint.ctx.prec = before


def thin_ball(value):
    """A ball of radius 1e−90 around an mpmath number."""
    sign, mantissa, exponent, _ = value._mpf_
    exact = (-1) ** sign * Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
    return arb(fmpq(exact.numerator, exact.denominator), 1e-90)


@pytest.mark.parametrize("bits", [64, 128, 256])
@pytest.mark.parametrize(("expression", "truth"), FORMULAS, ids=[str(e) for e, _ in FORMULAS])
@pytest.mark.usefixtures("many_digits")
def test_ball_encloses(expression, truth, bits):
    enclosure = ball(expression, {X: A, Y: B}, bits)
    exact = truth(mp.mpf(A.numerator) / A.denominator, mp.mpf(B.numerator) / B.denominator)
    assert enclosure.overlaps(thin_ball(exact))
    assert float(enclosure.rad()) < 2.0 ** (12 - bits) * (1 + abs(float(exact)))


@pytest.mark.parametrize(
    ("quantity", "exact"),
    [
        (sp.Integer(3), Fraction(3)),
        (sp.Rational(-7, 8), Fraction(-7, 8)),
        (sp.Float(0.1), Fraction(0.1)),
        (Fraction(5, 16), Fraction(5, 16)),
        (10**60 + 1, Fraction(10**60 + 1)),
        (fmpz(-4), Fraction(-4)),
        (fmpq(3, 4), Fraction(3, 4)),
        (arb(2), Fraction(2)),
        (0.1, Fraction(0.1)),
        (np.float64(0.1), Fraction(0.1)),
        (True, Fraction(1)),
    ],
)
def test_dyadic_numbers_are_exact(quantity, exact):
    enclosure = ball(quantity, bits=256)
    assert float(enclosure.rad()) == 0
    mantissa, exponent = enclosure.mid().man_exp()
    assert Fraction(int(mantissa)) * Fraction(2) ** int(exponent) == exact


@pytest.mark.parametrize("quantity", [sp.Rational(1, 3), Fraction(1, 3), fmpq(1, 3)])
@pytest.mark.usefixtures("many_digits")
def test_other_fractions_are_enclosed(quantity):
    for bits in (53, 200):
        enclosure = ball(quantity, bits=bits)
        assert enclosure.contains(fmpq(1, 3))
        assert 0 < float(enclosure.rad()) < 2.0**-bits


@pytest.mark.parametrize(
    ("quantity", "exact"),
    [
        (sp.Float("1.5", 60) + sp.Float(2, 60) ** -100, Fraction(3, 2) + Fraction(1, 2**100)),
        (np.int64(2**53 + 1), Fraction(2**53 + 1)),
    ],
    ids=["long float", "numpy integer"],
)
@pytest.mark.usefixtures("many_digits")
def test_no_number_is_rounded_to_a_double(quantity, exact):
    assert ball(quantity, bits=256).contains(fmpq(exact.numerator, exact.denominator))


def test_an_identity_is_not_lost_to_cancellation():
    wide, narrow = (ball(sp.exp(X) - sp.exp(X + Y), {X: 1, Y: Fraction(1, 10**30)}, b) for b in (64, 256))
    assert wide.contains(0)
    assert narrow < 0


def test_a_symbol_without_a_value_is_an_error():
    with pytest.raises(KeyError):
        ball(X + 1, {Y: 1})


@pytest.mark.parametrize("expression", [sp.zeta(X), sp.I * X, sp.oo + X, sp.nan, sp.GoldenRatio * X])
def test_unknown_functions_are_refused(expression):
    with pytest.raises(NotImplementedError, match="no ball arithmetic for"):
        ball(expression, {X: 2})


def test_precision_is_restored():
    before = flint.ctx.prec
    ball(sp.pi, bits=300)
    with pytest.raises(NotImplementedError):
        ball(sp.zeta(X), {X: 3}, bits=300)
    assert flint.ctx.prec == before


def test_threads_do_not_share_a_precision():
    widths = {}

    def work(bits):
        widths[bits] = max(float(ball(sp.pi, bits=bits).rad()) for _ in range(300))

    threads = [threading.Thread(target=work, args=(bits,)) for bits in (40, 80, 160, 320)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(2.0 ** (-bits - 8) < width < 2.0 ** (4 - bits) for bits, width in widths.items())


@pytest.mark.parametrize(
    ("quantity", "truth"),
    [
        (sp.pi, lambda: +mp.pi),
        (-sp.pi, lambda: -mp.pi),
        (sp.Rational(1, 3), lambda: mp.mpf(1) / 3),
        (sp.Integer(7), lambda: mp.mpf(7)),
        (sp.exp(-sp.sqrt(2)), lambda: mp.exp(-mp.sqrt(2))),
    ],
)
@pytest.mark.parametrize("bits", [30, 53, 200])
@pytest.mark.usefixtures("many_digits")
def test_interval_is_rounded_outwards(quantity, truth, bits):
    enclosure = ball(quantity, bits=bits)
    lo, hi = interval(enclosure)
    assert arb(lo) < thin_ball(truth()) < arb(hi)
    assert arb(lo) <= enclosure.lower()
    assert enclosure.upper() <= arb(hi)
    assert hi - lo <= 4 * (float(enclosure.rad()) + math.ulp(abs(hi)))


def test_interval_of_extremes():
    assert interval(ball(0)) == (-5e-324, 5e-324)
    lo, hi = interval(ball(sp.Integer(10) ** 400))
    assert lo == pytest.approx(np.finfo(float).max)
    assert hi == math.inf


@pytest.mark.parametrize(
    ("expression", "truth"),
    [
        (sp.gamma(X) * Y, lambda x, y: mp.gamma(x) * y),
        (sp.polygamma(1, X) + sp.digamma(Y), lambda x, y: mp.psi(1, x) + mp.psi(0, y)),
        (sp.sqrt(X) ** Y, lambda x, y: mp.power(x, y / 2)),
        (sp.loggamma(X) - sp.erf(Y), lambda x, y: mp.loggamma(x) - mp.erf(y)),
        (sp.exp(X - Y), lambda x, y: mp.exp(x - y)),
    ],
    ids=["gamma", "polygamma", "power", "loggamma", "exp"],
)
def test_numeric_takes_arrays_in_the_given_order(expression, truth):
    x, y = np.array([0.5, 2.0, 7.0]), np.array([1.0, 0.25, 3.0])
    expected = [float(truth(mp.mpf(a), mp.mpf(b))) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(numeric(expression, X, Y)(x, y), expected, rtol=1e-13)
    np.testing.assert_allclose(numeric(expression, Y, X)(y, x), expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("expression", "truth"),
    [
        (expit(X), lambda x: 1 / (1 + mp.exp(-x))),
        (softplus(X), lambda x: mp.log1p(mp.exp(x))),
        (sp.diff(softplus(X), X, 2), lambda x: 1 / (2 * mp.cosh(x / 2)) ** 2),
    ],
    ids=["expit", "softplus", "second derivative"],
)
def test_logistic_functions_do_not_overflow(expression, truth):
    x = np.array([-1e5, -745.0, -50.0, -1.0, 0.0, 1.0, 50.0, 745.0, 1e5])
    with mp.workdps(400):
        expected = [float(truth(mp.mpf(v))) for v in x]
    np.testing.assert_allclose(numeric(expression, X)(x), expected, rtol=1e-13, atol=1e-16)


def test_several_expressions_in_one_function():
    first, second = numeric([softplus(X) - Y, expit(X) * Y], X, Y)(np.array([0.0, 2.0]), 3.0)
    np.testing.assert_allclose(first, [math.log(2) - 3, math.log(1 + math.e**2) - 3])
    np.testing.assert_allclose(second, [1.5, 3 / (1 + math.e**-2)])


def test_an_integral_is_enclosed():
    with precision(96):
        found = integral(lambda x: (-x).exp(), [ball(3), ball(1), 0])
        assert (found + ball(sp.exp(-3)) - 1).contains(0)
        assert found.rad() < 1e-20
    assert (integral(lambda x: x, [1, 2]) + 1.5).contains(0)
