"""Who is called: a tree rewritten such that its functions tell their places, and a plugin that listens.

A *place* is a function of a file, written `file:function`. A kernel runs compiled and tells nothing: every
function that imports its file stands for all of it.
"""

import ast
import builtins
import functools
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ANYWHERE = "<module>"  # what stands outside all functions


def imports(root: Path, tree: ast.AST, beside: Path = Path()) -> set[str]:
    """The files below `root` that code imports; tests import the helpers beside them by their bare names."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    files = {name.replace(".", "/") + ".py" for name in names}
    files |= {(beside / file).as_posix() for file in files}
    return {file for file in files if (root / file).is_file()}


def kernels(root: Path, tree: ast.AST) -> list[str]:
    """The places that stand for the kernels that code imports."""
    return [f"{file}:{ANYWHERE}" for file in imports(root, tree) if "/kernels/" in file]


def tell(root: Path) -> None:
    """Rewrite the loops of a tree such that each function, when called, adds to `builtins.places`."""
    for path in sorted((root / "theorycheck/loops").rglob("*.py")):
        file = path.relative_to(root).as_posix()
        tree = ast.parse(path.read_bytes())
        for function in [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]:
            places = [f"{file}:{function.name}", *kernels(root, function)]
            told = [ast.parse(f"__import__('builtins').places.add({place!r})").body[0] for place in places]
            documented = ast.get_docstring(function, clean=False) is not None
            function.body[documented:documented] = told
        path.write_text(ast.unparse(ast.fix_missing_locations(tree)), encoding="utf-8")


class Listener:
    """A pytest plugin that writes, as JSON, which places each check called and how long it took."""

    def __init__(self, out: Path) -> None:
        self.out = out

    def pytest_configure(self) -> None:
        self.rows: list[list] = []
        self.red: set[str] = set()
        builtins.places = set()  # type: ignore[attr-defined]
        lru_cache = functools.lru_cache
        functools.lru_cache = lambda *a, **k: lambda f: _kept(f, lru_cache(*a, **k))  # type: ignore[assignment]
        functools.cache = lambda f: _kept(f, lru_cache(None))
        functools.cached_property = _Property  # type: ignore[misc, assignment]

    def pytest_collection_finish(self) -> None:
        self.imported = sorted(builtins.places)  # type: ignore[attr-defined]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        builtins.places.clear()  # type: ignore[attr-defined]
        self.seconds = 0.0
        result = yield
        self.rows.append([item.nodeid, round(self.seconds, 4), sorted(builtins.places)])  # type: ignore[attr-defined]
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds += report.duration
        if report.failed:
            self.red.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        rows = [row for row in self.rows if row[0] not in self.red]
        found = {"imported": self.imported, "checks": rows, "red": sorted(self.red)}
        self.out.write_text(json.dumps(found), encoding="utf-8")


# A kept result rests on what its first call called, so whoever gets it later counts as a caller too.


def _kept(function: Callable, cached: Callable) -> Callable:
    told = defaultdict(set)

    def called(arguments: tuple, keywords: dict) -> set[str]:
        return told[arguments, tuple(sorted(keywords.items()))]

    @functools.wraps(function)
    def first(*arguments: Any, **keywords: Any) -> Any:
        result = function(*arguments, **keywords)
        called(arguments, keywords).update(builtins.places)  # type: ignore[attr-defined]
        return result

    inner = cached(first)

    @functools.wraps(function)
    def outer(*arguments: Any, **keywords: Any) -> Any:
        result = inner(*arguments, **keywords)
        builtins.places |= called(arguments, keywords)  # type: ignore[attr-defined]
        return result

    outer.cache_clear, outer.cache_info = inner.cache_clear, inner.cache_info  # type: ignore[attr-defined]
    return outer


class _Property(functools.cached_property):
    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.attrname] = value

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        kept = instance.__dict__
        if self.attrname not in kept:
            kept[self.attrname] = self.func(instance)
            kept[f"called for {self.attrname}"] = set(builtins.places)  # type: ignore[attr-defined]
        builtins.places |= kept.get(f"called for {self.attrname}", set())  # type: ignore[attr-defined]
        return kept[self.attrname]
