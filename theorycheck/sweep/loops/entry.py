"""What a loop is to a sweep: what it is asked, draws and tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from theorycheck.sweep.loops.keys import Key

Cell = Mapping[str, Any]


class Quantity(NamedTuple):
    """What is told of a loop at one cell: a mean over its paths, or a number where nothing is drawn.

    `bounds` hold for every draw and `variance` bounds theirs from above: either gives a valid interval.
    `exact` is the value that the mean should have, `limit` the one with infinitely many users, `lower` and
    `upper` are bounds that a theorem gives for the mean.
    """

    value: float | None = None
    bounds: tuple[float, float] | None = None
    variance: float | None = None
    exact: float | None = None
    limit: float | None = None
    lower: float | None = None
    upper: float | None = None


class Loop(NamedTuple):
    """A loop as a sweep sees it.

    `tells` refuses a cell that is none, before anything is drawn; where nothing is drawn it does all the
    work, and `check` refuses. `work` is about how many numbers a path draws.
    """

    about: str
    example: str
    keys: Mapping[str, Key]
    tells: Callable[[Cell], dict[str, Quantity]]
    draw: Callable[[np.random.Generator, int, Cell], dict[str, np.ndarray]] | None = None
    work: Callable[[Cell], float] = lambda cell: 1.0
    check: Callable[[Cell], Any] = lambda cell: None
