"""Every page of two whole reports in a real browser: quiet, closed, legible in both themes, usable
by keyboard.
"""

import json

import pytest

SOURCES = ["journey", "shop"]
SHOP = """{name: shop, title: Corner shop, currency: GBP, tables: {orders: {path: orders.csv, columns: {
  customer_id: customer_id, order_id: order_id, product_id: product_id, time: time, quantity: quantity, amount: amount
}}}}"""
ORDERS = """customer_id,order_id,product_id,time,quantity,amount
1,10,5,2024-01-01 10:00,1,2.5
1,11,5,2024-01-03 10:00,1,2.5
2,12,6,2024-02-02 10:00,2,7.5
"""
WIDTHS = [390, 1280]
SCHEMES = ["light", "dark"]

# Text that is seen against what is painted behind it (WCAG 2.2, 1.4.3): 4.5, or 3 for large text.
CONTRAST = """() => {
  const parse = c => { const n = c.match(/[\\d.]+/g).map(Number); return n.length > 3 ? n : [...n, 1]; };
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const line = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = c => { const l = c.slice(0, 3).map(line);
    return .2126 * l[0] + .7152 * l[1] + .0722 * l[2]; };
  const ground = e => { const layers = [];
    for (; e; e = e.parentElement) {
      layers.push(parse(getComputedStyle(e).backgroundColor));
      if (layers.at(-1)[3] === 1) break; }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]); };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), seen = new Set(); let checked = 0;
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || e.matches("script, style")) continue;
    if (!e.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    checked += 1;
    const style = getComputedStyle(e), back = ground(e), front = over(parse(style.color), back);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x), ratio = (a + .05) / (b + .05);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5))
      seen.add(`${e.tagName}.${e.className} ${ratio.toFixed(2)} ${e.textContent.trim().slice(0, 40)}`);
  }
  return [checked, [...seen]];
}"""

# What a page owes to readers who do not look at it or do not use a mouse.
STRUCTURE = """() => {
  const wrong = [], all = s => [...document.querySelectorAll(s)];
  const say = (t, e) => wrong.push(t + ": " + (e ? e.outerHTML.slice(0, 120) : ""));
  if (document.documentElement.lang !== "en") say("lang");
  if (!document.title.trim()) say("title");
  if (all("h1").length !== 1) say("h1 " + all("h1").length);
  if (all("main").length !== 1) say("main " + all("main").length);
  const ids = all("[id]").map(e => e.id); if (new Set(ids).size !== ids.length) say("an id stands twice");
  all("a[href^='#']").forEach(a => {
    if (!document.getElementById(decodeURIComponent(a.hash.slice(1)))) say("link to nowhere", a); });
  all("img").forEach(i => {
    if (!/\\d/.test(i.alt) || !i.naturalWidth) say("picture without numbers in its text", i); });
  all("table").forEach(t => {
    if (!t.caption || !t.caption.textContent.trim()) say("table without caption", t);
    t.querySelectorAll("th").forEach(h => { if (!h.scope) say("header without scope", h); });
    if (!t.querySelector("th")) say("table without headers", t); });
  all("button, input, a[href], summary").forEach(e => {
    const name = e.getAttribute("aria-label") || e.textContent.trim() || (e.labels && e.labels[0] || {}).textContent;
    if (!name) say("control without a name", e);
    const inText = e.matches("a") && !e.closest(".contents"), box = e.getBoundingClientRect();
    if (!inText && e.checkVisibility() && (box.height < 23.5 || box.width < 23.5)) say("too small to hit", e); });
  let last = 0;
  all("h1, h2, h3, h4, h5").forEach(h => {
    const n = +h.tagName[1]; if (n > last + 1) say("heading skips a level", h); last = n; });
  all("*").forEach(e => {
    const scrolls = /auto|scroll/.test(getComputedStyle(e).overflowX) && e.scrollWidth > e.clientWidth + 1;
    if (scrolls && e.tabIndex < 0) say("scrolls, but not by keyboard", e); });
  return wrong;
}"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory, notebook_file):
    """Reports of a shop: one up to date with a parameter set, one failed, one out of date, one not
    run yet.
    """
    from personalize import report

    folder, source = (
        tmp_path_factory.mktemp("mixed"),
        'p:source: str = "cdnow"  # a source\nk: int = 4  # things [1 to 9]',
    )
    (folder / "shop.yml").write_text(SHOP)
    (folder / "orders.csv").write_text(ORDERS)
    sound = ["from personalize import show\nimport pandas as pd", "show.headline('Gain', 10.0 + k, unit='USD')",
             "show.export(pd.DataFrame({'n': [1]}), f'plan_{k}', about={'n': 'how many'})",
             "show.answer(f'Offer {k} things.')"]  # fmt: skip
    other = "raise ValueError('a line of an error that is so long that it fits on no telephone: ' + 'x' * 200)"
    cells = {"00_sound": sound, "01_failing": [other], "02_old": ["1 + k"]}

    def write():
        for name, code in cells.items():
            notebook_file(
                folder / "notebooks" / f"{name}.ipynb",
                [f"md:# The {name[3:]} one\n\nWhat?", source, *code],
            )

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERSONALIZE_CACHE", str(folder / "cache"))
        given = {"notebooks": folder / "notebooks", "out": folder / "reports"}
        write()
        report.run(folder / "shop.yml", **given)
        cells["02_old"], cells["03_new"] = ["2 + k"], ["3"]
        write()
        report.run(folder / "shop.yml", only="00", parameters={"k": 6}, **given)
    return folder / "reports"


@pytest.fixture(params=SOURCES)
def report(request, browser):
    """Each of the two reports; asked for after the browser, so that nothing is built where there is
    none.
    """
    return request.getfixturevalue(f"{request.param}_report")


@pytest.fixture
def tab(browser):
    """A tab that keeps what the page complains of and what it asks for."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.complaints, page.requests = [], []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on(
        "dialog",
        lambda dialog: (page.complaints.append(f"dialog {dialog.message}"), dialog.dismiss()),
    )
    page.on("request", lambda request: page.requests.append(request.url))
    yield page
    context.close()


