"""`theorycheck list`"""

from __future__ import annotations

import json

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def command(as_json: bool) -> None:
    """List the theorems of the catalogue."""
    from theorycheck.engine.catalogue import catalogue

    rows = [
        {"key": t.key, "title": t.title, "source": t.source.label, "claims": [c.id for c in t.claims]}
        for t in catalogue()
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    width = max(len(row["key"]) for row in rows)
    for row in rows:
        click.echo(f"{row['key']:{width}}  {len(row['claims']):3d} claims  {row['title']} ({row['source']})")
