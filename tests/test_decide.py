"""Each exact way of deciding can say yes, no and perhaps, and is not fooled."""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from scipy import stats
from theories import decide, tiny

from proofs_numeric.gaussian_collapse import scale
from theorycheck import (
    Assumption,
    Enclosed,
    FiniteLaws,
    Integers,
    Rationals,
    above,
    at_least,
    at_most,
    below,
    equals,
    law,
    mean,
)
from theorycheck.engine.catalogue import checked
from theorycheck.engine.suite import ClaimError
from theorycheck.verdict import Status

PROVED, SUPPORTED, UNDECIDED, REFUTED = Status.PROVED, Status.SUPPORTED, Status.UNDECIDED, Status.REFUTED
X, Y = sp.symbols("x y", positive=True)
N = sp.Symbol("n", integer=True, positive=True)
R = sp.Symbol("r", real=True)
Z = sp.Symbol("z", nonnegative=True)
M = sp.Symbol("m", integer=True, negative=True)
GAMMA = sp.Integral(X**2 * sp.exp(-X), (X, 0, sp.oo))  # 2
# Equal numbers of different looks, which ball arithmetic cannot separate.
LOOKS = sp.sqrt(2) + sp.sqrt(3), sp.sqrt(5 + 2 * sp.sqrt(6))
# Machin's formula, which sympy does not find.
MACHIN = 4 * sp.atan(sp.Rational(1, 5)) - sp.atan(sp.Rational(1, 239)), sp.pi / 4


def statuses(method, table):
    """Parameters (comparison, status, what the finding says), named after the comparison's line."""
    return pytest.mark.parametrize(
        ("built", "status", "says"), [pytest.param(*row, id=f"{method}-{i}") for i, row in enumerate(table)]
    )


def status_of(method, built, **options):
    """The status, or None where the way of deciding refuses with an error."""
    try:
        return decide(method, lambda: built, **options).finding.status
    except ClaimError:
        return None


def said(finding):
    return f"{finding.certificate} {finding.witness} {finding.reason}"


# --- symbolic -----------------------------------------------------------------------------------------------


@statuses(
    "symbolic",
    [
        (equals((X + Y) ** 2, X**2 + 2 * X * Y + Y**2), PROVED, "50 digits agree"),
        (equals(sp.gamma(X + 1), X * sp.gamma(X)), PROVED, "50 digits agree"),
        (equals((X + Y) ** 2, X**2 + X * Y + Y**2), REFUTED, "y = "),
        (equals(sp.sqrt(2) * sp.pi, sp.Rational(4443, 1000)), REFUTED, "ball arithmetic"),
        (equals(GAMMA, 2), PROVED, "50 digits agree"),
        (equals(sp.Integral(X**Y, (X, 0, 1)), 1 / (Y + 1)), PROVED, "50 digits agree"),
        (equals(GAMMA, sp.Rational(2001, 1000)), REFUTED, "exact rationals"),
        (equals(*MACHIN), UNDECIDED, "does not simplify"),
        ([equals(X, X), equals(X, 2 * X)], REFUTED, "x = "),
        ([], UNDECIDED, "nothing to decide"),
        (at_least(X**2 + X, X - X**3, over={X: Rationals(0)}), PROVED, "coefficients"),
        (below(X, X**2, over={X: Rationals(2)}), PROVED, "coefficients"),
        (below(1 / (X + 1), 1 / X, over={X: Rationals(1)}), PROVED, "coefficients"),
        (at_most(X + Y, 1 + X * Y, over={X: Rationals(1), Y: Rationals(1)}), PROVED, "coefficients"),
        (below(X, X**2, over={X: Rationals(1)}), UNDECIDED, "mixed signs|equal"),
        (at_most(X**2, 2 * X, over={X: Rationals(1)}), REFUTED, "x"),
        (at_most(N**2, 2 * N, over={N: Integers(1)}), REFUTED, "n"),
        (at_most(X, X**2 - X + 1, over={X: Rationals(0)}), UNDECIDED, "mixed signs"),
        # True, but not at numbers that the symbol does not allow.
        (at_least(Z**3 - Z + 1, 0), UNDECIDED, "mixed signs"),
        (equals(sp.sqrt(Z**2 + 2 * Z + 1), Z + 1), UNDECIDED, "does not simplify"),
        (equals(M**2, 11 * M), REFUTED, "m = -3"),
        (at_least(sp.exp(Z), Z), UNDECIDED, "no rational functions"),
        (at_least(sp.sqrt(X), X), REFUTED, "ball arithmetic"),
        # True, but not on all of the half-line.
        (at_most(X, 2, over={X: Rationals(0, 1)}), UNDECIDED, ""),
    ],
)
def test_symbolic(built, status, says):
    finding = decide("symbolic", lambda: built).finding
    assert finding.status is status
    assert any(word in said(finding) for word in says.split("|"))


