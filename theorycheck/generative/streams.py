"""Random streams: every draw is a function of names and positions, so that a run resumes bit by bit."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch


def number(*names: Any) -> int:
    """A seed in [0, 2⁶³) for a stream of this name."""
    digest = hashlib.blake2b("/".join(map(str, names)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator(*names: Any) -> torch.Generator:
    """A CPU generator of its own."""
    return torch.Generator().manual_seed(number(*names))


def draw_from(*names: Any) -> None:
    """Let torch's own draws (noise, dropout) on every device go on from this stream."""
    seed = number(*names)
    # torch.manual_seed does the same, and ten times as slowly: it remembers who called.
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)


class Order:
    """The endless order in which `size` training samples are visited: one permutation after another."""

    def __init__(self, size: int, *names: Any) -> None:
        self.size, self.names = size, names
        self._epoch, self._permutation = -1, np.empty(0, np.int64)

    def __getitem__(self, positions: slice) -> np.ndarray:
        """The indices at positions start, …, stop − 1."""
        at, found = positions.start, []
        while at < positions.stop:
            epoch, offset = divmod(at, self.size)
            if epoch != self._epoch:
                seed = number(*self.names, epoch)
                self._epoch, self._permutation = epoch, np.random.default_rng(seed).permutation(self.size)
            part = self._permutation[offset : offset + positions.stop - at]
            found.append(part)
            at += part.size
        return np.concatenate(found)
