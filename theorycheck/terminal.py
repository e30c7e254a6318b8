"""What the commands share: lists of values, pages, results read and written whole."""

from __future__ import annotations

import contextlib
import json
import operator
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from theorycheck.interrupts import UNFINISHED

if TYPE_CHECKING:
    from theorycheck.verdict import Run

WEIGHTS = "numbers in [0, inf]"


def several(option: str, listed: str, check: Callable[[float], float], allowed: str) -> list[float]:
    try:
        return [check(float(part)) for part in listed.split(",")]
    except ValueError:
        raise ValueError(f"{option} must be {allowed}, separated by commas, got {listed!r}") from None


def show(page: Any) -> None:
    """A page of the terminal's width in colours, or plain text."""
    from rich.console import Console

    from theorycheck.render import text

    if sys.stdout.isatty():
        Console().print(page)
    else:
        click.echo(text(page))


def read_run(path: str) -> Run:
    """The run whose JSON is in the file."""
    from theorycheck.records import run_of

    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    try:
        return run_of(record)
    except ValueError as error:
        raise ValueError(f"{path} is {error}") from error


@contextlib.contextmanager
def writing(path: str | None, form: str = "json", option: str | None = None, **details: Any) -> Iterator[Any]:
    """A function that writes a result to `path`, whole or not at all; refuses an unwritable path at once.

    `form` names the method of the result, `to_<form>`, that gives the text from `details`; `option` is how
    the path was given, by default `--<form>`.
    """
    text = operator.methodcaller(f"to_{form}", **details)
    told = f"{option or f'--{form}'} {path}"
    if path is None:
        yield lambda run: None
        return
    if path == "-":
        yield lambda run: click.echo(text(run), nl=False)
        return
    target = Path(path).resolve()
    if target.is_dir():
        raise ValueError(f"cannot write {told}: it is a directory")
    if target.exists() and not target.is_file():
        # A pipe or a device is written to, not replaced.
        def put(run: Any) -> None:
            with _told(told):
                target.write_text(text(run), encoding="utf-8")

        yield put
        return
    with replacing(target, told) as write:
        yield lambda run: write(text(run).encode("utf-8"))


@contextlib.contextmanager
def replacing(target: Path, told: str) -> Iterator[Callable[[bytes], None]]:
    """A function that writes what takes the place of `target` in the end; `told` is what messages call it.

    Raises ValueError, with `target` as it was, where it cannot be written: at once, or when the disk is full.
    """
    with _told(told):
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        os.close(handle)
    temporary = Path(name)

    def write(data: bytes) -> None:
        with _told(told):
            temporary.write_bytes(data)

    UNFINISHED.add(temporary)
    try:
        yield write
        # mkstemp keeps the file to its owner; the result gets the permissions of any new file.
        mask = os.umask(0)
        os.umask(mask)
        with _told(told):
            temporary.chmod(0o666 & ~mask)
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
        UNFINISHED.discard(temporary)


@contextlib.contextmanager
def _told(told: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ValueError(f"cannot write {told}: {error.strerror}") from error
