"""The d-dimensional Gaussian refitted to its own samples.

The covariance is carried as a factor A with Σ = AA', so that it stays positive semidefinite and keeps its
relative accuracy when its eigenvalues part by many orders of magnitude. The mean plays no part here.
"""

import math

import numpy as np

from theorycheck.kernels import chi_squares, normals
from theorycheck.kernels.jit import kernel
from theorycheck.kernels.uniforms import start as stream_of

GROUP = 4  # rows of T that are added at a time
WIDE = 8  # columns that a vector instruction takes, a multiple of GROUP
TILE = 32  # rows of T that stay in the innermost cache together
SMALL, LARGE = 2.0**-30, 2.0**30  # largest entries between which a factor is left as it is


@kernel
def literal(rng, start, samples, steps, covariance):
    """Draw `samples` points a generation and take their unbiased covariance.

    `start`, shape (d, d), is a factor of Σ_0; `covariance`, shape (paths, d, d), receives Σ_t. The centred
    points divided by √ν are themselves a factor of the next covariance, so no decomposition is needed.
    """
    d = start.shape[0]
    stream = stream_of(rng)
    coordinates = np.empty(samples)
    factor = np.zeros((d, max(d, samples)))
    points = np.empty((d, samples))
    for path in range(covariance.shape[0]):
        width = d
        for i in range(d):
            for k in range(d):
                factor[i, k] = start[i, k]
        for _ in range(steps):
            for i in range(d):
                for j in range(samples):
                    points[i, j] = 0.0
            for k in range(width):
                # One coordinate of all points at once: the innermost loop is the longest.
                normals.draw(stream, samples, coordinates)
                for i in range(d):
                    for j in range(samples):
                        points[i, j] += factor[i, k] * coordinates[j]
            for i in range(d):
                average = 0.0
                for j in range(samples):
                    average += points[i, j]
                average /= samples
                for j in range(samples):
                    factor[i, j] = (points[i, j] - average) / math.sqrt(samples - 1.0)
            width = samples
        for i in range(d):
            for j in range(d):
                total = 0.0
                for k in range(width):
                    total += factor[i, k] * factor[j, k]
                covariance[path, i, j] = total


@kernel
def bartlett(stream, width, freedom, tilt, unit, triangle, lists, below):
    """`unit` times Bartlett's factor T of a Wishart matrix TT' of that width; returns its rank.

    T is lower trapezoidal, with as many columns as its rank, χ variables of `freedom`, `freedom` − 1, …
    degrees on its diagonal (the first has `tilt` more) and standard normals below. Entries above the diagonal
    are left as they are. `lists`, four rows of at least `width`, and `below`, as long as what T has below
    its diagonal, are scratch.
    """
    rank = min(width, freedom)
    for i in range(rank):
        lists[0, i] = freedom - i + (tilt if i == 0 else 0)
    chi_squares.draw(stream, lists[0, :rank], lists[1], lists[2:])
    normals.draw(stream, rank * (rank - 1) // 2 + (width - rank) * rank, below)
    drawn = 0
    for i in range(width):
        row = below[drawn:]
        for k in range(min(i, rank)):
            triangle[i, k] = unit * row[k]
        if i < rank:
            triangle[i, i] = unit * math.sqrt(lists[1, i])
        drawn += min(i, rank)
    return rank


@kernel
def reduced(rng, start, samples, steps, direction, tilt, factors, log_scale):
    """The same law from Bartlett factors: Σ_{t+1} = A T T' A'/ν, T lower trapezoidal.

    T is `bartlett`'s, with min(width, ν) columns, so samples ≤ d is covered. With `tilt` = 1 the component of
    the Gaussian matrix along u = A'x/|A'x|, x = `direction`, has its length drawn from χ_{ν+1}: the change of
    measure whose likelihood ratio is c₄·√(x'Σ_t x)/√(x'Σ_{t+1} x).

    `factors`, shape (paths, d, d), receives A, rescaled to largest entry 1; `log_scale` the logarithm of
    what it was divided by. Columns beyond the rank are zero. A triangular start is the fastest.
    """
    d = start.shape[0]
    freedom = samples - 1
    unit = 1.0 / math.sqrt(freedom)
    stream = stream_of(rng)
    lists = np.empty((4, d))
    below = np.empty(d * (d - 1) // 2)
    reach = np.empty(d, dtype=np.int64)
    # With rows and columns of zeros, so that whole groups can be taken everywhere.
    columns = (d + WIDE - 1) // WIDE * WIDE
    triangle = np.zeros((columns, columns))
    factor = np.zeros((d, columns))
    product = np.zeros((d, columns))
    peaks = np.empty(columns)
    for path in range(factors.shape[0]):
        width = d
        logarithm = 0.0
        for i in range(d):
            reach[i] = 0
            for k in range(columns):
                factor[i, k] = start[i, k] if k < d else 0.0
                if factor[i, k] != 0.0:
                    reach[i] = k + 1
        for step in range(steps):
            if tilt == 1:
                turn(factor, direction, width, reach)
            rank = bartlett(stream, width, freedom, tilt, unit, triangle, lists, below)
            largest = multiply(factor, triangle, reach, width, product, peaks)
            factor, product = product, factor
            width = rank
            if largest == 0.0:
                break
            if step == steps - 1 or not SMALL < largest < LARGE:
                for i in range(d):
                    for k in range(width):
                        factor[i, k] /= largest
                logarithm += math.log(largest)
        for i in range(d):
            for k in range(d):
                factors[path, i, k] = factor[i, k]
        log_scale[path] = logarithm


@kernel
def turn(factor, direction, width, reach):
    """Reflect the columns of A = `factor` so that u = A'x/|A'x| becomes the first axis (Householder)."""
    d = factor.shape[0]
    u = np.zeros(width)
    for i in range(d):
        for k in range(width):
            u[k] += factor[i, k] * direction[i]
    norm = 0.0
    for k in range(width):
        norm += u[k] * u[k]
    norm = math.sqrt(norm)
    # The reflection exchanges the first axis and u: v = u/|u| − e_1.
    for k in range(width):
        u[k] /= norm
    u[0] -= 1.0
    square = 0.0
    for k in range(width):
        square += u[k] * u[k]
    if square > 1e-30:
        for i in range(d):
            reach[i] = width
            along = 0.0
            for k in range(width):
                along += factor[i, k] * u[k]
            for k in range(width):
                factor[i, k] -= 2.0 * along * u[k] / square


@kernel
def multiply(factor, triangle, reach, width, product, peaks):
    """The product with a lower trapezoidal matrix into `product`; its largest entry in absolute value.

    From `reach`[i] on row i is 0, and stays so if it is the diagonal: a triangular factor remains triangular.
    """
    d, columns = product.shape
    for i in range(d):
        for k in range(columns):
            product[i, k] = 0.0
    for first in range(0, width, TILE):
        for i in range(d):
            row = product[i]
            for j in range(first, min(first + TILE, width, reach[i]), GROUP):
                a, b, c, e = factor[i, j], factor[i, j + 1], factor[i, j + 2], factor[i, j + 3]
                t, u, v, w = triangle[j], triangle[j + 1], triangle[j + 2], triangle[j + 3]
                for k in range((j // WIDE + 1) * WIDE):
                    row[k] += a * t[k] + b * u[k] + (c * v[k] + e * w[k])
    for k in range(columns):
        peaks[k] = 0.0
    for i in range(d):
        for k in range(columns):
            peaks[k] = max(peaks[k], abs(product[i, k]))
    return peaks.max()
