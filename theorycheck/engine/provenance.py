"""Where a result comes from."""

from __future__ import annotations

import datetime
import hashlib
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import theorycheck

PACKAGES = ("numpy", "scipy", "sympy", "numba", "hypothesis", "python-flint", "scikit-learn")


def code() -> dict[str, Any]:
    """What must be the same for the same seed to give the same bits: version, source hash, packages."""
    return {
        "version": theorycheck.__version__,
        "source": source_hash(),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }


def provenance(workers: int) -> dict[str, Any]:
    """Version, source hash, package versions, processor, workers and the time (UTC)."""
    return {
        **code(),
        "platform": platform.platform(),
        "processor": _processor(),
        "workers": workers,
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def source_hash() -> str:
    """Hash of all source files of the package and of the catalogue."""
    import proofs_numeric

    digest = hashlib.blake2b(digest_size=16)
    for package in (theorycheck, proofs_numeric):
        root = Path(package.__path__[0])
        for path in sorted(root.rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
