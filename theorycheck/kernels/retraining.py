"""The finite-sample retraining map Gⁿ: refit to `real` real points and `synthetic` points of the model.

Every loop fills histories of shape (paths, steps + 1) that hold θ_0 in their first column. A real set is
drawn at the first generation and, where `fresh` is set, again at each later one. Real points follow the
law `data` with the given `location` and `scale`.
"""

import math

import numpy as np

from theorycheck.kernels import chi_squares, counts, normals, uniforms
from theorycheck.kernels.exponentials import exponentials
from theorycheck.kernels.jit import kernel
from theorycheck.kernels.sums import fold, range_of, spread
from theorycheck.kernels.uniforms import BATCH, start

NORMAL, UNIFORM, TWO_POINT, LOGISTIC, POISSON, BERNOULLI, EXPONENTIAL = range(7)

STEP = 1e-10  # Newton converges quadratically: after a step this short the error is of rounding
ITERATIONS = 100


@kernel
def fill(stream, law, count, location, scale, out, scratch):
    """`count` points into the first entries of `out`; `scratch` is twice as long.

    `location` is the mean of a Poisson, Bernoulli or exponential law, which have no scale.
    """
    if law == POISSON:
        counts.poissons(stream, location, count, out, scratch)
        return
    if law == NORMAL:
        normals.draw(stream, count, out)
        for i in range(count):
            out[i] = location + scale * out[i]
        return
    uniforms.draw(stream, count, out)
    if law == UNIFORM:
        for i in range(count):
            out[i] = location + scale * (2.0 * out[i] - 1.0)
    elif law == TWO_POINT:
        for i in range(count):
            out[i] = location + scale if out[i] < 0.5 else location - scale
    elif law == LOGISTIC:
        for i in range(count):
            out[i] = location + scale * math.log(out[i] / (1.0 - out[i]))
    elif law == BERNOULLI:
        for i in range(count):
            out[i] = 1.0 if out[i] < location else 0.0
    else:
        for i in range(count):
            out[i] = -location * math.log(out[i])


@kernel
def total(stream, part, scratch, law, count, location, scale):
    """The sum of `count` points, drawn in parts."""
    found = 0.0
    done = 0
    while done < count:
        size = min(count - done, part.size)
        fill(stream, law, size, location, scale, part, scratch)
        found += fold(part, size)
        done += size
    return found


@kernel
def mean_loop(rng, model, data, location, scale, real, synthetic, fresh, history):
    """Families whose maximum-likelihood fit is the mean of all points; `model` is the model's law."""
    stream = start(rng)
    part = np.empty(min(real + synthetic, BATCH))
    scratch = np.empty(2 * part.size)
    for path in range(history.shape[0]):
        for t in range(1, history.shape[1]):
            if fresh or t == 1:
                collected = total(stream, part, scratch, data, real, location, scale)
            own = total(stream, part, scratch, model, synthetic, history[path, t - 1], 1.0)
            history[path, t] = (collected + own) / (real + synthetic)


@kernel
def totals(stream, law, count, location, scale, out, scratch):
    """For each entry of `location` the sum of `count` points, from its own law, into `out`.

    `scratch` has two rows of at least that length.
    """
    paths = location.size
    if law == NORMAL:
        root = scale * math.sqrt(count)
        normals.draw(stream, paths, out)
        for i in range(paths):
            out[i] = count * location[i] + root * out[i]
    elif law == EXPONENTIAL:
        # Half a χ² with two degrees of freedom a point.
        chi_squares.draw(stream, np.full(paths, max(2.0 * count, 1.0)), out, scratch)
        for i in range(paths):
            out[i] = 0.5 * location[i] * out[i] if count > 0 else 0.0
    else:
        chances = scratch.ravel()
        uniforms.draw(stream, 2 * paths, chances)
        for i in range(paths):
            pair = chances[2 * i :]
            if law == POISSON:
                out[i] = counts.poisson(stream, count * location[i], pair)
            else:
                out[i] = counts.binomial(stream, count, location[i], pair)


@kernel
def reduced_mean_loop(rng, model, data, location, scale, real, synthetic, fresh, history):
    """The same law from sums that are drawn as such, of many paths at a time."""
    stream = start(rng)
    block = min(history.shape[0], BATCH)
    truth = np.full(block, location)
    collected = np.empty(block)
    own = np.empty(block)
    here = np.empty(block)
    scratch = np.empty((2, block))
    for first in range(0, history.shape[0], block):
        paths = history[first : first + block]
        count = paths.shape[0]
        for i in range(count):
            here[i] = paths[i, 0]
        for t in range(1, paths.shape[1]):
            if fresh or t == 1:
                totals(stream, data, real, truth[:count], scale, collected, scratch)
            totals(stream, model, synthetic, here[:count], 1.0, own, scratch)
            for i in range(count):
                here[i] = (collected[i] + own[i]) / (real + synthetic)
            for i in range(count):
                paths[i, t] = here[i]


@kernel
def spread_of(stream, part, scratch, law, count, location, scale):
    """Mean and centred sum of squares of `count` points.

    Points come in parts, whose means and squares are merged (Chan, Golub and LeVeque, 1983).
    """
    average = 0.0
    squares = 0.0
    done = 0
    while done < count:
        size = min(count - done, part.size)
        fill(stream, law, size, location, scale, part, scratch)
        centre_of_part, squares_of_part = spread(part, size, scratch)
        change = centre_of_part - average
        share = size / (done + size)
        average += share * change
        squares += squares_of_part + share * done * change * change
        done += size
    return average, squares


