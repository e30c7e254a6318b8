"""A run as one self-contained page: it opens offline, needs no script to be read, and prints."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

try:
    import jinja2

    from theorycheck.report import prose, view
except ImportError as error:
    if (error.name or "").split(".")[0] not in ("jinja2", "latex2mathml", "markupsafe"):
        raise
    raise ValueError("a report needs jinja2 and latex2mathml: pip install 'theorycheck[report]'") from error

from theorycheck.engine.catalogue import keys
from theorycheck.verdict import Run, Status


def page(run: Run, figures: str | Path | None = None) -> str:
    """The HTML text of the page.

    `figures` is a folder that `theorycheck figures --format svg` wrote to: each figure goes to its theorems.
    Raises ValueError if there are none.
    """
    catalogued = keys()
    theorems = view.theorems(run, catalogued)
    pictures = {}
    if figures is not None:
        from theorycheck.report import pictures as found

        pictures = found.pictures(figures, theorems)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("theorycheck", "report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": prose.number, "ratio": prose.ratio}
    environment.filters |= {"typeset": prose.typeset, "named": prose.named}
    script = environment.get_template("filter.js").render()
    return environment.get_template("page.html.j2").render(
        run=run,
        theorems=theorems,
        counts=view.counted(claim for _, claim in run.claims()),
        command=view.command(run, [theorem.key for theorem in run.theorems], catalogued),
        statuses=list(Status),
        pictures=pictures,
        evidence=prose.evidence,
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
