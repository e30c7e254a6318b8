"""The laws of the curated loop and its states, against simulation, quadrature and enumeration."""

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, stats
from sklearn.datasets import load_digits, make_moons

from theorycheck.loops import digits as data
from theorycheck.loops import planar, populations, rewards
from theorycheck.loops.curation import trajectory
from theorycheck.loops.generations import limit, states
from theorycheck.loops.populations import Population
from theorycheck.loops.retraining.laws import Mixture
from theorycheck.loops.rewards import Distance

ERROR = 1e-9  # chance that a comparison with random draws fails although all is well
DRAWS = 200_000
HOEFFDING = math.sqrt(math.log(2 / ERROR) / (2 * DRAWS))  # also Dvoretzky–Kiefer–Wolfowitz


def eight(rng, size):
    """Draws from the eight Gaussians of deviation 0.2 on a circle of radius 2: modes and rewards."""
    mode = rng.integers(8, size=size)
    x = 2 * np.column_stack([np.cos(mode * np.pi / 4), np.sin(mode * np.pi / 4)])
    x += 0.2 * rng.standard_normal((size, 2))
    return mode, -10 * np.maximum(0, np.hypot(x[:, 0] - 2, x[:, 1]) - 0.5)


# --- the reward of Gaussians in the plane -------------------------------------------------------------------

# The panels of the quadrature of ‖x − x*‖ beyond r_min: a Gauss–Legendre rule gives the cdf at their edges.
EDGES = np.linspace(0.5, 4 + 9 * 0.2, 28)


def at_edges(law, labels=slice(None)):
    p, r = law.p[labels], law.reward[labels]
    return np.array([p[r >= -10 * (edge - 0.5)].sum() for edge in EDGES])


def test_eight_gaussians_by_simulation():
    law = planar.eight_gaussians()
    mode, drawn = eight(np.random.default_rng(1), DRAWS)
    found = np.searchsorted(np.sort(-drawn), 10 * (EDGES - 0.5), side="right") / DRAWS
    assert np.abs(found - at_edges(law)).max() < HOEFFDING
    for k in range(8):
        assert abs(np.mean((mode == k) * np.exp(drawn)) - shared(law, k)) < HOEFFDING
    assert law.shares(law.p) == pytest.approx([1 / 8] * 8, abs=1e-14)
    assert law.top == 0


def shared(law, label):
    """E[e^r; label]."""
    return float(law.p[law.labels == label] @ np.exp(law.reward[law.labels == label]))


@pytest.mark.parametrize("mode", range(8))
def test_each_gaussian_by_the_noncentral_chi_square(mode):
    law = planar.eight_gaussians()
    away = 2 * abs(np.exp(1j * mode * np.pi / 4) - 1)
    truth = stats.ncx2.cdf((EDGES / 0.2) ** 2, 2, (away / 0.2) ** 2) / 8
    assert at_edges(law, law.labels == mode) == pytest.approx(truth, abs=1e-13)


@pytest.mark.parametrize(("radius", "target"), [(0.0, (0.3, 0.0)), (1.7, (0.0, 0.0)), (0.2, (-3.0, 4.0))])
def test_one_gaussian_by_quadrature(radius, target):
    law = planar.gaussians([[0.0, 0.0]], 0.5, Distance(target, radius, 2))
    rice = stats.rice(math.hypot(*target) / 0.5, scale=0.5)
    ends = sorted([0, radius, math.hypot(*target), 12])
    for power in (1, 3):

        def weighted(d, power=power):
            return rice.pdf(d) * math.exp(-2 * power * max(0, d - radius))

        pieces = [integrate.quad(weighted, *pair, epsabs=1e-13)[0] for pair in itertools.pairwise(ends)]
        assert law.p @ np.exp(power * law.reward) == pytest.approx(sum(pieces), abs=1e-12)
    assert (law.reward == 0).any() == (radius > 0)


