"""Checkpoints in safetensors: written whole or not at all, the last two kept, refused by another run.

Nothing is unpickled: a checkpoint is tensors and a table of text.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from theorycheck.interrupts import UNFINISHED
from theorycheck.results import Row

KEPT = 2
Tensors = dict[str, Tensor]


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`, renamed to it at the end; OSError says where there is no space."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    UNFINISHED.add(temporary)
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        os.replace(temporary, path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise OSError(f"no space left to write {path}; what was written before it is kept") from error
        raise
    finally:
        temporary.unlink(missing_ok=True)
        UNFINISHED.discard(temporary)


def save(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors and text to `path`, atomically."""
    # Tensors that share memory, or lie on a device, are copied.
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        try:
            save_file(plain, temporary, dict(metadata))
        except SafetensorError as error:
            full = "No space left" in str(error) or "File too large" in str(error)
            raise OSError(errno.ENOSPC if full else errno.EIO, str(error)) from error


def read(path: Path) -> tuple[Tensors, dict[str, str]]:
    """Tensors and text of a file; ValueError if it is not a whole safetensors file."""
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is not a checkpoint: {error}") from error


@dataclass
class State:
    """Where a loop stands: `position` in the phase ("generate" or "train") of a round, and what it knows.

    `network` are the weights at hand; `training` holds those of the optimizer and of the moving average while
    a network is trained; `kept` and `measured` are the samples so far; `rows` the results of past rounds.
    """

    round: int = 0
    phase: str = "train"
    position: int = 0
    network: Tensors = field(default_factory=dict)
    training: Tensors = field(default_factory=dict)
    kept: Tensor | None = None
    measured: Tensor | None = None
    rows: list[Row] = field(default_factory=list)


class Chain:
    """The checkpoints of one loop of one seed, in a folder of their own."""

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder, self.identity = folder, identity

    def paths(self) -> list[Path]:
        """The checkpoints, oldest first."""
        return sorted(self.folder.glob("state-*.safetensors"))

    def write(self, state: State) -> None:
        """Add a checkpoint, and remove all but the last two, and what a killed process left half-written."""
        paths = self.paths()
        number = int(paths[-1].stem.removeprefix("state-")) + 1 if paths else 0
        groups = {"network": state.network, "training": state.training}
        tensors = {f"{group}.{name}": t for group, named in groups.items() for name, t in named.items()}
        for name in ("kept", "measured"):
            if getattr(state, name) is not None:
                tensors[name] = getattr(state, name)
        place = {"round": state.round, "phase": state.phase, "position": state.position}
        rows = [list(row) for row in state.rows]
        metadata = {"identity": self.identity, "place": json.dumps(place), "rows": json.dumps(rows)}
        save(self.folder / f"state-{number:08}.safetensors", tensors, metadata)
        for path in [*self.paths()[:-KEPT], *self.folder.glob(".state-*")]:
            path.unlink()

    def latest(self) -> State | None:
        """The newest checkpoint, or the one before it where the newest was damaged; None if there is none.

        Raises ValueError if none can be read, or the run that wrote it had another configuration.
        """
        complaint: ValueError | None = None
        for path in reversed(self.paths()):
            try:
                tensors, metadata = read(path)
            except ValueError as error:
                complaint = error
                continue
            if metadata.get("identity") != self.identity:
                raise ValueError(
                    f"{path} is of another configuration: choose another --out, or the same settings"
                )
            return _state(tensors, metadata)
        if complaint is not None:
            raise complaint
        return None


def _state(tensors: Tensors, metadata: Mapping[str, str]) -> State:
    groups: dict[str, Tensors] = {"network": {}, "training": {}}
    for name, tensor in tensors.items():
        group, _, rest = name.partition(".")
        if rest:
            groups[group][rest] = tensor
    rows = [Row(*fields) for fields in json.loads(metadata["rows"])]
    return State(
        **json.loads(metadata["place"]),
        network=groups["network"],
        training=groups["training"],
        kept=tensors.get("kept"),
        measured=tensors.get("measured"),
        rows=rows,
    )
