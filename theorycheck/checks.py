"""Argument checks shared by the public functions: one clear sentence, or nothing."""

from __future__ import annotations

import math
import operator
from numbers import Integral, Real
from typing import Any

import numpy as np

LARGEST = 2**63 - 1  # that a kernel takes
LARGEST_SPAN = 600.0  # of rewards: e^{−600} is far from the smallest float


def integer(name: str, value: Any, least: int, most: int = LARGEST) -> int:
    """`value` as an int; TypeError unless integral, ValueError below `least` or above `most`."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer of at least {least}, got {value!r}")
    whole = operator.index(value)
    if whole < least:
        raise ValueError(f"{name} must be at least {least}, got {whole}")
    if whole > most:
        allowed = "2^63 - 1" if most == LARGEST else f"{most:,}"
        raise ValueError(f"{name} must be at most {allowed}, got {whole}")
    return whole


def generator(value: Any) -> None:
    """TypeError unless `value` is a `numpy.random.Generator`."""
    if not isinstance(value, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {value!r}")


def real(name: str, value: Any, kind: str) -> float:
    """`value` as a float; TypeError unless it is a real number, ValueError where it fits no float."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be {kind}, got {value!r}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} must be {kind} and fit a float") from None


def choices(value: Any) -> float:
    """The number K of proposals as a float: an integer of at least 1, or `math.inf`."""
    number = real("choices", value, "an integer of at least 1 or inf")
    if not number >= 1 or not (number == math.inf or number.is_integer()):
        raise ValueError(f"choices must be an integer of at least 1 or inf, got {value}")
    return number


def synthetic_weight(value: Any) -> float:
    """The weight λ of synthetic against real data: a number in [0, ∞]."""
    number = real("synthetic_weight", value, "a number in [0, inf]")
    if not number >= 0:
        raise ValueError(f"synthetic_weight must be in [0, inf], got {value}")
    return number


def _numbers(name: str, value: Any, kind: str) -> np.ndarray:
    """`value` as a float array; TypeError unless of real numbers, ValueError where one fits no float."""
    try:
        array = np.asarray(value)
        if np.iscomplexobj(array):
            raise TypeError
        return array.astype(float)
    except OverflowError:
        raise ValueError(f"{name} must be {kind} of numbers that fit a float") from None
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be {kind} of numbers, got {value!r}") from None


def vector(name: str, value: Any) -> np.ndarray:
    """`value` as a non-empty, finite, one-dimensional float array."""
    array = _numbers(name, value, "a one-dimensional array")
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be a non-empty one-dimensional array, got shape {array.shape}")
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise ValueError(f"{name} must be finite, got {array[bad[0]]} at index {bad[0]}")
    return array


def parameters(value: Any, count: int) -> np.ndarray:
    """Model parameters as a finite float array of shape (…, count)."""
    array = _numbers("theta", value, "an array")
    if array.ndim == 0 or array.shape[-1] != count:
        raise ValueError(f"theta must have {count} entries in its last axis, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"theta must be finite, got {array.tolist()}")
    return array


def probabilities(name: str, value: Any) -> np.ndarray:
    """A probability vector, renormalised; |Σp − 1| up to 1e−9 is accepted."""
    array = vector(name, value)
    if (array < 0).any():
        index = int(np.argmin(array))
        raise ValueError(f"{name} must not be negative, got {array[index]} at index {index}")
    with np.errstate(over="ignore"):
        total = float(array.sum())
    if abs(total - 1.0) > 1e-9:
        raise ValueError(f"{name} must sum to 1 within 1e-9, got a sum of {total!r}")
    return array / total


def rewards(value: Any, size: int) -> np.ndarray:
    """Finite rewards, one for each of `size` atoms."""
    array = vector("reward", value)
    if array.size != size:
        raise ValueError(f"reward must have one entry per atom ({size}), got {array.size}")
    with np.errstate(over="ignore"):
        span = array.max() - array.min()
    if span > LARGEST_SPAN:
        raise ValueError(
            f"reward must span at most {LARGEST_SPAN:g} (e^r underflows beyond), got a span of {span:g}"
        )
    return array


def covariance(name: str, value: Any) -> np.ndarray:
    """A symmetric positive semidefinite matrix, shape (d, d)."""
    array = _numbers(name, value, "a matrix")
    if array.ndim != 2 or array.shape[0] != array.shape[1] or array.size == 0:
        raise ValueError(f"{name} must be a square matrix, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {array[~np.isfinite(array)][0]}")
    size = float(np.abs(array).max())
    if np.abs(array - array.T).max() > 1e-12 * size:
        raise ValueError(f"{name} must be symmetric, got a difference of {np.abs(array - array.T).max():.3g}")
    smallest = float(np.linalg.eigvalsh(array).min())
    if smallest < -1e-12 * size * array.shape[0]:
        raise ValueError(f"{name} must be positive semidefinite, got an eigenvalue of {smallest:.6g}")
    return array
