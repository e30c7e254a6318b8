"""The page of a run: what it holds, that it is safe and well formed, and what the command refuses."""

import itertools
import json
import math
import re
import sys
from importlib import resources

import pytest
from conftest import refused
from pages import HOSTILE, PROVENANCE, Page, run_with, theorem, whole_catalogue

from theorycheck.engine.catalogue import catalogue
from theorycheck.figures import tightness
from theorycheck.records import run_of
from theorycheck.schema import fits, run_schema
from theorycheck.verdict import Finding, InstanceResult, Run, Status

pytest.importorskip("jinja2", reason="the extra `report` is not installed")
pytest.importorskip("latex2mathml", reason="the extra `report` is not installed")

from theorycheck.report import page, prose, view
from theorycheck.report.mathml import formulas
from theorycheck.report.strip import place


@pytest.fixture(scope="module")
def everything():
    return page(whole_catalogue())


@pytest.fixture(scope="module")
def read(everything):
    return Page(everything)


# --- a run from its JSON ------------------------------------------------------------------------------------


def test_a_run_comes_back_from_its_json():
    run = run_with(theorem(assumptions=(("a", "A."),)), theorem("other"))
    again = run_of(json.loads(run.to_json()))
    assert again.to_dict() == run.to_dict()
    assert (again.passed, again.summary) == (run.passed, run.summary)
    assert repr(again) == repr(run)


def test_a_rival_needs_no_certificate():
    told = run_with(theorem()).to_dict()
    (rival, *_) = told["theorems"][0]["claims"][0]["instances"][0]["rivals"]
    rival.pop("certificate", None)
    assert set(rival) == {"id", "status", "interval"}
    assert run_of(told).to_dict() == told


def test_an_unknown_end_of_an_interval_comes_back():
    run = run_with(theorem())
    told = run.to_dict()
    told["theorems"][0]["claims"][0]["instances"][0]["interval"] = [None, 0.5]
    (instance, _) = run_of(told).theorems[0].claims[0].instances
    assert instance.finding.interval == (float("-inf"), 0.5)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda run: run.update(schema=2),
        lambda run: run.pop("seed"),
        lambda run: run.update(more=1),
        lambda run: run.update(theorems=3),
        lambda run: run["theorems"][0].pop("key"),
        lambda run: run["theorems"][0]["claims"][0].update(status="FINE"),
        lambda run: run["theorems"][0]["claims"][0].update(status="REFUTED"),  # not its worst instance's
        lambda run: run["theorems"][0]["claims"][0]["instances"][0].update(interval=[1, 2, 3]),
        lambda run: run["theorems"][0]["claims"][0]["instances"][0].pop("reason"),
        lambda run: run["theorems"][0]["claims"][0]["instances"][0].update(slack="sharp"),
    ],
)
def test_what_is_no_run(spoil):
    told = json.loads(run_with(theorem()).to_json())
    spoil(told)
    with pytest.raises(ValueError, match="not a run of schema 1"):
        run_of(told)


def places(record):
    """The path to each value in a record."""
    inside = record.items() if isinstance(record, dict) else enumerate(record)
    for key, value in inside:
        yield (key,)
        if isinstance(value, dict | list):
            yield from ((key, *path) for path in places(value))


ODD = (None, True, -1, 0, 0.5, 1e400, float("nan"), "", "x", [], [1, 2], {}, {"x": 1})


def test_what_the_schema_refuses_is_no_run_and_what_is_one_can_be_told():
    """Each value of a run replaced by others, against the jsonschema package; it lets infinities pass."""
    jsonschema = pytest.importorskip("jsonschema")
    valid = jsonschema.Draft202012Validator(run_schema()).is_valid
    text, accepted = run_with(theorem(assumptions=(("a", "A."),))).to_json(), 0
    for path, odd in itertools.product(places(json.loads(text)), ODD):
        told = inner = json.loads(text)
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = odd
        finite = not isinstance(odd, float) or math.isfinite(odd)
        assert fits(told, run_schema()) == (valid(told) and finite), (path, odd)
        try:
            run = run_of(told)
        except ValueError:
            continue
        accepted += 1
        assert view.theorems(run, []) or run.theorems == ()
        assert all(slack.claim for slack in tightness.of_run(run.to_dict()))
    assert accepted > 50


