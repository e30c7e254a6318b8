"""Bias amplification on images: the population loop and trained models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import PowerNorm

from theorycheck.figures import _runs
from theorycheck.figures import _style as style
from theorycheck.figures._figure import Figure, Given, Panel, Table
from theorycheck.loops import curation, digits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

PRESET, NAME = "digits", "bias-amplification"
MEASURES = {"d": "mean_reward", "e": "frechet", "f": "precision", "g": "recall"}
MOST_ROUNDS, MOST_IMAGES = 6, 8  # of the grid of samples: rounds, and images of each
GRIDS = 2  # loops whose classes and samples are shown


def compute(given: Given) -> Table:
    run = _runs.read(given.run, PRESET, NAME)
    if not run.has("class_0"):
        raise ValueError(f"{NAME} needs the shares of classes, class_0 …, and the run has none")
    table = Table(notes=[_runs.provenance(run, given.run, PRESET)])
    classes = sum(run.has(f"class_{c}") for c in range(1000))
    loops = list(run.loops)
    for panel, loop in zip("ab", loops[:GRIDS], strict=False):
        for c in range(classes):
            _runs.over_seeds(table, panel, f"{loop}, class {c}", run, loop, f"class_{c}")
        table.remark(panel, loop, str(classes))
    favoured = favourite(table, run, classes)
    table.remark("c", "class", str(favoured))
    for loop in loops:
        _runs.over_seeds(table, "c", loop, run, loop, f"class_{favoured}")
        for panel, measure in MEASURES.items():
            if run.has(measure):
                _runs.over_seeds(table, panel, loop, run, loop, measure)
    if run.rows[0].preset == PRESET:
        population(table, run, favoured)
    samples(table, run)
    return table


def favourite(table: Table, run: _runs.Run, classes: int) -> int:
    """The class that the first loop's reward is about, or else the one that is largest in its last round."""
    loop, row = next(iter(run.loops.items()))
    kind, _, label = row.reward.partition(":")
    if kind == "class":
        return int(label)
    last = [table.curve("a", f"{loop}, class {c}").y[-1] for c in range(classes)]
    return int(np.argmax(last))


def population(table: Table, run: _runs.Run, favoured: int) -> None:
    """The exact population loop on all real digits, as the logistic regression judges them."""
    for loop, row in run.loops.items():
        if row.choices == 1 or loop == "shuffled":
            continue
        reward = digits.reward(row.reward)
        start = np.full(reward.size, 1 / reward.size)
        steps = max(r.round for r in run.rows)
        history = curation.trajectory(start, reward, row.choices, steps, row.synthetic_weight)
        table.add("c", f"{loop}, population", range(steps + 1), digits.class_shares(history)[:, favoured])
        table.add("d", f"{loop}, population", range(steps + 1), history @ reward)


def samples(table: Table, run: _runs.Run) -> None:
    """(h): images by round; the data tell which of the run's samples: x the round, y the index."""
    seed = min(seed for _, seed, _ in run.samples)
    for loop in list(run.loops)[:GRIDS]:
        rounds = sorted(step for name, of, step in run.samples if (name, of) == (loop, seed))
        kept = np.unique(np.linspace(0, len(rounds) - 1, MOST_ROUNDS).round().astype(int))
        for step in (rounds[i] for i in kept):
            shown = run.samples[loop, seed, step][:MOST_IMAGES]
            name = f"{loop}, round {step}"
            table.add("h", name, step, np.arange(len(shown)))
            table.images[name] = mosaic([_runs.image(pixels) for pixels in shown])
    table.notes.append(f"The images are the first {MOST_IMAGES} of seed {seed}.")


def mosaic(images: list[np.ndarray]) -> np.ndarray:
    """Images of one size side by side in two rows, each with a white rim."""
    framed = [np.pad(image, ((1, 1), (1, 1), (0, 0)), constant_values=1) for image in images]
    framed += [np.ones_like(framed[0])] * (len(framed) % 2)
    half = len(framed) // 2
    return np.vstack([np.hstack(framed[:half]), np.hstack(framed[half:])])


