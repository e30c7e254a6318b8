"""Mutants of our own code: one change at a time to a kernel or a formula, then whatever depends on it.

    python tests/mutants.py [--only TEXT] [--sample N] [--list] [--json FILE]

Every mutant must turn a test or a claim red. What survives must be explained in `mutants_known.txt`
beside this file, one line each: `file:function: line with [[old -> new]] — why nothing can notice`.
Exit status 0 if nothing else survives, 1 if it does or if the unchanged code itself cannot be verified.

`--json FILE` is also what makes a long run resumable: what stands there is not decided again, unless the
mutated file, or the checks that noticed the mutant (for a survivor: that could have), have changed since.
"""

import argparse
import bisect
import itertools
import json
import math
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mutants_checks import Check, able, digest, measured, own_tests, reach
from mutants_child import ROOT, Child, Scratch, Stop, warm
from mutation import Mutant, mutants

KNOWN = Path(__file__).with_name("mutants_known.txt")
FOLDERS = ("kernels", "loops")  # of the code that is changed
OUTCOMES = ("killed by a test", "killed by a claim", "killed by timeout", "explained", "survived")
COMPILING = 120  # processor seconds that all kernels take to compile, at most
QUICK = 4.0  # seconds of checks that are tried before all others are imported
Row = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(description="Change our own code and see whether anything notices.")
    parser.add_argument("--only", action="append", metavar="TEXT", help="only mutants whose name holds this")
    parser.add_argument("--sample", type=int, metavar="N", help="a random choice of so many")
    parser.add_argument("--seed", type=int, default=0, help="of that choice")
    parser.add_argument("--workers", type=int, default=2)
    help_ = "processor seconds granted to checks beyond ten times what they take on the unchanged code"
    parser.add_argument("--patience", type=int, default=60, metavar="SECONDS", help=help_)
    help_ = "seconds of checks, the quickest first, that a mutant must survive; all without it"
    parser.add_argument("--enough", type=float, default=math.inf, metavar="SECONDS", help=help_)
    parser.add_argument("--list", action="store_true", help="list the mutants and do nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="what became of each mutant; resumes there")
    parser.add_argument("--known", type=Path, default=KNOWN, help="the survivors that are explained")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the processes it started end too

    paths = [p for folder in FOLDERS for p in sorted((ROOT / "theorycheck" / folder).rglob("*.py"))]
    every = [
        m for p in paths for m in mutants(p.relative_to(ROOT).as_posix(), p.read_bytes()) if p.stem != "jit"
    ]
    # In the order of --only, so that what matters most is decided first.
    chosen = list({m.name: m for text in options.only or [""] for m in every if text in m.name}.values())
    if options.sample is not None and options.sample < len(chosen):
        picked = random.Random(options.seed).sample(range(len(chosen)), options.sample)
        chosen = [chosen[i] for i in sorted(picked)]
    if options.list:
        print(*(f"{m.line:4d} {m.name}" for m in chosen), sep="\n")
        return 0
    known = _explained(options.known)
    for name in known.keys() - {m.name for m in every}:
        print(f"explained, but not a mutant any more: {name}", file=sys.stderr)

    kept = {"measured": {}, "mutants": {}}
    if options.json and options.json.exists():
        kept = json.loads(options.json.read_text(encoding="utf-8"))
    rows: list[Row] = []
    # Those that are known to survive take longest and tell least.
    chosen.sort(key=lambda mutant: mutant.name in known)
    for row in _decided(chosen, options.workers, (options.patience, options.enough), kept):
        kept["mutants"][row["name"]] = dict(row)
        if row["outcome"] == "survived" and row["name"] in known:
            row |= {"outcome": "explained", "by": known[row["name"]]}
        elif row["name"] in known:
            print(f"explained, but {row['outcome']}: {row['name']}", file=sys.stderr)
        rows.append(row)
        told = f"{row['outcome']}, {row['seconds']:.1f} s: {row['name']} {row['by']}"
        print(f"[{len(rows)}/{len(chosen)}] {told}", file=sys.stderr)
        if options.json:
            _write(options.json, kept)
    counts = Counter((row["file"], row["outcome"]) for row in rows)
    print(" " * 44 + "".join(f"{outcome:>19}" for outcome in OUTCOMES))
    for file in sorted({m.file for m in chosen}):
        print(f"{file:44}" + "".join(f"{counts[file, outcome]:19d}" for outcome in OUTCOMES))
    survivors = [row for row in rows if row["outcome"] == "survived"]
    print(*(f"survived: line {row['line']}: {row['name']}" for row in survivors), sep="\n")
    return 1 if survivors else 0


def _explained(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return dict(line.split(" — ", 1) for line in lines if line.strip() and not line.startswith("#"))


def _write(path: Path, kept: dict) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(kept, indent=1, ensure_ascii=False), encoding="utf-8")
    os.replace(new, path)


def _decided(chosen: list[Mutant], workers: int, limits: tuple[float, float], kept: dict) -> Iterator[Row]:
    """What becomes of each mutant, as it is known."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        if len(chosen) > 10:
            warm()
        first = Scratch.of_the_tree(Path(name).resolve() / "0")
        checks = measured(first, {m.file for m in chosen}, kept["measured"], workers)
        scratches = [first, *(first.copy(first.path.with_name(str(i))) for i in range(1, workers))]
        killers: dict[str, Counter[str]] = defaultdict(Counter)  # of each function: what noticed before
        waiting, running = [], {}
        for mutant in chosen:
            row = kept["mutants"].get(mutant.name)
            if row and row["digest"] == _digest(first.path, row["file"], row["by"], checks):
                killers[_function(mutant)][row["by"]] += 1
                yield row | {"line": mutant.line}
            else:
                waiting.append(mutant)
        waiting.reverse()
        try:
            while waiting or running:
                for scratch in scratches:
                    if scratch not in running and waiting:
                        mutant = waiting.pop()
                        before = killers[_function(mutant)]
                        steps = _steps(scratch, mutant, checks, before, *limits)
                        running[scratch] = (mutant, time.monotonic(), steps, next(steps))
                time.sleep(0.02)
                for scratch, (mutant, began, steps, child) in list(running.items()):
                    if child is not None and not child.done():
                        continue
                    if child is not None and not child.red and (after := next(steps)) is not None:
                        running[scratch] = (mutant, began, steps, after)
                        continue
                    del running[scratch]
                    steps.close()
                    yield _row(first.path, mutant, child.red if child else "", began, checks, killers)
        finally:
            for _, _, steps, child in running.values():
                if child is not None:
                    child.kill()
                steps.close()


def _steps(
    scratch: Scratch, mutant: Mutant, checks: list[Check], killers: Counter, patience: float, enough: float
) -> Iterator[Child | None]:
    """The processes that look at a mutant, one after the other until one sees red; None at the end.

    What noticed other mutants of the function comes first, then the quick checks, then all others. Before
    them, a kernel is interpreted where that is quick: compiled it does the same, bit for bit, but later.
    """
    order = able(checks, scratch.path.with_name("0"), mutant.file, _function(mutant).split(":")[1])
    order.sort(key=lambda check: -killers[check.name])
    spent = list(itertools.accumulate(check.seconds for check in order))
    order, cut = order[: max(bisect.bisect(spent, enough), 1)], bisect.bisect(spent, QUICK)
    own = own_tests(mutant.file)
    interpreted = [check.name for check in order if check.interpreted and check.file == own]
    with scratch.changed(mutant.file, mutant.source) as compiled:
        if compiled and interpreted:
            # None of them took more than a second.
            yield Child(scratch, interpreted, Stop(scratch, interpreted), patience + len(interpreted), "")
        for part in (order[: max(cut, 1)], order[max(cut, 1) :]):
            if part:
                names = [check.name for check in part]
                limit = patience + 10 * sum(check.seconds for check in part) + (COMPILING if compiled else 0)
                yield Child(scratch, names, Stop(scratch, names), limit, compiled)
        yield None


def _function(mutant: Mutant) -> str:
    return ":".join(mutant.name.split(":")[:2])


def _row(root: Path, mutant: Mutant, red: str, began: float, checks: list[Check], killers: dict) -> Row:
    outcome = "survived"
    if red:
        killers[_function(mutant)][red] += 1
        outcome = "killed by a claim" if red.startswith("proofs_numeric/") else "killed by a test"
        outcome = "killed by timeout" if red == "timeout" else outcome
    return {
        "file": mutant.file,
        "line": mutant.line,
        "name": mutant.name,
        "outcome": outcome,
        "by": red,
        "seconds": round(time.monotonic() - began, 1),
        "digest": _digest(root, mutant.file, red, checks),
    }


def _digest(root: Path, file: str, red: str, checks: list[Check]) -> str:
    """Of what the outcome rests on: the mutated file, and the checks that noticed or could have."""
    noticed = red.partition("::")[0]
    if (root / noticed).is_file():
        return digest(root, [file, noticed])
    return digest(root, [file, *{c.file for c in checks if file in reach(root, c.file)}])


if __name__ == "__main__":
    sys.exit(main())
