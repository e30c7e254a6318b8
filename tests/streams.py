"""The kernels' own stream of draws, for oracles that are fed with the same ones."""

import numpy as np

from theorycheck.kernels import chi_squares, counts, normals, uniforms


def interpreted(kernel):
    """The kernel as plain Python, compiled or not."""
    return getattr(kernel, "py_func", kernel)


class Stream:
    """Draws from the stream that `rng` seeds."""

    def __init__(self, rng):
        self.stream = uniforms.start(rng)

    def uniforms(self, size):
        out = np.empty(size)
        uniforms.draw(self.stream, size, out)
        return out

    def normals(self, size):
        out = np.empty(size)
        normals.draw(self.stream, size, out)
        return out

    def chi_squares(self, freedom):
        """One for each of the degrees of freedom."""
        freedom = np.array(freedom, dtype=float)
        out = np.empty(freedom.size)
        chi_squares.draw(self.stream, freedom, out, np.empty((2, freedom.size)))
        return out

    def multinomial(self, total, mass):
        """Counts of the atoms with these masses."""
        heap, drawn = np.zeros((2, 2 * len(mass)))
        heap[len(mass) :] = mass
        counts.multinomial(self.stream, total, heap, drawn, np.empty(2 * len(mass)))
        return drawn[len(mass) :]

    def binomials(self, totals, chances):
        """One for each pair of a number of trials and a probability."""
        pairs = self.uniforms(2 * len(totals)).reshape(-1, 2)
        return np.array(
            [
                counts.binomial(self.stream, *law, pair)
                for *law, pair in zip(totals, chances, pairs, strict=True)
            ]
        )

    def poissons(self, means):
        """One for each mean."""
        pairs = self.uniforms(2 * len(means)).reshape(-1, 2)
        return np.array([counts.poisson(self.stream, *each) for each in zip(means, pairs, strict=True)])


class Normals(Stream):
    """`size` normals a call."""

    def __call__(self, size):
        return self.normals(size)
