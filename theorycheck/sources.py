"""Where statements come from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """A paper, or our own derivation where `arxiv` is empty."""

    key: str
    authors: tuple[str, ...]
    title: str
    venue: str
    year: int
    arxiv: str = ""

    @property
    def label(self) -> str:
        """Short form for tables: "Bertrand et al., ICLR 2024"."""
        if not self.arxiv:
            return self.title
        return f"{self.authors[0].split()[-1]} et al., {self.venue} {self.year}"

    @property
    def bibtex(self) -> str:
        """A BibTeX entry; for our own derivations, a note."""
        if not self.arxiv:
            return f"@misc{{{self.key},\n  title = {{{self.title}}},\n  year = {{{self.year}}}\n}}"
        return (
            f"@inproceedings{{{self.key},\n"
            f"  title = {{{self.title}}},\n"
            f"  author = {{{' and '.join(self.authors)}}},\n"
            f"  booktitle = {{{self.venue}}},\n"
            f"  year = {{{self.year}}},\n"
            f"  note = {{arXiv:{self.arxiv}}}\n}}"
        )


BERTRAND_2024 = Source(
    key="bertrand2024stability",
    authors=(
        "Quentin Bertrand",
        "Avishek Joey Bose",
        "Alexandre Duplessis",
        "Marco Jiralerspong",
        "Gauthier Gidel",
    ),
    title="On the Stability of Iterative Retraining of Generative Models on their own Data",
    venue="ICLR",
    year=2024,
    arxiv="2310.00429",
)
FERBACH_2024 = Source(
    key="ferbach2024curated",
    authors=("Damien Ferbach", "Quentin Bertrand", "Avishek Joey Bose", "Gauthier Gidel"),
    title="Self-Consuming Generative Models with Curated Data Provably Optimize Human Preferences",
    venue="NeurIPS",
    year=2024,
    arxiv="2407.09499",
)
PERDOMO_2020 = Source(
    key="perdomo2020performative",
    authors=("Juan C. Perdomo", "Tijana Zrnic", "Celestine Mendler-Dünner", "Moritz Hardt"),
    title="Performative Prediction",
    venue="ICML",
    year=2020,
    arxiv="2002.06673",
)
DERIVED = Source(
    key="theorycheck", authors=("The theorycheck authors",), title="derived here", venue="", year=2026
)