@pytest.mark.parametrize("built", [at_most(0, R), below(0, R + 1), equals(sp.sqrt(R**2), R)], ids=str)
def test_what_fails_at_negative_numbers_is_not_proved(built):
    """Nothing says that r is positive."""
    assert status_of("symbolic", built) in (UNDECIDED, REFUTED, None)


@pytest.mark.parametrize("wrong", [sp.Rational(1, 2), 2 + X / 10**9, 3])
@pytest.mark.parametrize("claimed", ["the truth", "the same mistake"])
def test_an_integral_is_not_believed(monkeypatch, wrong, claimed):
    """Whatever sympy makes of an integral, a wrong closed form is no proof and the truth is no falsehood."""
    monkeypatch.setattr(sp.Integral, "doit", lambda self, **hints: sp.sympify(wrong))
    right = 2 if claimed == "the truth" else wrong
    finding = decide("symbolic", lambda: equals(GAMMA, right)).finding
    assert finding.status is not PROVED
    assert claimed == "the same mistake" or finding.status is UNDECIDED


# --- certified ----------------------------------------------------------------------------------------------


@statuses(
    "certified",
    [
        (equals(Fraction(1, 3) + Fraction(1, 6), Fraction(1, 2)), PROVED, "exact rationals"),
        (equals(Fraction(1, 3), Fraction(333_333, 1_000_000)), REFUTED, "gap 1/3000000"),
        (at_most(Fraction(1, 3), sp.Rational(1, 3)), PROVED, "exact rationals"),
        (below(Fraction(1, 3), sp.Rational(1, 3)), REFUTED, "gap 0"),
        (below(sp.pi, sp.Rational(355, 113)), PROVED, "ball arithmetic"),
        (above(sp.pi, sp.Rational(355, 113)), REFUTED, "ball arithmetic"),
        (equals(sp.exp(sp.pi * sp.sqrt(163)), 640320**3 + 744), REFUTED, "ball arithmetic"),
        (below(1 - sp.exp(-200), 1), PROVED, "512 bits"),
        (equals(*LOOKS), UNDECIDED, "cannot separate"),
        (at_most(*LOOKS), UNDECIDED, "cannot separate"),
        (below(N, 2**N, over={N: Integers(1, 40)}), PROVED, "40 cases"),
        (at_most(N**2, 2**N, over={N: Integers(1, 40)}), REFUTED, "n = 3"),
        (at_most(sp.log(X), N, over={X: Integers(1, 3), N: Integers(1, 2)}), REFUTED, "x = 3, n = 1"),
        ([below(1, 2), below(2, 1)], REFUTED, "gap 1"),
        ([], UNDECIDED, "no case"),
        (below(Fraction(10) ** 400, Fraction(10) ** 401), PROVED, "exact rationals"),
        ([at_most(0, 1), at_most(N, N - 1, over={N: Integers(3, 2)})], UNDECIDED, "empty"),
    ],
)
def test_certified(built, status, says):
    finding = decide("certified", lambda: built).finding
    assert finding.status is status
    assert says in said(finding)


def test_certified_reports_the_tightest_case():
    finding = decide("certified", lambda: at_most(N, N + 5, over={N: Integers(1, 10)})).finding
    assert (finding.slack, finding.witness) == (1.5, "n = 10")


