"""Retraining as repeated risk minimisation: against SciPy's transport and quadrature, and NumPy's norms."""

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from scipy import integrate, stats

from proofs_numeric._curvatures import NUMBERS, SKEWED
from theorycheck.loops import linear
from theorycheck.loops.retraining import families, performative, rates
from theorycheck.loops.retraining.family import HALF_LINE, Family, X
from theorycheck.loops.retraining.maps import Retraining


def test_shares_and_rates():
    assert performative.share(Fraction(1, 2)) == Fraction(1, 3)
    # γ = (2 + 3·5)/(1 + 3), ε_D = ¾, β = 7
    assert performative.generic_rate(Fraction(3), 7, 2, 5) == Fraction(3, 4) * 7 / Fraction(17, 4)


@pytest.mark.parametrize("weight", [Fraction(0), Fraction(1, 2), Fraction(7)])
def test_areas_between_finite_laws(weight):
    real, own, moved = [Fraction(1), Fraction(5), Fraction(5)], [Fraction(0), Fraction(3)], [Fraction(-2)]
    laws = [performative.mixed(real, points, weight) for points in (own, moved)]
    assert [sum(mass for _, mass in law) for law in laws] == [1, 1]
    columns = [np.array(law, float).T for law in laws]
    expected = stats.wasserstein_distance(columns[0][0], columns[1][0], columns[0][1], columns[1][1])
    assert float(performative.area_between(*laws)) == pytest.approx(expected, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(("model", "data", "beta"), [("logistic", "normal", 0.5), (5, "skewed", 1.2)])
def test_lipschitz_constants(model, data, beta):
    assert performative.lipschitz(model, data) == pytest.approx(beta, rel=1e-9)


@pytest.mark.parametrize("radius", [0.25, 1.0])
def test_least_curvatures_are_lower_bounds(radius):
    found = performative.location("logistic", "normal")
    assert found is performative.location("logistic", "normal")
    centre, real = found.best[0], stats.norm(0, 2)

    def curvature(phi, law):
        return integrate.quad(lambda x: law.pdf(x) / (2 * np.cosh((x - phi) / 2) ** 2), -30, 30)[0]

    bounds = performative.least_curvatures("logistic", "normal", radius)
    least = [
        min(curvature(centre + s, real) for s in np.linspace(-radius, radius, 9)),
        curvature(centre + 2 * radius, stats.logistic(centre)),
    ]
    for bound, value in zip(bounds, least, strict=True):
        assert value - 0.002 * radius - 1e-9 <= bound <= value


@pytest.mark.parametrize("sign", [-1, 1])
def test_least_curvatures_on_a_skewed_law(sign):
    # Eight observations at 0 and one at ±5: the curvature is least at one end, ever the other one.
    found = Retraining(families.logistic(1), sign * np.array([0.0] * 8 + [5.0]))
    radius, centre = 1.0, found.best[0]
    ends = [np.mean(1 / (2 * np.cosh((found.data - centre - s) / 2) ** 2)) for s in (-radius, radius)]
    assert abs(ends[1] - ends[0]) > 0.01
    bound, _ = performative.curvatures(found, radius)
    assert min(ends) - 0.002 * radius <= bound <= min(ends)


def test_student_locations():
    loop = performative.location(3, "±√3")
    assert loop.family.name == "student(3)"
    assert loop.data.tolist() == [-np.sqrt(3), np.sqrt(3)]


def test_location_families_are_told_by_their_form():
    for family in (families.logistic(1), families.student(3, 2), families.gaussian(1)):
        assert performative.is_location(family)
    m, s = families.LOCATION, families.SCALE
    stretched = Family("stretched", (m,), -((X - 2 * m) ** 2), None, None)
    halved = Family("halved", (s,), -X / s - sp.log(s), None, None, HALF_LINE)
    for family in (families.logistic(), families.mixture(0.5), stretched, halved):
        assert not performative.is_location(family)


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("weight", [0.0, 0.3, 4.0, np.inf])
def test_the_gaussian_mean_contracts_by_its_share(weight, scale):
    # γ = β = 1/s², so the factor is ε_D = λ/(1+λ), and is attained.
    found = Retraining(families.gaussian(scale), stats.uniform(0, 4))
    share = 1 / (1 + 1 / weight) if weight else 0
    assert performative.contraction(found, 0.7, weight) == pytest.approx(share, abs=1e-12)


def test_no_factor_where_nothing_is_known_to_be_concave():
    found = performative.location(3, "bimodal")
    assert performative.contraction(found, 5.0, 0.1) == np.inf


@pytest.mark.parametrize("pair", [NUMBERS, SKEWED, (((2, 1), (1, 3)), ((4, 0), (0, 1)))])
@pytest.mark.parametrize(("kappa", "weight"), [(Fraction(1, 2), Fraction(2)), (Fraction(9), Fraction(1, 3))])
def test_the_gap_of_norms_tells_which_is_larger(pair, kappa, weight):
    real, other = (np.array(part, float) for part in pair)
    shift = other - real
    own = real + float(kappa) * shift / np.abs(shift).sum(axis=1).max()
    jacobian = np.linalg.solve(real + float(weight) * own, float(weight) * own)
    norm = np.linalg.norm(jacobian, 2)
    for factor, sign in ((1.001, 1), (0.999, -1)):
        gap = linear.norm_gap(
            pair, kappa, weight, lambda *known, f=factor: sp.Rational(str(round(f * norm, 12)))
        )
        least = np.linalg.eigvalsh(np.array(gap.tolist(), float)).min()
        assert np.sign(least) == sign


def test_the_gap_is_given_the_constants():
    seen = []
    linear.norm_gap(NUMBERS, Fraction(1, 2), 3, lambda *known: seen.append(known) or rates.sharp_rate(*known))
    assert seen == [(3, 1, Fraction(1, 2), 1)]
