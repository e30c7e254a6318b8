"""What a network is trained for, and how samples are drawn with it: DDPM, EDM, flow matching.

An objective is a pair: `loss(network, clean)`, the mean loss of a batch, and `sample(network, noise)`, which
turns standard normal noise into samples. Both take data scaled to [−1, 1] or unit variance, and draw from
torch's current stream. Schedules, preconditioning and solvers are diffusers'.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from theorycheck.generative.models import LARGEST_TIME
from theorycheck.generative.settings import Settings

Network = Callable[[Tensor, Tensor], Tensor]

TIMES = 1000  # of the DDPM chain; β rises linearly from 1e−4 to 0.02 (Ho et al. 2020)
SIGMA_MIN, SIGMA_MAX, RHO = 0.002, 80.0, 7.0  # EDM's schedule (Karras et al. 2022)
LOG_SIGMA_MEAN, LOG_SIGMA_SPREAD = -1.2, 1.2  # of the noise in EDM's training


class Objective(NamedTuple):
    """A loss and a sampler that belong together."""

    loss: Callable[[Network, Tensor], Tensor]
    sample: Callable[[Network, Tensor], Tensor]


def objective(settings: Settings) -> Objective:
    """The objective that the settings name."""
    return {"ddpm": _ddpm, "edm": _edm, "flow": _flow}[settings.model](settings)


def _column(values: Tensor, like: Tensor) -> Tensor:
    """Values of shape (N,) as (N, 1, …, 1)."""
    return values.reshape(-1, *[1] * (like.dim() - 1))


def _ddpm(settings: Settings) -> Objective:
    """Predict the noise of the chain of Ho et al. 2020; sample by DDIM (Song et al. 2021)."""
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    def scheduler() -> DDIMScheduler:
        return DDIMScheduler(
            num_train_timesteps=TIMES, clip_sample=not settings.plane, timestep_spacing="trailing"
        )

    if settings.sampling_steps > TIMES:
        raise ValueError(f"sampling_steps must be at most {TIMES} for ddpm, got {settings.sampling_steps}")
    forward = scheduler()

    def loss(network: Network, clean: Tensor) -> Tensor:
        noise = torch.randn_like(clean)
        times = torch.randint(TIMES, (len(clean),), device=clean.device)
        return functional.mse_loss(network(forward.add_noise(clean, noise, times), times.float()), noise)

    def sample(network: Network, noise: Tensor) -> Tensor:
        solver = scheduler()
        solver.set_timesteps(settings.sampling_steps)
        for time in solver.timesteps:
            predicted = network(noise, time.float().to(noise.device).expand(len(noise)))
            noise = solver.step(predicted, time, noise).prev_sample
        return noise

    return Objective(loss, sample)


def _edm(settings: Settings) -> Objective:
    """The preconditioned denoiser of Karras et al. 2022; sample by the second-order multistep solver."""
    from diffusers.schedulers.scheduling_edm_dpmsolver_multistep import EDMDPMSolverMultistepScheduler

    spread = settings.sigma_data

    def scheduler() -> EDMDPMSolverMultistepScheduler:
        return EDMDPMSolverMultistepScheduler(SIGMA_MIN, SIGMA_MAX, spread, rho=RHO)

    forward = scheduler()
    ends = [math.log(sigma) / 4 for sigma in (SIGMA_MIN, SIGMA_MAX)]

    def time(noise_condition: Tensor) -> Tensor:
        return LARGEST_TIME * (noise_condition - ends[0]) / (ends[1] - ends[0])

    def loss(network: Network, clean: Tensor) -> Tensor:
        sigma = torch.exp(LOG_SIGMA_MEAN + LOG_SIGMA_SPREAD * torch.randn(len(clean), device=clean.device))
        column = _column(sigma, clean)
        noisy = clean + column * torch.randn_like(clean)
        output = network(forward.precondition_inputs(noisy, column), time(forward.precondition_noise(sigma)))
        denoised = forward.precondition_outputs(noisy, output, column)
        weight = (column**2 + spread**2) / (column * spread) ** 2
        return (weight * (denoised - clean) ** 2).mean()

    def sample(network: Network, noise: Tensor) -> Tensor:
        solver = scheduler()
        solver.set_timesteps(settings.sampling_steps, device=noise.device)
        x = noise * solver.init_noise_sigma
        for condition in solver.timesteps:
            scaled = solver.scale_model_input(x, condition)
            x = solver.step(network(scaled, time(condition).expand(len(x))), condition, x).prev_sample
        return x

    return Objective(loss, sample)


def _flow(settings: Settings) -> Objective:
    """Conditional flow matching with minibatch optimal transport (Tong et al. 2024); sample by Euler steps.

    As in diffusers, time runs from data at 0 to noise at 1, and the network predicts noise − data.
    """
    from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

    def loss(network: Network, clean: Tensor) -> Tensor:
        noise = torch.randn_like(clean)
        noise = noise[transported(noise, clean)]
        sigma = torch.rand(len(clean), device=clean.device)
        column = _column(sigma, clean)
        mixed = (1 - column) * clean + column * noise
        return functional.mse_loss(network(mixed, LARGEST_TIME * sigma), noise - clean)

    def sample(network: Network, noise: Tensor) -> Tensor:
        solver = FlowMatchEulerDiscreteScheduler()
        steps = settings.sampling_steps
        solver.set_timesteps(sigmas=np.linspace(1, 1 / steps, steps), device=noise.device)
        for time in solver.timesteps:
            noise = solver.step(network(noise, time.expand(len(noise))), time, noise).prev_sample
        return noise

    return Objective(loss, sample)


def transported(noise: Tensor, clean: Tensor) -> Tensor:
    """The permutation i ↦ π(i) that pairs noise[π(i)] with clean[i] at the least mean squared distance."""
    emd = _emd()
    cost = torch.cdist(clean.flatten(1).float(), noise.flatten(1).float()) ** 2
    plan = emd([], [], cost.cpu().numpy().astype(np.float64))
    return torch.from_numpy(plan.argmax(axis=1)).to(clean.device)


@functools.cache
def _emd() -> Callable[..., np.ndarray]:
    from ot.lp import emd

    return emd
