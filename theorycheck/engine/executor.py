"""Where blocks of draws are computed: a pool of threads, or whatever else maps a function over blocks."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from numbers import Integral
from typing import Any, Protocol, TypeVar

import numpy as np

T = TypeVar("T")
Summary = np.ndarray  # what a block leaves behind: floats, shape (k,)


class Unavailable(OSError):
    """What a run stands on is gone (a cluster, room on the disk): one sentence, for the user."""


class Workers(Protocol):
    """Whoever computes blocks, each on its own, and hands out their summaries in block order.

    So what is merged does not depend on who computed what, nor on who finished first.
    """

    @property
    def workers(self) -> int:
        """How many blocks are computed at a time."""

    def map(self, function: Callable[[int], Summary], blocks: range, name: str = "") -> Iterator[Summary]:
        """`function` of each block, in order; `name` says of what, and is the same in every run.

        An executor that keeps what is done goes by the name, and has to be given one.
        """

    def close(self) -> None:
        """Drop what has not begun."""


def chosen(workers: Any = None, cluster: str | None = None) -> Workers:
    """Threads, one for each processor unless `workers` says how many, or the `cluster` at an address.

    Raises ValueError for both, for workers that are no integer of at least 1, and like `Cluster`.
    """
    if cluster is not None and workers is not None:
        raise ValueError(f"workers must not be given with a cluster, which has its own, got {workers!r}")
    if cluster is not None:
        from theorycheck.engine.cluster import Cluster

        return Cluster(cluster)
    workers = workers if workers is not None else os.cpu_count() or 1
    if not isinstance(workers, Integral) or isinstance(workers, bool) or int(workers) < 1:
        raise ValueError(f"workers must be an integer of at least 1, got {workers!r}")
    return Executor(int(workers))


class Executor:
    """An executor of `workers` threads, with few results in flight: kernels release the interpreter lock."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="theorycheck")

    def map(self, function: Callable[[int], T], blocks: Iterable[int], name: str = "") -> Iterator[T]:
        waiting: deque[Future] = deque()
        for block in blocks:
            waiting.append(self._pool.submit(function, block))
            if len(waiting) > 2 * self.workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def close(self) -> None:
        # Blocks under way end by themselves.
        self._pool.shutdown(wait=False, cancel_futures=True)
