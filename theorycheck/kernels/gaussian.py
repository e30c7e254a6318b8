"""The one-dimensional Gaussian refitted to its own samples.

All kernels start from (mean, scale) = (0, 1): the loop commutes with translations and dilations. They
fill, for each path, the final mean, the logarithm of the final scale (σ_t underflows long before log σ_t
does) and the length Σ|μ_{s+1} − μ_s| that the mean has travelled.
"""

import math

from theorycheck.kernels.jit import kernel

GAUSSIAN, TWO_POINT = 0, 1


@kernel
def standard_draw(rng, noise):
    """One draw with mean 0 and variance 1: Gaussian, or ±1 with equal chance."""
    if noise == GAUSSIAN:
        return rng.standard_normal()
    return 1.0 if rng.random() < 0.5 else -1.0


@kernel
def literal(rng, samples, steps, ddof, real, noise, mean, log_scale, length):
    """Draw what the paper draws: `samples` points a generation, `real` of them fresh real data.

    Points are kept relative to the current mean, so that a scale far below the mean's rounding error is
    still resolved. `ddof` is 1 for the unbiased variance and 0 for the maximum-likelihood one.
    """
    for path in range(mean.size):
        centre = 0.0
        log_sigma = 0.0
        travelled = 0.0
        for _ in range(steps):
            sigma = math.exp(log_sigma)
            average = 0.0
            squares = 0.0
            for j in range(samples):
                # Welford's update, in units of the current scale.
                if j < real:
                    z = (rng.standard_normal() - centre) / sigma
                else:
                    z = standard_draw(rng, noise)
                change = z - average
                average += change / (j + 1)
                squares += change * (z - average)
            centre += sigma * average
            travelled += sigma * abs(average)
            if squares == 0.0:
                # All points coincide: the scale is zero from here on.
                log_sigma = -math.inf
                break
            log_sigma += 0.5 * math.log(squares / (samples - ddof))
        mean[path] = centre
        log_scale[path] = log_sigma
        length[path] = travelled


@kernel
def reduced(rng, samples, steps, ddof, tilt, normaliser, mean, log_scale, length, log_ratio):
    """The same law from sufficient statistics: one normal for the mean, one χ² for the variance.

    With `tilt` = 1 the χ² has one degree of freedom more, and `log_ratio` is the logarithm of the
    likelihood ratio dP/dQ of the path: each generation adds log f_ν(x)/f_{ν+tilt}(x), which is `normaliser`
    − ½·tilt·log x. (The normaliser is an argument because compiled and interpreted lgamma differ.)
    """
    drawn = samples - 1.0 + tilt
    root = math.sqrt(samples)
    log_divisor = math.log(samples - ddof)
    for path in range(mean.size):
        centre = 0.0
        log_sigma = 0.0
        travelled = 0.0
        weight = 0.0
        for _ in range(steps):
            shift = math.exp(log_sigma) * rng.standard_normal() / root
            log_chi_square = math.log(rng.chisquare(drawn))
            centre += shift
            travelled += abs(shift)
            log_sigma += 0.5 * (log_chi_square - log_divisor)
            weight += normaliser - 0.5 * tilt * log_chi_square
        mean[path] = centre
        log_scale[path] = log_sigma
        length[path] = travelled
        log_ratio[path] = weight
