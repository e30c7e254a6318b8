"""Training, generation and curation of trained models: beside the plain loop and the processor's peak."""

import contextlib
import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import Row, compare, quartiles, say, turns

TURNS = 7
CHOICES = 4


def rows() -> Iterator[Row]:
    if importlib.util.find_spec("torch") is None:
        say("  skipped: pip install 'theorycheck[torch]'")
        return
    import torch

    from benchmarks import _cifar
    from theorycheck.generative import presets

    gpu = torch.cuda.is_available()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        digits = presets.preset("digits")
        yield from training("eight Gaussians, MLP, 100 steps", presets.preset("eight-gaussians"), 100)
        yield from training("digits, U-Net, 10 steps", digits.replace(model="ddpm"), 10)
        yield from curation("digits, one of 4 kept", digits)
        say("  CIFAR-10 at full size" if gpu else "  no GPU is at hand: CIFAR-10 on a small U-Net")
        with tempfile.TemporaryDirectory() as folder:
            _cifar.write(Path(folder))
            cifar, steps = _cifar.settings(Path(folder), gpu), 300 if gpu else 2
            name = f"CIFAR-10, U-Net of width {cifar.width}"
            yield from training(f"{name}, {steps} steps", cifar.replace(model="ddpm"), steps)
            yield from curation(f"{name}, one of 4 kept", cifar)
            yield from peak(f"{name}, flow, {steps} steps", cifar, steps)
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def workbench(settings: Any) -> Iterator[Any]:
    """What a run prepares, in a directory of its own."""
    from theorycheck.generative import loop

    with tempfile.TemporaryDirectory() as folder:
        yield loop.prepare(settings, Path(folder), lambda *event: None)


def clock() -> Callable[[], float]:
    """Seconds of the processor; elapsed ones where a GPU does the work."""
    import torch

    return time.perf_counter if torch.cuda.is_available() else time.process_time


def trained(bench: Any, steps: int) -> Callable[[], None]:
    """Our `Trainer`, from the same weights at each call."""
    from theorycheck.generative.checkpoints import State

    data = bench.source.real(bench.settings.real, 0)
    start = {name: tensor.clone() for name, tensor in bench.trainer.bare.state_dict().items()}

    def run() -> None:
        bench.trainer.train(
            State(network=start), data, steps, ("benchmark",), lambda state: None, lambda step: None
        )

    return run


def training(workload: str, settings: Any, steps: int) -> Iterator[Row]:
    """Our `Trainer` and the plain loop, on the same network, data, batch and number of steps."""
    with workbench(settings) as bench:
        yield from compare(
            workload,
            trained(bench, steps),
            {"plain diffusers loop": plain(settings, bench.source, steps)},
            count=TURNS,
            clock=clock(),
            unit="sample",
            units=settings.batch * steps,
        )


def plain(settings: Any, source: Any, steps: int) -> Callable[[], None]:
    """The training loop as diffusers' example of unconditional generation has it: loader, noise, EMA."""
    import torch
    from accelerate import Accelerator
    from diffusers.optimization import get_scheduler
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
    from diffusers.training_utils import EMAModel
    from torch.utils.data import DataLoader, TensorDataset

    from theorycheck.generative import models

    accelerator = Accelerator(mixed_precision=settings.precision)
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
                times = torch.randint(0, 1000, (len(clean),), device=clean.device).long()
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
        if accelerator.device.type == "cuda":
            torch.cuda.synchronize()

    return run


def curation(workload: str, settings: Any) -> Iterator[Row]:
    """Reward and choice, beside the share that they may take of drawing the proposals."""
    from theorycheck.generative import loop
    from theorycheck.generative.settings import Loop

    one = Loop("one", float("inf"), CHOICES, "class:0")
    settings = settings.replace(loops=(one,), classifier_steps=1)
    count = settings.chunk // CHOICES * CHOICES
    with workbench(settings) as bench:
        proposals = bench.generator.draw(count, "proposals")
        yield from compare(
            workload,
            lambda: bench.generator._chosen(
                proposals, one, lambda raw: loop._reward(bench, one, raw), ("curation",)
            ),
            {"drawing the proposals": lambda: bench.generator.draw(count, "proposals")},
            count=TURNS,
            clock=clock(),
            unit="sample",
            units=count,
        )


def peak(workload: str, settings: Any, steps: int) -> Iterator[Row]:
    """Training beside a product of matrices that adds and multiplies as often, at the same precision."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from theorycheck.generative import loop

    say(f"  {workload}")
    with workbench(settings) as bench:
        device, trainer = bench.accelerator.device, bench.trainer
        images = bench.source.encode(bench.source.train[: settings.batch].to(device))
        with FlopCounterMode(display=False) as counter:
            trainer.objective.loss(trainer.bare, images).backward()
        trainer.bare.zero_grad()
        side = 8192 if device.type == "cuda" else 1024
        dtype = torch.bfloat16 if settings.precision == "bf16" else torch.float32
        matrix = torch.ones(side, side, device=device, dtype=dtype)
        products = steps * counter.get_total_flops() / (2 * side**3)

        def multiply() -> None:
            torch.mm(matrix, matrix)
            if device.type == "cuda":
                torch.cuda.synchronize()

        mine, product = turns([trained(bench, steps), multiply], TURNS, clock())
        memory = ", ".join(f"{name} {mib:.0f} MiB" for name, mib in loop.peak_memory().items())
    say(f"    {products * 2 * side**3 / steps:.3g} operations a step; peak memory: {memory}")
    low, ratio, high = quartiles([products * b / a for a, b in zip(mine, product, strict=True)])
    yield Row(
        workload=workload,
        ours_seconds=statistics.median(mine),
        baseline="as many operations in a matrix product",
        baseline_seconds=products * statistics.median(product),
        ratio=ratio,
        spread=(low, high),
        fraction_of_limit=ratio,
        unit="sample",
        ours_ns=1e9 * statistics.median(mine) / (settings.batch * steps),
    )
