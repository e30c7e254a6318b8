"""`theorycheck cite KEY`"""

from __future__ import annotations

import click


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="[KEY | FILE.py]...")
def command(targets: tuple[str, ...]) -> None:
    """Print BibTeX for the sources of theorems, each source once."""
    from theorycheck.engine.catalogue import select

    sources = dict.fromkeys(theorem.source for theorem, _ in select(targets).claims)
    click.echo("\n\n".join(source.bibtex for source in sources))
