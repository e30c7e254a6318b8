"""Sweeps: tables that are right, the same to the bit however they were made, and refusals in one sentence."""

import csv
import errno
import io
import itertools
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import theorycheck
from theorycheck.engine.executor import Executor
from theorycheck.engine.store import LOG
from theorycheck.sweep import cells, run
from theorycheck.sweep.loops import LOOPS
from theorycheck.sweep.plan import plan, read

SMALL = {"loop": "gaussian", "paths": 400, "grid": {"samples": [5, 10], "steps": [1, 4], "seed": [1, 2]}}


def swept(config, out, **options):
    return run.sweep(plan(config), out, **options)


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


# --- what a table says --------------------------------------------------------------------------------------

CONFIGS = {
    "gaussian": {"samples": [2, 7], "steps": [0, 1, 6], "biased": [False, True]},
    "gaussian-multivariate": {"samples": [4, 8], "dimension": [1, 3], "steps": [1, 4], "condition": [1, 9.0]},
    "finite-samples": {
        "family": ["gaussian-mean", "gaussian", "bernoulli", "poisson", "exponential"],
        "samples": 5,
        "synthetic_weight": [0.0, 1.5, math.inf],
        "steps": 4,
        "protocol": ["fixed", "fresh"],
    },
    "finite-samples-multivariate": {
        "samples": 3,
        "dimension": [1, 3],
        "synthetic_weight": [0.0, 1.5, math.inf],
        "steps": 4,
        "protocol": ["fixed", "fresh"],
        "condition": [1.0, 9.0],
    },
}


@pytest.mark.parametrize("loop", CONFIGS)
@pytest.mark.parametrize("kernel", ["literal", "reduced"])
def test_exact_values_and_bounds_agree_with_intervals(loop, kernel, tmp_path):
    table = swept({"loop": loop, "paths": 4000, "grid": {**CONFIGS[loop], "kernel": kernel}}, tmp_path)
    assert len(table.rows) == math.prod(len(v) if isinstance(v, list) else 1 for v in CONFIGS[loop].values())
    checked = 0
    for row in table.rows:
        for name in [key.removesuffix("_low") for key in row if key.endswith("_low")]:
            low, high = row[f"{name}_low"], row[f"{name}_high"]
            if low is None or high is None:
                continue
            assert low <= high
            exact, lower, upper = (row[f"{name}_{what}"] for what in ("exact", "lower_bound", "upper_bound"))
            assert exact is None or low <= exact <= high
            assert lower is None or lower <= high
            assert upper is None or low <= upper
            checked += exact is not None
    assert checked >= len(table.rows)


def test_shown_variances_are_those_of_the_draws():
    # Moments of many draws against the closed forms that make the intervals valid.
    for name, cell in (
        ("gaussian", dict(samples=6, steps=3, biased=True, kernel="reduced")),
        ("gaussian", dict(samples=40, steps=2, biased=False, kernel="reduced")),
        ("gaussian-multivariate", dict(samples=30, dimension=2, steps=2, condition=4.0, kernel="reduced")),
        (
            "finite-samples",
            dict(
                family="gaussian-mean",
                samples=4,
                synthetic_weight=2.0,
                steps=3,
                protocol="fixed",
                kernel="reduced",
            ),
        ),
    ):
        drawn = LOOPS[name].draw(np.random.default_rng(3), 200_000, cell)
        for quantity, about in LOOPS[name].tells(cell).items():
            if about.exact is not None and about.variance is not None:
                assert drawn[quantity].mean() == pytest.approx(
                    about.exact, abs=5 * math.sqrt(about.variance / 2e5)
                )
                assert drawn[quantity].var() == pytest.approx(about.variance, rel=0.1)


def test_error_of_every_family_is_that_of_scipy():
    # Without synthetic points θ_t is a mean of real ones, whatever t is.
    laws = {
        "gaussian-mean": stats.norm(0, 1),
        "poisson": stats.poisson(1),
        "bernoulli": stats.bernoulli(0.5),
        "exponential": stats.expon(),
    }
    for family, law in laws.items():
        cell = dict(
            family=family, samples=7, synthetic_weight=0.0, steps=3, protocol="fixed", kernel="reduced"
        )
        assert LOOPS["finite-samples"].tells(cell)["squared_error"].exact == pytest.approx(law.var() / 7)


