"""The finite-sample map Gⁿ of the Gaussian with unknown mean and covariance in d dimensions, simulated."""

from __future__ import annotations

import numpy as np

from theorycheck import checks
from theorycheck.loops.covariance import root
from theorycheck.loops.retraining.exponential import Gaussian
from theorycheck.loops.retraining.samples import FAMILIES, KERNELS, PROTOCOLS, one_of, points


def simulate(
    rng: np.random.Generator,
    samples: int,
    synthetic_weight: float,
    steps: int,
    paths: int,
    *,
    data: Gaussian,
    protocol: str = "fixed",
    kernel: str = "literal",
    start: Gaussian | None = None,
    ddof: int = 0,
) -> Gaussian:
    """`paths` independent loops of `steps` generations: means (paths, steps + 1, d), covariances (…, d, d).

    Each generation is fitted to n = `samples` ≥ 2 real points, whose law is `data`, and ⌊λn⌋ points of the
    model; at λ = ∞ to n points of the model alone. `protocol`, `kernel` and `ddof` are those of
    `samples.simulate`; the reduced kernel draws normals and Bartlett factors. `start` is θ_0, by default
    `data`. Covariances may be singular: with n + ⌊λn⌋ ≤ d points they are. Without real points Σ_t sinks
    below any float in the end; `covariance.tilted_ratio` follows it further.

    Raises TypeError or ValueError, naming the argument, for anything outside these ranges. Source: Bertrand
    et al., ICLR 2024 (finite-sample extension).
    """
    from theorycheck.kernels import multivariate as kernels

    checks.generator(rng)
    real, synthetic = points(checks.integer("samples", samples, FAMILIES["gaussian"].least), synthetic_weight)
    steps = checks.integer("steps", steps, 0)
    paths = checks.integer("paths", paths, 1)
    fresh = PROTOCOLS.index(one_of("protocol", protocol, PROTOCOLS))
    reduced = KERNELS.index(one_of("kernel", kernel, KERNELS))
    ddof = checks.integer("ddof", ddof, 0)
    if ddof > 1:
        raise ValueError(f"ddof must be 0 or 1, got {ddof}")
    location, factor = _checked("data", data)
    first, first_factor = (location, factor) if start is None else _checked("start", start)
    if first.size != location.size:
        raise ValueError(f"start must have the dimension of data, {location.size}, got {first.size}")
    d = location.size
    history = Gaussian(np.zeros((paths, steps + 1, d)), np.zeros((paths, steps + 1, d, d)))
    history.mean[:, 0] = first
    history.covariance[:, 0] = first_factor @ first_factor.T
    kernels.loop(rng, reduced, location, factor, first_factor, real, synthetic, fresh, ddof, *history)
    return history


def _checked(name: str, law: Gaussian) -> tuple[np.ndarray, np.ndarray]:
    """The law's mean and Cholesky's factor of its covariance, which may be singular."""
    try:
        mean, covariance = law
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a Gaussian: a mean and a covariance, got {law!r}") from None
    location = checks.vector(f"{name}.mean", mean)
    square = checks.covariance(f"{name}.covariance", covariance)
    if location.size != len(square):
        raise ValueError(
            f"{name}.covariance must have the mean's dimension, {location.size}, got {len(square)}"
        )
    triangle = np.ascontiguousarray(np.linalg.qr(root(square)).R.T)  # or kernels compile once more
    return location, triangle * np.copysign(1.0, np.diag(triangle))
