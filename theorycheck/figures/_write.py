"""A figure's files: the picture in each format, its data, its caption; all of them written, or none."""

from __future__ import annotations

import contextlib
import io
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from theorycheck import __version__
from theorycheck.engine.executor import Executor
from theorycheck.engine.provenance import source_hash
from theorycheck.figures import find
from theorycheck.figures._figure import Figure, Given, Table
from theorycheck.figures._measure import Draw
from theorycheck.terminal import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

FORMATS = ("pdf", "png", "svg")
DPI = 300
# Nothing that changes from one run to the next.
UNDATED = {"pdf": {"CreationDate": None}, "png": {}, "svg": {"Date": None}}


def write(
    name: str,
    folder: Path,
    formats: Sequence[str],
    seed: int,
    workers: int,
    run: str | None,
    command: str,
    tell: Callable[[str], None],
) -> list[Path]:
    """Compute a figure and write it to `folder`: NAME.csv, NAME.txt (the caption) and NAME.FORMAT for each.

    All are written to temporary files first and renamed together. Returns the paths. Raises ValueError where
    results that the figure needs are missing.
    """
    figure = find(name)
    paths = [folder / f"{name}.{ending}" for ending in ("csv", "txt", *formats)]
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(replacing(path, str(path))) for path in paths]
        executor = Executor(workers)
        try:
            table = figure.compute(Given(Draw(seed, name, executor), run, tell))
        finally:
            executor.close()
        writers[0](table.to_csv().encode())
        writers[1](caption(figure, table, seed, command).encode())
        for put, form in zip(writers[2:], formats, strict=True):
            put(picture(figure, table, form))
    return paths


def picture(figure: Figure, table: Table, form: str, dpi: int = DPI) -> bytes:
    """The figure as the bytes of a file; the same table gives the same bytes."""
    from theorycheck.figures._style import styled

    data = io.BytesIO()
    with styled():
        drawn(figure, table).savefig(data, format=form, dpi=dpi, metadata=UNDATED[form])
    return data.getvalue()


def drawn(figure: Figure, table: Table) -> Canvas:
    """The figure on a canvas of its size, in the style that is set."""
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=figure.size)
    figure.draw(table, canvas)
    return canvas


def caption(figure: Figure, table: Table, seed: int, command: str) -> str:
    """What is shown, N, the certificates behind it, seed, version and the command that made it."""
    ends = any(np.isfinite([c.low, c.high]).any() for c in table.points.values())
    data = f"Data: {columns(figure)}." + " low, high: the ends of an interval or a range of y." * ends
    paragraphs = [
        f"{figure.title}. {figure.shown}",
        " ".join(table.notes),
        "Certificates: " + ", ".join(figure.certificates) + " (`theorycheck verify KEY::CLAIM`).",
        f"Seed {seed}; theorycheck {__version__}, source {source_hash()[:12]}.",
        f"Made by: {command}",
        data,
    ]
    return "\n\n".join(textwrap.fill(p, 100, break_on_hyphens=False) for p in paragraphs if p) + "\n"


def columns(figure: Figure) -> str:
    """What x, y and z are in each panel's data: "(a), (b) x: …, y: …; (c) …"."""
    alike: dict[str, list[str]] = {}
    for key, panel in figure.panels.items():
        told = panel.data or f"x: {panel.x}, y: {panel.y or panel.title}"
        alike.setdefault(told, []).append(f"({key})")
    return "; ".join(f"{', '.join(keys)} {told}" for told, keys in alike.items())
