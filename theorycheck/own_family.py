"""A family of the user's own, from a file: its constants and rates, with their provenance."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theorycheck.engine.files import imported, line
from theorycheck.engine.provenance import provenance
from theorycheck.loops.retraining.family import Family
from theorycheck.loops.retraining.laws import Mixture
from theorycheck.loops.retraining.stability import Stability, stability

SCHEMA = 1
NEEDED = {
    "family": "a theorycheck.loops.retraining.family.Family",
    "data": "a frozen scipy.stats distribution, a theorycheck.loops.retraining.laws.Mixture or an array",
}


@dataclass(frozen=True)
class Record:
    """What is known of a family on its data: the names of its parameters, constants, a row for each λ."""

    data: str
    parameters: tuple[str, ...]
    stability: Stability
    seconds: float
    provenance: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        constants = self.stability.constants._asdict()
        known = {"parameters": list(self.parameters), "theta": constants.pop("theta").tolist()}
        return {
            "schema": SCHEMA,
            "family": self.stability.family,
            "data": self.data,
            "seconds": round(self.seconds, 4),
            "provenance": dict(self.provenance),
            "constants": known | _plain(constants),
            "other_maxima": self.stability.others.tolist(),
            "rows": [_plain(row._asdict()) for row in self.stability.rows],
        }

    def to_json(self) -> str:
        """The record as JSON text (schema in `theorycheck/data/stability.schema.json`)."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    # JSON has neither infinity nor NaN: the one is told in words, the other is not known.
    unknown = {name for name, value in values.items() if value is None or math.isnan(value)}
    return {
        name: None if name in unknown else value if math.isfinite(value) else str(value)
        for name, value in values.items()
    }


def examine(file: str, synthetic_weight: Sequence[float], radius: float = 0.0) -> Record:
    """`stability` of the `family` and the `data` that a file defines, for each λ.

    Raises ValueError or TypeError, with one sentence, for a file that does not define them, for what
    `stability` refuses, and for a function of the file that fails (with its line).
    """
    began = time.perf_counter()
    family, data = defined(file)
    with told(file):
        found = stability(family, data, synthetic_weight, radius)
    seconds = time.perf_counter() - began
    names = tuple(symbol.name for symbol in family.parameters)
    return Record(_described(data), names, found, seconds, provenance(workers=1))


def defined(file: str) -> tuple[Family, Any]:
    """The `family` and the `data` that a file defines; ValueError or TypeError if it does not."""
    path = Path(file).resolve()
    found = vars(imported(path))
    for name, kind in NEEDED.items():
        if name not in found:
            raise ValueError(f"{path} must define `{name}`, {kind}")
    family, data = (found[name] for name in NEEDED)
    if not isinstance(family, Family):
        raise TypeError(f"`family` in {path} must be {NEEDED['family']}, got {family!r}")
    return family, data


@contextlib.contextmanager
def told(file: str) -> Iterator[None]:
    """An error in a function that a file defines, as a ValueError that names its line."""
    path = Path(file).resolve()
    try:
        yield
    except Exception as error:
        where = line(error, path)
        if not where:
            raise
        raise ValueError(f"{path}, line {where}: {type(error).__name__}: {error}") from error


def _described(data: Any) -> str:
    if isinstance(data, Mixture):
        return f"a mixture of {len(data.laws)} laws"
    if hasattr(data, "icdf"):
        return str(data)
    if hasattr(data, "ppf"):
        arguments, named = getattr(data, "args", ()), getattr(data, "kwds", {})
        terms = [*map(repr, arguments), *(f"{name}={value!r}" for name, value in named.items())]
        return f"{getattr(getattr(data, 'dist', data), 'name', 'a distribution')}({', '.join(terms)})"
    return f"{len(data)} observations"
