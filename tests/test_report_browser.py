"""The page in headless Chromium: quiet, offline, filtered, on a phone, on paper, by keyboard."""

import re
import shutil

import pytest
from pages import HOSTILE, run_with, theorem, whole_catalogue

pytest.importorskip("jinja2", reason="the extra `report` is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next((path for path in map(shutil.which, NAMES) if path), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
# Elements that reach beyond the right edge, unless one around them scrolls.
OVERFLOWING = """() => [...document.querySelectorAll("main *, header *, nav *")].filter(element =>
    !element.closest(".statement, .scroll, .aside, thead, math") &&
    element.getBoundingClientRect().right > innerWidth + 1).map(element => element.outerHTML.slice(0, 99))"""


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    odd = theorem("odd", HOSTILE, rf"\frac{{a}}{{b}} \text{{{HOSTILE}}}", (("one", HOSTILE),))
    runs = {"whole": whole_catalogue(), "odd": run_with(odd, theorem("other", "Another"))}
    for name, run in runs.items():
        (folder / f"{name}.html").write_text(run.to_html(), encoding="utf-8")
    size = 'width="496.8pt" height="300pt" viewBox="0 0 496.8 300"'
    (folder / "curated-loop.svg").write_text(f'<svg xmlns="http://www.w3.org/2000/svg" {size}/>')
    drawn = run_with(theorem("reward-ascent"), theorem("curated-density-update"))
    (folder / "drawn.html").write_text(drawn.to_html(folder), encoding="utf-8")
    return folder


@pytest.fixture
def visit(browser, files):
    """Opens a page; what it says on the console and whatever it asks for besides itself must be nothing."""
    told, contexts = [], []

    def open_page(name, **options):
        contexts.append(browser.new_context(**options))
        contexts[-1].set_default_timeout(120_000)  # of a busy machine
        page = contexts[-1].new_page()
        url = (files / f"{name}.html").as_uri()
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        own = (url, "data:,")
        page.on("request", lambda request: request.url in own or told.append(request.url))
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert told == []


def rows(page):
    """The names of the claims that the table shows."""
    return page.locator("#table tr[data-status]:visible th").all_inner_texts()


def test_it_is_narrowed_by_words_status_and_theorem(visit):
    page = visit("odd", viewport=DESK)
    assert rows(page) == ["Falls each step"] * 2
    page.get_by_label("Words").fill("no such words")
    assert rows(page) == []
    assert page.get_by_role("status").inner_text() == "0 of 2 claims"
    page.get_by_role("button", name="Show all").click()
    page.wait_for_function("document.getElementById('filter-count').textContent === ''")
    assert len(rows(page)) == 2
    page.get_by_label("Theorem", exact=True).select_option("other")
    assert page.get_by_role("status").inner_text() == "1 of 2 claims"
    assert page.locator("#table .group:visible").all_inner_texts() == ["Another"]
    page.get_by_label("Status", exact=True).select_option("SUPPORTED")
    page.get_by_label("Decided by").select_option("simulation")
    assert len(rows(page)) == 1


def test_html_in_a_title_is_text(visit):
    page = visit("odd", viewport=DESK)
    assert page.title() == "theorycheck: 2 claims, all hold"
    assert page.get_by_role("heading", level=3).first.inner_text() == HOSTILE
    assert page.locator("img").count() == 0
    written = page.locator("math mtext").first.text_content().replace("\xa0", " ")
    assert written == HOSTILE.replace("&amp;", "&")


def test_formulas_are_drawn(visit):
    page = visit("whole", viewport=DESK)
    heights = page.eval_on_selector_all(
        ".statement math", "all => all.map(math => math.getBoundingClientRect().height)"
    )
    assert len(heights) > 25
    assert min(heights) > 8
    fraction, letter = (
        page.locator(f"math {tag}").first.evaluate("e => e.getBoundingClientRect().height")
        for tag in ("mfrac", "mfrac mi")
    )
    assert fraction > 1.5 * letter


def test_nothing_overflows_on_a_phone(visit):
    for name in ("whole", "odd"):
        page = visit(name, viewport=PHONE)
        page.eval_on_selector_all("details", "all => all.forEach(details => details.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert page.evaluate(OVERFLOWING) == []


def test_a_figure_keeps_its_size_and_scrolls_on_a_phone(visit):
    for screen, scrolls in ((PHONE, True), (DESK, False)):
        page = visit("drawn", viewport=screen)
        region = page.get_by_role("region", name="Figure: The curated loop")
        assert region.locator("img").evaluate("e => e.getBoundingClientRect().width") > 496.8 * 4 / 3
        assert region.evaluate("e => e.scrollWidth > e.clientWidth") is scrolls
        assert page.evaluate("document.documentElement.scrollWidth") <= screen["width"]
        assert page.evaluate(OVERFLOWING) == []
        region.focus()
        page.keyboard.press("ArrowRight")
        page.get_by_role("link", name="The curated loop").click()
        assert page.evaluate("location.hash") == "#figure.curated-loop"


def test_it_is_printed_whole(visit):
    page = visit("odd", viewport=DESK)
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.emulate_media(media="print")
    assert not page.get_by_role("navigation").is_visible()
    assert not page.locator("form").is_visible()
    assert page.get_by_text("To decide this theorem again").first.is_visible()


def test_it_is_read_without_script(visit):
    page = visit("odd", viewport=DESK, java_script_enabled=False)
    assert not page.locator("form").is_visible()
    assert len(rows(page)) == 2


def test_it_is_read_by_keyboard_and_by_landmarks(visit):
    page = visit("odd", viewport=DESK, reduced_motion="reduce")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the findings")
    assert skip.evaluate("e => e === document.activeElement && e.getBoundingClientRect().top >= 0")
    assert skip.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    for role in ("banner", "navigation", "main", "contentinfo", "search"):
        assert page.get_by_role(role).count() == 1, role
    assert page.get_by_role("table", name=re.compile("2 claims, each at its worst")).count() == 1
    assert page.get_by_role("columnheader", name="Tightness").count() >= 1
    assert page.get_by_role("rowheader", name="Falls each step").count() == 2
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"


def test_it_follows_the_readers_colours(visit):
    grounds = [
        visit("odd", color_scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]
    assert grounds[0] == "rgb(255, 255, 255)"
    assert grounds[1] != grounds[0]
