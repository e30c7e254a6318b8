"""What the loops of a sweep tell, against computations that share nothing with them."""

import importlib.resources
import itertools
import json
import math
import os
from fractions import Fraction

import numpy as np
import pytest
from scipy import integrate, optimize, stats
from test_users import paths

from theorycheck.loops import particles
from theorycheck.sweep import run
from theorycheck.sweep.loops import LOOPS, curation_mixture
from theorycheck.sweep.plan import plan


def swept(loop, grid, out, **options):
    return run.sweep(plan({"loop": loop, "grid": grid, **options}), out)


# --- the Gaussian in several dimensions ---------------------------------------------------------------------


def refitted(rng, paths, law, real, synthetic, steps, fresh):
    """Means and covariances of the loop as it is defined, in NumPy."""
    deviation, d = np.sqrt(law), law.size
    mean, covariance = np.zeros((paths, d)), np.tile(np.diag(law), (paths, 1, 1))
    for t in range(steps):
        if t == 0 or fresh:
            data = deviation * rng.standard_normal((paths, real, d))
        values, axes = np.linalg.eigh(covariance)
        noise = rng.standard_normal((paths, synthetic, d)) * np.sqrt(np.clip(values, 0, None))[:, None]
        points = np.concatenate([data, mean[:, None] + noise @ np.swapaxes(axes, 1, 2)], axis=1)
        mean = points.mean(axis=1)
        centred = points - mean[:, None]
        covariance = np.swapaxes(centred, 1, 2) @ centred / (real + synthetic)
    return mean, covariance


@pytest.mark.parametrize("protocol", ["fixed", "fresh"])
@pytest.mark.parametrize(
    ("dimension", "condition", "n", "weight"), [(1, 1.0, 3, 1.4), (3, 9.0, 4, 1.5), (3, 4.0, 5, math.inf)]
)
def test_moments_in_several_dimensions_are_those_of_numpy(protocol, dimension, condition, n, weight):
    cell = dict(samples=n, dimension=dimension, synthetic_weight=weight, steps=3, protocol=protocol)
    told = LOOPS["finite-samples-multivariate"].tells({**cell, "condition": condition, "kernel": "literal"})
    law, paths = np.geomspace(1, 1 / condition, dimension), 60_000
    real, synthetic = (0, n) if weight == math.inf else (n, int(weight * n))
    mean, covariance = refitted(
        np.random.default_rng(11), paths, law, real, synthetic, 3, protocol == "fresh"
    )
    values = np.clip(np.linalg.eigvalsh(covariance), 0, None)
    drawn = {
        "squared_shift": (mean**2).mean(axis=1),
        "mean_variance": np.trace(covariance, axis1=1, axis2=2) / dimension,
        "mean_root": np.sqrt(values).mean(axis=1),
    }
    assert list(told) == list(drawn)
    for name, values in drawn.items():
        about, error = told[name], values.std() / math.sqrt(paths)
        if about.exact is not None:
            assert abs(values.mean() - about.exact) < 5.5 * error
        if about.upper is not None:
            assert values.mean() < about.upper + 5.5 * error
        assert values.var() < 1.15 * about.variance
        if dimension == 1 and name != "mean_root":
            assert values.var() == pytest.approx(about.variance, rel=0.15)
    assert told["squared_shift"].exact + told["mean_variance"].exact == pytest.approx(law.mean())


def test_one_gaussian_is_told_like_several(tmp_path):
    # The family with unknown variance is the loop of one dimension.
    grid = dict(samples=4, synthetic_weight=1.5, steps=3, protocol="fixed")
    (one,) = swept("finite-samples", {**grid, "family": "gaussian"}, tmp_path / "1", paths=2000).rows
    (same,) = swept("finite-samples-multivariate", {**grid, "dimension": 1}, tmp_path / "2", paths=2000).rows
    assert one["squared_error_exact"] == same["squared_shift_exact"]
    for name in ("error", "squared_error"):
        assert one[f"{name}_low"] <= one[f"{name}_exact"] <= one[f"{name}_high"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": 1}, "samples must be at least 2, got 1"),
        ({"dimension": 0}, "dimension must be at least 1, got 0"),
        ({"synthetic_weight": -0.5}, r"synthetic_weight must be in \[0, inf\], got -0.5"),
        ({"synthetic_weight": math.nan}, r"synthetic_weight must be in \[0, inf\], got nan"),
        ({"synthetic_weight": 1e9}, "samples and synthetic_weight must ask for at most 1e\\+09 points"),
        ({"condition": 0.5}, "condition must be a finite number of at least 1, got 0.5"),
        ({"protocol": "kept"}, "protocol must be one of fixed, fresh, got 'kept'"),
        ({"family": "gaussian"}, "the grid of finite-samples-multivariate has no key 'family'"),
    ],
)
def test_no_loop_in_several_dimensions(change, message):
    grid = {"samples": 5, "dimension": 2, "synthetic_weight": 1.0, "steps": 1}
    with pytest.raises((ValueError, TypeError), match=message):
        plan({"loop": "finite-samples-multivariate", "grid": {**grid, **change}})