def test_two_moons_by_simulation():
    law = planar.two_moons()
    x, moon = make_moons(DRAWS, noise=0.1, random_state=3)
    drawn = np.exp(-10 * np.maximum(0, np.hypot(x[:, 0], x[:, 1] - 1) - 0.5))
    for k in range(2):
        assert abs(np.mean((moon == k) * drawn) - shared(law, k)) < HOEFFDING
        assert (
            abs(np.mean((moon == k) * (drawn == 1)) - law.p[(law.labels == k) & (law.reward == 0)])
            < HOEFFDING
        )
    assert law.names == ("upper", "lower")


@pytest.mark.parametrize(("moon", "centre"), [(0, lambda w: w), (1, lambda w: 1 + 0.5j - w)])
def test_the_moons_by_quadrature_over_the_angle(moon, centre):
    def inside(angle):
        away = abs(centre(np.exp(1j * angle)) - 1j)
        return stats.ncx2.cdf((0.5 / 0.1) ** 2, 2, (away / 0.1) ** 2) / (2 * np.pi)

    law, angles = planar.two_moons(), itertools.pairwise(np.arange(4) * np.pi / 3)
    pieces = [integrate.quad(inside, *ends, epsabs=1e-12)[0] for ends in angles]
    assert law.p[(law.labels == moon) & (law.reward == 0)] == pytest.approx(sum(pieces), abs=1e-11)


def test_a_generation_of_eight_gaussians_by_users_who_choose():
    law, rng = planar.eight_gaussians(), np.random.default_rng(4)
    mode, r = (values.reshape(-1, 4) for values in eight(rng, 4 * DRAWS))
    odds = np.cumsum(np.exp(r), axis=1)
    chosen = (odds < odds[:, -1:] * rng.random((DRAWS, 1))).sum(axis=1)
    kept = np.arange(DRAWS), chosen
    after = [*states(law, 4, math.inf, 1)][1]
    assert abs(np.exp(r[kept]).mean() - after.mean_weight) < HOEFFDING
    assert np.abs(np.bincount(mode[kept], minlength=8) / DRAWS - after.shares).max() < HOEFFDING


# --- laws on the line ---------------------------------------------------------------------------------------

BETA = dict(density=lambda r: 3 * (1 - r) ** 2, ends=(0, 1), top=1.0)
EXPONENTIAL = dict(density=lambda r: 4 * math.exp(4 * r), ends=(-25, 0), top=0.0)
LINE = {
    "the quantile function": (populations.of_rewards(lambda v: 1 - np.cbrt(v)), BETA),
    "the law of the reward": (populations.of_rewards(stats.beta(1, 3)), BETA),
    "a law and a reward": (populations.on_line(stats.uniform(), lambda x: 1 - np.cbrt(1 - x), 1.0), BETA),
    "rewards of a half-line": (populations.on_line(stats.expon(), lambda x: -x / 4, 0.0), EXPONENTIAL),
    "a mixture of equals": (
        populations.of_rewards(Mixture((0.25, 0.75), (stats.beta(1, 3), stats.beta(1, 3)))),
        BETA,
    ),
}


@pytest.mark.parametrize(("law", "known"), LINE.values(), ids=LINE)
def test_continuous_laws_by_quadrature(law, known):
    density, ends = known["density"], known["ends"]

    def mean(f):
        return integrate.quad(lambda r: f(math.exp(r)) * density(r), *ends, epsabs=1e-13, epsrel=1e-12)[0]

    first, second, third = (mean(lambda a, k=k: a**k) for k in (1, 2, 3))
    before, after = states(law, math.inf, math.inf, 1)
    assert before[1:4] == pytest.approx((first, second - first**2, 0), abs=1e-11)
    assert after.mean_weight == pytest.approx(second / first, abs=1e-11)
    assert after.weight_variance == pytest.approx(third / first - (second / first) ** 2, abs=1e-11)
    assert after.kl == pytest.approx(mean(lambda a: a / first * math.log(a / first)), abs=1e-11)

    # Two proposals: E[Σa²/Σa] over independent pairs.
    def pair(s, r):
        a, b = math.exp(r), math.exp(s)
        return density(r) * density(s) * (a**2 + b**2) / (a + b)

    pairs = integrate.dblquad(pair, *ends, *ends, epsabs=1e-10)[0]
    mixed = [*states(law, 2, 0.5, 1)][1]
    assert mixed.mean_weight == pytest.approx((first + 0.5 * pairs) / 1.5, abs=1e-9)
    assert law.top == known["top"]
    assert mixed.shares == ()


