"""The figures: their data against oracles of another kind, their files, and what is refused.

Oracles share no code with what they test: SciPy, mpmath, brute force.
"""

import csv
import io
import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import layout
import mpmath
import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.figure import Figure as Canvas
from scipy import optimize

from theorycheck import figures
from theorycheck.cli import cli
from theorycheck.engine import catalogue
from theorycheck.engine.executor import Executor
from theorycheck.figures import _measure, _style, _write
from theorycheck.figures._figure import Given, Table
from theorycheck.figures._measure import Draw

SEED = 11


@pytest.fixture(scope="module")
def executor():
    pool = Executor(2)
    yield pool
    pool.close()


def given(name, executor, run=None):
    return Given(Draw(SEED, name, executor), run)


def call(*arguments):
    """Exit status, stdout and the message of a refusal of the command, in this process."""
    done = CliRunner().invoke(cli, [str(a) for a in arguments])
    return SimpleNamespace(status=done.exit_code, out=done.output, error=done.exception)


# --- what every figure promises ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", figures.names())
def test_every_certificate_is_a_claim_of_the_catalogue(name):
    figure = figures.find(name)
    known = {f"{t.key}::{c.id}" for t in catalogue.catalogue() for c in t.claims}
    assert figure.certificates
    assert set(figure.certificates) <= known


@pytest.mark.parametrize("name", figures.names())
def test_every_figure_fits_a_two_column_paper_and_tells_its_panels(name):
    figure = figures.find(name)
    assert figure.size[0] in (3.3, 6.9)
    assert figure.size[1] <= 9
    for panel in figure.panels:
        assert f"({panel})" in figure.shown


@pytest.mark.parametrize("name", figures.names())
def test_every_caption_tells_what_each_panels_data_are(name):
    figure = figures.find(name)
    told = _write.columns(figure)
    for panel in figure.panels:
        assert f"({panel})" in told
    for part in re.split(r"; (?=\()", told):
        assert re.fullmatch(r"(\(\w\)(, )?)+ x(: \S.*?)?, y: \S.*", part), part
        assert not re.search(r": *(,|$)", part), part


def test_the_names_are_the_files_names():
    assert "gaussian-collapse" in figures.names()
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in figures.names())
    listed = call("figures", "--list").out.splitlines()
    assert [line.split()[0] for line in listed] == figures.names()


# --- a table and its text ----------------------------------------------------------------------------------


def test_a_table_is_written_as_it_was_filled():
    table = Table()
    table.add("a", "one", [1, 2], 0.5, low=[0, 0.25])
    table.add("a", "one", 3, 1 / 3)
    rows = list(csv.DictReader(io.StringIO(table.to_csv())))
    assert rows[0] == dict(panel="a", curve="one", x="1", y="0.5", low="0", high="")
    assert [row["x"] for row in rows] == ["1", "2", "3"]
    assert rows[2]["y"] == "0.3333333333"
    assert list(table.curves("a")) == ["one"]
    table.add("b", "map", [0, 1], [0, 1], z=[5, 6])
    assert [row["z"] for row in csv.DictReader(io.StringIO(table.to_csv()))] == ["", "", "", "5", "6"]


# --- how it looks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("heights", [[0, 1, 2, 3], [0, 0, 0], [0, 9, 9.5, 30], [-3, 5, 5, 5, 6, 40]])
def test_labels_are_moved_apart_by_no_more_than_need_be(heights):
    heights, least = np.array(heights, float), 4.0
    found = _style.apart(heights, least)
    assert (np.diff(found) >= least - 1e-9).all()
    best = optimize.minimize(
        lambda x: np.sum((x - heights) ** 2), heights + least * np.arange(heights.size), method="SLSQP",
        constraints={"type": "ineq", "fun": lambda x: np.diff(x) - least}, options={"ftol": 1e-12},
    )  # fmt: skip
    np.testing.assert_allclose(found, best.x, atol=1e-3)


def test_a_point_below_the_axis_is_an_arrow_at_its_edge():
    axes = Canvas().subplots()
    table = Table()
    table.add("a", "one", [1, 2, 3], [1e-9, 1, 1e-3])
    _style.marks(axes, table.curve("a", "one"), floor=1e-6)
    axes.set(yscale="log", ylim=(1e-6, 10))
    shown = [[(x, y) for x, y in zip(*line.get_data(), strict=True) if np.isfinite(y)] for line in axes.lines]
    assert shown == [[(1, 1e-6)], [(2, 1), (3, 1e-3)]]


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda axes: axes.legend(["told"], loc="lower left"), "lies on"),
        (lambda axes: axes.annotate("long" * 30, (0.5, 0.5), in_layout=False), "reaches beyond the page"),
        (lambda axes: axes.annotate("two", (0.8, 0.8), fontsize=5), "5.0 points"),
        (lambda axes: [axes.annotate(text, (0.2, 0.8)) for text in ("one", "two")], "lies on"),
        (lambda axes: axes.set_ylim(0.1, 1), "1 markers"),
        (lambda axes: axes.legend(["told"], loc="upper left"), None),
    ],
)
def test_faults_of_a_layout_are_found(spoil, fault):
    canvas = Canvas((3, 2), layout="constrained")
    axes = canvas.subplots()
    axes.plot([0, 1], [0, 1], marker="o", linestyle="none")
    axes.plot([0, 1], [0, 1])
    spoil(axes)
    found = layout.faults(canvas)
    assert any(fault in line for line in found) if fault else found == []


