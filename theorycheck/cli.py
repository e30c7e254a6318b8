"""The command line. Exit status: 0 all claims pass, 1 some do not, 2 bad usage or input, 130 interrupted."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path

import click

import theorycheck
from theorycheck.interrupts import interruptible, leave


class Commands(click.Group):
    """A command is a file in `theorycheck/commands` that defines `command`."""

    def list_commands(self, context: click.Context) -> list[str]:
        folder = Path(__file__).with_name("commands")
        return sorted(path.stem for path in folder.glob("[!_]*.py"))

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(context):
            return None
        command: click.Command = import_module(f"theorycheck.commands.{name}").command
        command.name = name
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(theorycheck.__version__, prog_name="theorycheck")
def cli() -> None:
    """Verify the theory of self-consuming generative models."""


def main() -> None:
    """Entry point: one sentence for bad input, a clean stop for an interrupt."""
    # Closed streams are None, and take nothing.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8")
    try:
        with interruptible():
            cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        leave(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        leave(130)
    except (ValueError, TypeError, OSError) as error:
        click.echo(f"theorycheck: {error}", err=True)
        leave(2)
    except MemoryError as error:
        click.echo(f"theorycheck: the memory of this machine is too small: {error or 'it is full'}", err=True)
        leave(2)
