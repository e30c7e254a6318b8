"""A run's JSON read back: the inverse of `Run.to_dict`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from theorycheck.schema import fits, run_schema
from theorycheck.verdict import (
    SCHEMA,
    ClaimResult,
    Finding,
    InstanceResult,
    Run,
    Status,
    TheoremResult,
    VariantResult,
)


def run_of(record: Any) -> Run:
    """The run that `record` tells of; ValueError if it is not a run of this schema."""
    # What is derived, such as a claim's status from its instances', has to agree.
    if fits(record, run_schema()) and (run := _run(record)).to_dict() == record:
        return run
    raise ValueError(f"not a run of schema {SCHEMA}")


def _run(record: Mapping[str, Any]) -> Run:
    told = {name: record[name] for name in ("seed", "alpha", "profile", "seconds", "provenance")}
    return Run(**told, theorems=tuple(map(_theorem, record["theorems"])))


def _theorem(record: Mapping[str, Any]) -> TheoremResult:
    assumptions = tuple((a["id"], a["text"]) for a in record["assumptions"])
    told = {name: record[name] for name in ("key", "title", "source", "statement")}
    return TheoremResult(**told, assumptions=assumptions, claims=tuple(map(_claim, record["claims"])))


def _claim(record: Mapping[str, Any]) -> ClaimResult:
    told = {name: record[name] for name in ("id", "statement", "method")}
    return ClaimResult(**told, instances=tuple(map(_instance, record["instances"])))


def _instance(record: Mapping[str, Any]) -> InstanceResult:
    rivals = [VariantResult(v["id"], _finding(v)) for v in record["rivals"]]
    without = [VariantResult(v["assumption"], _finding(v)) for v in record["without"]]
    told = {name: record[name] for name in ("id", "parameters", "margin", "seconds")}
    return InstanceResult(**told, finding=_finding(record), rivals=tuple(rivals), without=tuple(without))


def _finding(record: Mapping[str, Any]) -> Finding:
    names = ("scope", "slack", "witness", "certificate", "samples", "reason")
    told = {name: record[name] for name in names if name in record}
    return Finding(Status(record["status"]), interval=_interval(record.get("interval")), **told)


def _interval(ends: Any) -> tuple[float, float] | None:
    # An end that is not known is null in JSON.
    if ends is None:
        return None
    lo, hi = ends
    return (-math.inf if lo is None else lo, math.inf if hi is None else hi)
