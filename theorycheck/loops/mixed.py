"""The curated loop with real data mixed in, from p_0 = p_ref: exactly, in balls, and for all laws at once.

p_{t+1} = p_ref/(1+λ) + (λ/(1+λ))·p_t·H^K_{p_t} (Ferbach et al., NeurIPS 2024). Laws are tuples of exact
numbers p and weights a = e^r > 0, as in `loops.exact`.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from theorycheck.formula import ball, precision
from theorycheck.loops import curation, digits, exact

# What `curation.trajectory` adds to its law a step, in ℓ1: H to 1e−12, the sum of the masses to as much.
STEP_ERROR = 3e-12


def loop(p: Sequence, a: Sequence, choices: int, weight, generations: int, start=None) -> list:
    """p_0, …, p_generations in the arithmetic of p and λ = `weight`; p_0 is `start`, by default p_ref = p."""
    history = [list(p if start is None else start)]
    for _ in range(generations):
        history.append(exact.step(history[-1], a, choices, p, weight))
    return history


def peak(weight, choices, generations: int):
    """M_t: M_0 = 1 and M_{t+1} = (1 + λK·M_t)/(1+λ), in the arithmetic of λ; no p_t exceeds M_t·p_ref."""
    found = 1
    for _ in range(generations):
        found = (1 + weight * choices * found) / (1 + weight)
    return found


def summit(weight, choices):
    """M = 1/(1 − λ(K−1)), to which M_t climbs for λ < 1/(K−1)."""
    return 1 / (1 - weight * (choices - 1))


def spare(choices: int, weight, generations: int):
    """By which factor a known law exceeds λ/(1+λ)·((K−1)/K)·Var_ref(a)/a* in E_t a − E_ref a, at most.

    Where rewards are close each generation adds as much again, damped by q = λ/(1+λ): 1 + q + … + q^{t−1}.
    Where a rare state is worthless, it is lost at once and all is gained: K/(K−1).
    """
    own = weight / (1 + weight)
    return min(sum(own**t for t in range(generations)), Fraction(choices, choices - 1))


def largest_ratio(choices: int, lowest):
    """K/(1 + (K−1)x): the largest H if all weights lie in [x, 1], x = `lowest`; K at x = 0."""
    return choices / (1 + (choices - 1) * lowest)


@functools.cache
def two_states(mass, low, choices: int, weight, generations: int) -> list:
    """Balls around the masses (low, top) of p_0, …, p_generations: a = (`low`, 1), p_ref(top) = `mass`.

    `mass`, `low` and λ = `weight` are exact numbers or sympy expressions; None for λ means no real data. The
    choice ratio is a binomial sum over how many of the K − 1 others are top.
    """
    bits = 256 + generations * int(choices).bit_length()  # a step may widen a ball about K-fold
    with precision(bits):
        rare, low = ball(mass, bits=bits), ball(low, bits=bits)
        own = ball(1) if weight is None else 1 / (1 + 1 / ball(weight, bits=bits))
        ratios = [
            choices * math.comb(choices - 1, j) / (1 + j + (choices - 1 - j) * low) for j in range(choices)
        ]
        top, history = rare, [(1 - rare, rare)]
        for _ in range(generations):
            ratio = sum(x * top**j * (1 - top) ** (choices - 1 - j) for j, x in enumerate(ratios))
            top = (1 - own) * rare + own * top * ratio
            history.append((1 - top, top))
    return history


# --- all laws at once ---------------------------------------------------------------------------------------


class Homogeneous(NamedTuple):
    """p_t = P/(c·S^n) for all p_ref, λ and rewards at once, in variables that run through [0, ∞).

    `law` holds the polynomials P, `scale` is c, `reference` the masses of p_ref, whose sum is S, and `degree`
    is n. A polynomial without negative coefficients is nowhere negative.
    """

    law: list
    scale: Any
    reference: tuple
    degree: int
    a: list
    weight: Any


@functools.cache
def homogeneous(states: int, choices: int, generations: int) -> Homogeneous:
    """p_generations on `states` states with weights a_1 = 1, a_2 = 1 + y_2, a_3 = a_2 + y_3, …"""
    from sympy import QQ
    from sympy.polys.rings import ring

    names = [f"p{i}" for i in range(states)] + [f"y{i}" for i in range(1, states)]
    _, weight, *variables = ring(["lambda", *names], QQ)
    p = tuple(variables[:states])
    a = list(itertools.accumulate([weight**0, *variables[states:]]))
    total = sum(p[1:], p[0])
    draws = list(exact.multisets(states, choices))
    # A draw of equals keeps its own kind; the others share the denominator that is cleared.
    mixed = [counts for counts in draws if max(counts) < choices]
    sums = [sum((c * x for c, x in zip(counts, a, strict=True)), start=0 * weight) for counts in mixed]
    cleared = math.prod(sums, start=weight**0)
    law, scale, degree = list(p), weight**0, 1
    for _ in range(generations):
        kept = [cleared * x**choices for x in law]
        for k, counts in enumerate(mixed):
            others = math.prod(sums[:k] + sums[k + 1 :], start=weight**0)
            chance = exact.multinomial(counts) * others
            chance *= math.prod((x**c for x, c in zip(law, counts, strict=True)), start=weight**0)
            for i, c in enumerate(counts):
                kept[i] += c * a[i] * chance
        degree *= choices
        scale = cleared * scale**choices
        law = [x * total ** (degree - 1) * scale + weight * y for x, y in zip(p, kept, strict=True)]
        scale *= 1 + weight
    return Homogeneous(law, scale, p, degree, a, weight)


def reward_gap(states: int, choices: int, generations: int, above, below):
    """G_t − (above/below)·((K−1)/K)·Var_ref(a)/a*, freed of denominators, as such a polynomial.

    G_t = E_t a − E_ref a; `above` and `below` are functions of λ.
    """
    h = homogeneous(states, choices, generations)
    total = sum(h.reference[1:], h.reference[0])
    means = [exact.mean(p, h.a) for p in (h.law, h.reference)]
    square = sum(x * w**2 for x, w in zip(h.reference, h.a, strict=True))
    filled = total ** (h.degree - 1) * h.scale
    gain = (means[0] - means[1] * filled) * choices * h.a[-1] * total
    return gain * below(h.weight) - above(h.weight) * (choices - 1) * filled * (
        total * square - means[1] ** 2
    )


def coefficients(polynomial) -> list[Fraction]:
    """The coefficients as Fractions; [0] for the zero polynomial."""
    return [Fraction(int(c.numerator), int(c.denominator)) for c in polynomial.coeffs()] or [Fraction(0)]


def value(polynomial, point: Sequence) -> Fraction:
    """The polynomial at exact values of its variables: λ, then p_ref, then y."""
    from sympy import QQ

    found = polynomial(*(QQ(x.numerator, x.denominator) for x in point))
    return Fraction(int(found.numerator), int(found.denominator))


# --- in floats ----------------------------------------------------------------------------------------------


def drift(choices: float, weight: float, steps: int) -> np.ndarray:
    """Bounds on the ℓ1 error of `curation.trajectory` at each generation, shape (steps + 1,).

    What is kept is a function of K draws, so that two laws at distance e keep laws at most K·e apart; a step
    multiplies the error by at most λK/(1+λ) and adds its own. It stays bounded for λ < 1/(K−1).
    """
    share, found = weight / (1 + weight), np.zeros(steps + 1)
    for t in range(steps):
        found[t + 1] = share * (choices * found[t] + STEP_ERROR)
    return found


@functools.cache
def on_digits(reward: str, choices: float, weight: float, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """The loop from the digits' empirical law: p_0, …, p_steps, shape (steps + 1, m), and a = e^r, a* = 1."""
    r = digits.reward(reward)
    return curation.trajectory(np.full(r.size, 1 / r.size), r, choices, steps, weight), np.exp(r - r.max())