def test_what_is_drawn_and_not_told_is_found():
    axes, table = Canvas().subplots(), Table()
    table.add("a", "one", [1, 2], [3, 4])
    axes.plot([1, 2], [3, 4])
    axes.axvline(2)
    assert list(layout.untold(axes.figure, table)) == []
    axes.plot([1, 2], [3, 4.1], label="another")
    axes.axvline(1.5, label="a threshold")
    assert [line.partition(": ")[2].split("'")[1] for line in layout.untold(axes.figure, table)] == [
        "another", "a threshold",
    ]  # fmt: skip


# --- measured: intervals that hold -------------------------------------------------------------------------


def test_intervals_cover_what_they_should():
    rng = np.random.default_rng(5)
    missed = np.zeros(3)
    for _ in range(300):
        x = rng.exponential(size=400)
        found = [
            _measure.mean_of_known_variance(x, 1.0),
            _measure.bounded_mean(np.exp(-x), (0, 1)),
            _measure.quantile(x, 0.9),
        ]
        truth = [1.0, 0.5, np.log(10)]
        missed += [not e.low <= t <= e.high for e, t in zip(found, truth, strict=True)]
        assert all(e.low <= e.value <= e.high for e in found)
    assert (missed <= 9).all()  # each misses with probability at most 1 %: 3 expected at the most


def test_draws_do_not_depend_on_the_workers():
    def block(rng, size, scale):
        return scale * rng.standard_normal((2, size))

    found = []
    for workers in (1, 3):
        pool = Executor(workers)
        found.append(Draw(3, "figure", pool)("name", block, 1300, 2.0))
        pool.close()
    assert found[0].shape == (2, 1300)
    assert (found[0] == found[1]).all()


# --- gaussian-collapse -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def collapse(executor):
    module = figures.gaussian_collapse
    table = Table()
    module.means(given("gaussian-collapse", executor), table, 5)
    module.typical_path(given("gaussian-collapse", executor), table)
    module.martingales(given("gaussian-collapse", executor), table)
    return table


def factor(n):
    """c₄(n) as the mean of a χ law."""
    return float(
        mpmath.sqrt(mpmath.mpf(2) / (n - 1))
        * mpmath.gammaprod([mpmath.mpf(n) / 2], [(n - 1) / mpmath.mpf(2)])
    )


def test_collapse_lines_are_the_powers_of_the_factor(collapse):
    for panel, curve, n in (("a", "n = 5, exact", 5), ("b", "mean, exact", 10)):
        found = collapse.curve(panel, curve)
        np.testing.assert_allclose(found.y, factor(n) ** found.x, rtol=1e-9)
    tilted = collapse.curve("a", "n = 5, tilted")
    np.testing.assert_allclose(tilted.y, factor(5) ** tilted.x, rtol=1e-7)


def test_plain_averages_lie_past_the_bar(collapse):
    lie, plain = collapse.curve("a", "n = 5, lies from"), collapse.curve("a", "n = 5, plain")
    paths = figures.gaussian_collapse.PATHS
    assert (factor(5) ** (-2 * lie.x[0]) - 1) / paths == pytest.approx(0.1**2)
    early, late = plain.x < lie.x[0] / 4, plain.x > 4 * lie.x[0]
    assert late.any()
    assert (plain.high[late] < factor(5) ** plain.x[late]).all()
    np.testing.assert_allclose(plain.y[early], factor(5) ** plain.x[early], rtol=0.1)


def test_collapse_median_is_that_of_a_product_of_chi_variables(collapse):
    rng = np.random.default_rng(1)
    t = 20
    drawn = np.median(np.log(rng.chisquare(9, (t, 20000)) / 9).sum(0)) / 2
    for curve in ("median, exact", "median, its drift", "median, measured"):
        found = collapse.curve("b", curve)
        assert np.log(found.y[found.x == t][0]) == pytest.approx(drawn, abs=0.1)


def test_martingales_are_measured_within_their_intervals(collapse):
    second, spread = collapse.curve("c", "E σ²: measured"), collapse.curve("d", "mean: measured")
    assert ((second.low <= 1) & (second.high >= 1)).all()
    assert ((spread.low <= spread.x / 10) & (spread.high >= spread.x / 10)).all()
    exact = collapse.curve("d", "mean: exact")
    np.testing.assert_allclose(exact.y, exact.x / 10)
    median = collapse.curve("d", "median: measured")
    assert median.y[-1] < 1.6 * median.y[-3]  # it stops, while the mean grows fourfold


# --- files -------------------------------------------------------------------------------------------------