# --- retraining with infinitely many samples ----------------------------------------------------------------

OWN = """
from scipy import stats
from theorycheck.loops.retraining import families
family, data = {}, {}
"""


def own(tmp_path, family="families.gaussian(1)", data="stats.norm(3, 2)", name="own.py"):
    path = tmp_path / name
    path.write_text(OWN.format(family, data), encoding="utf-8")
    return str(path)


def test_the_gaussian_mean_by_hand(tmp_path):
    # G halves, thirds, … the error exactly: on N(3, 2²) L = 0, α = 1, ε = W₁(N(3, 1), N(3, 4)) = √(2/π).
    grid = {"family": own(tmp_path), "synthetic_weight": [0.0, 0.25, 2.0, math.inf], "steps": [0, 3]}
    table = swept("retraining", {**grid, "distance": 0.5}, tmp_path / "out")
    for row in table.rows:
        weight, t = row["synthetic_weight"], row["steps"]
        rate = 1.0 if weight == math.inf else weight / (1 + weight)
        assert row["error"] == pytest.approx(0.5 * rate**t, abs=1e-10)
        assert (row["alpha"], row["lipschitz"]) == (pytest.approx(1), 0)
        assert row["epsilon"] == pytest.approx(math.sqrt(2 / math.pi), abs=1e-6)
        assert row["condition"] == weight
        assert row["paper_rate"] == (weight / (1 - weight) if weight < 0.5 else None)
        assert (row["sharp_rate"], row["spectral_radius"]) == (pytest.approx(rate), pytest.approx(rate))
        assert row["measured_rate"] == pytest.approx(rate, abs=1e-6)
        if weight == math.inf:
            assert row["performative_rate"] is None
        else:
            assert row["performative_rate"] == pytest.approx(rate)
            assert row["error_upper_bound"] == pytest.approx(0.5 * rate**t)
    assert "paths" not in table.columns


def expected(function, law):
    return integrate.quad(lambda x: law.pdf(x) * function(x), -35, 35, epsabs=1e-13, limit=200)[0]


@pytest.mark.parametrize("weight", [0.4, 3.0])
def test_a_misspecified_location_is_that_of_scipy(weight):
    law, theta = stats.norm(0, 2), 0.2
    for _ in range(2):

        def slope(m, mean=theta):
            pull = lambda x: np.tanh((x - m) / 2)  # noqa: E731
            return expected(pull, law) + weight * expected(pull, stats.logistic(mean))

        theta = optimize.brentq(slope, -1, 1, xtol=1e-14)
    cell = dict(family="logistic-location", data="normal", synthetic_weight=weight, steps=2, distance=0.2)
    told = LOOPS["retraining"].tells(cell)
    assert told["error"].value == pytest.approx(abs(theta), abs=1e-10)

    def curvature(x):
        return 0.5 / np.cosh(x / 2) ** 2

    alpha, fisher = expected(curvature, law), expected(curvature, stats.logistic())
    assert told["alpha"].value == pytest.approx(alpha, abs=1e-10)
    assert told["spectral_radius"].value == pytest.approx(weight * fisher / (alpha + weight * fisher))
    epsilon = 2 * integrate.quad(lambda x: abs(law.cdf(x) - stats.logistic.cdf(x)), 0, 50, limit=400)[0]
    assert told["epsilon"].value == pytest.approx(epsilon, abs=1e-7)
    x = np.linspace(-20, 20, 400_001)
    lipschitz = np.abs(np.gradient(curvature(x), x)).max()
    assert told["lipschitz"].value == pytest.approx(lipschitz, rel=1e-6)
    assert told["condition"].value == pytest.approx(weight * (1 + lipschitz * epsilon / alpha), rel=1e-5)
    # β = ½; the least curvatures are at the ends: of the data within 0.2, of the model within 0.4.
    real = min(expected(lambda x, m=m: curvature(x - m), law) for m in (0.0, 0.2))
    model = min(expected(lambda x, m=m: curvature(x - m), stats.logistic()) for m in (0.0, 0.4))
    generic = weight * 0.5 / (real + weight * model)
    found = told["performative_rate"].value
    if generic < 1:
        assert generic <= found <= 1.01 * generic
        assert told["error"].upper == pytest.approx(0.2 * found**2)
    else:
        assert found is told["error"].upper is None


