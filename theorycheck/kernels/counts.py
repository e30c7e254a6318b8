"""Binomial, multinomial and Poisson counts from pairs of uniform numbers.

Where few are expected, the distribution function is inverted; beyond, Hörmann's transformed rejection is used
(BTRS and PTRS: J. Stat. Comput. Simul. 46, 1993; Insur. Math. Econ. 12, 1993). Each proposal is a function of
the law and of two uniform numbers. Counts are floats.
"""

import math

import numpy as np

from theorycheck.kernels import uniforms
from theorycheck.kernels.jit import kernel

FEW = 10.0  # the expected number up to which inversion is taken; transformed rejection needs as much
REJECTED = -1.0
NEGLIGIBLE = 1e-18  # of the probability
MOST = 4e18  # a count that is an integer of 64 bits
HALF_LOG_2_PI = 0.9189385332046727
# log k! − (k + ½)·log(k + 1) + (k + 1) − ½·log 2π, k = 0, 1, …
FEW_CORRECTIONS = np.array(
    [
        0.08106146679532726,
        0.0413406959554093,
        0.02767792568499834,
        0.020790672103765093,
        0.016644691189821193,
        0.013876128823070748,
        0.01189670994589177,
        0.010411265261972096,
        0.009255462182712733,
        0.00833056343336287,
    ]
)


@kernel
def multinomial(stream, total, mass, counts, chances):
    """`total` draws from the law `mass`[m:]/Σ`mass`[m:] on m atoms, into `counts`[m:].

    The other entries, and the first 2m of `chances`, are scratch. Place k divides what it gets between places
    2k and 2k + 1: so few binomials wait for each other, and a processor works on several at a time.
    """
    atoms = mass.size // 2
    for k in range(atoms - 1, 0, -1):
        mass[k] = mass[2 * k] + mass[2 * k + 1]
    uniforms.draw(stream, 2 * atoms, chances)
    counts[1] = float(total)
    done = 1
    while done < atoms:
        for k in range(done, atoms):
            share = mass[2 * k] / mass[k] if mass[k] > 0.0 else 0.0
            count = propose_binomial(counts[k], share, chances[2 * k], chances[2 * k + 1])
            if count == REJECTED:
                break
            counts[2 * k] = count
            counts[2 * k + 1] = counts[k] - count
            done += 1
        # Outside of the inner loop, which a call would slow down.
        if done < atoms:
            uniforms.draw(stream, 2, chances[2 * done :])


@kernel
def binomial(stream, total, chance, pair):
    """How many of `total` trials succeed, each with probability `chance`.

    The first two of `pair` are uniform numbers of the stream, which are replaced where they are rejected.
    """
    count = propose_binomial(float(total), chance, pair[0], pair[1])
    while count == REJECTED:
        uniforms.draw(stream, 2, pair)
        count = propose_binomial(float(total), chance, pair[0], pair[1])
    return count


@kernel
def propose_binomial(total, chance, first, second):
    """A binomial count from two uniform numbers, or REJECTED; `chance` is in [0, 1]."""
    count = propose_rare(total, min(chance, 1.0 - chance), first, second)
    return total - count if chance > 0.5 and count != REJECTED else count


