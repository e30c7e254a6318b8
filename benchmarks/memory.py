"""Peak memory of a run with many paths beside one with few: blocks are merged, not stored."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

from benchmarks import Row, say

FEW, MANY = 10**4, 10**8
WORKERS = 2

# A process of its own, as peak memory never falls.
RUN = """
import functools, json, resource, sys, time
from theorycheck.engine.executor import Executor
from theorycheck.engine.intervals import Moments
from theorycheck.engine.streams import generator
from theorycheck.loops.gaussian import simulate

paths, workers, size = int(sys.argv[1]), int(sys.argv[2]), 8192

def block(number):
    count = min(size, paths - number * size)
    return Moments.of(simulate(generator(1, ("memory",), number), 10, 1, count, kernel="reduced").scale)

block(0)  # compiled, or loaded from the cache, before the clock starts
began = time.perf_counter()
blocks = Executor(workers).map(block, range(-(-paths // size)))
moments = functools.reduce(Moments.merge, blocks, Moments())
taken = time.perf_counter() - began
assert moments.count == paths
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([taken, peak if sys.platform == "darwin" else 1024 * peak, moments.mean]))
"""


def rows() -> Iterator[Row]:
    yield row(FEW, MANY)


def row(few: int, many: int) -> Row:
    """`ratio` is the growth in paths over the growth in time."""
    (short, low, _), (long, high, _) = measured(few), measured(many)
    grown = many / few
    return Row(
        workload=f"reduced, n=10, steps=1, {many:,} paths, peak {high / 2**20:.0f} MiB",
        ours_seconds=long,
        baseline=f"{few:,} paths, times {grown:g}",
        baseline_seconds=short * grown,
        ratio=short * grown / long,
        unit="path",
        ours_ns=1e9 * long / many,
        baseline_ns=1e9 * short / few,
        added_mebibytes=(high - low) / 2**20,
    )


def measured(paths: int) -> tuple[float, int, float]:
    """Seconds, peak bytes and the mean scale of one run."""
    say(f"  {paths:,} paths")
    command = [sys.executable, "-c", RUN, str(paths), str(WORKERS)]
    run = subprocess.run(command, env=os.environ.copy(), check=True, capture_output=True, text=True)
    seconds, peak, mean = json.loads(run.stdout)
    return seconds, peak, mean