@kernel
def gaussian_loop(rng, data, location, scale, real, synthetic, fresh, ddof, mean, log_scale):
    """A Gaussian with unknown mean and variance; the sum of squares is divided by all points less `ddof`.

    Without real points everything is kept in units of the current scale, which may sink below any float.
    """
    stream = start(rng)
    part = np.empty(min(real + synthetic, BATCH))
    scratch = np.empty(2 * part.size)
    for path in range(mean.shape[0]):
        for t in range(1, mean.shape[1]):
            if fresh or t == 1:
                real_mean, real_squares = spread_of(stream, part, scratch, data, real, location, scale)
            average, squares = spread_of(stream, part, scratch, NORMAL, synthetic, 0.0, 1.0)
            mean[path, t], log_scale[path, t] = refit(
                mean[path, t - 1],
                log_scale[path, t - 1],
                real,
                real_mean,
                real_squares,
                synthetic,
                average,
                squares,
                ddof,
            )


@kernel
def refit(mean, log_scale, real, real_mean, real_squares, synthetic, average, squares, ddof):
    """The next mean and log scale from those of both parts; the model's are in units of its scale."""
    points = real + synthetic
    sigma = math.exp(log_scale)
    centre = mean + sigma * average
    log_unit = log_scale
    if real:
        log_unit = 0.0
        shift = centre - real_mean
        centre = real_mean + shift * synthetic / points
        squares = real_squares + sigma * sigma * squares + shift * shift * real * synthetic / points
    return centre, log_unit + 0.5 * math.log(squares / (points - ddof)) if squares > 0.0 else -math.inf


@kernel
def spreads(stream, count, mean, squares, scratch):
    """Means and centred sums of squares of `count` standard normals, from their own laws."""
    for i in range(mean.size):
        mean[i] = squares[i] = 0.0
    if count > 0:
        normals.draw(stream, mean.size, mean)
        for i in range(mean.size):
            mean[i] /= math.sqrt(count)
    if count > 1:
        chi_squares.draw(stream, np.full(mean.size, count - 1.0), squares, scratch)


@kernel
def reduced_gaussian_loop(rng, location, scale, real, synthetic, fresh, ddof, mean, log_scale):
    """The same law, of many paths at a time, for normal data."""
    stream = start(rng)
    block = min(mean.shape[0], BATCH)
    real_mean = np.empty(block)
    real_squares = np.empty(block)
    average = np.empty(block)
    squares = np.empty(block)
    scratch = np.empty((2, block))
    for first in range(0, mean.shape[0], block):
        count = min(block, mean.shape[0] - first)
        for t in range(1, mean.shape[1]):
            if fresh or t == 1:
                spreads(stream, real, real_mean[:count], real_squares[:count], scratch)
            spreads(stream, synthetic, average[:count], squares[:count], scratch)
            for i in range(count):
                mean[first + i, t], log_scale[first + i, t] = refit(
                    mean[first + i, t - 1],
                    log_scale[first + i, t - 1],
                    real,
                    location + scale * real_mean[i],
                    scale * scale * real_squares[i],
                    synthetic,
                    average[i],
                    squares[i],
                    ddof,
                )


@kernel
def fit_logistic(points, start, scratch, powers):
    """The location that makes a logistic law of scale 1 most likely, by Newton steps within a bracket.

    The score Σ tanh((x − θ)/2) falls strictly in θ; a step that would leave the bracket halves it instead.
    Where the likelihood is flat to the last bit (as many points far to the left as far to the right), some
    point of the flat part is found. `scratch` has two rows as long as `points`; `powers` is as long, of
    integers of 64 bits.
    """
    tail = scratch[0]
    information = scratch[1]
    low, high = range_of(points, tail, information)
    guess = start
    for _ in range(ITERATIONS):
        for i in range(points.size):
            tail[i] = -abs(points[i] - guess)
        exponentials(tail, powers)
        for i in range(points.size):
            share = 1.0 / (1.0 + tail[i])
            information[i] = 2.0 * tail[i] * share * share
            slope = (1.0 - tail[i]) * share
            tail[i] = slope if points[i] > guess else -slope
        score = fold(tail, points.size)
        if score > 0.0:
            low = guess
        else:
            high = guess
        # Far from all points the information underflows; the step is then anyhow too long.
        before = guess
        guess = before + score / max(fold(information, points.size), 1e-300)
        if not low <= guess <= high:
            guess = 0.5 * (low + high)
        if abs(guess - before) <= STEP:
            break
    return guess


@kernel
def logistic_loop(rng, data, location, scale, real, synthetic, fresh, history):
    """A logistic law of scale 1 with unknown location, fitted by `fit_logistic` from the model before."""
    stream = start(rng)
    points = np.empty(real + synthetic)
    scratch = np.empty((2, points.size))
    spare = np.empty(2 * points.size)
    powers = np.empty(points.size, dtype=np.uint64)
    for path in range(history.shape[0]):
        for t in range(1, history.shape[1]):
            if fresh or t == 1:
                fill(stream, data, real, location, scale, points, spare)
            fill(stream, LOGISTIC, synthetic, history[path, t - 1], 1.0, points[real:], spare)
            history[path, t] = fit_logistic(points, history[path, t - 1], scratch, powers)
