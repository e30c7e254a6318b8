"""The best model of the family is a fixed point of retraining, whatever the synthetic weight.

G(θ) = argmax_θ' E_data log p_θ' + λ E_{p_θ} log p_θ'. At θ = θ* = argmax E_data log p_θ both terms have
their stationary point at θ' = θ*: the first by definition, the second because a score has mean zero under
its own model. If p_data lies in the family, θ* is p_data itself. Exponential families show all of it at
once: in mean parameters G is the average (m_data + λm)/(1+λ), exactly and globally.
"""

import functools

import numpy as np
import sympy as sp
from scipy import stats

from theorycheck import (
    BERTRAND_2024,
    Assumption,
    CurvaturePairs,
    Curvatures,
    Enclosed,
    OneOf,
    Rationals,
    Theorem,
    above,
    equals,
)
from theorycheck.formula import numeric
from theorycheck.loops.linear import matrix, symmetric_functions
from theorycheck.loops.retraining import examples, laws
from theorycheck.loops.retraining.exponential import FAMILIES, Gaussian, fitted, gaussian_step
from theorycheck.loops.retraining.family import X as FIRST

theorem = Theorem(
    key="optimal-model-is-fixed-point",
    title="The best model of the family is a fixed point of retraining",
    source=BERTRAND_2024,
    statement=(
        r"G(\theta^*) = \theta^* \quad \forall \lambda \ge 0,\qquad \theta^* = \arg\max_\theta "
        r"\mathbb{E}_{\mathrm{data}} \log p_\theta"
    ),
    assumptions=[
        Assumption("optimal", "θ* maximises E_data log p_θ", {"model_at": OneOf("the best model")}),
        Assumption("weight", "the synthetic weight λ is at least 0", {"synthetic_weight": Rationals(0, 100)}),
        Assumption(
            "strict-concavity",
            "E_data log p_θ is strictly concave at θ* (for uniqueness alone)",
            {"curvatures": CurvaturePairs()},
        ),
    ],
)

LAMBDA, K = sp.symbols("lambda k", positive=True)
X, M = sp.symbols("x m", real=True)
WEIGHTS = np.array([0.0, *examples.WEIGHTS])
EVERY_FAMILY = [dict(family=name) for name in FAMILIES]


# --- the proof ----------------------------------------------------------------------------------------------


ORACLES = {
    "gaussian": (stats.norm, lambda eta: (eta[0] / (2 * eta[1]), (2 * eta[1]) ** -0.5), (-0.7, 0.2, 3.1)),
    "poisson": (stats.poisson, lambda eta: (np.exp(eta[0]),), (0, 1, 5)),
    "bernoulli": (stats.bernoulli, lambda eta: (1 / (1 + np.exp(-eta[0])),), (0, 1)),
    "gamma": (stats.gamma, lambda eta: (eta[0], 0, 1 / eta[1]), (0.1, 1.3, 6.0)),
}
NATURAL = np.array([[0.4, 1.3], [1.7, 0.35]])


def averages(name, law):
    """SciPy's means of the statistics under a frozen law."""
    if name == "gaussian":
        return [law.mean(), -(law.var() + law.mean() ** 2)]
    return [law.expect(np.log, epsabs=1e-12), -law.mean()] if name == "gamma" else [law.mean()]


def by_scipy(name, power=1.0):
    """SciPy's log-densities at a few points, and its means of the statistics, of the named law."""
    law, parameters, points = ORACLES[name]
    found: list[float] = []
    for eta in NATURAL:
        frozen = law(*parameters(power * eta))
        found += [(getattr(frozen, "logpmf", None) or frozen.logpdf)(x) for x in points]
        found += averages(name, frozen)
    return np.array(found)


@theorem.computed(
    at=EVERY_FAMILY,
    scope="two natural parameters, two or three points each",
    margin=1e-6,
    rivals={"natural parameters doubled": dict(power=2.0)},
)
def families_are_the_named_laws(family, power=1.0):
    """log p_η and ∇A(η) are SciPy's log-density and means of T for the law that it is named after."""
    found = FAMILIES[family]
    density = numeric(found.log_density, FIRST, *found.natural)
    average = numeric(list(found.mean), *found.natural)
    ours: list[float] = []
    for eta in NATURAL[:, : len(found.natural)]:
        ours += [density(x, *eta) for x in ORACLES[family][2]]
        ours += average(*eta)
    return equals(Enclosed(np.array(ours, float), 1e-8), by_scipy(family, power), scale=1)


