"""Networks: an MLP for points of the plane, diffusers' U-Net for images.

Each maps noisy samples, shape (N, …), and times in [0, 1000], shape (N,), to an output of the samples' shape.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from theorycheck.generative.settings import Settings

LARGEST_TIME = 1000.0
_FREQUENCIES = 16


class Denoiser(nn.Module):
    """An MLP with residual layers, told the time by sines and cosines."""

    def __init__(self, width: int, layers: int, dimensions: int = 2) -> None:
        super().__init__()
        self.enter = nn.Linear(dimensions, width)
        self.time = nn.Linear(2 * _FREQUENCIES, width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        self.leave = nn.Linear(width, dimensions)
        self.register_buffer("frequencies", 2.0 ** torch.linspace(0, 8, _FREQUENCIES), persistent=False)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        angles = (time[:, None] / LARGEST_TIME) * self.frequencies * math.pi
        hidden = self.enter(x) + self.time(torch.cat([angles.sin(), angles.cos()], dim=1))
        for layer in self.layers:
            hidden = hidden + layer(functional.silu(hidden))
        return self.leave(functional.silu(hidden))


class Unet(nn.Module):
    """diffusers' `UNet2DModel`, sized by the settings."""

    def __init__(self, settings: Settings, channels: int) -> None:
        super().__init__()
        from diffusers.models.unets.unet_2d import UNet2DModel

        widths = tuple(settings.width * m for m in settings.multipliers)
        attended = [settings.size >> level in settings.attention for level in range(len(widths))]
        self.unet = UNet2DModel(
            sample_size=settings.size,
            in_channels=channels,
            out_channels=channels,
            layers_per_block=settings.blocks,
            block_out_channels=widths,
            down_block_types=tuple("AttnDownBlock2D" if a else "DownBlock2D" for a in attended),
            up_block_types=tuple("AttnUpBlock2D" if a else "UpBlock2D" for a in reversed(attended)),
            add_attention=any(attended),
            attention_head_dim=min(64, *widths),
            norm_num_groups=math.gcd(32, *widths),
            dropout=settings.dropout,
        )

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        return self.unet(x, time).sample


def network(settings: Settings, shape: tuple[int, ...]) -> nn.Module:
    """The network for samples of this shape, initialised from torch's current stream."""
    if settings.plane:
        return Denoiser(settings.width, settings.blocks, *shape)
    smallest = 2 ** (len(settings.multipliers) - 1)
    if settings.size % smallest:
        raise ValueError(
            f"size must be a multiple of {smallest} for {len(settings.multipliers)} resolutions, "
            f"got {settings.size}"
        )
    return Unet(settings, shape[0])