# --- mathematics --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", catalogue(), ids=lambda t: t.key)
def test_every_statement_becomes_mathematics(told):
    pieces = formulas(told.statement)
    assert pieces
    for piece in pieces:
        assert "\\" not in re.sub('alttext="[^"]*"', "", piece)
        assert Page(piece).all("math")


def test_words_stay_together_and_wide_spaces_part():
    pieces = formulas(r"\mathrm{KL}(p\|q) \le \frac{a}{b},\qquad \text{if } x < \{1\quad 2\}")
    assert len(pieces) == 2  # a set is not cut
    assert "<mi>KL</mi>" in pieces[0]
    assert "&lt;" in pieces[1]


@pytest.mark.parametrize("latex", ["", "  ", r"\foo{x}", r"a_1_2", r"\frac{1}{\nosuch}"])
def test_what_is_no_latex(latex):
    assert formulas(latex) is None


@pytest.mark.parametrize(
    "latex", [rf"\text{{{HOSTILE}}}", r"\href{javascript:alert(1)}{x}", r"\style{a:b}{x}"]
)
def test_mathematics_carries_nothing_else(latex):
    found = Page("".join(formulas(latex))).found
    assert {tag for tag, _, _ in found} <= {"math", "mrow", "mi", "mn", "mo", "mtext"}
    allowed = {"alttext", "displaystyle", "stretchy", "fence", "mathvariant"}
    assert {name for _, attributes, _ in found for name in attributes} <= allowed


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("E_{t+1} a ≥ E_t a", "E<sub>t+1</sub> a ≥ E<sub>t</sub> a"),
        ("p_t·H^K_{p_t}", "p<sub>t</sub>·H<sup>K</sup><sub>p<sub>t</sub></sub>"),
        ("2c₄^t, e^{−ua}", "2c₄<sup>t</sup>, e<sup>−ua</sup>"),
        ("KL(p_θ*‖p_ref)", "KL(p<sub>θ*</sub>‖p<sub>ref</sub>)"),
        ("(1+λ)^2", "(1+λ)<sup>2</sup>"),
        ("χ²_ν, tσ_0² and σ_t²", "χ²<sub>ν</sub>, tσ<sub>0</sub>² and σ<sub>t</sub>²"),
        ("gap -1/3 at 1.2e-10", "gap −1/3 at 1.2×10⁻¹⁰"),
        ("as `a_b` <says>", "as <code>a_b</code> &lt;says&gt;"),
        ("snake_case_x stays", "snake_case_x stays"),
        ("x_{<b>}", "x<sub>&lt;b&gt;</sub>"),
    ],
)
def test_text_is_typeset(text, told):
    assert str(prose.typeset(text)) == told


def test_numbers_and_intervals():
    assert [prose.number(x) for x in (0.05, -2, float("inf"))] == ["0.05", "−2", "∞"]
    assert prose.interval((-0.0123, 0.0456)) == "[−0.012, 0.046]"
    assert prose.interval((0.249999, 0.250001)) == "0.25"
    assert [prose.ratio(x) for x in (1.00012, 1.8e12)] == ["1.0001", "1.8e+12"]
    finding = Finding(Status.SUPPORTED, interval=(-1.0, 2.0), samples=16384)
    assert prose.evidence(finding, 0.05) == "gap [−1, 2] from 16,384 draws, margin 0.05"
    assert prose.words("mean_scale_decays") == "Mean scale decays"


def test_a_scope_that_repeats_the_parameters_is_told_in_words():
    finding = Finding(Status.PROVED, "synthetic_weight=2; 30 points of laws")
    instance = InstanceResult("synthetic_weight=2", {"synthetic_weight": 2}, finding, None, 0.0)
    assert prose.scope(instance) == "synthetic weight = 2; 30 points of laws"


def test_the_strip_runs_from_sharp_to_idle():
    assert place(0.5) == place(1) < place(2) < place(999) < place(1000) == place(1e9) < 100


# --- what the page holds ------------------------------------------------------------------------------------


