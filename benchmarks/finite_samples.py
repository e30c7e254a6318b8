"""The finite-sample retraining loops beside the same loops by other means, one thread each."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks import Row, compare
from benchmarks._backends import backends
from benchmarks._finite_samples import backend_loop, numpy_loop, numpy_reduced, python_loop
from benchmarks._gaussian import one_thread
from theorycheck.loops.retraining import multivariate
from theorycheck.loops.retraining.exponential import Gaussian
from theorycheck.loops.retraining.samples import points, simulate

WEIGHT, STEPS = 0.5, 20

# Family (in how many dimensions it is Gaussian), kernel, samples, paths.
WORKLOADS: tuple[tuple[str | int, str, int, int], ...] = (
    ("gaussian-mean", "literal", 20, 1024),
    ("gaussian-mean", "reduced", 20, 65536),
    ("gaussian", "literal", 20, 1024),
    ("gaussian", "reduced", 20, 1024),
    ("poisson", "literal", 20, 1024),
    ("logistic", "literal", 20, 256),
    ("logistic", "literal", 200, 128),
    (3, "literal", 20, 256),
    (3, "reduced", 20, 256),
    (10, "reduced", 200, 256),
)


def rows() -> Iterator[Row]:
    with one_thread():
        for workload in WORKLOADS:
            yield from row(*workload)


def row(family: str | int, kernel: str, samples: int, paths: int) -> Iterator[Row]:
    size = *points(samples, WEIGHT), STEPS, paths
    rng = np.random.default_rng(2)
    ours: Callable[[], Any]
    if isinstance(family, int):
        data = Gaussian(np.zeros(family), np.eye(family))
        ours = partial(multivariate.simulate, data=data)
    else:
        ours = partial(simulate, family=family)
    baselines: dict[str, Callable[[], Any]]
    if (family, kernel) == ("gaussian-mean", "reduced"):
        baselines = {"NumPy over paths": partial(numpy_reduced, rng, *size)}
    else:
        baselines = {
            "Python loop": partial(python_loop, rng, family, *size),
            "NumPy over paths": partial(numpy_loop, rng, family, *size),
            **{f"{backend.name} over paths": backend_loop(backend, family, *size) for backend in backends()},
        }
    name = f"Gaussian in {family} dimensions" if isinstance(family, int) else family
    yield from compare(
        f"{name}, {kernel}, n={samples}, λ={WEIGHT}, steps={STEPS}, paths={paths}",
        partial(
            ours,
            np.random.default_rng(1),
            samples=samples,
            synthetic_weight=WEIGHT,
            steps=STEPS,
            paths=paths,
            kernel=kernel,
        ),
        baselines,
        unit="generation",
        units=STEPS * paths,
    )
