"""What is worked out once for many cells."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def cached(function: Callable[..., T]) -> Callable[..., T]:
    """A function that keeps what it found, and looks again where its first argument names a changed file.

    Processes outlive a sweep: a notebook's, a cluster's workers.
    """

    @functools.lru_cache(maxsize=256)
    def found(version: tuple[int, ...], *arguments: object) -> T:
        return function(*arguments)

    @functools.wraps(function)
    def current(*arguments: object) -> T:
        return found(_version(str(arguments[0])), *arguments)

    return current


def _version(path: str) -> tuple[int, ...]:
    try:
        state = os.stat(path)
    except OSError:
        return ()
    return state.st_mtime_ns, state.st_size, state.st_ino
