"""Compiled kernels give the bits of the same functions in plain Python, draw by draw."""

import importlib
import math
import pkgutil
from fractions import Fraction

import numpy as np
import pytest

from theorycheck import kernels
from theorycheck.kernels import (
    curation,
    gaussian,
    multivariate,
    normals,
    particles,
    retraining,
    sums,
    uniforms,
    wishart,
)

MODULES = [
    importlib.import_module(f"{kernels.__name__}.{info.name}")
    for info in pkgutil.iter_modules(kernels.__path__)
]

GENERAL = np.random.default_rng(7).normal(size=(3, 3))
X = np.array([0.6, -0.64, 0.48])
TRIANGLE = np.tril(GENERAL)
P, A = np.array([0.2, 0.3, 0.1, 0.4]), np.array([0.4, 1.0, 0.05, 0.7])
REFERENCE = np.array([0.0, 0.5, 0.25, 0.25])
MIXTURES = (
    np.array([[0.2, 0.8], [1.0, 0.0]]),
    GENERAL[:2, None] * [[1, 1, 0], [0, 2, 1]],
    np.array([[0.3, 2.0]] * 2),
)
DRAWN = np.random.default_rng(8).normal(size=(2, 6, 4, 3))

# Module, kernel, arguments after the generator (arrays to be filled at the end), how many are filled.
CALLS = [
    *(
        (gaussian, "literal", (n, steps, ddof, real, noise, *np.zeros((3, 4))), 3)
        for n, steps, ddof, real, noise in [
            (2, 3, 1, 0, 0),
            (5, 4, 0, 2, 0),
            (3, 5, 1, 0, 1),
            (4, 3, 0, 4, 1),
            (700, 2, 1, 600, 0),
        ]
    ),
    *(
        (gaussian, "reduced", (n, steps, ddof, tilt, 0.3 * tilt, *np.zeros((4, 4))), 4)
        for n, steps, ddof, tilt in [(2, 3, 1, 0), (2, 5, 1, 1), (5, 4, 0, 1), (40, 300, 1, 1)]
    ),
    *(
        (wishart, "literal", (GENERAL, n, steps, np.zeros((4, 3, 3))), 1)
        for n, steps in [(2, 3), (3, 0), (3, 2), (4, 2), (7, 3)]
    ),
    *(
        (wishart, "reduced", (GENERAL, n, steps, X, tilt, np.zeros((4, 3, 3)), np.zeros(4)), 2)
        for n, steps, tilt in [(2, 3, 0), (2, 3, 1), (3, 2, 1), (4, 4, 0), (4, 4, 1), (7, 0, 1), (7, 3, 1)]
    ),
    *(
        (curation, "literal", (REFERENCE, A, k, 9, 3, w, np.tile(P, (3, 1))), 1)
        for k, w in [(1, 0.0), (4, 0.3)]
    ),
    *(
        (curation, "reduced", (REFERENCE, A, k, users, 3, w, np.tile(P, (3, 1))), 1)
        for k, users, w in [(1, 5, 0.0), (4, 9, 0.3), (3, 10**5, 0.6), (1000, 10**9, 0.0)]
    ),
    (particles, "propose", (*MIXTURES, np.zeros((2, 7, 3))), 1),
    (particles, "keep", (np.exp(DRAWN[..., 0]), DRAWN, np.zeros((2, 6, 3))), 1),
    *(
        (retraining, "mean_loop", (0, law, 12.6 if law == 4 else 0.6, 1.3, 5, 2, 1, np.full((3, 4), 0.3)), 1)
        for law in range(7)
    ),
    *(
        (retraining, kernel, (law, law, 0.6, 1.0, real, own, fresh, np.full((3, 5), 0.3)), 1)
        for kernel in ("mean_loop", "reduced_mean_loop")
        for law in (retraining.NORMAL, retraining.POISSON, retraining.BERNOULLI, retraining.EXPONENTIAL)
        for real, own, fresh in [(4, 2, 0), (4, 0, 1), (0, 3, 0), (600, 1, 0)]
    ),
    *(
        (retraining, "gaussian_loop", (data, 0.3, 1.2, real, own, fresh, 1, *np.zeros((2, 3, 6))), 2)
        for data in (retraining.NORMAL, retraining.TWO_POINT)
        for real, own, fresh in [(4, 2, 0), (2, 0, 1), (0, 3, 0), (1, 600, 0)]
    ),
    *(
        (retraining, "reduced_gaussian_loop", (0.3, 1.2, real, own, fresh, 1, *np.zeros((2, 3, 6))), 2)
        for real, own, fresh in [(4, 2, 0), (2, 0, 1), (0, 3, 0), (1, 600, 0)]
    ),
    # More paths than are drawn at once.
    (retraining, "reduced_mean_loop", (0, 0, 0.6, 1.0, 4, 2, 0, np.full((515, 3), 0.3)), 1),
    (retraining, "reduced_gaussian_loop", (0.3, 1.2, 4, 2, 0, 1, *np.zeros((2, 515, 3))), 2),
    *(
        (retraining, "logistic_loop", (law, 0.3, 4.0, real, own, fresh, np.zeros((3, 5))), 1)
        for law in range(4)
        for real, own, fresh in [(4, 2, 0), (3, 0, 1), (0, 3, 0)]
    ),
    *(
        (
            multivariate,
            "loop",
            (
                *setting,
                X,
                TRIANGLE,
                np.eye(3),
                real,
                own,
                fresh,
                1,
                np.zeros((2, t, 3)),
                np.zeros((2, t, 3, 3)),
            ),
            2,
        )
        for *setting, real, own, fresh, t in [
            *((reduced, *case) for reduced in (0, 1) for case in [(4, 2, 0, 3), (2, 1, 1, 3), (0, 3, 0, 3)]),
            (0, 1, 520, 0, 2),
        ]
    ),
]


