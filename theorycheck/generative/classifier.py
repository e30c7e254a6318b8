"""The classifier behind rewards, class shares and features: trained by the command, stored beside the run.

It is trained on the training split alone and judged on the held-out one.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from theorycheck.generative import checkpoints, streams
from theorycheck.generative.data import Source
from theorycheck.generative.settings import Settings

BATCH = 128
_CHUNK = 2048


class _Network(nn.Module):
    """Features, then class scores: convolutions for images, an MLP for points."""

    def __init__(self, shape: tuple[int, ...], width: int, classes: int) -> None:
        super().__init__()
        if len(shape) == 1:
            self.body = nn.Sequential(
                nn.Linear(shape[0], width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
            )
            features = width
        else:
            features = 4 * width
            self.body = nn.Sequential(
                *_block(shape[0], width, 1), *_block(width, 2 * width, 2), *_block(2 * width, features, 2),
                nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            )  # fmt: skip
        self.head = nn.Linear(features, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(x)
        return features, self.head(features)


def _block(before: int, after: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(before, after, 3, stride, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(),
        nn.Conv2d(after, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(),
    ]  # fmt: skip


class Judgement(NamedTuple):
    """What the classifier says of N samples: features, shape (N, f), and probabilities, (N, classes)."""

    features: Tensor
    probabilities: Tensor


class Classifier:
    """A trained classifier; `accuracy` is its share of right answers on the held-out split."""

    def __init__(self, source: Source, network: _Network, device: torch.device) -> None:
        self.source, self.network, self.device = source, network.to(device).eval(), device
        assert source.held_out_labels is not None
        found = self.judge(source.held_out).probabilities.argmax(dim=1)
        self.accuracy = float((found == source.held_out_labels).double().mean())

    @torch.no_grad()
    def judge(self, raw: Tensor) -> Judgement:
        """Features and class probabilities of raw data, chunk by chunk, on the CPU."""
        parts = [self.network(self.source.encode(part.to(self.device))) for part in raw.split(_CHUNK)]
        features, scores = (torch.cat([part[i].float() for part in parts]).cpu() for i in (0, 1))
        return Judgement(features, scores.softmax(dim=1))


def classifier(settings: Settings, source: Source, folder: Path, device: torch.device) -> Classifier:
    """The run's classifier: the stored one, else one trained now and stored in `folder`."""
    assert source.train_labels is not None
    streams.draw_from("classifier")
    network = _Network(source.shape, settings.classifier_width, source.classes)
    path = folder / "classifier.safetensors"
    identity = {"classifier": f"{settings.data} {settings.classifier_width} {settings.classifier_steps}"}
    if path.is_file():
        tensors, metadata = checkpoints.read(path)
        if metadata != identity:
            raise ValueError(f"{path} is the classifier of another configuration: choose another --out")
        network.load_state_dict(tensors)
    else:
        _train(network.to(device), settings.classifier_steps, source, device)
        checkpoints.save(path, network.state_dict(), identity)
    return Classifier(source, network, device)


def _train(network: _Network, steps: int, source: Source, device: torch.device) -> None:
    assert source.train_labels is not None
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps + 1)
    order = streams.Order(len(source.train), "classifier", source.name)
    network.train()
    for step in range(steps):
        batch = torch.from_numpy(order[step * BATCH : (step + 1) * BATCH])
        _, scores = network(source.encode(source.train[batch].to(device)))
        loss = functional.cross_entropy(scores, source.train_labels[batch].to(device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
