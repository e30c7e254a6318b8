"""Random streams named after what they are for."""

from __future__ import annotations

import hashlib

import numpy as np


def words(*names: str) -> list[int]:
    """Four 32-bit words that depend on every name and on nothing else."""
    digest = hashlib.blake2b("\0".join(names).encode(), digest_size=16).digest()
    return [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)]


def generator(seed: int, names: tuple[str, ...], block: int) -> np.random.Generator:
    """The stream of one block: independent of every other (seed, names, block), whoever draws it when."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *words(*names), block])))
