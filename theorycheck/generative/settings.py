"""The settings of a run of trained models: one TOML file is one `Settings`. Loads without torch."""

from __future__ import annotations

import dataclasses
import json
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theorycheck import checks
from theorycheck.loops.retraining.samples import points

PLANE = ("eight-gaussians", "two-moons")
MODELS = ("ddpm", "edm", "flow")
PRECISIONS = ("no", "bf16", "fp16")
FILTERS = ("choice", "score")
FIRST = "first"  # the network that all loops begin with; no loop may take its name
FREE = ("rounds", "checkpoint_steps")  # may change between a run and its continuation


@dataclass(frozen=True)
class Loop:
    """One retraining loop: λ, and how the synthetic part of the training set is curated.

    `choices` is K; `filter` "choice" keeps one of K proposals as users do (Bradley–Terry), "score" the one
    with the highest reward; `shuffled` hands the rewards to the wrong proposals, as a control; `fresh_real`
    draws new real data every round.
    """

    name: str
    synthetic_weight: float
    choices: int = 1
    reward: str = "none"
    filter: str = "choice"
    shuffled: bool = False
    fresh_real: bool = False

    def __post_init__(self) -> None:
        if self.name == FIRST:
            raise ValueError(f"the name of a loop must not be {FIRST!r}, the network that all begin with")
        if not self.name.replace("-", "").replace(".", "").isalnum():
            raise ValueError(
                f"the name of a loop must be letters, digits, dots and dashes, got {self.name!r}"
            )
        checks.synthetic_weight(self.synthetic_weight)
        checks.integer("choices", self.choices, 1)
        if not (self.reward in ("none", "confidence", "distance") or _class(self.reward) is not None):
            raise ValueError(f"reward must be none, confidence, class:C or distance, got {self.reward!r}")
        if self.filter not in FILTERS:
            raise ValueError(f"filter must be one of {', '.join(FILTERS)}, got {self.filter!r}")
        if self.choices > 1 and self.reward == "none":
            raise ValueError(f"choices = {self.choices} needs a reward to choose by, got 'none'")

    @property
    def judged(self) -> bool:
        """Whether its reward is a classifier's."""
        return self.reward not in ("none", "distance")

    def kept(self, real: int) -> int:
        """How many curated samples join `real` ones: ⌊λn⌋, n at λ = ∞."""
        return points(real, self.synthetic_weight)[1]


def _class(reward: str) -> int | None:
    kind, _, number = reward.partition(":")
    return int(number) if kind == "class" and number.isdecimal() else None


@dataclass(frozen=True)
class Settings:
    """Everything that a run's numbers depend on, beside its seeds. Presets say what each value is."""

    data: str
    model: str
    rounds: int
    real: int  # n, the number of real samples; 0 takes all
    size: int  # side of an image in pixels; 0 in the plane
    # Network
    width: int
    multipliers: tuple[int, ...]  # U-Net: of the width, by resolution
    blocks: int  # U-Net: residual blocks a resolution; MLP: hidden layers
    attention: tuple[int, ...]  # U-Net: resolutions with attention
    dropout: float
    sigma_data: float  # EDM: standard deviation of the scaled data
    # Training
    first_steps: int  # on real data alone
    steps: int  # each round
    batch: int  # over all processes and accumulated gradients
    accumulation: int
    learning_rate: float
    warmup_steps: int
    gradient_clip: float
    ema_decay: float
    flip: bool  # images are mirrored at random
    precision: str
    compile: bool  # torch.compile, where there is a GPU
    checkpoint_steps: int
    # Generation
    sampling_steps: int
    chunk: int  # samples that are generated at once
    # Classifier and measures
    classifier_width: int
    classifier_steps: int
    evaluation: int  # samples of a model that are measured
    target: tuple[float, ...]  # x*, where the reward is a distance
    radius: float  # r_min
    features: str  # TorchScript network for Fréchet, precision and recall; empty: the classifier
    loops: tuple[Loop, ...]
    preset: str = "own"

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            checks.integer(name, getattr(self, name), least)
        for name, (allowed, holds) in _RULES.items():
            if not holds(getattr(self, name)):
                raise ValueError(f"{name} must be {allowed}, got {getattr(self, name)!r}")
        if self.batch % self.accumulation:
            raise ValueError(
                f"batch must be a multiple of accumulation = {self.accumulation}, got {self.batch}"
            )
        names = [loop.name for loop in self.loops]
        if not names or len(set(names)) < len(names):
            raise ValueError(
                f"loops must be at least one, with different names, got {', '.join(names) or 'none'}"
            )
        if not self.plane and self.size < 4:
            raise ValueError(f"size must be at least 4 pixels for images, got {self.size}")
        if any(loop.choices > self.chunk for loop in self.loops):
            raise ValueError(f"chunk must be at least the number of choices, got {self.chunk}")

    @property
    def plane(self) -> bool:
        """Whether the data are points of the plane, not images."""
        return self.data in PLANE

    def replace(self, **changes: Any) -> Settings:
        """A copy with some values changed."""
        return dataclasses.replace(self, **changes)

    def table(self) -> dict[str, Any]:
        """The settings as TOML and JSON have them, loops last."""
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(self).items()}
        loops = [dict(loop) for loop in plain.pop("loops")]
        return {**plain, "loops": loops}

    def identity(self) -> str:
        """What a checkpoint must agree on, as JSON."""
        return json.dumps({k: v for k, v in self.table().items() if k not in FREE}, sort_keys=True)


