"""H^K in balls at any K, against enumeration, exact binomial sums and mpmath; the tail, where it matters."""

import math
from fractions import Fraction

import mpmath as mp
import pytest
from flint import arb

from theorycheck.formula import ball, precision
from theorycheck.loops import enclosures, exact

TWO = ((Fraction(1, 3), Fraction(2, 3)), (Fraction(1, 100), Fraction(1)))
FOUR = (
    (Fraction(1, 2), Fraction(1, 4), Fraction(0), Fraction(1, 4)),
    (Fraction(1, 7), Fraction(3), Fraction(1, 10**6), Fraction(5, 2)),
)

RARE_BEST = ((1 - Fraction(1, 10**6), Fraction(1, 10**6)), (Fraction(1, 3), Fraction(1)))


def two_atoms(p, a, choices):
    """H^K by a sum over how many of the K − 1 others are the first atom, in fractions."""
    chances = [math.comb(choices - 1, j) * p[0] ** j * p[1] ** (choices - 1 - j) for j in range(choices)]
    return [
        sum(c * choices * x / (x + j * a[0] + (choices - 1 - j) * a[1]) for j, c in enumerate(chances))
        for x in a
    ]


def contained(balls, truths, width):
    """Each ball holds its truth and is relatively narrower than `width`."""
    with precision(256):
        return all(
            (found - ball(truth, bits=256)).contains(0) and found.rad() < width * found.mid()
            for found, truth in zip(balls, truths, strict=True)
        )


@pytest.mark.parametrize("choices", [1, 2, 3, 6])
@pytest.mark.parametrize(("p", "a"), [TWO, FOUR])
def test_enumeration(p, a, choices):
    assert contained(enclosures.choice_ratio(p, a, choices), exact.choice_ratio(p, a, choices), 1e-25)


@pytest.mark.parametrize("choices", [50, 1000])
def test_binomial_sums(choices):
    assert contained(enclosures.choice_ratio(*TWO, choices), two_atoms(*TWO, choices), 1e-25)


@pytest.mark.parametrize("tail", [1, 5, 20])
def test_the_tail_is_in_the_ball(monkeypatch, tail):
    monkeypatch.setattr(enclosures, "TAIL", tail)
    one_level = ((Fraction(1, 3), Fraction(2, 3)), (Fraction(2), Fraction(2)))
    for law in (TWO, FOUR, one_level):
        found = enclosures.choice_ratio(*law, 3)
        assert contained(found, exact.choice_ratio(*law, 3), 2)
        assert max(x.rad() for x in found) > arb(10) ** -12


def endpoints(found):
    """Both ends of a ball, exactly."""
    with precision(256):
        ends = found.lower().man_exp(), found.upper().man_exp()
    return [mp.ldexp(int(man), int(exp)) for man, exp in ends]


@pytest.mark.parametrize("choices", [2, 50, 1000])
@pytest.mark.parametrize("law", [FOUR, RARE_BEST], ids=["four", "rare best"])
def test_sixty_digits(law, choices):
    balls = enclosures.choice_ratio(*law, choices)
    with mp.workdps(60):
        p, a = ([mp.mpf(x.numerator) / x.denominator for x in values] for values in law)
        least = min(x for x, mass in zip(a, p, strict=True) if mass)
        for own, found in zip(a, balls, strict=True):

            def density(u, own=own):
                phi = mp.fsum(mass * mp.exp(-u * x) for mass, x in zip(p, a, strict=True))
                return choices * own * mp.exp(-u * own) * phi ** (choices - 1)

            rate = own + (choices - 1) * least
            cut = 80 / rate
            halves = [mp.mpf(0), *(cut / mp.mpf(2) ** k for k in range(choices.bit_length() + 3, -1, -1))]
            tail = mp.quad(density, [cut, 3 * cut])
            truth = mp.quad(density, halves) + tail
            low, high = endpoints(found)
            assert low <= truth <= high
            # The tail's bound, where there are hardly any others than the worst, is the tail itself.
            bound = choices * own * mp.exp(-80) / rate
            assert tail <= bound * (1 + mp.mpf(10) ** -30)
            if law is RARE_BEST:
                assert high - bound < truth


def test_more_bits_make_narrower_balls():
    wide, narrow = (enclosures.choice_ratio(*FOUR, 4, bits)[0].rad() for bits in (64, 192))
    assert narrow < wide / 1e3


def test_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="zip"):
        enclosures.choice_ratio(FOUR[0], FOUR[1][:3], 2)
