"""H^K on finitely many states, against enumeration in fractions and mpmath at 50 digits."""

import itertools
import math
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
from scipy import integrate, stats

from theorycheck.loops import populations
from theorycheck.loops.curation import choice_ratio, fixed_point, log_masses, trajectory


def enumerated(p, a, choices):
    """H^K by its definition: over all ordered tuples of the other K − 1 proposals, in fractions."""
    p, a = [Fraction(float(x)) for x in p], [Fraction(float(x)) for x in a]
    total = sum(p)
    ratios = []
    for x in a:
        expected = Fraction(0)
        for others in itertools.product(range(len(p)), repeat=choices - 1):
            chance = math.prod((p[i] / total for i in others), start=Fraction(1))
            expected += chance * choices * x / (x + sum(a[i] for i in others))
        ratios.append(expected)
    return ratios


def binomial_sum(p, r, choices):
    """H^K for two atoms by a sum over how often the first is among the others, at 50 digits."""
    with mp.workdps(50):
        a = [mp.exp(mp.mpf(float(x))) for x in r]
        p0 = mp.mpf(float(p[0])) / (mp.mpf(float(p[0])) + mp.mpf(float(p[1])))
        ratios, others = [], choices - 1
        chance = (1 - p0) ** others
        terms = []
        for j in range(choices):
            terms.append((chance, j * a[0] + (others - j) * a[1]))
            chance *= (others - j) * p0 / ((j + 1) * (1 - p0))
        for x in a:
            ratios.append(mp.fsum(c * choices * x / (x + rest) for c, rest in terms))
        return ratios


def integral(p, r, choices):
    """H^K = K·a·∫ e^{−ua}(E e^{−uA})^{K−1} du by Gauss–Legendre on pieces, at 50 digits."""
    with mp.workdps(50):
        a = [mp.exp(mp.mpf(float(x))) for x in r]
        p = [mp.mpf(float(x)) for x in p]
        total = mp.fsum(p)

        def others(u):
            return (mp.fsum(w * mp.exp(-u * x) for w, x in zip(p, a, strict=True)) / total) ** (choices - 1)

        mean = mp.fsum(w * x for w, x in zip(p, a, strict=True)) / total
        unit = 1 / (choices * mean)
        last = mp.mpf(90) / (choices * min(x for w, x in zip(p, a, strict=True) if w > 0))
        ends = [mp.mpf(0), unit / 4, unit, 2 * unit, 4 * unit]
        while ends[-1] < last:
            ends.append(2 * ends[-1])
        return [choices * x * mp.quad(lambda u, x=x: mp.exp(-u * x) * others(u), ends) for x in a]


def worst(values, truths):
    """The largest relative error."""
    with mp.workdps(50):
        return max(
            float(abs(mp.mpf(float(v)) * t.denominator / t.numerator - 1))
            if isinstance(t, Fraction)
            else float(abs(mp.mpf(float(v)) / t - 1))
            for v, t in zip(values, truths, strict=True)
        )


LAWS = [
    ([0.5, 0.5], [0.0, -0.1]),
    ([0.99, 0.01], [0.0, 20.0]),
    ([1e-9, 1 - 1e-9], [0.0, -20.0]),
    ([0.2, 0.3, 0.5], [1.0, 0.0, 1.0]),
    ([0.25, 0.25, 0.5], [-20.0, -7.3, 0.0]),
    ([0.6, 0.0, 0.4], [0.0, 20.0, 3.0]),
    ([0.0, 0.7, 0.3], [-20.0, 0.0, -1.0]),
    ([0.0, 1.0, 0.0], [5.0, 0.0, -5.0]),
    ([0.1, 0.2, 0.3, 0.4], [2.0, -18.0, -3.0, 0.5]),
    ([1.0], [3.0]),
]


@pytest.mark.parametrize("choices", [2, 3, 5])
@pytest.mark.parametrize(("p", "reward"), LAWS, ids=str)
def test_small_numbers_of_choices_by_enumeration(p, reward, choices):
    # The weights are rounded once here, as in the code: rewards carry a relative error of their own.
    weights = np.exp(np.asarray(reward) - max(reward))
    assert worst(choice_ratio(p, reward, choices), enumerated(p, weights, choices)) < 1e-12


