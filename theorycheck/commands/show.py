"""`theorycheck show KEY`"""

from __future__ import annotations

import click


@click.command()
@click.argument("key")
def command(key: str) -> None:
    """Show a theorem: statement, commentary, source, assumptions, claims, rivals, BibTeX."""
    from theorycheck.engine.catalogue import find

    theorem = find(key)
    lines = [f"{theorem.key}: {theorem.title}", f"source: {theorem.source.label}", "", theorem.statement, ""]
    if theorem.commentary:
        lines += [theorem.commentary, ""]
    lines.append("assumptions:")
    for assumption in theorem.assumptions:
        lines.append(f"  {assumption.id}: {assumption.text}")
    lines += ["", "claims:"]
    for claim in theorem.claims:
        lines.append(f"  {claim.id} ({claim.method}, {len(claim.instances)} instances)")
        lines.append(f"    {claim.statement}")
        for name in claim.rivals:
            lines.append(f"    rival: {name}")
        for name in claim.without:
            lines.append(f"    false without: {name}")
    lines += ["", theorem.source.bibtex]
    click.echo("\n".join(lines))
