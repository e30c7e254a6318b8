"""The finite-sample retraining map Gⁿ: refit to `real` real points and `synthetic` points of the model.

Every loop fills histories of shape (paths, steps + 1) that hold θ_0 in their first column. A real set is
drawn at the first generation and, where `fresh` is set, again at each later one. Real points follow the
law `data` with the given `location` and `scale`.
"""

import math

import numpy as np

from theorycheck.kernels import normals
from theorycheck.kernels.jit import kernel
from theorycheck.kernels.normals import BATCH, start
from theorycheck.kernels.sums import fold, spread

NORMAL, UNIFORM, TWO_POINT, LOGISTIC, POISSON, BERNOULLI, EXPONENTIAL = range(7)

STEP = 1e-10  # Newton converges quadratically: after a step this short the error is of rounding
ITERATIONS = 100


@kernel
def draw(rng, law, location, scale):
    """One point; `location` is the mean of a Poisson, Bernoulli or exponential law, which have no scale."""
    if law == NORMAL:
        return location + scale * rng.standard_normal()
    if law == UNIFORM:
        return location + scale * (2.0 * rng.random() - 1.0)
    if law == TWO_POINT:
        return location + scale if rng.random() < 0.5 else location - scale
    if law == LOGISTIC:
        return rng.logistic(location, scale)
    if law == POISSON:
        return float(rng.poisson(location))
    if law == BERNOULLI:
        return 1.0 if rng.random() < location else 0.0
    return location * rng.standard_exponential()


@kernel
def fill(rng, stream, law, count, location, scale, out):
    """`count` points into the first entries of `out`; normal ones come from the stream that `rng` seeded."""
    if law == NORMAL:
        normals.draw(stream, count, out)
        for i in range(count):
            out[i] = location + scale * out[i]
    else:
        for i in range(count):
            out[i] = draw(rng, law, location, scale)


@kernel
def total(rng, stream, part, reduced, law, count, location, scale):
    """The sum of `count` points: drawn in parts, or from its own law where `reduced` is set."""
    if not reduced:
        found = 0.0
        done = 0
        while done < count:
            size = min(count - done, part.size)
            fill(rng, stream, law, size, location, scale, part)
            found += fold(part, size)
            done += size
        return found
    if law == NORMAL:
        return count * location + scale * math.sqrt(count) * rng.standard_normal()
    if law == POISSON:
        return float(rng.poisson(count * location))
    if law == BERNOULLI:
        return float(rng.binomial(count, location))
    return location * rng.standard_gamma(count)


@kernel
def mean_loop(rng, reduced, model, data, location, scale, real, synthetic, fresh, history):
    """Families whose maximum-likelihood fit is the mean of all points; `model` is the model's law."""
    stream = start(rng)
    part = np.empty(min(real + synthetic, BATCH))
    for path in range(history.shape[0]):
        for t in range(1, history.shape[1]):
            if fresh or t == 1:
                collected = total(rng, stream, part, reduced, data, real, location, scale)
            own = total(rng, stream, part, reduced, model, synthetic, history[path, t - 1], 1.0)
            history[path, t] = (collected + own) / (real + synthetic)


@kernel
def spread_of(rng, stream, part, scratch, reduced, law, count, location, scale):
    """Mean and centred sum of squares of `count` points: from the points, or from their normal laws.

    Points come in parts, whose means and squares are merged (Chan, Golub and LeVeque, 1983).
    """
    average = 0.0
    squares = 0.0
    if not reduced:
        done = 0
        while done < count:
            size = min(count - done, part.size)
            fill(rng, stream, law, size, location, scale, part)
            centre_of_part, squares_of_part = spread(part, size, scratch)
            change = centre_of_part - average
            share = size / (done + size)
            average += share * change
            squares += squares_of_part + share * done * change * change
            done += size
    elif count > 0:
        average = location + scale * rng.standard_normal() / math.sqrt(count)
        if count > 1:
            squares = scale * scale * rng.chisquare(count - 1.0)
    return average, squares


@kernel
def gaussian_loop(rng, reduced, data, location, scale, real, synthetic, fresh, ddof, mean, log_scale):
    """A Gaussian with unknown mean and variance; the sum of squares is divided by all points less `ddof`.

    Without real points everything is kept in units of the current scale, which may sink below any float.
    """
    points = real + synthetic
    stream = start(rng)
    part = np.empty(min(points, BATCH))
    scratch = np.empty(part.size)
    for path in range(mean.shape[0]):
        for t in range(1, mean.shape[1]):
            if fresh or t == 1:
                real_mean, real_squares = spread_of(
                    rng, stream, part, scratch, reduced, data, real, location, scale
                )
            average, squares = spread_of(rng, stream, part, scratch, reduced, NORMAL, synthetic, 0.0, 1.0)
            sigma = math.exp(log_scale[path, t - 1])
            centre = mean[path, t - 1] + sigma * average
            log_unit = log_scale[path, t - 1]
            if real:
                log_unit = 0.0
                shift = centre - real_mean
                centre = real_mean + shift * synthetic / points
                squares = real_squares + sigma * sigma * squares + shift * shift * real * synthetic / points
            mean[path, t] = centre
            log_scale[path, t] = -math.inf
            if squares > 0.0:
                log_scale[path, t] = log_unit + 0.5 * math.log(squares / (points - ddof))


@kernel
def fit_logistic(points, start):
    """The location that makes a logistic law of scale 1 most likely, by Newton steps within a bracket.

    The score Σ tanh((x − θ)/2) falls strictly in θ; a step that would leave the bracket halves it instead.
    Where the likelihood is flat to the last bit (as many points far to the left as far to the right), some
    point of the flat part is found.
    """
    low = points.min()
    high = points.max()
    guess = start
    for _ in range(ITERATIONS):
        score = 0.0
        information = 0.0
        for x in points:
            tail = math.exp(-abs(x - guess))
            share = 1.0 / (1.0 + tail)
            score += math.copysign((1.0 - tail) * share, x - guess)
            information += 2.0 * tail * share * share
        if score > 0.0:
            low = guess
        else:
            high = guess
        # Far from all points the information underflows; the step is then anyhow too long.
        before = guess
        guess = before + score / max(information, 1e-300)
        if not low <= guess <= high:
            guess = 0.5 * (low + high)
        if abs(guess - before) <= STEP:
            break
    return guess


@kernel
def logistic_loop(rng, data, location, scale, real, synthetic, fresh, history):
    """A logistic law of scale 1 with unknown location, fitted by `fit_logistic` from the model before."""
    points = np.empty(real + synthetic)
    for path in range(history.shape[0]):
        for t in range(1, history.shape[1]):
            if fresh or t == 1:
                for i in range(real):
                    points[i] = draw(rng, data, location, scale)
            for i in range(real, points.size):
                points[i] = draw(rng, LOGISTIC, history[path, t - 1], 1.0)
            history[path, t] = fit_logistic(points, history[path, t - 1])
