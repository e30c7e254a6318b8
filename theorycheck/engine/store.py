"""What a run has finished, kept on disk so that the next one goes on from there.

One file, `done.log`: a line for each result, appended whole, with a checksum over the line and over what
results depend on (code, seed, settings), so that a line that is damaged, or of another run, is never taken
for a result. What was appended outlives the process at once, and a failure of the machine after a second at
most, which is how often the file is synchronised with the disk.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from theorycheck.engine.executor import Summary, Unavailable, Workers

LOGGER = logging.getLogger("theorycheck")
LOG, LOCK = "done.log", "lock"
SYNCHRONISE = 1.0  # seconds between two calls of fsync
KEEP = 0.25  # seconds of blocks that a line holds


class Store:
    """Results by name in a folder, made where it does not exist; one process at a time.

    `identity` says what the results depend on, by name. Raises ValueError if the folder is in use, or holds
    results that depend on something else; `Unavailable` if it cannot be written.
    """

    def __init__(self, folder: str | os.PathLike[str], identity: Mapping[str, Any]) -> None:
        if not os.fspath(folder):  # a shell's variable that is not set, say: not the folder that we are in
            raise ValueError("--out must name a directory, got ''")
        self.folder = Path(folder)
        self.path = self.folder / LOG
        self.damaged = 0  # lines that were not what was written
        self._identity = json.loads(json.dumps(identity))
        self._salt = hashlib.blake2b(_bytes(self._identity), digest_size=16).digest()
        self._at: dict[str, list[int]] = {}  # where the lines of a name begin
        self._end = 0
        self._synchronised, self._pending = time.monotonic(), False
        self._one = threading.Lock()  # one thread at a time
        self._lock = _lock(self.folder)
        try:
            with _told(self.path):
                self._file = self.path.open("a+b", buffering=0)
        except OSError:
            self._lock.release()
            raise
        try:
            with _told(self.path):
                self._read()
            if not self._end:
                self._append(self._identity, b"")
        except BaseException:
            self.close()
            raise
        if self.damaged:
            lines = (
                "1 damaged line; what it" if self.damaged == 1 else f"{self.damaged} damaged lines; what they"
            )
            LOGGER.warning("%s: %s held is done again", self.path, lines)

    def _read(self) -> None:
        """Find the lines that are there; cut off one that was never finished."""
        told = None
        with self.path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    self._file.truncate(self._end)
                    break
                if not self._end and (told := _checked(line, b"")) is not None:
                    self._require_same(told)
                elif found := _checked(line, self._salt):
                    self._at.setdefault(found[0], []).append(self._end)
                else:
                    self.damaged += 1
                self._end += len(line)
        # A result that passes its check is of this run: the checksums tell.
        if self._end and told is None and not self._at:
            raise ValueError(f"{self.path} does not tell what run it is of: its first line is damaged")

    def _require_same(self, theirs: Mapping[str, Any]) -> None:
        there, here = _flat(theirs), _flat(self._identity)
        differing = [
            f"{name} is {there.get(name, 'not given')}, here {here.get(name, 'not given')}"
            for name in {**there, **here}
            if there.get(name) != here.get(name)
        ]
        if differing:
            raise ValueError(f"{self.folder} holds results of another run: there {'; '.join(differing)}")

    def places(self, name: str) -> list[int]:
        """Where the results under a name are, in the order in which they were put."""
        return list(self._at.get(name, []))

    def read(self, place: int) -> Any:
        """The result at a place."""
        with _told(self.path), self.path.open("rb") as lines:
            lines.seek(place)
            found = _checked(lines.readline(), self._salt)
        if found is None:
            raise Unavailable(f"{self.path} was changed by someone else while this run was on")
        return found[1]

    def put(self, name: str, value: Any) -> None:
        """Keep a result (JSON), whole or not at all; `Unavailable` if there is no room."""
        with self._one:
            place = self._end
            self._append([name, value], self._salt)
            self._at.setdefault(name, []).append(place)

    def _append(self, value: Any, salt: bytes) -> None:
        text = _bytes(value)
        line = b"%s %s\n" % (_checksum(text, salt), text)
        with _told(self.path, "; what was done before is kept, and the same command goes on from there"):
            try:
                written = 0
                while written < len(line):
                    written += self._file.write(line[written:]) or 0
                self._pending = True
                if time.monotonic() - self._synchronised > SYNCHRONISE:
                    self._synchronise()
            except OSError:
                with contextlib.suppress(OSError):
                    self._file.truncate(self._end)
                raise
        self._end += len(line)

    def _synchronise(self) -> None:
        os.fsync(self._file.fileno())
        self._synchronised, self._pending = time.monotonic(), False

    def close(self) -> None:
        """Synchronise with the disk and leave the folder to others."""
        try:
            if self._pending:
                self._synchronise()
        finally:
            self._file.close()
            self._lock.release()


class Stored:
    """An executor that keeps the summaries that another one computes, and computes none twice."""

    def __init__(self, executor: Workers, store: Store) -> None:
        self._executor, self._store = executor, store
        self.workers = executor.workers

    def map(self, function: Callable[[int], Summary], blocks: range, name: str = "") -> Iterator[Summary]:
        at = blocks.start
        for start, stop, place in sorted(self._kept(name)):
            if start < blocks.stop and stop > at:
                yield from self._computed(function, range(at, start), name)
                at = max(at, start)
                yield from _rows(self._store.read(place))[at - start : blocks.stop - start]
                at = min(stop, blocks.stop)
        yield from self._computed(function, range(at, blocks.stop), name)

    def _kept(self, name: str) -> Iterator[tuple[int, int, int]]:
        """Which blocks each line of this name holds, and where it is."""
        for place in self._store.places(name):
            value = self._store.read(place)
            yield value["start"], value["start"] + value["count"], place

    def _computed(
        self, function: Callable[[int], Summary], blocks: range, name: str = ""
    ) -> Iterator[Summary]:
        """Several blocks share a line, so that many short ones cost little."""
        rows: list[Summary] = []
        began = time.monotonic()
        for block, row in zip(blocks, self._executor.map(function, blocks, name), strict=True):
            rows.append(row)
            if block == blocks[-1] or time.monotonic() - began > KEEP:
                self._store.put(name, _value(block + 1 - len(rows), rows))
                rows, began = [], time.monotonic()
            yield row

    def close(self) -> None:
        self._executor.close()


def _value(start: int, rows: list[Summary]) -> dict[str, Any]:
    data = np.asarray(rows, "<f8")
    return {"start": start, "count": len(rows), "rows": base64.b64encode(data.tobytes()).decode()}


def _rows(value: Mapping[str, Any]) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(value["rows"]), "<f8")
    return data.reshape(value["count"], -1)


@contextlib.contextmanager
def _told(path: Path, more: str = "") -> Iterator[None]:
    """What the operating system refuses, in one sentence."""
    try:
        yield
    except OSError as error:
        raise Unavailable(f"cannot write to {path}: {error.strerror or error}{more}") from error


def _lock(folder: Path) -> Any:
    # A lock of the operating system's goes with the process that holds it, however that ends.
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK, thread_local=False)
    with _told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise ValueError(f"{folder} is in use by another run") from None
    return lock


def _bytes(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _checksum(text: bytes, salt: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16, key=salt).hexdigest().encode()


def _checked(line: bytes, salt: bytes) -> Any:
    """The value on a line; None if the line is not what was written."""
    checksum, _, text = line.rstrip(b"\n").partition(b" ")
    return json.loads(text) if checksum == _checksum(text, salt) else None


def _flat(identity: Mapping[str, Any]) -> dict[str, Any]:
    """By name, packages by theirs."""
    return {
        name: value
        for key, found in identity.items()
        for name, value in (found.items() if isinstance(found, dict) else [(key, found)])
    }
