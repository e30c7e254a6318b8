"""Stale machine code certifies nothing: the compile cache follows every kernel source file."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import proofs_numeric
import theorycheck
from theorycheck.kernels.jit import kernel, source_hash

HELPER = """
from theorycheck.kernels.jit import kernel

@kernel
def step():
    return {value}
"""
CALLER = """
from theorycheck.kernels import helper
from theorycheck.kernels.jit import kernel

step = helper.step

@kernel
def walk(steps):
    total = 0.0
    for _ in range(steps):
        total += step()
    return total
"""
THEOREM = """
from theorycheck import DERIVED, Enclosed, Theorem, equals
from theorycheck.kernels import caller

theorem = Theorem("walk", title="A walk", source=DERIVED, statement="w_n = n")

@theorem.computed(at=[dict(steps=10)], margin=0.01, rivals={"twice as far": dict(speed=2.0)})
def walk_goes_as_far_as_its_steps(steps, speed=1.0):
    return equals(Enclosed(caller.walk(steps), 1e-12), speed * steps)
"""
VERIFY = "import sys; from theorycheck.cli import main; sys.argv[1:] = ['verify', 'walk.py']; main()"
COUNT = """
import theorycheck
from theorycheck.kernels.caller import walk
print(theorycheck.__file__, walk(10), sum(walk.stats.cache_hits.values()))
"""


@pytest.fixture
def scratch(tmp_path):
    """A copy of the package, without compiled code, and a way to run code against it."""
    for package in (theorycheck, proofs_numeric):
        source = Path(package.__file__).parent
        shutil.copytree(source, tmp_path / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment |= {"PYTHONPATH": str(tmp_path), "PYTHONIOENCODING": "utf-8"}

    def python(code):
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )

    return tmp_path, python


def test_verdict_follows_an_edited_helper(scratch):
    root, python = scratch
    kernels = root / "theorycheck" / "kernels"
    (kernels / "helper.py").write_text(HELPER.format(value="1.0"))
    (kernels / "caller.py").write_text(CALLER)
    (root / "walk.py").write_text(THEOREM)

    first = python(VERIFY)
    assert (first.returncode, "SUPPORTED" in first.stdout) == (0, True), first.stdout + first.stderr

    # The machine code of the caller is on disk, and is used as long as nothing changes.
    path, value, hits = python(COUNT).stdout.split()
    assert Path(path).is_relative_to(root)
    assert (value, hits) == ("10.0", "1")

    (kernels / "helper.py").write_text(HELPER.format(value="1.125"))
    second = python(VERIFY)
    assert (second.returncode, "REFUTED" in second.stdout) == (1, True), second.stdout + second.stderr
    assert python(COUNT).stdout.split()[1:] == ["11.25", "1"]


SESSION = """
import theorycheck.kernels.jit
from pathlib import Path

helper = Path("theorycheck/kernels/helper.py")
edit = lambda old, new: helper.write_text(helper.read_text().replace(old, new))
"""


@pytest.mark.parametrize(
    ("load_and_edit", "in_memory", "on_disk"),
    [
        (["from theorycheck.kernels.caller import walk", "edit('1.0', '1.125')"], "10.0", "11.25"),
        (
            ["edit('1.0', '1.125')", "from theorycheck.kernels.caller import walk", "edit('1.125', '1.0')"],
            "11.25",
            "10.0",
        ),
    ],
    ids=["edited after the import", "edited during the import"],
)
def test_what_files_no_longer_say_is_not_kept(scratch, load_and_edit, in_memory, on_disk):
    """A long session, in which a helper is edited before the first call of its caller."""
    root, python = scratch
    kernels = root / "theorycheck" / "kernels"
    (kernels / "helper.py").write_text(HELPER.format(value="1.0"))
    (kernels / "caller.py").write_text(CALLER)
    session = python("\n".join([SESSION, *load_and_edit, "print(walk(10))"]))
    assert session.stdout.split() == [in_memory], session.stderr
    assert python(COUNT).stdout.split()[1:] == [on_disk, "0"]


def test_the_hash_covers_every_kernel_file(scratch):
    root, python = scratch
    ask = "from theorycheck.kernels.jit import source_hash; print(source_hash())"
    kernels = root / "theorycheck" / "kernels"
    before = python(ask).stdout.strip()
    assert before == source_hash()
    hashes = {before}
    (kernels / "new.py").write_text("# a new file\n")
    hashes.add(python(ask).stdout.strip())
    (kernels / "new.py").rename(kernels / "newer.py")
    hashes.add(python(ask).stdout.strip())
    assert len(hashes) == 3


def test_kernels_of_other_files_are_not_cached():
    @kernel
    def double(x):
        return 2 * x

    assert double(3) == 6
    assert double.stats.cache_path is None
    assert not list(Path(__file__).parent.rglob("test_jit*double*.nbi"))


def test_kernels_release_the_interpreter_lock_and_stay_strict():
    @kernel
    def identity(x):
        return x

    assert identity.targetoptions["nogil"] is True
    assert not identity.targetoptions.get("fastmath")
    assert not identity.targetoptions.get("parallel")


def test_without_compilation_kernels_are_plain_functions(scratch):
    _, python = scratch
    code = """
import os; os.environ["NUMBA_DISABLE_JIT"] = "1"
import numpy as np
from theorycheck.loops.gaussian import simulate
print(*map(float.hex, simulate(np.random.default_rng(0), 4, 3, 2).log_scale.tolist()))
"""
    compiled = code.replace('"1"', '"0"')
    assert python(code).stdout == python(compiled).stdout != ""
