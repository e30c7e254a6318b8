"""The one-dimensional Gaussian kernels beside the same loop by other means, one thread each."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks import Row, _native, compare, say
from benchmarks._gaussian import one_thread, others
from theorycheck.loops.gaussian import simulate

# Kernel, samples, steps, paths, turns.
WORKLOADS = (
    ("literal", 1000, 20, 20, 25),
    ("literal", 100, 10, 100, 25),
    ("literal", 10, 5, 1000, 25),
    ("reduced", 100, 2500, 25, 3),
    ("tilted", 100, 2500, 25, 3),
)


def rows() -> Iterator[Row]:
    with one_thread():
        for workload in WORKLOADS:
            yield from row(*workload)


def row(kernel: str, samples: int, steps: int, paths: int, count: int) -> Iterator[Row]:
    baselines = others(kernel, samples, steps, paths)
    if kernel == "literal":
        if isinstance(reason := _native.library(), str):
            say(f"  {reason}")
        else:
            baselines[_native.LIMIT] = partial(_native.literal, 1, samples, steps, paths)
    ours = partial(simulate, np.random.default_rng(1), samples, steps, paths, kernel=kernel)
    unit, units = (
        ("normal", samples * steps * paths) if kernel == "literal" else ("generation", steps * paths)
    )
    for found in compare(
        f"{kernel}, n={samples}, steps={steps}, paths={paths}",
        ours,
        baselines,
        count=count,
        unit=unit,
        units=units,
        bytes_per_path=sum(field.nbytes for field in ours()) / paths,
    ):
        if found["baseline"] == _native.LIMIT:
            found["fraction_of_limit"] = found["ratio"]
        yield found
