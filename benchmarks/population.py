"""One exact population step, beside the time and memory that the project allows itself, and K beside K."""

import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks import Row, say, side_by_side
from theorycheck.loops.curation import choice_ratio, trajectory

ATOMS, MANY, SPAN, CHOICES = 100_000, 1_000_000, 5.0, (2, 1000)
ALLOWED_SECONDS, ALLOWED_GIB = 0.3, 2.0  # on one core
TURNS = 7
ALONE = "from benchmarks.population import step; step({}, 16)"


def law(atoms: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.dirichlet(np.ones(atoms)), rng.uniform(0, SPAN, atoms)


def step(atoms: int, choices: int) -> None:
    """A generation of the loop with its law, and the peak memory of this process on stdout, in GiB."""
    trajectory(*law(atoms), choices, 1, 0.5)
    # Linux counts in KiB, macOS in bytes.
    unit = 2**30 if sys.platform == "darwin" else 2**20
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)


def rows() -> Iterator[Row]:
    with threadpool_limits(1):
        p, reward = law(ATOMS)
        for choices in CHOICES:
            say(f"  {ATOMS:,} atoms, K = {choices}")
            once = partial(trajectory, p, reward, choices, 1, 0.5)
            once()
            times = sorted(processor_seconds(once) for _ in range(TURNS))
            yield allowed(f"a generation of {ATOMS:,} atoms, K={choices}, CPU time", times)
        few, many = (partial(choice_ratio, p, reward, choices) for choices in CHOICES)
        yield side_by_side(
            f"H on {ATOMS:,} atoms, K={CHOICES[1]}", many, few, f"the same at K={CHOICES[0]}", turns=TURNS
        )
    say(f"  {MANY:,} atoms")
    (few_seconds, _), (taken, peak) = alone(ATOMS), alone(MANY)
    yield Row(
        workload=f"a generation of {MANY:,} atoms, K=16, a new process, {ALLOWED_GIB:g} GiB allowed",
        ours_seconds=taken,
        baseline=f"{ATOMS:,} atoms, times {MANY // ATOMS}",
        baseline_seconds=few_seconds * (MANY // ATOMS),
        ratio=few_seconds * (MANY // ATOMS) / taken,
        peak_gib=peak,
    )


def alone(atoms: int) -> tuple[float, float]:
    """Seconds and peak memory, in GiB, of a new process that takes a step."""
    began = time.perf_counter()
    command = [sys.executable, "-c", ALONE.format(atoms)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return time.perf_counter() - began, float(done.stdout)


def processor_seconds(function: Callable[[], object]) -> float:
    """What one core spends on a call, whatever else the machine has to do."""
    began = time.process_time()
    function()
    return time.process_time() - began


def allowed(workload: str, times: list[float]) -> Row:
    """The median of sorted times beside what is allowed."""
    middle = times[len(times) // 2]
    return Row(
        workload=workload,
        ours_seconds=middle,
        baseline="allowed on one core",
        baseline_seconds=ALLOWED_SECONDS,
        ratio=ALLOWED_SECONDS / middle,
        spread=(ALLOWED_SECONDS / times[-1], ALLOWED_SECONDS / times[0]),
    )
