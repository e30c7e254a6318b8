"""Bad arguments give one sentence that names the argument and the value; good ones come back as promised."""

import math
import re
from fractions import Fraction

import numpy as np
import pytest

from theorycheck import checks
from theorycheck.loops import covariance, curation, gaussian, particles
from theorycheck.loops.retraining import multivariate, samples
from theorycheck.loops.retraining.exponential import Gaussian

START = particles.mixture([1.0], [[0.0]], 1.0)

HUGE = 10**400  # an integer beyond the largest float

BAD = [
    (checks.integer, ("n", 1, 2), ValueError, "n must be at least 2, got 1"),
    (checks.integer, ("n", 2**63, 2), ValueError, r"n must be at most 2\^63 - 1, got 9223372036854775808"),
    (checks.generator, (None,), TypeError, "rng must be a numpy.random.Generator, got None"),
    (checks.generator, (np.random.RandomState(0),), TypeError, r"rng must be .*, got RandomState"),
    (checks.integer, ("n", 2.0, 2), TypeError, "n must be an integer of at least 2, got 2.0"),
    (checks.integer, ("n", True, 0), TypeError, "n must be an integer of at least 0, got True"),
    (checks.integer, ("n", "3", 0), TypeError, "n must be an integer of at least 0, got '3'"),
    (checks.integer, ("n", None, 0), TypeError, "n must be an integer of at least 0, got None"),
    (checks.choices, (0,), ValueError, "choices must be an integer of at least 1 or inf, got 0"),
    (checks.choices, (-math.inf,), ValueError, "choices must be .* or inf, got -inf"),
    (checks.choices, (2.5,), ValueError, "choices must be .* or inf, got 2.5"),
    (checks.choices, (Fraction(3, 2),), ValueError, "choices must be .* or inf, got 3/2"),
    (checks.choices, (math.nan,), ValueError, "choices must be .* or inf, got nan"),
    (checks.choices, (HUGE,), ValueError, "choices must be .* or inf and fit a float"),
    (checks.synthetic_weight, (HUGE,), ValueError, "synthetic_weight must be .* and fit a float"),
    (checks.vector, ("x", [1, HUGE]), ValueError, "x must be .* of numbers that fit a float"),
    (checks.covariance, ("c", [[HUGE]]), ValueError, "c must be .* of numbers that fit a float"),
    (checks.choices, ("4",), TypeError, "choices must be .* or inf, got '4'"),
    (checks.choices, (True,), TypeError, "choices must be .* or inf, got True"),
    (checks.synthetic_weight, (-0.5,), ValueError, r"synthetic_weight must be in \[0, inf\], got -0.5"),
    (checks.synthetic_weight, (math.nan,), ValueError, r"synthetic_weight must be in \[0, inf\], got nan"),
    (checks.synthetic_weight, ("1",), TypeError, r"synthetic_weight must be a number .*, got '1'"),
    (checks.synthetic_weight, (True,), TypeError, r"synthetic_weight must be a number .*, got True"),
    (checks.vector, ("x", []), ValueError, r"x must be a non-empty .* array, got shape \(0,\)"),
    (checks.vector, ("x", [[1.0]]), ValueError, r"x must be a non-empty .* array, got shape \(1, 1\)"),
    (checks.vector, ("x", 1.0), ValueError, r"x must be a non-empty .* array, got shape \(\)"),
    (checks.vector, ("x", [1, math.inf]), ValueError, "x must be finite, got inf at index 1"),
    (checks.vector, ("x", [math.nan, 1]), ValueError, "x must be finite, got nan at index 0"),
    (checks.vector, ("x", ["a"]), TypeError, r"x must be .* array of numbers, got \['a'\]"),
    (
        checks.vector,
        ("x", [[1], [1, 2]]),
        TypeError,
        r"x must be .* array of numbers, got \[\[1\], \[1, 2\]\]",
    ),
    (checks.vector, ("x", np.array([1, 1j])), TypeError, r"x must be .* array of numbers, got .*1\.?j"),
    (
        checks.probabilities,
        ("p", [0.4, -0.1, 0.7]),
        ValueError,
        "p must not be negative, got -0.1 at index 1",
    ),
    (checks.probabilities, ("p", [0.5, 0.6]), ValueError, "p must sum to 1 within 1e-9, got a sum of 1.1"),
    (
        checks.probabilities,
        ("p", [0.5, 0.5 + 2e-9]),
        ValueError,
        "p must sum to 1 .*, got a sum of 1.000000002",
    ),
    (
        checks.probabilities,
        ("p", [0.5, 0.5 - 2e-9]),
        ValueError,
        "p must sum to 1 .*, got a sum of 0.999999998",
    ),
    (checks.probabilities, ("p", [0.0, 0.0]), ValueError, "p must sum to 1 within 1e-9, got a sum of 0.0"),
    (checks.parameters, (1.0, 1), ValueError, r"theta must have 1 entries in its last axis, got shape \(\)"),
    (checks.parameters, ([1.0], 2), ValueError, r"theta must have 2 entries .*, got shape \(1,\)"),
    (checks.parameters, ([[1.0, 2.0]], 1), ValueError, r"theta must have 1 entries .*, got shape \(1, 2\)"),
    (checks.parameters, ([], 1), ValueError, r"theta must have 1 entries .*, got shape \(0,\)"),
    (checks.parameters, ([[0, 1], [math.nan, 2]], 2), ValueError, r"theta must be finite, got \[\[0.*nan, 2"),
    (checks.parameters, ([math.inf], 1), ValueError, r"theta must be finite, got \[inf\]"),
    (checks.parameters, ("ab", 2), TypeError, "theta must be an? array of numbers, got 'ab'"),
    (checks.parameters, ([1j], 1), TypeError, r"theta must be an? array of numbers, got \[1j\]"),
    (checks.probabilities, ("p", [math.nan, 1.0]), ValueError, "p must be finite, got nan at index 0"),
    (checks.rewards, ([1.0], 2), ValueError, r"reward must have one entry per atom \(2\), got 1"),
    (checks.rewards, ([1.0, -math.inf], 2), ValueError, "reward must be finite, got -inf at index 1"),
    (checks.covariance, ("S", [1.0]), ValueError, r"S must be a square matrix, got shape \(1,\)"),
    (checks.covariance, ("S", np.ones((2, 3))), ValueError, r"S must be a square matrix, got shape \(2, 3\)"),
    (checks.covariance, ("S", np.ones((0, 0))), ValueError, r"S must be a square matrix, got shape \(0, 0\)"),
    (checks.covariance, ("S", [[1, math.nan], [0, 1]]), ValueError, "S must be finite, got nan"),
    (
        checks.covariance,
        ("S", [[1, 0.5], [0, 1]]),
        ValueError,
        "S must be symmetric, got a difference of 0.5",
    ),
    (
        checks.covariance,
        ("S", [[1, 2], [2, 1]]),
        ValueError,
        "S must be positive semi.*, got an eigenvalue of -1",
    ),
    (checks.covariance, ("S", "abc"), TypeError, "S must be .*, got 'abc'"),
    (checks.covariance, ("S", [[1, 2], [3]]), TypeError, r"S must be .*, got \[\[1, 2\], \[3\]\]"),
    (checks.covariance, ("S", np.array([[1, 1j], [-1j, 1]])), TypeError, "S must be .*, got array"),
]


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
@pytest.mark.parametrize(
    ("check", "arguments", "error", "sentence"),
    BAD,
    ids=[re.sub(" at 0x[0-9A-F]+", "", f"{b[0].__name__}-{b[1]}") for b in BAD],  # the same in every process
)
def test_bad_arguments(check, arguments, error, sentence):
    with pytest.raises(error, match=f"^{sentence}") as caught:
        check(*arguments)
    assert "\n" not in str(caught.value) or isinstance(arguments[1], np.ndarray)


