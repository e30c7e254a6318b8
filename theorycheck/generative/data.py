"""Sources of real data by name: points of the plane, handwritten digits, CIFAR-10, a folder of images."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from theorycheck.generative import cifar, streams
from theorycheck.generative.settings import Settings

MODES = 8
RADIUS, SPREAD = 2.0, 0.1  # of the circle of eight Gaussians, and of each of them
MOON_NOISE = 0.1
_POOL = 50_000  # points of the plane that stand for the whole law
_HELD_OUT = 10_000

Labelled = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Source:
    """Real data, split for good: what is trained on, and what is held out to measure against.

    Points are float32 of shape (N, 2); images uint8 of shape (N, C, H, W) with values 0..`levels`. `labels`
    are None where nobody gave any.
    """

    name: str
    train: Tensor
    held_out: Tensor
    train_labels: Tensor | None = None
    held_out_labels: Tensor | None = None
    levels: int = 0  # the largest pixel value; 0 for points
    scale: float = 1.0  # of points: divided by it, they have variance 1
    modes: Tensor | None = None  # centres, shape (m, 2)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.train.shape[1:])

    @property
    def classes(self) -> int:
        """How many classes the labels tell apart; 0 without labels."""
        return 0 if self.train_labels is None else int(self.train_labels.max()) + 1

    def encode(self, raw: Tensor) -> Tensor:
        """Data as the networks take them: pixels in [−1, 1], points of variance 1."""
        return raw.float() * (2 / self.levels) - 1 if self.levels else raw / self.scale

    def decode(self, samples: Tensor) -> Tensor:
        """The inverse; pixels are rounded to the levels that real images have."""
        if not self.levels:
            return samples * self.scale
        return ((samples.clamp(-1, 1) + 1) * (self.levels / 2)).round().to(torch.uint8)

    def real(self, count: int, *names: object) -> Tensor:
        """`count` real samples to train on, drawn without replacement by the stream of this name; 0: all."""
        size = len(self.train)
        if count > size:
            raise ValueError(f"real must be at most {size}, what {self.name} has to train on, got {count}")
        if count in (0, size):
            return self.train
        return self.train[torch.randperm(size, generator=streams.generator("real", *names))[:count]]


def source(settings: Settings) -> Source:
    """The source that the settings name; ValueError, with one sentence, where its files are not right."""
    kind, _, folder = settings.data.partition(":")
    if kind in ("cifar10", "folder") and not folder:
        raise ValueError(f"data must name a directory, as --data {kind}:DIR")
    found: Source = {
        "eight-gaussians": lambda: _plane(kind, _eight_gaussians),
        "two-moons": lambda: _plane(kind, _two_moons),
        "digits": _digits,
        "cifar10": lambda: _cifar(folder),
        "folder": lambda: _folder(Path(folder), settings.size),
    }[kind]()
    if found.levels and found.shape[-1] != settings.size:
        raise ValueError(f"size must be {found.shape[-1]} for {kind}, got {settings.size}")
    return found


def _plane(name: str, draw: Callable[[int, np.random.Generator], Labelled]) -> Source:
    rng = np.random.default_rng(streams.number("plane", name))
    (train, labels), (held_out, held_out_labels) = draw(_POOL, rng), draw(_HELD_OUT, rng)
    modes = _centres() if name == "eight-gaussians" else None
    scale = float(train.std(dim=0).square().mean().sqrt())
    return Source(name, train, held_out, labels, held_out_labels, scale=scale, modes=modes)


def _centres() -> Tensor:
    angles = torch.arange(MODES) * (2 * math.pi / MODES)
    return RADIUS * torch.stack([angles.cos(), angles.sin()], dim=1)


def _eight_gaussians(count: int, rng: np.random.Generator) -> Labelled:
    labels = torch.from_numpy(rng.integers(MODES, size=count))
    return _centres()[labels] + SPREAD * torch.from_numpy(rng.standard_normal((count, 2))).float(), labels


def _two_moons(count: int, rng: np.random.Generator) -> Labelled:
    """Two half circles of radius 1 that reach into each other, as in scikit-learn's `make_moons`."""
    labels, angles = rng.integers(2, size=count), math.pi * rng.random(count)
    upper = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    lower = np.array([1.0, 0.5]) - upper
    points = np.where(labels[:, None] == 0, upper, lower) + MOON_NOISE * rng.standard_normal((count, 2))
    return torch.from_numpy(points).float(), torch.from_numpy(labels)


def _digits() -> Source:
    """Two thirds of scikit-learn's 1,797 digits to train on, every third one held out."""
    from sklearn.datasets import load_digits

    bundled = load_digits()
    images = torch.from_numpy(bundled.images.astype(np.uint8))[:, None]
    labels = torch.from_numpy(bundled.target.astype(np.int64))
    held = torch.arange(len(images)) % 3 == 2
    return Source("digits", images[~held], images[held], labels[~held], labels[held], levels=16)


def _cifar(folder: str) -> Source:
    (images, labels), (held_out, held_out_labels) = cifar.load(folder)
    return Source(
        "cifar10",
        torch.from_numpy(images),
        torch.from_numpy(held_out),
        torch.from_numpy(labels.astype(np.int64)),
        torch.from_numpy(held_out_labels.astype(np.int64)),
        levels=255,
    )


SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
HELD_OUT = 10  # every tenth image of a folder
LEAST = 4 * HELD_OUT  # images: precision and recall look for third neighbours among those held out


def _folder(folder: Path, size: int) -> Source:
    """A folder of square images of one size, scaled down to `size`; its subfolders, if any, are the classes.

    Every tenth image is held out.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a directory of images")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if len(files) < LEAST:
        raise ValueError(
            f"{folder} must hold at least {LEAST} images ({', '.join(SUFFIXES)}), got {len(files)}"
        )
    images = torch.from_numpy(_images(files, size))
    classes = sorted({path.parent for path in files})
    labels = None
    if folder not in classes and len(classes) > 1:
        labels = torch.tensor([classes.index(path.parent) for path in files])
    held = torch.arange(len(files)) % HELD_OUT == HELD_OUT - 1
    train_labels, held_out_labels = (None, None) if labels is None else (labels[~held], labels[held])
    return Source(folder.name, images[~held], images[held], train_labels, held_out_labels, levels=255)


def _images(files: list[Path], size: int) -> np.ndarray:
    from PIL import Image

    found = np.empty((len(files), 3, size, size), np.uint8)
    first = None
    for index, path in enumerate(files):
        try:
            with Image.open(path) as file:
                image = file.convert("RGB")
        # A broken PNG is a SyntaxError to Pillow.
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise ValueError(f"{path} cannot be read as an image") from error
        first = first or image.size
        if image.size != first:
            raise ValueError(
                f"images must all be of one size: {path} is {image.size[0]}×{image.size[1]}, "
                f"{files[0]} {first[0]}×{first[1]}"
            )
        if first[0] != first[1] or first[0] < size:
            raise ValueError(
                f"images must be square and at least {size}×{size} pixels, "
                f"got {first[0]}×{first[1]} in {path}"
            )
        found[index] = np.asarray(image.resize((size, size), Image.Resampling.BOX)).transpose(2, 0, 1)
    return found