def test_all_claims_are_told_and_linked(read):
    titles = [text.rsplit(" ", 1)[0].strip() for _, _, text in read.all("h5")]
    assert titles == [prose.words(c.id) for t in catalogue() for c in t.claims]
    rows = [a for tag, a, _ in read.all("tr") if "data-status" in a]
    assert len(rows) == len(titles)
    assert {f"theorycheck verify {t.key} --seed 7 --alpha 0.001" for t in catalogue()} <= {
        text for _, a, text in read.all("code") if a.get("class") == "command"
    }


def test_a_dropped_assumption_names_the_claims_that_fall():
    told = theorem(assumptions=(("finite", "F."), ("free", "G.")))
    (claim,) = told.claims
    first = claim.instances[0]
    object.__setattr__(first, "without", (type(first.rivals[0])("finite", Finding(Status.REFUTED)),))
    rows = [text for _, _, text in Page(page(run_with(told))).all("tr")]
    (finite,) = [" ".join(text.split()) for text in rows if text.strip().startswith("Finite")]
    (free,) = [" ".join(text.split()) for text in rows if text.strip().startswith("Free")]
    assert finite.endswith("F. Falls each step is false")
    assert free.endswith("G. no claim here drops it")


def catalogued(key):
    """A theorem of the whole catalogue's run."""
    return next(t for t in whole_catalogue().theorems if t.key == key)


def test_what_does_not_pass_is_told_first():
    text = page(run_with(theorem(status=Status.UNDECIDED)))
    assert "1 of 1 claim does not pass" in " ".join(text.split())
    assert text.index("What does not pass") < text.index("All claims")
    assert page(run_with()).count("This run decided no claim.") == 1


def test_the_command_decides_the_same_again(read):
    shown = [text for _, a, text in read.all("code") if a.get("class") == "command"]
    assert shown[0] == "theorycheck verify --seed 7 --alpha 0.001"
    some = run_with(theorem("reward-ascent"), theorem(), theorem("other"))
    assert "theorycheck verify reward-ascent FILE.py --seed 7 --alpha 0.001" in page(some)
    full = Run(7, 1e-3, "full", 1.5, PROVENANCE, (theorem(),))
    assert "theorycheck verify FILE.py --seed 7 --alpha 0.001 --profile full" in page(full)


def test_the_same_run_gives_the_same_page(everything):
    assert page(whole_catalogue()) == everything


# --- safe and well formed -----------------------------------------------------------------------------------


def test_html_in_a_theorem_is_text():
    hostile = theorem(HOSTILE, HOSTILE, rf"\text{{{HOSTILE}}}", ((HOSTILE, HOSTILE),))
    odd = theorem("x", HOSTILE, HOSTILE)
    run = Run(7, 1e-3, "quick", 1.5, {**PROVENANCE, "processor": HOSTILE}, (hostile, odd))
    read = Page(page(run))
    assert len(read.all("script")) == 1
    assert read.all("img") == []
    assert not [name for _, attributes, _ in read.found for name in attributes if name.startswith("on")]
    assert [text for _, _, text in read.all("h3")] == [HOSTILE, HOSTILE]


def test_the_page_needs_nothing_else(everything, read):
    for attribute in ("src", "href"):
        assert {v.partition(":")[0] for v in read.values(attribute) if not v.startswith("#")} <= {"data"}
    assert "http" not in "".join(text for _, _, text in read.all("style", "script"))
    assert "url(" not in everything


def test_ids_links_and_labels_meet(read):
    ids = read.values("id")
    assert len(set(ids)) == len(ids)
    wanted = [v[1:] for v in read.values("href") if v.startswith("#")] + read.values("for")
    wanted += read.values("aria-labelledby")
    assert set(wanted) <= set(ids)


def test_two_theorems_of_one_key_are_told_apart():
    ids = Page(page(run_with(theorem("twice"), theorem("twice")))).values("id")
    assert len(set(ids)) == len(ids)


def test_headings_descend_one_at_a_time(read):
    levels = [int(tag[1]) for tag, _, _ in read.all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_tables_have_captions_and_scopes(read):
    assert len(read.all("caption")) == len(read.all("table")) > 20
    assert all("scope" in attributes for _, attributes, _ in read.all("th"))


def contrast(first, second):
    """WCAG 2 contrast of two colours #rrggbb."""

    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_stands_out(scheme):
    style = (resources.files("theorycheck") / "report/style.css").read_text("utf-8")
    root = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[scheme]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", root))
    pairs = [(ink, ground) for ink in ("ink", "soft", "link") for ground in ("paper", "panel")]
    pairs += [(name, f"{name}-bg") for name in ("proved", "supported", "observed", "undecided", "refuted")]
    pairs += [("proved", "paper"), ("refuted", "paper")]
    found = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: ratio for pair, ratio in found.items() if ratio < 4.5} == {}


