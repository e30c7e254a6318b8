"""What is asserted, as pure data. Nothing here decides anything; the engine reads it.

A `Theorem` collects claims. A claim is a function that returns a `Comparison` of two quantities; the
decorator that registers it names the way of deciding, the instances, and the *variants*: overrides of the
function's keyword arguments that turn the claim into a rival (a plausible false statement) or drop one of
the assumptions. Every variant must come out REFUTED.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from types import NoneType
from typing import Any

from theorycheck.domains import Domain
from theorycheck.sources import Source

# --- quantities -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """A quantity known through draws: `draw(rng, size, *arguments)` returns `size` independent values."""

    draw: Callable[..., Any]
    arguments: tuple


@dataclass(frozen=True)
class Mean(Sample):
    """The expectation of a draw, with what makes an interval valid: bounds, or a bound on the variance."""

    bounds: tuple[float, float] | None = None
    variance: float | None = None


@dataclass(frozen=True)
class Law(Sample):
    """The distribution of a draw."""


def mean(draw: Callable, *arguments: Any, bounds=None, variance=None) -> Mean:
    """E draw(rng, size, *arguments).

    `bounds` = (lo, hi) must contain every draw; `variance` must bound the variance from above. With
    neither, no interval holds at finite size, and the engine answers UNDECIDED.
    """
    return Mean(draw, arguments, bounds, None if variance is None else float(variance))


def law(draw: Callable, *arguments: Any) -> Law:
    """The law of draw(rng, size, *arguments), to be compared with a frozen scipy.stats distribution."""
    return Law(draw, arguments)


@dataclass(frozen=True)
class Enclosed:
    """A computed number or array with an absolute error bound: the truth lies within `value` ± `error`."""

    value: Any
    error: Any


# --- comparisons ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Comparison:
    """left `relation` right, with `relation` one of "=", "<=", "<".

    The gap left − right is reported in units of `scale` (by default |right|, or |left| where the right side
    is the sampled one). `over` gives symbols in the two sides the domains over which the comparison is
    claimed.
    """

    relation: str
    left: Any
    right: Any
    scale: Any = None
    over: Mapping[Any, Domain] = field(default_factory=dict)


def equals(left: Any, right: Any, **options: Any) -> Comparison:
    """left = right (for a `law`: left follows the distribution right)."""
    return Comparison("=", left, right, **options)


def at_most(left: Any, right: Any, **options: Any) -> Comparison:
    """left ≤ right."""
    return Comparison("<=", left, right, **options)


def at_least(left: Any, right: Any, **options: Any) -> Comparison:
    """left ≥ right."""
    return Comparison("<=", right, left, **options)


def below(left: Any, right: Any, **options: Any) -> Comparison:
    """left < right."""
    return Comparison("<", left, right, **options)


def above(left: Any, right: Any, **options: Any) -> Comparison:
    """left > right."""
    return Comparison("<", right, left, **options)


# --- theorems ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Assumption:
    """A hypothesis of a theorem. `domains` maps names of claim arguments to the sets they must lie in."""

    id: str
    text: str
    domains: Mapping[str, Domain]


@dataclass(frozen=True)
class Rival:
    """A plausible false statement: `overrides` of the claim's arguments.

    `certificate`, called with the instance's parameters, returns by how much the rival is false there (in
    units of the claim's scale, exactly or as a sympy expression). Sampled rivals need one, unless they differ
    from the claim only in the right side.
    """

    overrides: Mapping[str, Any]
    certificate: Callable[..., Any] | None = None


@dataclass(frozen=True)
class Claim:
    """One statement of a theorem and how it is decided."""

    id: str
    statement: str
    method: str
    function: Callable[..., Comparison]
    instances: tuple[Mapping[str, Any], ...]
    full_instances: tuple[Mapping[str, Any], ...]
    margin: float | None
    rivals: Mapping[str, Rival]
    without: Mapping[str, Mapping[str, Any]]
    scope: str | None
    options: Mapping[str, Any]

    def at(self, profile: str) -> tuple[Mapping[str, Any], ...]:
        """The instances that the profile ("quick" or "full") looks at."""
        return self.instances if profile == "quick" else self.instances + self.full_instances

    @functools.cached_property
    def arguments(self) -> Mapping[str, Any]:
        """The names of the function's arguments with their defaults (`inspect.Parameter.empty` if none)."""
        return {name: p.default for name, p in inspect.signature(self.function).parameters.items()}


