"""Mutants of our own code: one change at a time to a kernel or a formula, then whatever depends on it.

    python tests/mutants.py [--only TEXT] [--sample N] [--again FILE] [--list] [--json FILE]

Every mutant must turn a test or a claim red. What survives must be explained in `mutants_known.txt`
beside this file, one line each: `file:function: line with [[old -> new]] — why nothing can notice`.
Exit status 0 if nothing else survives, 1 if it does or if the unchanged code itself cannot be verified.
"""

import argparse
import ast
import contextlib
import copy
import functools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue

from mutation import Mutant, mutants

ROOT = Path(__file__).resolve().parent.parent
KNOWN = Path(__file__).with_name("mutants_known.txt")
OUTCOMES = ("killed by a test", "killed by a claim", "killed by timeout", "explained", "survived")


# --- what depends on it -------------------------------------------------------------------------------------


@functools.cache
def reach(root: Path, file: str) -> set[str]:
    """The files of the tree that a file imports, directly or not, and itself."""
    queue = [file]
    for current in queue:
        for node in ast.walk(ast.parse((root / current).read_bytes())):
            names = set()
            if isinstance(node, ast.Import):
                names = {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            files = {name.replace(".", "/") + ".py" for name in names}
            queue += [f for f in sorted(files) if f not in queue and (root / f).is_file()]
    return set(queue)


def dependents(root: Path, pattern: str, target: str) -> list[str]:
    """The files of the tree that import `target`, directly or not."""
    files = [path.relative_to(root).as_posix() for path in sorted(root.glob(pattern))]
    return [file for file in files if target in reach(root, file)]


# --- deciding -----------------------------------------------------------------------------------------------

GREEN = """
import json, sys, proofs_numeric, theorycheck
from importlib import import_module
from theorycheck.engine.catalogue import theorems_of
print(theorycheck.__file__, proofs_numeric.__file__, sep=chr(10))
keys = {f: [t.key for t in theorems_of(import_module(f[:-3].replace("/", ".")))] for f in sys.argv[1:]}
claims = [*theorycheck.verify(*sum(keys.values(), [])).claims()] if keys else []
print(json.dumps({f: [f"{t.key}::{c.id}" for t, c in claims if c.passed and t.key in keys[f]] for f in keys}))
"""
VERIFY = "from theorycheck.cli import main; main()"
running: set[subprocess.Popen] = set()


class Scratch:
    """A copy of the tree in which code may be broken, and what is green in it while it is whole."""

    def __init__(self, path: Path, files: set[str]) -> None:
        self.path = path
        for name in ("theorycheck", "proofs_numeric", "tests"):
            shutil.copytree(ROOT / name, path / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy2(ROOT / "setup.cfg", path)
        self.tests = {f: dependents(path, "tests/test_*.py", f) for f in files}
        self.theorems = {f: dependents(path, "proofs_numeric/*.py", f) for f in files}
        self.red: list[str] = []
        self.cost: dict[str, float] = {}  # seconds
        began = time.monotonic()
        run = self._python(600, "-c", GREEN, *sorted({t for files in self.theorems.values() for t in files}))
        if run.returncode:
            sys.exit(f"the unchanged code cannot be verified:\n{run.stderr}")
        *imported, green = run.stdout.splitlines()[-3:]
        if not all(Path(file).is_relative_to(path) for file in imported):
            sys.exit(f"not the scratch copy is imported but {imported}")
        self.green, self.cost["verify"] = json.loads(green), time.monotonic() - began
        for test in sorted({t for files in self.tests.values() for t in files}):
            began = time.monotonic()
            self.red += _red(self._pytest([test]).stdout)
            self.cost[test] = time.monotonic() - began
        # The quick ones first: most mutants die there.
        self.tests = {f: sorted(tests, key=self.cost.__getitem__) for f, tests in self.tests.items()}

    def copy(self, path: Path) -> "Scratch":
        """Another one, compiled code included."""
        shutil.copytree(self.path, path)
        other = copy.copy(self)
        other.path = path
        return other

    def decide(self, mutant: Mutant) -> tuple[str, str]:
        """What became of the mutant, and what killed it."""
        file = self.path / mutant.file
        whole, stat = file.read_bytes(), file.stat()
        try:
            file.write_bytes(mutant.source)
            tests = [t for t in self.tests[mutant.file] if t not in self.red]
            if tests and (run := self._pytest(tests, "-x")).returncode not in (0, 5):  # 5: none is left
                return "killed by a test", next(_red(run.stdout), f"status {run.returncode}")
            claims = [name for t in self.theorems[mutant.file] for name in self.green[t]]
            if claims and (run := self._verify(claims)).returncode:
                complaint = run.stdout.partition("✗ ")[2] or run.stderr[-200:]
                return "killed by a claim", " ".join(complaint[:200].split())
            return "survived", ""
        except subprocess.TimeoutExpired as expired:
            return "killed by timeout", f"{expired.timeout:.0f} s"
        finally:
            file.write_bytes(whole)
            os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            if "/kernels/" in mutant.file:
                shutil.rmtree(file.parent / "__pycache__", ignore_errors=True)

    def _pytest(self, tests: list[str], *options: str) -> subprocess.CompletedProcess:
        options += ("-q", "-rfE", "--tb=no", "-pno:cacheprovider", *(f"--deselect={t}" for t in self.red))
        limit = 60 + 4 * sum(self.cost.get(test, 150) for test in tests)
        return self._python(limit, "-m", "pytest", *options, *tests)

    def _verify(self, claims: list[str]) -> subprocess.CompletedProcess:
        return self._python(60 + 4 * self.cost["verify"], "-c", VERIFY, "verify", "--fail-fast", *claims)

    def _python(self, limit: float, *arguments: str) -> subprocess.CompletedProcess:
        # Bytecode is trusted by the size and the whole seconds of its source, which two mutants may share.
        env = os.environ | {"PYTHONPATH": str(self.path), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
        streams = dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        how = streams | dict(cwd=self.path, env=env, encoding="utf-8", start_new_session=True)
        process = subprocess.Popen([sys.executable, *arguments], **how)
        running.add(process)
        try:
            out, err = process.communicate(timeout=limit)
        except BaseException:
            _kill(process)
            raise
        finally:
            running.discard(process)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def _red(output: str) -> Iterator[str]:
    """The tests that failed, from pytest's short summary."""
    for line in output.splitlines():
        if line.startswith(("FAILED ", "ERROR ")):
            yield line.split(" ", 1)[1].split(" - ")[0]


def _kill(process: subprocess.Popen) -> None:
    """End a process with all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
    process.wait()


# --- the command --------------------------------------------------------------------------------------------


def main() -> int:
    parser = argparse.ArgumentParser(description="Change our own code and see whether anything notices.")
    parser.add_argument("--only", default="", metavar="TEXT", help="only mutants whose name holds this text")
    parser.add_argument("--sample", type=int, metavar="N", help="a random choice of so many")
    parser.add_argument("--again", type=Path, metavar="FILE", help="only those that survived in this JSON")
    parser.add_argument("--seed", type=int, default=0, help="of that choice")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--list", action="store_true", help="list the mutants and do nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what became of each mutant")
    parser.add_argument("--known", type=Path, default=KNOWN, help="the survivors that are explained")
    options = parser.parse_args()

    paths = [p for folder in ("kernels", "loops") for p in sorted(ROOT.glob(f"theorycheck/{folder}/**/*.py"))]
    every = [
        m for p in paths for m in mutants(p.relative_to(ROOT).as_posix(), p.read_bytes()) if p.stem != "jit"
    ]
    chosen = [m for m in every if options.only in m.name]
    if options.again:
        before = json.loads(options.again.read_text(encoding="utf-8"))
        alive = {row["name"] for row in before if row["outcome"] in ("survived", "explained")}
        chosen = [m for m in chosen if m.name in alive]
    if options.sample is not None and options.sample < len(chosen):
        picked = random.Random(options.seed).sample(range(len(chosen)), options.sample)
        chosen = [chosen[i] for i in sorted(picked)]
    if options.list:
        print(*(f"{m.line:4d} {m.name}" for m in chosen), sep="\n")
        return 0
    lines = options.known.read_text(encoding="utf-8").splitlines() if options.known.exists() else []
    known = dict(line.split(" — ", 1) for line in lines if line.strip() and not line.startswith("#"))
    for name in known.keys() - {m.name for m in every}:
        print(f"explained, but not a mutant any more: {name}", file=sys.stderr)

    rows: list[dict] = []
    for mutant, outcome, by, seconds in _decided(chosen, options.workers):
        if mutant.name in known and outcome == "survived":
            outcome, by = "explained", known[mutant.name]
        elif mutant.name in known:
            print(f"explained, but {outcome}: {mutant.name}", file=sys.stderr)
        row = {"file": mutant.file, "line": mutant.line, "name": mutant.name, "outcome": outcome, "by": by}
        rows.append(row | {"seconds": round(seconds, 1)})
        print(f"[{len(rows)}/{len(chosen)}] {outcome}, {seconds:.0f} s: {mutant.name} {by}", file=sys.stderr)
        if options.json:
            options.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")
    counts = Counter((row["file"], row["outcome"]) for row in rows)
    print(" " * 36 + "".join(f"{outcome:>19}" for outcome in OUTCOMES))
    for file in sorted({m.file for m in chosen}):
        print(f"{file:36}" + "".join(f"{counts[file, outcome]:19d}" for outcome in OUTCOMES))
    survivors = [row for row in rows if row["outcome"] == "survived"]
    print(*(f"survived: line {row['line']}: {row['name']}" for row in survivors), sep="\n")
    return 1 if survivors else 0


def _decided(chosen: list[Mutant], workers: int) -> Iterator[tuple[Mutant, str, str, float]]:
    """What becomes of each mutant, as it is known."""
    idle: SimpleQueue[Scratch] = SimpleQueue()

    def decide(mutant: Mutant) -> tuple[Mutant, str, str, float]:
        scratch, began = idle.get(), time.monotonic()
        try:
            return mutant, *scratch.decide(mutant), time.monotonic() - began
        finally:
            idle.put(scratch)

    with tempfile.TemporaryDirectory(prefix="mutants-") as name, ThreadPoolExecutor(workers) as pool:
        folder = Path(name).resolve()
        first = Scratch(folder / "0", {m.file for m in chosen})
        print("green claims:", first.green, "red tests, left out:", first.red, sep="\n", file=sys.stderr)
        for scratch in [first, *(first.copy(folder / str(i)) for i in range(1, workers))]:
            idle.put(scratch)
        try:
            for future in as_completed([pool.submit(decide, mutant) for mutant in chosen]):
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in [*running]:
                _kill(process)


if __name__ == "__main__":
    sys.exit(main())
