"""Samples of a network, and those that curation keeps, chunk by chunk on any number of processes."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from theorycheck.generative import curation, streams
from theorycheck.generative.checkpoints import State
from theorycheck.generative.data import Source
from theorycheck.generative.objectives import Objective
from theorycheck.generative.settings import Loop, Settings

Reward = Callable[[Tensor], Tensor]


class Generator:
    """Draws raw samples; a chunk is a function of its number alone, whichever process draws it."""

    def __init__(
        self,
        settings: Settings,
        source: Source,
        network: nn.Module,
        objective: Objective,
        accelerator: Accelerator,
    ) -> None:
        self.settings, self.source, self.network = settings, source, network
        self.objective, self.accelerator = objective, accelerator
        self.images, self.seconds = 0, 0.0
        self.proposing, self.choosing = 0.0, 0.0  # seconds: K proposals are drawn, one of them is kept

    @torch.no_grad()
    def draw(self, count: int, *names: object) -> Tensor:
        """`count` raw samples from the stream of this name, on the device."""
        began = time.perf_counter()
        streams.draw_from(*names)
        noise = torch.randn(count, *self.source.shape, device=self.accelerator.device)
        self.network.eval()
        with self.accelerator.autocast():
            samples = self.objective.sample(self.network, noise)
        raw = self.source.decode(samples.float())
        if raw.is_cuda:
            torch.cuda.synchronize()
        self.images += count
        self.seconds += time.perf_counter() - began
        return raw

    def curate(
        self,
        state: State,
        loop: Loop,
        wanted: int,
        measured: int,
        reward: Reward,
        names: tuple[object, ...],
        save: Callable[[State], None],
        tell: Callable[[int], None],
    ) -> None:
        """Generate until `wanted` samples are kept and `measured` ones set aside as they come.

        Fills `state.kept` and `state.measured`. No more than one chunk of proposals for each process stands
        in memory, whatever K is.
        """
        groups = self.settings.chunk // loop.choices
        empty = torch.empty(0, *self.source.shape, dtype=self.source.train.dtype)
        kept, seen = (empty if part is None else part for part in (state.kept, state.measured))
        if wanted and not len(kept):
            # What was measured so far was so for a last round, which now is one to go on from.
            state.position, seen = 0, empty
        processes = self.accelerator.num_processes
        # Between two checkpoints lie as many steps of the sampler as of the optimizer.
        often = max(1, self.settings.checkpoint_steps // self.settings.sampling_steps)
        while len(kept) < wanted or len(seen) < measured:
            chunk = state.position + self.accelerator.process_index
            before = self.seconds
            proposals = self.draw(groups * loop.choices, *names, chunk)
            if len(kept) < wanted:
                if loop.choices > 1:
                    self.proposing += self.seconds - before
                chosen = self._chosen(proposals, loop, reward, (*names, chunk, "curation"))
                kept = torch.cat([kept, self.accelerator.gather(chosen).cpu()])[:wanted]
            if len(seen) < measured:
                seen = torch.cat([seen, self.accelerator.gather(proposals).cpu()])[:measured]
            state.position += processes
            state.kept, state.measured = kept, seen
            tell(groups * loop.choices * processes)
            if state.position // processes % often == 0 and (len(kept) < wanted or len(seen) < measured):
                save(state)

    def _chosen(self, proposals: Tensor, loop: Loop, reward: Reward, names: tuple[object, ...]) -> Tensor:
        """One of each K proposals."""
        if loop.choices == 1:
            return proposals
        began = time.perf_counter()
        generator = streams.generator(*names)
        rewards = reward(proposals).reshape(-1, loop.choices)
        if loop.shuffled:
            rewards = curation.shuffle(rewards, generator)
        index = curation.choose(rewards, loop.filter, generator).to(proposals.device)
        grouped = proposals.reshape(-1, loop.choices, *proposals.shape[1:])
        chosen = grouped[torch.arange(len(grouped), device=proposals.device), index]
        self.choosing += time.perf_counter() - began
        return chosen
