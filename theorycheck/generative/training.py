"""Training of one network for one round, on any number of processes, with a moving average of its weights."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from theorycheck.generative import streams
from theorycheck.generative.checkpoints import State, Tensors
from theorycheck.generative.data import Source
from theorycheck.generative.objectives import Objective
from theorycheck.generative.settings import FIRST, Settings

LOOK = 25  # steps between looks at the losses on a GPU, where each look waits for it


class Diverged(ValueError):
    """The loss or a weight is no longer a number."""


class Trainer:
    """A network with its optimizer, prepared once; every round starts from given weights."""

    def __init__(
        self,
        settings: Settings,
        source: Source,
        network: nn.Module,
        objective: Objective,
        accelerator: Accelerator,
    ) -> None:
        self.settings, self.source, self.objective, self.accelerator = (
            settings,
            source,
            objective,
            accelerator,
        )
        share, rest = divmod(settings.batch, accelerator.num_processes * settings.accumulation)
        if rest or not share:
            raise ValueError(
                f"batch must be a multiple of processes × accumulation = {accelerator.num_processes} × "
                f"{settings.accumulation}, got {settings.batch}"
            )
        gpu = accelerator.device.type == "cuda"
        self.look = LOOK if gpu else 1
        if gpu and not settings.plane:
            network = network.to(memory_format=torch.channels_last)
        self.bare = network
        optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate, fused=True)
        ready = torch.compile(network) if gpu and settings.compile else network
        self.network, self.optimizer = accelerator.prepare(ready, optimizer)
        self.images, self.seconds = 0, 0.0

    def load(self, weights: Tensors) -> None:
        """Take these weights, in place."""
        self.bare.load_state_dict(weights)

    def train(
        self,
        state: State,
        data: Tensor,
        steps: int,
        names: tuple[object, ...],
        save: Callable[[State], None],
        tell: Callable[[int], None],
        warmup: int = 0,
    ) -> None:
        """Train on `data` from where `state` stands to `steps`; its network becomes the moving average.

        Raises Diverged, with round and step, as soon as a loss or a weight is not finite.
        """
        settings, accelerator = self.settings, self.accelerator
        self.load(state.network)
        weights = list(self.bare.parameters())
        average = [weight.detach().clone() for weight in weights]
        self._restore(state, average)
        self.network.train()
        data = data.to(accelerator.device)
        order = streams.Order(len(data), *names, "order")
        losses: list[Tensor] = []
        began, start = time.perf_counter(), state.position
        for step in range(start, steps):
            streams.draw_from(*names, step, accelerator.process_index)
            for group in self.optimizer.param_groups:
                group["lr"] = settings.learning_rate * min(1.0, (step + 1) / max(1, warmup))
            losses.append(self._step(data, share_of(order, step, settings.batch, accelerator)))
            decay = min(settings.ema_decay, (step + 1) / (step + 10))  # early averages forget sooner
            with torch.no_grad():
                torch._foreach_lerp_(average, weights, 1 - decay)
            position = step + 1
            saving = position % settings.checkpoint_steps == 0 and position < steps
            if len(losses) == self.look or saving or position == steps:
                self._check(losses, state, position, names)
                losses = []
            if saving:
                state.position = position
                state.network = _copy(self.bare.state_dict())
                state.training = self._remember(average)
                self._check_weights(state.training, state, position, names)
                save(state)
            tell(position)
        self.images += settings.batch * (steps - start)
        self.seconds += time.perf_counter() - began
        with torch.no_grad():
            torch._foreach_copy_(weights, average)
        state.network, state.training, state.position = _copy(self.bare.state_dict()), {}, steps
        self._check_weights(state.network, state, steps, names)

    def _step(self, data: Tensor, mine: Tensor) -> Tensor:
        """One optimizer step on this process's share of a batch; the mean loss."""
        total = torch.zeros((), device=data.device)
        for part in mine.to(data.device).chunk(self.settings.accumulation):
            with self.accelerator.accumulate(self.network):
                clean = self.source.encode(data[part])
                if self.settings.flip and clean.dim() == 4:
                    mirrored = torch.rand(len(clean), 1, 1, 1, device=clean.device) < 0.5
                    clean = torch.where(mirrored, clean.flip(3), clean)
                loss = self.objective.loss(self.network, clean)
                self.accelerator.backward(loss)
                if self.accelerator.sync_gradients:
                    self.accelerator.clip_grad_norm_(self.network.parameters(), self.settings.gradient_clip)
                self.optimizer.step()
                self.optimizer.zero_grad()
            total += loss.detach() / self.settings.accumulation
        return total

    def _check(self, losses: list[Tensor], state: State, position: int, names: tuple[object, ...]) -> None:
        found = self.accelerator.reduce(torch.stack(losses), "sum")
        if not bool(torch.isfinite(found).all()):
            bad = int(torch.argmin(torch.isfinite(found).int()))
            raise _diverged("loss", state, position - len(losses) + bad + 1, names)

    def _check_weights(
        self, tensors: Tensors, state: State, position: int, names: tuple[object, ...]
    ) -> None:
        if not all(bool(torch.isfinite(t).all()) for t in tensors.values() if t.is_floating_point()):
            raise _diverged("weights", state, position, names)

    def _remember(self, average: list[Tensor]) -> Tensors:
        """The moving average's and the optimizer's state, by parameter."""
        found = {}
        for (name, parameter), mean in zip(self.bare.named_parameters(), average, strict=True):
            found[f"average.{name}"] = mean
            for key, value in self.optimizer.state.get(parameter, {}).items():
                found[f"{key}.{name}"] = value
        return _copy(found)

    def _restore(self, state: State, average: list[Tensor]) -> None:
        self.optimizer.state.clear()
        if not state.training:
            return
        for (name, parameter), mean in zip(self.bare.named_parameters(), average, strict=True):
            mean.copy_(state.training[f"average.{name}"])
            self.optimizer.state[parameter] = {
                key: state.training[f"{key}.{name}"].to(parameter.device, copy=True)
                for key in ("step", "exp_avg", "exp_avg_sq")
            }


def share_of(order: streams.Order, step: int, batch: int, accelerator: Accelerator) -> Tensor:
    """This process's share of the indices of a step: every `processes`-th one."""
    indices = order[step * batch : (step + 1) * batch]
    return torch.from_numpy(indices[accelerator.process_index :: accelerator.num_processes].copy())


def _copy(tensors: Tensors) -> Tensors:
    return {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}


def _diverged(what: str, state: State, step: int, names: tuple[object, ...]) -> Diverged:
    where = f"seed {names[0]}, {names[1]}, round {state.round + (names[1] != FIRST)}, step {step}"
    return Diverged(
        f"the {what} became infinite or not a number in {where}: stopped, the last good checkpoint is kept; "
        f"a smaller learning_rate may help"
    )