def test_errors_keep_within_the_bound():
    checked = 0
    for data, weight, steps in itertools.product(("normal", "bimodal", "digits"), (0.05, 0.3), (1, 2, 4)):
        cell = dict(family="logistic-location", data=data, synthetic_weight=weight, steps=steps, distance=0.3)
        told = LOOPS["retraining"].tells(cell)
        if told["error"].upper is not None:
            assert told["error"].value <= told["error"].upper
            checked += 1
    assert checked >= 12


def test_more_parameters_have_no_bound_and_their_distance_is_euclidean():
    cell = dict(family="student", data="skewed", synthetic_weight=math.inf, steps=3, distance=0.6)
    told = LOOPS["retraining"].tells(cell)
    assert told["error"].value == pytest.approx(0.6, abs=1e-10)
    assert told["error"].upper is told["performative_rate"].value is None
    assert told["condition"].value == math.inf


def test_quantities_have_the_names_of_stability():
    schema = json.loads(
        (importlib.resources.files("theorycheck") / "data/stability.schema.json").read_text("utf-8")
    )
    row, constants = schema["$defs"]["row"], schema["properties"]["constants"]
    cell = dict(family="gaussian", data="normal", synthetic_weight=0.5, steps=1, distance=0.1)
    told = {*LOOPS["retraining"].tells(cell), *LOOPS["retraining"].keys}
    assert {*row["properties"]} <= told
    assert {*constants["properties"]} - {"parameters", "theta", "radius"} <= told


def test_a_file_has_its_own_data_or_another(tmp_path):
    grid = {"family": own(tmp_path, "families.logistic(1)"), "synthetic_weight": 0.5, "steps": 1}
    table = swept("retraining", {**grid, "data": ["", "uniform"]}, tmp_path / "out")
    named = {**grid, "family": "logistic-location", "data": "uniform"}
    (row,) = swept("retraining", named, tmp_path / "named").rows
    assert {**table.rows[1], "family": ""} == {**row, "family": ""}
    assert table.rows[0]["alpha"] != row["alpha"]


def test_what_was_read_before_does_not_matter(tmp_path):
    # Results are of the files that a sweep names, not of those of an earlier one.
    grid = {"synthetic_weight": 0.5, "steps": 1}
    first = {**grid, "family": own(tmp_path, name="first.py")}
    swept("retraining", first, tmp_path / "out")
    swept("retraining", {**grid, "family": own(tmp_path, name="other.py")}, tmp_path / "other")
    assert swept("retraining", first, tmp_path / "out").rows


@pytest.mark.parametrize("loop", ["retraining", "curation"])
def test_a_changed_file_is_read_anew(loop, tmp_path):
    law = tmp_path / "law.csv"
    grids = {
        "retraining": {"family": str(tmp_path / "own.py"), "synthetic_weight": 0.5, "steps": 1},
        "curation": {"law": str(law), "choices": 2, "steps": 1},
    }
    found = []
    for i, wide in enumerate((2, 4)):
        own(tmp_path, data=f"stats.norm(3, {wide})")
        law.write_text(f"p,r\n0.5,0\n0.5,{wide}\n")
        os.utime(law, ns=(0, i))
        os.utime(tmp_path / "own.py", ns=(0, i))
        (row,) = swept(loop, grids[loop], tmp_path / str(i)).rows
        found.append(row["epsilon" if loop == "retraining" else "mean_weight"])
    assert found[0] != found[1]
    with pytest.raises(ValueError, match=r"holds results of another run: there .*(own\.py|law\.csv) is"):
        swept(loop, grids[loop], tmp_path / "0")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"family": "cauchy"},
            "family must be one of logistic-location, .*, or a file that ends in .py, got",
        ),
        ({"family": 3}, "family must be a text, got 3"),
        ({"family": "missing.py"}, "no such file: .*missing.py"),
        ({"data": "cauchy"}, "data must be one of logistic, .*, or empty for a file's own, got 'cauchy'"),
        ({"data": ""}, "data must be one of logistic, .* for the family 'logistic', got ''"),
        ({"synthetic_weight": -1}, r"synthetic_weight must be in \[0, inf\], got -1"),
        ({"synthetic_weight": math.nan}, r"synthetic_weight must be in \[0, inf\], got nan"),
        ({"steps": -1}, "steps must be at least 0, got -1"),
        ({"distance": -0.1}, "distance must be a finite number of at least 0, got -0.1"),
        ({"distance": math.inf}, "distance must be a finite number of at least 0, got inf"),
        ({"kernel": "reduced"}, "the grid of retraining has no key 'kernel'"),
    ],
)
def test_no_retraining(change, message):
    grid = {"family": "logistic", "data": "normal", "synthetic_weight": 0.5, "steps": 1}
    with pytest.raises((ValueError, TypeError), match=message):
        plan({"loop": "retraining", "grid": {**grid, **change}})


