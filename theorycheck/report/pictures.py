"""The papers' figures on the page, as `theorycheck figures --format svg` wrote them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import NamedTuple

from theorycheck.figures import find, names


class Picture(NamedTuple):
    """A figure as it is put into the page; an image runs no script, whatever its file holds."""

    title: str
    caption: str
    source: str


def pictures(folder: str | Path) -> dict[str, list[Picture]]:
    """The figures in a folder, by the key of the theorem that their first certificate belongs to.

    Raises ValueError where there is none.
    """
    found: dict[str, list[Picture]] = {}
    for name in names():
        drawn, told = (Path(folder) / f"{name}.{ending}" for ending in ("svg", "txt"))
        if not drawn.is_file():
            continue
        figure = find(name)
        caption = told.read_text(encoding="utf-8").split("\n\n")[0] if told.is_file() else figure.shown
        source = "data:image/svg+xml;base64," + base64.b64encode(drawn.read_bytes()).decode()
        picture = Picture(figure.title, " ".join(caption.split()), source)
        found.setdefault(figure.certificates[0].partition("::")[0], []).append(picture)
    if not found:
        wanted = "a folder that `theorycheck figures --format svg` wrote to"
        raise ValueError(f"--figures must be {wanted}, got {str(folder)!r}")
    return found