@pytest.mark.parametrize(
    "number",
    [
        0.5,
        np.float64(0.5),
        np.float32(0.5),
        sp.Float(0.5),
        sp.Float("0.1", 50),
        sp.Float(0.5) * sp.pi,
        Enclosed(0.5, 0.0),
    ],
    ids=["float", "float64", "float32", "sympy", "sympy, 50 digits", "within an expression", "enclosed"],
)
@pytest.mark.parametrize("method", ["certified", "forall"])
def test_a_float_proves_nothing(method, number):
    with pytest.raises(ClaimError, match="float"):
        decide(method, lambda: at_most(number, number))


def test_for_all_of_nothing_is_not_supported():
    """Where the drawn instances leave nothing to compare, nothing was found out."""
    finding = decide("forall", lambda law: [], given={"law": FiniteLaws((2, 3))}).finding
    assert finding.status is UNDECIDED
    assert "nothing to decide" in said(finding)


def test_certified_needs_a_finite_range():
    with pytest.raises(ClaimError, match="last member"):
        decide("certified", lambda: below(0, N, over={N: Integers(1)}))
    with pytest.raises(ClaimError, match="finite domains"):
        decide("certified", lambda: below(0, X, over={X: Rationals(1)}))


# --- computed -----------------------------------------------------------------------------------------------

ARRAY = np.array([1.0, 2.0, 4.0])


@statuses(
    "computed",
    [
        (equals(Enclosed(1.001, 0.002), 1), SUPPORTED, "error bound 0.002"),
        (equals(Enclosed(1.001, 1e-6), 1), REFUTED, ""),
        (equals(Enclosed(1.001, 0.02), 1), UNDECIDED, "too wide"),
        (equals(Enclosed(100.1, 0.2), 100), SUPPORTED, ""),
        (equals(Enclosed(1.1, 0.2), 100, scale=100), REFUTED, ""),
        (at_most(Enclosed(0.5, 0.1), 1), SUPPORTED, ""),
        (at_most(Enclosed(0.999, 0.1), 1), UNDECIDED, "too wide"),
        (at_least(Enclosed(0.5, 0.1), 1), REFUTED, ""),
        (at_least(1, Enclosed(0.5, 0.1)), SUPPORTED, ""),
        (equals(sp.sqrt(2), Enclosed(math.sqrt(2), 1e-12)), SUPPORTED, ""),
        (equals(Enclosed(ARRAY, 1e-9), ARRAY), SUPPORTED, "of 3"),
        (equals(Enclosed(np.add(ARRAY, [0, 0.1, 0]), 1e-9), ARRAY), REFUTED, "entry 1 of 3"),
        (equals(Enclosed(ARRAY, np.array([0, 1, 0])), ARRAY), UNDECIDED, "too wide"),
        (at_most(Enclosed(ARRAY, 1e-9), ARRAY * [2, 3, 1.1]), SUPPORTED, "entry 2 of 3"),
        (equals(Enclosed(1e-3, 2e-3), 0), SUPPORTED, ""),
        (equals(Enclosed(1e-3, 2e-3), 0, scale=Fraction(1, 100)), UNDECIDED, "too wide"),
        (equals(Enclosed(1.0, math.nan), 1), UNDECIDED, ""),
    ],
)
def test_computed(built, status, says):
    finding = decide("computed", lambda: built, margin=0.005).finding
    assert finding.status is status
    assert says in said(finding)


@pytest.mark.parametrize(("margin", "status"), [(0.049, SUPPORTED), (0.051, UNDECIDED)])
def test_computed_margin_is_at_most_half_the_smallest_effect(margin, status):
    found = decide(
        "computed", lambda c=1: equals(Enclosed(1.0, 1e-9), c), margin=margin,
        rivals={"far": dict(c=2), "near": dict(c=Fraction(10, 11))},
    )  # fmt: skip
    assert found.finding.status is status
    assert all(v.refuted for v in found.rivals)
    assert (status is SUPPORTED) or "near" in found.finding.reason


