"""Finds theorems: the catalogue (one module of `proofs_numeric` each) and files of the user's own."""

from __future__ import annotations

import difflib
import functools
import importlib
import math
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from theorycheck.engine.decide import method, options
from theorycheck.engine.files import imported
from theorycheck.theorem import Claim, Theorem, instance_id


def keys() -> list[str]:
    """The keys of the catalogue, told from the names of its files."""
    import proofs_numeric

    names = sorted(info.name for info in pkgutil.iter_modules(proofs_numeric.__path__))
    return [name.replace("_", "-") for name in names if not name.startswith("_")]


@functools.cache
def catalogue() -> tuple[Theorem, ...]:
    """All theorems of the catalogue, in the order of their keys."""
    modules = [importlib.import_module(f"proofs_numeric.{key.replace('-', '_')}") for key in keys()]
    return tuple(checked(theorem) for module in modules for theorem in theorems_of(module))


def theorems_of(module: ModuleType) -> list[Theorem]:
    """The theorems that a module defines, in order of definition."""
    found = [value for value in vars(module).values() if isinstance(value, Theorem)]
    return list({id(theorem): theorem for theorem in found}.values())


def checked(theorem: Theorem) -> Theorem:
    """The theorem itself, once its claims are consistent; ValueError with one sentence otherwise.

    An instance outside an assumption's domain would test nothing, and dropping an assumption must leave its
    domain.
    """
    ids = [claim.id for claim in theorem.claims]
    if not ids:
        raise ValueError(f"theorem {theorem.key!r} has no claim")
    for claim in theorem.claims:
        where = f"{theorem.key}::{claim.id}"
        if ids.count(claim.id) > 1:
            raise ValueError(f"{where} is defined twice")
        method(claim.method)
        unread = [name for name in claim.options if name not in options(claim.method)]
        if unread:
            raise ValueError(f"{where}: no option of {claim.method} is called {unread[0]!r}")
        if not claim.instances:
            raise ValueError(f"{where} has no instance")
        named = [instance_id(parameters) for parameters in claim.at("full")]
        twice = [name for name in named if named.count(name) > 1]
        if twice:
            raise ValueError(f"{where} has the instance [{twice[0]}] twice")
        nameless = [name for name in named if " at 0x" in name]
        if nameless:
            raise ValueError(f"{where}: the values of [{nameless[0]}] must read the same in every run")
        overrides = [*(rival.overrides for rival in claim.rivals.values()), *claim.without.values()]
        for name in {name for override in overrides for name in override}:
            _known(where, claim, name)
        if claim.margin is not None and not 0 < claim.margin < math.inf:
            raise ValueError(f"{where}: margin must be positive and finite, got {claim.margin}")
        if claim.margin is not None and not claim.rivals:
            raise ValueError(f"{where} has a margin but no rival: nothing says that it is narrow enough")
        for parameters in claim.at("full"):
            for name in parameters:
                _known(where, claim, name)
            for assumption in theorem.assumptions:
                if not _satisfied(assumption.domains, {**claim.arguments, **parameters}):
                    raise ValueError(f"{where}: the instance {dict(parameters)} violates {assumption.id!r}")
        for dropped, changed in claim.without.items():
            domains = {a.id: a.domains for a in theorem.assumptions}
            if dropped not in domains:
                raise ValueError(f"{where} drops {dropped!r}, which is not an assumption of the theorem")
            if _satisfied(domains[dropped], {**claim.arguments, **claim.instances[0], **changed}):
                raise ValueError(f"{where}: dropping {dropped!r} leaves it satisfied")
    return theorem


def _known(where: str, claim: Claim, name: str) -> None:
    if name not in claim.arguments:
        raise ValueError(f"{where} takes no argument {name!r}; it takes {', '.join(claim.arguments)}")


def _satisfied(domains, arguments) -> bool:
    fixed = {k: v for k, v in arguments.items() if k in domains and not isinstance(v, type)}
    return all(domains[name].contains(value) for name, value in fixed.items())


def load(path: Path) -> list[Theorem]:
    """The theorems that a file defines.

    Raises ValueError with one sentence (file, line, reason) for a file that is missing, cannot be parsed or
    imported, or defines no theorem.
    """
    theorems = [checked(theorem) for theorem in theorems_of(imported(path))]
    if not theorems:
        raise ValueError(f"{path} defines no theorem (a module-level `Theorem` object)")
    return theorems


class Selection(NamedTuple):
    """Claims to decide, by theorem, and the theorems that came from files."""

    claims: list[tuple[Theorem, list[Claim]]]
    files: list[Theorem]


def select(targets: tuple[str, ...]) -> Selection:
    """What the targets name: keys, `KEY::CLAIM`, `FILE.py`, `FILE.py::CLAIM`; the catalogue if none.

    Raises ValueError, offering the nearest names, for anything else.
    """
    if not targets:
        return Selection([(theorem, list(theorem.claims)) for theorem in catalogue()], [])
    chosen: dict[int, tuple[Theorem, list[Claim]]] = {}
    files: dict[Path, list[Theorem]] = {}
    for target in targets:
        if not isinstance(target, str):
            raise TypeError(f"a target must be a key, KEY::CLAIM or FILE.py as a string, got {target!r}")
        key, separator, claim_id = target.partition("::")
        path = Path(key).resolve()
        if key.endswith(".py") and _in_catalogue(path):
            theorems = [find(path.stem.replace("_", "-"))]
        elif key.endswith(".py"):
            theorems = files.setdefault(path, files.get(path) or load(path))
        else:
            theorems = [find(key)]
        ids = [c.id for theorem in theorems for c in theorem.claims]
        if separator and claim_id not in ids:
            raise ValueError(_unknown(f"claim of {key}", claim_id, ids))
        for theorem in theorems:
            claims = [c for c in theorem.claims if not claim_id or c.id == claim_id]
            if not claims:
                continue
            known = chosen.setdefault(id(theorem), (theorem, []))[1]
            known += [c for c in claims if c not in known]
    names = [theorem.key for theorem, _ in chosen.values()]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"two of the theorems are called {twice[0]!r}; a run tells them apart by their keys")
    return Selection(list(chosen.values()), [t for theorems in files.values() for t in theorems])


def _in_catalogue(path: Path) -> bool:
    """Whether the file is the very module of a theorem of the catalogue."""
    import proofs_numeric

    return path.is_file() and any(path.parent == Path(folder).resolve() for folder in proofs_numeric.__path__)


def find(key: str) -> Theorem:
    """The theorem of the catalogue with this key; ValueError with the nearest keys if there is none."""
    for theorem in catalogue():
        if theorem.key == key:
            return theorem
    raise ValueError(_unknown("theorem", key, [theorem.key for theorem in catalogue()]))


def _unknown(kind: str, name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 3, 0.4)
    return f"there is no {kind} called {name!r}; " + (
        f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
    )
