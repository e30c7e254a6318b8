"""The presets that ship with the package, one TOML file each. Loads without torch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from theorycheck.generative.settings import Settings, parse

FOLDER = Path(__file__).parents[1] / "data" / "presets"
DEFAULTS = {  # of a source and a model, where the user names no preset
    ("eight-gaussians", "ddpm"): "eight-gaussians",
    ("two-moons", "ddpm"): "two-moons",
    ("digits", "flow"): "digits",
    ("cifar10", "flow"): "cifar10-flow",
    ("cifar10", "edm"): "cifar10-edm",
    ("folder", "edm"): "ffhq64-edm",
}
_LINE = re.compile(r"^(\w+) = .*?# (published|ours)\b(.*)$")


class Mark(NamedTuple):
    """Where a value of a preset comes from: `published` or a choice of `ours`, and a note."""

    origin: str
    note: str


def names() -> list[str]:
    """The names of all presets."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def preset(name: str) -> Settings:
    """The settings of a preset; ValueError if there is none of this name."""
    return parse(_text(name), f"preset {name}").replace(preset=name)


def default(data: str, model: str | None) -> Settings:
    """The preset that fits a source of data, with the model asked for."""
    kind = data.partition(":")[0]
    fitting = {m: p for (d, m), p in DEFAULTS.items() if d == kind}
    if not fitting:
        known = ", ".join(dict.fromkeys(d for d, _ in DEFAULTS))
        raise ValueError(f"data must be one of {known} (with :DIR for the last two), got {data!r}")
    found = preset(fitting.get(model or "") or next(iter(fitting.values())))
    return found.replace(data=data, model=model or found.model)


def title(name: str) -> str:
    """The first line of a preset's file: what it is."""
    return _text(name).splitlines()[0].lstrip("# ")


def marks(name: str) -> dict[str, Mark]:
    """Where each value of a preset comes from."""
    found = (_LINE.match(line) for line in _text(name).splitlines())
    return {m[1]: Mark(m[2], m[3].strip(" :")) for m in found if m}


def _text(name: str) -> str:
    if name not in names():
        raise ValueError(f"there is no preset {name!r}; there are {', '.join(names())}")
    return (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
