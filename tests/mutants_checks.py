"""What can notice a mutant: which tests and claims execute which function, and how long each takes.

A *check* is an item of pytest: a test, or a claim at one instance.
"""

import ast
import functools
import hashlib
import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from mutants_child import Child, Scratch
from mutants_places import ANYWHERE, Listener, imports, kernels, tell

INTERPRETED = " interpreted"  # marks what was measured of a file without compiled kernels


class Check(NamedTuple):
    """A check that the unchanged code passes: `places` are what it was seen to execute.

    `interpreted` tells that it passes without compiled kernels too, and is quick.
    """

    name: str
    seconds: float
    places: frozenset[str]
    interpreted: bool = False

    @property
    def file(self) -> str:
        return self.name.partition("::")[0]


@functools.cache
def imported(root: Path, file: str) -> set[str]:
    """The files of the tree that a file imports itself."""
    return imports(root, ast.parse((root / file).read_bytes()), Path(file).parent)


@functools.cache
def reach(root: Path, file: str) -> tuple[str, ...]:
    """The files of the tree that a file imports, directly or not, and itself."""
    queue = [file]
    for current in queue:
        queue += [f for f in sorted(imported(root, current)) if f not in queue]
    return tuple(queue)


def digest(root: Path, files: Iterable[str]) -> str:
    """A hash of the files' contents."""
    whole = hashlib.blake2b(digest_size=12)
    for file in sorted(set(files)):
        whole.update(file.encode() + b"\0" + (root / file).read_bytes() + b"\0")
    return whole.hexdigest()


def measured(scratch: Scratch, targets: set[str], kept: dict[str, dict], workers: int) -> list[Check]:
    """All checks that reach the target files; those of an unchanged file are taken from `kept`."""
    root = scratch.path
    telling = scratch.copy(root.with_name("telling"))
    tell(telling.path)
    paths = [p for pattern in ("tests/test_*.py", "proofs_numeric/*.py") for p in sorted(root.glob(pattern))]
    files = [f for f in (path.relative_to(root).as_posix() for path in paths) if targets & {*reach(root, f)}]
    # Whom a check calls depends on its own text and on that of the loops; the rest only on the time it takes.
    hashes = {f: digest(root, [f, *(g for g in reach(root, f) if "/loops/" in g)]) for f in files}
    of_kernels = [file for file in files if file.startswith("tests/test_kernels_")]
    hashes |= {file + INTERPRETED: hashes[file] for file in of_kernels}
    waiting = [name for name in hashes if kept.get(name, {}).get("digest") != hashes[name]]
    running: dict[str, Child] = {}
    while waiting or running:
        while waiting and len(running) < workers:
            file = waiting.pop(0)
            test, compiled = file.removesuffix(INTERPRETED), "" if file.endswith(INTERPRETED) else None
            plugin = Listener(telling.path / f"{Path(file).name}.json")
            running[file] = Child(telling, [test], plugin, compiled=compiled)
        time.sleep(0.05)
        for file in [file for file, child in running.items() if child.done()]:
            del running[file]
            out = telling.path / f"{Path(file).name}.json"
            if not out.is_file():
                sys.exit(f"{file} cannot be run on the unchanged code: {(telling.path / 'log').read_text()}")
            kept[file] = {"digest": hashes[file], **json.loads(out.read_text(encoding="utf-8"))}
            print(f"measured {file}: {len(kept[file]['checks'])} checks", file=sys.stderr)
    for name in (name for file in files for name in kept[file]["red"]):
        print(f"red on the unchanged code, left out: {name}", file=sys.stderr)
    return [check for file in files for check in _checks(root, file, kept)]


def _checks(root: Path, file: str, kept: dict[str, dict]) -> Iterator[Check]:
    found, interpreted = kept[file], kept.get(file + INTERPRETED, {"checks": []})["checks"]
    everywhere = [*found["imported"], *kernels(root, ast.parse((root / file).read_bytes()))]
    quick = {name for name, seconds, _ in interpreted if seconds < 1}
    for name, seconds, places in found["checks"]:
        yield Check(name, seconds, frozenset([*places, *everywhere]), name in quick)


def own_tests(file: str) -> str:
    """The tests of a kernel's file, if it has any."""
    return f"tests/test_kernels_{Path(file).stem}.py"


def able(checks: Iterable[Check], root: Path, file: str, function: str) -> list[Check]:
    """The checks that can notice a change at a place, in the order in which to run them.

    They are those that execute it, the quick before the slow. What stands outside all functions concerns all
    that execute something of the file, and whoever imports it by name.
    """
    place = f"{file}:" if function == ANYWHERE or "/kernels/" in file else f"{file}:{function}"

    def executes(check: Check) -> bool:
        return any(p == place or (place[-1] == ":" and p.startswith(place)) for p in check.places)

    def imports_it(check: Check) -> bool:
        return function == ANYWHERE and file in imported(root, check.file)

    # A kernel is compiled anew for each mutant, which its own tests do most quickly.
    found = [(not executes(check), check.file != own_tests(file), check) for check in checks]
    found.sort(key=lambda row: (*row[:2], row[2].seconds))
    return [check for other, _, check in found if not other or imports_it(check)]
