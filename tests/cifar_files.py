"""Files in the form of CIFAR-10's binary version, with random pixels, for tests."""

import hashlib
import io
import tarfile

import numpy as np

from theorycheck.generative import cifar


def records(names, rng):
    """Files in the true format: random images, as many of each class as the official set has."""
    labels = rng.permutation(np.repeat(np.arange(10, dtype=np.uint8), cifar.RECORDS * len(names) // 10))
    pixels = rng.integers(256, size=(labels.size, cifar.RECORD - 1), dtype=np.uint8)
    return dict(zip(names, np.split(np.column_stack([labels, pixels]), len(names)), strict=True))


def write(folder):
    """The folder within `folder` that holds all six files."""
    place = folder / cifar.INNER
    place.mkdir()
    rng = np.random.default_rng(1)
    for names in (cifar.TRAIN, cifar.HELD_OUT):
        for name, content in records(names, rng).items():
            content.tofile(place / name)
    (place / "batches.meta.txt").write_text("airplane\n")
    return place


def archive(place, path):
    """Address and MD5 sum of an archive of those files at `path`; a member wants out of its folder."""
    with tarfile.open(path, "w:gz", compresslevel=0) as file:
        for member in sorted(place.iterdir()):
            file.add(member, f"{cifar.INNER}/{member.name}")
        evil = tarfile.TarInfo("../outside")
        file.addfile(evil, io.BytesIO(b""))
    return path.as_uri(), hashlib.md5(path.read_bytes()).hexdigest()
