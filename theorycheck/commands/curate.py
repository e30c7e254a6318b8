"""`theorycheck curate`"""

from __future__ import annotations

import click

from theorycheck.terminal import WEIGHTS, several, show, writing


@click.command()
@click.option(
    "--law", required=True, metavar="FILE|NAME", help="digits, eight-gaussians, two-moons or a file."
)
@click.option("--reward", metavar="NAME", help="A reward of the law, or the column of the file (default r).")
@click.option("--choices", "proposals", metavar="K,K,…", default="2,4,16,inf", show_default=True)
@click.option("--synthetic-weight", "listed", metavar="λ,λ,…", default="0.5,inf", show_default=True)
@click.option("--steps", type=int, default=50, show_default=True, help="Generations.")
@click.option("--csv", "csv_path", metavar="FILE|-", help="Write every generation as CSV.")
@click.option("--json", "json_path", metavar="FILE|-", help="Write the result as JSON to FILE, or to stdout.")
def command(
    law: str,
    reward: str | None,
    proposals: str,
    listed: str,
    steps: int,
    csv_path: str | None,
    json_path: str | None,
) -> None:
    """Tell what curation makes of a law: users keep one of K samples, λ weighs them against real data.

    FILE is a .csv or .npz with columns p and r (and label), a .npy of shape (m, 2), read without pickle, or a
    .py that defines `population`.
    """
    from theorycheck import checks

    choices = several("--choices", proposals, checks.choices, "integers of at least 1 or inf")
    weights = several("--synthetic-weight", listed, checks.synthetic_weight, WEIGHTS)
    checks.integer("--steps", steps, 0)
    if csv_path is not None and csv_path == json_path:
        raise ValueError(f"--csv and --json must not be the same, got {csv_path} for both")
    with writing(csv_path, "csv") as write_csv, writing(json_path) as write_json:
        from theorycheck import own_curation, render_curation

        with render_curation.progress(len(choices) * len(weights), steps) as tell:
            record = own_curation.curate(law, reward, choices, weights, steps, tell)
        write_csv(record)
        write_json(record)
    if "-" not in (csv_path, json_path):
        show(render_curation.report(record))
