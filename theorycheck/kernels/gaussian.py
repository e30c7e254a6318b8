"""The one-dimensional Gaussian refitted to its own samples.

All kernels start from (mean, scale) = (0, 1): the loop commutes with translations and dilations. They
fill, for each path, the final mean, the logarithm of the final scale (σ_t underflows long before log σ_t
does) and the length Σ|μ_{s+1} − μ_s| that the mean has travelled.
"""

import math

import numpy as np

from theorycheck.kernels import chi_squares, normals
from theorycheck.kernels.jit import kernel
from theorycheck.kernels.sums import spread
from theorycheck.kernels.uniforms import BATCH, start

GAUSSIAN, TWO_POINT = 0, 1
SMALL, LARGE = 1e-100, 1e100  # beyond, a product is turned into its logarithm


@kernel
def literal(rng, samples, steps, ddof, real, noise, mean, log_scale, length):
    """Draw what the paper draws: `samples` points a generation, `real` of them fresh real data.

    Points are kept relative to the current mean and in units of the current scale, so that a scale far below
    the mean's rounding error is still resolved. They come in parts that stay in the innermost cache, whose
    means and squares are merged (Chan, Golub and LeVeque, 1983). `noise` is GAUSSIAN, or TWO_POINT for ±1
    with equal chance; `ddof` is 1 for the unbiased variance and 0 for the maximum-likelihood one.
    """
    stream = start(rng)
    part = np.empty(min(samples, BATCH))
    scratch = np.empty(part.size)
    for path in range(mean.size):
        centre = 0.0
        log_sigma = 0.0
        travelled = 0.0
        for _ in range(steps):
            sigma = math.exp(log_sigma)
            average = 0.0
            squares = 0.0
            done = 0
            while done < samples:
                count = min(samples - done, part.size)
                normals.draw(stream, count, part)
                fresh = min(max(real - done, 0), count)
                for i in range(fresh):
                    part[i] = (part[i] - centre) / sigma
                if noise == TWO_POINT:
                    for i in range(fresh, count):
                        part[i] = math.copysign(1.0, part[i])
                centre_of_part, squares_of_part = spread(part, count, scratch)
                change = centre_of_part - average
                share = count / (done + count)
                average += share * change
                squares += squares_of_part + share * done * change * change
                done += count
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
    stream = start(rng)
    unit = np.empty(min(mean.size * steps, BATCH))
    square = np.empty(unit.size)
    scratch = np.empty((2, unit.size))
    freedom = np.full(unit.size, samples - 1.0 + tilt)
    root = math.sqrt(samples)
    divisor = float(samples - ddof)
    used = unit.size
    for path in range(mean.size):
        centre = 0.0
        travelled = 0.0
        # The scale is `sigma`·√`product`: a logarithm and an exponential only now and then.
        sigma = 1.0
        product = 1.0
        logarithm = 0.0
        for _ in range(steps):
            if used == unit.size:
                normals.draw(stream, used, unit)
                chi_squares.draw(stream, freedom, square, scratch)
                used = 0
            shift = sigma * math.sqrt(product) * unit[used] / root
            centre += shift
            travelled += abs(shift)
            product *= square[used] / divisor
            used += 1
            if not SMALL < product < LARGE:
                logarithm += math.log(product)
                sigma = math.exp(0.5 * logarithm)
                product = 1.0
        logarithm += math.log(product)
        mean[path] = centre
        log_scale[path] = 0.5 * logarithm
        length[path] = travelled
        # Σ log x is `logarithm` + steps·log `divisor`.
        log_ratio[path] = steps * normaliser - 0.5 * tilt * (logarithm + steps * math.log(divisor))