def test_curation_by_hand(tmp_path):
    (tmp_path / "law.csv").write_text("p,r\n0.5,0\n0.5,0.6931471805599453\n")  # a = 1, 2
    grid = {
        "law": str(tmp_path / "law.csv"),
        "choices": [1, 2, math.inf],
        "synthetic_weight": [0.5, math.inf],
    }
    table = swept({"loop": "curation", "grid": {**grid, "steps": 1}}, tmp_path / "out")
    kept = {1: 1.5, 2: 1 / 4 * 1 + 1 / 4 * 2 + 1 / 2 * 5 / 3, math.inf: 5 / 3}
    for row in table.rows:
        own = (
            row["synthetic_weight"] / (1 + row["synthetic_weight"])
            if row["synthetic_weight"] < math.inf
            else 1
        )
        assert row["mean_weight"] == pytest.approx((1 - own) * 1.5 + own * kept[row["choices"]], abs=1e-12)
        assert row["mean_weight_lower_bound"] <= row["mean_weight"] + 1e-12
        bound = row["divergence_upper_bound"]
        assert (bound is None) == (row["choices"] > 1 and row["synthetic_weight"] * (row["choices"] - 1) >= 1)
        assert bound is None or row["divergence"] <= bound
    assert "paths" not in table.columns
    assert "largest_share" not in table.columns


def test_particles_follow_the_population(tmp_path):
    (tmp_path / "law.csv").write_text("p,r\n0.3,0\n0.5,0.5\n0.2,1\n")
    grid = {
        "law": str(tmp_path / "law.csv"),
        "users": 3000,
        "choices": 3,
        "steps": 2,
        "synthetic_weight": 2.0,
    }
    for kernel in ("literal", "reduced"):
        config = {"loop": "curation-particles", "paths": 64, "grid": {**grid, "kernel": kernel}}
        (row,) = swept(config, tmp_path / kernel).rows
        for name in ("relative_weight", "best_share"):
            assert row[f"{name}_low"] <= row[f"{name}_limit"] <= row[f"{name}_high"]
            assert row[name] == pytest.approx(row[f"{name}_limit"], abs=0.01)


def test_a_heavy_tail_is_told_by_a_wide_interval(tmp_path):
    config = {"loop": "gaussian", "paths": 2000, "grid": {"samples": 5, "steps": 400}}
    (row,) = swept(config, tmp_path).rows
    assert row["scale"] < row["scale_exact"] / 5  # carried by rare paths
    assert row["scale_low"] < row["scale_exact"] < row["scale_high"]
    assert row["squared_shift_low"] is None or row["squared_shift_low"] < 80 < row["squared_shift_high"]


def test_all_intervals_share_alpha():
    found = plan({**SMALL, "alpha": 0.01})
    assert found.level == pytest.approx(0.01 / (8 * 3))


# --- the same to the bit ------------------------------------------------------------------------------------


def test_workers_blocks_and_restarts_change_nothing(tmp_path):
    first = swept(SMALL, tmp_path / "1", workers=1)
    assert swept(SMALL, tmp_path / "2", workers=2).to_csv() == first.to_csv()
    assert (tmp_path / "1/table.csv").read_bytes() == (tmp_path / "2/table.csv").read_bytes()
    assert (tmp_path / "1/table.csv").read_text() == first.to_csv()
    assert swept(SMALL, tmp_path / "1").to_csv() == first.to_csv()


def test_seeds_and_cells_have_streams_of_their_own(tmp_path):
    table = swept(SMALL, tmp_path)
    means = [row["scale"] for row in table.rows]
    assert len(set(means)) == len(means)
    alone = {**SMALL, "grid": {"samples": 10, "steps": 4, "seed": 2}}
    (row,) = swept(alone, tmp_path / "alone").rows
    assert row["scale"] == table.rows[-1]["scale"]


def test_nothing_is_done_twice(tmp_path, monkeypatch):
    drawn = []
    before = cells.Block.__call__

    def counted(self, block):
        drawn.append((cells.name(self.cell), block))
        if len(drawn) in (5, 21, 30):
            raise OSError("the plug was pulled")
        return before(self, block)

    monkeypatch.setattr(cells.Block, "__call__", counted)
    for _ in range(3):
        with pytest.raises(OSError, match="the plug was pulled"):
            swept(SMALL, tmp_path / "out", workers=1)
    kept = blocks_kept(tmp_path / "out")
    assert len(kept) == len(set(kept)) > 0
    table = swept(SMALL, tmp_path / "out", workers=1)
    every = blocks_kept(tmp_path / "out")
    assert len(every) == len(set(every)) == 8 * 8
    monkeypatch.undo()
    assert swept(SMALL, tmp_path / "whole").to_csv() == table.to_csv()


