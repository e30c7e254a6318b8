"""Curation of generated samples: one of K proposals is kept, as users choose or by score alone."""

from __future__ import annotations

import torch
from torch import Tensor


def choose(rewards: Tensor, filter: str, generator: torch.Generator) -> Tensor:
    """Which of the K proposals of each group is kept: rewards of shape (groups, K) to indices, (groups,).

    "choice" keeps proposal k with probability e^{r_k}/Σ_j e^{r_j} (Bradley–Terry; the first choice under
    Plackett–Luce): the arg max of r_k plus independent standard Gumbel noise. "score" keeps the best.
    """
    if filter == "score":
        return rewards.argmax(dim=1)
    uniform = torch.rand(rewards.shape, generator=generator, dtype=torch.float64).clamp_min(1e-300)
    gumbel = -torch.log(-torch.log(uniform))
    return (rewards.double() + gumbel.to(rewards.device)).argmax(dim=1)


def shuffle(rewards: Tensor, generator: torch.Generator) -> Tensor:
    """The same rewards, handed to proposals at random: the control under which curation must do nothing."""
    order = torch.randperm(rewards.numel(), generator=generator).to(rewards.device)
    return rewards.flatten()[order].reshape(rewards.shape)
