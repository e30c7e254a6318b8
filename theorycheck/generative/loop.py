"""The retraining loop of one seed: generate, measure, curate, mix, fine-tune; a checkpoint after each."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor

from theorycheck.generative import rewards, streams
from theorycheck.generative.checkpoints import Chain, State, Tensors, replacing
from theorycheck.generative.classifier import Classifier, classifier
from theorycheck.generative.data import Source, source
from theorycheck.generative.generation import Generator
from theorycheck.generative.measures import View, measure, own_features
from theorycheck.generative.models import network
from theorycheck.generative.objectives import objective
from theorycheck.generative.settings import FIRST, Loop, Settings
from theorycheck.generative.training import Trainer
from theorycheck.results import Row

SHOWN_POINTS, SHOWN_IMAGES = 400, 10  # samples of a round that are stored for figures
Tell = Callable[[str, int, float], None]  # (what is done, the round, work in network passes of one sample)


def accelerator_for(settings: Settings) -> Accelerator:
    """The processes and devices at hand, with the settings' precision."""
    # accelerate remembers the precision of a process's first run, and refuses another.
    AcceleratorState._reset_state()
    return Accelerator(mixed_precision=settings.precision, gradient_accumulation_steps=settings.accumulation)


@dataclass
class Workbench:
    """What all loops of a process share."""

    settings: Settings
    out: Path
    accelerator: Accelerator
    source: Source
    trainer: Trainer
    generator: Generator
    classifier: Classifier | None
    features: Callable[[Tensor], np.ndarray] | None
    real_features: np.ndarray | None
    tell: Tell

    @property
    def writes(self) -> bool:
        """Whether this process is the one that writes."""
        return self.accelerator.is_main_process

    def chain(self, seed: int, name: str) -> Chain:
        return Chain(folder(self.out, seed, name), self.settings.identity())

    def save(self, chain: Chain, state: State) -> None:
        """One process writes, all wait for it."""
        if self.writes:
            chain.write(state)
        self.accelerator.wait_for_everyone()


def folder(out: Path, seed: int, name: str) -> Path:
    """Where a loop of a seed keeps its checkpoints."""
    return out / f"seed-{seed}" / name


def prepare(settings: Settings, out: Path, tell: Tell) -> Workbench:
    """Load the data, train or load the classifier, and make the network ready on this process's device."""
    accelerator = accelerator_for(settings)
    device = accelerator.device
    real = source(settings)
    real.real(settings.real)
    for one in settings.loops:
        if one.reward == "distance":
            rewards.from_distance(torch.zeros(1, *real.shape), settings.target, settings.radius)
    judge = _judge(settings, real, out, accelerator)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    goal = objective(settings)
    trainer = Trainer(settings, real, network(settings, real.shape), goal, accelerator)
    generator = Generator(settings, real, trainer.bare, goal, accelerator)
    own = own_features(settings.features, device) if settings.features else None
    real_features = None
    if real.levels and (own or judge):
        held_out = real.held_out[: settings.evaluation]
        real_features = own(held_out) if own else _double(judge.judge(held_out).features) if judge else None
    return Workbench(settings, out, accelerator, real, trainer, generator, judge, own, real_features, tell)


def _judge(settings: Settings, real: Source, out: Path, accelerator: Accelerator) -> Classifier | None:
    """The classifier, if anything needs one."""
    judged = [loop for loop in settings.loops if loop.judged]
    if not real.classes:
        if judged:
            raise ValueError(
                f"reward {judged[0].reward} needs a classifier, and {settings.data} has no labels: "
                f"sort the images into one subfolder a class"
            )
        return None
    if not judged and not real.levels:
        return None
    with accelerator.main_process_first():
        found = classifier(settings, real, out, accelerator.device)
    for loop in judged:
        rewards.from_probabilities(loop.reward, torch.zeros(1, real.classes))
    return found


def first_network(bench: Workbench, seed: int) -> Tensors:
    """The network before any retraining, trained on real data alone; all loops of a seed begin with it."""
    settings = bench.settings
    chain = bench.chain(seed, FIRST)
    state = chain.latest()
    if state is None:
        streams.draw_from(seed, FIRST, "weights")
        state = State(network=network(settings, bench.source.shape).state_dict())
    if state.phase != "done":
        bench.trainer.train(
            state,
            bench.source.real(settings.real, seed),
            settings.first_steps,
            (seed, FIRST),
            lambda s: bench.save(chain, s),
            lambda position: bench.tell(FIRST, 0, 3.0 * settings.batch),
            settings.warmup_steps,
        )
        state.phase = "done"
        bench.save(chain, state)
    return state.network


