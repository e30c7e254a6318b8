"""The d-dimensional Gaussian refitted to its own samples.

The covariance is carried as a factor A with Σ = AA', so that it stays positive semidefinite and keeps its
relative accuracy when its eigenvalues part by many orders of magnitude. The mean plays no part here.
"""

import math

import numpy as np

from theorycheck.kernels import normals
from theorycheck.kernels.jit import kernel


@kernel
def literal(rng, start, samples, steps, covariance):
    """Draw `samples` points a generation and take their unbiased covariance.

    `start`, shape (d, d), is a factor of Σ_0; `covariance`, shape (paths, d, d), receives Σ_t. The centred
    points divided by √ν are themselves a factor of the next covariance, so no decomposition is needed.
    """
    d = start.shape[0]
    stream = normals.start(rng)
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
def bartlett(rng, stream, width, freedom, tilt, triangle):
    """Bartlett's factor T of a Wishart matrix TT' of that width; returns its rank, the number of columns.

    T is lower trapezoidal, with χ variables of `freedom`, `freedom` − 1, … degrees on its diagonal (the first
    has `tilt` more) and standard normals below. Entries above the diagonal are left as they are.
    """
    rank = min(width, freedom)
    for i in range(width):
        normals.draw(stream, min(i, rank), triangle[i])
        if i < rank:
            triangle[i, i] = math.sqrt(rng.chisquare(freedom - i + (tilt if i == 0 else 0)))
    return rank


@kernel
def reduced(rng, start, samples, steps, direction, tilt, factors, log_scale):
    """The same law from Bartlett factors: Σ_{t+1} = A T T' A'/ν, T lower trapezoidal.

    T is `bartlett`'s, with min(width, ν) columns, so samples ≤ d is covered. With `tilt` = 1 the component of
    the Gaussian matrix along u = A'x/|A'x|, x = `direction`, has its length drawn from χ_{ν+1}: the change of
    measure whose likelihood ratio is c₄·√(x'Σ_t x)/√(x'Σ_{t+1} x).

    `factors`, shape (paths, d, d), receives A, rescaled to largest entry 1; `log_scale` the logarithm of
    what it was divided by. Columns beyond the rank are zero.
    """
    d = start.shape[0]
    freedom = samples - 1
    stream = normals.start(rng)
    u = np.empty(d)
    row = np.empty(d)
    reach = np.empty(d, dtype=np.int64)
    triangle = np.zeros((d, d))
    for path in range(factors.shape[0]):
        factor = factors[path]
        width = d
        logarithm = 0.0
        for i in range(d):
            reach[i] = 0
            for k in range(d):
                factor[i, k] = start[i, k]
                if start[i, k] != 0.0:
                    reach[i] = k + 1
        for _ in range(steps):
            if tilt == 1:
                for k in range(width):
                    u[k] = 0.0
                for i in range(d):
                    for k in range(width):
                        u[k] += factor[i, k] * direction[i]
                norm = 0.0
                for k in range(width):
                    norm += u[k] * u[k]
                norm = math.sqrt(norm)
                # Householder reflection that exchanges the first axis and u: v = u/|u| − e_1.
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
            rank = bartlett(rng, stream, width, freedom, tilt, triangle)
            largest = 0.0
            for i in range(d):
                for k in range(rank):
                    row[k] = 0.0
                # Beyond its reach a row is 0 and stays so: a triangular factor remains triangular.
                for j in range(min(reach[i], width)):
                    for k in range(min(j + 1, rank)):
                        row[k] += factor[i, j] * triangle[j, k]
                for k in range(width):
                    factor[i, k] = row[k] / math.sqrt(freedom) if k < rank else 0.0
                    largest = max(largest, abs(factor[i, k]))
            width = rank
            if largest == 0.0:
                break
            for i in range(d):
                for k in range(width):
                    factor[i, k] /= largest
            logarithm += math.log(largest)
        log_scale[path] = logarithm