@pytest.mark.parametrize(
    ("built", "margin"),
    [
        (equals(1.0, 1.0), 0.01),
        (equals(Enclosed(1.0, 1e-9), 1), None),
        (equals(Enclosed(math.inf, 1e-9), 1), 0.01),
        (at_most(Enclosed(2.0, -1.0), 2.5), 0.01),
    ],
    ids=["no error bound", "no margin", "not finite", "negative error"],
)
def test_computed_refuses_what_it_cannot_judge(built, margin):
    with pytest.raises(ClaimError):
        decide("computed", lambda: built, margin=margin)


# --- for all and search -------------------------------------------------------------------------------------

WHOLE = [Assumption("whole", "n ≥ 1", {"n": Integers(1)})]


def test_forall_shrinks_its_counterexample():
    finding = decide("forall", lambda n: at_most(n, 57), assumptions=WHOLE).finding
    assert finding.status is REFUTED
    assert finding.witness == "n: 58"
    assert "counterexample by exact rationals" in finding.certificate


@pytest.mark.parametrize(("point", "status"), [(10**6, REFUTED), (0, SUPPORTED)])
def test_forall_looks_where_its_rivals_are_false(point, status):
    """No draw comes near; a point outside the domain says nothing of the claim."""
    far = [Assumption("whole", "n ≥ 1", {"n": Integers(1, draw_to=100)})]
    found = decide(
        "forall", lambda n, least=1, most=1000: at_most(abs(n - 500), 500 + least * most), assumptions=far,
        rivals={"r": dict(n=point, least=-1)},
    )  # fmt: skip
    assert found.finding.status is status


def test_forall_that_finds_nothing_tells_the_tightest_case():
    finding = decide("forall", lambda n: at_most(n, n + 1), assumptions=WHOLE, examples=40).finding
    assert finding.status is SUPPORTED
    assert (finding.samples, "40 random instances" in finding.scope) == (40, True)
    tightest = int(finding.witness.removeprefix("n: "))
    assert finding.slack == (tightest + 1) / tightest


def test_forall_draws_what_is_given_and_fixes_the_rest():
    drawn = set()

    def claim(n, k):
        drawn.add((n, k))
        return below(0, n + k)

    options = dict(assumptions=WHOLE, given={"k": Integers(0, 3)}, at=[dict(n=2)])
    assert decide("forall", claim, **options).finding.status is SUPPORTED
    assert drawn == {(2, k) for k in range(4)}


@pytest.mark.parametrize(("most", "status"), [(3, PROVED), (2, REFUTED)])
def test_forall_of_one_case(most, status):
    found = decide("forall", lambda n: at_most(n, most), assumptions=WHOLE, at=[dict(n=3)])
    assert found.finding.status is status


def test_forall_that_cannot_tell():
    assert decide("forall", lambda n: at_most(*LOOKS), assumptions=WHOLE).finding.status is UNDECIDED


def test_forall_needs_a_domain():
    with pytest.raises(ClaimError, match="'m'"):
        decide("forall", lambda m: at_most(m, m), assumptions=WHOLE)


LAWS = [Assumption("law", "a finite law", {"law": FiniteLaws((2, 3))})]


def squares(law):
    return sum(x * x for x in law.p)


@pytest.mark.parametrize(
    ("claim", "status", "says"),
    [
        (lambda law: at_most(squares(law), 1), SUPPORTED, "no violation"),
        (lambda law: at_most(squares(law), Fraction(9, 10)), REFUTED, "confirmed by exact"),
        # In floats the point violates the claim; exactly it does not.
        (lambda law: at_most(squares(law) + isinstance(law.p[0], float), 1), SUPPORTED, "no violation"),
        (lambda law: at_most(*LOOKS), UNDECIDED, ""),
    ],
    ids=["true", "false", "rounding", "inseparable"],
)
def test_search(claim, status, says):
    finding = decide("search", claim, assumptions=LAWS, generations=10).finding
    assert finding.status is status
    assert says in said(finding)


def test_search_tells_how_tight():
    finding = decide("search", lambda law: at_most(squares(law), 1), assumptions=LAWS).finding
    assert 1 <= finding.slack < 1.001


