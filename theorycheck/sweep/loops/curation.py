"""The curated loop on finitely many states: its population, finitely many users, and their exact chances."""

from __future__ import annotations

import itertools
import math

import numpy as np

from theorycheck import checks
from theorycheck.loops import curation, generations, users
from theorycheck.loops.populations import Population
from theorycheck.own_law import population
from theorycheck.sweep.loops.cache import cached
from theorycheck.sweep.loops.entry import Cell, Loop, Quantity
from theorycheck.sweep.loops.keys import KERNEL, STEPS, Key, at_least, inside, proposals, text, weight

LAW = {"law": Key(text, "digits"), "reward": Key(text, "")}
CURATION = {"choices": Key(proposals), "synthetic_weight": Key(weight, math.inf), **STEPS}


@cached
def _population(law: str, reward: str) -> Population:
    return population(law, reward or None)


def curation_tells(cell: Cell) -> dict[str, Quantity]:
    law = _population(cell["law"], cell["reward"])
    K, own = cell["choices"], cell["synthetic_weight"]
    first = next(generations.states(law, K, own, 0))
    for state in generations.states(law, K, own, cell["steps"]):
        last = state
    gain = (1 - 1 / K) * first.weight_variance / math.exp(law.top) if cell["steps"] else 0.0
    share = 1.0 if own == math.inf else own / (1 + own)
    pull = own * (K - 1) if K > 1 else 0.0  # below 1 it bounds the divergence
    return {
        "mean_weight": Quantity(last.mean_weight, lower=first.mean_weight + share * gain),
        "weight_variance": Quantity(last.weight_variance),
        "divergence": Quantity(last.kl, upper=-math.log1p(-pull) if pull < 1 else None),
        "largest_share": Quantity(max(last.shares, default=None)),
        "smallest_share": Quantity(min(last.shares, default=None)),
    }


def particles_tells(cell: Cell) -> dict[str, Quantity]:
    real = _population(cell["law"], cell["reward"]).levels
    if cell["choices"] == math.inf:
        raise ValueError("choices must be finite where users draw their proposals, got inf")
    a = np.exp(real.reward - real.reward.max())
    p = curation.trajectory(real.p, real.reward, cell["choices"], cell["steps"], cell["synthetic_weight"])[-1]
    return {
        "relative_weight": Quantity(bounds=(float(a.min()), 1.0), limit=float(p @ a)),
        "best_share": Quantity(bounds=(0.0, 1.0), limit=float(p[-1])),
    }


def particles_draw(rng: np.random.Generator, size: int, cell: Cell) -> dict[str, np.ndarray]:
    real = _population(cell["law"], cell["reward"]).levels
    a = np.exp(real.reward - real.reward.max())
    p = curation.simulate(
        rng,
        real.p,
        real.reward,
        cell["choices"],
        cell["users"],
        cell["steps"],
        size,
        synthetic_weight=cell["synthetic_weight"],
        kernel=cell["kernel"],
    )
    # Rounding may carry a share of 1 beyond it.
    return {"relative_weight": np.clip(p @ a, a.min(), 1.0), "best_share": np.clip(p[:, -1], 0.0, 1.0)}


def particles_work(cell: Cell) -> float:
    atoms = _population(cell["law"], cell["reward"]).levels.p.size
    each = cell["users"] * cell["choices"] if cell["kernel"] == "literal" else 200 * atoms
    return (cell["steps"] + 1) * (each + atoms)


POPULATION = Loop(
    "the curated loop with infinitely many users, computed: E e^r, Var e^r, KL, shares of the classes",
    'law = "digits"\nreward = ["class:0", "confidence"]\nchoices = [2, 4, inf]\n'
    "synthetic_weight = [0.5, inf]\nsteps = [1, 10, 50]",
    {**LAW, **CURATION},
    curation_tells,
    check=lambda cell: _population(cell["law"], cell["reward"]),
)


PARTICLES = Loop(
    "the curated loop with N users a generation: E e^r/e^{r*} and the share of the best state",
    'law = "digits"\nreward = "class:0"\nusers = [100, 1000]\nchoices = 4\n'
    "synthetic_weight = [0.5, inf]\nsteps = [1, 5]",
    {**LAW, "users": Key(at_least(1)), **CURATION, **KERNEL},
    particles_tells,
    particles_draw,
    particles_work,
)


MOST = 4_000_000  # chances in the table of a generation


def chain_size(cell: Cell) -> int:
    return (cell["users"] + 1) * (max(cell["users"], cell["choices"]) + 1)


def chain_check(cell: Cell) -> None:
    if chain_size(cell) > MOST:
        raise ValueError(
            f"users and choices must ask for at most {MOST:,} chances (N + 1)·(max(N, K) + 1), got "
            f"{chain_size(cell):,}"
        )


def chain_tells(cell: Cell) -> dict[str, Quantity]:
    N, K, own, t, mass = (cell[key] for key in ("users", "choices", "synthetic_weight", "steps", "mass"))
    low = math.exp(-cell["gap"])
    share, chance = np.array([mass]), np.ones(1)
    if t:
        share = users.shares(N, own, mass)
        chance = next(itertools.islice(users.chances(N, low, K, own, mass), t - 1, None))
    population = float(users.population(low, K, own, t, mass)[-1])
    return {
        "best_share": Quantity(float(chance @ share), limit=population),
        "scaled_squared_error": Quantity(
            float(N * (chance @ (share - population) ** 2)), limit=users.noise(low, K, own, t, mass)
        ),
        "lost": Quantity(float(chance @ (share == 0)), limit=0.0),
    }


CHAIN = Loop(
    "the same on two states, computed: E p_t, N·E(p_t−p_t^∞)² of the best state, and how often it is lost",
    "users = [10, 100]\nchoices = [2, 4]\nsynthetic_weight = [0.5, inf]\nsteps = [1, 10]\nmass = [0.1, 0.5]\n"
    "gap = 1",
    {
        "users": Key(at_least(1)),
        "choices": Key(at_least(1)),
        "synthetic_weight": Key(weight, math.inf),
        **STEPS,
        "mass": Key(inside(0.0, 1.0), 0.5),
        "gap": Key(inside(0.0, checks.LARGEST_SPAN), 1.0),
    },
    chain_tells,
    work=lambda cell: float(chain_size(cell) * (cell["steps"] + 1)),
    check=chain_check,
)
