"""What a sweep is asked to do: a TOML file, checked before anything is drawn."""

from __future__ import annotations

import difflib
import itertools
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theorycheck import checks
from theorycheck.engine.budget import ALPHA
from theorycheck.sweep.loops import LOOPS, Cell, Loop, Quantity
from theorycheck.sweep.loops.keys import REQUIRED, Key, at_least

SEED = 20240507
PATHS = 10_000
MOST = 1_000_000  # cells
DRAWN = ("paths", "alpha")  # what only loops that draw are told


@dataclass(frozen=True)
class Plan:
    """A loop, the cells of its grid, the paths that each simulates, the chance that any interval misses."""

    name: str
    cells: tuple[Cell, ...]
    told: tuple[dict[str, Quantity], ...]  # of each cell, if the loop draws
    paths: int
    alpha: float
    settings: Mapping[str, Any]  # as they were given

    @property
    def loop(self) -> Loop:
        return LOOPS[self.name]

    @property
    def level(self) -> float:
        """The chance with which a single interval may miss."""
        count = sum(
            q.bounds is not None or q.variance is not None for told in self.told for q in told.values()
        )
        return self.alpha / max(count, 1)


def read(path: str | Path) -> Plan:
    """The plan in a file; ValueError with one sentence that names the file, the key and what is allowed."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    try:
        return plan(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is not TOML: {error}") from error
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error


def plan(config: Mapping[str, Any]) -> Plan:
    """The plan that a dictionary describes: `loop`, perhaps `paths` and `alpha`, and a table `grid`.

    Each key of the grid has a value, or a list of them. Raises ValueError or TypeError with one sentence.
    """
    name = config.get("loop")
    if not isinstance(name, str) or name not in LOOPS:
        raise ValueError(f"loop must be one of {', '.join(LOOPS)}, got {name!r}{_near(name, LOOPS)}")
    loop = LOOPS[name]
    _known("a sweep", config, ["loop", *(DRAWN if loop.draw else ()), "grid"])
    grid = config.get("grid", {})
    if not isinstance(grid, Mapping):
        raise TypeError(f"grid must be a table of values and lists of values, got {grid!r}")
    keys = {**loop.keys, **({"seed": Key(at_least(0), SEED)} if loop.draw else {})}
    _known(f"the grid of {name}", grid, list(keys))
    axes = {key: _axis(key, found, grid) for key, found in keys.items()}
    if math.prod(map(len, axes.values())) > MOST:
        raise ValueError(f"grid must have at most {MOST:,} cells, got {math.prod(map(len, axes.values())):,}")
    cells = tuple(dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values()))
    alpha = config.get("alpha", ALPHA)
    if isinstance(alpha, bool) or not isinstance(alpha, (int, float)) or not 0 < alpha < 1:
        raise ValueError(f"alpha must lie in (0, 1), got {alpha!r}")
    paths = checks.integer("paths", config.get("paths", PATHS), 1)
    told = tuple(map(loop.tells, cells)) if loop.draw else ()
    for cell in cells:
        loop.check(cell)
    settings = {"loop": name, **({"paths": paths, "alpha": alpha} if loop.draw else {}), **axes}
    return Plan(name, cells, told, paths if loop.draw else 0, float(alpha), settings)


def _axis(name: str, key: Key, grid: Mapping[str, Any]) -> list[Any]:
    if name not in grid:
        if key.default is REQUIRED:
            raise ValueError(f"grid must give {name}: a value, or a list of values")
        return [key.default]
    given = grid[name] if isinstance(grid[name], list) else [grid[name]]
    if not given:
        raise ValueError(f"{name} must be a value or a list of at least one, got []")
    values = [key.check(name, value) for value in given]
    for i, value in enumerate(values):
        if value in values[:i]:
            raise ValueError(f"{name} must not list a value twice, got {value!r} again")
    return values


def _known(where: str, given: Iterable[str], known: list[str]) -> None:
    for name in given:
        if name not in known:
            raise ValueError(
                f"{where} has no key {name!r}{_near(name, known)}; its keys are {', '.join(known)}"
            )


def _near(name: Any, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(str(name), list(known), 2, 0.5)
    return f" (did you mean {' or '.join(near)}?)" if near else ""
