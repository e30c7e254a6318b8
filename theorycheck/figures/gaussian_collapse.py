"""Collapse of the Gaussian refitted to its own samples, in one dimension."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from theorycheck.figures import _style as style
from theorycheck.figures._figure import Figure, Given, Panel, Table
from theorycheck.figures._measure import COVERAGE, columns, mean_of_known_variance, naive_mean, quantile
from theorycheck.formula import ball
from theorycheck.loops import closed_forms as form
from theorycheck.loops import gaussian

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

PATHS, TILTED = 2048, 512
REACH = {5: 64, 10: 64, 100: 32, 1000: 16}  # the last t, in units of ν
OFF = 0.1  # plain Monte Carlo lies from t = 2ν·log(N·OFF²) on: there its standard error is OFF·E σ_t
ONE = 10  # n of the panels about one n


def paths(rng: np.random.Generator, size: int, n: int, steps: int, kernel: str) -> np.ndarray:
    """σ_t times the likelihood ratio, and (μ_t − μ_0)², shape (2, size)."""
    found = gaussian.simulate(rng, n, steps, size, kernel=kernel)
    return np.stack([np.exp(found.log_scale + found.log_ratio), found.mean**2])


def lies_from(n: int) -> float:
    """From when on the standard error of the plain average of PATHS paths exceeds OFF·E σ_t.

    The relative variance of σ_t is c₄^{−2t} − 1.
    """
    return math.log1p(PATHS * OFF**2) / (-2 * math.log(gaussian.contraction_factor(n)))


def number(expression: sp.Expr) -> float:
    return float(ball(expression).mid())


def compute(given: Given) -> Table:
    table = Table(
        notes=[f"N = {PATHS} paths at each t ({TILTED} under the tilt), drawn anew at each.", COVERAGE]
    )
    for n in REACH:
        means(given, table, n)
    typical_path(given, table)
    martingales(given, table)
    return table


def means(given: Given, table: Table, n: int) -> None:
    """(a): E σ_t, exact, under the tilt and as a plain average."""
    factor, nu = gaussian.contraction_factor(n), n - 1
    t = nu * 2 ** np.arange(math.log2(REACH[n]) + 1).astype(int)
    line = np.geomspace(1, nu * REACH[n] * 1.2, 80)
    table.add("a", f"n = {n}, exact", line, factor**line)
    tilted = [given.draw(f"tilted {n} {s}", paths, TILTED, n, s, "tilted")[0] for s in t]
    table.add("a", f"n = {n}, tilted", t, [values.mean() for values in tilted])
    plain = [given.draw(f"plain {n} {s}", paths, PATHS, n, s, "reduced")[0] for s in t]
    table.add("a", f"n = {n}, plain", t, **columns([naive_mean(values) for values in plain]))
    lie = lies_from(n)
    table.add("a", f"n = {n}, lies from", lie, factor**lie)


def typical_path(given: Given, table: Table) -> None:
    """(b): the mean against the median, at one n; (d) needs the same paths."""
    factor, t = gaussian.contraction_factor(ONE), np.arange(0, 181, 20)[1:]
    every = np.arange(0, 181, 5)
    table.add("b", "mean, exact", every, factor**every)
    drift, offset = (number(f(sp.Integer(ONE))) for f in (form.log_drift, form.median_offset))
    table.add("b", "median, its drift", every[1:], np.exp(every[1:] * drift + offset))
    short = t[t <= 60]
    table.add("b", "median, exact", short, [math.exp(gaussian.scale_law(ONE, s).median()) for s in short])
    drawn = [given.draw(f"typical {s}", paths, PATHS, ONE, s, "reduced") for s in t]
    table.add("b", "mean, plain", t, **columns([naive_mean(scale) for scale, _ in drawn]))
    table.add("b", "median, measured", t, **columns([quantile(scale, 0.5) for scale, _ in drawn]))
    ends = np.array([(1, 1, 1), *(np.quantile(scale, (0.05, 0.5, 0.95)) for scale, _ in drawn)]).T
    table.add("b", "paths, 90 %", np.append(0, t), ends[1], ends[0], ends[2])


def martingales(given: Given, table: Table) -> None:
    """(c): E σ_t² = σ_0²; (d): E(μ_t − μ_0)² = tσ_0²/n, while the median of (μ_t − μ_0)² stays."""
    nu = ONE - 1
    t = np.array([3, 6, 9, 12, 15, 18, 21, 24])
    grown = (1 + 2 / nu) ** t
    drawn = [given.draw(f"martingales {s}", paths, 8 * PATHS, ONE, s, "reduced") for s in t]
    every = np.arange(0, 25)
    table.add("c", "E σ²: exact", every, np.ones(25))
    table.add("c", "(E σ)²: exact", every, gaussian.contraction_factor(ONE) ** (2 * every))
    seconds = [mean_of_known_variance(scale**2, g - 1) for (scale, _), g in zip(drawn, grown, strict=True)]
    table.add("c", "E σ²: measured", t, **columns(seconds))
    table.notes.append(f"N = {8 * PATHS} in (c) and for the mean in (d).")

    long = np.geomspace(1, 200, 40)
    table.add("d", "mean: exact", long, long / ONE)
    spread = [form.displacement_fourth_moment(ONE, int(s)) for s in t]
    squares = [mean_of_known_variance(square, v) for (_, square), v in zip(drawn, spread, strict=True)]
    table.add("d", "mean: measured", t[::2], **columns(squares[::2]))
    times = [1, 2, 4, 8, 16, 32, 64, 128]
    wandered = [given.draw(f"wandered {s}", paths, PATHS, ONE, s, "reduced")[1] for s in times]
    table.add("d", "median: measured", times, **columns([quantile(square, 0.5) for square in wandered]))


def draw(table: Table, canvas: Canvas) -> None:
    (a, b), (c, d) = canvas.subplots(2, 2)
    for key, axes in zip("abcd", (a, b, c, d), strict=True):
        style.label(axes, key, PANELS[key])
    for i, n in enumerate(REACH):
        style.line(a, table.curve("a", f"n = {n}, exact"), style.SHARP, style.COLOURS[i])
        style.marks(a, table.curve("a", f"n = {n}, tilted"), i, filled=False, markersize=6)
        style.marks(a, table.curve("a", f"n = {n}, plain"), i, markersize=2.8, label=f"$n={n}$")
        lie = table.curve("a", f"n = {n}, lies from")
        a.plot(lie.x, lie.y, "|", color=style.COLOURS[i], markersize=12, markeredgewidth=1.6)
    a.set(xscale="log", yscale="log", ylim=(1e-11, 3), xlim=(1, 2e5))
    a.legend(loc="lower right")
    style.roles(a, "lower left", ("exact", style.SHARP), ("tilted", "o", "white"), ("plain average", "o"))

    band = table.curve("b", "paths, 90 %")
    b.fill_between(band.x, band.low, band.high, color="#d9d9d9", linewidth=0, label="90 % of paths")
    style.line(b, table.curve("b", "mean, exact"), style.SHARP, label=r"mean $c_4^t$, exact")
    style.marks(b, table.curve("b", "mean, plain"), 0, label="mean, plain")
    style.line(b, table.curve("b", "median, its drift"), style.PAPER, style.BLUE, label="median, its drift")
    style.marks(b, table.curve("b", "median, measured"), 1, filled=False, label="median, measured")
    style.marks(b, table.curve("b", "median, exact"), 1, marker="x", label="median, exact")
    b.set(yscale="log", ylim=(1e-5, 1e3), xlim=(0, 190))
    b.legend(loc="upper right", ncols=2, columnspacing=1)

    style.line(c, table.curve("c", "E σ²: exact"), style.SHARP, label=r"$\mathrm{E}\,\sigma_t^2$, exact")
    style.marks(c, table.curve("c", "E σ²: measured"), 0, label=r"$\mathrm{E}\,\sigma_t^2$, measured")
    style.line(
        c, table.curve("c", "(E σ)²: exact"), style.PAPER, style.BLUE, label=r"$(\mathrm{E}\,\sigma_t)^2$"
    )
    c.set(ylim=(0, 2))
    c.legend(loc="upper left")

    style.line(d, table.curve("d", "mean: exact"), style.SHARP, label=r"mean $t/n$, exact")
    style.marks(d, table.curve("d", "mean: measured"), 0, label="mean, measured")
    style.marks(d, table.curve("d", "median: measured"), 1, filled=False, label="median, measured")
    d.set(xscale="log", yscale="log")
    d.legend(loc="upper left")


PANELS = {
    "a": Panel(
        "The mean scale, and a plain average that lies", "generation $t$", r"$\mathrm{E}\,\sigma_t/\sigma_0$"
    ),
    "b": Panel(f"The typical path, $n={ONE}$", "generation $t$", r"$\sigma_t/\sigma_0$"),
    "c": Panel(
        f"The variance stays in mean, $n={ONE}$", "generation $t$", r"$\mathrm{E}\,\sigma_t^2/\sigma_0^2$"
    ),
    "d": Panel(f"The mean wanders, $n={ONE}$", "generation $t$", r"$(\mu_t-\mu_0)^2/\sigma_0^2$"),
}

figure = Figure(
    title="Gaussian collapse in one dimension",
    shown=(
        "A Gaussian refitted to n of its own samples. (a) E σ_t = c₄(n)^t σ_0 (lines) is an equality, so "
        "the paper's bound is attained at α = c₄(n). Open markers: under the √-tilt, without variance. "
        "Filled markers: the plain average of N paths with its nominal 95 % interval (± 1.96 standard "
        "errors); past the vertical bar its true standard error exceeds a tenth of the mean, the average "
        "falls far below the truth and its interval no longer tells. (b) The median path shrinks about "
        "twice as fast as the mean; grey: nine tenths of the paths (sample quantiles). (c) Meanwhile E "
        "σ_t² = σ_0² for ever. (d) E(μ_t − μ_0)² = tσ_0²/n grows for ever, while the typical displacement "
        "stops: μ_t converges almost surely."
    ),
    certificates=(
        "gaussian-collapse::mean_scale_is_exact",
        "gaussian-collapse::tower_property",
        "gaussian-collapse::long_horizon_by_tilt",
        "gaussian-collapse::typical_path_shrinks_faster",
        "gaussian-collapse::median_follows_the_drift",
        "gaussian-collapse::variance_is_a_martingale",
        "gaussian-collapse::mean_spreads_linearly",
    ),
    panels=PANELS,
    size=(style.TEXT, 4.8),
    compute=compute,
    draw=draw,
)
