"""What is wrong with a figure can partly be found without looking: overlaps, clipped text, lost points.

So can what it draws and its data do not have.
"""

import itertools

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.markers import CARETDOWN
from matplotlib.text import Text
from matplotlib.transforms import Bbox

SMALLEST = 8  # points: a body text of ten, less what journals allow


def faults(canvas):
    """One line for each fault of a drawn matplotlib figure."""
    FigureCanvasAgg(canvas).draw()
    found = [*texts(canvas)]
    for axes in canvas.axes:
        found += [*legends(axes), *beyond(axes)]
    return found


def box(text):
    """Where a text is, in pixels, less a rim and without an arrow: letters do not fill their line."""
    around = Text.get_window_extent(text)
    return Bbox.from_extents(around.x0 + 1, around.y0 + 2, around.x1 - 1, around.y1 - 2)


def texts(canvas):
    """Texts that are small, reach beyond the page, or lie on each other."""
    hidden = {*undrawn(canvas)}
    seen = [t for t in canvas.findobj(Text) if t.get_visible() and t.get_text().strip() and t not in hidden]
    width, height = canvas.bbox.width, canvas.bbox.height
    for text in seen:
        at = box(text)
        if text.get_fontsize() < SMALLEST:
            yield f"{text.get_text()!r} is set in {text.get_fontsize()} points"
        if at.x0 < 0 or at.y0 < 0 or at.x1 > width or at.y1 > height:
            yield f"{text.get_text()!r} reaches beyond the page"
    for one, other in itertools.combinations(seen, 2):
        if box(one).overlaps(box(other)) and (one.get_rotation() in (0, 90)) == (
            other.get_rotation() in (0, 90)
        ):
            yield f"{one.get_text()!r} lies on {other.get_text()!r}"


def undrawn(canvas):
    """Tick labels are kept beyond the limits of their axis, but not drawn."""
    for axes in canvas.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in [*axis.majorTicks, *axis.minorTicks]:
                if not (low <= tick.get_loc() <= high or np.isclose([low, high], tick.get_loc(), 1e-9).any()):
                    yield from (tick.label1, tick.label2)


def paths(axes):
    """(name, points in pixels, drawn as a line?) of what is plotted."""
    for line in axes.lines:
        points = line.get_transform().transform(np.column_stack(line.get_data(orig=False)).astype(float))
        yield line.get_label(), points, line.get_linestyle() not in ("None", "none", " ", "")
    for collection in axes.collections:
        if isinstance(collection, LineCollection):
            for points in collection.get_segments():
                yield collection.get_label(), collection.get_transform().transform(points), True


def dense(points):
    """Points along a line, at most two pixels apart."""
    whole = [points[:1]]
    for a, b in itertools.pairwise(points):
        if np.isfinite([a, b]).all():
            count = int(min(2000, np.hypot(*(b - a)) / 2)) + 2
            whole.append(np.linspace(a, b, count))
    return np.concatenate(whole)


def legends(axes):
    """Legends that lie on what is plotted."""
    for legend in [a for a in axes.get_children() if type(a).__name__ == "Legend"]:
        around = legend.get_window_extent().padded(-1)
        for name, points, joined in paths(axes):
            inside = dense(points) if joined else points
            inside = inside[np.isfinite(inside).all(axis=1)]
            if any(around.contains(*p) and axes.bbox.contains(*p) for p in inside):
                told = [t.get_text() for t in legend.get_texts()]
                yield f"{axes.get_title(loc='left')!r}: the legend {told} lies on {name!r}"


def beyond(axes):
    """Markers whose points are not on the axes."""
    room = axes.bbox.padded(1)
    for name, points, joined in paths(axes):
        if not joined and (lost := [p for p in points if np.isfinite(p).all() and not room.contains(*p)]):
            yield f"{axes.get_title(loc='left')!r}: {len(lost)} markers of {name!r} are not on the axes"


def untold(canvas, table):
    """Lines and markers at coordinates that are not in the data; arrows stand for points beyond an axis."""
    known = np.unique(np.concatenate([values for curve in table.points.values() for values in curve]))
    known = known[np.isfinite(known)]
    for axes in canvas.axes:
        for line in axes.lines:
            points = [np.asarray(values, float) for values in line.get_data(orig=False)]
            # A line across all of the axes has its ends in shares of them.
            across = line.get_transform() is not axes.transData
            drawn = np.concatenate(points[:1] if across else points)
            drawn = drawn[np.isfinite(drawn)]
            after = np.searchsorted(known, drawn)
            near = [known[np.clip(after - back, 0, known.size - 1)] for back in (0, 1)]
            lost = drawn[~np.any(np.isclose(near, drawn, rtol=1e-9, atol=1e-15), axis=0)]
            if lost.size and line.get_marker() != CARETDOWN:
                yield f"{axes.get_title(loc='left')!r}: {line.get_label()!r} is at {lost[:3]}"
