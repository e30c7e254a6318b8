"""A sweep from its plan to its table: on threads or a cluster, kept as it goes, resumed."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theorycheck.engine.executor import Workers, chosen
from theorycheck.engine.files import digests, module_name
from theorycheck.engine.provenance import code, provenance
from theorycheck.engine.store import Store, Stored
from theorycheck.sweep.cells import blocks, name, row
from theorycheck.sweep.plan import Plan
from theorycheck.terminal import replacing

SCHEMA = 1
FORMATS = ("csv", "parquet")
FILES = ("law", "family")  # keys whose values may name one
Tell = Callable[[int, float], None]


@dataclass(frozen=True)
class Table:
    """A row for each cell, in the order of the grid, and where they come from."""

    rows: list[dict[str, Any]]
    provenance: Mapping[str, Any]

    @property
    def columns(self) -> list[str]:
        """Every column that some row fills; a parameter's always."""
        names = list(self.rows[0])
        return [n for n in names if any(row[n] is not None for row in self.rows)]

    def to_csv(self) -> str:
        """Numbers with all their digits, infinite ones as "inf"; an empty cell where nothing is known."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(self.columns)
        for found in self.rows:
            table.writerow(["" if found[n] is None else found[n] for n in self.columns])
        return text.getvalue()

    def to_parquet(self) -> bytes:
        """The same as a Parquet file; ValueError without pyarrow."""
        pyarrow, parquet = _pyarrow()
        columns = {n: [found[n] for found in self.rows] for n in self.columns}
        # Where one K is infinite, all are floats.
        for values in columns.values():
            if any(isinstance(value, float) for value in values):
                values[:] = [None if value is None else float(value) for value in values]
        sink = pyarrow.BufferOutputStream()
        parquet.write_table(pyarrow.table(columns), sink)
        return sink.getvalue().to_pybytes()

    def to_json(self) -> str:
        """The provenance as JSON text."""
        return json.dumps(_plain(self.provenance), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def sweep(
    plan: Plan,
    out: str | Path,
    *,
    form: str = "csv",
    workers: int | None = None,
    cluster: str | None = None,
    command: str = "",
    tell: Tell = lambda cell, share: None,
) -> Table:
    """Simulate every cell and write `out`/table.csv (or .parquet) and `out`/provenance.json.

    What is done is kept in `out`, and a run that broke off goes on from there: the table is the same to the
    bit, for any number of `workers` and on a `cluster` too. `tell(cell, share)` hears, after every block, of
    which cell it was and what share of all work is done. Raises ValueError, TypeError or OSError with one
    sentence: for workers, an address or a format that is none, for a folder that cannot be written, is in
    use, or holds results of another plan, seed or code.
    """
    if form not in FORMATS:
        raise ValueError(f"--format must be one of {', '.join(FORMATS)}, got {form!r}")
    if form == "parquet":
        _pyarrow()
    began = time.perf_counter()
    identity = {"command": "sweep", **code(), "settings": _plain(plan.settings), "files": _files(plan)}
    with ExitStack() as opened:
        store = Store(out, identity)
        opened.callback(store.close)
        executor = chosen(workers, cluster)
        opened.callback(executor.close)
        origin = provenance(executor.workers)  # before anybody edits the files
        rows = _rows(plan, store, executor, _Progress(plan, tell))
        table = Table(
            rows,
            {
                "schema": SCHEMA,
                "command": command,
                **origin,
                "settings": plan.settings,
                "cells": len(rows),
                "level": plan.level,
                "seconds": round(time.perf_counter() - began, 4),
            },
        )
        data = table.to_csv().encode() if form == "csv" else table.to_parquet()
        for target, text in ((f"table.{form}", data), ("provenance.json", table.to_json().encode())):
            path = Path(out) / target
            with replacing(path, str(path)) as write:
                write(text)
    return table


def _rows(plan: Plan, store: Store, executor: Workers, progress: _Progress) -> list[dict[str, Any]]:
    stored = Stored(executor, store)
    failed: list[BaseException] = []

    def block(index: int) -> None:
        if failed:
            raise failed[0]
        progress.block(index)

    def one(index: int) -> dict[str, Any]:
        label = f"row {name(plan.cells[index])}"
        places = store.places(label)
        try:
            if not places:
                # As read back, so that a row is the same whenever it was made.
                store.put(label, row(plan, index, stored, lambda: block(index)))
                places = store.places(label)
            progress.whole(index)
            return store.read(places[-1])
        except BaseException as error:
            failed.append(error)
            raise

    # Cells side by side, so that no worker waits for the last block of one.
    pool = ThreadPoolExecutor(executor.workers + 1, thread_name_prefix="theorycheck-cells")
    try:
        return list(pool.map(one, range(len(plan.cells))))
    except BaseException as error:
        failed.append(error)
        raise failed[0] from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Progress:
    """What share of the work is done, counted in numbers drawn."""

    def __init__(self, plan: Plan, tell: Tell) -> None:
        self._weights = [max(plan.loop.work(cell), 1.0) for cell in plan.cells]
        self._blocks = [len(blocks(plan, cell)) if plan.loop.draw else 1 for cell in plan.cells]
        self._done = [0] * len(plan.cells)
        self._total, self._sum = math.fsum(self._weights), 0.0
        self._tell, self._one = tell, threading.Lock()

    def block(self, index: int) -> None:
        self._add(index, 1)

    def whole(self, index: int) -> None:
        self._add(index, self._blocks[index] - self._done[index])

    def _add(self, index: int, count: int) -> None:
        with self._one:
            self._done[index] += count
            self._sum += count * self._weights[index] / self._blocks[index]
            self._tell(index, min(self._sum / self._total, 1.0))


def _files(plan: Plan) -> dict[str, str]:
    """A hash of every file that the cells name, and of what those in Python imported beside themselves."""
    named = {str(cell[key]) for cell in plan.cells for key in FILES if key in cell}
    paths = {text: Path(text) for text in sorted(named) if Path(text).is_file()}
    return digests(map(module_name, paths.values())) | {
        text: hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest() for text, path in paths.items()
    }


def _plain(value: Any) -> Any:
    # JSON has no infinity: it is told in words.
    if isinstance(value, Mapping):
        return {key: _plain(found) for key, found in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(found) for found in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ValueError("--format parquet needs pyarrow: pip install pyarrow") from None
    return pyarrow, pyarrow.parquet
