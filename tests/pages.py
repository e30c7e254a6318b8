"""Runs to make pages of, and a small reader of HTML, for the tests of the report."""

import dataclasses
from html.parser import HTMLParser

from theorycheck.engine.catalogue import catalogue
from theorycheck.verdict import (
    ClaimResult,
    Finding,
    InstanceResult,
    Run,
    Status,
    TheoremResult,
    VariantResult,
)

PROVENANCE = {
    "version": "0.0", "source": "0" * 32, "python": "3", "packages": {"numpy": "2"}, "platform": "p",
    "processor": "c", "workers": 2, "time": "2026-01-02T03:04:05+00:00",
}  # fmt: skip
HOSTILE = '<script>document.title="owned"</script><img src=x onerror=alert(1)>&amp;'


def run_with(*theorems):
    """A run that found these."""
    return Run(7, 1e-3, "quick", 1.5, PROVENANCE, theorems)


def theorem(key="made-up", title="Made up", statement="1 = 1", assumptions=(), status=Status.PROVED):
    """One claim at two instances: an interval from samples and a certificate."""
    rival = VariantResult("x_t for x_{t+1}", Finding(Status.REFUTED, interval=(0.25, 0.5)))
    sampled = Finding(Status.SUPPORTED, "n=5, t=2", (-0.01, 0.02), 1.5, "n=5", None, 4096)
    exact = Finding(status, "all n", None, 20.0, None, "exact rationals, gap -1/3")
    instances = (
        InstanceResult("n=5,t=2", {"n": 5, "t": 2}, sampled, 0.05, 0.1, (rival,)),
        InstanceResult("n=6,t=2", {"n": 6, "t": 2}, exact, None, 0.1, (rival,)),
    )
    claim = ClaimResult("falls_each_step", "E x_{t+1} ≤ E x_t, as `made-up` says.", "sampled", instances)
    return TheoremResult(key, title, "a source", statement, assumptions, (claim,))


def whole_catalogue():
    """The catalogue as a run that found each claim PROVED, with a certificate and a witness that are long."""
    long = Finding(Status.PROVED, "", (-1e-9, 1e-9), 3.0, "p=(" + "1/12345, " * 12 + "…)", "q" * 280)

    def told(theorem):
        claims = []
        for claim in theorem.claims:
            rivals = tuple(
                VariantResult(name, dataclasses.replace(long, status=Status.REFUTED)) for name in claim.rivals
            )
            without = tuple(VariantResult(name, Finding(Status.REFUTED)) for name in claim.without)
            instances = tuple(
                InstanceResult(
                    str(i), {k: str(v) for k, v in at.items()},
                    dataclasses.replace(long, scope=claim.scope or "as stated"), None, 0.0, rivals, without,
                )
                for i, at in enumerate(claim.instances)
            )  # fmt: skip
            claims.append(ClaimResult(claim.id, claim.statement, claim.method, instances))
        assumed = tuple((a.id, a.text) for a in theorem.assumptions)
        return TheoremResult(
            theorem.key, theorem.title, theorem.source.label, theorem.statement, assumed, tuple(claims)
        )

    return run_with(*map(told, catalogue()))


class Page(HTMLParser):
    """The elements of a page in order; `found` lists their (tag, attributes, text within)."""

    VOID = ("meta", "link", "input", "img")

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.text = [], [], []
        self.feed(text)
        assert self.open == [], "every element is closed"
        self.found = [
            (tag, attributes, "".join(self.text[begin:end])) for tag, attributes, begin, end in self.elements
        ]

    def handle_starttag(self, tag, attributes):
        self.elements.append([tag, dict(attributes), len(self.text), len(self.text)])
        if tag not in self.VOID:
            self.open.append(self.elements[-1])

    def handle_startendtag(self, tag, attributes):
        self.elements.append([tag, dict(attributes), len(self.text), len(self.text)])

    def handle_endtag(self, tag):
        closed = self.open.pop()
        assert closed[0] == tag
        closed[3] = len(self.text)

    def handle_data(self, data):
        self.text.append(data)

    def all(self, *tags):
        return [element for element in self.found if element[0] in tags]

    def values(self, attribute):
        return [attributes[attribute] for _, attributes, _ in self.found if attribute in attributes]