@pytest.mark.parametrize(
    ("density", "ends", "moment"),
    [
        (lambda r: 2 * (1 - r), (0, 1), lambda k: 2 * (math.exp(k) - 1 - k) / k**2),
        (lambda r: np.full(r.shape, 0.5), (-1, 1), lambda k: math.sinh(k) / k),
        (lambda r: 0.5 / np.sqrt(-r), (-1, 0), lambda k: math.sqrt(math.pi / k) / 2 * math.erf(math.sqrt(k))),
        (lambda r: np.exp(r) / (np.e - 1), (0, 1), lambda k: (math.exp(k + 1) - 1) / (k + 1) / (math.e - 1)),
    ],
)
def test_a_density_gives_the_law(density, ends, moment):
    found = populations.of_density(density, *ends)
    assert found.top == ends[1]
    for power in (1, 2, 50):
        assert found.p @ np.exp(power * found.reward) == pytest.approx(moment(power), rel=1e-12)


@pytest.mark.parametrize("density", [lambda r: -np.log(r - 1), lambda r: -np.log(2 - r)])
def test_a_density_is_not_asked_at_the_ends(density):
    # Near 1 and 2 points round to the ends, where these are infinite.
    assert populations.of_density(density, 1, 2).p.sum() == pytest.approx(1, abs=1e-12)


def test_a_density_and_its_distribution_have_the_same_loop():
    first = populations.of_density(lambda r: 2 * np.sqrt(1 - r) * 0.75, 0, 1)
    second = populations.of_rewards(stats.beta(1, 1.5))
    for one, other in zip(states(first, 3, 1.0, 30), states(second, 3, 1.0, 30), strict=True):
        assert one[:4] == pytest.approx(other[:4], abs=1e-8)


def test_the_limit_of_a_thin_top_is_a_condensate():
    # K = ∞: p = (1 − η)·p_ref/(1 − a/a*) below the top, by Kingman; the rest is at the top.
    weight = 2.0
    whole = integrate.quad(lambda r: 3 * (1 - r) ** 2 / -math.expm1(r - 1), 0, 1, epsabs=1e-13)[0]
    first, second = (
        integrate.quad(lambda r, k=k: 3 * (1 - r) ** 2 * math.exp(k * r) / -math.expm1(r - 1), 0, 1)[0]
        / (1 + weight)
        for k in (1, 2)
    )
    condensate = 1 - whole / (1 + weight)
    mean = first + math.e * condensate
    found = limit(populations.of_rewards(stats.beta(1, 3)), math.inf, weight)
    assert found.condensate == pytest.approx(condensate, abs=1e-9)
    assert found.mean_weight == pytest.approx(mean, abs=1e-9)
    assert found.weight_variance == pytest.approx(second + math.e**2 * condensate - mean**2, abs=1e-9)
    assert (found.generation, found.kl) == (math.inf, math.inf)


def test_unbounded_rewards_tilt_a_normal_law_until_its_points_end():
    # K = ∞: p_t = N(t, 1), so E e^r = e^{t+½}, Var e^r = e^{2t+1}(e − 1), KL = t²/2.
    loop = states(populations.of_rewards(stats.norm()), math.inf, math.inf, 20)
    for t, state in zip(range(5), loop, strict=False):
        mean = math.exp(t + 0.5)
        assert state[1:4] == pytest.approx((mean, mean**2 * (math.e - 1), t**2 / 2), rel=1e-9)
    with pytest.raises(ValueError, match="within reach"):
        next(loop)


def test_infinite_moments_are_told():
    with pytest.raises(ValueError, match="of E e\\^2r beyond"):
        next(states(populations.of_rewards(stats.expon(0, 0.6)), 2, 1.0, 5))


@pytest.mark.parametrize(
    ("law", "weight"),
    [(Population([0.5, 0.5], [0, 1]), math.inf), (Population([0.5, 0.5], [0, 1], top=math.inf), 1.0)],
)
def test_no_limit(law, weight):
    assert limit(law, 2, weight) is None