@pytest.mark.parametrize("choices", [7, 60, 100, 1000])
@pytest.mark.parametrize(("p", "reward"), [*LAWS[:3], ([0.5, 0.5], [0.0, -20.0])], ids=str)
def test_two_atoms_by_a_binomial_sum(p, reward, choices):
    assert worst(choice_ratio(p, reward, choices), binomial_sum(p, reward, choices)) < 1e-12


@pytest.mark.parametrize("choices", [10**4, 10**7])
@pytest.mark.parametrize(("p", "reward"), [LAWS[1], LAWS[2], LAWS[5], LAWS[8]], ids=str)
def test_many_choices_by_quadrature(p, reward, choices):
    assert worst(choice_ratio(p, reward, choices), integral(p, reward, choices)) < 1e-12


@pytest.mark.parametrize(("p", "reward"), LAWS, ids=str)
def test_one_choice_changes_nothing(p, reward):
    assert choice_ratio(p, reward, 1).tolist() == [1.0] * len(p)


@pytest.mark.parametrize(("p", "reward"), LAWS, ids=str)
def test_infinitely_many_choices_tilt_by_the_weight(p, reward):
    with mp.workdps(50):
        a = [mp.exp(mp.mpf(x)) for x in reward]
        mean = mp.fsum(mp.mpf(w) * x for w, x in zip(p, a, strict=True)) / mp.fsum(map(mp.mpf, p))
        assert worst(choice_ratio(p, reward, math.inf), [x / mean for x in a]) < 2e-15


@pytest.mark.parametrize("choices", [10**6, 10**7])
def test_first_order_in_one_over_k(choices):
    p, reward = np.array([0.3, 0.3, 0.4]), np.array([0.0, 1.0, -0.5])
    a = np.exp(reward)
    m = p @ a
    slope = a / m * ((m - a) / m + p @ (a - m) ** 2 / m**2)
    gap = choices * (choice_ratio(p, reward, choices) - choice_ratio(p, reward, math.inf))
    np.testing.assert_allclose(gap, slope, rtol=0, atol=20 / choices + choices * 1e-14)


@pytest.mark.parametrize("choices", [1, 2, 4, 100, 10**7, math.inf])
def test_invariances(choices):
    p, reward = np.array([0.1, 0.2, 0.0, 0.7]), np.array([0.5, -3.0, 2.0, 0.25])
    ratio = choice_ratio(p, reward, choices)
    assert ratio.shape == (4,)
    assert p @ ratio == pytest.approx(1, abs=1e-13)
    assert (ratio > 0).all()
    np.testing.assert_allclose(choice_ratio(p, reward + 512.0, choices), ratio, rtol=1e-15)
    order = np.array([2, 0, 3, 1])
    np.testing.assert_allclose(choice_ratio(p[order], reward[order], choices), ratio[order], rtol=1e-14)
    merged = choice_ratio([0.1, 0.2, 0.0, 0.3, 0.4], [*reward, 0.25], choices)
    np.testing.assert_allclose(merged, [*ratio, ratio[3]], rtol=1e-13)
    np.testing.assert_allclose(choice_ratio(p * (1 + 9e-10), reward, choices), ratio, rtol=1e-13)
    if 1 < choices < math.inf:
        assert (ratio < choices).all()


def test_arguments_are_left_alone():
    p, reward = np.array([0.5, 0.5 + 5e-10]), np.array([1.0, 2.0])
    choice_ratio(p, reward, 3)
    assert p.tolist() == [0.5, 0.5 + 5e-10]
    assert reward.tolist() == [1.0, 2.0]


def test_an_absent_atom_of_hardly_any_weight_keeps_its_ratio():
    # Where p = (1, 0), H² of the absent atom is ∫2a·exp(−ua − u)du = 2a/(1 + a).
    for reward in (-30.0, *np.linspace(-600, -560, 9)):
        ratio = choice_ratio([1.0, 0.0], [0.0, reward], 2)
        assert ratio == pytest.approx([1.0, 2 * math.exp(reward) / (1 + math.exp(reward))], rel=1e-12)


@pytest.mark.parametrize("choices", [2, 5, math.inf])
def test_very_wide_rewards_give_a_certain_choice(choices):
    # The best proposal is always kept, up to e^{−600}.
    ratio = choice_ratio([0.25, 0.75], [0.0, -600.0], choices)
    kept = 1 if choices == math.inf else 1 - 0.75**choices
    np.testing.assert_allclose(ratio, [kept / 0.25, (1 - kept) / 0.75], rtol=1e-12, atol=1e-200)


