"""The K-choice (Bradley–Terry, Plackett–Luce first choice) loop on finitely many states."""

import math

import numpy as np

from theorycheck.kernels.jit import kernel

STEP = 0.2  # of the trapezoidal rule; its error is below exp(−37)
FIRST, LAST = -3.6, 45.0  # u runs from about e^{−40}/K to LAST/(K·min a)
NEGLIGIBLE = 1e-17  # relative to the ratio of any atom
CELLS = 4  # of the guide, at least, for each atom


@kernel
def choice_ratio(p, a, choices, ratio):
    """H^K on the atoms: H(x) = K a(x) ∫_0^∞ e^{−u a(x)} φ(u)^{K−1} du, φ(u) = Σ p e^{−u a}.

    `a` = e^r must be positive with largest entry 1, `p` must sum to 1; `choices` is K as a float. With
    u = exp(s − e^{−s})/K the integrand falls double exponentially towards u = 0 and like e^{−u} at the other
    end, and the trapezoidal rule in s converges geometrically (Takahasi and Mori, 1974).
    """
    smallest = 1.0
    for i in range(a.size):
        ratio[i] = 1.0 if choices == 1.0 else 0.0
        smallest = min(smallest, a[i])
    if choices == 1.0:
        return
    nodes = int((math.log(LAST / smallest) - FIRST) / STEP) + 2
    decay = np.empty(a.size)
    for node in range(nodes):
        s = FIRST + STEP * node
        fall = math.exp(-s)
        u = math.exp(s - fall) / choices
        # log φ from 1 − φ while that is small, from φ itself afterwards: either keeps full relative
        # accuracy where (K−1)·log φ is of order one.
        deficit = phi = 0.0
        for i in range(a.size):
            if u * a[i] < 0.5:
                change = math.expm1(-u * a[i])
                decay[i] = 1.0 + change
            else:
                decay[i] = math.exp(-u * a[i])
                change = decay[i] - 1.0
            deficit += p[i] * change
            phi += p[i] * decay[i]
        if phi == 0.0:
            break
        log_phi = math.log1p(deficit) if deficit > -0.5 else math.log(phi)
        power = math.exp((choices - 1.0) * log_phi)
        weight = STEP * (1.0 + fall) * choices * u * power
        for i in range(a.size):
            ratio[i] += weight * a[i] * decay[i]
        # What is left of the integral is at most power/min a, relative to H(x) ≥ a(x).
        if power <= NEGLIGIBLE * smallest:
            break


@kernel
def fill_guide(cumulative, guide):
    """For each of the equal cells of [0, 1), the first atom that a uniform number in it can mean.

    The cells must be a power of two, so that neither their ends nor their numbers are rounded.
    """
    atom = 0
    for cell in range(guide.size):
        while atom < cumulative.size - 1 and cumulative[atom] <= cell / guide.size:
            atom += 1
        guide[cell] = atom


@kernel
def draw_index(rng, cumulative, guide):
    """One atom by inversion of the cumulative probabilities; the last atom takes the rounding error.

    The guide leaves few atoms to look at (Chen and Asau, 1974), whatever their number.
    """
    uniform = rng.random()
    atom = guide[int(uniform * guide.size)]
    while atom < cumulative.size - 1 and cumulative[atom] <= uniform:
        atom += 1
    return atom


@kernel
def literal(rng, reference, a, choices, users, steps, real_weight, p):
    """Each of `users` draws `choices` proposals from p_t and keeps one with probability a_k/Σ a_j.

    `p`, shape (paths, m), holds p_0 on entry and p_steps on return: `real_weight`·reference plus
    (1 − `real_weight`) times the shares of what was kept.
    """
    atoms = a.size
    cumulative = np.empty(atoms)
    cells = 1
    while cells < CELLS * atoms:
        cells *= 2
    guide = np.empty(cells, dtype=np.int64)
    proposals = np.empty(choices, dtype=np.int64)
    kept = np.empty(atoms)
    for path in range(p.shape[0]):
        for _ in range(steps):
            total = 0.0
            for i in range(atoms):
                total += p[path, i]
                cumulative[i] = total
                kept[i] = 0.0
            fill_guide(cumulative, guide)
            for _user in range(users):
                mass = 0.0
                for k in range(choices):
                    proposals[k] = draw_index(rng, cumulative, guide)
                    mass += a[proposals[k]]
                threshold = mass * rng.random()
                chosen = 0
                mass = a[proposals[0]]
                while mass <= threshold and chosen < choices - 1:
                    chosen += 1
                    mass += a[proposals[chosen]]
                kept[proposals[chosen]] += 1.0
            for i in range(atoms):
                p[path, i] = real_weight * reference[i] + (1.0 - real_weight) * kept[i] / users


@kernel
def reduced(rng, reference, a, choices, users, steps, real_weight, p):
    """The same law: the kept counts are multinomial with probabilities p·H^K_p, drawn by binomials."""
    atoms = a.size
    ratio = np.empty(atoms)
    for path in range(p.shape[0]):
        for _ in range(steps):
            choice_ratio(p[path], a, float(choices), ratio)
            rest = 0.0
            for i in range(atoms):
                rest += p[path, i] * ratio[i]
            left = users
            for i in range(atoms):
                mass = p[path, i] * ratio[i]
                share = 1.0 if i == atoms - 1 or mass >= rest else mass / rest
                count = rng.binomial(left, share) if left > 0 else 0
                left -= count
                rest -= mass
                p[path, i] = real_weight * reference[i] + (1.0 - real_weight) * count / users
