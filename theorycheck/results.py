"""Results of trained models: what `theorycheck retrain` writes and figures and claims read, without torch.

A run's directory holds `results.csv` and `samples.csv` (`samples.npz` for larger images). The results of the
presets that ship with the package lie in `theorycheck/data/results`, as NAME.csv and NAME-samples.csv. Lines
that begin with `#` tell the command, version and seeds that made a file.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

STORED = Path(__file__).with_name("data") / "results"


class Row(NamedTuple):
    """One measure of one model: the model of `round` t has been retrained t times (0: on real data only).

    `synthetic_weight` is λ, in [0, inf]; `choices` is K (1: no curation); `reward` its name or "none".
    """

    preset: str
    loop: str
    synthetic_weight: float
    choices: int
    reward: str
    seed: int
    round: int
    measure: str
    value: float


Samples = dict[tuple[str, int, int], np.ndarray]


def stored(preset: str) -> Path:
    """The shipped results of a preset, `STORED/PRESET.csv`; ValueError if it has none."""
    path = STORED / f"{preset}.csv"
    if not path.is_file():
        known = sorted(p.stem for p in STORED.glob("*.csv") if not p.stem.endswith("-samples"))
        raise ValueError(f"preset {preset!r} has no stored results; there are {', '.join(known) or 'none'}")
    return path


def ended(folder: str | Path) -> bool:
    """Whether a run of theorycheck retrain has left its results in this directory."""
    return (Path(folder) / "results.csv").is_file()


def notes(path: str | Path) -> list[str]:
    """What the lines that begin with `#` say."""
    return [line[1:].strip() for line in _lines(_file(path, "results.csv")) if line.startswith("#")]


def read(path: str | Path) -> list[Row]:
    """The rows of a results file, or of the `results.csv` in a run's directory.

    Raises ValueError, with one sentence that names file and line, for anything else.
    """
    file = _file(path, "results.csv")
    rows = []
    for number, fields in _table(file, Row._fields):
        try:
            rows.append(_row(fields))
        except ValueError as error:
            raise ValueError(f"{file}, line {number}: {error}") from None
    if not rows:
        raise ValueError(f"{file} holds no results")
    return rows


def write(path: str | Path, rows: Iterable[Row], remarks: Iterable[str] = ()) -> None:
    """Write rows as CSV beneath the remarks; the caller renames a temporary file into place."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.writelines(f"# {remark}\n" for remark in remarks)
        table = csv.writer(file, lineterminator="\n")
        table.writerow(Row._fields)
        table.writerows(row._replace(value=f"{row.value:.6g}") for row in rows)  # type: ignore[arg-type]


def select(rows: Iterable[Row], measure: str, **wanted: object) -> np.ndarray:
    """Values of a measure, shape (seeds, rounds), among the rows whose fields equal `wanted`.

    Raises ValueError where a seed lacks a round that another one has, or nothing is left.
    """
    kept = [r for r in rows if r.measure == measure and all(getattr(r, k) == v for k, v in wanted.items())]
    told = ", ".join([measure, *(f"{name} {value}" for name, value in wanted.items())])
    if not kept:
        raise ValueError(f"no results for {told}")
    seeds, rounds = (sorted({getattr(r, name) for r in kept}) for name in ("seed", "round"))
    values = {(r.seed, r.round): r.value for r in kept}
    if len(values) != len(kept) or len(kept) != len(seeds) * len(rounds):
        raise ValueError(f"results for {told} are not one for each seed and round")
    return np.array([[values[seed, step] for step in rounds] for seed in seeds])


def samples(path: str | Path) -> Samples:
    """Stored samples by (loop, seed, round), each of shape (samples, dimensions).

    Dimensions are x, y in the plane, or the pixels of an image (8×8 of 0..16 for digits). `path` is a
    samples file (CSV, or npz with one array `LOOP/SEED/ROUND` each) or a run's directory.
    """
    file = _file(path, "samples.csv", "samples.npz")
    if file.suffix == ".npz":
        with np.load(file, allow_pickle=False) as arrays:
            return {_key(file, *name.rsplit("/", 2)): arrays[name] for name in arrays.files}
    found: dict[tuple[str, int, int], list[list[float]]] = {}
    for number, fields in _table(file, ("loop", "seed", "round")):
        loop, seed, step, *rest = fields.values()
        point = rest[1:] if "sample" in fields else rest
        try:
            found.setdefault((loop, int(seed), int(step)), []).append([float(value) for value in point])
        except ValueError as error:
            raise ValueError(f"{file}, line {number}: {error}") from None
    return {key: np.array(points) for key, points in found.items()}


def _file(path: str | Path, *names: str) -> Path:
    """The file itself, or the first of the named ones in a run's directory."""
    path = Path(path)
    if not path.is_dir():
        return path
    for name in names:
        if (path / name).is_file():
            return path / name
    raise ValueError(f"{path} holds no {' and no '.join(names)}: no run of theorycheck retrain ended there")


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ValueError(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is not UTF-8 text: {error.reason}") from error


def _table(file: Path, header: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and fields of each line of a table whose header begins as given."""
    lines = [(n, line) for n, line in enumerate(_lines(file), 1) if line and not line.startswith("#")]
    names = next(csv.reader([lines[0][1]]), []) if lines else []
    if tuple(names[: len(header)]) != header:
        raise ValueError(f"{file} must have a header that begins {','.join(header)}")
    for number, line in lines[1:]:
        fields = next(csv.reader([line]))
        if len(fields) != len(names):
            raise ValueError(f"{file}, line {number}: {len(fields)} fields in place of {len(names)}")
        yield number, dict(zip(names, fields, strict=True))


def _row(fields: dict[str, str]) -> Row:
    row = Row(
        fields["preset"],
        fields["loop"],
        float(fields["synthetic_weight"]),
        int(fields["choices"]),
        fields["reward"],
        int(fields["seed"]),
        int(fields["round"]),
        fields["measure"],
        float(fields["value"]),
    )
    if not row.synthetic_weight >= 0:
        raise ValueError(f"synthetic_weight must be in [0, inf], got {fields['synthetic_weight']}")
    if row.choices < 1 or row.round < 0:
        raise ValueError(
            f"choices must be at least 1 and round at least 0, got {row.choices} and {row.round}"
        )
    if math.isnan(row.value):
        raise ValueError(f"the value of {row.measure} is not a number")
    return row


def _key(file: Path, *parts: str) -> tuple[str, int, int]:
    try:
        loop, seed, step = parts
        return loop, int(seed), int(step)
    except ValueError:
        raise ValueError(f"{file}: an array must be named LOOP/SEED/ROUND, got {'/'.join(parts)!r}") from None
