"""CIFAR-10 from its official binary files (Krizhevsky 2009): downloaded, checked, read. Loads without torch.

A file is 10,000 records of 3,073 bytes: the label, then 32×32 red, green and blue values, row by row.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import BinaryIO

import numpy as np

from theorycheck.interrupts import UNFINISHED

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"  # published at https://www.cs.toronto.edu/~kriz/cifar.html
INNER = "cifar-10-batches-bin"
TRAIN = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
HELD_OUT = ("test_batch.bin",)
SUMS = "SHA256SUMS"  # written beside the files that came from a checked archive
RECORDS, RECORD = 10_000, 3_073
CLASSES = 10


def load(folder: str | Path) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """((images, labels) to train on, the same held out): uint8 images (N, 3, 32, 32), labels in 0..9.

    Raises ValueError, with one sentence, unless the directory holds the six files, each of its size, with
    labels in 0..9 and as many images of each class as the official set has.
    """
    place = _place(Path(folder))
    _check_sums(place)
    train, held_out = (_read(place, names) for names in (TRAIN, HELD_OUT))
    for (_, labels), names in ((train, TRAIN), (held_out, HELD_OUT)):
        counts = np.bincount(labels, minlength=CLASSES)
        expected = RECORDS * len(names) // CLASSES
        if (counts != expected).any():
            odd = int(np.argmax(counts != expected))
            raise ValueError(
                f"{place} is not the official CIFAR-10: {', '.join(names)} hold {counts[odd]} images of "
                f"class {odd}, not {expected}"
            )
    return train, held_out


def _place(folder: Path) -> Path:
    """The directory that holds the files: the given one, or the archive's inside it."""
    for place in (folder, folder / INNER):
        if (place / TRAIN[0]).is_file():
            return place
    for place in (folder, folder / "cifar-10-batches-py"):
        if (place / "data_batch_1").is_file():
            raise ValueError(
                f"{place} holds the Python version of CIFAR-10, whose files are pickles: reading a pickle "
                f"runs whatever code it holds, so it is never opened; fetch the binary version with "
                f"theorycheck data cifar10 --out DIR"
            )
    if not folder.is_dir():
        raise ValueError(
            f"{folder} is not a directory; fetch CIFAR-10 with theorycheck data cifar10 --out DIR"
        )
    raise ValueError(
        f"{folder} holds no {TRAIN[0]}: it is not the binary version of CIFAR-10; fetch it with "
        f"theorycheck data cifar10 --out DIR"
    )


def _read(place: Path, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    images, labels = [], []
    for name in names:
        try:
            raw = np.fromfile(place / name, np.uint8)
        except OSError as error:
            raise ValueError(f"cannot read {place / name}: {error.strerror}") from error
        if raw.size != RECORDS * RECORD:
            raise ValueError(f"{place / name} must have {RECORDS * RECORD} bytes, got {raw.size}")
        records = raw.reshape(RECORDS, RECORD)
        if records[:, 0].max() >= CLASSES:
            wrong = int(np.argmax(records[:, 0] >= CLASSES))
            raise ValueError(
                f"{place / name}: record {wrong} has the label {records[wrong, 0]}, not one of 0..9"
            )
        labels.append(records[:, 0])
        images.append(records[:, 1:].reshape(-1, 3, 32, 32))
    return np.concatenate(images), np.concatenate(labels)


def _check_sums(place: Path) -> None:
    """Compare the files with the checksums that were written when they were downloaded, if they were."""
    if not (place / SUMS).is_file():
        return
    for line in (place / SUMS).read_text(encoding="utf-8").splitlines():
        wanted, _, name = line.partition("  ")
        if name not in (*TRAIN, *HELD_OUT):
            continue
        with open(place / name, "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != wanted:
                raise ValueError(f"{place / name} was altered after it was downloaded: its checksum differs")


def download(folder: str | Path, url: str = URL, md5: str = MD5) -> Path:
    """Fetch the archive, check its published checksum, and unpack the binary files into `folder`.

    Returns their directory. Raises ValueError where there is no network or the archive is not the official
    one; nothing is left half-written.
    """
    folder = Path(folder)
    target = folder / INNER
    if target.exists():
        load(folder)
        return target
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is not a directory: choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".cifar-10.", dir=folder)
    UNFINISHED.add(Path(name))
    try:
        with os.fdopen(handle, "w+b") as archive:
            found = _fetch(url, archive)
            if found != md5:
                raise ValueError(f"{url} has the MD5 sum {found}, not the published {md5}: nothing was kept")
            archive.seek(0)
            _unpack(archive, target)
    finally:
        Path(name).unlink(missing_ok=True)
        UNFINISHED.discard(Path(name))
    return target


def _fetch(url: str, archive: BinaryIO) -> str:
    """Copy what the address gives; its MD5 sum."""
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            while block := answer.read(1 << 20):
                digest.update(block)
                archive.write(block)
    except urllib.error.HTTPError as error:
        raise ValueError(f"cannot fetch {url}: the server answers {error.code} {error.reason}") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise ValueError(
            f"cannot fetch {url}: no network ({getattr(error, 'reason', error)}); download it elsewhere, "
            f"unpack it, and give its directory as --data cifar10:DIR"
        ) from error
    return digest.hexdigest()


def _unpack(archive: BinaryIO, target: Path) -> None:
    """The wanted members alone, into a temporary directory that is renamed; checksums beside them."""
    with tempfile.TemporaryDirectory(prefix=".cifar-10.", dir=target.parent) as parent:
        place = Path(parent) / INNER
        place.mkdir()
        sums = []
        with tarfile.open(fileobj=archive, mode="r:gz") as members:
            for name in (*TRAIN, *HELD_OUT, "batches.meta.txt"):
                file = members.extractfile(f"{INNER}/{name}")
                content = file.read() if file else b""
                (place / name).write_bytes(content)
                sums.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
        (place / SUMS).write_text("".join(sums), encoding="utf-8")
        load(place)
        os.replace(place, target)