@pytest.mark.parametrize("value", [2, np.int64(2), np.uint8(2)])
def test_integers(value):
    assert checks.integer("n", value, 2) == 2
    assert type(checks.integer("n", value, 2)) is int


@pytest.mark.parametrize("value", [1, 2.0, np.int32(7), 10**7, math.inf, Fraction(6, 2)])
def test_choices(value):
    assert checks.choices(value) == value
    assert type(checks.choices(value)) is float


@pytest.mark.parametrize("value", [0, 0.5, math.inf, Fraction(1, 2), np.float32(2)])
def test_synthetic_weights(value):
    assert checks.synthetic_weight(value) == value
    assert type(checks.synthetic_weight(value)) is float


def test_vectors_become_floats():
    assert checks.vector("x", (1, 2)).dtype == float
    assert checks.vector("x", [1, Fraction(1, 2)]).tolist() == [1, 0.5]


@pytest.mark.parametrize(
    "value", [[1, 2], (0.5, Fraction(1, 2)), np.zeros((3, 4, 2), int), np.empty((0, 2))], ids=str
)
def test_parameters(value):
    found = checks.parameters(value, 2)
    assert found.dtype == float
    assert np.array_equal(found, np.array(value, float))


@pytest.mark.parametrize("excess", [0, 9.5e-10, -9.5e-10])
def test_probabilities_are_renormalised(excess):
    given = np.array([0.25, 0.75 + excess])
    p = checks.probabilities("p", given)
    assert abs(p.sum() - 1) < 3e-16
    assert p[0] / p[1] == pytest.approx(given[0] / given[1], rel=1e-15)


