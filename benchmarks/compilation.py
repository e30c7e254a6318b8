"""What the first call of a kernel takes in a new process: compile cache empty (cold) and filled (warm)."""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from benchmarks import Row, say

WARM_RUNS = 3

# The first call, after imports: what a user waits for once, and what each later process waits for.
FIRST_CALL = """
import sys, time
import numpy as np
from theorycheck.kernels import curation, gaussian, wishart
from theorycheck.loops.covariance import simulate_covariance
from theorycheck.loops.curation import simulate as choices
from theorycheck.loops.gaussian import simulate

rng, (loop, kernel) = np.random.default_rng(0), sys.argv[1:]
began = time.perf_counter()
if loop == "gaussian":
    simulate(rng, 2, 1, 1, kernel=kernel)
elif loop == "wishart":
    simulate_covariance(rng, np.eye(2), 2, 1, 1, kernel=kernel)
else:
    choices(rng, [0.5, 0.5], [0.0, 1.0], 2, 1, 1, 1, kernel=kernel)
print(time.perf_counter() - began)
"""


def rows() -> Iterator[Row]:
    for loop in ("gaussian", "wishart", "curation"):
        for kernel in ("literal", "reduced"):
            yield row(loop, kernel)


def row(loop: str, kernel: str) -> Row:
    """`ours` is a warm first call, the baseline a cold one."""
    say(f"  {loop}.{kernel}")
    with tempfile.TemporaryDirectory() as cache:
        cold, *warm = (first_call(loop, kernel, cache) for _ in range(1 + WARM_RUNS))
    ratios = [cold / each for each in warm]
    return Row(
        workload=f"first call of {loop}.{kernel}, compiled before",
        ours_seconds=statistics.median(warm),
        baseline="empty compile cache",
        baseline_seconds=cold,
        ratio=statistics.median(ratios),
        spread=(min(ratios), max(ratios)),
    )


def first_call(loop: str, kernel: str, cache: str) -> float:
    """Elapsed seconds in a new process."""
    run = subprocess.run(
        [sys.executable, "-c", FIRST_CALL, loop, kernel],
        env=os.environ | {"NUMBA_CACHE_DIR": cache},
        check=True,
        capture_output=True,
        text=True,
    )
    return float(run.stdout)
