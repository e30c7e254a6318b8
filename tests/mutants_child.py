"""Runs pytest on a scratch copy of the tree, in a process forked from this one where that is possible.

The third-party libraries take seconds to import, and nearly every check needs them: here they are imported
once, and a forked child has them at once. Nothing of our own may be imported here, as the copies differ.
"""

import compileall
import contextlib
import gc
import importlib
import multiprocessing
import os
import py_compile
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("click", "flint", "hypothesis", "mpmath", "numba", "numpy", "rich", "scipy.integrate",
         "scipy.optimize", "scipy.special", "scipy.stats", "sklearn.linear_model", "sympy")  # fmt: skip
FORK = "fork" in multiprocessing.get_all_start_methods()
PROCESSES: Any = multiprocessing.get_context("fork" if FORK else "spawn")
MEMORY = 12 * 2**30  # bytes; a mutant that asks for more is killed by its MemoryError


def warm() -> None:
    """Import the heavy libraries, each with one thread: the workers are what is parallel here."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    for name in HEAVY:
        importlib.import_module(name)
    gc.freeze()  # what is imported stays: no child needs to look through it


class Scratch:
    """A copy of the tree in which code may be broken."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of_the_tree(cls, path: Path) -> "Scratch":
        for name in ("theorycheck", "proofs_numeric", "tests"):
            shutil.copytree(ROOT / name, path / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("setup.cfg", "README.md"):
            shutil.copy2(ROOT / name, path)
        # Bytecode is trusted by the contents of its source: two mutants may share its size and its second.
        mode = py_compile.PycInvalidationMode.CHECKED_HASH
        compileall.compile_dir(path / "theorycheck", quiet=1, invalidation_mode=mode)
        compileall.compile_dir(path / "proofs_numeric", quiet=1, invalidation_mode=mode)
        return cls(path)

    def copy(self, path: Path) -> "Scratch":
        """Another one, compiled code included."""
        shutil.copytree(self.path, path)
        return Scratch(path)

    @contextlib.contextmanager
    def changed(self, file: str, source: bytes):
        """With other contents of one file, and with compiled kernels of its own where that is a kernel."""
        path = self.path / file
        whole, stat = path.read_bytes(), path.stat()
        compiled = self.path / "compiled"
        try:
            path.write_bytes(source)
            yield compiled if "/kernels/" in file else None
        finally:
            path.write_bytes(whole)
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            shutil.rmtree(compiled, ignore_errors=True)


class Child:
    """A process that runs the named checks, in that order, until the first is red.

    `compiled` is where kernels are compiled to (None: where they always are; "": they run interpreted).
    `limit` is in seconds of processor time, so that a busy machine kills no mutant. Its end is told by
    `done`; `red` then names the check that noticed, "" if none did, "timeout" if the limit ended it.
    """

    def __init__(
        self, scratch: Scratch, checks: Sequence[str], plugin: Any, limit: float = 3600, compiled=None
    ) -> None:
        self.out = scratch.path / "red"
        self.out.unlink(missing_ok=True)
        arguments = (str(scratch.path), tuple(checks), plugin, int(limit) + 1, compiled)
        self.process = PROCESSES.Process(target=_run, args=arguments)
        self.process.start()
        # Sleeping costs no processor time: a deadlock is ended by the clock, long after.
        self.latest = time.monotonic() + 600 + 20 * limit

    def done(self) -> bool:
        """Whether it has ended; what it started ends with it."""
        if self.process.is_alive() and time.monotonic() < self.latest:
            return False
        self.timeout = self.process.is_alive()
        self.kill()
        return True

    def join(self) -> None:
        while not self.done():
            self.process.join(0.2)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL) if hasattr(os, "killpg") else self.process.kill()
        self.process.join()

    @property
    def red(self) -> str:
        status = self.process.exitcode
        if self.timeout or (hasattr(signal, "SIGXCPU") and status == -signal.SIGXCPU):
            return "timeout"
        if self.out.is_file():
            return self.out.read_text(encoding="utf-8")
        return "" if status in (0, 5) else f"status {status}"  # 5: no check is left


class Stop:
    """A pytest plugin that runs the checks in the given order and writes down the first that is red."""

    def __init__(self, scratch: Scratch, checks: Sequence[str]) -> None:
        self.out, self.rank = scratch.path / "red", {name: i for i, name in enumerate(checks)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((i for i in items if i.nodeid in self.rank), key=lambda i: self.rank[i.nodeid])

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._write(report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._write(report.nodeid)

    def _write(self, name: str) -> None:
        if not self.out.is_file():
            self.out.write_text(name, encoding="utf-8")


def _run(root: str, checks: Sequence[str], plugin: Any, limit: int, compiled: str | None) -> None:
    """The child: pytest in `root`, with our own packages imported from there."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.chdir(root)
    sys.path[:] = [root, *(p for p in sys.path if p not in ("", str(ROOT), str(ROOT / "tests")))]
    os.environ |= {"PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # others' plugins take longer to load than most checks
    sys.dont_write_bytecode = True
    if hasattr(os, "setsid"):
        import resource

        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 10))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    if compiled is not None:
        import numba

        numba.config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"] = str(compiled)
        if compiled == "":
            numba.config.DISABLE_JIT, os.environ["NUMBA_DISABLE_JIT"] = 1, "1"
    log = os.open(os.path.join(root, "log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1), os.dup2(log, 2)
    sys.stdout, sys.stderr = (os.fdopen(i, "w", encoding="utf-8", closefd=False) for i in (1, 2))
    import theorycheck

    if not Path(theorycheck.__file__).is_relative_to(root):
        raise SystemExit(f"not the scratch copy is imported but {theorycheck.__file__}")
    # A file is named once; the plugin chooses among its checks.
    files = list(dict.fromkeys(name.partition("::")[0] for name in checks))
    # Without the tree's own options, which may need plugins.
    options = ["-q", "--tb=no", "--assert=plain", "-oaddopts=", "-pno:cacheprovider"]
    options.append("-ptheorycheck.pytest_plugin")
    stop = ["-x"] if isinstance(plugin, Stop) else []
    status = pytest.main([*options, *stop, *files], plugins=[plugin])
    sys.stdout.flush()
    os._exit(int(status))