_LEAST = {
    "rounds": 1, "real": 0, "size": 0, "width": 4, "blocks": 1, "first_steps": 1, "steps": 1, "batch": 1,
    "accumulation": 1, "warmup_steps": 0, "checkpoint_steps": 1, "sampling_steps": 1, "chunk": 1,
    "classifier_width": 1, "classifier_steps": 1, "evaluation": 16,
}  # fmt: skip
_RULES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "data": (
        "eight-gaussians, two-moons, digits, cifar10:DIR or folder:DIR",
        lambda v: v in (*PLANE, "digits") or v.startswith(("cifar10:", "folder:")),
    ),
    "model": (f"one of {', '.join(MODELS)}", lambda v: v in MODELS),
    "precision": (f"one of {', '.join(PRECISIONS)}", lambda v: v in PRECISIONS),
    "multipliers": ("at least one integer of at least 1", lambda v: len(v) > 0 and min(v) >= 1),
    "dropout": ("in [0, 1)", lambda v: 0 <= v < 1),
    "ema_decay": ("in [0, 1)", lambda v: 0 <= v < 1),
    "learning_rate": ("positive and finite", lambda v: 0 < v < math.inf),
    "gradient_clip": ("positive", lambda v: v > 0),
    "sigma_data": ("positive and finite", lambda v: 0 < v < math.inf),
    "radius": ("at least 0", lambda v: v >= 0),
}
TYPES, LOOP_TYPES = (
    {field.name: str(field.type) for field in dataclasses.fields(kind)} for kind in (Settings, Loop)
)


def parse(text: str, origin: str) -> Settings:
    """Settings from TOML; ValueError with one sentence that names `origin` and the value otherwise."""
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValueError(f"{origin} is not TOML: {error}") from error
    try:
        return from_table(table)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{origin}: {error}") from error


def from_table(table: Mapping[str, Any]) -> Settings:
    """Settings from a table of values, each of its type."""
    values = {name: typed(name, value) for name, value in table.items() if name != "loops"}
    loops = tuple(_loop(loop) for loop in table.get("loops", ()))
    missing = [name for name in TYPES if name not in values and name not in ("loops", "preset")]
    if missing:
        raise ValueError(f"{missing[0]} is missing")
    return Settings(**values, loops=loops)


def typed(name: str, value: Any) -> Any:
    """A value as the type of its setting; ValueError if it is not of it, or there is no such setting."""
    if name not in TYPES or name == "loops":
        raise ValueError(
            f"there is no setting {name!r}; there are {', '.join(t for t in TYPES if t != 'loops')}"
        )
    return _as(TYPES[name], name, value)


def _as(kind: str, name: str, value: Any) -> Any:
    if kind.startswith("tuple"):
        numbers = (int,) if "int" in kind else (int, float)
        if isinstance(value, list) and all(isinstance(v, numbers) for v in value):
            return tuple(value)
        raise ValueError(f"{name} must be a list of numbers, got {value!r}")
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value).__name__ != kind:
        raise ValueError(f"{name} must be of type {kind}, got {value!r}")
    return value


def _loop(table: Mapping[str, Any]) -> Loop:
    if not {"name", "synthetic_weight"} <= table.keys() <= LOOP_TYPES.keys():
        raise ValueError(
            f"a loop has name, synthetic_weight and of {', '.join(sorted(LOOP_TYPES))}, got {dict(table)}"
        )
    return Loop(**{name: _as(LOOP_TYPES[name], name, value) for name, value in table.items()})


def dump(settings: Settings) -> str:
    """The settings as TOML."""
    table = settings.table()
    lines = [f"{name} = {_toml(value)}" for name, value in table.items() if name != "loops"]
    for loop in table["loops"]:
        lines += ["", "[[loops]]", *(f"{name} = {_toml(value)}" for name, value in loop.items())]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    return "inf" if value == math.inf else json.dumps(value, ensure_ascii=False)


def difference(first: Settings, second: Settings) -> str | None:
    """The first setting that keeps two runs apart, in words; None if one continues the other."""
    one, other = first.table(), second.table()
    for name, value in one.items():
        if name not in FREE and value != other[name]:
            return f"{name} = {_toml(value)}, not {_toml(other[name])}"
    return None


def load(path: str | Path) -> Settings:
    """Settings from a file of the user's own."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    return parse(text, str(path))
