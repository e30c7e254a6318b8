"""Blocks as a sampled claim draws them, on two threads beside one: elapsed time, by the engine's executor."""

import os
import time
from collections.abc import Iterator
from functools import partial

from benchmarks import Row, compare, say
from theorycheck.engine.decide.sampled import LARGEST_BLOCK
from theorycheck.engine.executor import Executor
from theorycheck.engine.streams import generator
from theorycheck.loops.gaussian import simulate

BLOCKS, SAMPLES, STEPS, PATHS = 16, 100, 10, LARGEST_BLOCK


def rows() -> Iterator[Row]:
    if (os.cpu_count() or 1) < 2:
        say("  one processor: left out")
        return
    executors = [Executor(workers) for workers in (2, 1)]
    two, one = (partial(run, executor) for executor in executors)
    yield from compare(
        f"literal, n={SAMPLES}, steps={STEPS}, {BLOCKS} blocks of {PATHS} paths, 2 threads",
        two,
        {"1 thread": one},
        count=15,
        clock=time.perf_counter,
        unit="normal",
        units=BLOCKS * SAMPLES * STEPS * PATHS,
    )
    for executor in executors:
        executor.close()


def run(executor: Executor) -> float:
    return sum(executor.map(block, range(BLOCKS)))


def block(number: int) -> float:
    return float(simulate(generator(1, ("workers",), number), SAMPLES, STEPS, PATHS).log_scale.sum())