@pytest.mark.parametrize(
    ("bound", "sharp", "status"),
    [
        (1, 1.001, SUPPORTED),
        (2, 1.9, UNDECIDED),
        (2, lambda: 2.001, SUPPORTED),
        (-1, 5.0, REFUTED),
        (1, math.nan, UNDECIDED),
    ],
)
def test_search_must_recover_what_is_known(bound, sharp, status):
    finding = decide(
        "search", lambda law: at_most(squares(law), bound), assumptions=LAWS, sharp=sharp
    ).finding
    assert finding.status is status
    assert status is not UNDECIDED or f"a law with {sharp} or less is known" in said(finding)


@pytest.mark.parametrize(
    "claim", [lambda n: at_most(n, n), lambda: at_most(1, 2)], ids=["integer", "nothing"]
)
def test_search_needs_something_to_search(claim):
    with pytest.raises(ClaimError, match="exactly one free argument"):
        decide("search", claim, assumptions=WHOLE)


# --- sampled ------------------------------------------------------------------------------------------------


def uniform(rng, size, width=1.0):
    """Uniform on [0, width]: mean width/2, variance width²/12."""
    return rng.uniform(0, width, size)


BOUNDED, SPREAD = mean(uniform, bounds=(0, 1)), mean(uniform, variance=1 / 12)
LAW = law(uniform)


@statuses(
    "sampled",
    [
        (equals(BOUNDED, Fraction(1, 2)), SUPPORTED, ""),
        (equals(BOUNDED, 0.6), REFUTED, ""),
        (equals(Fraction(1, 2), BOUNDED), SUPPORTED, ""),
        (at_most(BOUNDED, 0.9), SUPPORTED, ""),
        (at_most(BOUNDED, 0.4), REFUTED, ""),
        (at_least(BOUNDED, 0.4), SUPPORTED, ""),
        (at_least(BOUNDED, 0.9), REFUTED, ""),
        (equals(SPREAD, sp.Rational(1, 2)), SUPPORTED, ""),
        (equals(SPREAD, 0.6), REFUTED, ""),
        (at_least(0.6, SPREAD), SUPPORTED, ""),
        (at_least(0.4, SPREAD), REFUTED, ""),
        (equals(mean(uniform, variance=1e6), 0.5), UNDECIDED, "heavy tails"),
        (equals(mean(uniform, variance=math.inf), 0.5), UNDECIDED, "neither bounds nor a finite variance"),
        (equals(mean(uniform), 0.5), UNDECIDED, "neither bounds nor a finite variance"),
        (equals(LAW, stats.uniform()), SUPPORTED, ""),
        (equals(LAW, stats.uniform(0.2, 0.6)), REFUTED, ""),
    ],
)
def test_sampled(built, status, says):
    finding = decide("sampled", lambda: built, margin=0.03, first=256).finding
    assert finding.status is status
    assert says in said(finding)


@pytest.mark.parametrize("built", [equals(BOUNDED, 0.5), at_most(BOUNDED, 0.5), equals(LAW, stats.uniform())])
def test_a_margin_narrower_than_the_last_interval_is_undecided(built):
    finding = decide("sampled", lambda: built, margin=0.003, first=64).finding
    assert finding.status is UNDECIDED
    assert "last look" in finding.reason
    assert finding.samples == 64 * 4**4


def test_a_sampled_inequality_tells_its_slack():
    finding = decide("sampled", lambda: at_most(BOUNDED, 0.75), margin=0.1).finding
    assert finding.slack == pytest.approx(1.5, rel=0.05)


@pytest.mark.parametrize("first", [256, 1000, 40_000])
def test_a_true_law_is_not_refuted(first):
    """Whatever the number of draws, and whether or not blocks divide it."""
    finding = decide("sampled", lambda: equals(LAW, stats.uniform()), margin=0.03, first=first).finding
    assert finding.status is SUPPORTED


def test_a_true_discrete_law_is_not_refuted():
    """Its distribution function jumps over the quantiles' levels."""
    coins = law(lambda rng, size: rng.binomial(3, 0.5, size))
    built = equals(coins, stats.binom(3, 0.5))
    assert status_of("sampled", built, margin=0.03) in (SUPPORTED, UNDECIDED, None)


