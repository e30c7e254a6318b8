"""The finite-sample loop's arguments and closed forms, against exact recursions and brute force."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from theorycheck.loops.retraining import closed_forms as form
from theorycheck.loops.retraining.samples import FAMILIES, points, simulate

HALF = Fraction(1, 2)


def coefficients(n, weight, t, protocol):
    """θ_t as a linear form in independent standard normals: the real means, then the synthetic ones."""
    share = weight / (1 + weight)
    theta = [Fraction(0)] * (2 * t)
    for s in range(t):
        theta = [share * x for x in theta]
        theta[0 if protocol == "fixed" else s] += 1 - share
        theta[t + s] += share
    # Variance of a mean of n real points, and of λn synthetic ones.
    scales = [Fraction(1, n)] * t + [1 / (weight * n) if weight else Fraction(0)] * t
    return theta, scales


@pytest.mark.parametrize("t", [0, 1, 2, 5, 11])
@pytest.mark.parametrize("weight", [Fraction(0), Fraction(1, 3), HALF, Fraction(1), Fraction(7, 2)])
@pytest.mark.parametrize("n", [1, 6])
def test_variances_are_those_of_a_linear_form(n, weight, t):
    for protocol, closed in (("fixed", form.fixed_variance), ("fresh", form.fresh_variance)):
        theta, scales = coefficients(n, weight, t, protocol)
        assert closed(n, weight, t) == sum(x**2 * v for x, v in zip(theta, scales, strict=True))
    theta, scales = coefficients(n, weight, t, "fixed")
    given = sum(x**2 * v for x, v in zip(theta[t:], scales[t:], strict=True))
    assert form.conditional_variance(n, weight, t) == given


@pytest.mark.parametrize("t", [0, 1, 2, 7])
@pytest.mark.parametrize("ratio", [Fraction(0), Fraction(1, 4), Fraction(3)])
def test_geometric_sum(ratio, t):
    assert form.geometric_sum(ratio, t) == sum(ratio**power for power in range(t))


def test_the_bound_by_hand():
    # n = 100, t = 5, δ = 0.1, ρ = ½, a = 3, b = 4, ‖θ_0 − θ*‖ = 8, ε_opt = 0.01.
    by_hand = (0.01 + 3 / 10 * math.sqrt(math.log(4 * 5 / 0.1))) * (
        1 + 1 / 2 + 1 / 4 + 1 / 8 + 1 / 16
    ) + 8 / 32
    assert float(form.error_bound(100, 5, 0.1, 0.5, 3, 4, 8, 0.01)) == pytest.approx(by_hand, rel=1e-14)
    assert float(form.deviation(100, 0.1, 3, 4, 0.01)) == pytest.approx(
        0.01 + 0.3 * math.sqrt(math.log(40)), rel=1e-14
    )


def test_the_defaults_of_the_bound():
    assert form.deviation(9, HALF, 3) == sp.sqrt(sp.log(4))
    assert form.error_bound(9, 1, HALF, HALF, 3) == sp.sqrt(sp.log(4))
    assert form.error_bound(9, 1, HALF, HALF, 3) == form.error_bound(9, 1, HALF, HALF, 3, 2, 0, 0)


@pytest.mark.parametrize(("weight", "constant"), [(0, sp.sqrt(2)), (1, sp.S(1)), (7, HALF)])
def test_deviation_constant(weight, constant):
    assert form.deviation_constant(sp.Integer(weight)) == constant


def test_closed_forms_of_floats_are_floats():
    for closed in (form.fixed_variance, form.fresh_variance, form.conditional_variance):
        assert type(closed(100, 0.5, 7)) is float


# --- how many points -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "weight", "expected"),
    [
        (1, 0, (1, 0)),
        (3, 0.5, (3, 1)),
        (1, 0.999, (1, 0)),
        (7, 1, (7, 7)),
        (5, math.inf, (0, 5)),
        (100, 0.29, (100, 29)),
        (100, 0.28999, (100, 28)),
        (3, 1 / 3, (3, 1)),
        (3, Fraction(1, 3), (3, 1)),
        (np.int64(4), np.float32(0.5), (4, 2)),
        (10**9, 0, (10**9, 0)),
    ],
)
def test_points(n, weight, expected):
    assert points(n, weight) == expected


@pytest.mark.parametrize("digits", [1, 2, 3])
def test_a_whole_number_of_points_is_met_whatever_rounding_does(digits):
    for n, numerator in itertools.product((10, 70, 300, 1000), range(1, 10**digits)):
        exact = Fraction(numerator, 10**digits) * n
        assert points(n, numerator / 10**digits)[1] == math.floor(exact)


@pytest.mark.parametrize(
    ("n", "weight", "error", "sentence"),
    [
        (0, 1, ValueError, "samples must be at least 1, got 0"),
        (1.5, 1, TypeError, "samples must be an integer of at least 1, got 1.5"),
        (5, -0.1, ValueError, r"synthetic_weight must be in \[0, inf\], got -0.1"),
        (5, math.nan, ValueError, r"synthetic_weight must be in \[0, inf\], got nan"),
        (5, "1", TypeError, r"synthetic_weight must be a number in \[0, inf\], got '1'"),
        (10**9 + 1, 0, ValueError, "samples and synthetic_weight .* at most 1e[+]09 points, got 1e[+]09"),
        (
            10**9,
            1e300,
            ValueError,
            "samples and synthetic_weight .* at most 1e[+]09 points, got 1e[+]309|inf",
        ),
        (2 * 10**9, math.inf, ValueError, "samples and synthetic_weight .* got 2e[+]09"),
    ],
)
def test_points_refuses(n, weight, error, sentence):
    with pytest.raises(error, match=f"^{sentence}$" if "|" not in sentence else sentence):
        points(n, weight)


# --- arguments -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        (dict(family="cauchy"), ValueError, f"family must be one of {', '.join(FAMILIES)}, got 'cauchy'"),
        (dict(family=None), ValueError, "family must be one of .*, got None"),
        (dict(samples=0), ValueError, "samples must be at least 1, got 0"),
        (dict(family="gaussian", samples=1), ValueError, "samples must be at least 2, got 1"),
        (dict(samples="5"), TypeError, "samples must be an integer of at least 1, got '5'"),
        (dict(synthetic_weight=-1), ValueError, r"synthetic_weight must be in \[0, inf\], got -1"),
        (dict(synthetic_weight=math.nan), ValueError, r"synthetic_weight must be in \[0, inf\], got nan"),
        (dict(steps=-1), ValueError, "steps must be at least 0, got -1"),
        (dict(steps=1.0), TypeError, "steps must be an integer of at least 0, got 1.0"),
        (dict(paths=0), ValueError, "paths must be at least 1, got 0"),
        (dict(protocol="new"), ValueError, "protocol must be one of fixed, fresh, got 'new'"),
        (dict(kernel="tilted"), ValueError, "kernel must be one of literal, reduced, got 'tilted'"),
        (
            dict(family="logistic", kernel="reduced"),
            ValueError,
            "kernel must be literal for the family 'logistic' with logistic data, got 'reduced'",
        ),
        (
            dict(kernel="reduced", data="uniform"),
            ValueError,
            "kernel must be literal for the family 'gaussian-mean' with uniform data, got 'reduced'",
        ),
        (
            dict(data="poisson"),
            ValueError,
            "data must be one of normal, uniform, two-point, logistic, got 'poisson'",
        ),
        (dict(family="poisson", data="normal"), ValueError, "data must be one of poisson, got 'normal'"),
        (dict(truth=math.nan), ValueError, r"truth must be finite and in \[-inf, inf\], got nan"),
        (dict(truth=math.inf), ValueError, r"truth must be finite and in \[-inf, inf\], got inf"),
        (dict(truth="0"), TypeError, "truth must be a number, got '0'"),
        (dict(truth=True), TypeError, "truth must be a number, got True"),
        (dict(family="bernoulli", truth=1.05), ValueError, r"truth must be finite and in \[0, 1\], got 1.05"),
        (dict(family="bernoulli", truth=-0.1), ValueError, r"truth must be finite and in \[0, 1\], got -0.1"),
        (
            dict(family="poisson", truth=-0.1),
            ValueError,
            r"truth must be finite and in \[0, 1e.09\], got -0.1",
        ),
        (dict(family="poisson", truth=1.05e9), ValueError, r"truth must be .* got 1.05e.09"),
        (dict(family="exponential", start=-1), ValueError, r"start must be finite and in \[0, inf\], got -1"),
        (dict(start=math.inf), ValueError, r"start must be finite and in \[-inf, inf\], got inf"),
        (dict(start=(0, 1)), TypeError, r"start must be a number, got \(0, 1\)"),
        (
            dict(family="gaussian", start=0.0),
            TypeError,
            r"start must be a pair \(mean, scale\) for the family 'gaussian', got 0.0",
        ),
        (
            dict(family="gaussian", start=(1, 2, 3)),
            TypeError,
            r"start must be a pair \(mean, scale\) for the family 'gaussian', got \(1, 2, 3\)",
        ),
        (dict(family="gaussian", start=(0, 0)), ValueError, "start must have a positive scale, got 0"),
        (dict(family="gaussian", start=(0, -1)), ValueError, r"start must .* in \[0, inf\], got -1"),
        (dict(family="gaussian", start=(math.nan, 1)), ValueError, "start must be finite .* got nan"),
        (dict(family="gaussian", spread=0), ValueError, "start must have a positive scale, got 0"),
        (dict(spread=-1), ValueError, r"spread must be finite and in \[0, inf\], got -1"),
        (dict(spread=math.inf), ValueError, r"spread must be finite and in \[0, inf\], got inf"),
        (dict(family="poisson", spread=2.0), ValueError, "spread must be 1 for the family 'poisson', got 2"),
        (dict(ddof=1), ValueError, "ddof must be 0, or 1 for the family 'gaussian', got 1"),
        (dict(family="gaussian", ddof=2), ValueError, "ddof must be 0, or 1 for .*, got 2"),
        (dict(family="gaussian", ddof=-1), ValueError, "ddof must be at least 0, got -1"),
    ],
)
def test_simulation_refuses(options, error, sentence):
    arguments = {
        "family": "gaussian-mean",
        "samples": 5,
        "synthetic_weight": 1,
        "steps": 1,
        "paths": 1,
        **options,
    }
    with pytest.raises(error, match=f"^{sentence}$"):
        simulate(np.random.default_rng(0), **arguments)


# --- what comes back -------------------------------------------------------------------------------------

DEFAULTS = {
    "gaussian-mean": (0.0,),
    "gaussian": (0.0, 0.0),
    "logistic": (0.0,),
    "poisson": (1.0,),
    "bernoulli": (0.5,),
    "exponential": (1.0,),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_start_is_the_truth_by_default(family):
    found = simulate(np.random.default_rng(0), family, 2, 1, 0, 3)
    assert found.shape == (len(DEFAULTS[family]), 3, 1)
    assert found[:, :, 0].T.tolist() == [list(DEFAULTS[family])] * 3


@pytest.mark.parametrize("family", FAMILIES)
def test_defaults_are_the_literal_loop_with_a_fixed_set_of_its_own_law(family):
    spelt = dict(
        protocol="fixed",
        kernel="literal",
        truth=DEFAULTS[family][0],
        start=(0.0, 1.0) if family == "gaussian" else DEFAULTS[family][0],
        data={"gaussian-mean": "normal", "gaussian": "normal"}.get(family, family),
        spread=1.0,
        ddof=0,
    )
    found = simulate(np.random.default_rng(0), family, 5, 0.5, 3, 4)
    assert found.shape == (len(DEFAULTS[family]), 4, 4)
    assert np.array_equal(found, simulate(np.random.default_rng(0), family, 5, 0.5, 3, 4, **spelt))


def test_the_gaussian_starts_at_the_law_of_its_data():
    found = simulate(np.random.default_rng(0), "gaussian", 2, 1, 0, 1, truth=3, spread=2)
    assert found.ravel().tolist() == [3.0, math.log(2)]


@pytest.mark.parametrize("kernel", ["literal", "reduced"])
@pytest.mark.parametrize("family", ["gaussian-mean", "gaussian", "poisson", "bernoulli", "exponential"])
def test_without_synthetic_points_only_fresh_real_data_move_the_model(family, kernel):
    # Discrete models may meet again by chance, but not stay the same.
    for protocol in ("fixed", "fresh"):
        found = simulate(
            np.random.default_rng(2), family, 999, 0, 6, 2, protocol=protocol, kernel=kernel, truth=0.4
        )
        moved = [np.unique(path[1:]).size > 1 for path in found[0]]
        assert moved == [protocol == "fresh"] * 2


@pytest.mark.parametrize(("family", "truth"), [("poisson", 0.0), ("bernoulli", 0.0), ("bernoulli", 1.0)])
@pytest.mark.parametrize("kernel", ["literal", "reduced"])
def test_degenerate_laws_stay(family, truth, kernel):
    found = simulate(np.random.default_rng(2), family, 4, 1, 3, 2, kernel=kernel, truth=truth)
    assert (found == truth).all()


def test_the_largest_poisson_mean_is_allowed():
    found = simulate(np.random.default_rng(2), "poisson", 2, 1, 2, 1, kernel="reduced", truth=1e9)
    assert np.abs(found / 1e9 - 1).max() < 1e-3
