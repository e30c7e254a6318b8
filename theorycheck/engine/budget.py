"""One error budget for the whole run.

Every sampled decision (claim, rival or dropped assumption, at each instance) is looked at at most J times;
each look may miss with probability α/(m·J), where m counts the sampled decisions of the whole catalogue of
the profile. So P(any false SUPPORTED or REFUTED in the run) ≤ α, whatever was selected and whenever it
stopped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from theorycheck.engine import decide
from theorycheck.theorem import Theorem

ALPHA = 1e-3
LOOKS = {"quick": 5, "full": 7}
FIRST_LOOK = 16384  # N_0; look j sees N_0·4^j draws


@dataclass(frozen=True)
class Budget:
    """The error budget of a run and how it is spent."""

    alpha: float
    decisions: int
    looks: int

    @property
    def level(self) -> float:
        """The probability with which a single look may miss."""
        return self.alpha / (max(self.decisions, 1) * self.looks)


def count(theorems: Iterable[Theorem], profile: str) -> int:
    """m: the sampled decisions of these theorems."""
    return sum(
        len(claim.at(profile)) * (1 + len(claim.rivals) + len(claim.without))
        for theorem in theorems
        for claim in theorem.claims
        if decide.is_random(claim.method)
    )
