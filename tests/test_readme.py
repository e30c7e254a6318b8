"""The README runs: its snippets, its theorem file, and the table that it shows."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from theorycheck.engine.catalogue import catalogue

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
THEOREM = SNIPPETS[-1]


def verify(path):
    command = "from theorycheck.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", command, "verify", str(path)], capture_output=True, text=True, check=False
    )


def test_theorem_file_is_short_and_needs_neither_numba_nor_the_engine():
    assert len(THEOREM.splitlines()) < 60
    imports = [line for line in THEOREM.splitlines() if line.startswith(("import ", "from "))]
    assert not any("numba" in line or "engine" in line or "kernels" in line for line in imports)
    assert "curation" in THEOREM


def test_theorem_file_passes(tmp_path):
    path = tmp_path / "best_state_gains.py"
    path.write_text(THEOREM, encoding="utf-8")
    done = verify(path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("claim", "rival", "line"),
    [
        ("choices, pick=max", "choices, pick=min", "best_state_gains[] REFUTED"),
        (
            "proposals=lambda K: K)",
            "proposals=lambda K: K + 1)",
            "loop_follows_the_formula[choices=2] REFUTED",
        ),
    ],
)
def test_theorem_file_fails_with_its_rival_promoted(tmp_path, claim, rival, line):
    path = tmp_path / "best_state_gains.py"
    assert THEOREM.count(claim) == 1
    path.write_text(THEOREM.replace(claim, rival), encoding="utf-8")
    done = verify(path)
    assert done.returncode == 1
    assert line in done.stdout


@pytest.mark.parametrize("snippet", SNIPPETS[:-1])
def test_snippets_run(snippet):
    done = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert r"\begin{tabular}" in done.stdout


def test_shown_table_lists_the_catalogue():
    shown = re.findall(r"^   (\w+) +(PROVED|SUPPORTED) ", TEXT, re.MULTILINE)
    assert [name for name, _ in shown] == [c.id for theorem in catalogue() for c in theorem.claims]
    assert "all claims hold" in TEXT
