"""Imports a Python file of the user's own; whatever is wrong with it becomes one sentence."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

# Such files by name, each with what it imported from beside itself.
BROUGHT: dict[str, dict[str, ModuleType]] = {}


def imported(path: Path) -> ModuleType:
    """The module that a file defines, under a name that no file elsewhere gets.

    Raises ValueError with one sentence (file, line, reason) for a file that is missing, is not Python or
    cannot be imported.
    """
    if not path.is_file():
        raise ValueError(f"no such file: {path}")
    name = module_name(path)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"a Python file must have a name that ends in .py, got {path}")
    module = importlib.util.module_from_spec(spec)
    before = set(sys.modules)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise ValueError(f"{error.filename or path}, line {error.lineno or 1}: {error.msg}") from error
    except (Exception, SystemExit) as error:
        raise ValueError(
            f"{path}, line {line(error, path)}: importing fails with {type(error).__name__}: {error}"
        ) from error
    finally:
        sys.path.remove(str(path.parent))
    # What it imported at an earlier call is not imported again.
    BROUGHT[name] = BROUGHT.get(name, {}) | {name: module, **_beside(path, set(sys.modules) - before)}
    return module


def module_name(path: Path) -> str:
    """What the module of a file is called."""
    place = hashlib.blake2b(str(path.resolve()).encode(), digest_size=4).hexdigest()
    return f"_theorycheck_file_{path.stem}_{place}"


def _beside(path: Path, names: set[str]) -> dict[str, ModuleType]:
    """Those of the modules that lie in the folder of `path` or below, and are installed nowhere."""
    folder = path.resolve().parent
    found = {}
    for name in names:
        file = Path(getattr(sys.modules[name], "__file__", None) or "/")
        own = name.partition(".")[0] not in ("theorycheck", "proofs_numeric")
        if own and folder in file.parents and "site-packages" not in file.parts:
            found[name] = sys.modules[name]
    return found


def digests(names: Iterable[str]) -> dict[str, str]:
    """A hash of each of the files that these modules consist of, by the file's name."""
    files = {Path(str(module.__file__)) for name in names for module in BROUGHT.get(name, {}).values()}
    return {
        file.name: hashlib.blake2b(file.read_bytes(), digest_size=8).hexdigest() for file in sorted(files)
    }


def line(error: BaseException, path: Path) -> int:
    """The last line of the file itself in the error's traceback, 0 if it does not pass through the file."""
    found, traceback = 0, error.__traceback__
    while traceback is not None:
        if Path(traceback.tb_frame.f_code.co_filename) == path:
            found = traceback.tb_lineno
        traceback = traceback.tb_next
    return found
