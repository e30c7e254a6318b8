"""The parameters of a loop in a sweep: how a value is checked, and the value where none is given."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from theorycheck import checks

REQUIRED = object()


class Key(NamedTuple):
    """A parameter: how a value is checked (name, value → value), and the value where none is given."""

    check: Callable[[str, Any], Any]
    default: Any = REQUIRED


def at_least(least: int, most: int = checks.LARGEST) -> Callable[[str, Any], int]:
    return lambda name, value: checks.integer(name, value, least, most)


def one_of(*allowed: str) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        if value not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
        return value

    return check


def yes_or_no(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be true or false, got {value!r}")
    return value


def text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a text, got {value!r}")
    return value


def number_from(least: float) -> Callable[[str, Any], float]:
    def check(name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value < math.inf:
            raise ValueError(f"{name} must be a finite number of at least {least:g}, got {value!r}")
        return float(value)

    return check


def inside(low: float, high: float) -> Callable[[str, Any], float]:
    def check(name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low < value < high:
            raise ValueError(f"{name} must be a number in ({low:g}, {high:g}), got {value!r}")
        return float(value)

    return check


def proposals(name: str, value: Any) -> int | float:
    found = checks.choices(value)
    return found if found == math.inf else int(found)


def weight(name: str, value: Any) -> float:
    return checks.synthetic_weight(value)


STEPS = {"steps": Key(at_least(0, 10**7))}
KERNEL = {"kernel": Key(one_of("reduced", "literal"), "reduced")}
