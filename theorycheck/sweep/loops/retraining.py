"""The retraining map of infinitely many samples near θ*: its rates, and how far off a loop is after t steps.

The paper's theorem is about rates: Õ(ρ^t) hides a factor, so ρ^t·‖θ_0 − θ*‖ is no bound of the error, and
none is told. For location families repeated risk minimisation gives one (`performative`).
"""

from __future__ import annotations

import contextlib
import math
from typing import Any, NamedTuple

import numpy as np

from theorycheck import own_family
from theorycheck.loops.retraining import examples, performative, stability
from theorycheck.loops.retraining.maps import Retraining
from theorycheck.sweep.loops.cache import cached
from theorycheck.sweep.loops.entry import Cell, Loop, Quantity
from theorycheck.sweep.loops.keys import STEPS, Key, number_from, text, weight

# By the names of `theorycheck stability`.
TOLD = (
    "condition", "paper_rate", "sharp_rate", "spectral_radius", "measured_rate", "measured_error",
    "alpha", "lipschitz", "epsilon", "epsilon_error",
)  # fmt: skip


def family(name: str, value: Any) -> str:
    if text(name, value) not in examples.MODELS and not value.endswith(".py"):
        raise ValueError(
            f"{name} must be one of {', '.join(examples.MODELS)}, or a file that ends in .py, got {value!r}"
        )
    return value


def data(name: str, value: Any) -> str:
    if text(name, value) and value not in examples.DATA:
        raise ValueError(
            f"{name} must be one of {', '.join(examples.DATA)}, or empty for a file's own, got {value!r}"
        )
    return value


class Pair(NamedTuple):
    """A family on its data, the constants, and whether it is a location family."""

    loop: Retraining
    constants: stability.Constants
    location: bool


def _told(family: str) -> contextlib.AbstractContextManager[None]:
    return own_family.told(family) if family.endswith(".py") else contextlib.nullcontext()


@cached
def pair(family: str, data: str) -> Pair:
    """Raises ValueError or TypeError for a file without a family, and where a constant does not exist."""
    if family in examples.MODELS:
        if not data:
            raise ValueError(
                f"data must be one of {', '.join(examples.DATA)} for the family {family!r}, got ''"
            )
        loop = examples.loop(family, data)
    else:
        own, given = own_family.defined(family)
        with _told(family):
            loop = Retraining(own, examples.DATA[data]() if data else given)
    with _told(family):
        return Pair(loop, stability.constants(loop), performative.is_location(loop.family))


@cached
def rates(family: str, data: str, weight: float) -> stability.Row:
    """What `theorycheck stability` tells for a λ."""
    loop, constants, _ = pair(family, data)
    (rate,), (error,) = loop.measured_rates(weight)
    return stability.row(loop, constants, weight, float(rate), float(error))


@cached
def contraction(family: str, data: str, weight: float, distance: float) -> float | None:
    """A bound of every step's factor within `distance` of θ*; None where none is known."""
    loop, _, location = pair(family, data)
    found = performative.contraction(loop, distance, weight) if location and distance else math.inf
    return found if found < 1 else None


def tells(cell: Cell) -> dict[str, Quantity]:
    named, own, distance = (cell["family"], cell["data"]), cell["synthetic_weight"], cell["distance"]
    loop, constants, _ = pair(*named)
    with _told(cell["family"]):
        # Every parameter begins too large, so that scales stay positive.
        start = loop.best + distance / math.sqrt(loop.best.size)
        end = loop.orbit(start, own, cell["steps"])[-1]
        row, factor = rates(*named, own), contraction(*named, own, distance)
    bound = None if factor is None else factor ** cell["steps"] * distance
    known = row._asdict() | constants._asdict()
    return {
        "error": Quantity(float(np.linalg.norm(end - loop.best)), upper=bound),
        **{name: Quantity(known[name]) for name in TOLD},
        "performative_rate": Quantity(factor),
    }


RETRAINING = Loop(
    "the retraining map of infinitely many samples, computed: ‖θ_t−θ*‖, α, L, ε, the rates",
    'family = ["logistic-location", "student"]\ndata = ["normal", "skewed"]\n'
    "synthetic_weight = [0.1, 0.5, 5]\nsteps = [1, 10]\ndistance = 0.1",
    {
        "family": Key(family),
        "data": Key(data, ""),
        "synthetic_weight": Key(weight),
        **STEPS,
        "distance": Key(number_from(0.0), 0.1),
    },
    tells,
    work=lambda cell: cell["steps"] + 50.0,
    check=lambda cell: pair(cell["family"], cell["data"]),
)