def blocks_kept(folder):
    found = []
    for line in (folder / LOG).read_text(encoding="utf-8").splitlines()[1:]:
        name, value = json.loads(line.split(" ", 1)[1])
        if not name.startswith("row "):
            cell = name.rpartition(":")[0]
            found += [(cell, block) for block in range(value["start"], value["start"] + value["count"])]
    return found


SWEEP = "import sys; from theorycheck.cli import main; main()"


def test_killed_at_a_few_moments(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(
        'loop = "gaussian"\npaths = 60000\n[grid]\nsamples = 40\nsteps = [20, 30]\nkernel = "literal"\n'
    )
    out, log = tmp_path / "out", tmp_path / "out" / LOG
    command = [sys.executable, "-c", SWEEP, "sweep", str(config), "--out", str(out)]
    for lines in (1, 3, 6):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + 120
            while process.poll() is None and time.monotonic() < deadline:
                if log.exists() and log.read_bytes().count(b"\n") >= lines:
                    process.send_signal(signal.SIGKILL)
                time.sleep(0.002)
    assert subprocess.run(command, capture_output=True, check=True).stdout
    kept = blocks_kept(out)
    assert len(kept) == len(set(kept))
    whole = run.sweep(read(config), tmp_path / "whole")
    assert (out / "table.csv").read_text() == whole.to_csv()


def test_large_counts_of_paths_take_no_more_memory():
    # Block by block: what a block leaves behind does not grow with the number of paths.
    for paths in (10**5, 10**8):
        found = plan({**SMALL, "paths": paths})
        assert cells.size(found, found.cells[0]) <= cells.LARGEST
    executor = Executor(1)
    few, many = (plan({**SMALL, "paths": p, "grid": {"samples": 5, "steps": 1}}) for p in (400, 4000))
    shapes = set()

    class Watching:
        workers = 1

        def map(self, function, blocks, name):
            for found in executor.map(function, blocks, name):
                shapes.add(found.shape)
                yield found

    for found in (few, many):
        cells.row(found, 0, Watching())
    executor.close()
    assert shapes == {(9,), (9 + 3 * cells.GRID.size,)}


# --- files --------------------------------------------------------------------------------------------------


def test_table_and_provenance(tmp_path):
    table = swept(SMALL, tmp_path, workers=1, command="theorycheck sweep x.toml")
    found = rows((tmp_path / "table.csv").read_text())
    assert [(r["samples"], r["steps"], r["seed"]) for r in found] == list(
        itertools.product(*[["5", "10"], ["1", "4"], ["1", "2"]])
    )
    assert [float(r["scale"]) for r in found] == [r["scale"] for r in table.rows]
    told = json.loads((tmp_path / "provenance.json").read_text())
    assert told["command"] == "theorycheck sweep x.toml"
    assert told["settings"]["seed"] == [1, 2]
    assert told["settings"]["loop"] == "gaussian"
    assert {"version", "source", "packages", "processor", "workers", "time", "level", "cells"} <= set(told)
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "lock") == [
        LOG,
        "provenance.json",
        "table.csv",
    ]


def test_parquet(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow: pip install pyarrow")
    (tmp_path / "law.csv").write_text("p,r\n0.5,0\n0.5,1\n")
    grid = {"law": str(tmp_path / "law.csv"), "choices": [2, math.inf], "steps": 1}
    table = swept({"loop": "curation", "grid": grid}, tmp_path / "out", form="parquet")
    found = parquet.read_table(tmp_path / "out/table.parquet")
    assert found.column_names == table.columns
    assert found["choices"].to_pylist() == [2.0, math.inf]
    assert found["mean_weight"].to_pylist() == [row["mean_weight"] for row in table.rows]


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ValueError, match="--format parquet needs pyarrow: pip install pyarrow"):
        swept(SMALL, tmp_path / "out", form="parquet")
    assert not (tmp_path / "out").exists()


