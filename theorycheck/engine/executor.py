"""Where blocks of draws are computed: a pool of threads (kernels release the interpreter lock)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class Executor:
    """Maps a function over blocks with `workers` threads, in block order, with few results in flight."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="theorycheck")

    def map(self, function: Callable[[int], Any], blocks: Iterable[int]) -> Iterator[Any]:
        """`function` of each block, in order: what is merged does not depend on who finished first."""
        waiting: deque[Future] = deque()
        for block in blocks:
            waiting.append(self._pool.submit(function, block))
            if len(waiting) > 2 * self.workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def close(self) -> None:
        """Drop what has not begun; blocks under way end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)
