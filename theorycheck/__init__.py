"""theorycheck: a laboratory that verifies the theory of self-consuming generative models.

`verify("gaussian-collapse")` decides a theorem and returns a `Run`; a `Theorem` with its `Assumption`s and
claims is all that a file needs to be verified by `theorycheck verify FILE.py` and by `pytest FILE.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from theorycheck.domains import (
    CurvaturePairs,
    Curvatures,
    FiniteLaw,
    FiniteLaws,
    Integers,
    Matrices,
    OneOf,
    Rationals,
    Spectra,
)
from theorycheck.sources import BERTRAND_2024, DERIVED, FERBACH_2024, PERDOMO_2020, Source
from theorycheck.theorem import (
    Assumption,
    Claim,
    Comparison,
    Enclosed,
    Rival,
    Theorem,
    above,
    at_least,
    at_most,
    below,
    equals,
    law,
    mean,
)

if TYPE_CHECKING:
    from theorycheck.verdict import Run

__version__ = "0.1.0"

__all__ = [
    "BERTRAND_2024",
    "DERIVED",
    "FERBACH_2024",
    "PERDOMO_2020",
    "Assumption",
    "Claim",
    "Comparison",
    "CurvaturePairs",
    "Curvatures",
    "Enclosed",
    "FiniteLaw",
    "FiniteLaws",
    "Integers",
    "Matrices",
    "OneOf",
    "Rationals",
    "Rival",
    "Source",
    "Spectra",
    "Theorem",
    "above",
    "at_least",
    "at_most",
    "below",
    "equals",
    "law",
    "mean",
    "verify",
]


def verify(*targets: str, **options: Any) -> Run:
    """Decide theorems and return a `Run`; with no target, the whole catalogue.

    A target is a key, `KEY::CLAIM` or the path of a theorem file. Options: `seed` (int ≥ 0), `alpha` (error
    budget of the run, in (0, 1)), `workers` (int ≥ 1), `profile` ("quick" or "full"), `fail_fast` (bool),
    `cluster` (the address of a dask scheduler, in place of workers), `out` (a folder that keeps what is
    done, from where the next such run goes on). Raises ValueError or TypeError, with one sentence that names
    the argument, for anything else, and OSError for a cluster or a folder that is out of reach.
    """
    from theorycheck.engine.suite import verify as decide

    return decide(*targets, **options)
