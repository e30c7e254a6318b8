"""Search: differential evolution drives an inequality towards its worst case, in floats.

The point reached is taken as exact rationals and settled there, so a violation counts only once confirmed;
without one, the smallest slack found says how tight the inequality is. The argument that is searched over
is the one whose domain maps a unit cube onto itself; all others must be fixed. Options: `generations`
(default 60, ten times as many in the full profile); `sharp`, the slack, or a function of the instance's
parameters that gives it, to which the search must come down because a law is known that does: a search that
misses it has not looked well enough.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import differential_evolution

from theorycheck.engine.decide._common import comparisons, settle
from theorycheck.engine.question import Question
from theorycheck.engine.streams import words
from theorycheck.formula import interval
from theorycheck.verdict import Finding, Status

OPTIONS = ("given", "generations", "sharp")
GENERATIONS = 60


def decide(question: Question) -> Finding:
    """SUPPORTED with the smallest slack found, or REFUTED by a confirmed violation."""
    free: dict[str, Any] = dict(question.free())
    if len(free) != 1 or not all(hasattr(domain, "from_unit") for domain in free.values()):
        raise ValueError(
            f"{question.claim.id}: a search needs exactly one free argument, over a searchable domain"
        )
    ((name, domain),) = free.items()

    def gap(cube: np.ndarray) -> float:
        """The largest left − right, relative to the right side; positive means violated."""
        point = _floats(domain.from_unit(cube))
        gaps = [
            (float(c.left) - float(c.right)) / max(abs(float(c.right)), 1e-300)
            for c in comparisons(question.build(**{name: point}))
        ]
        # Where both sides vanish the ratio means nothing, and must not upset the optimiser's statistics.
        return float(np.clip(max(gaps), -1e9, 1e9))

    generations = question.options.get("generations", GENERATIONS) * (
        10 if question.context.profile == "full" else 1
    )
    result = differential_evolution(
        lambda cube: -gap(cube),
        [(0.0, 1.0)] * domain.dimension,
        maxiter=generations,
        popsize=8,
        tol=0,
        polish=False,
        rng=np.random.default_rng(words(str(question.context.seed), *question.names, question.variant or "")),
    )
    best = domain.from_unit(result.x)
    settled = [settle(c) for c in comparisons(question.build(**{name: best}))]
    scope = f"{question.scope}; {result.nfev} points of {domain}"
    for one in settled:
        if one.holds is False:
            return Finding(
                Status.REFUTED,
                scope,
                interval(one.gap),
                witness=_shown(best),
                certificate=f"violation confirmed by {one.how}",
                samples=result.nfev,
            )
    if any(one.holds is None for one in settled):
        reason = "ball arithmetic cannot separate the two sides at the worst point"
        return Finding(Status.UNDECIDED, scope, witness=_shown(best), reason=reason)
    tightest = min((one.slack for one in settled if one.slack is not None), default=None)
    sharp = question.options.get("sharp")
    if callable(sharp):
        sharp = sharp(**question.parameters)
    if sharp is not None and (tightest is None or not tightest <= sharp):
        reason = f"the search came down to a slack of {tightest}, and a law with {sharp} or less is known"
        return Finding(Status.UNDECIDED, scope, slack=tightest, witness=_shown(best), reason=reason)
    return Finding(
        Status.SUPPORTED,
        scope,
        slack=tightest,
        witness=_shown(best),
        certificate="no violation; worst point settled exactly",
        samples=result.nfev,
    )


def _floats(law: Any) -> Any:
    return type(law)(*(tuple(map(float, part)) for part in law))


def _shown(law: Any) -> str:
    return "; ".join(
        f"{name}=({', '.join(f'{float(x):.4g}' for x in part)})" for name, part in law._asdict().items()
    )
