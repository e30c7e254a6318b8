"""Numba kernels: arrays and a `numpy.random.Generator` in, arrays filled in place.

Each function is also plain Python: `kernel.py_func` gives the same bits, slowly.
"""
