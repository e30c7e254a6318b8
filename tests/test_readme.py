"""The README is true: its snippets, its theorem file (see also test_new.py), and the tables that it shows."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from theorycheck import results
from theorycheck.engine.catalogue import catalogue
from theorycheck.new_theorem import write

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
THEOREM = SNIPPETS[-1]


def verify(path):
    command = "from theorycheck.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", command, "verify", str(path)], capture_output=True, text=True, check=False
    )


def test_theorem_file_is_what_new_writes(tmp_path):
    path = write("best-state-gains", "curated", tmp_path)
    assert path.name == "best_state_gains.py"
    assert path.read_text(encoding="utf-8") == THEOREM


def test_theorem_file_is_short_and_needs_neither_numba_nor_the_engine():
    assert len(THEOREM.splitlines()) < 60
    imports = [line for line in THEOREM.splitlines() if line.startswith(("import ", "from "))]
    assert not any("numba" in line or "engine" in line or "kernels" in line for line in imports)
    assert "curation" in THEOREM


@pytest.mark.parametrize("snippet", SNIPPETS[:-1])
def test_snippets_run(snippet):
    done = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert r"\begin{tabular}" in done.stdout


SHOWN_RUN = next(block for block in TEXT.split("```") if block.startswith("\n claim "))
ROW = re.compile(r"^   (\w+) +(PROVED|SUPPORTED) +(.*?) (\d+/\d+)? +[\d.]+$", re.MULTILINE)


def test_shown_rows_are_true():
    (key,) = re.findall(r"^ ([a-z-]+)  ", SHOWN_RUN, re.MULTILINE)[1:]
    done = verify(key)
    assert done.returncode == 0, done.stdout + done.stderr
    shown, printed = ROW.findall(SHOWN_RUN), ROW.findall(done.stdout)
    assert len(shown) > 5
    for before, after in zip(shown, printed, strict=True):
        assert (before[:2], before[3]) == (after[:2], after[3])
        assert before[2].split("  ")[0] == after[2].split("  ")[0]  # the scope
        if before[1] == "PROVED":  # the draws behind the others may differ between installations
            assert before[2].split() == after[2].split()


def test_shown_summary_counts_the_catalogue():
    claims = [claim for theorem in catalogue() for claim in theorem.claims]
    instances = sum(len(c.instances) for c in claims)
    judged = [claim for claim in claims if claim.method != "observed"]
    variants = sum(len(c.instances) * (len(c.rivals) + len(c.without)) for c in judged)
    (summary,) = re.findall(r"^all claims hold: .*", SHOWN_RUN, re.MULTILINE)
    assert summary.startswith(f"all claims hold: {len(claims)} claims, {instances} instances (")
    assert f"; {variants}/{variants} rivals and dropped assumptions refuted; " in summary
    counts = re.findall(r"(\d+) (PROVED|SUPPORTED|OBSERVED)", summary)
    assert sum(int(count) for count, _ in counts) == len(claims)
    assert (str(len(claims) - len(judged)), "OBSERVED") in counts


def test_the_table_of_the_catalogue_links_every_theorem():
    table = TEXT.split("## What is in the catalogue")[1].split("\n## ")[0]
    linked = dict(re.findall(r"\[`([a-z-]+)`\]\((\S+)\)", table))
    assert linked == {t.key: f"proofs_numeric/{t.key.replace('-', '_')}.py" for t in catalogue()}


# --- a family of one's own ----------------------------------------------------------------------------------

OWN = TEXT.split("## Your own family")[1].split("\n## ")[0]
FAMILY, NOTEBOOK = re.findall(r"```py\n(.*?)```", OWN, re.DOTALL)
COMMAND, SHOWN = re.findall(r"```\n(.*?)```", re.sub(r"```py\n.*?```", "", OWN, flags=re.DOTALL), re.DOTALL)
ROUNDED = re.compile(r"\d+\.\d+(?:e[-+]\d+)?|\d+e[-+]\d+")


def last_digit(number):
    """The value of one unit in the last digit that is written."""
    digits, _, power = number.partition("e")
    return 10.0 ** (int(power or 0) - len(digits.partition(".")[2]))


def test_own_family_is_a_short_file():
    assert len(FAMILY.splitlines()) < 30
    assert "kernels" not in FAMILY


def run(command, folder):
    name, *arguments = command.split()
    assert name == "theorycheck"
    code = "from theorycheck.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        capture_output=True, text=True, encoding="utf-8", check=False, cwd=folder,
    )  # fmt: skip


def assert_same(printed, shown):
    """The same words, and the same numbers but for one unit in the last digit."""
    assert ROUNDED.sub("#", printed).split() == ROUNDED.sub("#", shown).split()
    assert len(ROUNDED.findall(shown)) > 20
    for before, after in zip(ROUNDED.findall(shown), ROUNDED.findall(printed), strict=True):
        assert abs(float(before) - float(after)) <= 1.01 * last_digit(before), (before, after)


def test_own_family_prints_the_shown_table(tmp_path):
    assert COMMAND.split()[2] == "my_logistic.py"
    (tmp_path / "my_logistic.py").write_text(FAMILY, encoding="utf-8")
    done = run(COMMAND, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert_same(done.stdout, SHOWN)


def test_own_family_from_a_notebook_gives_the_shown_rates():
    done = subprocess.run(
        [sys.executable, "-c", FAMILY + NOTEBOOK], capture_output=True, text=True, check=True
    )
    rows = [line.split() for line in SHOWN.splitlines() if re.match(r" +\d", line)]
    printed = [[float(x) for x in line.split()] for line in done.stdout.splitlines()]
    assert len(rows) == len(printed) == 4
    for row, (weight, sharp, measured) in zip(rows, printed, strict=True):
        assert weight == float(row[0])
        assert abs(sharp - float(row[4])) < 1e-6
        assert abs(measured - float(row[6])) < 1e-6 + float(row[8])


# --- sweeps -------------------------------------------------------------------------------------------------

SWEEPS = TEXT.split("## Sweeps, clusters and long runs")[1].split("\n## ")[0]


def test_shown_sweep_gives_a_table(tmp_path):
    (config,) = re.findall(r"```toml\n(.*?)```", SWEEPS, re.DOTALL)
    command = SWEEPS.split("```")[3].strip()
    assert "20_000" in config
    (tmp_path / "collapse.toml").write_text(config.replace("20_000", "200"), encoding="utf-8")
    done = run(command, tmp_path)
    assert done.returncode == 0, done.stderr
    header, *rows = (tmp_path / "collapse/table.csv").read_text(encoding="utf-8").splitlines()
    assert header.startswith("samples,steps,kernel,biased,seed,paths,scale,scale_low,scale_high,scale_exact,")
    assert len(rows) == 16
    assert (tmp_path / "collapse/provenance.json").is_file()


# --- figures ------------------------------------------------------------------------------------------------

FIGURES = TEXT.split("## The papers' figures")[1].split("\n## ")[0]


def test_the_figures_are_those_of_the_list(tmp_path):
    named = re.findall(r"^\| `([a-z-]+)` \|", FIGURES, re.MULTILINE)
    listed = run(FIGURES.split("```")[1].strip().splitlines()[1], tmp_path)
    assert sorted(named) == [line.split()[0] for line in listed.stdout.splitlines()]


# --- trained models -----------------------------------------------------------------------------------------

LOOPS = {
    "fully synthetic": "synthetic", "λ = ½": "half", "λ = 0": "real", "curated only": "curated",
    "real + curated, λ = ½": "curated-real", "control: no curation": "uncurated",
    "control: shuffled rewards": "shuffled",
}  # fmt: skip


def test_the_table_of_trained_models_is_that_of_the_stored_results():
    section = TEXT.split("## Trained models")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in re.findall(r"^\|.*$", section, re.M)]
    preset, found = "", 0
    for name, loop, _, before, after in rows[2:]:
        preset = name.strip("`") or preset
        measures = ("modes_covered",) if preset == "eight-gaussians" else ("class_0", "class_entropy")
        read = results.read(results.stored(preset))
        for i, measure in enumerate(measures):
            values = results.select(read, measure, loop=LOOPS[loop])
            for cell, seeds in ((before, values[:, 0]), (after, values[:, -1])):
                mean, _, each = cell.split(";")[i].partition(" (")
                assert float(mean) == pytest.approx(seeds.mean(), abs=1.01 * last_digit(mean.strip()) / 2)
                assert not each or sorted(map(int, each.strip(")").split(", "))) == sorted(seeds)
                found += 1
    assert found == 22


# --- a law and a reward of one's own ------------------------------------------------------------------------

LAW = TEXT.split("## Your own law and reward")[1].split("\n## ")[0]
POPULATION, PARTICLES = re.findall(r"```py\n(.*?)```", LAW, re.DOTALL)
CURATE, CURATED = re.findall(r"```\n(.*?)```", re.sub(r"```py\n.*?```", "", LAW, flags=re.DOTALL), re.DOTALL)


def test_own_law_prints_the_shown_table(tmp_path):
    done = run(CURATE, tmp_path)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stderr.splitlines()] == ["curating"] * 2
    assert_same(done.stdout, CURATED)


def test_the_particles_are_near_the_population():
    done = subprocess.run([sys.executable, "-c", PARTICLES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    many, few = (list(map(float, row.split())) for row in re.findall(r"\[(.*?)\]", done.stdout))
    assert few == pytest.approx(many, abs=0.05)


def test_own_population_is_curated(tmp_path):
    (tmp_path / "mine.py").write_text(POPULATION, encoding="utf-8")
    done = run("theorycheck curate --law mine.py --choices 4 --synthetic-weight inf", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "mine.py: 1797 atoms" in done.stdout
    assert "0: 100.00%" in done.stdout
