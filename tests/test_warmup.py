"""The compile cache: filled on request, and a run that fills it says so."""

import os
import subprocess
import sys

import numpy as np
import pytest

from theorycheck.engine import warmup
from theorycheck.kernels.jit import name
from theorycheck.loops.retraining import multivariate

VERIFY = "from theorycheck.cli import main; main()"
CLAIM = "infinite-choices-limit::first_order_in_the_choices"  # computed, with one kernel and its helpers
KERNELS = [f"curation.{name}" for name in ("choice_ratio", "nodes", "at_node", "fall", "power_of")]
WARMUP = f"""
from theorycheck.engine import warmup
warmup.CALLS = {{"one": warmup.CALLS["population step"]}}  # all of them take half a minute
{VERIFY}
"""


@pytest.fixture
def cold(tmp_path):
    """Runs a command with a compile cache that starts empty."""

    def run(code, *arguments, **environment):
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")} | environment,
            capture_output=True,
            encoding="utf-8",
            timeout=240,
        )

    return run


def test_warmup_meets_every_kernel():
    # With a filled cache this compiles nothing; a kernel that no call meets is told by name.
    warmup.warmup()
    unmet = [
        known for known, kernel in warmup.everything().items() if not kernel.signatures and not _inner(known)
    ]
    assert unmet == [], "add a call to theorycheck/engine/warmup.py"


def _inner(known):
    """Kernels that only other kernels call are compiled, or loaded from the cache, as part of those."""
    function = known.partition(".")[2]
    return any(
        function in kernel.py_func.__code__.co_names
        for other, kernel in warmup.everything().items()
        if other != known
    )


def test_everything_lists_the_kernels_of_the_package():
    found = warmup.everything()
    assert {"gaussian.literal", "wishart.reduced", "curation.choice_ratio"} <= set(found)
    assert all(name(kernel.py_func) == known for known, kernel in found.items())


def test_a_cold_verify_says_what_it_compiles(cold):
    first = cold(VERIFY, "verify", CLAIM)
    assert first.returncode == 0, first.stderr
    told = [line for line in first.stderr.splitlines() if line.startswith("compiling")]
    total = len(warmup.everything())
    assert told == [
        f"compiling {name} (kernel {i} of {total}; once, then it is kept on disk)"
        for i, name in enumerate(KERNELS, 1)
    ]
    second = cold(VERIFY, "verify", CLAIM)
    assert (second.returncode, "compiling" in second.stderr) == (0, False), second.stderr


def test_warmup_compiles_what_is_missing(cold):
    total = len(warmup.everything())
    first, second = cold(WARMUP, "warmup"), cold(WARMUP, "warmup")
    told = [f"compiling {name} ({i} of {total})" for i, name in enumerate(KERNELS, 1)]
    assert first.stderr.splitlines() == told
    assert first.stdout.startswith(f"{len(KERNELS)} of {total} kernels compiled, ")
    assert second.stderr == ""
    assert second.stdout.startswith(f"all {total} kernels were compiled before, ")
    assert cold(VERIFY, "verify", CLAIM).stderr == f"deciding {CLAIM}\n"


def test_warmup_without_compilation_is_refused(cold):
    done = cold(VERIFY, "warmup", NUMBA_DISABLE_JIT="1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("theorycheck: NUMBA_DISABLE_JIT must be ")
    assert done.stderr.count("\n") == 1


def test_a_listener_hears_only_while_it_listens():
    from theorycheck.kernels import COMPILING as listeners

    with warmup.compiling(lambda *kernel: None):
        assert len(listeners) == 1
    assert listeners == []


def test_no_dimension_compiles_a_kernel_of_its_own():
    # Another order of a matrix in memory is another type.
    for matrix in (np.eye(1), np.array([[2.0, 0.5], [0.5, 1.0]])):
        law = multivariate.Gaussian(np.zeros(len(matrix)), matrix)
        location, factor = multivariate._checked("data", law)
        assert location.flags.c_contiguous
        assert factor.flags.c_contiguous
        assert factor @ factor.T == pytest.approx(matrix)