def test_another_sweep_in_the_same_folder_is_refused(tmp_path):
    swept(SMALL, tmp_path)
    other = {**SMALL, "grid": {**SMALL["grid"], "seed": [1, 3]}}
    with pytest.raises(
        ValueError, match=r"holds results of another run: there seed is \[1, 2\], here \[1, 3\]$"
    ):
        swept(other, tmp_path)
    with pytest.raises(ValueError, match=r"there paths is 400, here 401$"):
        swept({**SMALL, "paths": 401}, tmp_path)


@pytest.mark.parametrize("full", ["table.csv", "provenance.json"])
def test_no_room_for_the_table_loses_nothing(tmp_path, monkeypatch, full):
    whole, write = swept(SMALL, tmp_path / "whole"), Path.write_bytes

    def half(path, data):
        write(path, data[:10] if full in path.name else data)
        if full in path.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(ValueError, match=f"^cannot write {tmp_path / full}: No space left on device$"):
        swept(SMALL, tmp_path)
    monkeypatch.undo()
    assert sorted(path.name for path in tmp_path.glob("*.*")) == [LOG, *["table.csv"][full == "table.csv" :]]
    monkeypatch.setattr(run, "row", None)  # nothing is drawn again
    assert swept(SMALL, tmp_path).to_csv() == whole.to_csv()


def test_a_folder_in_place_of_the_table(tmp_path):
    (tmp_path / "table.csv").mkdir()
    with pytest.raises(ValueError, match=f"^cannot write {tmp_path / 'table.csv'}: Is a directory$"):
        swept(SMALL, tmp_path)


def test_provenance_is_of_the_code_that_began(tmp_path, monkeypatch):
    before = theorycheck.__version__
    table = swept(SMALL, tmp_path, tell=lambda *_: monkeypatch.setattr(theorycheck, "__version__", "edited"))
    assert table.provenance["version"] == before


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loop": "gausian"}, r"loop must be one of gaussian, .*, got 'gausian' \(did you mean gaussian"),
        ({"loop": None}, "loop must be one of gaussian, .*, got None"),
        ({"loop": ["gaussian"]}, r"loop must be one of gaussian, .*, got \['gaussian'\]"),
        (
            {"path": 3},
            r"a sweep has no key 'path' \(did you mean paths\?\); its keys are loop, paths, alpha, grid",
        ),
        ({"paths": 0}, "paths must be at least 1, got 0"),
        ({"paths": 1.5}, r"paths must be an integer of at least 1, got 1\.5"),
        ({"alpha": 2}, r"alpha must lie in \(0, 1\), got 2"),
        ({"grid": 3}, "grid must be a table of values and lists of values, got 3"),
        (
            {"grid": {"sample": 3}},
            r"the grid of gaussian has no key 'sample' \(did you mean samples\?\); its keys",
        ),
        ({"grid": {"samples": 3}}, "grid must give steps: a value, or a list of values"),
        (
            {"grid": {"samples": [], "steps": 1}},
            r"samples must be a value or a list of at least one, got \[\]",
        ),
        ({"grid": {"samples": [1], "steps": 1}}, "samples must be at least 2, got 1"),
        ({"grid": {"samples": 5, "steps": 10**11}}, "steps must be at most 10,000,000, got 100000000000"),
        (
            {"loop": "gaussian-multivariate", "grid": {"samples": 5, "steps": 1, "dimension": 10**10}},
            "dimension must be at most 10,000, got 10000000000",
        ),
        ({"grid": {"samples": "x", "steps": 1}}, "samples must be an integer of at least 2, got 'x'"),
        ({"grid": {"samples": [5, 5], "steps": 1}}, "samples must not list a value twice, got 5 again"),
        (
            {"grid": {"samples": 5, "steps": 1, "kernel": "fast"}},
            "kernel must be one of reduced, literal, got 'fast'",
        ),
        ({"grid": {"samples": 5, "steps": 1, "seed": -1}}, "seed must be at least 0, got -1"),
        ({"grid": {"samples": 5, "steps": 1, "biased": 1}}, "biased must be true or false, got 1"),
        (
            {"grid": {"samples": list(range(2, 1100)), "steps": list(range(1000))}},
            "grid must have at most 1,000,000",
        ),
        ({"loop": "curation"}, "a sweep has no key 'paths'.*; its keys are loop, grid"),
    ],
)
def test_bad_plans(change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        plan({**SMALL, **change})


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"synthetic_weight": -1}, r"synthetic_weight must be in \[0, inf\], got -1"),
        (
            {"synthetic_weight": 1, "family": "cauchy"},
            "family must be one of gaussian-mean, .*, got 'cauchy'",
        ),
        ({"synthetic_weight": 1, "family": "logistic"}, "kernel must be literal for the family 'logistic'"),
        ({"synthetic_weight": 1, "samples": 1, "family": "gaussian"}, "samples must be at least 2, got 1"),
    ],
)
def test_bad_combinations(grid, message):
    with pytest.raises((ValueError, TypeError), match=message):
        plan({"loop": "finite-samples", "grid": {"samples": 5, "steps": 1, **grid}})


