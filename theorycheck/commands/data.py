"""`theorycheck data`"""

from __future__ import annotations

import click


@click.group()
def command() -> None:
    """Fetch data sets that are not part of the package."""


@command.command()
@click.option("--out", metavar="DIR", required=True, help="The directory that gets the files.")
def cifar10(out: str) -> None:
    """Fetch CIFAR-10 in its official binary version (162 MB), and check the archive's published checksum."""
    from theorycheck.generative import cifar

    click.echo(f"CIFAR-10 is in {cifar.download(out)}; use it as --data cifar10:{out}")
