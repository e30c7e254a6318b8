"""pytest collects theorem files: each claim at each instance is a test item.

Light to import and inert elsewhere: a module is looked at only if its source speaks of theorycheck and
`Theorem(`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

COLLECTED: pytest.StashKey[list] = (
    pytest.StashKey()
)  # all theorems of the session: they share its error budget


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("theorycheck")
    group.addoption("--theory-seed", type=int, default=None, help="seed of theorycheck's random streams")


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """A `TheoremModule` for a file that defines a theorem; None leaves the file to pytest."""
    try:
        source = module_path.read_bytes()
    except OSError:
        return None
    if b"theorycheck" in source and b"Theorem(" in source:
        return TheoremModule.from_parent(parent, path=module_path)
    return None


class TheoremModule(pytest.Module):
    """A Python file whose theorems become items beside its ordinary tests."""

    def collect(self) -> Iterator[Any]:
        from theorycheck.engine.catalogue import checked, theorems_of
        from theorycheck.theorem import instance_id

        yield from super().collect()
        for theorem in theorems_of(self.obj):
            try:
                checked(theorem)
            except ValueError as error:
                raise self.CollectError(str(error)) from error
            self.config.stash.setdefault(COLLECTED, []).append(theorem)
            for claim in theorem.claims:
                for parameters in claim.at("quick"):
                    name = f"{claim.id}[{instance_id(parameters)}]" if parameters else claim.id
                    yield ClaimItem.from_parent(
                        self, name=name, theorem=theorem, claim=claim, parameters=parameters
                    )


class Failed(Exception):
    """A claim that does not pass."""


class ClaimItem(pytest.Item):
    """One claim at one instance, with its rivals and its dropped assumptions."""

    def __init__(self, *, theorem: Any, claim: Any, parameters: Any, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.theorem, self.claim, self.parameters = theorem, claim, parameters

    def runtest(self) -> None:
        from theorycheck.engine.catalogue import catalogue
        from theorycheck.engine.suite import SEED, decide_instance, running

        seed = self.config.getoption("theory_seed")
        outside = [t for t in self.config.stash[COLLECTED] if t not in catalogue()]
        with running(seed=SEED if seed is None else seed, files=outside) as context:
            result = decide_instance(self.theorem, self.claim, self.parameters, context)
        for name, value in (("status", result.finding.status.value), ("scope", result.finding.scope)):
            self.user_properties.append((name, value))
        if not result.passed:
            raise Failed("\n".join(result.complaints()))

    def repr_failure(self, excinfo: pytest.ExceptionInfo, style: Any = None) -> Any:
        if isinstance(excinfo.value, Failed):
            return f"{self.theorem.key}::{self.name}\n{self.claim.statement}\n{excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.claim.function.__code__.co_firstlineno - 1, self.name
