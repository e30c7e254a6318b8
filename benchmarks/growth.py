"""How cost grows: the exponent b of cost ∝ size^b, fitted to sizes that are timed in turns."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks import TURNS, Row, quartiles, say, turns
from theorycheck.loops import curation, gaussian
from theorycheck.loops.curation import choice_ratio

ATOMS = 50
P, REWARD = np.full(ATOMS, 1 / ATOMS), np.linspace(0, 1, ATOMS)
MANY = np.full(5000, 1 / 5000), np.linspace(0, 3, 5000)


def gaussian_cost(kernel: str, samples: int, steps: int, paths: int) -> Callable[[], object]:
    return partial(gaussian.simulate, np.random.default_rng(1), samples, steps, paths, kernel=kernel)


def users_cost(kernel: str, users: int) -> Callable[[], object]:
    return partial(curation.simulate, np.random.default_rng(1), P, REWARD, 16, users, 1, 4, kernel=kernel)


# What grows, its sizes, the exponent that it should have, and what is timed.
# Calls take a millisecond at least: what a call costs by itself must not count.
WORKLOADS: tuple[tuple[str, list[int], float, Callable[[int], Callable[[], object]]], ...] = (
    ("literal, n", [4000, 8000, 16000, 32000, 64000], 1, lambda n: gaussian_cost("literal", n, 10, 20)),
    ("literal, paths", [100, 200, 400, 800, 1600], 1, lambda paths: gaussian_cost("literal", 500, 10, paths)),
    ("reduced, n", [10, 10**3, 10**5, 10**7], 0, lambda n: gaussian_cost("reduced", n, 50, 500)),
    ("reduced, paths", [500, 1000, 2000, 4000], 1, lambda paths: gaussian_cost("reduced", 10, 50, paths)),
    ("choices: literal, users", [5000, 10000, 20000, 40000], 1, partial(users_cost, "literal")),
    ("choices: reduced, users", [10**3, 10**5, 10**7, 10**9], 0, partial(users_cost, "reduced")),
    ("H, K", [2, 16, 128, 1024, 10**5], 0, lambda choices: partial(choice_ratio, *MANY, choices)),
)


def rows() -> Iterator[Row]:
    for workload in WORKLOADS:
        yield row(*workload)


def row(name: str, sizes: list[int], expected: float, cost: Callable[[int], Any], count: int = TURNS) -> Row:
    """The largest size beside what the smallest would have grown to."""
    say(f"  {name} from {sizes[0]:,} to {sizes[-1]:,}")
    taken = np.array(turns([cost(size) for size in sizes], count))
    logarithm = np.log(sizes) - np.mean(np.log(sizes))
    exponents = logarithm @ np.log(taken) / (logarithm @ logarithm)
    grown = (sizes[-1] / sizes[0]) ** expected
    low, ratio, high = quartiles((grown * taken[0] / taken[-1]).tolist())
    return Row(
        workload=f"{name} from {sizes[0]:,} to {sizes[-1]:,}",
        ours_seconds=float(np.median(taken[-1])),
        baseline=f"the smallest, times {grown:g} (exponent {expected:g})",
        baseline_seconds=float(grown * np.median(taken[0])),
        ratio=ratio,
        spread=(low, high),
        exponent=quartiles(exponents.tolist()),
    )
