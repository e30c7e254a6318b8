"""Retraining with n samples a generation: the error over time, the bound, and where it settles."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp
from scipy import stats

from theorycheck.figures import _style as style
from theorycheck.figures._figure import Figure, Given, Panel, Table
from theorycheck.figures._measure import COVERAGE, columns, quantile
from theorycheck.formula import ball
from theorycheck.loops.retraining import closed_forms as form
from theorycheck.loops.retraining.samples import simulate

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

DELTA = 0.05
PATHS = 4096
STEPS = 100
TIMES = np.array([1, 2, 3, 5, 10, 20, 40, 100])
SIZES = (10, 100, 1000)  # n in (a), at λ = ½
WEIGHTS = (0.5, 2.0, 8.0)  # λ in (b), at n = 100
LEVEL = float(stats.norm.isf(DELTA / 2))  # of |θ_t − θ*|/√Var θ_t, which is half-normal
VARIANCES: dict[str, Callable] = {"fixed": form.fixed_variance, "fresh": form.fresh_variance}
FINE = np.unique(np.round(np.geomspace(1, STEPS, 30)).astype(int))


def errors(rng: np.random.Generator, size: int, n: int, weight: float, protocol: str) -> np.ndarray:
    """|θ_t − θ*| of loops at TIMES, shape (times, size), from θ_0 = θ*."""
    found = simulate(
        rng, "gaussian-mean", n, weight, STEPS, size, protocol=protocol, kernel="reduced", start=0.0
    )
    return np.abs(found[0][:, TIMES].T)


def exact_level(n: int, weight: float, t: float, protocol: str) -> float:
    """The 1 − δ quantile of |θ_t − θ*|; at t = ∞ where it settles."""
    decayed = sp.S(t) if math.isfinite(t) else sp.oo
    variance = VARIANCES[protocol](sp.Integer(n), sp.Rational(weight), decayed)
    return LEVEL * math.sqrt(float(variance))


def bound(n: int, weight: float, t: int) -> float:
    """What the theorem says that |θ_t − θ*| exceeds with probability at most δ."""
    weight = sp.Rational(weight)
    found = form.error_bound(
        sp.Integer(n), int(t), sp.Rational(str(DELTA)), form.rate(weight), form.deviation_constant(weight)
    )
    return float(ball(found).mid())


def compute(given: Given) -> Table:
    table = Table(
        notes=[f"N = {PATHS} paths of {STEPS} generations for each curve, δ = {DELTA:g}.", COVERAGE]
    )
    for panel, cases in (("a", [(n, 0.5) for n in SIZES]), ("b", [(100, w) for w in WEIGHTS])):
        for n, weight in cases:
            name = f"n = {n}" if panel == "a" else f"λ = {weight:g}"
            drawn = given.draw(f"{n} {weight} fixed", errors, PATHS, n, weight, "fixed")
            over_time(table, panel, name, drawn, n, weight)
    protocols(given, table)
    looseness(table)
    return table


def over_time(table: Table, panel: str, name: str, drawn: np.ndarray, n: int, weight: float) -> None:
    table.add(panel, f"{name}, bound", FINE, [bound(n, weight, t) for t in FINE])
    table.add(panel, f"{name}, exact", FINE, [exact_level(n, weight, int(t), "fixed") for t in FINE])
    table.add(panel, f"{name}, stationary", [1, STEPS], exact_level(n, weight, math.inf, "fixed"))
    table.add(panel, f"{name}, measured", TIMES, **columns([quantile(e, 1 - DELTA) for e in drawn]))


def protocols(given: Given, table: Table) -> None:
    """(c): where the error settles, by λ and protocol."""
    n, fine = 100, np.geomspace(0.05, 50, 40)
    for protocol in VARIANCES:
        level = [exact_level(n, float(w), math.inf, protocol) for w in fine]
        table.add("c", f"{protocol}, exact", fine, level)
        weights = (0.1, 0.5, 2.0, 8.0)
        drawn = [given.draw(f"{n} {w} {protocol}", errors, PATHS, n, w, protocol)[-1] for w in weights]
        table.add("c", f"{protocol}, measured", weights, **columns([quantile(e, 1 - DELTA) for e in drawn]))


def looseness(table: Table) -> None:
    """(d): the bound over the exact quantile at t = STEPS."""
    n, fine = 100, np.geomspace(0.05, 50, 30)
    for protocol in VARIANCES:
        ratio = [bound(n, float(w), STEPS) / exact_level(n, float(w), STEPS, protocol) for w in fine]
        table.add("d", protocol, fine, ratio)


def draw(table: Table, canvas: Canvas) -> None:
    (a, b), (c, d) = canvas.subplots(2, 2)
    for key, axes in zip("abcd", (a, b, c, d), strict=True):
        style.label(axes, key, PANELS[key])
    for axes, panel, names in (
        (a, "a", [(f"n = {n}", rf"$n={n}$") for n in SIZES]),
        (b, "b", [(f"λ = {w:g}", rf"$\lambda={w:g}$") for w in WEIGHTS]),
    ):
        for i, (name, text) in enumerate(names):
            colour = style.COLOURS[i]
            style.line(axes, table.curve(panel, f"{name}, bound"), style.PAPER, colour)
            style.line(axes, table.curve(panel, f"{name}, exact"), style.SHARP, colour)
            style.line(axes, table.curve(panel, f"{name}, stationary"), style.GUIDE, colour)
            style.marks(axes, table.curve(panel, f"{name}, measured"), i, label=text)
        axes.set(xscale="log", yscale="log")
    a.set(ylim=(3e-2, 8))
    b.set(ylim=(0.04, 15))
    a.legend(loc="upper left", ncols=3, columnspacing=1, handlelength=1)
    b.legend(loc="upper left")
    style.roles(
        b, "upper center",
        ("bound", style.PAPER), ("exact", style.SHARP), ("stationary", style.GUIDE), handlelength=1.6,
    )  # fmt: skip

    for i, (protocol, text) in enumerate((("fixed", "real set kept"), ("fresh", "real set renewed"))):
        style.line(c, table.curve("c", f"{protocol}, exact"), style.SHARP, style.COLOURS[i])
        style.marks(c, table.curve("c", f"{protocol}, measured"), i, label=text)
        style.line(d, table.curve("d", protocol), (style.SHARP, style.PAPER)[i], style.COLOURS[i], label=text)
    c.set(xscale="log", ylim=(0, None))
    c.legend(loc="lower left")
    d.set(xscale="log", yscale="log", ylim=(1, None))
    d.legend(loc="upper left")


QUANTILE = r"95 % quantile of $|\theta_t-\theta^*|$"
PANELS = {
    "a": Panel(r"By sample size, $\lambda=\frac{1}{2}$", "generation $t$", QUANTILE),
    "b": Panel("By synthetic weight, $n=100$", "generation $t$", QUANTILE),
    "c": Panel("Where it settles, $n=100$", r"synthetic weight $\lambda$", QUANTILE),
    "d": Panel("What the bound gives away, $t=100$", r"synthetic weight $\lambda$", "bound / exact"),
}

figure = Figure(
    title="Retraining with finitely many samples",
    shown=(
        "The Gaussian mean with known variance, refitted to n real points and ⌊λn⌋ of its own, from θ_0 = "
        "θ*. (a), (b) The quantile of |θ_t − θ*| that is exceeded with probability δ = 0.05: measured, "
        "exact, and the theorem's bound (a/√n)√(log(2t/δ))·Σ_{l<t} ρ^l with a = √(2/(1+λ)), ρ = λ/(1+λ), "
        "for a real set that is kept; dotted: where it settles, at variance (1/n)(1 + λ/(1+2λ)). The "
        "bound grows with log t, the error does not. (c) Where it settles if the real set is kept, or "
        "renewed every generation, variance (1+λ)/((1+2λ)n). (d) The bound over the exact quantile, for "
        "both protocols."
    ),
    certificates=(
        "finite-sample-variance::squared_error_is_exact",
        "finite-sample-variance::model_is_normal",
        "finite-sample-variance::stationary_variance",
        "finite-sample-stability::bound_covers_at_each_time",
        "finite-sample-stability::looseness_in_variance",
        "finite-sample-stability::oracle_needs_no_logarithm_at_one_time",
    ),
    panels=PANELS,
    size=(style.TEXT, 4.9),
    compute=compute,
    draw=draw,
)
