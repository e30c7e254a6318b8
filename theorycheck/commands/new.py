"""`theorycheck new NAME`"""

from __future__ import annotations

import click


@click.command()
@click.argument("name", metavar="NAME")
@click.option(
    "--loop",
    default="curated",
    show_default=True,
    metavar="curated|gaussian|retraining",
    help="What the example in the file is about.",
)
def command(name: str, loop: str) -> None:
    """Write a theorem file to start from, NAME with _ for -, into the current directory.

    It verifies as it stands, and fails once its rival is promoted to the claim.
    """
    from theorycheck.new_theorem import write

    path = write(name, loop)
    click.echo(f"{path} is yours to change; decide it with: theorycheck verify {path}")