def test_files_that_are_no_family(tmp_path):
    grid = {"synthetic_weight": 0.5, "steps": 1}
    for family, data, message in (
        ("3", "stats.norm()", "`family` in .*own.py must be a theorycheck.loops.retraining.family.Family"),
        ("families.gaussian()", "stats.cauchy()", "data must have a finite first moment"),
        ("families.student(3, 1)", "[-3**0.5, 3**0.5]", "must be negative definite, got an eigenvalue"),
    ):
        path = own(tmp_path, family, data)
        os.utime(path, ns=(0, len(family)))
        with pytest.raises((ValueError, TypeError), match=message):
            plan({"loop": "retraining", "grid": {**grid, "family": path}})


def test_a_cell_that_cannot_be_computed_is_named(tmp_path):
    grid = {"family": "logistic-location", "data": "normal", "synthetic_weight": 0.5, "steps": 1}
    with pytest.raises(
        ValueError, match=r"^family=logistic-location,.*,distance=1000000\.0: the Newton ascent"
    ):
        swept("retraining", {**grid, "distance": [0.1, 1e6]}, tmp_path)


# --- users on two states ------------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [0, 2, math.inf])
@pytest.mark.parametrize("steps", [0, 1, 3])
def test_every_outcome_of_two_states(weight, steps):
    # a = (¼, 1) and p_0(top) = ⅓; without real data the weights of the model are those of very little.
    cell = dict(users=3, choices=2, synthetic_weight=weight, steps=steps, mass=1 / 3, gap=math.log(4))
    told = LOOPS["curation-two-states"].tells(cell)
    exact = Fraction(10**30) if weight == math.inf else Fraction(weight)
    law = paths(3, 2, exact, steps)
    limit = Fraction(told["best_share"].limit)
    moments = sum(p * c for p, c in law.items()), 3 * sum((p - limit) ** 2 * c for p, c in law.items())
    assert told["best_share"].value == pytest.approx(float(moments[0]), abs=1e-13)
    assert told["scaled_squared_error"].value == pytest.approx(float(moments[1]), abs=1e-13)
    lost = sum(c for p, c in law.items() if p < 1e-9)
    assert told["lost"].value == pytest.approx(float(lost), abs=1e-13)
    assert (lost > 0) == (weight == math.inf and steps > 0)


def test_many_users_are_near_their_limit():
    for weight in (0.5, math.inf):
        cell = dict(users=1500, choices=3, synthetic_weight=weight, steps=3, mass=0.3, gap=1.0)
        told = LOOPS["curation-two-states"].tells(cell)
        for name in ("best_share", "scaled_squared_error"):
            assert told[name].value == pytest.approx(told[name].limit, rel=0.02)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"users": 0}, "users must be at least 1, got 0"),
        ({"users": 2000}, r"at most 4,000,000 chances \(N \+ 1\)·\(max\(N, K\) \+ 1\), got 4,004,001"),
        ({"choices": 400_000}, "users and choices must ask for at most 4,000,000 chances"),
        ({"choices": math.inf}, "choices must be an integer of at least 1, got inf"),
        ({"mass": 0}, r"mass must be a number in \(0, 1\), got 0"),
        ({"mass": math.nan}, r"mass must be a number in \(0, 1\), got nan"),
        ({"gap": -1}, r"gap must be a number in \(0, 600\), got -1"),
        ({"gap": 600}, r"gap must be a number in \(0, 600\), got 600"),
        ({"kernel": "reduced"}, "the grid of curation-two-states has no key 'kernel'"),
    ],
)
def test_no_two_states(change, message):
    grid = {"users": 10, "choices": 2, "steps": 1}
    with pytest.raises((ValueError, TypeError), match=message):
        plan({"loop": "curation-two-states", "grid": {**grid, **change}})


# --- a mixture that users keep samples of -------------------------------------------------------------------


