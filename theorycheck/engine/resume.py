"""An instance's result as a store keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from theorycheck.verdict import Finding, InstanceResult, Status, VariantResult


def kept(result: InstanceResult) -> dict[str, Any]:
    """The result as JSON; what the claim itself says is left out."""
    return {
        "finding": asdict(result.finding),
        "rivals": [(variant.id, asdict(variant.finding)) for variant in result.rivals],
        "without": [(variant.id, asdict(variant.finding)) for variant in result.without],
        "seconds": result.seconds,
    }


def restored(
    value: Mapping[str, Any], name: str, parameters: Mapping[str, Any], margin: float | None
) -> InstanceResult:
    """The result that `kept` made a value of, with what the claim itself says."""
    return InstanceResult(
        id=name,
        parameters=parameters,
        finding=_finding(value["finding"]),
        margin=margin,
        seconds=value["seconds"],
        rivals=tuple(VariantResult(id, _finding(found)) for id, found in value["rivals"]),
        without=tuple(VariantResult(id, _finding(found)) for id, found in value["without"]),
    )


def _finding(value: Mapping[str, Any]) -> Finding:
    interval = value["interval"] and tuple(value["interval"])
    return Finding(**{**value, "status": Status(value["status"]), "interval": interval})
