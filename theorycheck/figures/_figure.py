"""What a figure is: its data, computed first, as a table; and a picture drawn from that table alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from theorycheck.figures._measure import Draw


class Curve(NamedTuple):
    """The points of one curve of one panel, each of shape (k,); NaN where a point has no such number.

    `low` and `high` are the ends of an interval around y, or a band; `z` is a third coordinate, of maps.
    """

    x: np.ndarray
    y: np.ndarray
    low: np.ndarray
    high: np.ndarray
    z: np.ndarray


@dataclass
class Table:
    """All that a figure shows, and notes on how it came about, such as N, for the caption."""

    points: dict[tuple[str, str], Curve] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    remarks: dict[tuple[str, str], str] = field(default_factory=dict)
    images: dict[str, np.ndarray] = field(default_factory=dict)  # by curve; the run has them already

    def add(self, panel: str, curve: str, x: Any, y: Any, low: Any = None, high: Any = None, z: Any = None):
        """Append points to a curve; all are numbers or arrays of one shape."""
        shape = np.broadcast_shapes(np.shape(x), np.shape(y))
        found = [
            np.broadcast_to(np.nan if v is None else np.asarray(v, float), shape).ravel()
            for v in (x, y, low, high, z)
        ]
        before = self.points.get((panel, curve))
        if before is not None:
            found = [np.concatenate(pair) for pair in zip(before, found, strict=True)]
        self.points[panel, curve] = Curve(*found)

    def remark(self, panel: str, curve: str, text: str) -> None:
        """Say something in words about a curve."""
        self.remarks[panel, curve] = text

    def curve(self, panel: str, curve: str) -> Curve:
        return self.points[panel, curve]

    def curves(self, panel: str) -> dict[str, Curve]:
        """The curves of a panel by name, in the order in which they were added."""
        return {name: points for (of, name), points in self.points.items() if of == panel}

    def to_csv(self) -> str:
        """panel,curve,x,y,low,high and, if anything has them, z and remark; empty where there is none."""
        columns = [
            f for f in Curve._fields if f != "z" or any(np.isfinite(c.z).any() for c in self.points.values())
        ]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["panel", "curve", *columns, *["remark"] * bool(self.remarks)])
        for (panel, name), points in self.points.items():
            values = zip(*(getattr(points, column) for column in columns), strict=True)
            said = [self.remarks.get((panel, name), "")] if self.remarks else []
            writer.writerows([panel, name, *map(_number, row), *said] for row in values)
        return text.getvalue()


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.10g}"


class Given(NamedTuple):
    """What a figure is computed from: named draws, the run that was pointed to, and whom to tell."""

    draw: Draw
    run: str | None = None
    tell: Callable[[str], None] = lambda _: None


class Panel(NamedTuple):
    """A panel's title, and what its axes show, as they are written on it (in mathtext).

    `data` tells what its points' coordinates are where they are not what the axes show.
    """

    title: str
    x: str
    y: str
    data: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure of the papers, re-created with more on it.

    `shown` tells what is shown, panel by panel; `certificates` are the claims (key::claim) behind it;
    `compute` makes the table and `draw` draws it on an empty canvas of `size` inches. `takes_run` tells what
    `--run` may be, if anything.
    """

    title: str
    shown: str
    certificates: tuple[str, ...]
    panels: Mapping[str, Panel]
    size: tuple[float, float]
    compute: Callable[[Given], Table]
    draw: Callable[[Table, Canvas], None]
    takes_run: str | None = None

    @property
    def listed(self) -> str:
        """The title, and what `--run` may be."""
        return self.title + (f" (--run {self.takes_run})" if self.takes_run else "")


class MissingResults(ValueError):
    """Results that a figure draws are not there; the message says which command makes them."""


def stored(name: str) -> Path:
    """A file of small stored results, shipped with the package."""
    return Path(__file__).parents[1] / "data" / "results" / name
