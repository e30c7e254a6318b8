"""Sets that assumptions speak of: each tells its members, samples them, and maps a unit cube onto them.

Samples are exact (integers, fractions), so that a counterexample found in a domain is beyond rounding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from numbers import Integral, Rational
from typing import Any, NamedTuple, Protocol


class Domain(Protocol):
    """What the engine asks of a domain."""

    def contains(self, value: Any) -> bool:
        """Whether the value belongs to the domain."""

    def strategy(self) -> Any:
        """A hypothesis strategy for members."""


def _span(least: int, most: int) -> str:
    return str(least) if least == most else f"{least} to {most}"


@dataclass(frozen=True)
class Integers:
    """The integers from `least` to `most`, sampled up to `draw_to`; iterable when `most` is finite."""

    least: int
    most: float = math.inf
    draw_to: int | None = None

    def contains(self, value: Any) -> bool:
        return isinstance(value, Integral) and self.least <= int(value) <= self.most

    def strategy(self) -> Any:
        from hypothesis import strategies as st

        most = self.draw_to if self.draw_to is not None else self.most
        return st.integers(self.least, None if most == math.inf else int(most))

    def __iter__(self) -> Iterator[int]:
        if self.most == math.inf:
            raise ValueError(f"{self} has no last member to stop at")
        return iter(range(self.least, int(self.most) + 1))

    def __str__(self) -> str:
        most = self.draw_to if self.draw_to is not None else self.most
        return f"≥ {self.least}" if most == math.inf else f"{self.least} … {int(most)}"


@dataclass(frozen=True)
class Rationals:
    """The numbers from `least` to `most`, sampled as fractions with denominators up to `denominator`."""

    least: Fraction | int
    most: Fraction | int | float = math.inf
    denominator: int = 10_000

    def contains(self, value: Any) -> bool:
        return isinstance(value, (float, Rational)) and _between(value, self.least, self.most)

    def strategy(self) -> Any:
        from hypothesis import strategies as st

        most = None if self.most == math.inf else self.most
        return st.fractions(self.least, most, max_denominator=self.denominator)

    def __str__(self) -> str:
        return f"≥ {self.least}" if self.most == math.inf else f"in [{self.least}, {self.most}]"


def _between(value: Any, least: Any, most: Any) -> bool:
    return bool(least <= value <= most)


@dataclass(frozen=True)
class OneOf:
    """Exactly these values."""

    values: tuple

    def __init__(self, *values: Any) -> None:
        object.__setattr__(self, "values", values)

    def contains(self, value: Any) -> bool:
        return value in self.values

    def strategy(self) -> Any:
        from hypothesis import strategies as st

        return st.sampled_from(self.values)

    def __str__(self) -> str:
        return " or ".join(map(str, self.values))


class FiniteLaw(NamedTuple):
    """A law on m atoms with exact probabilities `p` and weights `a` = e^r > 0, both of length m."""

    p: tuple[Fraction, ...]
    a: tuple[Fraction, ...]

    def __str__(self) -> str:
        return f"p=({', '.join(map(str, self.p))}), a=({', '.join(map(str, self.a))})"


@dataclass(frozen=True)
class FiniteLaws:
    """Laws on at least `atoms[0]` and at most `atoms[1]` atoms with weights in (0, 1], the largest being 1.

    Atoms of mass zero are allowed: a statement about all laws includes the boundary.
    """

    atoms: tuple[int, int] = (2, 4)
    resolution: int = 1000

    def contains(self, value: Any) -> bool:
        if not isinstance(value, FiniteLaw):
            return False
        p, a = value
        return (
            self.atoms[0] <= len(p) == len(a) <= self.atoms[1]
            and sum(p) == 1
            and min(p) >= 0
            and min(a) > 0
            and max(a) <= 1
        )

    def strategy(self) -> Any:
        from hypothesis import strategies as st

        def build(rows: list[tuple[int, int]]) -> FiniteLaw:
            return self.normalise([mass for mass, _ in rows], [weight for _, weight in rows])

        row = st.tuples(st.integers(0, self.resolution), st.integers(1, self.resolution))
        return (
            st.lists(row, min_size=self.atoms[0], max_size=self.atoms[1])
            .filter(lambda rows: any(mass for mass, _ in rows))
            .map(build)
        )

    @property
    def dimension(self) -> int:
        """How many numbers of the unit cube make one law."""
        return 2 * self.atoms[1]

    def from_unit(self, cube: Sequence[float]) -> FiniteLaw:
        """A law from `dimension` numbers in [0, 1]; masses and weights are spread over a log scale."""
        count = self.atoms[1]
        masses = [Fraction(10.0 ** (-6 * u)) for u in cube[:count]]
        weights = [Fraction(10.0 ** (-6 * u)) for u in cube[count:]]
        return self.normalise(masses, weights)

    @staticmethod
    def normalise(masses: Sequence, weights: Sequence) -> FiniteLaw:
        """Scale masses to sum 1 and weights to largest 1."""
        total, largest = sum(masses), max(weights)
        return FiniteLaw(
            tuple(Fraction(m) / total for m in masses), tuple(Fraction(w) / largest for w in weights)
        )

    def __str__(self) -> str:
        return f"laws on {_span(*self.atoms)} atoms"


@dataclass(frozen=True)
class Matrices:
    """Symmetric positive semidefinite d×d matrices Y = BB' with small integer B, d from `sizes`."""

    sizes: tuple[int, int] = (1, 4)
    largest: int = 9

    def contains(self, value: Any) -> bool:
        import sympy

        matrix = sympy.Matrix(value)
        return bool(matrix.is_square and matrix.is_symmetric() and matrix.is_positive_semidefinite)

    def strategy(self) -> Any:
        from hypothesis import strategies as st

        entry = st.integers(-self.largest, self.largest)
        return st.integers(*self.sizes).flatmap(
            lambda d: st.lists(st.lists(entry, min_size=d, max_size=d), min_size=d, max_size=d).map(_gram)
        )

    def __str__(self) -> str:
        return f"positive semidefinite matrices of size {_span(*self.sizes)}"