def test_a_false_law_that_hides_between_the_quantiles_is_not_supported():
    """0 and ½ at evens agree with a fair coin wherever the coin's quantiles lie."""
    halves = law(lambda rng, size: rng.integers(0, 2, size) / 2)
    built = equals(halves, stats.bernoulli(0.5))
    assert status_of("sampled", built, margin=0.03) in (REFUTED, UNDECIDED, None)


@pytest.mark.parametrize("method", ["computed", "sampled", "observed"])
@pytest.mark.parametrize("returned", [None, [], True])
def test_what_is_no_comparison_is_refused(method, returned):
    with pytest.raises(ClaimError, match=f"a claim that is {method} returns one comparison, got"):
        decide(method, lambda: returned, margin=0.1)


@pytest.mark.parametrize(
    ("statistic", "options", "says"),
    [
        (BOUNDED, dict(margin=None), "margin"),
        (mean(uniform, 2.0, bounds=(0, 1)), {}, "bounds"),
        (mean(lambda rng, size: np.full(size, np.nan), bounds=(0, 1)), {}, "finite"),
        (mean(lambda rng, size: rng.random(size - 1), bounds=(0, 1)), {}, "finite numbers"),
        (lambda: mean(uniform, variance=-1), {}, "variance"),
        (BOUNDED, dict(first=3), "first"),
        (0.5, {}, "mean or a law"),
    ],
    ids=[
        "no margin",
        "out of bounds",
        "not a number",
        "too few",
        "negative variance",
        "first look",
        "no draws",
    ],
)
def test_sampled_refuses_what_makes_no_interval(statistic, options, says):
    built = statistic if callable(statistic) else lambda: statistic
    with pytest.raises(ClaimError, match=says):
        decide("sampled", lambda: equals(built(), 0.5), **{"margin": 0.05, **options})


FACTOR = math.sqrt(0.5) * math.gamma(2.5) / math.gamma(2)  # c₄(5)


@pytest.mark.parametrize("kernel", ["literal", "reduced"])
@pytest.mark.parametrize("relation", [equals, at_most, at_least])
@pytest.mark.parametrize(
    "known",
    [{}, dict(variance=1 - FACTOR**800), dict(variance=math.inf)],
    ids=["nothing", "variance", "infinite"],
)
def test_plain_monte_carlo_of_a_heavy_tail_is_refused(kernel, relation, known):
    """E σ_t at n = 5, t = 400 is carried by paths that no affordable sample meets."""
    statistic = mean(scale, 5, 400, kernel, **known)
    finding = decide("sampled", lambda: relation(statistic, FACTOR**400), margin=0.01).finding
    assert finding.status is UNDECIDED
    assert finding.reason.startswith("plain Monte Carlo refused")
    assert finding.samples is None


@pytest.mark.parametrize("bounds", [(0, 1e3), (0, math.inf)])
def test_wide_bounds_do_not_help_a_heavy_tail(bounds):
    statistic = mean(scale, 5, 400, "reduced", bounds=bounds)
    finding = decide("sampled", lambda: at_most(statistic, FACTOR**400), margin=0.01, first=16).finding
    assert finding.status is UNDECIDED


def test_a_short_horizon_is_not_refused():
    statistic = mean(scale, 5, 4, "reduced", variance=1 - FACTOR**8)
    finding = decide("sampled", lambda: equals(statistic, FACTOR**4), margin=0.05).finding
    assert finding.status is SUPPORTED


def test_an_unknown_way_of_deciding():
    theorem = tiny("astrology", lambda: equals(1, 1))
    with pytest.raises(ValueError, match=r"'astrology'; there are .*certified.*symbolic"):
        checked(theorem)


@pytest.mark.parametrize("method", ["certified", "symbolic", "forall"])
@pytest.mark.parametrize("built", [None, True, "1 = 1", [equals(1, 1), 1]], ids=str)
def test_a_claim_returns_comparisons(method, built):
    with pytest.raises(ClaimError, match="a claim returns a comparison or several, got"):
        decide(method, lambda: built)


def test_a_claim_cannot_end_the_process():
    """Its exit status would be taken for a verdict."""

    def leave():
        raise SystemExit(0)

    with pytest.raises(ClaimError, match="SystemExit"):
        decide("certified", leave)
