"""The C program that marks the limit, built when it is needed and kept nowhere."""

import ctypes
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from theorycheck.loops.gaussian import Paths

SOURCE = Path(__file__).with_name("gaussian.c")
OPTIONS = ("-Ofast", "-march=native", "-fPIC")
LIMIT = "C, gcc -Ofast (the limit)"


@functools.cache
def library() -> ctypes.CDLL | str:
    """The compiled program, or why there is none."""
    compiler = shutil.which("gcc")
    if compiler is None:
        return "no gcc: the limit in C is left out"
    # A library that is loaded outlives its file, but not on every system: then the folder stays.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        unlinked, built = Path(folder) / "gaussian.o", Path(folder) / "gaussian.so"
        # Vectors as wide as the processor has them.
        wide = ("-mprefer-vector-width=512",) if "avx512f" in _flags() else ()
        # Linked apart: gcc puts code into what -Ofast links that makes the whole process flush subnormals.
        for command in (
            [compiler, *OPTIONS, *wide, "-c", str(SOURCE), "-o", str(unlinked)],
            [compiler, "-shared", str(unlinked), "-o", str(built), "-lm"],
        ):
            made = subprocess.run(command, capture_output=True, text=True)
            if made.returncode:
                return f"gcc failed ({made.stderr.strip().splitlines()[-1]}): the limit in C is left out"
        return ctypes.CDLL(str(built))


def _flags() -> str:
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""


def literal(seed: int, samples: int, steps: int, paths: int) -> Paths:
    """What `theorycheck.loops.gaussian.simulate` gives, from the C program."""
    program = library()
    if isinstance(program, str):
        raise ValueError(program)
    out = Paths(*np.zeros((4, paths)))
    pointers = [ctypes.c_void_p(field.ctypes.data) for field in out[:3]]
    sizes = [ctypes.c_long(size) for size in (samples, steps, paths)]
    program.literal(ctypes.c_uint64(seed), *sizes, *pointers)
    return out
