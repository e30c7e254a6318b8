"""The papers' figures: one file each, found by its name; files named _… are what they share."""

from __future__ import annotations

import difflib
from importlib import import_module
from pathlib import Path

from theorycheck.figures._figure import Figure, MissingResults

__all__ = ["MissingResults", "find", "names"]


def names() -> list[str]:
    """The names of all figures, in alphabetical order."""
    return sorted(path.stem.replace("_", "-") for path in Path(__file__).parent.glob("[!_]*.py"))


def find(name: str) -> Figure:
    """The figure of this name; ValueError with the nearest names if there is none."""
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, 3, 0.3)
        raise ValueError(
            f"there is no figure called {name!r}; "
            + (f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}")
        )
    figure: Figure = import_module(f"theorycheck.figures.{name.replace('-', '_')}").figure
    return figure
