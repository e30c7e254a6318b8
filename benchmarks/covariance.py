"""The d-dimensional Gaussian kernels beside `multivariate_normal` and `cov`, path by path, on one thread."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks import Row, compare
from benchmarks._gaussian import one_thread
from theorycheck.loops.covariance import simulate_covariance

# Kernel, dimension, samples, steps, paths, turns.
WORKLOADS = (
    ("reduced", 100, 100, 100, 1, 3),
    ("literal", 100, 100, 100, 1, 3),
    ("reduced", 3, 10, 20, 20, 15),
    ("literal", 3, 10, 20, 20, 15),
)


def rows() -> Iterator[Row]:
    with one_thread():
        for workload in WORKLOADS:
            yield from row(*workload)


def row(kernel: str, dimension: int, samples: int, steps: int, paths: int, count: int) -> Iterator[Row]:
    size = np.eye(dimension), samples, steps, paths
    yield from compare(
        f"{kernel}, d={dimension}, n={samples}, steps={steps}, paths={paths}",
        partial(simulate_covariance, np.random.default_rng(1), *size, kernel=kernel),
        {
            f"multivariate_normal ({method}) + cov": partial(
                numpy_loop, np.random.default_rng(2), *size, method=method
            )
            for method in ("svd", "eigh")
        },
        count=count,
        unit="generation",
        units=steps * paths,
        bytes_per_path=8 * dimension**2,
    )


def numpy_loop(
    rng: np.random.Generator, start: np.ndarray, samples: int, steps: int, paths: int, *, method: str
) -> np.ndarray:
    """Σ_t of each path, shape (paths, d, d); `svd` is NumPy's default, `eigh` faster."""
    final = np.empty((paths, *start.shape))
    origin = np.zeros(len(start))
    for path in range(paths):
        mean, covariance = origin, start
        for _ in range(steps):
            points = rng.multivariate_normal(
                mean,
                covariance,
                samples,
                check_valid="ignore",
                method=method,  # type: ignore[arg-type]
            )
            mean, covariance = points.mean(axis=0), np.cov(points, rowvar=False)
        final[path] = covariance
    return final
