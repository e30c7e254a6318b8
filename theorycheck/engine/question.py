"""One statement at one instance, as it is put to a way of deciding."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from theorycheck.domains import Domain
from theorycheck.engine.budget import Budget
from theorycheck.engine.executor import Workers
from theorycheck.engine.store import Store
from theorycheck.theorem import Claim, Comparison, Rival, Theorem, instance_id


@dataclass(frozen=True)
class Context:
    """What a whole run shares."""

    seed: int
    budget: Budget
    profile: str
    executor: Workers
    store: Store | None = None  # of what was done before


def place(theorem: Theorem, claim: Claim, parameters: Mapping[str, Any]) -> str:
    """What an instance is called in a store: one in a file elsewhere never gets the same name."""
    module = getattr(claim.function, "__module__", "")
    return f"{module}: {theorem.key}::{claim.id}[{instance_id(parameters)}]"


@dataclass(frozen=True)
class Question:
    """A claim, or one of its variants (`variant` names it), at an instance."""

    theorem: Theorem
    claim: Claim
    parameters: Mapping[str, Any]
    context: Context
    variant: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    rival: Rival | None = None
    shared: dict = field(default_factory=dict)  # what the statements of one instance share

    @property
    def names(self) -> tuple[str, str, str]:
        """What the random streams of this instance are named after; variants see the same draws."""
        return self.theorem.key, self.claim.id, instance_id(self.parameters)

    @property
    def place(self) -> str:
        return place(self.theorem, self.claim, self.parameters)

    @property
    def options(self) -> Mapping[str, Any]:
        return self.claim.options

    @property
    def scope(self) -> str:
        return self.claim.scope or instance_id(self.parameters).replace(",", ", ") or "as stated"

    def bound(self) -> dict[str, Any]:
        """The arguments fixed by the instance, the overrides and the function's defaults."""
        given = {**self.parameters, **self.overrides}
        defaults = {k: v for k, v in self.claim.arguments.items() if v is not inspect.Parameter.empty}
        return {k: v for k, v in {**defaults, **given}.items() if k in self.claim.arguments}

    def build(self, **drawn: Any) -> Comparison:
        """The comparison that the claim's function returns."""
        return self.claim.function(**{**self.bound(), **drawn})

    def single(self) -> Comparison:
        """The same for ways of deciding that take one comparison and no more."""
        built = self.build()
        if not isinstance(built, Comparison):
            raise TypeError(f"a claim that is {self.claim.method} returns one comparison, got {built!r}")
        return built

    def free(self) -> dict[str, Domain]:
        """The arguments that nothing fixes, with the domains that the assumptions give them."""
        fixed = self.bound()
        domains = {k: v for a in self.theorem.assumptions for k, v in a.domains.items()}
        domains |= self.options.get("given", {})
        missing = [name for name in self.claim.arguments if name not in fixed]
        unknown = [name for name in missing if name not in domains]
        if unknown:
            raise ValueError(
                f"{self.claim.id}: no assumption and no instance gives a value to {unknown[0]!r}"
            )
        return {name: domains[name] for name in missing}

    def original(self) -> Question:
        """The claim itself at this instance."""
        return Question(self.theorem, self.claim, self.parameters, self.context, shared=self.shared)

    def rivals(self) -> Iterator[Question]:
        """The claim's rivals at this instance."""
        for name, rival in self.claim.rivals.items():
            yield Question(
                self.theorem,
                self.claim,
                self.parameters,
                self.context,
                name,
                rival.overrides,
                rival,
                self.shared,
            )

    def dropped(self) -> Iterator[Question]:
        """The claim with each of the assumptions that it can do without dropped."""
        for name, overrides in self.claim.without.items():
            yield Question(
                self.theorem, self.claim, self.parameters, self.context, name, overrides, shared=self.shared
            )
