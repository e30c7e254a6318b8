"""The curated loop with real data: divergence, reward gain and condensation over the synthetic weight."""

from __future__ import annotations

import math
from math import inf
from typing import TYPE_CHECKING

import numpy as np
from scipy import integrate, special, stats

from theorycheck.figures import _style as style
from theorycheck.figures._figure import Curve, Figure, Given, Panel, Table
from theorycheck.loops import curation, digits
from theorycheck.loops.retraining import laws

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

LOW = 1e-6  # a_2/a* of two states, the top one with mass e^{−s}
RARITIES = (3, 10, 40)  # s
LAMBDAS = np.geomspace(0.05, 5, 25)
ON_DIGITS = (2, 4, inf)  # K
CLOSE = 1e-4  # 1 − a_2/a* of the two states that attain the sharp gain
CONDENSING = (4, 16, inf)
FLOOR = 1e-8  # of the axis in (a)


def settled(p: np.ndarray, reward: np.ndarray, choices: float, weight: float) -> np.ndarray:
    return curation.fixed_point(p, reward, choices, weight).p


def divergences(p: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    """KL(p‖p_ref) and D_∞, the logarithm of the largest density ratio."""
    return float(special.kl_div(p, reference).sum()), float(np.log(np.max(p / reference)))


def bounds(weight: np.ndarray, choices: float) -> tuple[np.ndarray, np.ndarray]:
    """−log(1 − λ(K−1)) = log M, and wM log M + (1−w)m log m, m = 1/(1+λ), w = (1−m)/(M−m)."""
    most, least = 1 / (1 - weight * (choices - 1)), 1 / (1 + weight)
    share = (1 - least) / (most - least)
    return np.log(most), share * most * np.log(most) + (1 - share) * least * np.log(least)


def missing_mass(weight: np.ndarray) -> np.ndarray:
    """1 − (1−η)·E_ref[a*/(a* − a)], or 0: what condenses at K = ∞ for the reward's density 3(1−r)²."""
    moment, _ = integrate.quad(lambda s: 3 * s**2 / -math.expm1(-s), 0, 1, epsabs=1e-12)
    return np.maximum(0, 1 - moment / (1 + np.asarray(weight)))


def compute(given: Given) -> Table:
    table = Table(
        notes=[
            "No sampling: each marker is the limit of the exact loop, to 10⁻¹² of the mass, from p_0 = p_ref."
        ]
    )
    two_states(table)
    real_digits(table)
    gains(table)
    condensation(table)
    return table


def two_states(table: Table) -> None:
    """(a): K = 2, a = (10⁻⁶, 1), p_ref(top) = e^{−s}."""
    below = 1 - np.geomspace(0.95, 1e-4, 60)
    for name, values in zip(("the paper's bound", "the better bound"), bounds(below, 2), strict=True):
        table.add("a", name, below, values)
    for rarity in RARITIES:
        reference = np.array([-math.expm1(-rarity), math.exp(-rarity)])
        reward = np.array([math.log(LOW), 0.0])
        found = [divergences(settled(reference, reward, 2, w), reference) for w in LAMBDAS]
        kl, largest = np.array(found).T
        table.add("a", f"KL, s = {rarity}", LAMBDAS, kl)
        if rarity == RARITIES[-1]:
            inside = LAMBDAS < 1
            table.add("a", f"D_∞, s = {rarity}", LAMBDAS[inside], largest[inside])
    table.add("a", "threshold", 1, math.nan)


def real_digits(table: Table) -> None:
    """(b): the digits, with the probability of class 0 as reward."""
    reward = digits.reward("class:0")
    reference = np.full(reward.size, 1 / reward.size)
    for choices in ON_DIGITS:
        name = f"K = {shown(choices)}"
        found = [divergences(settled(reference, reward, choices, w), reference)[0] for w in LAMBDAS[::2]]
        table.add("b", f"{name}, KL", LAMBDAS[::2], found)
        if choices < inf:
            inside = np.geomspace(LAMBDAS[0], 0.9999 / (choices - 1), 60)
            for kind, values in zip(("paper", "better"), bounds(inside, choices), strict=True):
                table.add("b", f"{name}, {kind}", inside, values)
            table.add("b", f"{name}, threshold", 1 / (choices - 1), math.nan)


def gains(table: Table) -> None:
    """(c): (E_t a − E_ref a)/(((K−1)/K)·Var_ref(a)/a*), after one generation and in the limit."""
    fine = np.geomspace(LAMBDAS[0], LAMBDAS[-1], 60)
    table.add("c", "the paper's λ/(1+λ)³", fine, fine / (1 + fine) ** 3)
    table.add("c", "the sharp λ/(1+λ)", fine, fine / (1 + fine))
    confidence = digits.reward("confidence")
    laws_ = {
        "close rewards": (np.full(2, 0.5), np.log([1 - CLOSE, 1.0])),
        "digits, confidence": (np.full(confidence.size, 1 / confidence.size), confidence),
    }
    for name, (p, reward) in laws_.items():
        a = np.exp(reward - reward.max())
        unit = 0.5 * (p @ (a - p @ a) ** 2)  # K = 2, a* = 1
        once = [(curation.trajectory(p, reward, 2, 1, w)[1] - p) @ a / unit for w in LAMBDAS[::2]]
        table.add("c", f"{name}, t = 1", LAMBDAS[::2], once)
        last = [(settled(p, reward, 2, w) - p) @ a / unit for w in LAMBDAS[::2]]
        table.add("c", f"{name}, t → ∞", LAMBDAS[::2], last)


def condensation(table: Table) -> None:
    """(d): the mass at r*, where p_ref has none, for the reward's density 3(1−r)² on [0, 1]."""
    points = laws.points(stats.beta(1, 3))
    held = points.weight > 1e-25
    p, reward = points.weight[held] / points.weight[held].sum(), points.x[held]
    fine = np.geomspace(0.3, 30, 200)
    table.add("d", "K = ∞, exact", fine, missing_mass(fine))
    for choices in CONDENSING:
        at = np.geomspace(0.3, 30, 15)
        found = [curation.fixed_point(p, reward, choices, w, top=1.0).condensate for w in at]
        table.add("d", f"K = {shown(choices)}", at, found)


def shown(choices: float) -> str:
    return "∞" if choices == inf else f"{choices:g}"


def draw(table: Table, canvas: Canvas) -> None:
    (a, b), (c, d) = canvas.subplots(2, 2)
    for key, axes in zip("abcd", (a, b, c, d), strict=True):
        style.label(axes, key, PANELS[key])
        axes.set_xscale("log")
    style.line(a, table.curve("a", "the paper's bound"), style.PAPER, style.VERMILION, label="paper’s bound")
    style.line(a, table.curve("a", "the better bound"), style.SHARP, style.VERMILION, label="better KL bound")
    style.marks(a, table.curve("a", f"D_∞, s = {RARITIES[-1]}"), 3, label=rf"$D_\infty$, $s={RARITIES[-1]}$")
    for i, rarity in enumerate(RARITIES):
        text = f"KL, $s={rarity}$"
        curve = table.curve("a", f"KL, s = {rarity}")
        style.marks(a, curve, i, filled=False, floor=FLOOR, label=text, markersize=3)
    threshold(a, table.curve("a", "threshold"), r"$\frac{1}{K-1}$", top=0.7)
    a.set(yscale="log", ylim=(FLOOR, 1e6))
    a.legend(loc="upper left", ncols=2, columnspacing=1, handlelength=1.6)

    for i, choices in enumerate(ON_DIGITS):
        name, text = f"K = {shown(choices)}", r"$K=\infty$" if choices == inf else f"$K={choices:g}$"
        style.marks(b, table.curve("b", f"{name}, KL"), i, label=f"KL, {text}")
        if choices < inf:
            style.line(b, table.curve("b", f"{name}, paper"), style.PAPER, style.COLOURS[i])
            style.line(b, table.curve("b", f"{name}, better"), style.SHARP, style.COLOURS[i])
            threshold(b, table.curve("b", f"{name}, threshold"), r"$1$" if choices == 2 else r"$\frac{1}{3}$")
    b.set(yscale="log", ylim=(1e-5, 20))
    b.legend(loc="lower right", handlelength=1.2)

    style.line(
        c, table.curve("c", "the paper's λ/(1+λ)³"), style.PAPER, label=r"paper: $\lambda/(1+\lambda)^3$"
    )
    style.line(c, table.curve("c", "the sharp λ/(1+λ)"), style.SHARP, label=r"sharp: $\lambda/(1+\lambda)$")
    for i, (name, text) in enumerate((("close rewards", "close"), ("digits, confidence", "digits"))):
        for end, told, filled in (("t = 1", "$t=1$", True), ("t → ∞", r"$t\to\infty$", False)):
            curve = table.curve("c", f"{name}, {end}")
            style.marks(c, curve, i, filled=filled, label=f"{text}, {told}")
    c.set(yscale="log", ylim=(0.02, 12))
    c.legend(loc="upper left", ncols=2, columnspacing=1, handlelength=1.6)

    style.line(d, table.curve("d", "K = ∞, exact"), style.SHARP, style.COLOURS[2], label=r"$K=\infty$, exact")
    for i, choices in enumerate(CONDENSING):
        text = r"$K=\infty$" if choices == inf else f"$K={choices:g}$"
        style.marks(d, table.curve("d", f"K = {shown(choices)}"), i, label=text)
    d.set(ylim=(-0.03, 1))
    d.legend(loc="upper left")


def threshold(axes: Axes, curve: Curve, text: str, top: float = 1) -> None:
    """A vertical line, as far as the share `top` of the axis."""
    at = float(curve.x[0])
    axes.axvline(at, ymax=top, color=style.GREY, linewidth=0.6, zorder=0)
    axes.annotate(
        text, (at, 0.02), (2, 0), xycoords=("data", "axes fraction"), textcoords="offset points", va="bottom",
        color=style.GREY,
    )  # fmt: skip


WEIGHT = r"synthetic weight $\lambda$"
PANELS = {
    "a": Panel("Divergence, two states, $K=2$", WEIGHT, r"divergence of $p_\infty$ from $p_{\mathrm{ref}}$"),
    "b": Panel("Divergence on the digits", WEIGHT, r"$\mathrm{KL}(p_\infty\,\|\,p_{\mathrm{ref}})$"),
    "c": Panel(
        "Reward gain, $K=2$", WEIGHT, r"gain, relative to $\frac{K-1}{K}\mathrm{Var}_{\mathrm{ref}}/a_*$"
    ),
    "d": Panel("Condensation", WEIGHT, "mass at $r_*$"),
}

figure = Figure(
    title="The curated loop with real data",
    shown=(
        "p_0 = p_ref, and real data have weight 1/(1+λ). (a) Two states with a = e^r = (10⁻⁶, 1), the top "
        "one of mass e^−s: up to λ = 1/(K−1) the density ratio attains the paper's −log(1−λ(K−1)) "
        "(dashed), as D_∞; as a bound on the KL divergence it is loose, and the chord bound (solid) is "
        "better; past the threshold KL grows with s, without a bound; arrows: below the axis. (b) The same "
        "bounds and the KL divergence for the digits, with reward γq_0 (the probability of class 0, γ = "
        "5), K = 2, 4 and ∞. (c) The gain in E e^r at t = 1 and in the limit, for two states with a = (1 − "
        "10⁻⁴, 1) and for the digits with the classifier's confidence: the paper's λ/(1+λ)³ holds, and "
        "λ/(1+λ) (derived here) is attained at t = 1. (d) Reward density 3(1−r)² on [0, 1]: at K = ∞, a "
        "mass 1 − E_ref[a*/(a*−a)]/(1+λ) condenses at r*, where there are no real data; at smaller K it "
        "starts later."
    ),
    certificates=(
        "real-data-kl-stability::peak_is_sharp",
        "real-data-kl-stability::kl_is_bounded",
        "real-data-kl-stability-sharp::kl_is_bounded_better",
        "real-data-kl-stability-sharp::kl_grows_beyond_the_threshold",
        "real-data-kl-stability-sharp::kl_stays_small_on_the_digits",
        "real-data-reward-gain::gain_is_bounded_below",
        "real-data-reward-gain-sharp::gain_is_bounded_below",
        "real-data-reward-gain-sharp::sharp_at_the_first_generation",
        "curated-mixture-fixed-point::condensate_is_the_missing_mass",
        "curated-mixture-fixed-point::fewer_choices_condense_later",
    ),
    panels=PANELS,
    size=(style.TEXT, 4.9),
    compute=compute,
    draw=draw,
)
