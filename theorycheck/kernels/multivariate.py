"""The finite-sample retraining map Gⁿ of the d-dimensional Gaussian with unknown mean and covariance.

Sets of n and m points with means x̄ and ȳ and scatters S and R (sums of centred squares) have together the
scatter S + R + nm/(n+m)·(ȳ−x̄)(ȳ−x̄)' (Chan, Golub and LeVeque, 1983). A scatter is carried as a lower
triangular factor F, S = FF', so that it stays positive semidefinite when points are few.
"""

import math

import numpy as np

from theorycheck.kernels import normals, wishart
from theorycheck.kernels.jit import kernel
from theorycheck.kernels.uniforms import BATCH
from theorycheck.kernels.uniforms import start as stream_of


@kernel
def loop(rng, reduced, location, root, start, real, synthetic, fresh, ddof, mean, covariance):
    """Refit to `real` points of N(location, root·root') and `synthetic` points of the model, each generation.

    `mean`, shape (paths, steps + 1, d), and `covariance`, (paths, steps + 1, d, d), hold θ_0 in their first
    columns; `start` is a factor of its covariance. `root` and `start` are lower triangular. The real set is
    drawn at the first generation and, where `fresh` is set, again at each later one. The scatter is divided
    by all points less `ddof`. Points are drawn in parts, or Bartlett factors where `reduced` is set.
    """
    d = location.size
    stream = stream_of(rng)
    # A part's points, or a factor's columns, and one more for the shift; a mean; what a triangle takes.
    part = np.empty((d, max(BATCH, d) + 1))
    scratch = part, np.empty(d), np.empty((d, d)), np.empty((4, d)), np.empty(d * (d - 1) // 2)
    model = np.empty((d, d))
    real_mean = np.empty(d)
    real_factor = np.empty((d, d))
    factor = np.empty((d, d))
    for path in range(mean.shape[0]):
        model[:] = start
        for t in range(1, mean.shape[1]):
            if fresh or t == 1:
                real_mean[:] = 0.0
                real_factor[:] = 0.0
                collect(stream, scratch, reduced, real, location, root, 0, real_mean, real_factor)
            before = mean[path, t - 1]
            after = mean[path, t]
            after[:] = real_mean
            factor[:] = real_factor
            collect(stream, scratch, reduced, synthetic, before, model, real, after, factor)
            scale = math.sqrt(real + synthetic - ddof)
            for i in range(d):
                for j in range(d):
                    model[i, j] = factor[i, j] / scale
            for i in range(d):
                for j in range(d):
                    total = 0.0
                    for k in range(i + 1):
                        total += model[i, k] * model[j, k]
                    covariance[path, t, i, j] = total


@kernel
def collect(stream, scratch, reduced, count, location, root, held, mean, factor):
    """Pool `count` points of N(location, root·root') with the `held` points of the given mean and scatter."""
    part, centre, triangle, lists, below = scratch
    done = 0
    while done < count:
        if reduced:
            size = count
            width = summarise(stream, size, location, root, triangle, lists, below, part, centre)
        else:
            size = min(count - done, BATCH)
            width = size
            draw_points(stream, size, location, root, part, centre)
        pool(held + done, mean, factor, size, centre, part, width)
        done += size


@kernel
def draw_points(stream, count, location, root, points, mean):
    """`count` points, centred, into the first columns of `points`, and their mean."""
    d = location.size
    for i in range(d):
        normals.draw(stream, count, points[i])
    for i in range(d - 1, -1, -1):
        # From the last row up: the rows that are read still hold the normals.
        row = points[i]
        for j in range(count):
            row[j] *= root[i, i]
        for k in range(i):
            for j in range(count):
                row[j] += root[i, k] * points[k, j]
        total = 0.0
        for j in range(count):
            total += row[j]
        for j in range(count):
            row[j] -= total / count
        mean[i] = location[i] + total / count


@kernel
def summarise(stream, count, location, root, triangle, lists, below, columns, mean):
    """The mean and a factor of the scatter of `count` points, from their laws; returns the factor's width."""
    d = location.size
    width = wishart.bartlett(stream, d, count - 1, 0, 1.0, triangle, lists, below)
    normals.draw(stream, d, mean)
    for i in range(d - 1, -1, -1):
        shift = 0.0
        for k in range(i + 1):
            shift += root[i, k] * mean[k]
        mean[i] = location[i] + shift / math.sqrt(count)
        for k in range(width):
            total = 0.0
            for j in range(k, i + 1):
                total += root[i, j] * triangle[j, k]
            columns[i, k] = total
    return width


@kernel
def pool(count, mean, factor, more, centre, columns, width):
    """Pool `count` points with `more` others, whose scatter's factor has `width` columns.

    `mean` and `factor` are replaced by those of all points; `columns` is used up, one column beyond `width`
    too. Householder reflections take [factor | columns] to a lower triangle.
    """
    d = mean.size
    share = more / (count + more)
    weight = math.sqrt(count * share)
    for i in range(d):
        shift = centre[i] - mean[i]
        mean[i] += share * shift
        columns[i, width] = weight * shift
    for i in range(d):
        row = columns[i]
        tail = 0.0
        for j in range(width + 1):
            tail += row[j] * row[j]
        if tail == 0.0:
            continue
        norm = math.sqrt(factor[i, i] * factor[i, i] + tail)
        # The reflection's normal is (first, row): its first entry, without the cancellation in F_ii − norm.
        first = -tail / (factor[i, i] + norm)
        half = -first * norm  # of the normal's square
        factor[i, i] = norm
        for k in range(i + 1, d):
            other = columns[k]
            along = factor[k, i] * first
            for j in range(width + 1):
                along += other[j] * row[j]
            along /= half
            factor[k, i] -= along * first
            for j in range(width + 1):
                other[j] -= along * row[j]
