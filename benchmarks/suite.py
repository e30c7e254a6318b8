"""`theorycheck verify` as a user meets it: a new process, compile cache empty or filled."""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from benchmarks import Row, say, seconds

COLD, WARM = 150.0, 60.0  # what the project allows itself on 2 cores, in seconds
WARM_RUNS = 3


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as cache:
        yield row("verify, empty compile cache", [verify_seconds(cache)], COLD)
        yield row("verify, compiled before", [verify_seconds(cache) for _ in range(WARM_RUNS)], WARM)


def row(workload: str, times: list[float], allowed: float) -> Row:
    return Row(
        workload=workload,
        ours_seconds=statistics.median(times),
        baseline="allowed on 2 cores",
        baseline_seconds=allowed,
        ratio=allowed / statistics.median(times),
        spread=(allowed / max(times), allowed / min(times)),
    )


def verify_seconds(cache: str) -> float:
    """Wall-clock seconds of the whole catalogue, imports and compilation included."""
    say("  theorycheck verify")
    status: list[int] = []

    def verify() -> None:
        command = [sys.executable, "-c", "from theorycheck.cli import main; main()", "verify"]
        environment = os.environ | {"NUMBA_CACHE_DIR": cache}
        status.append(subprocess.run(command, env=environment, capture_output=True).returncode)

    taken = seconds(verify)
    if status[0]:
        say(f"  not every claim passes (status {status[0]}): the time stands for what was decided")
    return taken
