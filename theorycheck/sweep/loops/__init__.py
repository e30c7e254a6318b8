"""The loops that can be swept: a table of what each is asked, draws, and tells.

A loop is one entry of `LOOPS`: its keys, an example, what it tells of a cell (with exact values, bounds and
whatever makes an interval valid), and how it draws. A loop without `draw` is computed, not simulated.
"""

from theorycheck.sweep.loops import curation, curation_mixture, finite_samples, gaussian, retraining
from theorycheck.sweep.loops.entry import Cell, Loop, Quantity

__all__ = ["LOOPS", "Cell", "Loop", "Quantity"]

LOOPS = {
    "gaussian": gaussian.GAUSSIAN,
    "gaussian-multivariate": gaussian.MULTIVARIATE,
    "retraining": retraining.RETRAINING,
    "finite-samples": finite_samples.ONE,
    "finite-samples-multivariate": finite_samples.SEVERAL,
    "curation": curation.POPULATION,
    "curation-particles": curation.PARTICLES,
    "curation-two-states": curation.CHAIN,
    "curation-mixture": curation_mixture.MIXTURE,
}
