"""Ctrl-C and `kill` end the process at once and leave no half-written file."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

STATUS = {signal.SIGINT: (130, "interrupted"), signal.SIGTERM: (143, "terminated")}
UNFINISHED: set[Path] = set()  # temporary files, to be removed whatever ends the process


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C and `kill` end the process at once, from a thread of its own.

    An exception would have to wait until compiled code returns, and may be swallowed by whatever it falls
    into (an import, a callback of the garbage collector).
    """
    usual = (signal.default_int_handler, signal.SIG_DFL)
    before = {number: signal.getsignal(number) for number in STATUS if signal.getsignal(number) in usual}
    receiver, sender = socket.socketpair()
    sender.setblocking(False)

    def watch() -> None:
        with receiver:
            for number in iter(lambda: receiver.recv(1), b""):
                if number[0] in before:
                    end(*STATUS[signal.Signals(number[0])])

    for number in before:
        signal.signal(number, lambda *_: None)
    fd = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(fd)
        for number, handler in before.items():
            signal.signal(number, handler)
        sender.close()
        watcher.join()


def end(status: int, told: str) -> None:
    """Remove what is unfinished, say why, and leave."""
    # Who reads our streams may read no more: then writing waits without end.
    late = threading.Timer(1.0, os._exit, (status,))
    late.daemon = True
    late.start()
    for path in list(UNFINISHED):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{told}\n")
    leave(status)


def leave(status: int) -> None:
    """Exit without waiting for blocks of draws or a compilation still under way on other threads."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # its reader may be gone
            stream.flush()
    os._exit(status)