def instance_id(parameters: Mapping[str, Any]) -> str:
    """`n=10,steps=5`."""
    return ",".join(f"{name}={value}" for name, value in parameters.items())


def _require(holds: Any, name: str, allowed: str, value: Any) -> None:
    if not holds:
        raise TypeError(f"{name} must be {allowed}, got {value!r}")


class Theorem:
    """A named statement with its source, assumptions and claims.

    Claims are added by decorators named after the ways of deciding: `@theorem.symbolic(...)`,
    `.certified`, `.computed`, `.forall`, `.sampled`, `.search`. A claim passes if it is PROVED or SUPPORTED
    at each of its instances and each of its variants is REFUTED there.
    """

    def __init__(
        self,
        key: str,
        *,
        title: str,
        source: Source,
        statement: str,
        assumptions: Sequence[Assumption] = (),
    ) -> None:
        _require(isinstance(key, str) and key, "key", "a name", key)
        for name, text in (("title", title), ("statement", statement)):
            _require(isinstance(text, str), name, "a text", text)
        _require(isinstance(source, Source), "source", "a Source", source)
        for one in assumptions:
            _require(isinstance(one, Assumption), "assumptions", "a list of Assumption", one)
        self.key = key
        self.title = title
        self.source = source
        self.statement = statement
        self.assumptions = tuple(assumptions)
        self.claims: list[Claim] = []

    @property
    def commentary(self) -> str:
        """What the file of the theorem says at its top: the claims' module docstring."""
        module = inspect.getmodule(self.claims[0].function) if self.claims else None
        return inspect.getdoc(module) or "" if module else ""

    def __repr__(self) -> str:
        return f"<Theorem {self.key}: {len(self.claims)} claims>"

    def __getattr__(self, method: str) -> Callable[..., Callable]:
        # A way of deciding is a file in engine/decide; the engine says so if there is none of this name.
        if method.startswith("_"):
            raise AttributeError(method)
        return functools.partial(self.claim, method)

    def claim(
        self,
        method: str,
        function: Callable | None = None,
        *,
        at: Sequence[Mapping[str, Any]] = ({},),
        full: Sequence[Mapping[str, Any]] = (),
        margin: float | None = None,
        rivals: Mapping[str, Mapping[str, Any] | Rival] | None = None,
        without: Mapping[str, Mapping[str, Any]] | None = None,
        scope: str | None = None,
        **options: Any,
    ) -> Callable[[Callable[..., Comparison]], Callable[..., Comparison]]:
        """Register the decorated function as a claim decided by `method`.

        `at` lists the instances (keyword arguments), `full` those that only the full profile adds; `margin`
        is the δ within which a sampled or computed statement must be pinned, in units of the comparison's
        scale; `rivals` and `without` map names (of rivals; of assumptions) to overrides of the arguments;
        `scope` says in words what the claim covers. Other options belong to the way of deciding.
        """

        if function is not None:
            raise TypeError(f"the decorator needs parentheses: @theorem.{method}()")
        for parameters in (*at, *full):
            _require(isinstance(parameters, Mapping), "at and full", "lists of dicts", parameters)
        for name, given in (("rivals", rivals or {}), ("without", without or {})):
            variants = [*given.items()] if isinstance(given, Mapping) else [("", given)]
            for variant, overrides in variants:
                good = isinstance(variant, str) and variant and isinstance(overrides, (Mapping, Rival))
                _require(good, name, "a dict of names to dicts", given)
        _require(isinstance(margin, (Real, NoneType)), "margin", "a number", margin)
        _require(isinstance(scope, (str, NoneType)), "scope", "a text", scope)

        def register(claimed: Callable[..., Comparison]) -> Callable[..., Comparison]:
            self.claims.append(
                Claim(
                    id=claimed.__name__,
                    statement=" ".join((inspect.getdoc(claimed) or claimed.__name__).split()),
                    method=method,
                    function=claimed,
                    instances=tuple(at),
                    full_instances=tuple(full),
                    margin=margin,
                    rivals={
                        name: rival if isinstance(rival, Rival) else Rival(rival)
                        for name, rival in (rivals or {}).items()
                    },
                    without=without or {},
                    scope=scope,
                    options=options,
                )
            )
            return claimed

        return register
