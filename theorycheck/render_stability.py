"""What `theorycheck stability` found, as a table by λ, the constants, and a line on how to read them."""

from __future__ import annotations

import math
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from theorycheck.own_family import Record

HEADERS = (
    "λ", "λ(1+Lε/α)", "below ½", "paper's rate", "sharp rate", "spectral radius", "measured rate"
)  # fmt: skip
READING = (
    "How to read it: at infinite data the loop is stable at θ* for every finite λ (the spectral radius is",
    "below 1, and at most the sharp rate). The paper's ½ is where its proof ends, not a threshold.",
)
OTHER_MAXIMA = (
    "θ* is not the only maximum of E_data log p: a loop that starts nearer to one of these goes there."
)
NO_LIPSCHITZ = "With L = ∞ (the Hessian's slope in x is unbounded) both bounds are idle; the radius is not."


def report(record: Record) -> RenderableType:
    """The title, the table, the constants, and how to read it."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False)
    for header in HEADERS:
        table.add_column(header, justify="right", no_wrap=True)
    for row in record.stability.rows:
        table.add_row(
            _number(row.synthetic_weight, "g"),
            _number(row.condition, "#.5g"),
            "no" if row.paper_rate is None else "yes",
            _number(row.paper_rate, ".6f"),
            _number(row.sharp_rate, ".6f"),
            _number(row.spectral_radius, ".6f"),
            f"{_number(row.measured_rate, '.6f')} ± {_number(row.measured_error, '.0e')}",
        )
    title = Text(f"{record.stability.family}, retrained on {record.data}", style="bold")
    branches = [OTHER_MAXIMA, *(_place(record, theta) for theta in record.stability.others)]
    elsewhere = branches if len(branches) > 1 else []
    idle = [NO_LIPSCHITZ] if math.isinf(record.stability.constants.lipschitz) else []
    return Group(title, table, *map(Text, [*constants(record), "", *READING, *idle, *elsewhere]))


def constants(record: Record) -> list[str]:
    """θ*, α, L with its neighbourhood, and ε with its error: one line each."""
    known = record.stability.constants
    where = "at θ*" if known.radius == 0 else f"over ‖θ − θ*‖ ≤ {known.radius:g}"
    return [
        f"θ*: {_place(record, known.theta)}",
        f"α = {known.alpha:.6g}, the strong concavity of E_data log p at θ*",
        f"L = {_number(known.lipschitz, '.6g')}, the Lipschitz constant of x ↦ ∇²_θ log p_θ(x) {where}",
        f"ε = {known.epsilon:.6g} ± {known.epsilon_error:.0e}, W₁ between p_θ* and the data",
    ]


def _place(record: Record, theta: Any) -> str:
    return ", ".join(f"{name} = {value:.6g}" for name, value in zip(record.parameters, theta, strict=True))


def _number(value: float | None, form: str) -> str:
    if value is None or math.isnan(value):
        return "—"
    return "∞" if math.isinf(value) else f"{value:{form}}"