def _everywhere(report, tab):
    for path in report.pages():
        tab.goto(path.as_uri())
        yield path.name


def test_no_page_complains_or_asks_for_anything_but_itself(report, tab):
    names = list(_everywhere(report, tab))
    assert len(names) >= 8 and tab.complaints == []
    assert [url for url in tab.requests if not url.startswith("data:")] == [
        path.as_uri() for path in report.pages()
    ]


def test_the_policy_would_stop_a_request_and_the_test_would_hear_of_it(journey_report, tab):
    tab.goto((journey_report.folder / "index.html").as_uri())
    tab.evaluate(
        "document.body.append(Object.assign(new Image(), {src: 'https://example.org/pixel.png'}))"
    )
    tab.wait_for_timeout(100)
    assert any("Content Security Policy" in said for said in tab.complaints)


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_is_sound_for_readers_who_do_not_see_it(report, tab, width):
    tab.set_viewport_size({"width": width, "height": 800})
    wrong = {}
    for name in _everywhere(report, tab):
        tab.evaluate("document.documentElement.classList.add('coded')")
        tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        wrong[name] = tab.evaluate(STRUCTURE)
    assert {name: said for name, said in wrong.items() if said} == {}


@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_is_wider_than_its_window(report, tab, width):
    tab.set_viewport_size({"width": width, "height": 800})
    wide = {}
    for name in _everywhere(report, tab):
        closed = tab.evaluate(OVERFLOW)
        tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        tab.evaluate("document.documentElement.classList.add('coded')")
        wide[name] = max(closed, tab.evaluate(OVERFLOW))
    assert {name: by for name, by in wide.items() if by} == {}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_all_words_stand_out_from_what_is_behind_them(report, tab, scheme):
    tab.emulate_media(color_scheme=scheme)
    faint = {}
    for name in _everywhere(report, tab):
        tab.evaluate("document.documentElement.classList.add('coded')")
        tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        checked, faint[name] = tab.evaluate(CONTRAST)
        assert checked >= 5
    assert {name: said for name, said in faint.items() if said} == {}


def test_faint_words_and_unsound_markup_are_found(journey_report, tab):
    tab.goto((journey_report.folder / "01_statistics.html").as_uri())
    planted = '<p style="color:#999">faint</p><table><tr><td>1</td></tr></table><img alt="no number"><a href="#no">x</a>'
    tab.evaluate(
        "text => document.querySelector('main').insertAdjacentHTML('beforeend', text)", planted
    )
    assert [said.split()[-1] for said in tab.evaluate(CONTRAST)[1]] == ["faint"]
    kinds = {said.partition(":")[0] for said in tab.evaluate(STRUCTURE)}
    assert kinds == {"table without caption", "table without headers", "link to nowhere",
                     "picture without numbers in its text"}  # fmt: skip


def test_the_code_button_shows_and_hides_all_code(report, tab):
    for path in sorted(report.folder.glob("0*.html")):
        tab.goto(path.as_uri())
        count = tab.locator("details.code").count()
        assert count > 3 and tab.locator("details.code:visible").count() == 0
        tab.get_by_role("button", name="Show code").click()
        assert tab.locator("details.code pre:visible").count() == count
        tab.get_by_role("button", name="Hide code").click()
        assert tab.locator("details.code:visible").count() == 0


def test_the_theme_button_turns_the_page_and_the_next_page_stays_so(journey_report, tab):
    tab.emulate_media(color_scheme="light")
    grounds = []
    for number, path in enumerate(journey_report.pages()):
        tab.goto(path.as_uri())
        if number == 0:
            grounds.append(_ground(tab))
            tab.get_by_role("button", name="Theme").click()
        grounds.append(_ground(tab))
    assert grounds[0] != grounds[1] and len(set(grounds[1:])) == 1


def _ground(tab):
    return tab.evaluate("getComputedStyle(document.body).backgroundColor")


