"""Collapse of the Gaussian refitted to its own samples, in several dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from theorycheck.figures import _style as style
from theorycheck.figures._figure import Figure, Given, Panel, Table
from theorycheck.figures._measure import COVERAGE, bounded_mean, columns, mean_of_known_variance
from theorycheck.formula import ball
from theorycheck.loops import closed_forms as form
from theorycheck.loops import covariance
from theorycheck.loops.gaussian import contraction_factor

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

N = 10  # samples a generation in (a)
STARTS = {  # Σ_0 and a direction, by what they are called in the data
    "I, d = 2": (np.eye(2), 0),
    "I, d = 5": (np.eye(5), 0),
    "diag(1, 1/25), larger axis": (np.diag([1.0, 0.04]), 0),
    "diag(1, 1/25), smaller axis": (np.diag([1.0, 0.04]), 1),
}
TIMES = (1, 3, 10, 30, 100, 300)
PLANE = (5, 10, 20)  # n in (b)
CONDITIONS = (1.0, 1e1, 1e2, 1e3, 1e4)
DIMENSIONS = {2: (2, 3, 4, 8, 16, 32), 5: (2, 3, 4, 8, 16, 32), 20: (2, 3, 4, 8, 16, 32)}  # by n, in (c)
SPECTRA = {20: 12, 10: 9, 5: 4}  # d by n, in (d)
STEPS = 3
RATIOS, PIVOTS = 2048, 8192


def ratio(
    rng: np.random.Generator, size: int, start: np.ndarray, n: int, steps: int, axis: int
) -> np.ndarray:
    """R_t along an axis, in [0, 1]: E(√Σ_t)_xx = c₄^t·√(x'Σ_0 x)·E_Q R_t."""
    return covariance.tilted_ratio(rng, start, n, steps, size, np.eye(len(start))[axis])


def pivots(rng: np.random.Generator, size: int, n: int, dimension: int) -> np.ndarray:
    """The logarithms of the Cholesky pivots of Σ_t over 2t, shape (d, size), from Σ_0 = I."""
    sigma = covariance.simulate_covariance(rng, np.eye(dimension), n, STEPS, size, kernel="reduced")
    minors = np.stack([np.linalg.slogdet(sigma[:, :k, :k])[1] for k in range(1, dimension + 1)])
    return np.diff(minors, axis=0, prepend=0.0) / (2 * STEPS)


def number(expression: sp.Expr) -> float:
    return float(ball(expression).mid())


def compute(given: Given) -> Table:
    table = Table(
        notes=[
            f"N = {RATIOS} paths for each point in (a) to (c), {PIVOTS} of {STEPS} steps in (d).",
            COVERAGE,
        ]
    )
    over_time(given, table)
    by_conditioning(given, table)
    by_dimension(given, table)
    spectrum(given, table)
    return table


def over_time(given: Given, table: Table) -> None:
    """(a): E(√Σ_t)_xx as a share of the bound c₄^t(√Σ_0)_xx along eigenvectors x of Σ_0."""
    every = np.geomspace(1, TIMES[-1], 60)
    table.add("a", "bound", [1, TIMES[-1]], 1.0)
    for name, (start, axis) in STARTS.items():
        drawn = [given.draw(f"{name} {t}", ratio, RATIOS, start, N, t, axis) for t in TIMES]
        table.add("a", name, TIMES, **columns([bounded_mean(r, (0, 1)) for r in drawn]))
    for d in (2, 5):
        limit = number(form.alignment_limit(sp.Integer(d)))
        table.add("a", f"limit from I, d = {d}", [TIMES[-2], TIMES[-1]], limit)
    isotropic = number(form.isotropic_constant_plane(sp.Integer(N))) / contraction_factor(N)
    table.add("a", "isotropic constant, d = 2", every, isotropic**every)


def by_conditioning(given: Given, table: Table) -> None:
    """(b): max_i E(√Σ_1)_ii/√s_i from Σ_0 = diag(1, 1/condition)."""
    every = np.geomspace(CONDITIONS[0], CONDITIONS[-1], 17)
    for n in PLANE:
        factor = contraction_factor(n)
        table.add("b", f"n = {n}, bound", [every[0], every[-1]], factor)
        exact = [max(covariance.mean_root_plane(n, float(c), 56)) for c in every]
        table.add("b", f"n = {n}, exact", every, exact)
        starts = [np.diag([1.0, 1 / c]) for c in CONDITIONS]
        drawn = [given.draw(f"condition {n} {s[1, 1]}", ratio, RATIOS, s, n, 1, 0) for s in starts]
        found = [bounded_mean(factor * r, (0, factor)) for r in drawn]
        table.add("b", f"n = {n}, measured", CONDITIONS, **columns(found))


def by_dimension(given: Given, table: Table) -> None:
    """(c): E tr√Σ_1/d from Σ_0 = I."""
    every = np.unique(np.round(np.geomspace(1, 32, 24)))
    for n, dimensions in DIMENSIONS.items():
        factor, nu = contraction_factor(n), n - 1
        table.add("c", f"n = {n}, bound", [1, 32], factor)
        drawn = [given.draw(f"dimension {n} {d}", ratio, RATIOS, np.eye(d), n, 1, 0) for d in dimensions]
        found = [bounded_mean(factor * r, (0, factor)) for r in drawn]
        table.add("c", f"n = {n}, measured", dimensions, **columns(found))
        if n == 2:
            exact = [number(form.isotropic_constant_pair(sp.Integer(int(d)))) for d in every]
            table.add("c", f"n = {n}, exact", every, exact)
        else:
            near = every[every <= n]
            table.add("c", f"n = {n}, first order", near, 1 - (0.5 + (near - 1) / 4) / (2 * nu))


def spectrum(given: Given, table: Table) -> None:
    """(d): the Lyapunov exponents of √Σ_t, and log c₄ for E√Σ_t."""
    for n, dimension in SPECTRA.items():
        j = np.arange(1, dimension + 1)
        exact = [number(form.lyapunov_exponent(sp.Integer(n), int(k))) for k in j]
        table.add("d", f"n = {n}, exact", j, exact)
        drawn = given.draw(f"pivots {n}", pivots, PIVOTS, n, dimension)
        variances = [number(sp.polygamma(1, sp.Rational(n - int(k), 2))) / (4 * STEPS) for k in j]
        found = [mean_of_known_variance(x, v) for x, v in zip(drawn, variances, strict=True)]
        table.add("d", f"n = {n}, measured", j, **columns(found))
        table.add("d", f"n = {n}, log c₄", 0, float(np.log(contraction_factor(n))))


def draw(table: Table, canvas: Canvas) -> None:
    (a, b), (c, d) = canvas.subplots(2, 2)
    for key, axes in zip("abcd", (a, b, c, d), strict=True):
        style.label(axes, key, PANELS[key])
    style.line(a, table.curve("a", "bound"), style.PAPER, style.GREY)
    a.annotate("the bound", (1, 1), xytext=(0, 2), textcoords="offset points", fontsize=8, color=style.GREY)
    for i, name in enumerate(STARTS):
        text = name.replace("I, d = ", "$I$, $d=$").replace("diag(1, 1/25)", "diag$(1,1/25)$")
        style.marks(a, table.curve("a", name), i, filled=i < 2, label=text)
    for i, d_ in enumerate((2, 5)):
        style.line(a, table.curve("a", f"limit from I, d = {d_}"), style.SHARP, style.COLOURS[i])
    rival = table.curve("a", "isotropic constant, d = 2")
    style.line(a, rival, style.GUIDE, label=r"false: $(\alpha_I/c_4)^t$, $d=2$")
    a.set(xscale="log", ylim=(0, 1.13))
    a.legend(loc="lower left")

    for i, n in enumerate(PLANE):
        style.line(b, table.curve("b", f"n = {n}, bound"), style.PAPER, style.COLOURS[i])
        style.line(b, table.curve("b", f"n = {n}, exact"), style.SHARP, style.COLOURS[i])
        style.marks(b, table.curve("b", f"n = {n}, measured"), i, label=f"$n={n}$")
    b.set(xscale="log", ylim=(0.865, 1.0))
    b.legend(loc="lower right", ncols=3, columnspacing=1, handlelength=1)

    for i, n in enumerate(DIMENSIONS):
        style.line(c, table.curve("c", f"n = {n}, bound"), style.PAPER, style.COLOURS[i])
        style.marks(c, table.curve("c", f"n = {n}, measured"), i, label=f"$n={n}$")
        kind, role = ("exact", style.SHARP) if n == 2 else ("first order", style.GUIDE)
        style.line(c, table.curve("c", f"n = {n}, {kind}"), role, style.COLOURS[i])
    c.set(xscale="log", ylim=(0, 1.04))
    c.set_xticks([1, 2, 4, 8, 16, 32], ["1", "2", "4", "8", "16", "32"])
    c.minorticks_off()
    c.legend(loc="lower left")

    for i, n in enumerate(SPECTRA):
        style.marks(d, table.curve("d", f"n = {n}, log c₄"), i, filled=False)
        style.line(d, table.curve("d", f"n = {n}, exact"), style.SHARP, style.COLOURS[i])
        style.marks(d, table.curve("d", f"n = {n}, measured"), i, label=f"$n={n}$, $d={SPECTRA[n]}$")
    d.set_xticks([0, *range(1, 13)], [r"$c_4$", *map(str, range(1, 13))])
    d.set_ylim(bottom=-2.3)
    d.legend(loc="lower left")


PANELS = {
    "a": Panel(
        f"In the Löwner order, $n={N}$",
        "generation $t$",
        r"$\mathrm{E}(\sqrt{\Sigma_t})_{xx}\,/\,c_4^t(\sqrt{\Sigma_0})_{xx}$",
    ),
    "b": Panel(
        "One step, by conditioning, $d=2$",
        r"condition number of $\Sigma_0$",
        r"$\max_i\mathrm{E}(\sqrt{\Sigma_1})_{ii}/\sqrt{s_i}$",
    ),
    "c": Panel("One step, by dimension", "dimension $d$", r"$\mathrm{E}\,\mathrm{tr}\sqrt{\Sigma_1}/d$"),
    "d": Panel("Lyapunov spectrum", "$j$", r"exponent $\gamma_j$ of $\sqrt{\Sigma_t}$"),
}

figure = Figure(
    title="Gaussian collapse in several dimensions",
    shown=(
        "E√Σ_t ⪯ c₄(n)^t √Σ_0 for every d and Σ_0. (a) The share of that bound along an eigenvector x of "
        "Σ_0, under the √-tilt, where the statistic lies in [0, 1] at every horizon; solid: its limit √π "
        "Γ((d+1)/2)/(dΓ(d/2)) from Σ_0 = I. As the share does not vanish, no constant below c₄ serves all "
        "t: the isotropic one-step constant α_I falls below the truth (dotted). (b) The one-step constant "
        "grows with the condition number towards c₄ (dashed); solid: by quadrature. (c) From Σ_0 = I it "
        "is far below c₄ (dashed) in high dimension; solid: exact at n = 2; dotted: 1 − (½ + "
        "(d−1)/4)/(2ν), ν = n − 1. (d) √Σ_t has exponents γ_j = ½[ψ((n−j)/2) + log(2/ν)], −∞ for j > ν: "
        "also the largest is below log c₄, the rate of E√Σ_t (open markers, at c₄)."
    ),
    certificates=(
        "gaussian-collapse-multivariate::mean_root_decays",
        "gaussian-collapse-multivariate::no_smaller_constant_does",
        "gaussian-collapse-multivariate::root_aligns_with_one_direction",
        "gaussian-collapse-multivariate::constant_grows_with_condition",
        "gaussian-collapse-multivariate::first_order_of_the_constant",
        "gaussian-collapse-multivariate::pair_constant",
        "gaussian-collapse-multivariate::lyapunov_spectrum",
    ),
    panels=PANELS,
    size=(style.TEXT, 4.9),
    compute=compute,
    draw=draw,
)
