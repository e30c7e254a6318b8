"""`theorycheck retrain`"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from theorycheck.terminal import WEIGHTS, several, show

INSTALL = "trained models need torch: pip install 'theorycheck[torch]'"


@click.command()
@click.option("--preset", help="The settings of an experiment; see --list-presets.")
@click.option("--list-presets", is_flag=True, help="List the presets and exit.")
@click.option("--config", metavar="FILE.toml", help="Settings of your own, in a file like a preset's.")
@click.option("--data", help="eight-gaussians, two-moons, digits, cifar10:DIR or folder:DIR.")
@click.option("--model", type=click.Choice(["ddpm", "edm", "flow"]))
@click.option("--rounds", type=int, help="How often the model is retrained.")
@click.option("--size", type=int, help="Side of an image in pixels.")
@click.option(
    "--synthetic-weight", "listed", metavar="λ,λ,…", help="Synthetic against real data: one loop each."
)
@click.option("--choices", type=int, help="K, the proposals of which one is kept.")
@click.option("--reward", help="confidence, class:C or distance: what is chosen by.")
@click.option(
    "--filter", "by", type=click.Choice(["choice", "score"]), help="Keep as users choose, or by score."
)
@click.option("--fresh-real", is_flag=True, help="Draw new real data every round.")
@click.option("--set", "assigned", multiple=True, metavar="NAME=VALUE", help="Any other setting, as in TOML.")
@click.option("--seeds", type=int, default=3, show_default=True, help="How many seeds.")
@click.option("--seed", type=int, default=0, show_default=True, help="The first of them.")
@click.option("--jobs", type=int, help="Seeds side by side on a CPU (default: all processors).")
@click.option("--features", metavar="FILE.pt", help="TorchScript network for Fréchet, precision and recall.")
@click.option("--out", metavar="DIR", help="Where results and checkpoints go; a run goes on from there.")
def command(list_presets: bool, seeds: int, seed: int, jobs: int | None, **given: Any) -> None:
    """Retrain a generative model on its own, curated and real data, round by round, and measure it."""
    from theorycheck import checks

    if list_presets:
        _list()
        return
    out = given.pop("out")
    if out is None:
        raise ValueError("--out DIR is needed: where results and checkpoints go")
    chosen = _settings(**given)
    first, count = checks.integer("seed", seed, 0), checks.integer("seeds", seeds, 1)
    jobs = checks.integer("jobs", min(count, os.cpu_count() or 1) if jobs is None else jobs, 1)
    _needs_torch()
    from theorycheck.generative import runs

    with _progress() as progress, _memory():
        outcome = runs.run(
            chosen,
            out,
            range(first, first + count),
            jobs=jobs,
            command=shlex.join(["theorycheck", *sys.argv[1:]]),
            progress=progress,
        )
    if outcome.rows:
        from theorycheck.render_retrain import report

        show(report(outcome, out))


@contextmanager
def _memory() -> Iterator[None]:
    """One sentence where memory runs out: torch raises RuntimeError for that, on a CPU no subclass."""
    try:
        yield
    except RuntimeError as error:
        if "memory" not in str(error):
            raise
        raise OSError(
            "out of memory: a smaller chunk or batch takes less; every checkpoint is kept"
        ) from error


def _needs_torch() -> None:
    from importlib.util import find_spec

    if any(find_spec(name) is None for name in ("torch", "diffusers", "accelerate", "ot", "safetensors")):
        raise ValueError(INSTALL)


def _settings(
    *,
    preset: str | None,
    config: str | None,
    listed: str | None,
    choices: int | None,
    reward: str | None,
    by: str | None,
    fresh_real: bool,
    assigned: tuple[str, ...],
    **values: Any,
) -> Any:
    """The settings that the options name: a preset or a file, with what is given besides."""
    from theorycheck import checks
    from theorycheck.generative import presets, settings

    if preset and config:
        raise ValueError("--preset and --config exclude each other")
    given = {name: value for name, value in values.items() if value is not None}
    if config:
        chosen = settings.load(config)
    elif preset:
        chosen = presets.preset(preset)
    elif given.get("data"):
        chosen = presets.default(given["data"], given.get("model"))
    else:
        raise ValueError("--preset NAME, --config FILE.toml or --data SOURCE is needed; see --list-presets")
    given |= dict(_assignment(text) for text in assigned)
    if listed is not None or choices is not None or reward is not None or by is not None or fresh_real:
        weights = several("--synthetic-weight", listed or "inf", checks.synthetic_weight, WEIGHTS)
        options: dict[str, Any] = {"choices": choices, "reward": reward, "filter": by}
        options = {name: value for name, value in options.items() if value is not None}
        given["loops"] = tuple(
            settings.Loop(f"weight-{weight:g}", weight, fresh_real=fresh_real, **options)
            for weight in weights
        )
    return chosen.replace(**given)


def _assignment(text: str) -> tuple[str, Any]:
    import tomllib

    from theorycheck.generative import settings

    name, equals, value = text.partition("=")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"] if equals else None
    except tomllib.TOMLDecodeError:
        parsed = value
    if not equals:
        raise ValueError(f"--set must be NAME=VALUE, got {text!r}")
    return name, settings.typed(name, parsed)


def _list() -> None:
    from rich.table import Table

    from theorycheck.generative import presets

    table = Table(box=None, pad_edge=False, show_header=False)
    for name in presets.names():
        table.add_row(name, presets.title(name))
    show(table)


@contextmanager
def _progress() -> Iterator[Any]:
    """A listener that shows a bar with the time left on a terminal, a line a round elsewhere; on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if int(os.environ.get("RANK", "0")) > 0:
        # One process of several speaks.
        yield None
    elif console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True, speed_estimate_period=120) as bar:
            task = bar.add_task("starting", total=1.0)
            yield lambda seed, what, step, share: bar.update(
                task, description=f"seed {seed}, {what}, round {step}", advance=share
            )
    else:
        yield _Lines()


class _Lines:
    """Progress as lines: one whenever a seed begins a round, with an estimate of the time left."""

    def __init__(self) -> None:
        import time

        self.clock, self.began = time.monotonic, time.monotonic()
        self.done, self.seen = 0.0, set[tuple[int, str, int]]()

    def __call__(self, seed: int, what: str, step: int, share: float) -> None:
        self.done += share
        if (seed, what, step) in self.seen:
            return
        self.seen.add((seed, what, step))
        left = (self.clock() - self.began) * (1 / self.done - 1)
        told = f"about {max(0.0, left) / 60:.0f} min left" if self.done > 0.01 else "begins"
        click.echo(f"seed {seed}, {what}, round {step}: {told}", err=True)