@theorem.symbolic(
    at=EVERY_FAMILY,
    scope="all natural parameters",
    rivals={"E T = −∇A(η)": dict(mean=lambda found, i: -found.mean[i])},
)
def score_has_mean_zero(family, mean=lambda found, i: found.mean[i]):
    """E_{p_θ} ∇ log p_θ = E T − ∇A(η) = 0, with E T from the generating function e^{A(η+s) − A(η)}."""
    found = FAMILIES[family]
    for i, eta in enumerate(found.natural):
        generating = sp.exp(found.log_partition.subs(eta, eta + M) - found.log_partition)
        yield equals(sp.diff(generating, M).subs(M, 0), mean(found, i))


@theorem.symbolic(
    at=EVERY_FAMILY,
    scope="all natural parameters, all data laws, all λ > 0",
    rivals={
        "weights 1 and λ, not normalised": dict(average=lambda d, m, w: d + w * m),
        "shares exchanged": dict(average=lambda d, m, w: (w * d + m) / (1 + w)),
        "half and half": dict(average=lambda d, m, w: (d + m) / 2),
    },
)
def exponential_families_average(family, average=lambda d, m, w: (d + w * m) / (1 + w)):
    """log p_η'(x) + λ log p_η'(y) has the gradient (1+λ)·((T(x) + λT(y))/(1+λ) − ∇A(η')) in η'.

    It is linear in the statistics: for x from the data and y from the model, in expectation,
    ∇A(η') = (m_data + λm)/(1+λ). So G averages mean parameters.
    """
    found = FAMILIES[family]
    y = sp.Symbol("y", positive=True)
    x = sp.Symbol("x_0", positive=True)
    at = lambda expression, point: expression.subs(FIRST, point)  # noqa: E731
    objective = at(found.log_density, x) + LAMBDA * at(found.log_density, y)
    for i, eta in enumerate(found.natural):
        target = average(at(found.statistics[i], x), at(found.statistics[i], y), LAMBDA)
        yield equals(sp.diff(objective, eta), (1 + LAMBDA) * (target - found.mean[i]))


@theorem.symbolic(
    scope="all λ > 0, all mean parameters",
    rivals={
        "λ/(1−λ)": dict(rate=lambda w: w / (1 - w)),
        "1/(1+λ)": dict(rate=lambda w: 1 / (1 + w)),
    },
)
def averaging_contracts_globally(rate=lambda w: w / (1 + w)):
    """(m_data + λm)/(1+λ) − m_data = λ/(1+λ)·(m − m_data): one fixed point, rate λ/(1+λ) from anywhere."""
    data, model = sp.symbols("d m", real=True)
    return equals((data + LAMBDA * model) / (1 + LAMBDA) - data, rate(LAMBDA) * (model - data))


@theorem.forall(
    examples=60,
    rivals={
        "J = λA⁻¹B": dict(
            curvatures=Curvatures(((1,),), ((2,),)),
            synthetic_weight=sp.Integer(2),
            linear=lambda A, B, w: A.inv() * (w * B),
        )
    },
    without={
        "strict-concavity": dict(curvatures=Curvatures(((0,),), ((1,),)), synthetic_weight=sp.Integer(1))
    },
)
def fixed_point_is_locally_unique(
    curvatures, synthetic_weight, linear=lambda A, B, w: (A + w * B).inv() * (w * B)
):
    """I − J is invertible with positive spectrum, so θ ↦ θ − G(θ) is one to one near θ*."""
    J = linear(*map(matrix, curvatures), sp.Rational(synthetic_weight))
    return [above(e, 0) for e in symmetric_functions(J**0 - J)]


