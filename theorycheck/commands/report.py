"""`theorycheck report RUN.json`"""

from __future__ import annotations

import click


@click.command()
@click.argument("run", metavar="RUN.json")
@click.option("--out", "path", required=True, metavar="FILE.html|-", help="Where to write the page.")
@click.option("--figures", metavar="DIR", help="Of `theorycheck figures --format svg`: show them, too.")
def command(run: str, path: str, figures: str | None) -> None:
    """Make a page of a run, from `theorycheck verify --json`: self-contained, to be sent and printed."""
    from theorycheck.terminal import read_run, writing

    result = read_run(run)
    with writing(path, "html", "--out", figures=figures) as write:
        write(result)
