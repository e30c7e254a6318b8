"""`theorycheck sweep`"""

from __future__ import annotations

import contextlib
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import click


@click.command()
@click.argument("config", required=False, metavar="CONFIG.toml")
@click.option("--out", metavar="DIR", help="Where the table goes, and what is done is kept.")
@click.option("--format", "form", default="csv", show_default=True, metavar="csv|parquet")
@click.option("--workers", type=int, help="Threads that draw (default: all processors).")
@click.option("--cluster", metavar="tcp://HOST:PORT", help="Draw on a dask cluster in place of threads.")
@click.option("--example", metavar="LOOP|list", help="Print a CONFIG.toml for a loop, or the loops.")
def command(config: str | None, out: str | None, example: str | None, **options: Any) -> None:
    """Simulate a loop over a grid of its parameters: one row for each cell, in DIR/table.csv.

    A run that broke off goes on where it was: the table is the same to the bit.
    """
    if example is not None:
        click.echo(_example(example), nl=False)
        return
    if config is None or out is None:
        raise ValueError("a sweep needs CONFIG.toml and --out DIR; see theorycheck sweep --example list")
    from theorycheck.sweep.plan import read
    from theorycheck.sweep.run import sweep

    plan = read(config)
    told = shlex.join(["theorycheck", *sys.argv[1:]])
    with progress(plan) as tell:
        table = sweep(plan, out, command=told, tell=tell, **options)
    seconds = table.provenance["seconds"]
    cells = "1 cell" if len(table.rows) == 1 else f"{len(table.rows)} cells"
    click.echo(f"{cells} of {plan.name} in {out}/table.{options['form']}, {seconds:.1f} s")


def _example(name: str) -> str:
    from theorycheck.sweep.loops import LOOPS
    from theorycheck.sweep.plan import PATHS, plan

    if name == "list":
        width = max(map(len, LOOPS))
        return "".join(f"{known:{width}}  {loop.about}\n" for known, loop in LOOPS.items())
    if name not in LOOPS:
        plan({"loop": name})  # says which there are
    loop = LOOPS[name]
    paths = f"paths = {PATHS}  # simulated for each cell\n" if loop.draw else ""
    keys = ", ".join([*loop.keys, *(["seed"] if loop.draw else [])])
    return (
        f'# {loop.about}\nloop = "{name}"\n{paths}\n'
        f"[grid]  # a value or a list for each of {keys}\n{loop.example}\n"
    )


@contextlib.contextmanager
def progress(plan: Any) -> Iterator[Callable[[int, float], None]]:
    """A listener that shows progress on stderr: a bar with the time left, a line now and then elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from theorycheck.engine.warmup import COMPILING, compiling
    from theorycheck.sweep.cells import name

    console = Console(stderr=True)
    if not console.is_terminal:
        began = told = time.monotonic()
        first: list[float] = []

        def tell(cell: int, share: float) -> None:
            nonlocal told
            now = time.monotonic()
            # What was done before this run took none of its time.
            first.append(share) if not first else None
            if now - told > 10.0 and share > first[0] + 0.01:
                told, left = now, (now - began) * (1 - share) / (share - first[0])
                click.echo(f"{share:.0%} done, about {left:.0f} s left: {name(plan.cells[cell])}", err=True)

        with compiling(lambda *kernel: click.echo(COMPILING.format(*kernel), err=True)):
            yield tell
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(plan.name, total=1.0)

        def move(cell: int, share: float) -> None:
            bar.update(task, completed=share, description=name(plan.cells[cell]))

        with compiling(lambda *kernel: bar.update(task, description=COMPILING.format(*kernel))):
            yield move