def draw(table: Table, canvas: Canvas) -> None:
    parts: Any = canvas.subfigures(3, 1, height_ratios=[2.0, 1.7, 1.3])
    axes = dict(zip("abc", parts[0].subplots(1, 3), strict=True))
    axes |= dict(zip("defg", parts[1].subplots(1, 4), strict=True))
    for key, panel in axes.items():
        style.label(panel, key, PANELS[key])
    loops = {panel: loop for panel, loop in table.remarks if panel in "ab"}
    for key, loop in loops.items():
        draw_classes(axes[key], table, key, loop)
    axes["c"].set_ylim(0, 1.03)
    axes["c"].set_ylabel(f"share of class {table.remarks['c', 'class']}")
    names = [name for name in table.curves("c") if not name.endswith(", population")]
    for key in "cdefg":
        curves = table.curves(key)
        for i, name in enumerate(names):
            if name in curves:
                found = curves[name]
                axes[key].plot(found.x, found.y, color=style.COLOURS[i % 5], linewidth=0.5)
                style.marks(axes[key], found, i, label=name, markersize=3)
            if f"{name}, population" in curves:
                style.line(axes[key], curves[f"{name}, population"], style.PAPER, style.COLOURS[i % 5])
        if not curves:
            axes[key].set(xticks=[], yticks=[])
            axes[key].annotate("not measured", (0.5, 0.5), xycoords="axes fraction", ha="center")
    handles, texts = axes["c"].get_legend_handles_labels()
    if any(name.endswith(", population") for name in table.curves("c")):
        (line,) = axes["c"].plot([], [], color=style.BLACK, linestyle=style.PAPER)
        handles, texts = [*handles, line], [*texts, "population loop"]
    parts[1].legend(handles, texts, loc="outside upper center", ncols=len(texts), columnspacing=1.2)
    draw_images(parts[2], table)


def draw_classes(axes: Axes, table: Table, key: str, loop: str) -> None:
    """The shares of the classes by round, as shades."""
    shares = np.array([curve.y for curve in table.curves(key).values()])
    rounds = next(iter(table.curves(key).values())).x
    mesh = axes.pcolormesh(
        rounds,
        np.arange(len(shares)),
        shares,
        cmap=style.SHADES,
        norm=PowerNorm(0.5, 0, 1),
        shading="nearest",
        rasterized=True,
    )
    axes.set_title(f"({key}) {loop}", loc="left")
    axes.set_yticks(range(0, len(shares), max(1, len(shares) // 10)))
    axes.tick_params(length=2)
    bar = axes.figure.colorbar(mesh, ax=axes, pad=0.02, aspect=25)
    bar.outline.set_linewidth(0.6)


def draw_images(part: Any, table: Table) -> None:
    loops = list(dict.fromkeys(name.rpartition(", round ")[0] for name in table.images))
    by_loop = {loop: [name for name in table.images if name.startswith(f"{loop}, round ")] for loop in loops}
    grid = part.subplots(len(loops), max(map(len, by_loop.values())), squeeze=False)
    for i, (row, loop) in enumerate(zip(grid, loops, strict=True)):
        for axes in row:
            axes.set(xticks=[], yticks=[])
            for side in axes.spines.values():
                side.set_visible(False)
        for axes, name in zip(row, by_loop[loop], strict=False):
            axes.imshow(table.images[name], interpolation="nearest")
            if i == 0:
                axes.set_title(f"round {name.rpartition(' ')[2]}")
        row[0].set_ylabel(loop)
    grid[0, 0].set_title(f"(h) {grid[0, 0].get_title()}")


ROUND = "round"
SHARES = "x: round, y: share of the curve's class"
PANELS = {
    "a": Panel("", ROUND, "class", SHARES),
    "b": Panel("", ROUND, "class", SHARES),
    "c": Panel("Favoured class", ROUND, "share"),
    "d": Panel("Mean reward", ROUND, ""),
    "e": Panel("Fréchet distance", ROUND, ""),
    "f": Panel("Precision", ROUND, ""),
    "g": Panel("Recall", ROUND, ""),
    "h": Panel("Samples", "", "", "x: round, y: place among the run's samples"),
}

figure = Figure(
    title="Bias amplification",
    shown=(
        "Generative models retrained on samples that a classifier's reward chose among K proposals: "
        "curated only (λ = ∞), with real data (λ = ½), and controls without a choice (uncurated) or with "
        "the rewards shuffled. (a), (b) The shares of the classes in what the model draws, by round: "
        "curated only, and with real data. (c) The share of the class that is favoured, and (d) the mean "
        "reward; dashed: the exact population loop on all real digits, judged by a logistic regression. "
        "(e) Fréchet distance, (f) precision and (g) recall of features against held-out data. (h) "
        "Samples by round. A re-creation: settings that the paper does not publish are ours, and marked "
        "so in the preset."
    ),
    certificates=(
        "bias-amplification::mean_reward_rises",
        "trained-models::reward_rises_under_curation",
        "trained-models::classes_narrow_when_curated_only",
        "trained-models::real_data_keep_the_classes",
        "bias-amplification::class_shares_concentrate",
        "bias-amplification::curation_alone_forgets_other_classes",
        "bias-amplification::real_data_keeps_every_class",
        "bias-amplification::real_data_makes_the_loop_settle",
    ),
    panels=PANELS,
    size=(style.TEXT, 5.9),
    compute=compute,
    draw=draw,
    takes_run="DIR of theorycheck retrain",
)