@theorem.symbolic(
    scope="a Cauchy location, data at ±√(1 + k²), all k > 0",
    rivals={
        "at the data points": dict(place=sp.sqrt(1 + K**2)),
        "at their middle, as a maximum": dict(place=0),
    },
)
def other_maxima_are_fixed_points_too(place=K):
    """Without global concavity θ* need not be the only one: E_data log p_m has maxima at m = ±k.

    Its score vanishes and its curvature is −k²/(1+k²) < 0, so each is a fixed point of the branch of G there.
    """
    density = -sp.log(1 + (X - M) ** 2)
    likelihood = sum(density.subs(X, sign * sp.sqrt(1 + K**2)) for sign in (1, -1)) / 2
    score, curvature = (sp.diff(likelihood, M, order).subs(M, place) for order in (1, 2))
    return [equals(score, 0), equals(curvature, -(K**2) / (1 + K**2))]


# --- the solved map, on families that do not hold the data --------------------------------------------------

PAIRS = [
    *(dict(model="logistic", data=data) for data in examples.MISSPECIFIED),
    *(dict(model="student", data=data) for data in ("skewed", "digits")),
    *(dict(model="mixture", data=data) for data in ("heavy", "bimodal", "digits")),
    dict(model="gaussian", data="skewed"),
]


def moments(loop):
    """The model with the data's mean and mean absolute deviation from it."""
    points = laws.points(loop.data, 2)
    centre = np.sum(points.weight * points.x)
    return np.array([centre, np.sum(points.weight * np.abs(points.x - centre))])


MODEL_AT = {
    "the best model": lambda loop: loop.best,
    "the data's moments": moments,
    "the data's median": lambda loop: np.array(loop.family.fit(laws.points(loop.data, 2))),
}


@functools.cache
def stepped(model, data, place):
    """G of the model at the named place, at every λ."""
    loop = examples.loop(model, data)
    return loop.step(MODEL_AT[place](loop), WEIGHTS)


@theorem.computed(
    at=PAIRS,
    scope="λ from 0 to 20",
    margin=1e-8,
    rivals={
        "G fixes the median": dict(model="logistic", data="bimodal", model_at="the data's median"),
        "G moves to the data's moments": dict(model="logistic", data="skewed", target="the data's moments"),
    },
    without={"optimal": dict(model="logistic", data="skewed", model_at="the data's moments")},
)
def best_model_stays(model, data, model_at="the best model", target=None):
    """G(θ*) = θ* to the error of quadrature and Newton's method, at every λ; another model moves."""
    fixed = MODEL_AT[target or model_at](examples.loop(model, data))
    found = stepped(model, data, model_at)
    return equals(Enclosed(np.linalg.norm(found.theta - fixed, axis=-1), found.error + 1e-13), 0.0, scale=1)


OWN_LAWS = {
    "logistic": stats.logistic,
    "student": lambda m, s: stats.t(5, m, s),
    "gaussian": stats.norm,
    "mixture": lambda a, b: laws.Mixture((1 / 3, 2 / 3), (stats.norm(a), stats.norm(b))),
}


@functools.cache
def best_for_its_own(model, true):
    """θ* for data from the model itself."""
    return examples.Retraining(examples.MODELS[model](), OWN_LAWS[model](*true)).best


@theorem.computed(
    at=[
        dict(model="logistic", true=(1.0, 1.0)),
        dict(model="logistic", true=(-30.0, 0.25)),
        dict(model="student", true=(2.0, 3.0)),
        dict(model="gaussian", true=(0.5, 2.0)),
        dict(model="mixture", true=(-2.0, 1.5)),
    ],
    margin=1e-8,
    rivals={
        "the data's mean and deviation": dict(
            model="logistic", true=(1.0, 1.0), law=lambda m, s: (m, s * np.pi / np.sqrt(3))
        ),
        "precision for scale": dict(model="logistic", true=(-30.0, 0.25), law=lambda m, s: (m, 1 / s)),
        "labels exchanged": dict(
            law=lambda first, second: (second, first), model="mixture", true=(-2.0, 1.5)
        ),
    },
)
def well_specified_model_is_the_data(model, true, law=lambda *true: true):
    """If p_data lies in the family, θ* is p_data: the best model by quadrature has the data's parameters."""
    best = best_for_its_own(model, true)
    return equals(Enclosed(best, 1e-10 * (1 + np.abs(best))), np.array(law(*true)), scale=1)


