"""A law with its rewards, by a name or from a file of the user's own."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from theorycheck.engine.files import imported
from theorycheck.loops import planar, populations
from theorycheck.loops.populations import Population

PLANAR = {"eight-gaussians": planar.eight_gaussians, "two-moons": planar.two_moons}
REWARDS = {"digits": "confidence", **dict.fromkeys(PLANAR, "distance")}  # by default
_DISTANCE = re.compile(r"distance(?::([^,]+),([^,]+))?")


def population(law: str, reward: str | None = None) -> Population:
    """The law and the reward that the command line names; ValueError or TypeError with one sentence.

    `law` is "digits" (`reward`: "confidence", the default, or "class:c"), "eight-gaussians" or "two-moons"
    ("distance" or "distance:X,Y", the point x*), or a file: .csv or .npz with columns p, `reward` (default r)
    and perhaps label, .npy of shape (m, 2), or .py that defines `population`. NumPy files are read without
    pickle, so that none can run code.
    """
    if law in REWARDS:
        named = reward or REWARDS[law]
        return populations.digits(named) if law == "digits" else _planar(law, named)
    read = _READERS.get(Path(law).suffix)
    if read is None:
        kinds = f"{', '.join(REWARDS)} or a file that ends in {', '.join(_READERS)}"
        raise ValueError(f"law must be {kinds}, got {law!r}")
    return read(Path(law), reward)


def _planar(law: str, reward: str) -> Population:
    named = _DISTANCE.fullmatch(reward)
    try:
        target = [float(x) for x in named.groups() if x] if named else [math.nan]
    except ValueError:
        target = [math.nan]
    if not all(map(math.isfinite, target)):
        raise ValueError(f"reward must be distance or distance:X,Y for {law}, got {reward!r}")
    return PLANAR[law](target) if target else PLANAR[law]()


def _from_python(path: Path, reward: str | None) -> Population:
    if reward is not None:
        raise ValueError(f"reward must not be given with {path}, whose population has rewards already")
    path = path.resolve()
    found = vars(imported(path)).get("population")
    if not isinstance(found, Population):
        raise TypeError(f"{path} must define `population`, a theorycheck.loops.populations.Population")
    return found


def _from_csv(path: Path, reward: str | None) -> Population:
    wanted = ("p", reward or "r")
    try:
        # What is not UTF-8 becomes lone surrogates, so that its row and column can be named.
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            reader = csv.reader(file, strict=True)
            header = [_text(f"{path}, row 1", i, name) for i, name in enumerate(next(reader, []), 1)]
            _require(path, header, wanted)
            if header.count("label") > 1:
                raise ValueError(f"{path} must have one column 'label' at most, got {header.count('label')}")
            columns: dict[str, list] = {name: [] for name in header if name in (*wanted, "label")}
            for row in filter(None, reader):
                place = f"{path}, row {reader.line_num}"
                if len(row) != len(header):
                    raise ValueError(f"{place}: must have {len(header)} cells, got {len(row)}")
                for name, cell in zip(header, row, strict=True):
                    if name in columns:
                        read = _number if name in wanted else _text
                        columns[name].append(read(place, name, cell))
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from error
    except csv.Error as error:
        raise ValueError(f"{path}, row {reader.line_num}: {error}") from error
    if not columns["p"]:
        raise ValueError(f"{path} must have rows below its header, got none")
    return _of_columns(path, columns, *wanted)


def _text(place: str, column: str | int, cell: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in cell):
        raise ValueError(f"{place}, column {column}: must be text in UTF-8, got {cell!r}")
    return cell.strip()


def _number(place: str, column: str, cell: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not _allowed(column, number):
        raise _refused(place, column, repr(cell.strip()))
    return number


def _allowed(column: str, number: Any) -> Any:
    """Whether a number, or each of an array, may be in the column."""
    return np.isfinite(number) & (np.greater_equal(number, 0) | (column != "p"))


def _refused(place: str, column: str, found: str) -> ValueError:
    allowed = "a number that is not negative" if column == "p" else "a finite number"
    return ValueError(f"{place}, column {column}: must be {allowed}, got {found}")


def _from_numpy(path: Path, reward: str | None) -> Population:
    wanted = ("p", reward or "r")
    try:
        with path.open("rb") as file:
            found = np.load(file, allow_pickle=False)
            columns = {} if isinstance(found, np.ndarray) else {name: found[name] for name in found.files}
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # of NumPy, zipfile, zlib or tokenize, whichever meets the damage first
        raise ValueError(f"{path} must be a NumPy file without pickled objects: {error}") from error
    if isinstance(found, np.ndarray):
        if found.ndim != 2 or found.shape[1] != 2:
            raise ValueError(f"{path} must have shape (m, 2), p beside rewards, got {found.shape}")
        columns = dict(zip(wanted, found.T, strict=True))
    _require(path, list(columns), wanted)
    for name in wanted:
        if columns[name].ndim == 1 and columns[name].dtype.kind in "iuf":
            bad = np.flatnonzero(~_allowed(name, columns[name]))
            if bad.size:
                raise _refused(f"{path}, row {bad[0] + 1}", name, str(columns[name][bad[0]]))
    return _of_columns(path, columns, *wanted)


_READERS: dict[str, Callable[[Path, str | None], Population]] = {
    ".csv": _from_csv, ".npy": _from_numpy, ".npz": _from_numpy, ".py": _from_python
}  # fmt: skip


def _require(path: Path, header: Sequence[str], wanted: Sequence[str]) -> None:
    for name in wanted:
        if header.count(name) != 1:
            found = ", ".join(map(repr, header)) or "none: it is empty"
            raise ValueError(f"{path} must have one column {name!r}, got {found}")


def _of_columns(path: Path, columns: Mapping[str, Any], p: str, reward: str) -> Population:
    try:
        labels: np.ndarray | None = None
        names: tuple[str, ...] = ()
        if "label" in columns:
            told, expected = np.shape(columns["label"]), np.shape(columns[p])
            if told != expected:
                raise ValueError(f"column label must have shape {expected} as p has, got {told}")
            kinds = {name: i for i, name in enumerate(dict.fromkeys(map(str, columns["label"])))}
            labels, names = np.array([kinds[str(name)] for name in columns["label"]]), tuple(kinds)
        return Population(columns[p], columns[reward], labels, names)
    except (ValueError, TypeError) as error:
        renamed = re.sub("^reward", f"column {reward}", str(error))
        raise ValueError(f"{path}: {re.sub('^p ', 'column p ', renamed)}") from error