# --- finite laws --------------------------------------------------------------------------------------------


def test_states_are_those_of_the_trajectory():
    p, r, labels = np.array([0.1, 0.3, 0.4, 0.2]), np.array([0.3, -1.0, 0.9, 0.3]), [0, 1, 0, 1]
    law = Population(p, r, labels, ("even", "odd"))
    found = [*states(law, 3, 2.0, 40)]
    for t, (state, q) in enumerate(zip(found, trajectory(p, r, 3, 40, 2.0), strict=True)):
        mean = sum(x * math.exp(y) for x, y in zip(q, r, strict=True))
        variance = sum(x * (math.exp(y) - mean) ** 2 for x, y in zip(q, r, strict=True))
        divergence = sum(x * math.log(x / y) for x, y in zip(q, p, strict=True))
        assert state[:4] == pytest.approx((t, mean, variance, divergence), abs=1e-13)
        assert state.shares == pytest.approx((q[0] + q[2], q[1] + q[3]), abs=1e-14)
        assert state.condensate == 0
    end = limit(law, 3, 2.0)
    assert end[1:4] == pytest.approx(found[-1][1:4], abs=1e-5)
    assert end.shares == pytest.approx(found[-1].shares, abs=1e-5)
    assert (end.generation, end.condensate) == (math.inf, 0)


def test_wide_rewards():
    state = next(states(Population([0.5, 0.5], [0.0, -600.0]), 2, 1.0, 0))
    assert state[1:4] == pytest.approx((0.5, 0.25, 0), abs=1e-15)


def test_rare_low_rewards_are_no_edge():
    law = Population([1e-40, 0.5, 0.5], [0.0, 5.0, 6.0], top=math.inf)
    assert next(states(law, 2, 1.0, 0)).mean_weight == pytest.approx((math.exp(5) + math.exp(6)) / 2)


def test_ten_thousand_generations():
    law = Population([1e-30, 0.5, 0.5], [0.0, -0.1, -40.0])
    found = [*states(law, 2, math.inf, 10_000)]
    means = np.array([state.mean_weight for state in found])
    assert (np.diff(means) >= -1e-15).all()
    assert means[-1] == pytest.approx(1, abs=1e-12)
    assert found[-1].kl == pytest.approx(30 * math.log(10), rel=1e-12)


@pytest.mark.parametrize("name", ["confidence", "class:3"])
def test_digits(name):
    law = populations.digits(name)
    assert law.reward.tolist() == data.reward(name).tolist()
    assert law.labels.tolist() == load_digits().target.tolist()
    assert law.names == tuple("0123456789")
    assert law.shares(law.p) == pytest.approx(np.bincount(load_digits().target) / 1797, abs=1e-12)
    own = rewards.confidence if name == "confidence" else rewards.class_probability(3)
    assert populations.digits(own).reward.tolist() == law.reward.tolist()


def test_observations_of_one_s_own():
    law = populations.observed([[0.0, 0.0], [3.0, 4.0]], Distance((0.0, 0.0), 1.0), [1, 0], ("far", "near"))
    assert (law.p.tolist(), law.reward.tolist()) == ([0.5, 0.5], [0.0, -40.0])
    assert law.top == 0


@pytest.mark.parametrize(
    ("law", "top"),
    [
        (Population([1.0], [300.0]), 300),
        (Population([1.0], [-300.0], top=300), 300),
        (populations.observed([7.0], np.abs), 7),
        (populations.of_rewards([1.0, 5.0, 3.0]), 5),
        (populations.of_rewards(Mixture((0.5, 0.5), (stats.uniform(0, 2), stats.beta(1, 3)))), 2),
        (populations.of_rewards(lambda v: 1 - v, 1.5), 1.5),
        (populations.of_rewards(stats.norm()), math.inf),
    ],
)
def test_the_supremum(law, top):
    assert law.top == top


def test_the_supremum_is_the_largest_reward_by_default():
    law = populations.on_line(stats.uniform(), np.square)
    assert law.top == law.reward.max()


