"""Eight Gaussians under a diffusion model that is retrained on its own samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from theorycheck.figures import _runs
from theorycheck.figures import _style as style
from theorycheck.figures._figure import Figure, Given, Panel, Table
from theorycheck.loops import planar

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

PRESET, NAME = "eight-gaussians", "mode-collapse"
ROUNDS = (0, 5, 10, 15, 20)
MEASURES = {"b": "sliced_w2", "c": "modes_covered"}
MOST = 600  # points drawn a panel


def compute(given: Given) -> Table:
    run = _runs.read(given.run, PRESET, NAME)
    table = Table(notes=[_runs.provenance(run, given.run, PRESET)])
    seed = min(seed for _, seed, _ in run.samples)
    for loop, row in run.loops.items():
        rounds = sorted(step for name, of, step in run.samples if (name, of) == (loop, seed))
        wanted = [step for step in rounds if step in ROUNDS] or rounds[:: max(1, len(rounds) // 4)]
        for step in wanted[:5]:
            points = run.samples[loop, seed, step][:MOST]
            if points.shape[1] != 2:
                raise ValueError(f"{NAME} needs samples in the plane, got {points.shape[1]} numbers each")
            table.add("a", f"{loop}, round {step}", points[:, 0], points[:, 1])
        for panel, measure in MEASURES.items():
            if run.has(measure):
                _runs.over_seeds(table, panel, loop, run, loop, measure)
        table.remark("a", loop, _runs.told(row))
    if run.has("modes_covered"):
        table.add("a", "centres", *planar.circle().T)
    table.notes.append(f"The points are those of seed {seed}, at most {MOST} a round.")
    return table


def draw(table: Table, canvas: Canvas) -> None:
    loops = [loop for _, loop in table.remarks]
    parts: Any = canvas.subfigures(2, 1, height_ratios=[1.32 * len(loops), 1.8])
    upper, lower = parts
    points = table.curves("a")
    steps = {loop: [name for name in points if name.startswith(f"{loop}, ")] for loop in loops}
    grid = upper.subplots(len(loops), max(map(len, steps.values())), squeeze=False, sharex=True, sharey=True)
    everywhere = np.concatenate([np.abs([curve.x, curve.y]).ravel() for curve in points.values()])
    reach = 1.15 * float(np.quantile(everywhere, 0.995))
    for i, (row, loop) in enumerate(zip(grid, loops, strict=True)):
        for axes in row:
            axes.set(xticks=[], yticks=[], xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
            for side in axes.spines.values():
                side.set_visible(True)
        for axes, name in zip(row, steps[loop], strict=False):
            if centres := points.get("centres"):
                axes.plot(centres.x, centres.y, "+", color=style.VERMILION, markersize=5, zorder=3)
            axes.scatter(points[name].x, points[name].y, s=1.2, color=style.BLUE, linewidths=0)
            if i == 0:
                axes.set_title(f"{name.split()[-1]} retrainings")
        row[0].set_ylabel(table.remarks["a", loop])
    grid[0, 0].set_title(f"(a) {grid[0, 0].get_title()}")
    for key, axes in zip(MEASURES, lower.subplots(1, 2), strict=True):
        style.label(axes, key, PANELS[key])
        for i, (loop, curve) in enumerate(table.curves(key).items()):
            text = table.remarks["a", loop]
            axes.plot(curve.x, curve.y, color=style.COLOURS[i], linewidth=0.8)
            every = slice(None, None, max(1, curve.x.size // 10))
            style.marks(axes, type(curve)(*(v[every] for v in curve)), i, label=text)
        axes.set_ylim(bottom=0)
        if table.curves(key):
            axes.legend()


PANELS = {
    "a": Panel("Samples", "", "", "x, y: the points, or the centres of the data"),
    "b": Panel("Distance to the data", "retraining", "sliced $W_2$"),
    "c": Panel("Modes", "retraining", "modes covered"),
}

figure = Figure(
    title="Eight Gaussians under a retrained diffusion model",
    shown=(
        "A denoising diffusion model is trained on eight Gaussians and retrained again and again: on its "
        "own samples only (fully synthetic), on real points and half as many of its own (λ = ½), or on "
        "real points only (λ = 0). (a) Samples, with the centres of the data (crosses). (b) Sliced "
        "Wasserstein distance W₂ to held-out data. (c) How many modes have at least a quarter of their "
        "real share. A re-creation: settings that the paper does not publish are ours, and marked so in "
        "the preset."
    ),
    certificates=(
        "trained-models::modes_are_lost_on_synthetic_data",
        "trained-models::modes_are_kept_with_real_data",
        "finite-sample-collapse::scale_collapses_without_real_data",
        "finite-sample-collapse::real_data_stop_the_collapse",
        "finite-sample-collapse::real_data_bound_the_error",
    ),
    panels=PANELS,
    size=(style.TEXT, 6.0),
    compute=compute,
    draw=draw,
    takes_run="DIR of theorycheck retrain",
)
