"""The command line. Exit status: 0 all claims pass, 1 some do not, 2 bad usage or input, 130 interrupted."""

from __future__ import annotations

import contextlib
import json
import operator
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

import theorycheck


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(theorycheck.__version__, prog_name="theorycheck")
def cli() -> None:
    """Verify the theory of self-consuming generative models."""


@cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def list_(as_json: bool) -> None:
    """List the theorems of the catalogue."""
    from theorycheck.engine.catalogue import catalogue

    rows = [
        {"key": t.key, "title": t.title, "source": t.source.label, "claims": [c.id for c in t.claims]}
        for t in catalogue()
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    width = max(len(row["key"]) for row in rows)
    for row in rows:
        click.echo(f"{row['key']:{width}}  {len(row['claims']):3d} claims  {row['title']} ({row['source']})")


@cli.command()
@click.argument("key")
def show(key: str) -> None:
    """Show a theorem: statement, commentary, source, assumptions, claims, rivals, BibTeX."""
    from theorycheck.engine.catalogue import find

    theorem = find(key)
    lines = [f"{theorem.key}: {theorem.title}", f"source: {theorem.source.label}", "", theorem.statement, ""]
    if theorem.commentary:
        lines += [theorem.commentary, ""]
    lines.append("assumptions:")
    for assumption in theorem.assumptions:
        lines.append(f"  {assumption.id}: {assumption.text}")
    lines += ["", "claims:"]
    for claim in theorem.claims:
        lines.append(f"  {claim.id} ({claim.method}, {len(claim.instances)} instances)")
        lines.append(f"    {claim.statement}")
        for name in claim.rivals:
            lines.append(f"    rival: {name}")
        for name in claim.without:
            lines.append(f"    false without: {name}")
    lines += ["", theorem.source.bibtex]
    click.echo("\n".join(lines))


@cli.command()
@click.argument("targets", nargs=-1, metavar="[KEY | KEY::CLAIM | FILE.py]...")
@click.option("--seed", type=int, help="Seed of all random streams (default 20240507).")
@click.option("--alpha", type=float, help="Error budget of the whole run (default 0.001).")
@click.option("--workers", type=int, help="Threads that draw (default: all processors).")
@click.option("--profile", type=click.Choice(["quick", "full"]), default="quick", show_default=True)
@click.option("--fail-fast", is_flag=True, help="Stop at the first claim that does not pass.")
@click.option("--json", "json_path", metavar="FILE|-", help="Write the run as JSON to FILE, or to stdout.")
def verify(targets: tuple[str, ...], json_path: str | None, **options: Any) -> None:
    """Decide theorems: the whole catalogue, or the given ones."""
    from theorycheck.engine.suite import verify as decide
    from theorycheck.render import report

    given = {name: value for name, value in options.items() if value is not None}
    with _writing(json_path) as write, _progress() as listener:
        run = decide(*targets, listener=listener, **given)
        write(run)
    if json_path == "-":
        click.echo(run.summary, err=True)
    else:
        _show(report(run))
    sys.exit(0 if run.passed else 1)


@cli.command()
@click.argument("file", metavar="FILE.py")
@click.option(
    "--synthetic-weight",
    "listed",
    metavar="λ,λ,…",
    required=True,
    help="Synthetic against real data, 0 to inf.",
)
@click.option(
    "--radius", type=float, default=0.0, help="Of the ball around θ* over which L is taken (default 0)."
)
@click.option("--json", "json_path", metavar="FILE|-", help="Write the result as JSON to FILE, or to stdout.")
def stability(file: str, listed: str, radius: float, json_path: str | None) -> None:
    """Tell how stable retraining is for a family of your own: FILE.py defines `family` and `data`."""
    from theorycheck import checks

    weights = _listed("--synthetic-weight", listed, checks.synthetic_weight, WEIGHTS)
    from theorycheck.own_family import examine
    from theorycheck.render_stability import report

    with _writing(json_path) as write:
        record = examine(file, weights, radius)
        write(record)
    if json_path != "-":
        _show(report(record))


@cli.command()
@click.option(
    "--law", required=True, metavar="FILE|NAME", help="digits, eight-gaussians, two-moons or a file."
)
@click.option("--reward", metavar="NAME", help="A reward of the law, or the column of the file (default r).")
@click.option("--choices", "proposals", metavar="K,K,…", default="2,4,16,inf", show_default=True)
@click.option("--synthetic-weight", "listed", metavar="λ,λ,…", default="0.5,inf", show_default=True)
@click.option("--steps", type=int, default=50, show_default=True, help="Generations.")
@click.option("--csv", "csv_path", metavar="FILE|-", help="Write every generation as CSV.")
@click.option("--json", "json_path", metavar="FILE|-", help="Write the result as JSON to FILE, or to stdout.")
def curate(
    law: str,
    reward: str | None,
    proposals: str,
    listed: str,
    steps: int,
    csv_path: str | None,
    json_path: str | None,
) -> None:
    """Tell what curation makes of a law: users keep one of K samples, λ weighs them against real data.

    FILE is a .csv or .npz with columns p and r (and label), a .npy of shape (m, 2), read without pickle, or a
    .py that defines `population`.
    """
    from theorycheck import checks

    choices = _listed("--choices", proposals, checks.choices, "integers of at least 1 or inf")
    weights = _listed("--synthetic-weight", listed, checks.synthetic_weight, WEIGHTS)
    checks.integer("--steps", steps, 0)
    if csv_path is not None and csv_path == json_path:
        raise ValueError(f"--csv and --json must not be the same, got {csv_path} for both")
    with _writing(csv_path, "csv") as write_csv, _writing(json_path) as write_json:
        from theorycheck import own_curation, render_curation

        with render_curation.progress(len(choices) * len(weights), steps) as tell:
            record = own_curation.curate(law, reward, choices, weights, steps, tell)
        write_csv(record)
        write_json(record)
    if "-" not in (csv_path, json_path):
        _show(render_curation.report(record))


WEIGHTS = "numbers in [0, inf]"


def _listed(option: str, listed: str, check: Callable[[float], float], allowed: str) -> list[float]:
    try:
        return [check(float(part)) for part in listed.split(",")]
    except ValueError:
        raise ValueError(f"{option} must be {allowed}, separated by commas, got {listed!r}") from None


def _show(page: Any) -> None:
    """A page of the terminal's width in colours, or plain text."""
    from rich.console import Console

    from theorycheck.render import text

    if sys.stdout.isatty():
        Console().print(page)
    else:
        click.echo(text(page))


@cli.command()
@click.argument("first", metavar="RUN1.json")
@click.argument("second", metavar="RUN2.json")
def diff(first: str, second: str) -> None:
    """Tell what changed between two runs; exit status 1 if anything did."""
    from theorycheck.render import difference

    lines = difference(_read_run(first), _read_run(second))
    click.echo("\n".join(lines) if lines else "no difference")
    sys.exit(1 if lines else 0)


def _read_run(path: str) -> dict[str, Any]:
    from theorycheck.render import difference
    from theorycheck.verdict import SCHEMA

    try:
        run = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    try:
        # A run does not differ from itself, if it is one at all.
        if run["schema"] == SCHEMA and not difference(run, run):
            return run
    except (KeyError, TypeError, AttributeError):
        pass
    raise ValueError(f"{path} is not a run of schema {SCHEMA}")


@contextlib.contextmanager
def _writing(path: str | None, form: str = "json") -> Iterator[Any]:
    """A function that writes a result to `path`, whole or not at all; refuses an unwritable path at once.

    `form` names the option and the method of the result, `to_<form>`, that gives the text.
    """
    text = operator.methodcaller(f"to_{form}")
    if path is None:
        yield lambda run: None
        return
    if path == "-":
        yield lambda run: click.echo(text(run), nl=False)
        return
    target = Path(path).resolve()
    if target.is_dir():
        raise ValueError(f"cannot write --{form} {path}: it is a directory")
    if target.exists() and not target.is_file():
        # A pipe or a device is written to, not replaced.
        yield lambda run: target.write_text(text(run), encoding="utf-8")
        return
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise ValueError(f"cannot write --{form} {path}: {error.strerror}") from error
    _UNFINISHED.add(Path(name))
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yield lambda run: file.write(text(run))
        # mkstemp keeps the file to its owner; the result gets the permissions of any new file.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, target)
    finally:
        Path(name).unlink(missing_ok=True)
        _UNFINISHED.discard(Path(name))


_UNFINISHED: set[Path] = set()  # temporary files, to be removed whatever ends the process


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C ends the process at once, from a thread of its own.

    An exception would have to wait until compiled code returns, and may be swallowed by whatever it falls
    into (an import, a callback of the garbage collector).
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    receiver, sender = socket.socketpair()
    sender.setblocking(False)

    def watch() -> None:
        with receiver:
            interrupted = signal.SIGINT in receiver.recv(1)
        if interrupted:
            for path in list(_UNFINISHED):
                path.unlink(missing_ok=True)
            sys.stderr.write("interrupted\n")
            _leave(130)

    before = signal.signal(signal.SIGINT, lambda *_: None)
    fd = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(fd)
        signal.signal(signal.SIGINT, before)
        sender.close()
        watcher.join()


@contextlib.contextmanager
def _progress() -> Iterator[Any]:
    """A listener that shows live progress on stderr: a bar on a terminal, a line a claim elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        seen: set[str] = set()

        def tell(event: str, theorem: Any, claim: Any, total: int) -> None:
            name = f"{theorem.key}::{claim.id}"
            if event == "begin" and name not in seen:
                seen.add(name)
                click.echo(f"deciding {name}", err=True)

        yield tell
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("deciding", total=None)

        def move(event: str, theorem: Any, claim: Any, total: int) -> None:
            progress.update(
                task,
                total=total,
                description=f"{theorem.key}::{claim.id}",
                advance=1 if event == "end" else 0,
            )

        yield move


def main() -> None:
    """Entry point: one sentence for bad input, a clean stop for an interrupt."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8")
    try:
        with _interruptible():
            cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        _leave(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        _leave(130)
    except (ValueError, TypeError, OSError) as error:
        click.echo(f"theorycheck: {error}", err=True)
        _leave(2)


def _leave(status: int) -> None:
    """Exit without waiting for blocks of draws or a compilation still under way on other threads."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