def test_atoms_without_mass_are_left_out():
    law = Population([0.5, 0.0, 0.5], [0, 2000, 1], [0, 1, 2], ("a", "b", "c"))
    assert (law.p.tolist(), law.reward.tolist(), law.labels.tolist()) == ([0.5, 0.5], [0, 1], [0, 2])
    assert law.shares(law.p) == (0.5, 0, 0.5)


# --- rewards ------------------------------------------------------------------------------------------------

X = np.array([-1.0, 0.0, 2.0, 5.0])


@pytest.mark.parametrize(
    ("reward", "expected"),
    [
        (Distance(1.0, 1.0, 3.0), [-3, 0, 0, -9]),
        (Distance(0.0), [-10, 0, -20, -50]),
        (rewards.total(np.abs, np.negative, np.square), [3, 0, 4, 25]),
        (rewards.scaled(np.abs, -2), [-2, 0, -4, -10]),
        (rewards.clipped(np.abs, 0.5, 3), [1, 0.5, 2, 3]),
        (rewards.clipped(np.abs, 1, 1), [1, 1, 1, 1]),
        (rewards.clipped(rewards.scaled(np.square, 2), 0, 9), [2, 0, 8, 9]),
    ],
)
def test_rewards(reward, expected):
    assert reward(X).tolist() == expected


def test_rewards_of_a_classifier():
    judged = np.array([[0.2, 0.8], [0.7, 0.3]])
    assert rewards.confidence(judged).tolist() == [0.8, 0.7]
    assert rewards.class_probability(0, 10)(judged).tolist() == [2.0, 7.0]
    assert rewards.confidence(judged[0]) == 0.8


def test_distances_of_any_shape():
    x = np.array([[[3.0, 4.0], [0.0, 0.0]]])
    reward = Distance((0.0, 0.0), 1.0, 2.0)
    assert reward(x).tolist() == [[-8, 0]]
    assert reward(x[0, 0]) == -8


# --- what is refused ----------------------------------------------------------------------------------------

