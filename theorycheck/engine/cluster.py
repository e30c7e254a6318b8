"""Blocks on an existing dask.distributed cluster: the one module that knows dask (extra `cluster`)."""

from __future__ import annotations

import functools
import logging
import re
import threading
import time
import uuid
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from theorycheck.engine import files
from theorycheck.engine.executor import Summary, Unavailable
from theorycheck.engine.provenance import code

ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):(\d{1,5})")
CONNECT = 10.0  # seconds for the scheduler to answer, and for a worker to be there
GRACE = 2.0  # seconds more, for dask to tell by itself that nobody does
PATIENCE = 60.0  # seconds without any worker after which a run gives up
GLANCE = 1.0  # seconds between two looks at whether the cluster is still there
BATCH = 64  # blocks that travel together, at most
SHARES = 4  # batches for each thread of the cluster, at least, so that none waits long for the last one

# Read when the worker imports this module: what lies on its disk later may not be what it runs.
CODE = code()


class Cluster:
    """An executor whose blocks are computed by the workers of the scheduler at `address`.

    Raises ValueError for an address that is not tcp://HOST:PORT, without dask, and for workers that run other
    code or other versions: they would not give the same bits. Raises `Unavailable` if nobody answers, or if
    scheduler or workers are gone for good. A worker that dies costs its blocks alone: dask computes them
    again elsewhere.
    """

    def __init__(self, address: str) -> None:
        if not isinstance(address, str) or not (found := ADDRESS.fullmatch(address)) or int(found[3]) > 65535:
            raise ValueError(f"--cluster must be tcp://HOST:PORT, got {address!r}")
        self.address = address
        self._client = _client(address)
        try:
            self.workers = self._checked_workers()
        except BaseException:
            self.close()
            raise

    def _checked_workers(self) -> int:
        try:
            self._client.wait_for_workers(1, timeout=CONNECT)
        except TimeoutError:
            raise Unavailable(f"the cluster at {self.address} has no worker") from None
        try:
            told = self._client.run(_code, on_error="return")
        except Exception as error:
            raise Unavailable(f"the cluster at {self.address} does not answer: {error}") from error
        for worker, theirs in sorted(told.items()):
            if isinstance(theirs, Exception):
                raise ValueError(f"the worker {worker} cannot import theorycheck: {theirs}")
            _require_same(theirs, f"the worker {worker}")
        return max(1, sum(self._threads().values()))

    def _threads(self) -> dict[str, int]:
        """The number of threads of each worker."""
        found = self._client.scheduler_info(n_workers=-1)["workers"]
        return {worker: about["nthreads"] for worker, about in found.items()}

    def map(self, function: Callable[[int], Summary], blocks: range, name: str = "") -> Iterator[Summary]:
        pickled = _pickled(function)
        size = max(1, min(BATCH, len(blocks) // (SHARES * self.workers)))
        waiting: deque[Any] = deque()
        try:
            for start in range(0, len(blocks), size):
                batch = blocks[start : start + size]
                key = f"{name} {batch.start}:{batch.stop} {uuid.uuid4().hex}"
                waiting.append(self._client.submit(_compute, CODE, pickled, batch, key=key, pure=False))
                if len(waiting) > 2 * self.workers:
                    yield from self._result(waiting.popleft())
            while waiting:
                yield from self._result(waiting.popleft())
        finally:
            # What a caller no longer waits for is not computed.
            self._client.cancel(list(waiting))

    def _result(self, future: Any) -> list[Summary]:
        from concurrent.futures import CancelledError

        from distributed import KilledWorker

        alone = 0.0
        while True:
            try:
                return future.result(timeout=GLANCE)
            except TimeoutError:
                began = time.monotonic()
                if self._client.status != "running":
                    raise Unavailable(f"the scheduler at {self.address} is gone") from None
                if future.status == "error":  # it was the draw that timed out
                    raise
                alone = 0.0 if self._threads() else alone + GLANCE + time.monotonic() - began
                if alone > PATIENCE:
                    raise Unavailable(
                        f"the cluster at {self.address} has had no worker for {PATIENCE:.0f} s"
                    ) from None
            except CancelledError:
                raise Unavailable(f"the scheduler at {self.address} is gone") from None
            except KilledWorker as error:
                raise Unavailable(f"the cluster at {self.address} loses every worker: {error}") from error

    def close(self) -> None:
        self._client.close(timeout=2)


def _client(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise ValueError("--cluster needs dask: pip install 'theorycheck[cluster]'") from None
    # What goes wrong is told in one sentence, by us; versions are compared by us as well.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    found: list[Any] = []

    def connect() -> None:
        try:
            found.append(Client(address, timeout=CONNECT, set_as_default=False))
        except Exception as error:
            found.append(error)

    # On a thread that can be left: dask waits without end for whoever accepts a connection and says nothing.
    thread = threading.Thread(target=connect, daemon=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        thread.start()
        thread.join(CONNECT + GRACE)
    if not found:
        raise Unavailable(f"no cluster answers at {address}: nothing is said for {CONNECT + GRACE:.0f} s")
    if isinstance(error := found[0], Exception):
        known = isinstance(error, (OSError, TimeoutError, ValueError))
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        reason = reason if known else "what is there does not speak as a dask scheduler does"
        raise Unavailable(f"no cluster answers at {address}: {reason}") from error
    return found[0]


def _pickled(function: Callable[[int], Summary]) -> bytes:
    """The function as bytes; what comes from a file of the user's own travels whole, as workers lack it."""
    import cloudpickle

    for brought in files.BROUGHT.values():
        for module in brought.values():
            cloudpickle.register_pickle_by_value(module)
    return cloudpickle.dumps(function)


# --- what workers run -------------------------------------------------------------------------------------


def _code() -> dict[str, Any]:
    return CODE


def _compute(theirs: Mapping[str, Any], pickled: bytes, batch: range) -> list[Summary]:
    # Asked again at every batch, as workers may join while a run goes on.
    _require_same(theirs, "the client, seen from a worker,")
    function = _function(pickled)
    return [function(block) for block in batch]


@functools.lru_cache(maxsize=16)
def _function(pickled: bytes) -> Callable[[int], Summary]:
    import cloudpickle

    return cloudpickle.loads(pickled)


def _require_same(theirs: Mapping[str, Any], who: str) -> None:
    ours, found = _flat(CODE), _flat(theirs)
    for name in ours:
        if ours[name] != found.get(name):
            raise ValueError(
                f"{who} has {name} {found.get(name)}, here it is {ours[name]}: "
                "the same seed would not give the same bits"
            )


def _flat(code: Mapping[str, Any]) -> dict[str, Any]:
    return {**{k: v for k, v in code.items() if k != "packages"}, **code["packages"]}
