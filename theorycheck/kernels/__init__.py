"""Numba kernels: arrays and a `numpy.random.Generator` in, arrays filled in place.

Each function is also plain Python: `kernel.py_func` gives the same bits, slowly.
"""

from collections.abc import Callable

COMPILING: list[Callable[[str], None]] = []  # each hears the name of a kernel that is about to be compiled