def test_bad_files(tmp_path):
    path = tmp_path / "x.toml"
    with pytest.raises(ValueError, match=r"cannot read .*x.toml: No such file"):
        read(path)
    path.write_text("loop = ")
    with pytest.raises(ValueError, match=r"x.toml is not TOML: "):
        read(path)
    path.write_text("loop = " + "[" * 10_000)
    with pytest.raises(ValueError, match=r"x.toml is not TOML: maximum recursion depth"):
        read(path)
    path.write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"cannot read .*x.toml"):
        read(path)
    path.write_text('loop = "x"')
    with pytest.raises(ValueError, match=r"x.toml: loop must be one of"):
        read(path)


def test_a_byte_order_mark_is_no_part_of_the_plan(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text('loop = "gaussian"\n[grid]\nsamples = 5\nsteps = 1\n', encoding="utf-8-sig")
    assert read(path).name == "gaussian"


def test_bad_options(tmp_path):
    for options, message in (
        ({"form": "xls"}, "--format must be one of csv, parquet, got 'xls'"),
        ({"workers": 0}, "workers must be an integer of at least 1, got 0"),
        ({"workers": 1, "cluster": "tcp://h:1"}, "workers must not be given with a cluster"),
    ):
        with pytest.raises(ValueError, match=message):
            swept(SMALL, tmp_path / "out", **options)


def test_an_error_in_a_cell_ends_the_sweep(tmp_path, monkeypatch):
    def broken(self, block):
        raise ArithmeticError("no draw")

    monkeypatch.setattr(cells.Block, "__call__", broken)
    with pytest.raises(ArithmeticError, match="no draw"):
        swept(SMALL, tmp_path)
    assert not (tmp_path / "table.csv").exists()


# --- the command --------------------------------------------------------------------------------------------


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-c", SWEEP, "sweep", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_examples_are_plans(tmp_path, monkeypatch):
    from theorycheck.commands.sweep import _example

    for loop in LOOPS:
        # The digits' classifier takes seconds.
        quick = _example(loop).replace('"digits"', '"two-moons"').replace("class:0", "distance")
        text = quick.replace('["distance", "confidence"]', '["distance", "distance:0,0"]')
        (tmp_path / "x.toml").write_text(text, encoding="utf-8")
        found = read(tmp_path / "x.toml")
        assert found.name == loop
        assert len(found.cells) >= 4
    assert [line.split()[0] for line in _example("list").splitlines()] == list(LOOPS)
    with pytest.raises(ValueError, match=r"loop must be one of .*, got 'nothing'"):
        _example("nothing")


def test_command(tmp_path):
    (tmp_path / "law.csv").write_text("p,r\n0.5,0\n0.5,1\n")
    (tmp_path / "x.toml").write_text(
        f'loop = "curation"\n[grid]\nlaw = "{tmp_path}/law.csv"\nchoices = 2\nsteps = 1\n'
    )
    done = command(tmp_path / "x.toml", "--out", tmp_path / "out")
    told = [line for line in done.stderr.splitlines() if not line.startswith("compiling ")]
    assert (done.returncode, told) == (0, []), done.stderr
    assert done.stdout.startswith(f"1 cell of curation in {tmp_path / 'out'}/table.csv, ")
    assert len(rows((tmp_path / "out/table.csv").read_text())) == 1
    refused = command(tmp_path / "x.toml")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert (
        refused.stderr
        == "theorycheck: a sweep needs CONFIG.toml and --out DIR; see theorycheck sweep --example list\n"
    )
