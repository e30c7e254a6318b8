"""What `theorycheck curate` found, as a table by K, λ and generation, and its progress on stderr."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator

import click
from rich import box
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from theorycheck.loops.generations import State
from theorycheck.own_curation import Curve, Record

HEADERS = ("K", "λ", "t", "E e^r", "Var e^r", "KL")
SHARES = ("largest share", "smallest share")
ROWS = 3  # of a curve, besides its limit
READING = "KL is KL(p_t‖p_ref), with p_ref at t = 0; t = ∞ is the limit that real data bring about."
CONDENSED = "K = {}, λ = {}: in the limit {} of the mass is at r* = sup r, although p_ref has no atom there."


def report(record: Record) -> RenderableType:
    """The title, a few generations of each curve, and how to read them."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False)
    for header in (*HEADERS, *(SHARES if record.names else ())):
        table.add_column(header, justify="right", no_wrap=True)
    notes = [READING]
    for i, curve in enumerate(record.curves):
        of_curve = (_number(curve.choices, "g"), _number(curve.synthetic_weight, "g"))
        if i == 0:
            table.add_row("", "", *_row(record, curve.states[0]), end_section=True)
        for state in shown(curve):
            table.add_row(*of_curve, *_row(record, state))
        if curve.limit and curve.limit.condensate:
            notes.append(CONDENSED.format(*of_curve, f"{curve.limit.condensate:#.4g}"))
    title = Text(f"{record.law}: {record.atoms} atoms", style="bold")
    return Group(title, table, *map(Text, notes))


def shown(curve: Curve) -> list[State]:
    """The first generation, the last, a few between at equal ratios, and the limit."""
    last = len(curve.states) - 1
    generations = {round(last ** (k / ROWS)) for k in range(ROWS + 1)} if last else set()
    return [curve.states[t] for t in sorted(generations)] + [curve.limit] * (curve.limit is not None)


def _row(record: Record, state: State) -> list[str]:
    numbers = [_number(x, "#.4g") for x in (state.mean_weight, state.weight_variance, state.kl)]
    # The first of those that look the same in print.
    written = dict(zip(record.names, (f"{share:.2%}" for share in state.shares), strict=True))
    picked = [
        pick(written, key=lambda name: float(written[name].rstrip("%"))) for pick in (max, min) if written
    ]
    shares = [f"{name}: {written[name]}" for name in picked]
    return [_number(state.generation, "g"), *numbers, *shares]


def _number(value: float, form: str) -> str:
    return "∞" if math.isinf(value) else f"{value:{form}}".rstrip(".")


@contextlib.contextmanager
def progress(curves: int, steps: int) -> Iterator[Callable[[float, float, int], None]]:
    """A listener for `curate`: a bar on a terminal, a line for each K and λ elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:

        def tell(choices: float, synthetic_weight: float, generation: int) -> None:
            if generation == 0:
                click.echo(f"curating K = {choices:g}, λ = {synthetic_weight:g}", err=True)

        yield tell
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("curating", total=curves * (steps + 1))

        def move(choices: float, synthetic_weight: float, generation: int) -> None:
            bar.update(task, advance=1, description=f"K = {choices:g}, λ = {synthetic_weight:g}")

        yield move
