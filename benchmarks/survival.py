"""A sweep that is killed at random moments: its table afterwards, and what the interruption costs."""

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks import Row, say, seconds

KILLS = 20
CONFIG = """
loop = "gaussian"
paths = 200_000
[grid]
samples = 50
steps = [10, 20, 40]
kernel = "literal"
"""


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "config.toml"
        config.write_text(CONFIG)
        run(config, folder / "warm").wait()
        whole = seconds(lambda: run(config, folder / "whole").wait())
        expected = (folder / "whole/table.csv").read_bytes()
        times = []
        for kill in range(KILLS):
            # Any moment, from the start of the process to beyond its end.
            moment = random.Random(kill).uniform(0, 1.1) * whole
            say(f"  kill {kill + 1} of {KILLS}, after {moment:.2f} s")
            times.append(seconds(partial(killed_once, config, folder / str(kill), moment)))
            check(folder / str(kill), expected)
        yield Row(
            workload=f"sweep killed at {KILLS} random moments, to the same table; no block kept twice",
            ours_seconds=statistics.median(times),
            baseline="the same, not killed",
            baseline_seconds=whole,
            ratio=whole / statistics.median(times),
            spread=(whole / max(times), whole / min(times)),
        )


def run(config: Path, out: Path) -> subprocess.Popen:
    code = "from theorycheck.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "sweep", str(config), "--out", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def killed_once(config: Path, out: Path, moment: float) -> None:
    first = run(config, out)
    time.sleep(moment)
    first.kill()
    first.wait()
    if status := run(config, out).wait():
        raise RuntimeError(f"a sweep must end well after a kill at {moment:.2f} s, got status {status}")


def check(out: Path, expected: bytes) -> None:
    """RuntimeError unless the table is the expected one, and the log holds every block once."""
    if (out / "table.csv").read_bytes() != expected:
        raise RuntimeError("a sweep must give the same table whenever it was killed, got another one")
    blocks = []
    for line in (out / "done.log").read_text(encoding="utf-8").splitlines()[1:]:
        name, value = json.loads(line.split(" ", 1)[1])
        if "start" in value:
            blocks += [(name, value["start"] + i) for i in range(value["count"])]
    if len(blocks) != len(set(blocks)):
        raise RuntimeError(f"no block must be kept twice, got {len(blocks) - len(set(blocks))} again")
