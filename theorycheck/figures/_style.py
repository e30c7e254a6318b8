"""How all figures look: made for a two-column paper, in colour or grey, whoever looks at it.

Roles have one look everywhere: what is exact or sharp is a solid line, the papers' bounds are dashed, what is
false or only a guide is dotted, and what is measured is a marker with its interval. Colours (Okabe and Ito
2008) get darker or lighter as well, and never stand alone: markers go with them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.markers import CARETDOWN

from theorycheck.figures._figure import Curve, Panel

COLUMN, TEXT = 3.3, 6.9  # widths in inches
BLACK, BLUE, VERMILION, SKY, ORANGE, GREEN = "#000000", "#0072B2", "#D55E00", "#56B4E9", "#E69F00", "#009E73"
GREY = "#808080"
COLOURS = (BLACK, BLUE, VERMILION, SKY, ORANGE)
MARKERS = ("o", "s", "^", "D", "v")
LINE = 8.5  # points from one label to the next
SHARP, PAPER, GUIDE = "-", (0, (5, 2)), (0, (1, 1.5))  # line styles by role
# From white to Okabe and Ito's blue to black: even in grey.
SHADES = LinearSegmentedColormap.from_list("theorycheck", ["#ffffff", "#9ccbe8", BLUE, "#001a2c"])

RC: dict[str, Any] = {
    "font.family": ["STIXGeneral", "DejaVu Serif"],
    "mathtext.fontset": "stix",
    "font.size": 8.5,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.6,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "legend.labelspacing": 0.25,
    "legend.borderaxespad": 0.2,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "hatch.linewidth": 0.5,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.05,
    "figure.constrained_layout.w_pad": 0.05,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "theorycheck",
}


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """The house's settings, from matplotlib's own defaults, whatever the user's are; restored at the end."""
    from matplotlib import rcParamsDefault

    settings: Any = {k: v for k, v in rcParamsDefault.items() if not k.startswith("backend")} | RC
    with rc_context(settings):
        yield


def label(axes: Axes, panel: str, what: Panel, **title: Any) -> None:
    """The panel's letter, title and axis labels."""
    axes.set_title(f"({panel}) {what.title}", loc="left", **title)
    axes.set_xlabel(what.x)
    axes.set_ylabel(what.y)


def roles(axes: Axes, where: Any, *looks: tuple, **options: Any) -> None:
    """A second legend, in black: (text, line style) or (text, marker[, fill]) for each role."""
    handles = []
    for text, look, *fill in looks:
        marker = isinstance(look, str) and look in MARKERS
        shape: Any = dict(linestyle="none", marker=look) if marker else dict(linestyle=look)
        shape |= dict(color=BLACK, markerfacecolor=fill[0] if fill else BLACK, markeredgewidth=0.8)
        handles.append(Line2D([], [], label=text, **shape))
    first = axes.get_legend()
    if first is not None:
        axes.add_artist(first)
    axes.legend(handles=handles, loc=where, **options)


def line(axes: Axes, curve: Curve, role: Any, colour: str = BLACK, **options: Any) -> None:
    axes.plot(curve.x, curve.y, linestyle=role, color=colour, **options)


def ends(axes: Axes, curves: dict[str, Curve], canvas: Canvas, lift: float = 0) -> None:
    """A label at the right end of each line, so that lines are told apart without colour.

    Call it when the axes have their limits and the canvas is laid out (`canvas.draw_without_rendering()`):
    labels are moved apart, and up by `lift` points, with thin lines from the ends to them.
    """
    points = canvas.dpi / 72
    last = {text: axes.transData.transform((c.x[-1], c.y[-1])) / points for text, c in curves.items()}
    order = sorted(last, key=lambda text: last[text][1])
    heights = apart(np.array([last[text][1] for text in order]), LINE)
    for text, height in zip(order, heights, strict=True):
        curve = curves[text]
        axes.annotate(
            text, (curve.x[-1], curve.y[-1]), (10, height - last[text][1] + lift), textcoords="offset points",
            va="center", annotation_clip=False,
            arrowprops=dict(arrowstyle="-", linewidth=0.4, color=GREY, shrinkA=0, shrinkB=0, relpos=(0, 0.5)),
        )  # fmt: skip


def apart(heights: np.ndarray, least: float) -> np.ndarray:
    """Ascending heights moved as little as need be (in squares) so that neighbours are `least` apart."""
    from scipy.optimize import isotonic_regression

    steps = least * np.arange(heights.size)
    return isotonic_regression(heights - steps).x + steps


def marks(
    axes: Axes,
    curve: Curve,
    index: int = 0,
    colour: str | None = None,
    filled: bool = True,
    floor: float = -np.inf,
    **options: Any,
) -> None:
    """What is measured: the marker and colour of the index-th series, with its intervals.

    An end of an interval that is not known, or not on the axis, is drawn to the axis' edge; a point below
    `floor`, where the axis begins, is an arrow there.
    """
    colour = COLOURS[index % len(COLOURS)] if colour is None else colour
    below = curve.y < floor
    if below.any():
        at = curve.x[below]
        axes.plot(
            at, np.full(at.size, floor), linestyle="none", marker=CARETDOWN, color=colour, clip_on=False
        )
        curve = Curve(*(np.where(below, np.nan, values) for values in curve))
    error = None
    if np.isfinite(curve.low).any() or np.isfinite(curve.high).any():
        error = np.maximum(
            0, np.nan_to_num(np.stack([curve.y - curve.low, curve.high - curve.y]), posinf=1e9)
        )
    look = dict(
        marker=MARKERS[index % len(MARKERS)],
        color=colour,
        markerfacecolor=colour if filled else "white",
        markeredgecolor=colour,
        markeredgewidth=0.8,
        linestyle="none",
        elinewidth=0.8,
        zorder=3,
    )
    axes.errorbar(curve.x, curve.y, error, **{**look, **options})
