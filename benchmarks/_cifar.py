"""Random images in CIFAR-10's binary format, and its preset at a size that the machine can time."""

from pathlib import Path
from typing import Any

import numpy as np

from theorycheck.generative import cifar, presets

SMALL: dict[str, Any] = dict(  # seconds on one core; a GPU takes the preset as it is
    width=16, batch=16, chunk=16, sampling_steps=2, classifier_width=2, precision="no"
)


def write(folder: Path) -> None:
    """The six files, with as many images of each class as the official ones."""
    rng = np.random.default_rng(0)
    for names in (cifar.TRAIN, cifar.HELD_OUT):
        labels = rng.permutation(np.arange(cifar.RECORDS * len(names), dtype=np.uint32) % cifar.CLASSES)
        pixels = rng.integers(256, size=(labels.size, cifar.RECORD - 1), dtype=np.uint8)
        records = np.column_stack([labels.astype(np.uint8), pixels])
        for name, part in zip(names, np.split(records, len(names)), strict=True):
            part.tofile(folder / name)


def settings(folder: Path, gpu: bool) -> Any:
    """The preset of flow matching on these files; its classifier is hardly trained."""
    chosen = presets.preset("cifar10-flow").replace(data=f"cifar10:{folder}", classifier_steps=1)
    return chosen if gpu else chosen.replace(**SMALL)
