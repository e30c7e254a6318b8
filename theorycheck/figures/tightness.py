"""How tight every inequality of the catalogue is."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from theorycheck import theorem as statements
from theorycheck.engine import catalogue, suite
from theorycheck.figures import _style as style
from theorycheck.figures._figure import Figure, Given, Panel, Table
from theorycheck.terminal import read_run
from theorycheck.theorem import Claim, Theorem
from theorycheck.verdict import Status

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

RELATIONS = (statements.at_most, statements.at_least, statements.below, statements.above)
LEAST, MOST = 1e-6, 1e4  # of bound/value − 1; what is beyond is drawn at the edge
WITNESS = 38  # characters that fit


class Slack(NamedTuple):
    """An inequality: the least and the largest bound/value over its instances, and where the least is."""

    key: str
    claim: str
    least: float
    most: float
    status: str
    witness: str


def compute(given: Given) -> Table:
    run = read_run(given.run) if given.run else None
    found = list(of_run(run.to_dict()) if run else of_catalogue(given))
    if not found:
        raise ValueError(f"{given.run} must decide an inequality, and decides none")
    table, keys = Table(), list(dict.fromkeys(slack.key for slack in found))
    for slack in found:
        name = f"{slack.key}::{slack.claim}"
        table.add("a", name, keys.index(slack.key) + 1, slack.least, slack.least, slack.most)
        table.remark("a", name, f"{slack.status} at {slack.witness}")
    sharp = sum(slack.least < 1.01 for slack in found)
    told = "decided for this figure, their rivals left aside"
    if run:
        made = f"theorycheck {run.provenance['version']}, source {run.provenance['source'][:12]}"
        told = f"read from {given.run}, a run with seed {run.seed} by {made}"
    table.notes.append(f"{len(found)} inequalities, {sharp} of them within 1 % of sharp somewhere; {told}.")
    return table


def of_run(run: Mapping[str, Any]) -> Iterator[Slack]:
    """The inequalities in the JSON of a run."""
    for theorem in run["theorems"]:
        for claim in theorem["claims"]:
            yield from told(theorem["key"], claim["id"], claim["instances"])


def of_catalogue(given: Given) -> Iterator[Slack]:
    """The inequalities of the catalogue, decided here: each claim alone, as rivals have no slack to tell."""
    alone = [
        (theorem, dataclasses.replace(claim, rivals={}, without={}))
        for theorem in catalogue.catalogue()
        for claim in theorem.claims
        if compares(claim.function)
    ]
    jobs = [(theorem, claim, parameters) for theorem, claim in alone for parameters in claim.at("quick")]
    seen: set[str] = set()

    def listen(event: str, theorem: Theorem, claim: Claim, total: int) -> None:
        name = f"{theorem.key}::{claim.id}"
        if name not in seen:
            seen.add(name)
            given.tell(f"deciding {name}")

    with suite.running(given.draw.seed, workers=given.draw.executor.workers) as context:
        found = suite.decide_instances(jobs, context, listener=listen)
    for theorem, claim in alone:
        results = [r.to_dict() for (_, of, _), r in zip(jobs, found, strict=True) if of is claim and r]
        yield from told(theorem.key, claim.id, results)


def told(key: str, claim: str, instances: Iterable[Mapping[str, Any]]) -> Iterator[Slack]:
    """What the instances of a claim say of its slack, if it is an inequality between positive numbers."""
    rows = [(i["slack"], where(i["id"], i["witness"] or i["scope"])) for i in instances if i["slack"]]
    if rows:
        worst = max((i["status"] for i in instances), key=list(Status).index)
        yield Slack(key, claim, min(rows)[0], max(rows)[0], str(worst), min(rows)[1])


def where(instance: str, witness: str) -> str:
    """The instance and the witness in it, unless they say the same."""
    same = instance.replace(" ", "") == witness.replace(" ", "")
    told = instance.replace(",", ", ").replace(",  ", ", ")
    return witness if same or not instance else f"{told}; {witness}" if witness else told


def compares(function: Any, seen: set | None = None) -> bool:
    """Whether a claim's function can reach `at_most`, `at_least`, `below` or `above`.

    By its names, its defaults and what it closes over, and by the functions of its own file that these are:
    what only compares with `equals` has no slack, and need not be decided to know.
    """
    seen = set() if seen is None else seen
    if function in RELATIONS:
        return True
    if not isinstance(function, types.FunctionType):
        inner = getattr(function, "__wrapped__", None) or getattr(function, "func", None)
        return inner is not None and compares(inner, seen)
    if function in seen or function.__module__.startswith("theorycheck."):
        return False
    seen.add(function)
    names, codes = set(), [function.__code__]
    while codes:
        code = codes.pop()
        names |= set(code.co_names)
        codes += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    reached = [function.__globals__.get(name) for name in names]
    reached += [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    reached += [cell.cell_contents for cell in function.__closure__ or ()]
    return any(callable(f) and not isinstance(f, type) and compares(f, seen) for f in reached)


def draw(table: Table, canvas: Canvas) -> None:
    axes = canvas.subplots()
    style.label(axes, "a", PANELS["a"])
    rows: dict[int, str] = {}
    sharpest: dict[int, tuple[float, str]] = {}
    for name, curve in table.curves("a").items():
        row, least, most = int(curve.x[0]), float(curve.y[0]), float(curve.high[0])
        rows[row] = name.partition("::")[0]
        ends = np.clip([least - 1, most - 1], LEAST, MOST)
        beyond = "<" if least - 1 < LEAST else ">" if least - 1 > MOST else "o"
        proved = table.remarks["a", name].startswith("PROVED")
        axes.plot(ends, [row, row], color=style.GREY, linewidth=0.7, zorder=1)
        axes.plot(
            ends[0], row, marker=beyond, color=style.BLUE, markerfacecolor=style.BLUE if proved else "white",
            markeredgewidth=0.8, markersize=4, clip_on=False, zorder=3,
        )  # fmt: skip
        sharpest[row] = min(sharpest.get(row, (np.inf, "")), (least, table.remarks["a", name]))
    for row, (_, remark) in sharpest.items():
        text = remark.partition(" at ")[2]
        text = text if len(text) <= WITNESS else text[: WITNESS - 1].rstrip(" ,;") + " …"
        axes.annotate(
            text.replace("$", ""), (1.02, row), xycoords=("axes fraction", "data"), va="center", fontsize=8
        )
    axes.annotate(
        "witness of the sharpest", (1.02, 1), xycoords="axes fraction", xytext=(0, 4),
        textcoords="offset points", fontsize=8,
    )  # fmt: skip
    axes.set(xscale="log", xlim=(LEAST, MOST), ylim=(max(rows) + 0.6, 0.4))
    axes.set_yticks(list(rows), list(rows.values()))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", color="#e0e0e0", linewidth=0.5)
    ticks = [1e-6, 1e-4, 1e-2, 1, 1e2, 1e4]
    axes.set_xticks(ticks, [r"$\leq 1+10^{-6}$", "$1+10^{-4}$", "1.01", "2", "101", r"$\geq 10^4$"])
    axes.minorticks_off()
    style.roles(
        axes, "lower right", ("proved", "o"), ("supported", "o", "white"), bbox_to_anchor=(1, 1), ncols=2
    )


PANELS = {
    "a": Panel(
        "From sharp to idle",
        "bound / value",
        "",
        "x: the row, y: bound / value where it is least, remark: status and witness",
    )
}

figure = Figure(
    title="How tight every inequality of the catalogue is",
    shown=(
        "(a) One row a theorem, one marker an inequality: the bound over the value where it comes "
        "closest, and a line to where it is loosest among its instances; arrows are beyond the axis. A "
        "marker at the left edge is sharp to 10⁻⁶, or holds to within its margin. Filled: proved; open: "
        "supported. At the right the witness of the row's sharpest inequality; the data have every "
        "witness."
    ),
    certificates=(
        "reward-ascent::bound_is_sharp",
        "real-data-reward-gain-sharp::sharp_at_the_first_generation",
        "real-data-kl-stability::peak_is_sharp",
        "retraining-stability-sharp::bound_is_attained_in_one_dimension",
        "gaussian-collapse::mean_scale_is_exact",
    ),
    panels=PANELS,
    size=(style.TEXT, 5.6),
    compute=compute,
    draw=draw,
    takes_run="RUN.json of theorycheck verify; without it, half a minute",
)
