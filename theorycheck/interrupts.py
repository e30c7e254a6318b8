"""Ctrl-C ends the process at once and leaves no half-written file."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

UNFINISHED: set[Path] = set()  # temporary files, to be removed whatever ends the process


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C ends the process at once, from a thread of its own.

    An exception would have to wait until compiled code returns, and may be swallowed by whatever it falls
    into (an import, a callback of the garbage collector).
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    receiver, sender = socket.socketpair()
    sender.setblocking(False)

    def watch() -> None:
        with receiver:
            interrupted = signal.SIGINT in receiver.recv(1)
        if interrupted:
            for path in list(UNFINISHED):
                path.unlink(missing_ok=True)
            sys.stderr.write("interrupted\n")
            leave(130)

    before = signal.signal(signal.SIGINT, lambda *_: None)
    fd = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(fd)
        signal.signal(signal.SIGINT, before)
        sender.close()
        watcher.join()


def leave(status: int) -> None:
    """Exit without waiting for blocks of draws or a compilation still under way on other threads."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
