"""The loops that can be swept: a table of what each is asked, draws, and tells.

A loop is one entry of `LOOPS`: its keys, an example, what it tells of a cell (with exact values, bounds and
whatever makes an interval valid), and how it draws. A loop without `draw` is computed, not simulated.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.special import digamma, polygamma

from theorycheck import checks
from theorycheck.loops import covariance, curation, gaussian, generations
from theorycheck.loops.populations import Population
from theorycheck.loops.retraining import oracle, samples
from theorycheck.own_law import population

Cell = Mapping[str, Any]
REQUIRED = object()


class Key(NamedTuple):
    """A parameter: how a value is checked (name, value → value), and the value where none is given."""

    check: Callable[[str, Any], Any]
    default: Any = REQUIRED


class Quantity(NamedTuple):
    """What is told of a loop at one cell: a mean over its paths, or a number where nothing is drawn.

    `bounds` hold for every draw and `variance` bounds theirs from above: either gives a valid interval.
    `exact` is the value that the mean should have, `limit` the one with infinitely many users, `lower` and
    `upper` are bounds that a theorem gives for the mean.
    """

    value: float | None = None
    bounds: tuple[float, float] | None = None
    variance: float | None = None
    exact: float | None = None
    limit: float | None = None
    lower: float | None = None
    upper: float | None = None


class Loop(NamedTuple):
    """A loop as a sweep sees it.

    `tells` refuses a cell that is none, before anything is drawn; where nothing is drawn it does all the
    work, and `check` refuses. `work` is about how many numbers a path draws.
    """

    about: str
    example: str
    keys: Mapping[str, Key]
    tells: Callable[[Cell], dict[str, Quantity]]
    draw: Callable[[np.random.Generator, int, Cell], dict[str, np.ndarray]] | None = None
    work: Callable[[Cell], float] = lambda cell: 1.0
    check: Callable[[Cell], Any] = lambda cell: None


# --- keys ---------------------------------------------------------------------------------------------------


def at_least(least: int) -> Callable[[str, Any], int]:
    return lambda name, value: checks.integer(name, value, least)


def one_of(*allowed: str) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        if value not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
        return value

    return check


def yes_or_no(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be true or false, got {value!r}")
    return value


def text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a text, got {value!r}")
    return value


def number_from(least: float) -> Callable[[str, Any], float]:
    def check(name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value < math.inf:
            raise ValueError(f"{name} must be a finite number of at least {least:g}, got {value!r}")
        return float(value)

    return check


def proposals(name: str, value: Any) -> int | float:
    found = checks.choices(value)
    return found if found == math.inf else int(found)


def weight(name: str, value: Any) -> float:
    return checks.synthetic_weight(value)


STEPS = {"steps": Key(at_least(0))}
KERNEL = {"kernel": Key(one_of("reduced", "literal"), "reduced")}
LAW = {"law": Key(text, "digits"), "reward": Key(text, "")}
CURATION = {"choices": Key(proposals), "synthetic_weight": Key(weight, math.inf), **STEPS}


# --- the Gaussian refitted to its own samples ---------------------------------------------------------------


def gaussian_tells(cell: Cell) -> dict[str, Quantity]:
    n, t = cell["samples"], cell["steps"]
    freedom, shrunk = n - 1, (n - 1) / n if cell["biased"] else 1.0
    factor = (gaussian.contraction_factor(n) * math.sqrt(shrunk)) ** t
    drift = 0.5 * (digamma(freedom / 2) - math.log(freedom / 2) + math.log(shrunk))
    # (μ_t − μ_0)² is, given the scales, Σσ_s²/n times a χ²_1; E σ_s²σ_u² = g^s·c^{u−s} for s ≤ u.
    growth = np.float64(shrunk**2 * (1 + 2 / freedom))
    generation = np.arange(t)
    powers = np.cumsum(np.append(0.0, shrunk ** np.arange(1, max(t, 1))))[:t]
    with np.errstate(over="ignore"):
        fourth = 3 / n**2 * float(np.sum(growth**generation * (1 + 2 * powers[::-1])))
    spread = float(np.sum(shrunk**generation)) / n
    return {
        "scale": Quantity(exact=factor, variance=max(shrunk**t - factor**2, 0.0)),
        "log_scale": Quantity(exact=t * drift, variance=t * float(polygamma(1, freedom / 2)) / 4),
        "squared_shift": Quantity(exact=spread, variance=max(fourth - spread**2, 0.0)),
    }


def gaussian_draw(rng: np.random.Generator, size: int, cell: Cell) -> dict[str, np.ndarray]:
    found = gaussian.simulate(
        rng, cell["samples"], cell["steps"], size, kernel=cell["kernel"], biased=cell["biased"]
    )
    return {"scale": found.scale, "log_scale": found.log_scale, "squared_shift": found.mean**2}


# --- the same in several dimensions -------------------------------------------------------------------------


def spectrum(cell: Cell) -> np.ndarray:
    """The eigenvalues of Σ_0, from 1 down to 1/`condition` at equal ratios."""
    return np.geomspace(1.0, 1.0 / cell["condition"], cell["dimension"])


def covariance_tells(cell: Cell) -> dict[str, Quantity]:
    n, t, d = cell["samples"], cell["steps"], cell["dimension"]
    start, freedom = spectrum(cell), n - 1
    factor = gaussian.contraction_factor(n) ** t
    mean, lower = float(start.mean()), float(factor * np.sqrt(start.max()) / d)
    # E (tr Σ)² and E tr Σ², a generation on: moments of Wishart matrices.
    trace, square = np.float64(start.sum() ** 2), np.float64((start**2).sum())
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(t):
            trace, square = trace + 2 * square / freedom, (1 + 1 / freedom) * square + trace / freedom
    variance = float(trace) / d**2 - mean**2
    return {
        # (tr√Σ/d)² ≤ tr Σ/d, whose mean never changes.
        "mean_root": Quantity(
            variance=max(mean - lower**2, 0.0), lower=lower, upper=float(factor * np.sqrt(start).mean())
        ),
        "mean_variance": Quantity(exact=mean, variance=max(variance, 0.0)),
    }


def covariance_draw(rng: np.random.Generator, size: int, cell: Cell) -> dict[str, np.ndarray]:
    found = covariance.simulate_covariance(
        rng, np.diag(spectrum(cell)), cell["samples"], cell["steps"], size, kernel=cell["kernel"]
    )
    values = np.clip(np.linalg.eigvalsh(found), 0, None)
    return {"mean_root": np.sqrt(values).mean(axis=1), "mean_variance": values.mean(axis=1)}


def covariance_work(cell: Cell) -> float:
    d, n = cell["dimension"], cell["samples"]
    return d**3 + cell["steps"] * d * d * (n if cell["kernel"] == "literal" else d)


# --- finite samples -----------------------------------------------------------------------------------------

# The variance of the model's points at θ* + e is, in mean, V + square·E e²: (V, square) at the default θ*.
VARIANCES = {
    "gaussian-mean": (1.0, 0.0),
    "poisson": (1.0, 0.0),
    "bernoulli": (0.25, -1.0),
    "exponential": (1.0, 1.0),
}


def retraining_tells(cell: Cell) -> dict[str, Quantity]:
    family, n = cell["family"], cell["samples"]
    known = samples.FAMILIES[family]
    real, synthetic = samples.points(checks.integer("samples", n, known.least), cell["synthetic_weight"])
    if cell["kernel"] == "reduced" and family == "logistic":
        raise ValueError("kernel must be literal for the family 'logistic', got 'reduced'")
    told = {"error": Quantity(), "squared_error": Quantity(), "clipped_error": Quantity(bounds=(0.0, 1.0))}
    if family in VARIANCES:
        own, square = VARIANCES[family]
        exact = _variance(real, synthetic, cell["steps"], cell["protocol"], own, square)
        told["error"] = Quantity(exact=0.0, variance=exact)
        told["squared_error"] = Quantity(
            exact=exact,
            variance=2 * exact**2 if family == "gaussian-mean" else None,
            bounds=(0.0, 0.25) if family == "bernoulli" else None,
        )
    return told


def _variance(real: int, synthetic: int, steps: int, protocol: str, own: float, square: float) -> float:
    """E (θ_t − θ*)² from θ_0 = θ*, exactly: the model's points vary by `own` + `square`·(θ_t − θ*)²."""
    moments = 0.0, 0.0
    for _ in range(steps):
        if real:
            moments = oracle.next_moments(moments, real, synthetic, protocol, own, own + square * moments[1])
        else:
            moments = 0.0, moments[1] + (own + square * moments[1]) / synthetic
    return moments[1]