def plain(monkeypatch):
    """Replace all kernels, so that even helpers run as plain Python."""
    for module in MODULES:
        for name, value in list(vars(module).items()):
            if hasattr(value, "py_func"):
                monkeypatch.setattr(module, name, value.py_func)


def outcome(function, arguments, filled):
    """What a call returns and fills, and the next draw: the streams must stay together too."""
    rng = np.random.default_rng(3)
    arguments = [x.copy() if isinstance(x, np.ndarray) else x for x in arguments]
    returned = function(rng, *arguments)
    arrays = arguments[len(arguments) - filled :]
    return [np.asarray(x).tobytes() for x in (*arrays, rng.random())] + [returned]


@pytest.mark.parametrize(
    ("module", "name", "arguments", "filled"),
    CALLS,
    ids=[f"{c[0].__name__.split('.')[-1]}.{c[1]}-{i}" for i, c in enumerate(CALLS)],
)
def test_compiled_equals_plain_python(monkeypatch, module, name, arguments, filled):
    compiled = outcome(getattr(module, name), arguments, filled)
    plain(monkeypatch)
    assert compiled == outcome(getattr(module, name), arguments, filled)


def test_compiled_refit_equals_plain_python():
    shares = np.arange(1.0, 25) / 300
    compiled, interpreted = ([part.copy() for part in MIXTURES] for _ in range(2))
    particles.refit(DRAWN.reshape(2, 24, 3), shares, 3, 1e-3, *compiled)
    particles.refit.py_func(DRAWN.reshape(2, 24, 3), shares, 3, 1e-3, *interpreted)
    assert [part.tobytes() for part in compiled] == [part.tobytes() for part in interpreted]
    assert not np.array_equal(compiled[1], MIXTURES[1])


@pytest.mark.parametrize("choices", [1.0, 2.0, 50.0, 1e7])
@pytest.mark.parametrize("p", [P, REFERENCE, np.array([0.0, 0.0, 1.0, 0.0])], ids=str)
def test_compiled_choice_ratio_equals_plain_python(p, choices):
    compiled, interpreted = np.zeros(4), np.zeros(4)
    curation.choice_ratio(p, A, choices, compiled)
    curation.choice_ratio.py_func(p, A, choices, interpreted)
    assert compiled.tobytes() == interpreted.tobytes()
    if choices == 1.0:
        assert compiled.tolist() == [1.0] * 4


# --- what a draw on the boundary means ----------------------------------------------------------------------


@pytest.mark.parametrize("uniform", [0.0, 0.1, 0.25, 0.3, 0.5, np.nextafter(0.5, 0), 0.75, 0.9])
@pytest.mark.parametrize(
    "cumulative", [[1.0], [0.25, 1.0], [0.25, 0.5, 0.75, 1.0], [0.0, 0.5, 0.5, 0.5, 0.75]]
)
def test_atoms_share_half_open_intervals(uniform, cumulative):
    # The last atom also takes what rounding leaves above the last cumulative probability.
    expected = min(sum(c <= uniform for c in cumulative), len(cumulative) - 1)
    for cells in (1, 2, 4, 64):
        guide = np.full(cells, -1)
        curation.fill_guide.py_func(np.array(cumulative), guide)
        assert curation.find.py_func(uniform, np.array(cumulative), guide) == expected