def _gram(rows: list[list[int]]) -> tuple[tuple[int, ...], ...]:
    """BBᵀ."""
    return tuple(tuple(sum(x * y for x, y in zip(r, s, strict=True)) for s in rows) for r in rows)


class Curvatures(NamedTuple):
    """Exact symmetric matrices: `real` is −A = −E_data ∇² log p_θ*, `own` is −B = −E_{p_θ*} ∇² log p_θ*."""

    real: tuple[tuple[int, ...], ...]
    own: tuple[tuple[int, ...], ...]

    def __str__(self) -> str:
        return f"-A={self.real}, -B={self.own}"


@dataclass(frozen=True)
class CurvaturePairs:
    """Pairs of curvatures at a strict maximum: −A ⪰ I and −B ⪰ 0, both with integer entries."""

    sizes: tuple[int, int] = (1, 3)
    largest: int = 9

    def contains(self, value: Any) -> bool:
        import sympy

        if not isinstance(value, Curvatures) or not 1 <= len(value.real) == len(value.own):
            return False
        real, own = map(sympy.Matrix, value)
        excess = real - sympy.eye(real.rows)
        return all(m.is_symmetric() and m.is_positive_semidefinite for m in (excess, own))

    def strategy(self) -> Any:
        from hypothesis import strategies as st

        def pair(factors: tuple[list[list[int]], list[list[int]]]) -> Curvatures:
            real, own = map(_gram, factors)
            return Curvatures(
                tuple(tuple(x + (i == j) for j, x in enumerate(r)) for i, r in enumerate(real)), own
            )

        entry = st.integers(-self.largest, self.largest)
        square = lambda d: st.lists(st.lists(entry, min_size=d, max_size=d), min_size=d, max_size=d)  # noqa: E731
        return st.integers(*self.sizes).flatmap(lambda d: st.tuples(square(d), square(d)).map(pair))

    def __str__(self) -> str:
        return f"pairs of curvatures of size {_span(*self.sizes)}"


@dataclass(frozen=True)
class Spectra:
    """Eigenvalues of a covariance: tuples of at least one non-negative number, not all zero."""

    sizes: tuple[int, int] = (1, 5)

    def contains(self, value: Any) -> bool:
        return bool(len(value) >= 1 and min(value) >= 0 and max(value) > 0)

    def strategy(self) -> Any:
        from hypothesis import strategies as st

        entry = st.fractions(0, 100, max_denominator=100)
        return st.lists(entry, min_size=self.sizes[0], max_size=self.sizes[1]).filter(any).map(tuple)

    def __str__(self) -> str:
        return f"spectra of size {_span(*self.sizes)}"
