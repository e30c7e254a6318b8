"""What the curated loop makes of a law for each K and λ, as a record with its provenance: JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from theorycheck import checks
from theorycheck.engine.provenance import provenance
from theorycheck.loops.generations import State, limit, states
from theorycheck.own_law import REWARDS, population

SCHEMA = 1


class Curve(NamedTuple):
    """The loop at one K and λ: its generations from 0 on and, with real data, its limit if it was found."""

    choices: float
    synthetic_weight: float
    states: tuple[State, ...]
    limit: State | None


@dataclass(frozen=True)
class Record:
    """What the curated loop makes of a law: the names of its labels, and a curve for each K and λ."""

    law: str
    atoms: int
    names: tuple[str, ...]
    curves: tuple[Curve, ...]
    seconds: float
    provenance: Mapping[str, Any]

    def to_json(self) -> str:
        """The record as JSON text; numbers that are infinite are the text "inf"."""
        found = {
            "schema": SCHEMA,
            "law": self.law,
            "atoms": self.atoms,
            "names": list(self.names),
            "seconds": round(self.seconds, 4),
            "provenance": dict(self.provenance),
            "curves": [
                {
                    "choices": _plain(curve.choices),
                    "synthetic_weight": _plain(curve.synthetic_weight),
                    "states": [_told(state) for state in curve.states],
                    "limit": curve.limit and _told(curve.limit),
                }
                for curve in self.curves
            ],
        }
        return json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """A row for each generation of each curve, limits (generation inf) included; a column a share."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        kept = [name for name in State._fields if name != "shares"]
        table.writerow(["choices", "synthetic_weight", *kept, *(f"share:{name}" for name in self.names)])
        for curve in self.curves:
            for state in (*curve.states, *([curve.limit] if curve.limit else [])):
                found = [getattr(state, name) for name in kept]
                numbers = (curve.choices, curve.synthetic_weight, *found, *state.shares)
                table.writerow(map(_plain, numbers))
        return text.getvalue()


def _plain(number: float) -> float | int | str:
    # JSON has no infinity: it is told in words.
    if math.isinf(number):
        return str(number)
    return int(number) if number == int(number) and abs(number) < 2**53 else number


def _told(state: State) -> dict[str, Any]:
    return {
        name: list(value) if name == "shares" else _plain(value) for name, value in state._asdict().items()
    }


def curate(
    law: str,
    reward: str | None,
    choices: Sequence[float],
    synthetic_weights: Sequence[float],
    steps: int,
    tell: Callable[[float, float, int], None] = lambda choices, synthetic_weight, generation: None,
) -> Record:
    """The curves of the loop on a law for each K and λ; `tell` hears of every generation.

    Raises ValueError or TypeError like `population` and `generations.states`.
    """
    steps = checks.integer("steps", steps, 0)
    pairs = [
        (checks.choices(K), checks.synthetic_weight(weight)) for K in choices for weight in synthetic_weights
    ]
    began = time.perf_counter()
    found = population(law, reward)
    curves = []
    for K, weight in pairs:
        history = []
        for state in states(found, K, weight, steps):
            history.append(state)
            tell(K, weight, int(state.generation))
        curves.append(Curve(K, weight, tuple(history), limit(found, K, weight)))
    seconds = time.perf_counter() - began
    described = ", reward ".join(filter(None, (law, reward or REWARDS.get(law))))
    return Record(described, found.p.size, tuple(found.names), tuple(curves), seconds, provenance(workers=1))
