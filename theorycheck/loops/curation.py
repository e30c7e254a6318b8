"""The curated loop on finitely many states (Ferbach et al., NeurIPS 2024).

Users draw K proposals from the current model p_t and keep one by a Bradley–Terry choice: x_k with
probability e^{r(x_k)}/Σ_j e^{r(x_j)}. The next model is fitted to what they kept, mixed with real data:
p_{t+1} = p_ref/(1+λ) + (λ/(1+λ))·p_t·H^K_{p_t}.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from theorycheck import checks

RESIDUAL = 1e-12  # of a fixed point, in total mass
CONSERVED = 1e-10  # relative error at which a generation is refused; H is known to 1e−12
MOST_STEPS = 1000
NEAR = 1e-8  # of the top: nearer rewards have an H that differs from the top's by its slope alone
LEAST_GAP = 1e-300  # of 1 − ηH at the top


def choice_ratio(p, reward, choices) -> np.ndarray:
    """H^K(x) = E[K a(x)/(a(x) + Σ_{i<K} a(X_i))], a = e^r, X_i ~ p: how much a choice among K favours x.

    `p` and `reward` have shape (m,), the result too; `choices` (K) is an integer of at least 1 or
    `math.inf`. The time does not depend on K, and the relative error is at most 1e−12 for rewards that
    span up to 20 units and K up to 10⁷. Raises TypeError or ValueError for anything else than a
    probability vector, finite rewards and such a K. Source: Ferbach et al., NeurIPS 2024 (curated update).
    """
    p = checks.probabilities("p", p)
    return _choice_ratio(p, checks.rewards(reward, p.size), checks.choices(choices))


def _choice_ratio(p: np.ndarray, reward: np.ndarray, choices: float) -> np.ndarray:
    from theorycheck.kernels import curation as kernels

    a = np.exp(reward - reward.max())
    if choices == 1:
        return np.ones_like(p)
    if choices == math.inf:
        return a / (p @ a)
    ratio = np.empty_like(p)
    kernels.choice_ratio(p, a, choices, ratio)
    return ratio


def trajectory(p0, reward, choices, steps, synthetic_weight=math.inf, reference=None) -> np.ndarray:
    """The population loop p_0, …, p_steps as an array of shape (steps + 1, m).

    `synthetic_weight` is λ in [0, ∞] (∞: no real data); `reference` is p_ref, by default p_0. Raises like
    `log_masses`.
    """
    p0 = checks.probabilities("p0", p0)
    laws = log_masses(p0, reward, choices, steps, synthetic_weight, reference)
    return np.stack([p0, *map(np.exp, itertools.islice(laws, 1, None))])


def log_masses(p0, reward, choices, steps, synthetic_weight=math.inf, reference=None) -> Iterator[np.ndarray]:
    """log p_0, …, log p_steps, one at a time, each of shape (m,): −∞ where there is no mass.

    Masses far below the smallest float keep their relative accuracy. Raises TypeError or ValueError like
    `choice_ratio`, and for negative or fractional `steps` and λ < 0 or NaN; ArithmeticError if a generation
    breaks what curation conserves (E_p H = 1, 0 < H ≤ K, and H rises with r), which is asserted each time.
    """
    p = checks.probabilities("p0", p0)
    reward = checks.rewards(reward, p.size)
    choices = checks.choices(choices)
    steps = checks.integer("steps", steps, 0)
    real_weight = 1.0 / (1.0 + checks.synthetic_weight(synthetic_weight))
    real = p if reference is None else checks.probabilities("reference", reference)
    if real.size != p.size:
        raise ValueError(f"reference must have one entry per atom ({p.size}), got {real.size}")
    return _generations(p, reward, choices, steps, real_weight, real)


def _generations(
    p: np.ndarray, reward: np.ndarray, choices: float, steps: int, real_weight: float, real: np.ndarray
) -> Iterator[np.ndarray]:
    rising = np.argsort(reward)
    with np.errstate(divide="ignore"):  # of an atom without mass
        log_p, log_real = np.log(p), np.log(real_weight * real)
    own = 1.0 - real_weight
    yield log_p
    for _ in range(steps):
        p = np.exp(log_p)
        ratio = _choice_ratio(p, reward, choices)
        mass = float(p @ ratio)
        _require_conserved(mass, ratio[rising], choices)
        # An error in the total mass would grow K-fold a step, so it is removed at every step.
        log_p = log_p + np.log(ratio) - math.log(mass)
        if real_weight:
            log_p = np.logaddexp(log_real, log_p + math.log(own)) if own else log_real
        yield log_p


def _require_conserved(mass: float, rising: np.ndarray, choices: float) -> None:
    """What every choice obeys: E_p H = 1, 0 < H ≤ K, and H rises with r (`rising`: in the order of r)."""
    within = 1.0 + CONSERVED
    if not (
        abs(mass - 1.0) <= CONSERVED
        and rising[0] > 0.0
        and rising[-1] <= choices * within
        and (rising[:-1] <= rising[1:] * within).all()
    ):
        raise ArithmeticError(
            f"a choice among K = {choices:g} must keep the mass with 0 < H ≤ K that rises with the reward, "
            f"got E_p H = {mass!r} and H from {rising.min():.6g} to {rising.max():.6g}"
        )


class FixedPoint(NamedTuple):
    """A limit of the loop with real data: `p`, shape (m,), and the mass of a `condensate` at the top.

    Points of a continuous law end short of the top: mass that is nearer to it than they counts as condensate.

    `residual` is Σ|T(p) − p| for one generation T, the condensate included; `steps` is what it took.
    """

    p: np.ndarray
    condensate: float
    residual: float
    steps: int


def fixed_point(reference, reward, choices, synthetic_weight, top=None) -> FixedPoint:
    """The limit of the loop that starts from p_ref and mixes it in with λ < ∞.

    `reference` and `reward`, shape (m,), are the atoms of p_ref; for a continuous law, weighted points of it,
    and `top` is the supremum r* of its rewards. There mass may condense, where p_ref has none: a grid of
    atoms alone would pile it up on its last one. A limit solves p = (1−η)·p_ref/(1 − ηH_p), η = λ/(1+λ), with
    ηH_p(r*) = 1 if a condensate is left over; this is iterated until one generation of the loop moves at most
    1e−12 of the mass. Raises TypeError or ValueError like `trajectory`, for λ = ∞, for a `top` below some
    reward, and if the iteration does not settle. Source: derived; Kingman's house of cards at K = ∞.
    """
    real = checks.probabilities("reference", reference)
    reward = checks.rewards(reward, real.size)
    choices = checks.choices(choices)
    weight = checks.synthetic_weight(synthetic_weight)
    if weight == math.inf:
        raise ValueError("synthetic_weight must be finite for a limit with real data, got inf")
    # Where p_ref has no mass the loop never gets any, unless as the limit of rewards that it has.
    largest = float(reward[real > 0].max())
    best = largest if top is None else float(top)
    if not largest <= best < math.inf:
        raise ValueError(f"top must be at least the largest reward {largest:g}, got {top}")
    if weight == 0:
        return FixedPoint(real, 0.0, 0.0, 0)
    reward = checks.rewards(np.append(reward, [best - NEAR, best]), real.size + 2)
    p = np.append(real, [0.0, 0.0])
    real, own = p / (1 + weight), weight / (1 + weight)
    for step in range(1, MOST_STEPS + 1):
        p = _balanced(real, _choice_ratio(p, reward, choices), best - reward)
        moved = float(np.abs(real + own * p * _choice_ratio(p, reward, choices) - p).sum())
        if moved <= RESIDUAL:
            return FixedPoint(p[:-2], float(p[-1]), moved, step)
    raise ValueError(
        f"the limit must be found in {MOST_STEPS} steps, got a residual of {moved:.3g} for choices = "
        f"{choices:g}, synthetic_weight = {weight:g}"
    )


def _balanced(real: np.ndarray, ratio: np.ndarray, below: np.ndarray) -> np.ndarray:
    """real/(1 − s·H) with s such that the mass is 1; `below` is r* − r, the last two atoms NEAR and 0 below.

    s is at most 1/H(r*); what even that does not supply goes to the top.
    """
    from scipy.optimize import brentq

    held = real > 0
    relative = ratio / ratio[-1]  # at most 1, as the top's reward is the largest
    # A difference as small as rounding would make an atom at the top of what is only near it.
    short = np.where(below < NEAR, below / NEAR * (1.0 - relative[-2]), 1.0 - relative)

    def shared(gap: float) -> np.ndarray:
        # 1 − s·H with s·H(r*) = 1 − gap: exact even where the gap is far below rounding.
        return np.divide(real, short + gap * relative, out=np.zeros_like(real), where=held)

    if (short[held] > 0).all() and shared(0.0).sum() <= 1.0:
        p = shared(0.0)
        p[-1] = 1.0 - p.sum()
        return p
    if shared(LEAST_GAP).sum() < 1.0:
        raise ValueError(f"synthetic_weight must leave more than {LEAST_GAP:g} of real data at its best")
    end = math.log(LEAST_GAP)
    gap = brentq(lambda logarithm: shared(math.exp(logarithm)).sum() - 1.0, end, 0.0, xtol=1e-15)
    return shared(math.exp(gap))


def simulate(
    rng: np.random.Generator,
    p0,
    reward,
    choices: int,
    users: int,
    steps: int,
    paths: int,
    *,
    synthetic_weight: float = math.inf,
    reference=None,
    kernel: str = "literal",
) -> np.ndarray:
    """`paths` independent loops in which `users` choices a generation make the next model, shape (paths, m).

    `kernel` is "literal" (draws all K proposals of every user) or "reduced" (draws the kept counts from
    their multinomial law). Returns p_steps of each path.
    """
    from theorycheck.kernels import curation as kernels

    checks.generator(rng)
    start = checks.probabilities("p0", p0)
    reward = checks.rewards(reward, start.size)
    target = start if reference is None else checks.probabilities("reference", reference)
    if target.size != start.size:
        raise ValueError(f"reference must have one entry per atom ({start.size}), got {target.size}")
    if kernel not in ("literal", "reduced"):
        raise ValueError(f"kernel must be literal or reduced, got {kernel!r}")
    p = np.tile(start, (checks.integer("paths", paths, 1), 1))
    run = kernels.literal if kernel == "literal" else kernels.reduced
    run(
        rng,
        target,
        np.exp(reward - reward.max()),
        checks.integer("choices", choices, 1),
        checks.integer("users", users, 1),
        checks.integer("steps", steps, 0),
        1.0 / (1.0 + checks.synthetic_weight(synthetic_weight)),
        p,
    )
    return p
