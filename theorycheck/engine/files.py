"""Imports a Python file of the user's own; whatever is wrong with it becomes one sentence."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def imported(path: Path) -> ModuleType:
    """The module that a file defines.

    Raises ValueError with one sentence (file, line, reason) for a file that is missing, is not Python or
    cannot be imported.
    """
    if not path.is_file():
        raise ValueError(f"no such file: {path}")
    name = f"_theorycheck_file_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"a Python file must have a name that ends in .py, got {path}")
    module = importlib.util.module_from_spec(spec)
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
    return module


def line(error: BaseException, path: Path) -> int:
    """The last line of the file itself in the error's traceback, 0 if it does not pass through the file."""
    found, traceback = 0, error.__traceback__
    while traceback is not None:
        if Path(traceback.tb_frame.f_code.co_filename) == path:
            found = traceback.tb_lineno
        traceback = traceback.tb_next
    return found