def test_contents_lead_to_their_headings(journey_report, tab):
    for path in sorted(journey_report.folder.glob("0*.html")):
        tab.goto(path.as_uri())
        links = tab.locator(".contents a:visible")
        assert links.count() >= 3
        links.last.click()
        heading = "document.getElementById(decodeURIComponent(location.hash.slice(1)))"
        assert 40 <= tab.evaluate(f"{heading}.getBoundingClientRect().top") < 900, (
            "the heading is on the screen, and not under the bar at the top"
        )


def test_the_keyboard_reaches_skip_link_toggle_and_every_link_of_the_contents(report, tab):
    for path in sorted(report.folder.glob("0*.html"))[:2]:
        tab.goto(path.as_uri())
        met = []
        for _ in range(12):
            tab.keyboard.press("Tab")
            met.append(tab.evaluate("document.activeElement.textContent.trim()"))
            assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        assert (
            met[0] == "Skip to the report"
            and met[2:4] == ["Show code", "Theme"]
            and "Contents" in met
        )
    tab.goto(path.as_uri())
    for _ in range(3):
        tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    assert tab.locator("details.code pre").first.is_visible()


def test_links_between_pages_and_tables_lead_to_files_that_are_there(report, tab):
    missing = set()
    for path in report.pages():
        tab.goto(path.as_uri())
        links = tab.evaluate("[...document.links].map(link => link.getAttribute('href'))")
        near = [link for link in links if not link.startswith(("#", "http"))]
        missing |= {link for link in near if not (path.parent / link).is_file()}
    assert not missing


def test_no_page_is_heavier_than_a_megabyte_and_a_half(report):
    assert {
        path.name: path.stat().st_size for path in report.pages() if path.stat().st_size > 1_500_000
    } == {}


@pytest.mark.parametrize("width", WIDTHS)
def test_the_pages_of_a_failure_and_the_cards_of_every_state_are_sound_and_legible(
    mixed, tab, width
):
    tab.set_viewport_size({"width": width, "height": 800})
    wrong = []
    for path in [mixed / "index.html", *sorted((mixed / "shop").glob("*.html"))]:
        tab.goto(path.as_uri())
        tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        wrong += [f"{path.name} {said}" for said in tab.evaluate(STRUCTURE)]
        wrong += [f"{path.name} is too wide"] * bool(tab.evaluate(OVERFLOW))
        for scheme in SCHEMES:
            tab.emulate_media(color_scheme=scheme)
            wrong += [f"{path.name} {scheme} {said}" for said in tab.evaluate(CONTRAST)[1]]
    assert wrong == [] and tab.complaints == []


def _card(tab, title):
    return tab.locator("article.card").filter(has=tab.get_by_role("heading", name=title))


def test_the_index_says_of_each_report_its_state_answer_numbers_change_parameters_and_tables(
    mixed, tab
):
    tab.goto((mixed / "shop" / "index.html").as_uri())
    states = [
        _card(tab, name).locator(".state").inner_text()
        for name in ("sound", "failing", "old", "new")
    ]
    assert states == ["up to date", "failed", "out of date", "not run yet"]
    sound = _card(tab, "sound")
    for part in ("What?", "Offer 6 things.", "16 USD", "+2 since the last run", "k: 6"):
        assert part in sound.inner_text()
    sound.locator("summary").click()
    assert "how many" in sound.inner_text()
    assert sound.get_by_role("link", name="CSV").get_attribute("href") == "tables/plan_6.csv"
    assert not (mixed / "shop" / "tables" / "plan_4.csv").exists(), (
        "a table that is no longer made is gone"
    )
    assert (
        "notebook changed" in _card(tab, "old").inner_text()
        and "ValueError" in _card(tab, "failing").inner_text()
    )
    assert _card(tab, "failing").get_by_role("link").get_attribute("href") == "01_failing.html"
    assert _card(tab, "new").get_by_role("link").count() == 0


def test_the_index_has_the_card_of_the_data_versions_and_the_way_to_all_sources(mixed, tab):
    tab.goto((mixed / "shop" / "index.html").as_uri())
    data = tab.locator("dl.data").inner_text()
    assert "2024-01-01 to 2024-02-02" in data and "GBP" in data and "Customers" in data
    manifest = json.loads((mixed / "shop" / "manifest.json").read_text())
    assert manifest["data"][:12] in data
    assert f"pandas {manifest['versions']['pandas']}" in tab.locator("footer").inner_text()
    tab.get_by_role("link", name="all sources").click()
    assert (
        "4 reports" not in tab.locator("main").inner_text()
        and "3 reports" in tab.locator("main").inner_text()
    )
    assert tab.locator(".state.failed").inner_text() == "1 failed"
    tab.get_by_role("link", name="Corner shop").click()
    assert tab.title() == "Corner shop: reports"


def test_the_filter_leaves_the_reports_that_hold_the_word_and_says_how_many(mixed, tab):
    tab.goto((mixed / "shop" / "index.html").as_uri())
    tab.get_by_label("Find a report").fill("OFFER")
    assert tab.locator("article.card:visible").count() == 1 and _card(tab, "sound").is_visible()
    assert tab.get_by_role("status").inner_text() == "1 of 4 reports"
    tab.get_by_label("Find a report").fill("")
    assert (
        tab.locator("article.card:visible").count() == 4
        and tab.get_by_role("status").inner_text() == ""
    )
