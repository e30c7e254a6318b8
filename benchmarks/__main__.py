"""`python -m benchmarks [NAME ...] [--json FILE]`: a table on stdout, progress on stderr."""

import argparse
import contextlib
import importlib
import json
import os
import pkgutil
import sys
import tempfile
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks import Row, say
from theorycheck.engine.provenance import provenance

NAMES = sorted(info.name for info in pkgutil.iter_modules(benchmarks.__path__) if info.name[0] != "_")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Time kernels and suite.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all by default")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write provenance and rows to FILE")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"there is no benchmark called {unknown[0]!r}; known: {', '.join(NAMES)}")
    if options.json and not (options.json.parent.is_dir() and os.access(options.json.parent, os.W_OK)):
        parser.error(f"cannot write --json {options.json}")

    results: dict[str, list[Row]] = {}
    for name in options.names or NAMES:
        say(name)
        results[name] = list(importlib.import_module(f"benchmarks.{name}").rows())
    width = None if sys.stdout.isatty() else 150
    Console(width=width).print(table(results))
    if options.json:
        run = {"provenance": provenance(os.cpu_count() or 1), "benchmarks": results}
        write(options.json, json.dumps(run, indent=1, ensure_ascii=False) + "\n")
    return 0


def table(results: dict[str, list[Row]]) -> Table:
    """One line a workload; `ratio` above 1 means that ours is faster."""
    found = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    found.add_column("workload")
    found.add_column("ours, s", justify="right")
    found.add_column("baseline")
    for header in ("baseline, s", "ratio", "spread", "compile, s", "peak, GiB"):
        found.add_column(header, justify="right")
    for name, rows in results.items():
        found.add_row(f"[bold]{name}[/bold]")
        for row in rows:
            low, high = row.get("spread", (row["ratio"], row["ratio"]))
            found.add_row(
                "  " + row["workload"],
                f"{row['ours_seconds']:.3g}",
                row["baseline"],
                f"{row['baseline_seconds']:.3g}" if "baseline_seconds" in row else "",
                f"{row['ratio']:.2f}",
                f"{low:.2f}–{high:.2f}",
                f"{row['compile_seconds']:.2f}" if "compile_seconds" in row else "",
                f"{row['peak_gib']:.2f}" if "peak_gib" in row else "",
            )
    return found


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


if __name__ == "__main__":
    sys.exit(main())
