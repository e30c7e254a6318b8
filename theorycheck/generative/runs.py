"""A run of `theorycheck retrain`: its directory, its seeds side by side, its results."""

from __future__ import annotations

import functools
import multiprocessing
import signal
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import theorycheck
from theorycheck import results
from theorycheck.generative import checkpoints, loop, settings
from theorycheck.generative.settings import Settings
from theorycheck.interrupts import leave
from theorycheck.results import Row

LARGEST_TABLE = 256  # numbers a sample: more than that go to samples.npz, not to samples.csv
Progress = Callable[[int, str, int, float], None]  # (seed, what is done, round, share of the run's work)


class Report(NamedTuple):
    """What one process saw: samples per second in training and generation, and peak memory in MiB.

    `curation_share` is the time of reward and choice over that of drawing the proposals to choose from, and
    0 where no loop is curated.
    """

    training: float
    generation: float
    curation_share: float
    memory: dict[str, float]
    accuracy: float | None


class Outcome(NamedTuple):
    """The rows of a finished run and what its processes reported."""

    rows: list[Row]
    reports: list[Report]
    seconds: float


def run(
    chosen: Settings,
    out: str | Path,
    seeds: Sequence[int],
    *,
    jobs: int = 1,
    command: str = "",
    progress: Progress | None = None,
) -> Outcome:
    """Retrain by the settings, from where `out` stands if a run was interrupted there.

    `seeds` are done one after another by every process that `accelerate launch` started; without it, `jobs`
    seeds side by side, in processes of one thread each, so that the bits do not depend on `jobs`. Raises
    ValueError, with one sentence, if `out` holds something else.
    """
    out, began = Path(out), time.perf_counter()
    accelerator = loop.accelerator_for(chosen)
    if accelerator.is_main_process:
        _claim(chosen, out)
    accelerator.wait_for_everyone()
    tell = progress or (lambda *event: None)
    work = functools.partial(_seeds, chosen, out, share=1 / len(seeds))
    if accelerator.num_processes > 1 or jobs == 1 or len(seeds) == 1 or accelerator.device.type == "cuda":
        reports = [work(seeds, tell)]
    else:
        reports = _side_by_side(work, seeds, jobs, tell)
    rows: list[Row] = []
    if accelerator.is_main_process:
        rows = collect(chosen, out, command)
    accelerator.wait_for_everyone()
    return Outcome(rows, reports, time.perf_counter() - began)


def _claim(chosen: Settings, out: Path) -> None:
    """Make the directory this run's own, or find that it is; settings that made nothing yet may change."""
    path = out / "settings.toml"
    if path.is_file():
        complaint = settings.difference(settings.load(path), chosen)
        if complaint and any(other != path for other in out.iterdir()):
            raise ValueError(
                f"{out} holds a run with {complaint}: choose another --out, or the same settings"
            )
    elif out.is_dir() and any(out.iterdir()):
        raise ValueError(f"{out} is not empty and holds no run: choose another --out")
    elif out.exists() and not out.is_dir():
        raise ValueError(f"{out} is not a directory: choose another --out")
    with checkpoints.replacing(path) as temporary:
        temporary.write_text(settings.dump(chosen), encoding="utf-8")


def _seeds(chosen: Settings, out: Path, seeds: Sequence[int], tell: Progress, *, share: float) -> Report:
    """All loops of some seeds, one after another, in this process."""
    if not torch.cuda.is_available():
        torch.set_num_threads(1)
    current, unit = [seeds[0]], [0.0]
    bench = loop.prepare(chosen, out, lambda what, step, work: tell(current[0], what, step, work * unit[0]))
    unit[0] = share / _work(chosen, chosen.real or len(bench.source.train))
    for seed in seeds:
        current[0] = seed
        first = loop.first_network(bench, seed)
        for one in chosen.loops:
            loop.retrain(bench, one, seed, first)
    trainer, generator = bench.trainer, bench.generator
    return Report(
        trainer.images / trainer.seconds if trainer.seconds else 0.0,
        generator.images / generator.seconds if generator.seconds else 0.0,
        generator.choosing / generator.proposing if generator.proposing else 0.0,
        loop.peak_memory(),
        bench.classifier.accuracy if bench.classifier else None,
    )