def retraining_draw(rng: np.random.Generator, size: int, cell: Cell) -> dict[str, np.ndarray]:
    family = cell["family"]
    found = samples.simulate(
        rng,
        family,
        cell["samples"],
        cell["synthetic_weight"],
        cell["steps"],
        size,
        protocol=cell["protocol"],
        kernel=cell["kernel"],
    )
    error = found[0, :, -1] - samples.FAMILIES[family].truth
    return {"error": error, "squared_error": error**2, "clipped_error": np.minimum(np.abs(error), 1.0)}


def retraining_work(cell: Cell) -> float:
    if cell["kernel"] == "reduced":
        return 4.0 * (cell["steps"] + 1)
    share = 0.0 if cell["synthetic_weight"] == math.inf else cell["synthetic_weight"]
    return cell["samples"] * (1 + share) * (cell["steps"] + 1)


# --- curation -----------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=8)
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


# --- the table ----------------------------------------------------------------------------------------------

LOOPS = {
    "gaussian": Loop(
        "the Gaussian refitted to its own n samples: E σ_t, E log σ_t, E(μ_t − μ_0)²",
        "samples = [10, 100]\nsteps = [1, 10, 50]\nbiased = [false, true]",
        {"samples": Key(at_least(2)), **STEPS, **KERNEL, "biased": Key(yes_or_no, False)},
        gaussian_tells,
        gaussian_draw,
        lambda cell: (cell["steps"] + 1) * (cell["samples"] if cell["kernel"] == "literal" else 8),
    ),
    "gaussian-multivariate": Loop(
        "the same in d dimensions, Σ_0 of a given condition: E tr√Σ_t/d between its bounds, E tr Σ_t/d",
        "samples = [5, 20]\ndimension = [2, 10]\nsteps = [1, 10]\ncondition = [1, 100]",
        {
            "samples": Key(at_least(2)),
            "dimension": Key(at_least(1)),
            **STEPS,
            **KERNEL,
            "condition": Key(number_from(1.0), 1.0),
        },
        covariance_tells,
        covariance_draw,
        covariance_work,
    ),
    "finite-samples": Loop(
        "a family refitted to n real points and ⌊λn⌋ of its own: E(θ_t−θ*), its square, E min(|θ_t−θ*|, 1)",
        'family = ["gaussian-mean", "bernoulli"]\nsamples = [10, 100]\nsynthetic_weight = [0.5, 5, inf]\n'
        'steps = 20\nprotocol = ["fixed", "fresh"]',
        {
            "family": Key(one_of(*samples.FAMILIES), "gaussian-mean"),
            "samples": Key(at_least(1)),
            "synthetic_weight": Key(weight),
            **STEPS,
            "protocol": Key(one_of(*samples.PROTOCOLS), "fixed"),
            **KERNEL,
        },
        retraining_tells,
        retraining_draw,
        retraining_work,
    ),
    "curation": Loop(
        "the curated loop with infinitely many users, computed: E e^r, Var e^r, KL, shares of the classes",
        'law = "digits"\nreward = ["class:0", "confidence"]\nchoices = [2, 4, inf]\n'
        "synthetic_weight = [0.5, inf]\nsteps = [1, 10, 50]",
        {**LAW, **CURATION},
        curation_tells,
        check=lambda cell: _population(cell["law"], cell["reward"]),
    ),
    "curation-particles": Loop(
        "the curated loop with N users a generation: E e^r/e^{r*} and the share of the best state",
        'law = "digits"\nreward = "class:0"\nusers = [100, 1000]\nchoices = 4\n'
        "synthetic_weight = [0.5, inf]\nsteps = [1, 5]",
        {**LAW, "users": Key(at_least(1)), **CURATION, **KERNEL},
        particles_tells,
        particles_draw,
        particles_work,
    ),
}  # fmt: skip
