"""The d-dimensional Gaussian refitted to its own samples: covariances, their roots, long horizons."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from theorycheck import checks


def root(start) -> np.ndarray:
    """The symmetric positive semidefinite square root of a covariance, shape (d, d)."""
    values, vectors = np.linalg.eigh(checks.covariance("start", start))
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T


def simulate_covariance(
    rng: np.random.Generator, start, samples: int, steps: int, paths: int, *, kernel: str = "literal"
) -> np.ndarray:
    """Σ_t of `paths` independent d-dimensional loops from Σ_0 = `start`, shape (paths, d, d).

    `kernel` is "literal" (draws every point) or "reduced" (Bartlett factors). `samples` may be below d.
    """
    from theorycheck.kernels import wishart as kernels

    checks.generator(rng)
    samples = checks.integer("samples", samples, 2)
    steps = checks.integer("steps", steps, 0)
    factor = root(start)
    covariance = np.zeros((checks.integer("paths", paths, 1), *factor.shape))
    if kernel == "literal":
        kernels.literal(rng, factor, samples, steps, covariance)
        return covariance
    if kernel != "reduced":
        raise ValueError(f"kernel must be literal or reduced, got {kernel!r}")
    log_scale = np.zeros(len(covariance))
    # Any factor of Σ_0 gives the same law, and a triangular one stays triangular.
    triangular = np.ascontiguousarray(np.linalg.qr(factor)[1].T)
    kernels.reduced(rng, triangular, samples, steps, np.zeros(len(factor)), 0, covariance, log_scale)
    return covariance @ covariance.transpose(0, 2, 1) * np.exp(2 * log_scale)[:, None, None]


def tilted_ratio(
    rng: np.random.Generator, start, samples: int, steps: int, paths: int, direction
) -> np.ndarray:
    """R_t = (√Σ_t)_xx/√(x'Σ_t x) under the √-tilt along the unit vector x, shape (paths,), in [0, 1].

    E (√Σ_t)_xx = c₄^t·√(x'Σ_0 x)·E_Q R_t at every t: the statistic is bounded however long the horizon.
    """
    from theorycheck.kernels import wishart as kernels

    checks.generator(rng)
    samples = checks.integer("samples", samples, 2)
    steps = checks.integer("steps", steps, 0)
    factor = root(start)
    x = checks.vector("direction", direction)
    if x.size != len(factor) or abs(x @ x - 1) > 1e-9:
        raise ValueError(f"direction must be a unit vector of length {len(factor)}, got {direction!r}")
    if x @ factor @ x <= 1e-7 * np.abs(factor).max():
        raise ValueError("direction must not lie in the kernel of start")
    factors = np.zeros((checks.integer("paths", paths, 1), *factor.shape))
    kernels.reduced(rng, factor, samples, steps, x, 1, factors, np.zeros(len(factors)))
    left, singular, _ = np.linalg.svd(factors)
    components = np.einsum("pij,i->pj", left, x) ** 2
    return np.minimum(
        np.sum(singular * components, axis=1) / np.sqrt(np.sum(singular**2 * components, axis=1)), 1.0
    )


def square_root_entries(covariance: np.ndarray) -> np.ndarray:
    """√Σ for a stack of covariances, shape (paths, d, d)."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.clip(values, 0, None))[:, None, :]) @ vectors.transpose(0, 2, 1)


def mean_root_plane(samples: int, condition: float, order: int = 80) -> tuple[float, float]:
    """E (√X)_ii/√s_i, i = 1, 2, one generation after Σ_0 = diag(s_1, s_2) = diag(1, 1/`condition`).

    A product rule with `order` nodes for each of the three Bartlett variables: Gauss–Hermite for the
    normal one, the trapezoidal rule in log χ for the others. At least 5 samples; below, χ_{ν−1} has too
    long a tail towards 0 for this rule. Comparing two orders tells the error.
    """
    freedom = checks.integer("samples", samples, 5) - 1
    if not 0 < condition < math.inf:
        raise ValueError(f"condition must be positive and finite, got {condition}")
    ratio = 1.0 / math.sqrt(condition)
    first, first_weight = _chi_nodes(freedom, order)
    second, second_weight = _chi_nodes(freedom - 1, order)
    normal, normal_weight = np.polynomial.hermite_e.hermegauss(order)
    t11, t22, t21 = np.meshgrid(first, second, normal, indexing="ij")
    weight = np.einsum("i,j,k->ijk", first_weight, second_weight, normal_weight / normal_weight.sum())
    # X = S^½TT'S^½/ν, and in the plane √X = (X + √det X)/√(tr X + 2√det X).
    x11 = t11**2 / freedom
    x22 = ratio**2 * (t21**2 + t22**2) / freedom
    determinant = ratio * t11 * t22 / freedom
    trace_root = np.sqrt(x11 + x22 + 2 * determinant)
    return (
        float(np.sum(weight * (x11 + determinant) / trace_root)),
        float(np.sum(weight * (x22 + determinant) / trace_root) / ratio),
    )


def _chi_nodes(freedom: int, order: int) -> tuple[np.ndarray, np.ndarray]:
    law = stats.chi(freedom)
    chi = np.exp(np.linspace(math.log(law.ppf(1e-17)), math.log(law.isf(1e-17)), order))
    weight = law.pdf(chi) * chi
    return chi, weight / weight.sum()