@kernel
def propose_rare(total, chance, first, second):
    """The same with `chance` in [0, ½]."""
    odds = chance / (1.0 - chance)
    if total * chance < FEW:
        mass = math.exp(total * math.log1p(-chance))
        reached = mass
        count = 0.0
        while first > reached and mass > NEGLIGIBLE and count < total:
            count += 1.0
            mass *= odds * (total - count + 1.0) / count
            reached += mass
        return count
    deviation = math.sqrt(total * chance * (1.0 - chance))
    slope = 1.15 + 2.53 * deviation
    bend = -0.0873 + 0.0248 * slope + 0.01 * chance
    u = first - 0.5
    room = 0.5 - abs(u)
    place = (2.0 * bend / room + slope) * u + total * chance + 0.5
    if room >= 0.07 and second <= 0.92 - 4.2 / slope:
        return float(math.floor(place))
    if not 0.0 <= place < total + 1.0:
        return REJECTED
    count = float(math.floor(place))
    mode = float(math.floor((total + 1.0) * chance))
    v = second * (2.83 + 5.1 / slope) * deviation / (bend / (room * room) + slope)
    # log of the probability of `count` over that of the mode.
    bound = (
        (mode + 0.5) * math.log((mode + 1.0) / (odds * (total - mode + 1.0)))
        + (total + 1.0) * math.log((total - mode + 1.0) / (total - count + 1.0))
        + (count + 0.5) * math.log(odds * (total - count + 1.0) / (count + 1.0))
        + correction(mode)
        + correction(total - mode)
        - correction(count)
        - correction(total - count)
    )
    return count if math.log(v) <= bound else REJECTED


@kernel
def poisson(stream, mean, pair):
    """A Poisson count; `mean` is in [0, 10¹⁸], and `pair` as for a binomial one."""
    count = propose_poisson(mean, pair[0], pair[1])
    while count == REJECTED:
        uniforms.draw(stream, 2, pair)
        count = propose_poisson(mean, pair[0], pair[1])
    return count


@kernel
def poissons(stream, mean, count, out, scratch):
    """As many Poisson counts into the first entries of `out`; `scratch` is twice as long."""
    if mean < FEW:
        uniforms.draw(stream, count, scratch)
        invert_poisson(mean, count, scratch, out)
    else:
        uniforms.draw(stream, 2 * count, scratch)
        for i in range(count):
            out[i] = poisson(stream, mean, scratch[2 * i :])


@kernel
def invert_poisson(mean, count, chances, out):
    """What `propose_poisson` makes of each of the first `count` uniform numbers where the mean is small."""
    largest = 0.0
    for i in range(count):
        largest = max(largest, chances[i])
        out[i] = 0.0
    mass = math.exp(-mean)
    reached = mass
    step = 0.0
    while largest > reached and mass > NEGLIGIBLE:
        for i in range(count):
            out[i] += 1.0 if chances[i] > reached else 0.0
        step += 1.0
        mass *= mean / step
        reached += mass


@kernel
def propose_poisson(mean, first, second):
    """A Poisson count from two uniform numbers, or REJECTED."""
    if mean < FEW:
        mass = math.exp(-mean)
        reached = mass
        count = 0.0
        while first > reached and mass > NEGLIGIBLE:
            count += 1.0
            mass *= mean / count
            reached += mass
        return count
    slope = 0.931 + 2.53 * math.sqrt(mean)
    bend = -0.059 + 0.02483 * slope
    u = first - 0.5
    room = 0.5 - abs(u)
    place = (2.0 * bend / room + slope) * u + mean + 0.43
    if room >= 0.07 and second <= 0.9277 - 3.6224 / (slope - 2.0):
        return float(math.floor(place))
    if not 0.0 <= place < MOST or (room < 0.013 and second > room):
        return REJECTED
    count = float(math.floor(place))
    v = second * (1.1239 + 1.1328 / (slope - 3.4)) / (bend / (room * room) + slope)
    # log of the probability of `count`, in terms that do not cancel where the mean is large.
    above = count + 1.0 - mean
    bound = (
        above
        - count * math.log1p(above / mean)
        - 0.5 * math.log(count + 1.0)
        - HALF_LOG_2_PI
        - correction(count)
    )
    return count if math.log(v) <= bound else REJECTED


@kernel
def correction(k):
    """log k! − (k + ½)·log(k + 1) + (k + 1) − ½·log 2π, from Stirling's series."""
    if k < FEW_CORRECTIONS.size:
        return FEW_CORRECTIONS[int(k)]
    x = 1.0 / (k + 1.0)
    y = x * x
    return x * (1.0 / 12.0 - y * (1.0 / 360.0 - y * (1.0 / 1260.0 - y * (1.0 / 1680.0 - y / 1188.0))))
