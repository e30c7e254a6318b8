"""The ways of deciding: one module each, found by its file name.

A module defines `decide(question) -> Finding`, and `OPTIONS`, the options of a claim that it reads, if any.
One that spends the run's error budget also sets `RANDOM = True` and splits the work: `plan(question)` does at
once whatever touches global state (the precisions of sympy, mpmath and flint are such), and returns a
function that does the rest on another thread. One whose findings depend on what a process has imported sets
`STAYS = True`: it has its turn first, in the process that was asked.
"""

from __future__ import annotations

import functools
import importlib
from pathlib import Path
from types import ModuleType


@functools.cache
def names() -> tuple[str, ...]:
    """The names of all ways of deciding."""
    return tuple(sorted(p.stem for p in Path(__file__).parent.glob("*.py") if not p.stem.startswith("_")))


def method(name: str) -> ModuleType:
    """The module of that name; ValueError if there is none."""
    if name not in names():
        raise ValueError(f"no way of deciding is called {name!r}; there are {', '.join(names())}")
    return importlib.import_module(f"{__name__}.{name}")


def options(name: str) -> tuple[str, ...]:
    """The options that it reads."""
    return getattr(method(name), "OPTIONS", ())


def is_random(name: str) -> bool:
    """Whether its decisions count in the error budget."""
    return getattr(method(name), "RANDOM", False)


def stays(name: str) -> bool:
    """Whether its findings depend on what the process has imported."""
    return getattr(method(name), "STAYS", False)
