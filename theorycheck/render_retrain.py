"""A run of trained models as a table: each measure before and after, with its spread over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from theorycheck.results import Row, select


def report(outcome: Any, out: str) -> RenderableType:
    """The table of measures, and lines on speed and memory; `outcome` is that of `generative.runs.run`."""
    seeds = len({row.seed for row in outcome.rows})
    told = "1 seed" if seeds == 1 else f"{seeds} seeds"
    lines = [f"{told}, {outcome.seconds:.0f} s; results and checkpoints are in {out}"]
    for report in outcome.reports:
        parts = []
        if report.training:
            parts.append(f"training {report.training:.0f} samples/s")
        if report.generation:
            parts.append(f"generation {report.generation:.0f} samples/s")
        if report.curation_share:
            parts.append(f"curation {100 * report.curation_share:.3g} % of generation")
        parts += [f"{device} memory at most {mib:.0f} MiB" for device, mib in report.memory.items()]
        if report.accuracy is not None:
            parts.append(f"classifier right on {100 * report.accuracy:.1f} % of held-out data")
        lines.append(", ".join(parts))
    return Group(table(outcome.rows), *(Text(line) for line in lines))


def table(rows: Sequence[Row]) -> Table:
    """One line a loop and measure: mean, smallest and largest over seeds, in the first and last round."""
    found = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    last = max(row.round for row in rows)
    for header in ("loop", "measure"):
        found.add_column(header, no_wrap=True)
    for header in ("round 0", f"round {last}"):
        found.add_column(header, justify="right")
        found.add_column("over seeds", justify="right", style="dim")
    for loop in dict.fromkeys(row.loop for row in rows):
        measures = dict.fromkeys(row.measure for row in rows if row.loop == loop)
        for number, measure in enumerate(measures):
            values = select(rows, measure, loop=loop)
            ends = (*_spread(values[:, 0]), *_spread(values[:, -1]))
            found.add_row("" if number else loop, measure, *ends)
    return found


def _spread(values: np.ndarray) -> tuple[str, str]:
    return f"{values.mean():.4g}", f"{values.min():.4g} … {values.max():.4g}"