def retrain(bench: Workbench, loop: Loop, seed: int, first: Tensors) -> list[Row]:
    """Run one loop, or what is left of it; the rows of all its rounds."""
    chain, rounds = bench.chain(seed, loop.name), bench.settings.rounds
    state = chain.latest() or State(phase="generate", network=first)
    if state.phase == "done" and state.round < rounds:
        state.phase, state.position = "generate", 0
    while state.phase != "done":
        if state.phase == "generate":
            _generate(bench, loop, seed, state, chain)
            state.phase = "train" if state.round < rounds else "done"
            state.position, state.measured = 0, None
        else:
            _train(bench, loop, seed, state, chain)
            state.round, state.phase = state.round + 1, "generate"
            state.position, state.kept = 0, None
        bench.save(chain, state)
    return [row for row in state.rows if row.round <= rounds]


def _generate(bench: Workbench, loop: Loop, seed: int, state: State, chain: Chain) -> None:
    """Sample the network at hand, keep what the next round needs, and measure."""
    settings = bench.settings
    bench.generator.network.load_state_dict(state.network)
    real = settings.real or len(bench.source.train)
    bench.generator.curate(
        state,
        loop,
        loop.kept(real) if state.round < settings.rounds else 0,
        settings.evaluation,
        lambda raw: _reward(bench, loop, raw),
        (seed, loop.name, state.round, "generate"),
        lambda s: bench.save(chain, s),
        lambda count: bench.tell(loop.name, state.round, float(count * settings.sampling_steps)),
    )
    assert state.measured is not None
    values = measure(_view(bench, loop, state.measured))
    if bench.writes:
        _show(bench, loop, seed, state)
    told = (settings.preset, loop.name, loop.synthetic_weight, loop.choices, loop.reward, seed, state.round)
    before = [row for row in state.rows if row.round < state.round]
    state.rows = before + [Row(*told, name, value) for name, value in values.items()]


def _train(bench: Workbench, loop: Loop, seed: int, state: State, chain: Chain) -> None:
    """Fine-tune the network on n real and ⌊λn⌋ kept samples (at λ = ∞ on n kept ones alone)."""
    settings = bench.settings
    assert state.kept is not None
    parts = [state.kept]
    if loop.synthetic_weight != float("inf"):
        names = (seed, state.round + 1) if loop.fresh_real else (seed,)
        parts.append(bench.source.real(settings.real, *names))
    bench.trainer.train(
        state,
        torch.cat(parts),
        settings.steps,
        (seed, loop.name, state.round, "train"),
        lambda s: bench.save(chain, s),
        lambda position: bench.tell(loop.name, state.round, 3.0 * settings.batch),
    )


def _reward(bench: Workbench, loop: Loop, raw: Tensor) -> Tensor:
    if loop.judged:
        assert bench.classifier is not None
        return rewards.from_probabilities(loop.reward, bench.classifier.judge(raw).probabilities)
    return rewards.from_distance(raw.float(), bench.settings.target, bench.settings.radius)


def _view(bench: Workbench, loop: Loop, samples: Tensor) -> View:
    judgement = bench.classifier.judge(samples) if bench.classifier else None
    found = None
    if loop.judged and judgement is not None:
        found = rewards.from_probabilities(loop.reward, judgement.probabilities)
    elif loop.reward == "distance":
        found = _reward(bench, loop, samples)
    features = None
    if bench.real_features is not None:
        features = bench.features(samples) if bench.features else _double(judgement.features)  # type: ignore[union-attr]
    return View(bench.source, samples, found, judgement, features, bench.real_features)


def _double(tensor: Tensor) -> np.ndarray:
    return tensor.double().numpy()


def shown(settings: Settings) -> list[int]:
    """The rounds of which samples are stored: about five."""
    return list(range(0, settings.rounds + 1, max(1, settings.rounds // 4)))


def samples_path(out: Path, seed: int, name: str, step: int) -> Path:
    return folder(out, seed, name) / f"samples-{step:04}.npy"


def _show(bench: Workbench, loop: Loop, seed: int, state: State) -> None:
    """Store a few samples for figures, in rounds that are shown."""
    if state.round not in shown(bench.settings) or state.measured is None:
        return
    few = state.measured[: SHOWN_IMAGES if bench.source.levels else SHOWN_POINTS].flatten(1).numpy()
    with (
        replacing(samples_path(bench.out, seed, loop.name, state.round)) as temporary,
        open(temporary, "wb") as file,
    ):
        np.save(file, few)


def peak_memory() -> dict[str, float]:
    """The largest amounts of memory held so far, in MiB: by this process, and on the GPU if there is one."""
    unit = 1 if sys.platform == "darwin" else 1024
    found = {"host": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20}
    if torch.cuda.is_available():
        found["GPU"] = torch.cuda.max_memory_allocated() / 2**20
    return found
