"""The K-choice (Bradley–Terry, Plackett–Luce first choice) loop on finitely many states."""

import math

import numpy as np

from theorycheck.kernels import counts, uniforms
from theorycheck.kernels.jit import kernel

STEP = 0.2  # of the trapezoidal rule; its error is below exp(−37)
FIRST, LAST = -3.6, 45.0  # u runs from about e^{−40}/K to LAST/(K·min a)
NEGLIGIBLE = 1e-17  # relative to the ratio of any atom
CELLS = 16  # of the guide, at least, for each atom


@kernel
def choice_ratio(p, a, choices, ratio):
    """H^K on the atoms: H(x) = K a(x) ∫_0^∞ e^{−u a(x)} φ(u)^{K−1} du, φ(u) = Σ p e^{−u a}.

    `a` = e^r must be positive with largest entry 1, `p` must sum to 1; `choices` is K as a float. With
    u = exp(s − e^{−s})/K the integrand falls double exponentially towards u = 0 and like e^{−u} at the other
    end, and the trapezoidal rule in s converges geometrically (Takahasi and Mori, 1974).
    """
    for i in range(a.size):
        ratio[i] = 1.0 if choices == 1.0 else 0.0
    if choices == 1.0:
        return
    smallest = a.min()
    decay = np.empty(a.size)
    for node in range(nodes(a)):
        u, weight = at_node(node, choices)
        deficit = phi = 0.0
        for i in range(a.size):
            change, decay[i] = fall(u * a[i])
            deficit += p[i] * change
            phi += p[i] * decay[i]
        power = power_of(deficit, phi, choices)
        for i in range(a.size):
            ratio[i] += weight * power * a[i] * decay[i]
        # What is left of the integral is at most power/min a, relative to H(x) ≥ a(x).
        if power <= NEGLIGIBLE * smallest:
            break


@kernel
def nodes(a):
    """How many nodes the rule has."""
    return int((math.log(LAST / a.min()) - FIRST) / STEP) + 2


@kernel
def at_node(node, choices):
    """u and the weight of a node."""
    s = FIRST + STEP * node
    fall = math.exp(-s)
    u = math.exp(s - fall) / choices
    return u, STEP * (1.0 + fall) * choices * u


@kernel
def fall(x):
    """e^{−x} − 1 and e^{−x}, x ≥ 0."""
    if x < 0.5:
        change = math.expm1(-x)
        return change, 1.0 + change
    decay = math.exp(-x)
    return decay - 1.0, decay


@kernel
def power_of(deficit, phi, choices):
    """φ^{K−1} from φ − 1 and φ.

    The logarithm is that of 1 + (φ − 1) while this is near 1, and of φ afterwards: either keeps full relative
    accuracy where (K−1)·log φ is of order one.
    """
    if phi == 0.0:
        return 0.0
    log_phi = math.log1p(deficit) if deficit > -0.5 else math.log(phi)
    return math.exp((choices - 1.0) * log_phi)


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
def find(uniform, cumulative, guide):
    """One atom by inversion of the cumulative probabilities; the last atom takes the rounding error.

    The guide leaves few atoms to look at (Chen and Asau, 1974), whatever their number.
    """
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
    stream = uniforms.start(rng)
    atoms = a.size
    cumulative = np.empty(atoms)
    cells = 1
    while cells < CELLS * atoms:
        cells *= 2
    guide = np.empty(cells, dtype=np.int64)
    proposals = np.empty(choices, dtype=np.int64)
    reached = np.empty(choices)
    kept = np.empty(atoms)
    # For each user a number for each proposal and one for the choice; for many users at a time.
    own = choices + 1
    group = max(1, min(users, uniforms.BATCH // own))
    chances = np.empty(group * own)
    for path in range(p.shape[0]):
        for _ in range(steps):
            total = 0.0
            for i in range(atoms):
                total += p[path, i]
                cumulative[i] = total
                kept[i] = 0.0
            fill_guide(cumulative, guide)
            for first in range(0, users, group):
                some = min(group, users - first)
                uniforms.draw(stream, some * own, chances)
                for user in range(some):
                    mass = 0.0
                    for k in range(choices):
                        proposals[k] = find(chances[user * own + k], cumulative, guide)
                        mass += a[proposals[k]]
                        reached[k] = mass
                    threshold = mass * chances[user * own + choices]
                    chosen = 0
                    while chosen < choices - 1 and reached[chosen] <= threshold:
                        chosen += 1
                    kept[proposals[chosen]] += 1.0
            for i in range(atoms):
                p[path, i] = real_weight * reference[i] + (1.0 - real_weight) * kept[i] / users


@kernel
def reduced(rng, reference, a, choices, users, steps, real_weight, p):
    """The same law: the kept counts are multinomial with probabilities p·H^K_p, drawn by binomials.

    What the integral's nodes need from `a` is computed once: 24 bytes for each node and atom.
    """
    stream = uniforms.start(rng)
    atoms = a.size
    size = nodes(a)
    change = np.empty((atoms, size))
    decay = np.empty((atoms, size))
    gain = np.empty((size, atoms))
    for node in range(size):
        u, weight = at_node(node, float(choices))
        for i in range(atoms):
            change[i, node], decay[i, node] = fall(u * a[i])
            gain[node, i] = weight * a[i] * decay[i, node]
    deficit = np.empty(size)
    phi = np.empty(size)
    ratio = np.empty(atoms)
    mass = np.empty(2 * atoms)
    drawn = np.empty(2 * atoms)
    chances = np.empty(2 * atoms)
    for path in range(p.shape[0]):
        for _ in range(steps):
            # The loops are those of `choice_ratio`, in the order that suits vector instructions.
            for node in range(size):
                deficit[node] = phi[node] = 0.0
            for i in range(atoms):
                for node in range(size):
                    deficit[node] += p[path, i] * change[i, node]
                    phi[node] += p[path, i] * decay[i, node]
                ratio[i] = 1.0 if choices == 1 else 0.0
            for node in range(size if choices > 1 else 0):
                power = power_of(deficit[node], phi[node], float(choices))
                for i in range(atoms):
                    ratio[i] += power * gain[node, i]
            for i in range(atoms):
                mass[atoms + i] = p[path, i] * ratio[i]
            counts.multinomial(stream, users, mass, drawn, chances)
            for i in range(atoms):
                p[path, i] = real_weight * reference[i] + (1.0 - real_weight) * drawn[atoms + i] / users
