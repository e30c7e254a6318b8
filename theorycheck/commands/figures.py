"""`theorycheck figures [NAME …]`"""

from __future__ import annotations

import os
import shlex
import tempfile
from pathlib import Path

import click


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--list", "listing", is_flag=True, help="List the figures.")
@click.option("--out", "out", metavar="DIR", help="Where to write; made if it is not there.")
@click.option("--format", "formats", metavar="pdf,png,svg", default="pdf", show_default=True)
@click.option("--data", "only_data", is_flag=True, help="Only the data and the caption, no picture.")
@click.option("--run", metavar="RUN.json|DIR", help="A run to draw (see --list): one NAME is needed then.")
@click.option("--seed", type=int, help="Seed of all random streams (default 20240507).")
@click.option("--workers", type=int, help="Threads that draw (default: all processors).")
def command(
    names: tuple[str, ...],
    listing: bool,
    out: str | None,
    formats: str,
    only_data: bool,
    run: str | None,
    seed: int | None,
    workers: int | None,
) -> None:
    """Make the papers' figures, with more on them: intervals, bounds, sharp bounds, certificates.

    Each NAME (default: all) gives NAME.pdf (or the formats asked for), NAME.csv with all that is plotted and
    NAME.txt with the caption.
    """
    from theorycheck import checks, figures

    if listing:
        for name in figures.names():
            click.echo(f"{name:31}  {figures.find(name).listed}")
        return
    if not out:
        raise ValueError("--out must name the directory to write to")
    chosen = list(dict.fromkeys(names)) or figures.names()
    found = {name: figures.find(name) for name in chosen}
    endings = [] if only_data else list(dict.fromkeys(part.strip().lower() for part in formats.split(",")))

    from theorycheck.engine.suite import SEED
    from theorycheck.figures import _write

    for ending in endings:
        if ending not in _write.FORMATS:
            known = ", ".join(_write.FORMATS)
            raise ValueError(f"--format must be some of {known}, separated by commas, got {formats!r}")
    if run is not None and (len(chosen) > 1 or found[chosen[0]].takes_run is None):
        able = [name for name in figures.names() if figures.find(name).takes_run]
        raise ValueError(f"--run needs one NAME of {', '.join(able)}, got {', '.join(names) or 'none'}")
    seed = SEED if seed is None else checks.integer("seed", seed, 0)
    workers = os.cpu_count() or 1 if workers is None else checks.integer("workers", workers, 1)
    folder = _directory(out)
    missing: list[str] = []
    for name in chosen:
        tell(f"drawing {name}")
        options = ["--format", ",".join(endings)] if endings else ["--data"]
        options += ["--run", run] if run else []
        told = shlex.join(["theorycheck", "figures", name, "--out", out, *options, "--seed", str(seed)])
        try:
            for path in _write.write(name, folder, endings, seed, workers, run, told, tell):
                click.echo(path)
        except figures.MissingResults as error:
            missing.append(str(error))
    if missing:
        raise ValueError(missing[0])


def tell(text: str) -> None:
    click.echo(text, err=True)


def _directory(out: str) -> Path:
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise ValueError(f"cannot write to --out {out}: {error.strerror}") from error
    return folder
