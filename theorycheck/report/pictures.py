"""The papers' figures on the page, as `theorycheck figures --format svg` wrote them."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from theorycheck.figures import find, names
from theorycheck.report.view import ClaimView, TheoremView


class Picture(NamedTuple):
    """A figure as it is put into the page; an image runs no script, whatever its file holds.

    It stands at the first of its theorems that the page has, `at`, and the others link to it; `claims` are
    those of its certificates that the page has.
    """

    anchor: str
    at: TheoremView
    title: str
    caption: str
    source: str
    claims: list[ClaimView]


def pictures(folder: str | Path, theorems: Iterable[TheoremView]) -> dict[str, list[Picture]]:
    """The figures in a folder, by the anchors of the theorems that their certificates belong to.

    Raises ValueError where the folder has none.
    """
    known = {theorem.result.key: theorem for theorem in theorems}
    claims = {
        f"{key}::{claim.result.id}": claim for key, theorem in known.items() for claim in theorem.claims
    }
    drawn = [name for name in names() if (Path(folder) / f"{name}.svg").is_file()]
    if not drawn:
        wanted = "a folder that `theorycheck figures --format svg` wrote to"
        raise ValueError(f"--figures must be {wanted}, got {str(folder)!r}")
    found: dict[str, list[Picture]] = {}
    for name in drawn:
        figure = find(name)
        keys = dict.fromkeys(certificate.partition("::")[0] for certificate in figure.certificates)
        here = [known[key] for key in keys if key in known]
        for theorem in here:
            shown = [claims[certificate] for certificate in figure.certificates if certificate in claims]
            caption, source = _read(folder, name, figure.shown)
            picture = Picture(f"figure.{name}", here[0], figure.title, caption, source, shown)
            found.setdefault(theorem.anchor, []).append(picture)
    return found


def _read(folder: str | Path, name: str, shown: str) -> tuple[str, str]:
    """The caption and the image of a figure, as an address that holds it."""
    image, told = (Path(folder) / f"{name}.{ending}" for ending in ("svg", "txt"))
    caption = told.read_text(encoding="utf-8", errors="replace").split("\n\n")[0] if told.is_file() else shown
    source = "data:image/svg+xml;base64," + base64.b64encode(image.read_bytes()).decode()
    return " ".join(caption.split()), source