@pytest.fixture
def tiny(monkeypatch):
    """gaussian-collapse with a table that is made at once."""
    from theorycheck.figures._figure import Figure

    real = figures.find("gaussian-collapse")

    def compute(given):
        table = Table(notes=["N = 3 draws."])
        table.add("a", "line", [0, 1], given.draw("x", lambda rng, size: rng.random(size), 2))
        return table

    def draw(table, canvas):
        axes = canvas.subplots()
        axes.plot(table.curve("a", "line").x, table.curve("a", "line").y)
        axes.set_title("λ = ½, $\\mathrm{E}\\,\\sigma_t$")

    fake = Figure(
        real.title, "(a) A line.", real.certificates, {"a": real.panels["a"]}, (3.3, 2), compute, draw
    )
    monkeypatch.setattr(figures.gaussian_collapse, "figure", fake)


def test_files_are_the_picture_the_data_and_the_caption(tiny, tmp_path):
    out = tmp_path / "made" / "here"
    done = call("figures", "gaussian-collapse", "--out", out, "--format", "pdf,png,svg", "--seed", "4")
    assert done.status == 0, done
    names = [f"gaussian-collapse.{ending}" for ending in ("csv", "pdf", "png", "svg", "txt")]
    assert sorted(p.name for p in out.iterdir()) == names
    caption = (out / "gaussian-collapse.txt").read_text("utf-8")
    words = [
        "(a) A line.",
        "N = 3 draws.",
        "Seed 4",
        "theorycheck 0.1.0",
        "gaussian-collapse::tower_property",
    ]
    flat = " ".join(caption.split())
    assert [w for w in words if w not in flat] == []
    assert f"theorycheck figures gaussian-collapse --out {out} --format pdf,png,svg --seed 4" in flat
    magic = {"pdf": b"%PDF", "png": b"\x89PNG", "svg": b"<?xml", "csv": b"panel,curve,x,y,low,high\n"}
    assert all((out / f"gaussian-collapse.{e}").read_bytes().startswith(m) for e, m in magic.items())


def test_the_same_seed_gives_the_same_bytes(tiny, tmp_path):
    def made(seed):
        call("figures", "gaussian-collapse", "--out", tmp_path, "--format", "pdf,png,svg", "--seed", seed)
        return {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    first, again, other = made(1), made(1), made(2)
    assert first == again
    assert all(first[name] != other[name] for name in first)


def test_only_the_data(tiny, tmp_path):
    assert call("figures", "gaussian-collapse", "--out", tmp_path, "--data").status == 0
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".csv", ".txt"]


def test_the_users_settings_are_neither_used_nor_changed(tiny, tmp_path):
    import matplotlib

    table = Table()
    table.add("a", "line", [0, 1], [0, 1])
    figure = figures.find("gaussian-collapse")
    before = _write.picture(figure, table, "png")
    with matplotlib.rc_context({"lines.linewidth": 9, "font.size": 30}):
        assert _write.picture(figure, table, "png") == before
        assert matplotlib.rcParams["lines.linewidth"] == 9


# --- what is refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gaussian-colapse", "--out", "OUT"], ["gaussian-colapse", "did you mean gaussian-collapse"]),
        (["gaussian-collapse"], ["--out"]),
        (["gaussian-collapse", "--out", ""], ["--out"]),
        (
            ["gaussian-collapse", "--out", "OUT", "--format", "pdf,bmp"],
            ["--format", "pdf, png, svg", "pdf,bmp"],
        ),
        (["gaussian-collapse", "--out", "OUT", "--seed", "-1"], ["seed", "-1"]),
        (["gaussian-collapse", "--out", "OUT", "--workers", "0"], ["workers", "0"]),
        (["gaussian-collapse", "--out", "OUT", "--run", "x"], ["--run", "gaussian-collapse"]),
        (["gaussian-collapse", "--out", __file__], ["--out", __file__]),
        (["gaussian-collapse", "--out", "/proc/figures"], ["--out", "/proc/figures"]),
    ],
)
def test_what_is_refused(arguments, words, tmp_path):
    out = tmp_path / "out"
    done = call("figures", *(out if a == "OUT" else a for a in arguments))
    assert isinstance(done.error, ValueError)
    message = str(done.error)
    assert [w for w in words if w not in message] == []
    assert "\n" not in message
    assert not out.exists() or not list(out.iterdir())


def started(*arguments):
    """The command in a process of its own, which interrupts reach even where this one ignores them."""
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    code += "from theorycheck.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "figures", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
    )  # fmt: skip


def test_a_refusal_is_one_sentence_and_status_2(tmp_path):
    process = started("real-dta", "--out", tmp_path)
    out, err = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert err.startswith("theorycheck: there is no figure called 'real-dta'; did you mean real-data")
    assert err.count("\n") == 1


def test_an_interrupt_leaves_no_half_written_file(tmp_path):
    process = started("gaussian-collapse", "--out", tmp_path)
    assert process.stderr.readline() == "drawing gaussian-collapse\n"
    while not list(tmp_path.iterdir()):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert "interrupted" in process.communicate()[1]
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []


def test_a_figure_that_fails_leaves_nothing(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(_write, "picture", lambda *_: 1 / 0)
    assert isinstance(call("figures", "gaussian-collapse", "--out", tmp_path).error, ZeroDivisionError)
    assert list(tmp_path.iterdir()) == []