# --- the Gaussian of unknown mean and covariance, on real data ----------------------------------------------


def log_likelihood(model, points):
    """The mean of log N(x; model) over points of shape (N, d), by SciPy."""
    return float(np.mean(stats.multivariate_normal(model.mean, model.covariance).logpdf(points)))


def sigma_points(model):
    """2d points with the mean and the covariance of the model: shape (2d, d)."""
    spread = np.sqrt(len(model.mean)) * np.linalg.cholesky(model.covariance).T
    return np.concatenate([model.mean + spread, model.mean - spread])


def displaced(best):
    """Another model: the mean moved, the covariance stretched and turned."""
    d = len(best.mean)
    return Gaussian(best.mean + 0.5, 1.5 * best.covariance + np.full((d, d), 0.1))


def naive_average(data, model, weight):
    """Averages covariances and forgets that the means differ."""
    share = weight / (1 + weight)
    mix = lambda x, y: (1 - share) * x + share * y  # noqa: E731
    return Gaussian(mix(data.mean, model.mean), mix(data.covariance, model.covariance))


@theorem.computed(
    at=[dict(dimension=2, weight=0.5), dict(dimension=2, weight=5.0), dict(dimension=10, weight=0.5)],
    margin=1e-3,
    rivals={
        "covariances averaged, means forgotten": dict(step=naive_average),
        "λ for λ/(1+λ)": dict(step=lambda d, m, w: gaussian_step(d, m, w / (1 + w))),
        "stays where it is": dict(step=lambda d, m, w: m),
    },
)
def gaussian_map_is_the_argmax(dimension, weight, step=gaussian_step):
    """On the digits' principal scores, the averaged moments maximise E_data log p + λ E_θ log p.

    The objective is SciPy's likelihood of the 1,797 points and of 2d sigma points of the model; its slope at
    the solution vanishes along every coordinate of mean and covariance.
    """
    points = laws.digits_scores(dimension)
    best = fitted(points)
    model = displaced(best)
    found = step(best, model, weight)

    def objective(candidate):
        return log_likelihood(candidate, points) + weight * log_likelihood(candidate, sigma_points(model))

    h = 1e-4 * np.sqrt(np.diag(best.covariance).min())
    slopes = []
    for axis in np.eye(dimension):
        stretch = (np.outer(axis, np.ones(dimension)) + np.outer(np.ones(dimension), axis)) / 2
        for direction in (Gaussian(axis, 0 * stretch), Gaussian(0 * axis, stretch)):
            ahead, behind = (
                objective(
                    Gaussian(*(part + sign * h * move for part, move in zip(found, direction, strict=True)))
                )
                for sign in (1, -1)
            )
            slopes.append((ahead - behind) / (2 * h))
    return equals(Enclosed(np.array(slopes), 1e-5), 0.0, scale=1)


@theorem.computed(
    at=[dict(dimension=2), dict(dimension=10)],
    scope="λ from 0.05 to 20, 5 steps",
    margin=1e-6,
    rivals={
        "λ/(1−λ)": dict(rate=lambda w: w / np.abs(1 - w + 1e-3)),
        "one step more": dict(steps=6),
        "(λ/(1+λ))²": dict(rate=lambda w: (w / (1 + w)) ** 2),
    },
)
def gaussian_loop_contracts_globally(dimension, rate=lambda w: w / (1 + w), steps=5):
    """Far from θ* too, five steps shrink the error of E x and E xxᵀ by (λ/(1+λ))⁵, on the digits' scores."""
    best = fitted(laws.digits_scores(dimension))
    shrunk = []
    for weight in examples.WEIGHTS:
        model = start = displaced(best)
        for _ in range(5):
            model = gaussian_step(best, model, weight)
        gaps = [np.linalg.norm(g.moments() - best.moments()) for g in (model, start)]
        shrunk.append(gaps[0] / gaps[1])
    return equals(Enclosed(np.array(shrunk), 1e-12), rate(np.array(examples.WEIGHTS)) ** steps, scale=1)
