"""The one compilation policy of the project: `@kernel`.

Compiled code is cached on disk under a key that holds a hash of every kernel source file. Numba's own
cache looks only at the file of the function itself, so an edited helper in another file would go unseen
and stale machine code would certify new source.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache

from theorycheck.kernels import COMPILING

_HERE = Path(__file__).resolve().parent


def source_hash() -> str:
    """Hash of all kernel sources as they are on disk, as a hexadecimal string."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(_HERE.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


# Of the kernels that this process imports, right after this module. While the files differ from it, nobody
# knows which state is in memory, and the cache is neither read nor filled.
_LOADED = source_hash()


class _SourceKeyedCache(FunctionCache):
    def _index_key(self, sig: Any, codegen: Any) -> tuple:
        return (*super()._index_key(sig, codegen), _LOADED)

    def save_overload(self, sig: Any, data: Any) -> None:
        if source_hash() == _LOADED:
            super().save_overload(sig, data)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        found = super().load_overload(sig, target_context) if source_hash() == _LOADED else None
        if found is None:
            for tell in COMPILING:
                tell(name(self._py_func))
        return found


def name(function: Callable) -> str:
    """A kernel's module and name, as in `gaussian.literal`."""
    return f"{function.__module__.rpartition('.')[2]}.{function.__name__}"


def kernel(function: Callable) -> Any:
    """Compile `function` with Numba, releasing the interpreter lock.

    Floating point stays strict (no fastmath), so compiled and interpreted results agree bit for bit. Only a
    division by zero differs: compiled, it gives ±∞ or NaN instead of an exception, as a loop that may raise
    cannot be vectorised.
    Rows are taken as `x[0]`, not by unpacking: Numba would forget that they are contiguous, and loops over
    them would not be vectorised either.
    Kernels of this package are cached on disk; kernels of a user's own file are compiled afresh each
    time, because nothing tells which other files they call.
    """
    dispatcher: Any = njit(nogil=True, error_model="numpy")(function)
    ours = Path(function.__code__.co_filename).resolve().parent == _HERE
    # With NUMBA_DISABLE_JIT=1, njit returns the function itself: nothing to cache.
    if hasattr(dispatcher, "py_func") and ours and source_hash() == _LOADED:
        dispatcher._cache = _SourceKeyedCache(function)
    return dispatcher