PLANE = dict(centres=[[0.0, 0.0], [1.0, 0.0]], scale=0.1, reward=Distance((0.0, 0.0)))
BAD = [
    (lambda: Population([0.5, 0.6], [0, 1]), "p must sum to 1"),
    (lambda: Population([1.5, -0.5], [0, 1]), "p must not be negative, got -0.5 at index 1"),
    (lambda: Population([0.5, 0.5], [0, 1, 2]), r"reward must have one entry per atom \(2\), got 3"),
    (lambda: Population([0.0, 1.0], [math.nan, 1]), "reward must be finite, got nan at index 0"),
    (lambda: Population([0.5, 0.5], [0, 700]), "reward must span at most 600"),
    (lambda: Population([0.5, 0.5], [300, 301]), "reward must be within ±300 .* got 301 .* subtract"),
    (lambda: Population([0.5, 0.5], [-400, -301]), "reward must be within ±300 .* got -301"),
    (lambda: Population([0.5, 0.5], [0, 1], top=301), "reward must be within ±300 .*top 301"),
    (lambda: Population([0.5, 0.5], [0, 1], top=0.5), "top must be at least the largest reward 1, got 0.5"),
    (lambda: Population([0.5, 0.5], [0, 1], top=math.nan), "top must be at least .* got nan"),
    (lambda: Population([0.5, 0.5], [0, 1], [0], ("a",)), "labels must be 2 integers"),
    (lambda: Population([0.5, 0.5], [0, 1], [0.0, 1.0], ("a", "b")), "labels must be 2 integers"),
    (lambda: Population([0.5, 0.5], [0, 1], [0, 1], ("a",)), "labels must be from 0 to 0"),
    (lambda: Population([0.5, 0.5], [0, 1], [-1, 0], ("a",)), "labels must be from 0 to 0"),
    (lambda: populations.digits("class:10"), "reward must be one of confidence"),
    (lambda: populations.on_line(stats.norm(0, -1), np.tanh), "data must be a proper distribution"),
    (lambda: populations.on_line(stats.norm(), np.log), "reward must be finite, got nan"),
    (lambda: populations.of_rewards(stats.cauchy()), "reward must span at most 600"),
    (
        lambda: populations.of_density(np.ones_like, 0, 2),
        r"density must integrate to 1 .*, got 2",
    ),
    (lambda: populations.of_density(np.ones_like, 1, 0), "low and high must be finite and in this order"),
    (lambda: populations.of_density(np.ones_like, 0, math.inf), "low and high must be finite"),
    (lambda: populations.of_density(np.ones_like, -math.inf, 0), "low and high must be finite"),
    (lambda: populations.of_density(np.ones_like, 1, 1), "low and high must be finite and in this order"),
    (
        lambda: populations.of_density(lambda r: 1 - 2 * r, 0, 1),
        "density must be finite and not negative, got -",
    ),
    (lambda: populations.of_density(lambda r: r * math.nan, 0, 1), "density must be finite .* got nan"),
    (lambda: populations.of_density(lambda r: 1.0, 0, 1), "density must give one value for each"),
    (lambda: populations.of_density(lambda r: stats.norm(0.5, 1e-4).pdf(r), 0, 1), "density must integrate"),
    (lambda: populations.observed([], np.abs), "reward must be a non-empty"),
    (lambda: populations.observed([[0.0, 1.0]], np.abs), r"reward must be .* got shape \(1, 2\)"),
    (lambda: planar.gaussians(**PLANE | dict(centres=np.empty((0, 2)))), "centres must be .* shape \\(0, 2"),
    (lambda: planar.gaussians(**PLANE, labels=[0.0, 1.0]), r"labels must be integers, got \[0.0, 1.0\]"),
    (lambda: rewards.class_probability(-1), "label must be at least 0, got -1"),
    (lambda: rewards.class_probability(2)(np.ones((3, 4, 2))), "label must be below 2, the classes, got 2"),
    (lambda: rewards.clipped(np.abs, 2.0, 1.0), "low must be at most high, got 2.0 and 1.0"),
    (lambda: Distance(0.0, None), r"radius must be a number in \[0, inf\), got None"),
    (lambda: planar.gaussians(**PLANE | dict(centres=[[0.0]])), r"centres must .* got shape \(1, 1\)"),
    (lambda: planar.gaussians(**PLANE | dict(centres=[[0.0, math.inf]])), "centres must be finite"),
    (lambda: planar.gaussians(**PLANE | dict(scale=0.0)), "scale must be positive and finite, got 0.0"),
    (lambda: planar.gaussians(**PLANE | dict(scale=math.inf)), "scale must be positive and finite, got inf"),
    (lambda: planar.gaussians(**PLANE, labels=[-1, 0]), "labels must be from 0 to 0"),
    (lambda: planar.gaussians(**PLANE | dict(scale=1e-5)), "scale must be at least 0.0001"),
    (lambda: planar.gaussians(**PLANE, weights=[1.0]), "weights and labels must have one entry per centre"),
    (lambda: planar.gaussians(**PLANE, labels=[0]), "weights and labels must have one entry per centre"),
    (lambda: planar.gaussians(**PLANE, labels=[0, 1], names=["a"]), "labels must be from 0 to 0"),
    (lambda: planar.gaussians(**PLANE | dict(reward=Distance(0.0))), "target must be a point of the plane"),
    (lambda: Distance((0.0, math.nan)), "target must be finite"),
    (lambda: Distance(0.0, -1.0), r"radius must be a number in \[0, inf\), got -1"),
    (lambda: Distance(0.0, 1.0, math.inf), r"weight must be a number in \[0, inf\), got inf"),
    (lambda: next(states(Population([1.0], [0.0]), 2, 1.0, -1)), "steps must be at least 0"),
    (lambda: next(states(Population([1.0], [0.0]), 2, -1.0, 5)), "synthetic_weight must be"),
    (lambda: next(states(Population([1.0], [0.0]), 0.5, 1.0, 5)), "choices must be"),
    (lambda: limit(Population([1.0], [0.0]), 0, 1.0), "choices must be"),
    (lambda: limit(Population([1.0], [0.0]), 2, -1.0), "synthetic_weight must be"),
]


@pytest.mark.parametrize(("make", "sentence"), BAD, ids=[sentence for _, sentence in BAD])
def test_what_is_refused(make, sentence):
    with pytest.raises(ValueError, match=f"^{sentence}"), np.errstate(all="ignore"):
        make()