# --- the command --------------------------------------------------------------------------------------------


@pytest.fixture
def stored(tmp_path):
    path = tmp_path / "run.json"
    path.write_text(run_with(theorem()).to_json(), encoding="utf-8")
    return path


def test_the_command_writes_a_page(call, stored, tmp_path):
    target = tmp_path / "page.html"
    assert call("report", stored, "--out", target) == (0, "", "")
    assert target.read_text("utf-8") == page(run_with(theorem()))
    assert call("report", stored, "--out", "-")[1] == target.read_text("utf-8")
    assert {p.name for p in tmp_path.iterdir()} == {"run.json", "page.html"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"schema": 2}', "run.json is not a run of schema 1"),
        ("{", "run.json is not JSON"),
        ("[" * 100_000, "run.json is not JSON"),
        (None, "cannot read"),
    ],
)
def test_a_file_that_is_no_run(call, stored, tmp_path, text, says):
    kept = tmp_path / "page.html"
    kept.write_text("kept")
    stored.unlink() if text is None else stored.write_text(text)
    refused(call("report", stored, "--out", kept), says)
    assert kept.read_text() == "kept"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--out", "no/such/page.html"], "cannot write --out no/such/page.html"),
        (["--out", "."], "is a directory"),
        (["--out", "page.html", "--figures", "nowhere"], "--figures must be a folder that"),
    ],
)
def test_options_that_cannot_be(call, stored, tmp_path, monkeypatch, options, says):
    monkeypatch.chdir(tmp_path)
    refused(call("report", stored, *options), says)
    assert {p.name for p in tmp_path.iterdir()} == {"run.json"}


@pytest.mark.parametrize("missing", ["jinja2", "latex2mathml.converter", "markupsafe"])
def test_without_the_extra(call, stored, tmp_path, monkeypatch, missing):
    for name in [name for name in sys.modules if name.startswith("theorycheck.report")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    answer = call("report", stored, "--out", tmp_path / "x.html")
    refused(answer, "a report needs jinja2 and latex2mathml: pip install 'theorycheck[report]'")
    assert not (tmp_path / "x.html").exists()


def test_a_figure_stands_at_its_first_theorem_and_is_linked_from_the_others(tmp_path):
    name = "curated-loop"
    (tmp_path / f"{name}.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>")
    (tmp_path / f"{name}.txt").write_text("What is\nshown.\n\nN = 3\n")
    # Of the seven theorems behind the figure the run has two, and not the first.
    ascent, rates = catalogued("reward-ascent"), catalogued("reward-convergence-rates")
    text = run_with(theorem("other"), ascent, rates).to_html(tmp_path)
    read = Page(text)
    (image,) = read.all("img")
    assert image[1]["src"].startswith("data:image/svg+xml;base64,")
    at = [
        text.index(f'<article id="{key}"') for key in ("other", "reward-ascent", "reward-convergence-rates")
    ]
    (drawn,) = [m.start() for m in re.finditer("What is shown.", text)]
    (linked,) = [m.start() for m in re.finditer(f'href="#figure.{name}"', text)]
    # It stands at the first by the order of its certificates, whatever the order of the page.
    assert at[0] < at[1] < linked < at[2] < drawn
    (told,) = [text for tag, _, text in read.found if tag == "figcaption" and "What is" in text]
    assert "Gap rate is measured" in told
    assert read.values("id").count(f"figure.{name}") == 1


def test_a_caption_that_is_no_text_does_not_stop_the_page(tmp_path):
    (tmp_path / "tightness.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "tightness.txt").write_bytes(b"All \xff of it.")
    assert "All \ufffd of it." in run_with(catalogued("reward-ascent")).to_html(tmp_path)


def test_a_figure_of_no_theorem_of_the_run_is_left_out(tmp_path):
    (tmp_path / "curated-loop.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    assert Page(run_with(theorem("other")).to_html(tmp_path)).all("img") == []
