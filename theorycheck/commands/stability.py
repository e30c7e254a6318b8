"""`theorycheck stability FILE.py`"""

from __future__ import annotations

import click

from theorycheck.terminal import WEIGHTS, several, show, writing


@click.command()
@click.argument("file", metavar="FILE.py")
@click.option(
    "--synthetic-weight",
    "listed",
    metavar="λ,λ,…",
    required=True,
    help="Synthetic against real data, 0 to inf.",
)
@click.option(
    "--radius", type=float, default=0.0, help="Of the ball around θ* over which L is taken (default 0)."
)
@click.option("--json", "json_path", metavar="FILE|-", help="Write the result as JSON to FILE, or to stdout.")
def command(file: str, listed: str, radius: float, json_path: str | None) -> None:
    """Tell how stable retraining is for a family of your own: FILE.py defines `family` and `data`."""
    from theorycheck import checks

    weights = several("--synthetic-weight", listed, checks.synthetic_weight, WEIGHTS)
    from theorycheck.own_family import examine
    from theorycheck.render_stability import report

    with writing(json_path) as write:
        record = examine(file, weights, radius)
        write(record)
    if json_path != "-":
        show(report(record))
