"""`theorycheck verify`"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from theorycheck.terminal import show, writing


@click.command()
@click.argument("targets", nargs=-1, metavar="[KEY | KEY::CLAIM | FILE.py]...")
@click.option("--seed", type=int, help="Seed of all random streams (default 20240507).")
@click.option("--alpha", type=float, help="Error budget of the whole run (default 0.001).")
@click.option("--workers", type=int, help="Threads that draw (default: all processors).")
@click.option("--cluster", metavar="tcp://HOST:PORT", help="Draw on a dask cluster in place of threads.")
@click.option(
    "--out", metavar="DIR", help="Keep what is done in DIR and go on from there; writes DIR/run.json."
)
@click.option("--profile", type=click.Choice(["quick", "full"]), default="quick", show_default=True)
@click.option("--fail-fast", is_flag=True, help="Stop at the first claim that does not pass.")
@click.option("--json", "json_path", metavar="FILE|-", help="Write the run as JSON to FILE, or to stdout.")
def command(targets: tuple[str, ...], json_path: str | None, **options: Any) -> None:
    """Decide theorems: the whole catalogue, or the given ones."""
    from theorycheck.engine.suite import verify as decide
    from theorycheck.render import report

    given = {name: value for name, value in options.items() if value is not None}
    with writing(json_path) as write, progress() as listener:
        run = decide(*targets, listener=listener, **given)
        write(run)
    if options["out"] is not None:
        with writing(str(Path(options["out"]) / "run.json")) as write:
            write(run)
    if json_path == "-":
        click.echo(run.summary, err=True)
    else:
        show(report(run))
    sys.exit(0 if run.passed else 1)


@contextlib.contextmanager
def progress() -> Iterator[Any]:
    """A listener that shows live progress on stderr: a bar on a terminal, a line a claim elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from theorycheck.engine.warmup import COMPILING, compiling

    console = Console(stderr=True)
    if not console.is_terminal:
        seen: set[str] = set()

        def tell(event: str, theorem: Any, claim: Any, total: int) -> None:
            name = f"{theorem.key}::{claim.id}"
            if event == "begin" and name not in seen:
                seen.add(name)
                click.echo(f"deciding {name}", err=True)

        with compiling(lambda *kernel: click.echo(COMPILING.format(*kernel), err=True)):
            yield tell
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("deciding", total=None)

        def move(event: str, theorem: Any, claim: Any, total: int) -> None:
            progress.update(
                task,
                total=total,
                description=f"{theorem.key}::{claim.id}",
                advance=1 if event == "end" else 0,
            )

        with compiling(lambda *kernel: progress.update(task, description=COMPILING.format(*kernel))):
            yield move
