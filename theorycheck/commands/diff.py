"""`theorycheck diff RUN1.json RUN2.json`"""

from __future__ import annotations

import sys

import click

from theorycheck.terminal import read_run


@click.command()
@click.argument("first", metavar="RUN1.json")
@click.argument("second", metavar="RUN2.json")
def command(first: str, second: str) -> None:
    """Tell what changed between two runs; exit status 1 if anything did."""
    from theorycheck.render import difference

    lines = difference(*(read_run(path).to_dict() for path in (first, second)))
    click.echo("\n".join(lines) if lines else "no difference")
    sys.exit(1 if lines else 0)
