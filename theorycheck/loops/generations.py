"""What the curated loop makes of a population, generation by generation, and its limit with real data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from theorycheck import checks
from theorycheck.loops import curation
from theorycheck.loops.populations import Levels, Population

# Where a quadrature of unbounded rewards ends (near 1e−40), and what may lie beyond.
EDGE, BEYOND = 1e-36, 1e-9


class State(NamedTuple):
    """One generation: E e^r, Var e^r, KL(p_t‖p_ref), the share of each name.

    `generation` is ∞ for the limit, where `condensate` of the mass is at r* although p_ref has none there.
    """

    generation: float
    mean_weight: float
    weight_variance: float
    kl: float
    shares: tuple[float, ...]
    condensate: float


def states(law: Population, choices: float, synthetic_weight: float, steps: int) -> Iterator[State]:
    """Generations 0 to `steps` of the loop from p_0 = p_ref, one at a time, in constant memory.

    Raises TypeError or ValueError like `curation.log_masses`, and ValueError once unbounded rewards carry
    E e^{2r} beyond where the points of the law end: then it is infinite, or out of their reach.
    """
    choices, weight = checks.choices(choices), checks.synthetic_weight(synthetic_weight)
    steps = checks.integer("steps", steps, 0)
    real = law.levels
    for t, log_p in enumerate(curation.log_masses(real.p, real.reward, choices, steps, weight)):
        yield _state(law, t, np.exp(log_p) if t else real.p)


def limit(law: Population, choices: float, synthetic_weight: float) -> State | None:
    """Where the loop with real data settles; None for λ = ∞, unbounded rewards or an iteration that stalls.

    Raises TypeError or ValueError like `curation.fixed_point`.
    """
    choices = checks.choices(choices)
    if math.inf in (checks.synthetic_weight(synthetic_weight), law.top):
        return None
    try:
        found = curation.fixed_point(law.levels.p, law.levels.reward, choices, synthetic_weight, law.top)
    except ValueError:  # its arguments are valid: it did not settle
        return None
    return _state(law, math.inf, found.p, found.condensate)


def _state(law: Population, generation: float, p: np.ndarray, condensate: float = 0.0) -> State:
    from scipy.special import kl_div

    real = law.levels
    largest = float(real.reward.max())
    a = np.exp(real.reward - largest)
    if law.top == math.inf:
        _require_inside(real, p * a**2)
    shares = law.shares(real.part * p[real.level])
    divergence = math.inf if condensate else float(kl_div(p, real.p).sum())
    if condensate:
        p, a = np.append(p, condensate), np.append(a, math.exp(law.top - largest))
    mean = float(p @ a)
    variance = float(p @ (a - mean) ** 2)
    scale = math.exp(largest)
    return State(generation, mean * scale, variance * scale**2, divergence, shares, condensate)


def _require_inside(real: Levels, carried: np.ndarray) -> None:
    edge = np.cumsum(real.p[::-1])[::-1] < EDGE
    share = float(carried[edge].sum() / carried.sum())
    if share > BEYOND:
        raise ValueError(
            f"reward must have E e^2r within reach, below what is exceeded with probability {EDGE:g}; "
            f"got {share:.2g} of E e^2r beyond: it is infinite, or carried by still rarer rewards"
        )