def test_a_single_atom_and_atoms_without_mass_are_laws():
    assert checks.probabilities("p", [1]).tolist() == [1]
    assert checks.probabilities("p", [0, 1, 0]).tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    "matrix",
    [
        [[0.0]],
        np.zeros((3, 3)),
        [[1, 1], [1, 1]],
        [[1, 0.3 + 9e-13], [0.3, 1]],
        np.diag([1, 1, 1, -3e-12]),
        np.diag([1e12, 1e-12]),
        np.full((40, 40), 7.0),
    ],
    ids=[
        "zero",
        "zeros",
        "singular",
        "asymmetric by rounding",
        "negative by rounding",
        "ill-conditioned",
        "rank one",
    ],
)
def test_covariances(matrix):
    assert np.array_equal(checks.covariance("S", matrix), np.asarray(matrix, float))


@pytest.mark.parametrize("size", [1e-20, 1, 1e20])
def test_a_covariance_is_judged_relative_to_its_size(size):
    with pytest.raises(ValueError, match="symmetric"):
        checks.covariance("S", size * np.array([[1, 1.2e-12], [0, 1]]))
    with pytest.raises(ValueError, match="semidefinite"):
        checks.covariance("S", size * np.diag([1, 1, 1, -5e-12]))


@pytest.mark.parametrize(
    "simulate",
    [
        lambda rng: gaussian.simulate(rng, 2, 1, 1),
        lambda rng: covariance.simulate_covariance(rng, np.eye(1), 2, 1, 1),
        lambda rng: covariance.tilted_ratio(rng, np.eye(1), 2, 1, 1, [1.0]),
        lambda rng: curation.simulate(rng, [1.0], [0.0], 1, 1, 1, 1),
        lambda rng: particles.simulate(rng, START, lambda x: x[..., 0], 1, 1, 1, 1),
        lambda rng: samples.simulate(rng, "gaussian", 2, 1.0, 1, 1),
        lambda rng: multivariate.simulate(rng, 2, 1.0, 1, 1, data=Gaussian(np.zeros(1), np.eye(1))),
    ],
)
def test_every_simulation_wants_a_generator(simulate):
    with pytest.raises(TypeError, match=r"^rng must be a numpy\.random\.Generator, got 7$"):
        simulate(7)