@pytest.mark.parametrize("gamma", [0.3, 1.0, 40.0])
@pytest.mark.parametrize(
    ("mean", "scale"), [([-2.0, 0.0], [0.5, 0.5]), ([0.7, -0.1], [1e-3, 2.0]), ([9.0, -9.0], [0.1, 0.3])]
)
def test_expected_weight_under_a_mixture_by_quadrature(mean, scale, gamma):
    model = particles.mixture([0.3, 0.7], np.reshape(mean, (2, 1)), scale)
    expected = 0.0
    for share, m, s in zip([0.3, 0.7], mean, scale, strict=True):
        z = np.clip((0.0 - m) / s, -12, 12)  # where e^r has its kink
        parts = ((-14, z), (z, 14))
        found = [
            integrate.quad(
                lambda z, m=m, s=s: math.exp(-gamma * abs(m + s * z)) * stats.norm.pdf(z),
                *part,
                epsrel=1e-11,
                epsabs=0,
                limit=400,
            )[0]
            for part in parts
        ]
        expected += share * sum(found)
    assert curation_mixture.mean_weight(model, gamma) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("synthetic_weight", [1.0, math.inf])
def test_the_mixture_loop_is_the_one_that_numpy_runs(tmp_path, synthetic_weight):
    grid = dict(users=6, choices=3, synthetic_weight=synthetic_weight, steps=2, rounds=2, separation=1.5)
    (row,) = swept("curation-mixture", {**grid, "gamma": 2.0}, tmp_path, paths=8000).rows
    rng, drawn = np.random.default_rng(5), []
    own = 1.0 if synthetic_weight == math.inf else 0.5
    real = np.linspace(-6, 4.5, 106) if own < 1 else np.zeros(0)
    law = stats.norm.pdf(real[:, None], [-1.5, 0.0], 0.5).sum(axis=1)
    law *= (1 - own) / (law.sum() or 1)
    for _ in range(1500):
        share, mean, scale = np.full(2, 0.5), np.array([-1.5, 0.0]), np.full(2, 0.5)
        for _ in range(2):
            kind = rng.choice(2, (6, 3), p=share / share.sum())
            x = mean[kind] + scale[kind] * rng.standard_normal((6, 3))
            chosen = np.argmax(-2.0 * abs(x) + rng.gumbel(size=x.shape), axis=1)  # Bradley–Terry of three
            points = np.concatenate([x[np.arange(6), chosen], real])
            mass = np.concatenate([np.full(6, own / 6), law])
            for _ in range(2):
                part = share * stats.norm.pdf(points[:, None], mean, scale)
                part *= (mass / part.sum(axis=1))[:, None]
                share = part.sum(axis=0)
                for c in np.flatnonzero(share):  # who holds nothing stays where it is
                    held = part[:, c] / share[c]
                    mean[c] = held @ points
                    scale[c] = max(math.sqrt(held @ (points - mean[c]) ** 2), 1e-6)
        model = particles.Mixture(share, mean[:, None], scale)
        drawn.append([curation_mixture.mean_weight(model, 2.0), share[-1]])
    for name, values in zip(("mean_weight", "best_share"), np.transpose(drawn), strict=True):
        error = values.std() / math.sqrt(len(values))
        half = (row[f"{name}_high"] - row[f"{name}_low"]) / 2
        assert abs(values.mean() - row[name]) < 4 * error * math.sqrt(1 + 1500 / 8000)
        assert half < 0.1


def test_the_mixture_before_it_is_refitted_and_once_it_is_too_narrow():
    cell = dict(choices=2, synthetic_weight=math.inf, rounds=1, separation=2.0, gamma=1.0)
    told = curation_mixture.tells({**cell, "steps": 0})
    assert told["best_share"].limit == 0.5
    told = curation_mixture.tells({**cell, "gamma": 50.0, "choices": 1000, "steps": 12})
    assert told["best_share"].limit is None
    assert told["best_share"].bounds == (0.0, 1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"users": 0}, "users must be at least 1, got 0"),
        ({"choices": math.inf}, "choices must be an integer of at least 1, got inf"),
        ({"rounds": 0}, "rounds must be at least 1, got 0"),
        ({"separation": 0}, r"separation must be a number in \(0, 100\), got 0"),
        ({"gamma": math.nan}, r"gamma must be a number in \(0, 100\), got nan"),
    ],
)
def test_no_mixture_loop(change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        plan({"loop": "curation-mixture", "grid": {"users": 10, "choices": 2, "steps": 1, **change}})
