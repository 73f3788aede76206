"""Pages and index: no request leaves, markup stays text, formulas are set, and the browser is
content.
"""

import base64
import hashlib
import re

import pytest

from personalize.report import page


def test_no_request_can_leave_a_page_and_only_its_own_script_runs(made):
    for name in ("00_good.html", "01_bad.html", "index.html"):
        text = made.read(name)
        assert not re.search(r"(?:src|href|action)=[\"']?(?:https?:)?//|url\(|@import", text)
        script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"script-src 'sha256-{digest}'" in text and "default-src 'none'" in text


def test_names_from_the_data_are_harmless_in_pages_and_tables(made):
    for name in ("00_good.html", "index.html"):
        assert "<script>alert" not in made.read(name) and "<b>more" not in made.read(name)
    assert "&lt;script&gt;alert(1)" in made.read("00_good.html") and "牛奶" in made.read(
        "00_good.html"
    )
    assert "'=cmd()" in (made.out / "tables" / "plan.csv").read_text(encoding="utf-8-sig")


def test_a_page_has_formulas_contents_alternative_text_parameters_and_tables(made):
    text = made.read("00_good.html")
    assert (
        "<mfrac>" in text
        and '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">' in text
    )
    assert '<a href="#first-best">First &amp; best</a>' in text and 'id="first-best"' in text
    assert re.search(r'<img [^>]*alt="Bars of 3 names: largest 3.0"', text)
    assert re.search(
        r"<code>theta</code></th><td>1.5</td><td>1.5</td><td>0 to 50</td><td>least lift</td>", text
    )
    assert 'href="tables/plan.csv"' in text and "readable by its owner only" in text
    assert '<html lang="en">' in text


def test_an_empty_page_is_light(made):
    assert len(made.read("01_bad.html").encode()) < 15_000


def test_the_index_shows_question_answer_figure_numbers_and_tables(made):
    text = made.read("index.html")
    for part in (
        "What is <strong>in</strong> it?",
        "Offer 牛奶",
        "14 USD",
        "9 USD to 20 USD",
        "tables/plan.parquet",
    ):
        assert part in text
    assert 'alt="Bars of 3 names' in text and "what to offer" in text and "k: 5" not in text


def test_the_sources_share_a_page(made):
    assert 'href="shop/index.html">Corner shop</a>' in (made.out.parent / "index.html").read_text()


def test_a_formula_that_cannot_be_set_is_shown_as_written():
    assert "<math" in page.prose(r"$\frac{a}{b}$")
    assert page.prose(r"costs \$5 and \$6") == "costs $5 and $6"


def test_markdown_never_becomes_markup_or_a_harmful_link():
    assert "<img" not in page.prose("<img src=x onerror=alert(1)>")
    assert "javascript:" not in page.prose("[x](javascript:alert(1))")


def _contrast(one, other):
    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1, 2], ids=["light", "dark chosen", "dark by system"])
def test_words_have_the_contrast_that_wcag_asks_for(theme):
    text = (page.TEMPLATES / "style.css").read_text()
    colours = [
        dict(re.findall(r"--(\w+): (#\w+);", part))
        for part in re.findall(r":root[^{]*\{([^}]*--ink[^}]*)\}", text)
    ]
    full = {
        k: v if len(v) == 7 else "#" + "".join(2 * c for c in v[1:])
        for k, v in colours[theme].items()
    }
    pairs = [(word, ground) for word in ("ink", "soft", "link") for ground in ("paper", "card")]
    pairs += [("bad", "badbg"), ("ink", "badbg"), ("ink", "mark")] + [
        (word, "card") for word in "ksncf"
    ]
    assert {
        pair: _contrast(full[pair[0]], full[pair[1]])
        for pair in pairs
        if _contrast(full[pair[0]], full[pair[1]]) < 4.5
    } == {}


@pytest.mark.parametrize("name", ["00_good.html", "01_bad.html", "index.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_finds_nothing_to_complain_of(made, browser, name, scheme):
    tab = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme=scheme)
    said, requests = [], []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto((made.out / name).as_uri())
    assert (
        tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        == 0
    )
    assert tab.evaluate("[...document.images].every(i => i.alt.trim() && i.naturalWidth)")
    assert not said and not [url for url in requests if not url.startswith(("file:", "data:"))]
    tab.close()


def test_code_theme_and_filter_work(made, browser):
    tab = browser.new_page()
    tab.goto((made.out / "00_good.html").as_uri())
    assert not tab.locator("details.code").first.is_visible()
    tab.get_by_role("button", name="Show code").click()
    assert tab.locator("details.code pre").first.is_visible()
    ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    tab.get_by_role("button", name="Theme").click()
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") != ground
    tab.goto((made.out / "index.html").as_uri())
    tab.get_by_label("Find a report").fill("offer")
    assert [card.is_visible() for card in tab.locator(".card").all()] == [True, False]
    tab.close()
