"""Local stability of retraining at infinite data, over the synthetic weight and the misfit."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patheffects import withStroke
from scipy import stats

from theorycheck.figures import _style as style
from theorycheck.figures._figure import Figure, Given, Panel, Table
from theorycheck.loops.retraining import families, rates
from theorycheck.loops.retraining.laws import Mixture
from theorycheck.loops.retraining.maps import Retraining
from theorycheck.loops.retraining.stability import constants

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

# A logistic location on data of which a share comes from elsewhere, which moves ε.
SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45)
SHOWN = 0.2
WEIGHTS = np.geomspace(0.02, 20, 13)
AT = (0.2, 2.0)  # λ in (b)
FLAT = 0.4  # λ in (d), where the paper's λ < ½ is met
DEGREES = 3
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)


@functools.cache
def loop(share: float) -> Retraining:
    elsewhere = Mixture((0.5, 0.5), (stats.norm(-5, 0.5), stats.norm(5, 0.5)))
    return Retraining(families.logistic(1), Mixture((1 - share, share), (stats.logistic(), elsewhere)))


@functools.cache
def local(share: float) -> tuple[float, float, float]:
    """α, L, ε, the last with its numerical error on top."""
    known = constants(loop(share))
    return known.alpha, known.lipschitz, known.epsilon + known.epsilon_error


def boundary(share: float) -> float:
    """The λ at which λ(1 + Lε/α) = ½."""
    return 0.5 / rates.condition(1.0, *local(share))


def measured(share: float, weights: np.ndarray) -> dict[str, np.ndarray]:
    """The measured rates as columns of a table."""
    rate, error = loop(share).measured_rates(weights)
    return {"y": rate, "low": rate - error, "high": rate + error}


def compute(given: Given) -> Table:
    table = Table(notes=["No sampling: expectations are quadratures, and each rate is read off an orbit."])
    known = [(share, local(share)) for share in SHARES]
    misfits = np.array([epsilon for _, (_, _, epsilon) in known])
    over_weights(table)
    for weight in AT:
        found = [measured(share, np.array([weight])) for share in SHARES]
        columns = {name: np.concatenate([f[name] for f in found]) for name in ("y", "low", "high")}
        table.add("b", f"λ = {weight:g}, measured", misfits, **columns)
        table.add("b", f"λ = {weight:g}, sharp", misfits, [rates.sharp_rate(weight, *c) for _, c in known])
        met = [(c[2], rates.paper_rate(weight, *c)) for _, c in known if rates.condition(weight, *c) < 0.5]
        if met:
            table.add("b", f"λ = {weight:g}, paper", *np.array(met).T)
    for (share, _), misfit in zip(known, misfits, strict=True):
        table.add("c", "measured", WEIGHTS, misfit, z=measured(share, WEIGHTS)["y"])
    table.add("c", "paper's condition", [boundary(share) for share in SHARES], misfits)
    flat(table)
    return table


def over_weights(table: Table) -> None:
    """(a): the three rates against λ at one misfit."""
    fine, constant = np.geomspace(WEIGHTS[0], WEIGHTS[-1], 80), local(SHOWN)
    table.add("a", "measured", WEIGHTS, **measured(SHOWN, WEIGHTS))
    table.add("a", "sharp", fine, rates.sharp_rate(fine, *constant))
    inside = np.geomspace(WEIGHTS[0], boundary(SHOWN), 60)
    table.add("a", "paper", inside, rates.paper_rate(inside, *constant))
    table.add("a", "spectral radius", fine, np.abs(loop(SHOWN).jacobian(fine))[:, 0, 0])


def flat(table: Table) -> None:
    """(d): a Student location with data at ±c, where α > 0 for c < √ν and α = 0 for c = √ν."""
    t = np.unique(np.round(np.geomspace(1, 300, 40)).astype(int))
    for name, offset in (("α = 0", DEGREES**0.5), ("α > 0", 1.4)):
        found = Retraining(families.student(DEGREES, 1), offset * np.array([-1.0, 1.0]))
        error = np.abs(found.orbit([0.5], FLAT, int(t[-1]))[:, 0])
        seen = t[error[t] > 1e-12]
        table.add("d", f"{name}, measured", seen, error[seen])
        if name == "α > 0":
            rate = float(np.abs(found.jacobian(FLAT)).item())
            table.add("d", f"{name}, rate", seen, error[seen[-1]] * rate ** (seen - seen[-1]))
    late = t[t >= 3]
    slow = np.sqrt(2 * DEGREES**2 * FLAT / ((DEGREES + 3) * late))
    table.add("d", "α = 0, asymptote", late, slow)


def draw(table: Table, canvas: Canvas) -> None:
    (a, b), (c, d) = canvas.subplots(2, 2)
    for key, axes in zip("abcd", (a, b, c, d), strict=True):
        style.label(axes, key, PANELS[key])
    style.line(a, table.curve("a", "paper"), style.PAPER, style.VERMILION, label="paper’s bound")
    style.line(a, table.curve("a", "sharp"), style.SHARP, style.BLUE, label="sharp bound")
    style.line(a, table.curve("a", "spectral radius"), style.GUIDE, label="spectral radius of $J$")
    style.marks(a, table.curve("a", "measured"), 0, label="measured")
    end = table.curve("a", "paper").x[-1]
    a.axvline(end, color=style.VERMILION, linewidth=0.6)
    a.annotate(
        r"$\lambda(1+\kappa)=\frac{1}{2}$",
        (end, 0.97),
        (3, 0),
        textcoords="offset points",
        color=style.VERMILION,
    )
    a.set(xscale="log", ylim=(0, 1.05))
    a.legend(loc="lower right", handlelength=1.4)

    for i, weight in enumerate(AT):
        colour = style.COLOURS[i]
        for kind, role in (("sharp", style.SHARP), ("paper", style.PAPER)):
            if f"λ = {weight:g}, {kind}" in table.curves("b"):
                style.line(b, table.curve("b", f"λ = {weight:g}, {kind}"), role, colour)
        style.marks(b, table.curve("b", f"λ = {weight:g}, measured"), i, label=rf"$\lambda={weight:g}$")
    b.set(ylim=(0, 1.05))
    b.legend(loc="upper left")
    style.roles(b, (0.02, 0.44), ("sharp bound", style.SHARP), ("paper’s bound", style.PAPER))

    plane = table.curve("c", "measured")
    x, y, z = (v.reshape(len(SHARES), WEIGHTS.size) for v in (plane.x, plane.y, plane.z))
    mesh = c.pcolormesh(x, y, z, cmap=style.SHADES, vmin=0, vmax=1, shading="gouraud", rasterized=True)
    low = len(SHARES) // 5  # where there is room beside the edge of the region
    halo = withStroke(linewidth=1.5, foreground="white")  # against the hatching
    for levels, colour, effects in ((LEVELS[:3], "black", [halo]), (LEVELS[3:], "white", [])):
        lines = c.contour(x, y, z, levels, colors=colour, linewidths=0.6)
        places = [(np.interp(level, z[low], x[low]), y[low, 0]) for level in levels]
        for text in c.clabel(lines, fmt="%g", fontsize=8, manual=places):
            text.set_path_effects(effects)
    edge = table.curve("c", "paper's condition")
    c.plot(edge.x, edge.y, color=style.VERMILION, linewidth=1.6)
    c.fill_betweenx(
        edge.y, WEIGHTS[0], edge.x, facecolor="none", edgecolor=style.VERMILION, hatch="////", linewidth=0
    )
    c.set(xscale="log", xlim=(WEIGHTS[0], WEIGHTS[-1]), ylim=(0, plane.y.max()))
    bar = c.figure.colorbar(mesh, ax=c, pad=0.02, aspect=25)
    bar.set_label("measured rate")
    bar.outline.set_linewidth(0.6)

    style.marks(d, table.curve("d", "α = 0, measured"), 0, label=r"$\alpha=0$, measured")
    style.line(d, table.curve("d", "α = 0, asymptote"), style.SHARP, label=r"$\alpha=0$: $\propto t^{-1/2}$")
    style.marks(d, table.curve("d", "α > 0, measured"), 1, filled=False, label=r"$\alpha>0$, measured")
    style.line(d, table.curve("d", "α > 0, rate"), style.SHARP, style.BLUE, label=r"$\alpha>0$: $\rho(J)^t$")
    d.set(xscale="log", yscale="log", ylim=(1e-13, 3))
    d.legend(loc="lower left")


PANELS = {
    "a": Panel("Rates, by synthetic weight", r"synthetic weight $\lambda$", "rate"),
    "b": Panel("Rates, by misfit", r"misfit $\varepsilon=W_1(p_{\theta^*},p_{\mathrm{data}})$", "rate"),
    "c": Panel(
        "Stable everywhere",
        r"synthetic weight $\lambda$",
        r"misfit $\varepsilon$",
        r"x: synthetic weight $\lambda$, y: misfit $\varepsilon$, z: measured rate",
    ),
    "d": Panel(
        rf"What matters is $\alpha>0$, $\lambda={FLAT:g}$", "generation $t$", r"$|\theta_t-\theta^*|$"
    ),
}

figure = Figure(
    title="Stability of iterative retraining, at infinite data",
    shown=(
        "A logistic location fitted to its own law, of which a growing share is replaced by two groups at "
        "±5. (a) The rate at which θ_t → θ*, at ε = W₁(p_θ*, p_data) for a share of 0.2: measured on an "
        "orbit, the sharp bound λ(1+κ)/(1+λ(1+κ)), κ = Lε/α, and the paper's λ(1+κ)/(1−λ(1+κ)), which is "
        "stated for λ(1+κ) < ½ only. α, L and ε are computed, not assumed. (b) The same over ε. (c) The "
        "measured rate over the plane; hatched: where the paper's condition holds. It shrinks with ε; the "
        "loop is stable on the whole plane. (d) A Student location (3 degrees of freedom) on data at ±c: "
        "at c = √3 the likelihood is flat at its maximum, α = 0, and θ_t falls like √(2ν²λ/((ν+3)t)), "
        "without a rate, although λ < ½; at c = 1.4 the rate is the spectral radius of the Jacobian J."
    ),
    certificates=(
        "retraining-stability::errors_shrink_at_the_papers_rate",
        "retraining-stability-sharp::rate_is_bounded",
        "retraining-stability-sharp::measured_rate_is_below_the_bound",
        "retraining-stability-sharp::flat_likelihood_has_no_rate",
        "lambda-epsilon-interplay::measured_rate_is_below_the_sharp_one",
        "lambda-epsilon-interplay::measured_rate_is_below_the_papers",
        "lambda-epsilon-interplay::loop_is_stable_outside_the_region",
        "lambda-epsilon-interplay::region_shrinks_with_misfit",
    ),
    panels=PANELS,
    size=(style.TEXT, 4.9),
    compute=compute,
    draw=draw,
)
