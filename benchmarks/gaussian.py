"""The one-dimensional Gaussian kernels beside a NumPy loop vectorised over paths, one thread each."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks import Row, say, side_by_side
from theorycheck.loops.gaussian import simulate

FIRST_CALL = """
import sys, time
import numpy as np
from theorycheck.kernels import gaussian
from theorycheck.loops.gaussian import simulate
began = time.perf_counter()
simulate(np.random.default_rng(0), 2, 1, 1, kernel=sys.argv[1])
print(time.perf_counter() - began)
"""


def rows() -> Iterator[Row]:
    compiling = {kernel: compile_seconds(kernel) for kernel in ("literal", "reduced")}
    for kernel, baseline, samples, steps, paths in (
        ("literal", numpy_literal, 10, 50, 8192),
        ("literal", numpy_literal, 100, 50, 1024),
        ("reduced", numpy_reduced, 10, 50, 65536),
        ("reduced", numpy_reduced, 100, 50, 65536),
    ):
        row = side_by_side(
            f"{kernel}, n={samples}, steps={steps}, paths={paths}",
            partial(simulate, np.random.default_rng(1), samples, steps, paths, kernel=kernel),
            partial(baseline, np.random.default_rng(2), samples, steps, paths),
            "NumPy over paths",
        )
        yield {**row, "compile_seconds": compiling[kernel]}


def numpy_literal(rng: np.random.Generator, samples: int, steps: int, paths: int) -> tuple[np.ndarray, ...]:
    """The final mean, log σ and length of the mean's path, from all points of a generation at once."""
    mean, log_scale, length = np.zeros((3, paths))
    points = np.empty((paths, samples))
    for _ in range(steps):
        rng.standard_normal(out=points)
        scale = np.exp(log_scale)
        average = points.mean(axis=1)
        points -= average[:, None]
        squares = np.einsum("ij,ij->i", points, points)
        mean += scale * average
        length += scale * np.abs(average)
        log_scale += 0.5 * np.log(squares / (samples - 1))
    return mean, log_scale, length


def numpy_reduced(rng: np.random.Generator, samples: int, steps: int, paths: int) -> tuple[np.ndarray, ...]:
    """The same from one normal and one χ² a generation."""
    mean, log_scale, length = np.zeros((3, paths))
    for _ in range(steps):
        shift = np.exp(log_scale) * rng.standard_normal(paths) / np.sqrt(samples)
        mean += shift
        length += np.abs(shift)
        log_scale += 0.5 * np.log(rng.chisquare(samples - 1, paths) / (samples - 1))
    return mean, log_scale, length


def compile_seconds(kernel: str) -> float:
    """What a kernel's first call takes in a fresh process with an empty compile cache."""
    say(f"  compiling {kernel}")
    with tempfile.TemporaryDirectory() as cache:
        run = subprocess.run(
            [sys.executable, "-c", FIRST_CALL, kernel],
            env=os.environ | {"NUMBA_CACHE_DIR": cache},
            check=True,
            capture_output=True,
            text=True,
        )
    return float(run.stdout)
