"""`python -m benchmarks [NAME ...] [--json FILE]`: a table on stdout, progress on stderr."""

import difflib
import importlib
import json
import os
import pkgutil
import sys
from typing import Any, NamedTuple

import click
from rich import box
from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks import Row, progress, say
from theorycheck.engine.provenance import provenance
from theorycheck.terminal import writing

NAMES = sorted(info.name for info in pkgutil.iter_modules(benchmarks.__path__) if info.name[0] != "_")


class Results(NamedTuple):
    """The rows of each benchmark."""

    rows: dict[str, list[Row]]

    def to_json(self) -> str:
        """Provenance, the load of the machine, and a flat list of rows."""
        rows: list[dict[str, Any]] = [
            {"benchmark": name, **row} for name, part in self.rows.items() for row in part
        ]
        run = {"provenance": provenance(os.cpu_count() or 1), "load": load(), "rows": rows}
        return json.dumps(run, indent=1, ensure_ascii=False) + "\n"


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--json", "path", metavar="FILE", help="Write the rows with their provenance; - for stdout.")
def main(names: tuple[str, ...], path: str | None) -> None:
    """Time kernels and suite beside their baselines: all of them, or those that are named."""
    for name in names:
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, 3, 0.3) or NAMES
            raise click.UsageError(f"NAME must be a benchmark, got {name!r}; near it: {', '.join(near)}")
    console = Console(width=None if sys.stdout.isatty() else 170, quiet=path == "-")
    results = Results({})
    stopped = False  # an interruption costs only the benchmark that has not ended
    try:
        with writing(path) as write:
            try:
                for name in dict.fromkeys(names or NAMES):
                    with progress():
                        say(name)
                        results.rows[name] = timed(name)
                    console.print(table(name, results.rows[name]))
            except KeyboardInterrupt:
                if not results.rows:
                    raise
                stopped = True
            write(results)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if stopped:
        raise KeyboardInterrupt


def timed(name: str) -> list[Row]:
    """The rows of a benchmark; its errors are not the user's."""
    try:
        return list(importlib.import_module(f"benchmarks.{name}").rows())
    except ValueError as error:
        raise RuntimeError(f"the benchmark {name} failed: {error}") from error


def load() -> list[float]:
    """The machine's load averages over 1, 5 and 15 minutes, where it tells them."""
    return list(os.getloadavg()) if hasattr(os, "getloadavg") else []


def table(name: str, rows: list[Row]) -> Table:
    """One line a row; `ratio` above 1 means that ours is faster."""
    averages = ", ".join(f"{average:.1f}" for average in load())
    found = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        title=name,
        caption=f"load of the machine: {averages or 'unknown'}",
        title_justify="left",
        caption_justify="left",
    )
    found.add_column("workload")
    found.add_column("ours, s", justify="right")
    found.add_column("baseline")
    for header in ("baseline, s", "ratio", "quartiles", "ours", ""):
        found.add_column(header, justify="right")
    before = ""
    for row in rows:
        low, high = row.get("spread", (row["ratio"], row["ratio"]))
        found.add_row(
            row["workload"] if row["workload"] != before else "",
            f"{row['ours_seconds']:.3g}",
            row["baseline"],
            f"{row['baseline_seconds']:.3g}",
            f"{row['ratio']:.3g}",
            f"{low:.3g}–{high:.3g}",
            f"{row['ours_ns']:.3g} ns/{row['unit']}" if "unit" in row else "",
            more(row),
        )
        before = row["workload"]
    return found


def more(row: Row) -> str:
    """What only some rows tell."""
    if "exponent" in row:
        return "exponent {1:.3f} ({0:.3f}–{2:.3f})".format(*row["exponent"])
    if "added_mebibytes" in row:
        return f"{row['added_mebibytes']:+.1f} MiB"
    if "fraction_of_limit" in row:
        return f"{row['fraction_of_limit']:.0%} of the limit"
    if "peak_gib" in row:
        return f"peak {row['peak_gib']:.2f} GiB"
    return f"{row['bytes_per_path']:.3g} bytes/path" if "bytes_per_path" in row else ""


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