@pytest.mark.parametrize("choices", [2, math.inf])
@pytest.mark.parametrize("reward", [[0.0, -800.0], [1000.0, 0.0], [-1e308, 1e308]], ids=str)
def test_rewards_whose_weights_underflow_are_refused(reward, choices):
    with pytest.raises(ValueError, match=r"^reward must "):
        choice_ratio([0.0, 1.0], reward, choices)


BAD = [
    (dict(choices=0), ValueError, "choices must be .* got 0"),
    (dict(choices=2.5), ValueError, "choices must be .* got 2.5"),
    (dict(choices="2"), TypeError, "choices must be .* got '2'"),
    (dict(p=[0.5, -0.5, 1.0]), ValueError, "p must not be negative, got -0.5 at index 1"),
    (dict(p=[0.5, math.nan, 0.5]), ValueError, "p must be finite, got nan at index 1"),
    (dict(p=[0.5, 0.5, 0.1]), ValueError, "p must sum to 1 within 1e-9, got a sum of 1.1"),
    (dict(p=[]), ValueError, r"p must be a non-empty one-dimensional array, got shape \(0,\)"),
    (dict(p=[[1.0]]), ValueError, r"p must be a non-empty one-dimensional array, got shape \(1, 1\)"),
    (dict(reward=[0.0, 1.0]), ValueError, r"reward must have one entry per atom \(3\), got 2"),
    (dict(reward=[0.0, 1.0, math.inf]), ValueError, "reward must be finite, got inf at index 2"),
    (dict(reward=["x", 1.0, 2.0]), TypeError, "reward must be .* got \\['x'"),
]


@pytest.mark.parametrize(("change", "error", "sentence"), BAD, ids=[str(b[0]) for b in BAD])
def test_bad_arguments(change, error, sentence):
    arguments = {"p": [0.5, 0.25, 0.25], "reward": [0.0, 1.0, 2.0], "choices": 2, **change}
    with pytest.raises(error, match=f"^{sentence}"):
        choice_ratio(**arguments)


# --- the limit with real data -------------------------------------------------------------------------------


@pytest.mark.parametrize("choices", [1, 2, 7, math.inf])
@pytest.mark.parametrize("weight", [0.0, 0.3, 2.0, 20.0])
def test_fixed_point_is_where_the_loop_ends(choices, weight):
    # The last atom is nearer to the best than differences of H are told apart.
    p, reward = np.array([0.4, 0.2, 0.0, 0.2, 0.1, 0.1]), np.array([0.0, 1.0, 3.0, -0.5, 1.4, 1.4 - 5e-9])
    found = fixed_point(p, reward, choices, weight)
    assert found.p == pytest.approx(trajectory(p, reward, choices, 1500, weight)[-1], abs=1e-10)
    assert found.condensate == 0.0
    assert found.residual <= 1e-12


def test_steps_are_counted():
    # With λ = 0 the limit is p_ref itself; without a choice (K = 1) the first step finds it.
    assert fixed_point([0.4, 0.6], [0.0, 1.0], 2, 0.0).steps == 0
    assert fixed_point([0.4, 0.6], [0.0, 1.0], 1, 2.0).steps == 1


@pytest.mark.parametrize("weight", [0.5, 1.0, 1.5, 4.0])
def test_condensate_on_an_atom_that_is_nearly_absent(weight):
    # A top atom of mass 10⁻¹⁰ takes up what condenses where there is none.
    p, reward = np.array([0.999, 0.001]), np.array([0.0, 0.3])
    alone = fixed_point(p, reward, 3, weight, top=1.0)
    seeded = fixed_point(np.append((1 - 1e-10) * p, 1e-10), np.append(reward, 1.0), 3, weight)
    assert alone.condensate == pytest.approx(seeded.p[-1], abs=1e-8)
    assert alone.p == pytest.approx(seeded.p[:-1], abs=1e-8)
    assert alone.condensate + alone.p.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("choices", [2, 10, 100, math.inf])
