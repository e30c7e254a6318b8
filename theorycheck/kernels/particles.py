"""Particles: draws from mixtures of spherical Gaussians, what users keep of them, and a refit by EM.

A mixture in each path: `weight` (paths, C), `mean` (paths, C, d) and `scale` (paths, C).
"""

import math

import numpy as np

from theorycheck.kernels.jit import kernel


@kernel
def propose(rng, weight, mean, scale, x):
    """Fill `x`, shape (paths, n, d), with n draws from each path's mixture."""
    last = weight.shape[1] - 1
    for path in range(x.shape[0]):
        for i in range(x.shape[1]):
            uniform = rng.random()
            drawn = 0
            reached = weight[path, 0]
            while reached <= uniform and drawn < last:
                drawn += 1
                reached += weight[path, drawn]
            for k in range(x.shape[2]):
                x[path, i, k] = mean[path, drawn, k] + scale[path, drawn] * rng.standard_normal()


@kernel
def keep(rng, a, x, kept):
    """Each user keeps one of K proposals with probability a_k/Σ a_j.

    `a` has shape (paths, users, K), `x` (paths, users, K, d); `kept`, shape (paths, users, d), is filled.
    """
    for path in range(a.shape[0]):
        for user in range(a.shape[1]):
            total = 0.0
            for k in range(a.shape[2]):
                total += a[path, user, k]
            threshold = total * rng.random()
            chosen = 0
            reached = a[path, user, 0]
            while reached <= threshold and chosen < a.shape[2] - 1:
                chosen += 1
                reached += a[path, user, chosen]
            for k in range(x.shape[3]):
                kept[path, user, k] = x[path, user, chosen, k]


@kernel
def refit(x, share, rounds, least, weight, mean, scale):
    """`rounds` of expectation–maximisation, in place, on points `x`, (paths, n, d), of weights `share`, (n,).

    Σ share = 1. No scale falls below `least`, as the likelihood of a single point is unbounded; a component
    that holds no mass stays where it is. Source: Dempster, Laird and Rubin (1977).
    """
    paths, points, dimension = x.shape
    components = weight.shape[1]
    mass, spread = np.empty(components), np.empty(components)
    part = np.empty(components)
    moved = np.empty((components, dimension))
    for path in range(paths):
        for _round in range(rounds):
            for c in range(components):
                mass[c] = spread[c] = 0.0
                for k in range(dimension):
                    moved[c, k] = 0.0
            for i in range(points):
                best = -math.inf
                for c in range(components):
                    part[c] = -math.inf
                    if weight[path, c] > 0.0:
                        square = 0.0
                        for k in range(dimension):
                            square += (x[path, i, k] - mean[path, c, k]) ** 2
                        size = scale[path, c]
                        part[c] = math.log(weight[path, c]) - dimension * math.log(size)
                        part[c] -= 0.5 * square / (size * size)
                        best = max(best, part[c])
                total = 0.0
                for c in range(components):
                    part[c] = math.exp(part[c] - best)
                    total += part[c]
                for c in range(components):
                    held = share[i] * part[c] / total
                    mass[c] += held
                    for k in range(dimension):
                        away = x[path, i, k] - mean[path, c, k]
                        moved[c, k] += held * away
                        spread[c] += held * away * away
            for c in range(components):
                weight[path, c] = mass[c]
                if mass[c] > 0.0:
                    # Σ|x − new mean|² = Σ|x − old mean|² − mass·|shift|².
                    for k in range(dimension):
                        shift = moved[c, k] / mass[c]
                        mean[path, c, k] += shift
                        spread[c] -= mass[c] * shift * shift
                    scale[path, c] = math.sqrt(max(spread[c] / (dimension * mass[c]), least * least))