def _work(chosen: Settings, real: int) -> float:
    """What one seed takes, in passes of one sample through the network; a training pass counts as three."""
    total = 3.0 * chosen.batch * chosen.first_steps
    for one in chosen.loops:
        wanted = max(chosen.evaluation, one.kept(real) * one.choices)
        total += chosen.rounds * (3.0 * chosen.batch * chosen.steps + wanted * chosen.sampling_steps)
        total += chosen.evaluation * chosen.sampling_steps
    return total


def _side_by_side(
    work: Callable[..., Report], seeds: Sequence[int], jobs: int, tell: Progress
) -> list[Report]:
    """Each seed in a process of its own, `jobs` at a time; what they tell comes back through pipes."""
    context = multiprocessing.get_context("spawn")
    waiting, reports = list(seeds), []
    running: dict[Any, tuple[int, Any]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                seed = waiting.pop(0)
                ours, theirs = context.Pipe()
                process = context.Process(target=_one, args=(theirs, work, seed), daemon=True)
                process.start()
                theirs.close()
                running[ours] = seed, process
            ready: list[Any] = wait(list(running))
            for pipe in ready:
                seed, process = running[pipe]
                try:
                    message = pipe.recv()
                except EOFError:
                    process.join()
                    raise ValueError(f"the process of seed {seed} ended with {process.exitcode}") from None
                if isinstance(message, Exception):
                    raise message
                if isinstance(message, Report):
                    reports.append(message)
                    del running[pipe]
                else:
                    tell(*message)
    finally:
        for _, process in running.values():
            process.terminate()
            process.join()
    return reports


def _one(pipe: Any, work: Callable[..., Report], seed: int) -> None:
    """One seed; ends in silence when the process that started it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        pipe.send(work([seed], lambda *event: pipe.send(event)))
    except BrokenPipeError:
        leave(1)
    except Exception as error:
        pipe.send(error)


def collect(chosen: Settings, out: Path, command: str) -> list[Row]:
    """Write results.csv and the samples of what `out` holds: every seed that is done, loop by loop.

    A seed that broke off, or was stopped at fewer rounds, is left out until it is continued.
    """
    found = {
        seed: {one.name: _rows(chosen, out, seed, one.name) for one in chosen.loops}
        for seed in sorted(int(path.name.removeprefix("seed-")) for path in out.glob("seed-*"))
    }
    seeds = [seed for seed, loops in found.items() if all(loops.values())]
    rows, samples = [], {}
    for one in chosen.loops:
        for seed in seeds:
            rows += found[seed][one.name]
            for step in loop.shown(chosen):
                path = loop.samples_path(out, seed, one.name, step)
                if seed == seeds[0] and path.is_file():
                    samples[one.name, seed, step] = np.load(path, allow_pickle=False)
    remarks = [
        command or f"theorycheck retrain --preset {chosen.preset}",
        f"theorycheck {theorycheck.__version__}, torch {torch.__version__}",
        f"seeds {', '.join(map(str, seeds))}",
    ]
    with checkpoints.replacing(out / "results.csv") as temporary:
        results.write(temporary, rows, remarks)
    _write_samples(out, samples, remarks, chosen.plane)
    return rows


def _rows(chosen: Settings, out: Path, seed: int, name: str) -> list[Row]:
    """The rows of a loop up to the last round; none if it did not come so far."""
    state = checkpoints.Chain(loop.folder(out, seed, name), chosen.identity()).latest()
    rows = [row for row in state.rows if row.round <= chosen.rounds] if state else []
    return rows if any(row.round == chosen.rounds for row in rows) else []


def _write_samples(out: Path, samples: results.Samples, remarks: list[str], plane: bool) -> None:
    if any(array.shape[1] > LARGEST_TABLE for array in samples.values()):
        with checkpoints.replacing(out / "samples.npz") as temporary, open(temporary, "wb") as file:
            named: dict[str, Any] = {"/".join(map(str, key)): array for key, array in samples.items()}
            np.savez_compressed(file, **named)
        return
    width = next(iter(samples.values())).shape[1] if samples else 0
    columns = ["x", "y"] if plane else ["sample", *(f"p{i}" for i in range(width))]
    with (
        checkpoints.replacing(out / "samples.csv") as temporary,
        open(temporary, "w", encoding="utf-8") as file,
    ):
        file.writelines(f"# {remark}\n" for remark in remarks)
        print("loop", "seed", "round", *columns, sep=",", file=file)
        for key, array in samples.items():
            for index, sample in enumerate(array):
                numbers = [f"{value:.4g}" for value in sample]
                print(*key, *([] if plane else [index]), *numbers, sep=",", file=file)
