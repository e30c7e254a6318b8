"""A run as text: a table for the terminal, plain text, a LaTeX table, and the difference of two runs."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from theorycheck.verdict import ClaimResult, Finding, Run, Status

STYLES = {
    Status.PROVED: "bold green",
    Status.SUPPORTED: "green",
    Status.OBSERVED: "cyan",
    Status.UNDECIDED: "yellow",
    Status.REFUTED: "bold red",
}


def report(run: Run) -> RenderableType:
    """The table of claims, what does not pass and why, and the line that sums up."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False)
    for header in ("claim", "status"):
        table.add_column(header, no_wrap=True)
    for header in ("scope", "interval or certificate"):
        table.add_column(header, overflow="fold")
    for header in ("margin", "tightness", "refuted", "s"):
        table.add_column(header, justify="right", no_wrap=True)
    for theorem in run.theorems:
        table.add_row(Text(theorem.key, style="bold"), "", Text(theorem.source, style="dim"), *[""] * 5)
        for claim in theorem.claims:
            table.add_row(*_row(claim))
    parts: list[RenderableType] = [table]
    for theorem, claim in run.claims():
        for instance in claim.instances:
            parts += [
                Text(f"✗ {theorem.key}::{claim.id}[{instance.id}] {line}", style="red")
                for line in instance.complaints()
            ]
    parts.append(Text(run.summary, style="bold green" if run.passed else "bold red"))
    return Group(*parts)


def _row(claim: ClaimResult) -> list[str | Text]:
    worst = claim.worst
    refuted, variants = claim.variants()
    tightest = claim.tightest
    more = f" (+{len(claim.instances) - 1})" if len(claim.instances) > 1 else ""
    return [
        "  " + claim.id,
        Text(claim.status.value, style=STYLES[claim.status]),
        _shortened(worst.finding.scope, 29 - len(more)) + more,
        _shortened(evidence(worst.finding), 29),
        "" if worst.margin is None else f"{worst.margin:g}",
        "" if tightest is None else f"{tightest.finding.slack:.5g}",
        f"{refuted}/{variants}" if variants else "",
        f"{claim.seconds:.2f}",
    ]


def _shortened(text: str, length: int) -> str:
    """The beginning of a text that the JSON of the run holds in full."""
    return text if len(text) <= length else text[: length - 1] + "…"


def evidence(finding: Finding) -> str:
    """The interval of a sampled or computed finding, the certificate of an exact one, else the reason."""
    if finding.reason:
        return finding.reason
    if finding.interval and finding.status is Status.SUPPORTED:
        interval = "[{:+.2g}, {:+.2g}]".format(*finding.interval)
        return f"{interval}, N={finding.samples}" if finding.samples else f"{interval}, {finding.certificate}"
    return finding.certificate or ""


def plain(run: Run) -> str:
    """The report without colours."""
    return text(report(run))


def text(page: RenderableType, width: int = 160) -> str:
    """A page without colours, `width` columns wide."""
    console = Console(
        file=io.StringIO(), width=width, color_system=None, force_terminal=False, legacy_windows=False
    )
    console.print(page)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in lines)


_LATEX = {c: "\\" + c for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "…": r"\dots{}",
    "λ": r"$\lambda$",
    "∞": r"$\infty$",
}


def _escape(text: str) -> str:
    return "".join(_LATEX.get(c, c) for c in text)


def latex(run: Run) -> str:
    """A booktabs table: claim, status, tightness, rivals refuted; one group of rows a theorem."""
    lines = [r"\begin{tabular}{llrr}", r"\toprule", r"Claim & Status & Tightness & Refuted \\"]
    for theorem in run.theorems:
        lines += [r"\midrule", rf"\multicolumn{{4}}{{l}}{{\textit{{{_escape(theorem.title)}}}}} \\"]
        for claim in theorem.claims:
            refuted, variants = claim.variants()
            tightest = claim.tightest
            sharp = "" if tightest is None else f"{tightest.finding.slack:.4g}"
            lines.append(rf"{_escape(claim.id)} & {claim.status.value} & {sharp} & {refuted}/{variants} \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def difference(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """What changed between two runs (as dictionaries of schema 1), one line each; seconds do not count."""
    lines = [
        f"{name}: {first[name]} → {second[name]}"
        for name in ("seed", "alpha", "profile")
        if first[name] != second[name]
    ]
    for name in ("version", "source", "python", "packages", "processor"):
        if first["provenance"].get(name) != second["provenance"].get(name):
            lines.append(f"{name}: {first['provenance'].get(name)} → {second['provenance'].get(name)}")
    before, after = _instances(first), _instances(second)
    for key in [*before, *(k for k in after if k not in before)]:
        if key not in after:
            lines.append(f"- {key} (was {before[key]['status']})")
        elif key not in before:
            lines.append(f"+ {key} ({after[key]['status']})")
        else:
            lines += _instance_difference(key, before[key], after[key])
    return lines


def _instances(run: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {
        f"{theorem['key']}::{claim['id']}[{instance['id']}]": instance
        for theorem in run["theorems"]
        for claim in theorem["claims"]
        for instance in claim["instances"]
    }


def _instance_difference(key: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    lines = []
    for name in ("status", "scope", "interval", "margin", "slack", "certificate", "samples", "reason"):
        if before[name] != after[name]:
            lines.append(f"  {key} {name}: {before[name]} → {after[name]}")
    for kind, label in (("rivals", "id"), ("without", "assumption")):
        old = {v[label]: v["status"] for v in before[kind]}
        new = {v[label]: v["status"] for v in after[kind]}
        for name in [*old, *(n for n in new if n not in old)]:
            if old.get(name) != new.get(name):
                lines.append(
                    f"  {key} {kind} “{name}”: {old.get(name, 'absent')} → {new.get(name, 'absent')}"
                )
    return lines