def test_a_guide_leaves_little_to_look_at():
    """Each cell's first possible atom, and no atom before it: with the cells' ends as the uniform numbers."""
    cumulative = np.cumsum(np.random.default_rng(1).dirichlet(np.ones(50)))
    guide = np.full(256, -1)
    curation.fill_guide(cumulative, guide)
    assert guide.tolist() == np.searchsorted(cumulative, np.arange(256) / 256, side="right").tolist()


@pytest.mark.parametrize(("uniform", "kept"), [(0.0, 0), (0.2, 0), (0.25, 1), (0.5, 1), (0.75, 0), (0.99, 0)])
def test_kept_proposals_share_half_open_intervals(monkeypatch, uniform, kept):
    # Proposals 0, 1, 0 of weights ¼, ½, ¼.
    plain(monkeypatch)
    chances = [0.1, 0.7, 0.2, uniform]
    monkeypatch.setattr(uniforms, "start", lambda rng: chances)
    monkeypatch.setattr(uniforms, "draw", script)
    p = np.array([[0.5, 0.5]])
    curation.literal(None, p[0], np.array([0.25, 0.5]), 3, 1, 1, 0.0, p)
    assert p[0].tolist() == [1.0 - kept, float(kept)]
    assert chances == []


def script(stream, count, out):
    """Draws that are written down: the first ones of a list."""
    out[:count] = stream[:count]
    del stream[:count]


def test_points_that_coincide_end_the_path(monkeypatch):
    signs = [0.5, -0.7, 0.7, 0.9, 0.1]
    plain(monkeypatch)
    monkeypatch.setattr(gaussian, "start", lambda rng: signs)
    monkeypatch.setattr(normals, "draw", script)
    outputs = np.zeros((3, 1))
    gaussian.literal(None, 2, 3, 1, 0, gaussian.TWO_POINT, *outputs)
    # Points 1 and −1 have mean 0 and variance 2; then both are μ + σ = √2.
    assert outputs[:, 0].tolist() == pytest.approx([math.sqrt(2), -math.inf, math.sqrt(2)])
    assert signs == [0.1]


# --- sums ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 15, 16, 17, 18, 31, 33, 64, 500, 513])
def test_sums_are_exact_but_for_rounding(count):
    x = np.random.default_rng(2).normal(3.0, 1.0, 520)
    exact = [Fraction(value) for value in x[:count].tolist()]
    mean = sum(exact) / count
    squares = sum((value - mean) ** 2 for value in exact)
    before, scratch = x.tolist(), np.full(520, math.nan)
    found = sums.spread(x, count, scratch)
    assert x.tolist() == before
    assert found[0] == pytest.approx(float(mean), rel=1e-15)
    assert found[1] == pytest.approx(float(squares), rel=1e-14, abs=1e-30)
    assert sums.fold(x, count) == pytest.approx(float(sum(exact)), rel=1e-15)
    assert x[count:].tolist() == before[count:]


def test_spread_is_accurate_far_from_zero():
    # Σ(x − m)(x + m) is the same in exact arithmetic, and loses half of the digits here.
    x = 1e9 / 3 + np.random.default_rng(2).normal(size=40)
    exact = [Fraction(value) for value in x.tolist()]
    squares = sum((value - sum(exact) / 40) ** 2 for value in exact)
    assert sums.spread(x, 40, np.empty(40))[1] == pytest.approx(float(squares), rel=1e-12)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 16, 100, 301])
def test_range(count):
    x = np.random.default_rng(2).normal(size=count)
    for shift in range(0, count, max(1, count // 5)):
        rolled = np.roll(x, shift)
        assert sums.range_of(rolled, *np.empty((2, count))) == (np.min(x), np.max(x))
        assert rolled.tolist() == np.roll(x, shift).tolist()


def test_equal_entries_have_no_spread():
    for count in (1, 2, 7, 100, 301):
        assert sums.spread(np.full(count, -1.0), count, np.empty(count)) == (-1.0, 0.0)
