"""The curated loop: rewards over time, and densities on the line and in the plane."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D
from scipy import stats

from theorycheck.figures import _style as style
from theorycheck.figures._figure import Curve, Figure, Given, Panel, Table
from theorycheck.figures._measure import COVERAGE, bounded_mean, columns
from theorycheck.loops import curation, planar
from theorycheck.loops.populations import Population
from theorycheck.loops.retraining import laws
from theorycheck.loops.rewards import Distance

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

CHOICES = (2, 4, 16, 64, inf)
ATOMS = np.array([0.2, 0.5, 0.7, 1.0])  # e^r of four states, equally likely at first
BETA = 1.0  # r* − r ~ Beta(β, 1): no atom at the top
STEPS, LONG = 40, 1000
LITERAL: dict[float, tuple[int, ...]] = {
    2: (2, 4, 8, 16),
    4: (2, 4, 8),
    16: (2, 4),
}  # generations of the literal loop, by K
USERS, PATHS = 500, 1024

K, WEIGHT = 4, 1.0  # of the densities; λ where there is real data
LINE = np.linspace(-4, 4, 801)
RATE = (style.GUIDE, "white")  # the look of a rate, on the line that it tells of
ON_LINE = Distance(1.0, 0.25, 2.0)
GENERATIONS = (0, 1, 3, 10)
SETTLED = 200
TIMES, MIXED = (0, 1, 4), (1, SETTLED)  # in the plane: curated only, and with real data
PIXELS = 64
PLANES = {"eight Gaussians": "ghijk", "two moons": "lmnop"}


def shown(choices: float) -> str:
    return "∞" if choices == inf else f"{choices:g}"


def kept(rng: np.random.Generator, size: int, choices: int, steps: int) -> np.ndarray:
    """E e^r of literal loops on the atoms, in which USERS users choose."""
    p = np.full(ATOMS.size, 1 / ATOMS.size)
    return curation.simulate(rng, p, np.log(ATOMS), choices, USERS, steps, size) @ ATOMS


def moments(p: np.ndarray, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """a* − E_t a, without cancellation, and Var_t a; the largest a is 1."""
    missing = p @ (1 - a)
    return missing, p @ (1 - a) ** 2 - missing**2


def compute(given: Given) -> Table:
    table = Table(
        notes=[
            f"The loops are exact but for the markers in (a): N = {PATHS} literal loops of {USERS} users.",
            f"On the line and in the plane K = {K}, and λ = {WEIGHT:g} where there is real data.",
            COVERAGE,
        ]
    )
    rewards(given, table)
    on_the_line(table)
    in_the_plane(table)
    return table


def rewards(given: Given, table: Table) -> None:
    """(a) and (b): a* − E e^r with and without atoms; (c): Var e^r."""
    points = laws.points(stats.beta(BETA, 1))
    held = points.weight > 1e-25
    mass, reward = points.weight[held] / points.weight[held].sum(), -points.x[held]
    times = np.unique(np.round(np.geomspace(1, LONG, 40)).astype(int))
    for choices in CHOICES:
        name, early = f"K = {shown(choices)}", np.arange(STEPS + 1)
        history = curation.trajectory(np.full(4, 0.25), np.log(ATOMS), choices, STEPS)
        missing, variance = moments(history, ATOMS)
        table.add("a", name, early, missing)
        ratio = ATOMS[2] if choices == inf else choices * ATOMS[2] / (ATOMS[2] + choices - 1)
        table.add("a", f"{name}, rate", early[8:], missing[-1] * ratio ** (early[8:] - STEPS))
        if choices in LITERAL:
            drawn = [given.draw(f"{choices} {t}", kept, PATHS, choices, t) for t in LITERAL[choices]]
            found = [bounded_mean(1 - a, (0.0, 1 - ATOMS[0])) for a in drawn]
            table.add("a", f"{name}, measured", LITERAL[choices], **columns(found))
        history = curation.trajectory(mass, reward, choices, LONG)[times]
        missing, spread = moments(history, np.exp(reward))
        table.add("b", name, times, missing)
        share = 1.0 if choices == inf else choices / (choices - 1)
        table.add("b", f"{name}, rate", times[times >= 20], BETA * share / times[times >= 20])
        table.add("c", f"atoms, {name}", early[1:], variance[1:])
        table.add("c", f"no atom, {name}", times, spread)


def on_the_line(table: Table) -> None:
    """(d) and (e): densities by generation; (f): the reward."""
    density = 0.5 * stats.norm.pdf(LINE, -1.2, 0.7) + 0.5 * stats.norm.pdf(LINE, 1.4, 0.7)
    width = LINE[1] - LINE[0]
    p, reward = density / density.sum(), ON_LINE(LINE)
    for panel, weight in (("d", inf), ("e", WEIGHT)):
        history = curation.trajectory(p, reward, K, SETTLED, weight)
        for t in (*GENERATIONS, *([SETTLED] if weight < inf else [])):
            table.add(panel, f"t = {t}", LINE, history[t] / width)
    table.add("f", "reward", LINE, reward)


def in_the_plane(table: Table) -> None:
    """The rest: p_t(x) = p_0(x)·(p_t/p_0)(r(x)), as the loop knows x by its reward alone."""
    centres, weights = planar.moons()
    planes = {
        "eight Gaussians": (planar.circle(), np.full(8, 1 / 8), planar.CIRCLE_SCALE, planar.eight_gaussians(),
                            Distance((planar.CIRCLE, 0.0), planar.FREE), (-2.9, 2.9), (-2.9, 2.9)),
        "two moons": (centres, weights, planar.MOON_SCALE, planar.two_moons(),
                      Distance((0.0, 1.0), planar.FREE), (-1.5, 2.5), (-1.75, 2.25)),
    }  # fmt: skip
    for name, (means, shares, scale, law, reward, across, up) in planes.items():
        x, y = np.meshgrid(np.linspace(*across, PIXELS), np.linspace(*up, PIXELS))
        at = np.column_stack([x.ravel(), y.ravel()])
        squares = ((at[:, None, :] - means) ** 2).sum(axis=2) / (2 * scale**2)
        density = np.exp(-squares) @ shares / (2 * np.pi * scale**2)
        curated, mixed = (ratios(law, weight) for weight in (inf, WEIGHT))
        levels = law.levels.reward
        for panel, ratio in zip(PLANES[name], [*curated[list(TIMES)], *mixed[list(MIXED)]], strict=True):
            table.add(panel, name, at[:, 0], at[:, 1], z=density * np.interp(reward(at), levels, ratio))
        for distance in (0.5, 1.0, 2.0, 3.0):
            angle = np.linspace(0, 2 * np.pi, 49)
            ring = np.asarray(reward.target) + distance * np.column_stack([np.cos(angle), np.sin(angle)])
            for panel in PLANES[name]:
                table.add(panel, f"r = {reward.at_distance(np.array(distance)):g}", ring[:, 0], ring[:, 1])


def ratios(law: Population, weight: float) -> np.ndarray:
    """p_t/p_0 at each level of the reward, shape (SETTLED + 1, levels)."""
    real = law.levels
    return curation.trajectory(real.p, real.reward, K, SETTLED, weight) / real.p


def draw(table: Table, canvas: Canvas) -> None:
    parts: Any = canvas.subfigures(3, 1, height_ratios=[2.1, 1.8, 3.0])
    upper, middle, lower = parts
    axes = dict(zip("abc", upper.subplots(1, 3), strict=True))
    axes |= dict(zip("def", middle.subplots(1, 3), strict=True))
    axes |= dict(zip("ghijklmnop", lower.subplots(2, 5).ravel(), strict=True))
    for key, panel in PANELS.items():
        style.label(axes[key], key, panel)
    draw_rewards(table, axes["a"], axes["b"], axes["c"])
    canvas.draw_without_rendering()
    for key, kind, lift in (("a", "", 0), ("b", "", 0), ("c", "no atom, ", 0), ("c", "atoms, ", -12)):
        ends = {short(choices): table.curve(key, f"{kind}K = {shown(choices)}") for choices in CHOICES}
        style.ends(axes[key], ends, canvas, lift)
    shades = style.SHADES(np.linspace(0.35, 1, len(GENERATIONS)))
    roles = (style.GUIDE, style.PAPER, (0, (4, 1, 1, 1)), style.SHARP)
    for key in "de":
        for i, t in enumerate(GENERATIONS):
            curve = table.curve(key, f"t = {t}")
            axes[key].plot(curve.x, curve.y, color=shades[i], linestyle=roles[i], label=f"$t={t}$")
        axes[key].set(xlim=(-3.5, 3.5))
        axes[key].legend(loc="upper left", handlelength=1.6)
    settled = table.curve("e", f"t = {SETTLED}")
    style.line(axes["e"], settled, style.SHARP, style.SKY, linewidth=3, zorder=1, label=r"$t\to\infty$")
    axes["e"].legend(loc="upper left", handlelength=1.6)
    axes["e"].set_ylim(top=0.95)
    style.line(axes["f"], table.curve("f", "reward"), style.SHARP)
    axes["f"].set(xlim=(-3.5, 3.5))
    for keys in PLANES.values():
        for key in keys:
            draw_plane(axes[key], table.curves(key))


def short(choices: float) -> str:
    """K at the end of a line."""
    return r"$\infty$" if choices == inf else "$K=2$" if choices == 2 else f"${choices:g}$"


def draw_rewards(table: Table, a: Axes, b: Axes, c: Axes) -> None:
    for i, choices in enumerate(CHOICES):
        name, colour = f"K = {shown(choices)}", style.COLOURS[i]
        for axes, key in ((a, "a"), (b, "b")):
            style.line(axes, table.curve(key, name), style.SHARP, colour)
            style.line(axes, table.curve(key, f"{name}, rate"), *RATE)
        if choices in LITERAL:
            style.marks(a, table.curve("a", f"{name}, measured"), i)
        style.line(c, table.curve("c", f"no atom, {name}"), style.SHARP, colour)
        style.line(c, table.curve("c", f"atoms, {name}"), style.PAPER, colour)
    a.set(yscale="log", ylim=(1e-9, 2))
    b.set(xscale="log", yscale="log", ylim=(1e-4, 0.6))
    c.set(xscale="log", yscale="log", ylim=(1e-10, 0.5))
    exact, rate = Line2D([], [], color=style.BLACK), Line2D([], [], linestyle=RATE[0], color=RATE[1])
    told: dict[str, Any] = {"exact": exact, "sharp rate": (exact, rate)}
    b.legend(list(told.values()), list(told), loc="lower left", handlelength=1.6)
    drawn = Line2D([], [], color=style.BLACK, marker="o", linestyle="none")
    told |= {"literal loop": drawn}
    a.legend(list(told.values()), list(told), loc="lower left", handlelength=1.6)
    style.roles(c, "lower left", ("no atom", style.SHARP), ("atoms", style.PAPER), handlelength=1.6)


def draw_plane(axes: Axes, curves: dict[str, Curve]) -> None:
    """A density by shades of its square root, and the level sets of the reward."""
    density, *rings = curves.values()
    shape = (PIXELS, PIXELS)
    x, y, z = (v.reshape(shape) for v in (density.x, density.y, density.z))
    axes.pcolormesh(x, y, np.sqrt(z), cmap=style.SHADES, shading="gouraud", rasterized=True)
    for ring in rings:
        axes.plot(ring.x, ring.y, color=style.VERMILION, linewidth=0.6, linestyle=style.PAPER)
    axes.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()), aspect="equal", xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set_visible(True)


IN_THE_PLANE = ("$t=0$", "$t=1$", "$t=4$", r"$\lambda=1$, $t=1$", r"$\lambda=1$, $t\to\infty$")
PLANE = "x, y: a point of the plane or of a level set, z: density"
PANELS = {
    "a": Panel("With atoms: geometric", "generation $t$", r"$a_*-\mathrm{E}_t\,e^r$"),
    "b": Panel("Without: $1/t$", "generation $t$", r"$a_*-\mathrm{E}_t\,e^r$"),
    "c": Panel("The variance", "generation $t$", r"$\mathrm{Var}_t\,e^r$"),
    "d": Panel("Curated only", "$x$", "density"),
    "e": Panel(r"With real data, $\lambda=1$", "$x$", "density"),
    "f": Panel("The reward", "$x$", "$r(x)$"),
}
PANELS |= {
    key: Panel(title, "", "", PLANE)
    for keys in PLANES.values()
    for key, title in zip(keys, IN_THE_PLANE, strict=True)
}

figure = Figure(
    title="The curated loop",
    shown=(
        "Users keep one of K samples by a Bradley–Terry choice, and the next model is fitted to what they "
        "kept. (a) Four states with e^r = .2, .5, .7, 1: what is missing of the best reward falls at the "
        "sharp rate ρ = K a_2/(a_2 + (K−1)a*) (white dots, a_2 the next level); markers: the literal loop "
        "with its intervals. (b) r uniform below r*, without an atom there: it falls like βK/((K−1)t) "
        "only (white dots, β = 1). (c) The variance of e^r vanishes in both. (d) Densities on the line, "
        "curated only: they concentrate where (f) the reward is largest; (e) with real data they settle. "
        "Then the eight Gaussians (g) to (k) and two moons (l) to (p), curated only at t = 0: (g), (l), "
        "1: (h), (m), and 4: (i), (n), and with real data at t = 1: (j), (o), and in the limit: (k), (p); "
        "shades go by the square root of the density relative to its peak, dashed: level sets of the "
        "reward, at distances .5 (r*), 1, 2 and 3."
    ),
    certificates=(
        "curated-density-update::literal_loop_follows",
        "reward-convergence-rates::gap_rate_is_measured",
        "reward-convergence-rates::shortfall_falls_like_one_over_t",
        "reward-convergence::variances_are_summable",
        "reward-ascent::gain_is_bounded_below",
        "optimal-set-convergence::divergence_never_rises",
        "curated-mixture-fixed-point::loop_tends_to_the_fixed_point",
    ),
    panels=PANELS,
    size=(style.TEXT, 7.0),
    compute=compute,
    draw=draw,
)
