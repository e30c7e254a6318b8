"""Bad input to the retraining map: one sentence that names the argument, its value and what is allowed."""

import dataclasses
import math

import numpy as np
import pytest
from models import EXPONENTIAL, GAMMA, wrong
from scipy import stats

from theorycheck.loops.retraining.families import gaussian, logistic
from theorycheck.loops.retraining.maps import Retraining

SAMPLE = np.array([-2.0, -0.5, 0.25, 0.5, 4.0])
GOOD = Retraining(logistic(), stats.gamma(2.5))
BAD = [
    (lambda: GOOD.step([0, 1], -0.5), ValueError, r"synthetic_weight must be in \[0, inf\], got -0.5"),
    (
        lambda: GOOD.step([0, 1], [1, math.nan]),
        ValueError,
        r"synthetic_weight must be in \[0, inf\], got nan",
    ),
    (lambda: GOOD.jacobian("1"), TypeError, r"synthetic_weight must be a number in \[0, inf\], got '1'"),
    (lambda: GOOD.measured_jacobian(True), TypeError, "synthetic_weight must be a number .*, got True"),
    (lambda: GOOD.measured_rates(-1), ValueError, r"synthetic_weight must be in \[0, inf\], got -1"),
    (
        lambda: GOOD.step([0.0], 1),
        ValueError,
        r"theta must have 2 entries in its last axis, got shape \(1,\)",
    ),
    (lambda: GOOD.step(1.0, 1), ValueError, r"theta must have 2 entries in its last axis, got shape \(\)"),
    (lambda: GOOD.step([0, math.nan], 1), ValueError, r"theta must be finite, got \[0.0, nan\]"),
    (lambda: GOOD.step("ab", 1), TypeError, "theta must be an? array of numbers, got 'ab'"),
    (lambda: GOOD.step([0.0, -1.0], 1), ValueError, r"theta must .*positive.*, got \[0.0, -1.0\]"),
    (lambda: GOOD.step([[0.0, 1.0], [0.0, 0.0]], 1), ValueError, "theta must .*positive.*, got"),
    (lambda: GOOD.orbit([0, 1], 1, -1), ValueError, "steps must be at least 0, got -1"),
    (lambda: GOOD.orbit([0, 1], 1, 1.5), TypeError, "steps must be an integer of at least 0, got 1.5"),
    (lambda: Retraining("logistic", SAMPLE), TypeError, "family must be a Family, got 'logistic'"),
    (
        lambda: Retraining(gaussian(), stats.t(1.9)).best,
        ValueError,
        "data must have tails light enough for gaussian",
    ),
    (lambda: Retraining(logistic(), "abc"), TypeError, "data must be .* of numbers, got 'abc'"),
    (lambda: Retraining(logistic(), []), ValueError, r"data must be a non-empty .*, got shape \(0,\)"),
    (lambda: Retraining(GAMMA, [1.0, -0.5]), ValueError, r"data must lie within \(0.0, inf\), got -0.5"),
    (
        lambda: Retraining(EXPONENTIAL, stats.norm()),
        ValueError,
        r"data must lie within \(0.0, inf\), got -1\d.\d*",
    ),
    (
        lambda: Retraining(gaussian(), [3.0]).best,
        ValueError,
        "data must not be all equal for gaussian, which has a scale, got 1 of 3",
    ),
    (
        lambda: Retraining(logistic(), [3.0] * 9).best,
        ValueError,
        "data must not be all equal for logistic, which has a scale, got 9 of 3",
    ),
    (
        lambda: (
            Retraining(wrong(draw=lambda rng, t, n: 1.05 * rng.normal(size=n)), SAMPLE - SAMPLE.mean()).best
        ),
        ValueError,
        "sample of mine must draw from its log_density",
    ),
]


@pytest.mark.parametrize(("call", "error", "sentence"), BAD, ids=[b[2][:70] for b in BAD])
def test_bad_arguments(call, error, sentence):
    with pytest.raises(error, match=f"^{sentence}"):
        call()


@pytest.mark.parametrize("scale", [0.0, -1.0])
def test_a_fit_must_keep_scales_positive(scale):
    family = dataclasses.replace(GAMMA, fit=lambda points: [1.0, scale])
    with pytest.raises(ValueError, match=f"^fit of gamma must keep b positive, got {scale:g}"):
        _ = Retraining(family, stats.gamma(2)).best


@pytest.mark.parametrize("fit", [[0.0, 1.0], [math.nan], 0.0])
def test_a_fit_must_give_the_parameters(fit):
    family = dataclasses.replace(wrong(), fit=lambda points: fit)
    with pytest.raises(ValueError, match=r"^fit of mine must give 1 numbers, got "):
        _ = Retraining(family, SAMPLE).best