@pytest.mark.parametrize("weight", [1.0, 1.5, 9.0, 99.0])
def test_a_condensate_does_not_depend_on_how_near_the_top_the_points_are(choices, weight):
    # The density 3s² of s = r* − r: points that end 10⁻¹⁴, 10⁻¹⁶ and 10⁻⁴⁷ below r* = 1 or 0.
    laws = [
        populations.of_rewards(stats.beta(1, 3)),
        populations.of_density(lambda r: 3 * (1 - r) ** 2, 0, 1),
        populations.of_density(lambda r: 3 * r**2, -1, 0),
    ]
    found = [fixed_point(law.p, law.reward, choices, weight, law.top) for law in laws]
    for limit in found[1:]:
        assert limit.condensate == pytest.approx(found[0].condensate, abs=1e-9)
    if choices == math.inf:
        pole = integrate.quad(lambda s: -3 * s**2 / math.expm1(-s), 0, 1)[0]
        assert found[0].condensate == pytest.approx(max(0, 1 - pole / (1 + weight)), abs=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(synthetic_weight=math.inf), "synthetic_weight must be finite .* got inf"),
        (dict(synthetic_weight=-1.0), "synthetic_weight must be in"),
        (dict(synthetic_weight=1e308), "synthetic_weight must leave more than 1e-300 of real data"),
        (dict(top=0.5), "top must be at least the largest reward 1, got 0.5"),
        (dict(top=math.inf), "top must be at least the largest reward 1, got inf"),
        (dict(choices=0), "choices must be"),
    ],
)
def test_bad_limits(arguments, message):
    with pytest.raises(ValueError, match=message):
        fixed_point(
            **dict(reference=[0.5, 0.5], reward=[0.0, 1.0], choices=2, synthetic_weight=1.0) | arguments
        )


# --- in log space, with what is conserved -------------------------------------------------------------------


def test_masses_below_the_smallest_float_keep_their_digits():
    # K = ∞: log p_t = log p_0 + t·r − log Z, with Z the top state's within e^{−9000}.
    p, r = np.array([0.2, 0.3, 0.5]), np.array([-3.0, -0.9, 0.0])
    *_, end = log_masses(p, r, math.inf, 10_000)
    np.testing.assert_allclose(end, np.log(p / 0.5) + 10_000 * r, rtol=0, atol=1e-7)
    assert trajectory(p, r, math.inf, 10_000)[-1].tolist() == pytest.approx([0, 0, 1], abs=1e-12)


def test_ten_thousand_generations_keep_ratios_of_equals():
    p, r = np.array([0.1, 0.3, 1e-30, 0.6 - 1e-30]), np.array([0.0, 0.0, 1.0, 0.5])
    *_, end = log_masses(p, r, 3, 10_000)
    assert end[1] - end[0] == pytest.approx(math.log(3), abs=1e-9)
    assert np.exp(end).sum() == pytest.approx(1, abs=1e-12)
    # The gap closes by ρ = K a_2/(a_2 + (K−1)a*) in the end.
    *_, before, last = log_masses(p, r, 3, 2000)
    a = math.exp(-0.5)
    assert last[3] - before[3] == pytest.approx(math.log(3 * a / (a + 2)), abs=1e-9)


@pytest.mark.parametrize("weight", [0.0, 0.7, math.inf])
def test_atoms_without_mass_stay_so_but_for_real_data(weight):
    found = [*log_masses([0.5, 0.5, 0.0], [0.0, 1.0, 2.0], 2, 3, weight, [0.0, 0.5, 0.5])]
    assert found[0][2] == -math.inf
    assert (found[3][2] == -math.inf) == (weight == math.inf)
    assert (found[3][0] == -math.inf) == (weight == 0.0)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda h: h * (1 + 3e-10),
        lambda h: h - np.array([-0.3, 0.0, 0.3]),
        lambda h: h[::-1],
        lambda h: h * [-1, 1, 1],
        lambda h: np.array([0.5, 0.5, 2.5]),
        lambda h: np.array([0.66, 0.66, 2.02]),  # the mass is kept: 2.02 > K
        lambda h: np.array([0.0, 0.5 / 0.35, 2.0]),
        lambda h: np.array([0.2, 1.9, 1.02]),
        lambda h: np.array([1.01, 1.0, 0.246 / 0.25]),
        lambda h: h * math.nan,
    ],
)
def test_what_is_not_conserved_is_refused(monkeypatch, wrong):
    from theorycheck.loops import curation

    right = curation._choice_ratio
    monkeypatch.setattr(curation, "_choice_ratio", lambda *law: wrong(right(*law)))
    with pytest.raises(ArithmeticError, match=r"^a choice among K = 2 must keep the mass .* got E_p H = "):
        curation.trajectory([0.4, 0.35, 0.25], [0.0, 0.5, 1.5], 2, 1)
