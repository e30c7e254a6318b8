"""Training and generation of trained models: our loop beside the plain one of diffusers' examples."""

import importlib.util
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import Row, say, seconds, side_by_side

TURNS = 7
CHOICES = 4
SHARE = 0.02  # of generation, what curation may take


def rows() -> Iterator[Row]:
    if importlib.util.find_spec("torch") is None:
        say("  skipped: pip install 'theorycheck[torch]'")
        return
    import torch

    from theorycheck.generative import presets

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield training("eight Gaussians, MLP, 100 steps", presets.preset("eight-gaussians"), 100)
        yield training("digits, U-Net, 10 steps", presets.preset("digits").replace(model="ddpm"), 10)
        yield curation("digits, one of 4 kept", presets.preset("digits"))
    finally:
        torch.set_num_threads(before)
    if not torch.cuda.is_available():
        say("  no GPU is at hand: CIFAR-10 is not timed")


def training(workload: str, settings: Any, steps: int) -> Row:
    """Our `Trainer` and the plain loop, on the same network, data, batch and number of steps."""
    from theorycheck.generative import loop
    from theorycheck.generative.checkpoints import State

    with tempfile.TemporaryDirectory() as folder:
        bench = loop.prepare(settings, Path(folder), None, lambda *event: None)
        data = bench.source.real(settings.real, 0)
        start = {name: tensor.clone() for name, tensor in bench.trainer.bare.state_dict().items()}

        def ours() -> None:
            bench.trainer.train(
                State(network=start), data, steps, ("benchmark",), lambda state: None, lambda step: None
            )

        row = side_by_side(
            workload, ours, plain(settings, bench.source, steps), "plain diffusers loop", turns=TURNS
        )
    say(f"    {settings.batch * steps / row['ours_seconds']:.0f} samples/s, 1 thread")
    return row


def plain(settings: Any, source: Any, steps: int) -> Callable[[], None]:
    """The training loop as diffusers' example of unconditional generation has it: loader, noise, EMA."""
    import torch
    from accelerate import Accelerator
    from diffusers.optimization import get_scheduler
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
    from diffusers.training_utils import EMAModel
    from torch.utils.data import DataLoader, TensorDataset

    from theorycheck.generative import models

    accelerator = Accelerator()
    model = models.network(settings, source.shape)
    average = EMAModel(model.parameters(), decay=settings.ema_decay, use_ema_warmup=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate)
    schedule = get_scheduler("constant", optimizer)
    data = TensorDataset(source.encode(source.real(settings.real, 0)))
    loader = DataLoader(data, batch_size=settings.batch, shuffle=True, drop_last=True)
    model, optimizer, loader, schedule = accelerator.prepare(model, optimizer, loader, schedule)
    noising = DDPMScheduler(num_train_timesteps=1000)

    def run() -> None:
        model.train()
        done = 0
        while done < steps:
            for (clean,) in loader:
                noise = torch.randn_like(clean)
                times = torch.randint(0, 1000, (len(clean),)).long()
                noisy = noising.add_noise(clean, noise, times)
                with accelerator.accumulate(model):
                    loss = torch.nn.functional.mse_loss(model(noisy, times), noise)
                    accelerator.backward(loss)
                    if accelerator.sync_gradients:
                        accelerator.clip_grad_norm_(model.parameters(), settings.gradient_clip)
                    optimizer.step()
                    schedule.step()
                    optimizer.zero_grad()
                average.step(model.parameters())
                done += 1
                if done == steps:
                    break

    return run


def curation(workload: str, settings: Any) -> Row:
    """Reward and choice, beside the share of generation that they may take."""
    import torch

    from theorycheck.generative import loop
    from theorycheck.generative.settings import Loop

    one = Loop("one", float("inf"), CHOICES, "class:0")
    settings = settings.replace(loops=(one,), classifier_steps=1)
    say(f"  {workload}")
    with tempfile.TemporaryDirectory() as folder:
        bench = loop.prepare(settings, Path(folder), None, lambda *event: None)
        count = settings.chunk // CHOICES * CHOICES

        def reward(raw: torch.Tensor) -> torch.Tensor:
            return loop._reward(bench, one, raw)

        def pair(turn: int) -> tuple[float, float]:
            drawn: list[torch.Tensor] = []
            generation = seconds(lambda: drawn.append(bench.generator.draw(count, turn)))
            choice = seconds(lambda: bench.generator._chosen(drawn[0], one, reward, (turn, "curation")))
            return choice, SHARE * generation

        pairs = [pair(turn) for turn in range(TURNS)]
    say(f"    generation {count * SHARE / sorted(pairs)[TURNS // 2][1]:.0f} samples/s, 1 thread")
    ratios = sorted(allowed / mine for mine, allowed in pairs)
    return Row(
        workload=workload,
        ours_seconds=sorted(mine for mine, _ in pairs)[TURNS // 2],
        baseline="2 % of generation",
        baseline_seconds=sorted(allowed for _, allowed in pairs)[TURNS // 2],
        ratio=ratios[TURNS // 2],
        spread=(ratios[0], ratios[-1]),
    )
