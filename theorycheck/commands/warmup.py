"""`theorycheck warmup`"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import click


@click.command()
def command() -> None:
    """Compile all kernels once, so that no later run has to."""
    from theorycheck.engine.warmup import everything, warmup

    if not everything():
        raise ValueError("NUMBA_DISABLE_JIT must be unset or 0 for a warm-up, got 1: nothing is compiled")
    with progress() as tell:
        done = warmup(tell)
    told = (
        f"{len(done.compiled)} of {done.kernels} kernels compiled"
        if done.compiled
        else (f"all {done.kernels} kernels were compiled before")
    )
    click.echo(f"{told}, {done.seconds:.1f} s")


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """A listener that shows progress on stderr: a bar on a terminal, a line a kernel elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda name, number, total: click.echo(f"compiling {name} ({number} of {total})", err=True)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("compiling", total=None)

        def move(name: str, number: int, total: int) -> None:
            bar.update(task, total=total, completed=number - 1, description=f"compiling {name}")

        yield move
