"""Where statements come from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """A paper or, where `venue` is empty, anything else that can be cited; `short` is what tables call it."""

    key: str
    authors: tuple[str, ...]
    title: str
    venue: str
    year: int
    arxiv: str = ""
    short: str = ""

    @property
    def label(self) -> str:
        """Short form for tables: "Bertrand et al., ICLR 2024"."""
        if self.short or not self.venue:
            return self.short or self.title
        others = " et al." if len(self.authors) > 1 else ""
        return f"{self.authors[0].split()[-1]}{others}, {self.venue} {self.year}"

    @property
    def bibtex(self) -> str:
        """A BibTeX entry."""
        fields = {"title": f"{{{self.title}}}", "author": " and ".join(self.authors)}
        if self.venue:
            fields["booktitle"] = self.venue
        fields["year"] = str(self.year)
        if self.arxiv:
            fields |= {"note": f"arXiv:{self.arxiv}", "url": f"https://arxiv.org/abs/{self.arxiv}"}
        lines = [f"  {name} = {{{value}}}" for name, value in fields.items()]
        return ",\n".join([f"@{'inproceedings' if self.venue else 'misc'}{{{self.key}", *lines]) + "\n}"


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
    key="theorycheck",
    authors=("{The theorycheck authors}",),
    title="theorycheck: a laboratory that verifies the theory of self-consuming generative models",
    venue="",
    year=2026,
    short="derived here",
)
