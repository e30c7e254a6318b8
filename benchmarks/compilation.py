"""What the first call of a kernel takes in a new process: compile cache empty (cold) and filled (warm).

Every kernel of the package is met by one of the calls that `theorycheck warmup` makes.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks import Row, say
from theorycheck.engine.warmup import CALLS

WARM_RUNS = 3

# The first call, after imports: what a user waits for once, and what each later process waits for.
FIRST_CALL = """
import sys, time
import numpy as np
from theorycheck.engine.warmup import CALLS, compiling, everything
from theorycheck.loops import covariance, curation, gaussian, particles
from theorycheck.loops.retraining import multivariate, samples

everything()
compiled, call = [], CALLS[sys.argv[1]]
with compiling(lambda name, number, total: compiled.append(name)):
    began = time.perf_counter()
    call(np.random.default_rng(0))
    print(time.perf_counter() - began, len(compiled))
"""


class First(NamedTuple):
    """A first call: elapsed seconds, and how many kernels were compiled for it."""

    seconds: float
    compiled: int


def rows() -> Iterator[Row]:
    for name in CALLS:
        yield row(name)


def row(name: str) -> Row:
    """`ours` is a warm first call, the baseline a cold one."""
    say(f"  {name}")
    with tempfile.TemporaryDirectory() as cache:
        cold, *warm = (first_call(name, cache) for _ in range(1 + WARM_RUNS))
    if any(call.compiled for call in warm):
        raise RuntimeError(f"{name} must come from the cache the second time, but was compiled again")
    ratios = [cold.seconds / call.seconds for call in warm]
    return Row(
        workload=f"first call of {name}, compiled before",
        ours_seconds=statistics.median(call.seconds for call in warm),
        baseline=f"empty compile cache, {cold.compiled} kernels",
        baseline_seconds=cold.seconds,
        ratio=statistics.median(ratios),
        spread=(min(ratios), max(ratios)),
    )


def first_call(name: str, cache: str) -> First:
    """In a new process."""
    run = subprocess.run(
        [sys.executable, "-c", FIRST_CALL, name],
        env=os.environ | {"NUMBA_CACHE_DIR": cache},
        check=True,
        capture_output=True,
        text=True,
    )
    taken, compiled = run.stdout.split()
    return First(float(taken), int(compiled))
