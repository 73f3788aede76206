"""What a report publishes names no customer and shows no group of fewer than `min_cell`; and
hostile names do nothing.

Published is everything but `tables/`: pages, executed notebooks, manifest, and what the runner
says. The scans below
read it as an outsider would; each is proved by planting what it must find.
"""

import base64
import csv
import html
import io
import json
import re
import shutil
import stat
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

import personalize as pz
from personalize import plots, report
from personalize.report import redaction

FORMULA, SCRIPT = "=cmd()", "<script>alert(1)</script>"  # the products of `shop_report`
MIN_CELL = 10  # the notebooks' default
# Columns of shown tables that may hold a small whole number because they do not count customers. Anything else may not.
NO_CUSTOMERS = {
    **dict.fromkeys(
        ["cluster", "score", "cohorts", "groups", "n segments"],
        "names or counts groups, never who is in",
    ),
    **dict.fromkeys(["full place", "sampled place", "rank"], "places in an order"),
    **dict.fromkeys(
        [
            "months later",
            "renewals",
            "days",
            "quiet days",
            "recency days",
            "last day",
            "days behind",
            "behind",
        ],
        "time",
    ),
    **dict.fromkeys(
        ["products", "size", "itemsets", "closed", "maximal", "rules", "shuffled", "real"],
        "products, rules",
    ),
    **dict.fromkeys(
        ["orders", "lines", "frequency", "expected", "rest", "extra", "extra low", "extra high"],
        "orders",
    ),
    **dict.fromkeys(
        ["distinct", "breaches", "rows", "dropped", "kept"], "values, rows or promises of the data"
    ),
    **dict.fromkeys(
        ["mean", "median", "variance", "std", "q05", "q25", "q75", "q95", "skew"],
        "statistics of many",
    ),
    **dict.fromkeys(["ndcg", "z", "gap", "lift", "ratio", "times equal"], "ratios"),
}
AVERAGES = ("mean ", "median ")  # columns that begin so are statistics of many
NO_PEOPLE = {
    "%",
    "days",
    "weeks",
    "hours",
    "orders",
    "lines",
    "products",
    "rows",
}  # units of a column
OTHER_UNITS = {
    "lines",
    "orders",
    "days",
    "products",
    "rows",
}  # of a column `n` beside a column `unit`
PEOPLE = "customers?|buyers?|shoppers?|households?|people|persons?"
FEW = re.compile(
    rf"(?<![\w.,#:+–-])([1-9]\d*) (?:of (?:the |these |them,? )?[\d,]+ )?(?:\w*[^\Ws] )?(?:{PEOPLE})\b",
    re.IGNORECASE,
)


class Reader(HTMLParser):
    """Tables, words and markup of a piece of HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: list[list[list[tuple[str, str, str]]]] = []  # rows of (kind, text, unit)
        self.words: list[str] = []
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.cell: list[str] | None = None
        self.pandas = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.words += [
            f"\n{value}\n"
            for name, value in attrs
            if name in ("alt", "title", "aria-label") and value
        ]
        if tag == "table":
            self.tables.append([])
            self.pandas = "dataframe" in dict(attrs).get("class", "").split()  # a plain frame
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            number = "n" in dict(attrs).get("class", "").split() or (self.pandas and tag == "td")
            self.cell = ["number" if number else "text", "", ""]
        elif tag == "small" and self.cell:
            self.cell[0] += " unit"
        if tag not in ("b", "strong", "em", "code", "small", "span"):
            self.words.append("\n")

    def handle_endtag(self, tag):
        if tag in ("td", "th") and self.cell:
            kind, text, unit = self.cell
            self.tables[-1][-1].append((kind.split()[0], text.strip(), unit.strip()))
            self.cell = None

    def handle_data(self, data):
        if self.tags[-1:] in (["style"], ["script"]):
            return
        self.words.append(data)
        if self.cell:
            self.cell[2 if "unit" in self.cell[0] else 1] += data


def published(report) -> Iterator[tuple[str, str]]:
    """Name and text of everything published, the words in pictures included."""
    for path in sorted(
        p for p in report.folder.parent.rglob("*") if p.is_file() and p.parent.name != "tables"
    ):
        text = path.read_text(encoding="utf-8")
        yield str(path.relative_to(report.folder.parent)), text
        for cell in json.loads(text)["cells"] if path.suffix == ".ipynb" else ():
            for output in (o for o in cell.get("outputs", []) if "image/png" in o.get("data", {})):
                picture = Image.open(
                    io.BytesIO(base64.b64decode("".join(output["data"]["image/png"])))
                )
                yield f"a picture of {path.name}", picture.text["Description"]
    yield "what the runner says", report.said


def named(report) -> list[str]:
    """Where customer ids stand in what is published: whole, grouped, as a power of ten, or without
    their prefix.
    """
    parts, found = {name.removeprefix("cust-") for name in report.customers}, []
    length = len(min(parts))
    for name, text in published(report):
        plain = re.sub(r"(\d)\.(\d{3,})e\+?\d+", r"\1\2", html.unescape(text).lower())
        plain = re.sub(r"(?<=\d)[,_\u2009\u202f](?=\d{3})", "", plain)
        for run in re.findall(rf"[0-9a-f]{{{length},}}", plain):
            tried = (run[i : i + length] for i in range(len(run) - length + 1))
            found += [f"{name}: {part}" for part in tried if part in parts]
    return found


def pieces(report) -> Iterator[tuple[str, Reader]]:
    """Every page, and every output of every executed notebook, read."""
    for page in report.pages():
        yield page.name, Reader(page.read_text(encoding="utf-8"))
    for path in sorted(report.folder.glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for output in (output for cell in cells for output in cell.get("outputs", [])):
            data = output.get("data", {"text/plain": output.get("text", "")})
            twin = "<table" in "".join(
                data.get("text/html", "")
            )  # the same table as plain text: columns run together
            for kind, lines in data.items():
                text = "".join(lines)
                if not kind.startswith("image/") and not (twin and kind == "text/plain"):
                    shown = text if kind == "text/html" else html.escape(text.replace("**", ""))
                    yield f"{path.name} {kind}", Reader(shown)


def small(report, min_cell: int = MIN_CELL) -> list[str]:
    """Groups of 1 to `min_cell` - 1 customers, in tables and in sentences."""
    found = []
    for where, piece in pieces(report):
        for table in piece.tables:
            found += [f"{where}: {said}" for said in _small_cells(table, min_cell)]
        for match in FEW.finditer("".join(piece.words)):
            if int(match[1]) < min_cell:
                found.append(f"{where}: '{match[0]}'")
    return found


def _small_cells(table, min_cell: int) -> Iterator[str]:
    heads = [(text, unit) for _, text, unit in table[0]] if table else []
    unit_at = next((i for i, (head, _) in enumerate(heads) if head == "unit"), None)
    shares = (
        {"known"} if ("known in", "") in heads else set()
    )  # of rows whose value is known in another table
    for row in table[1:]:
        row = [("text", "", "")] * (len(heads) - len(row)) + row  # cells that span several rows
        for (head, unit), (kind, text, _) in zip(heads, row, strict=True):
            counted = (
                kind == "number" and unit not in NO_PEOPLE and head not in {*NO_CUSTOMERS, *shares}
            )
            counted = counted and not head.startswith(AVERAGES)
            if head == "n" and unit_at is not None and row[unit_at][1] in OTHER_UNITS:
                continue
            if counted and re.fullmatch(r"\d+", text) and 0 < int(text) < min_cell:
                yield f"column '{head}' holds {text}"


@pytest.fixture
def copy(shop_report, tmp_path):
    """The report in a place where a test may spoil it."""
    return _copied(shop_report, tmp_path)


def _copied(made, folder):
    shutil.copytree(made.folder.parent, folder / "reports")
    return replace(made, folder=folder / "reports" / made.folder.name)


def test_no_customer_is_named_in_pages_notebooks_manifest_or_log(shop_report):
    assert len(shop_report.customers) == 300 and len(list(published(shop_report))) > 14
    assert not named(shop_report)


def test_no_household_of_complete_journey_is_named_in_pages_notebooks_pictures_manifest_or_log(
    journey_report,
):
    assert len(journey_report.customers) == 2469 and {
        len(name) for name in journey_report.customers
    } == {9}
    texts = dict(published(journey_report))
    assert {"journey/manifest.json", "journey/index.html", "a picture of 05_clv.ipynb"} <= set(
        texts
    )
    assert not named(journey_report)


def test_no_group_below_min_cell_is_shown_of_a_small_shop(shop_report):
    assert len(list(shop_report.folder.glob("*.ipynb"))) >= 6
    assert small(shop_report) == []


def test_no_group_below_min_cell_is_shown_of_complete_journey(journey_report):
    assert small(journey_report) == []


def _in_page(report, text):
    page = report.folder / "02_segmentation.html"
    page.write_text(
        page.read_text(encoding="utf-8").replace("</main>", f"<p>{text}</p></main>"),
        encoding="utf-8",
    )


def _in_notebook(report, text, kind="text/html"):
    path = report.folder / "05_clv.ipynb"
    nb = json.loads(path.read_text(encoding="utf-8"))
    cell = [cell for cell in nb["cells"] if cell.get("outputs")][-1]
    cell["outputs"].append({"output_type": "display_data", "data": {kind: [text]}, "metadata": {}})
    path.write_text(json.dumps(nb), encoding="utf-8")


def _in_manifest(report, text):
    path = report.folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "note": text}))


@pytest.mark.parametrize(
    "form", ["{}", "{:.0}", "&#99;ust-{}"], ids=["whole", "without its prefix", "as an entity"]
)
@pytest.mark.parametrize(
    "place", [_in_page, _in_notebook, _in_manifest], ids=lambda f: f.__name__[4:]
)
def test_a_planted_customer_is_found(copy, place, form):
    one = min(copy.customers)
    tail = one.removeprefix("cust-")
    place(copy, {"{}": one, "{:.0}": tail.upper()}.get(form, form.format(tail)))
    assert [hit.rpartition(": ")[2].lower() for hit in named(copy)] == [tail]


@pytest.mark.parametrize("form", ["{}", "{:,}", "{}.0", "{:.8e}"])
@pytest.mark.parametrize(
    "place", [_in_page, _in_notebook, _in_manifest], ids=lambda f: f.__name__[4:]
)
def test_a_planted_household_of_complete_journey_is_found(journey_report, tmp_path, place, form):
    spoilt, one = _copied(journey_report, tmp_path), min(journey_report.customers)
    place(spoilt, form.format(int(one)))
    assert [hit.rpartition(": ")[2] for hit in named(spoilt)] == [one]


@pytest.mark.parametrize("drawn", ["name of a bar", "title"])
def test_a_customer_who_is_only_in_the_pixels_of_a_picture_is_found(copy, drawn):
    one = min(copy.customers)
    table = pd.DataFrame(
        {"name": [one if drawn == "name of a bar" else "x", "y"], "value": [1.0, 2.0]}
    )
    chart = plots.bars(table, x="value", y="name", title=one if drawn == "title" else "")
    _in_notebook(copy, base64.b64encode(plots.png(chart)).decode(), "image/png")
    assert [hit.rpartition(":")[0] for hit in named(copy)] == ["a picture of 05_clv.ipynb"]


FAILING = """orders = tables.sql("select cast(customer_id as varchar) as id from {{orders}} order by 1")
{}"""
SAID = {
    "a key that is missing": "dict()[orders.id[0]]",
    "a sentence": "raise ValueError(f'{orders.id[0]} and {orders.id.iloc[-1]} cannot be read')",
    "a multi-line table": "raise RuntimeError(orders.head(3).to_string())",
}


@pytest.fixture(scope="module")
def failed(shop_report, tmp_path_factory, notebook_file):
    """Reports on the marked shop whose notebooks all fail with an error that names customers,
    masked and not.
    """
    folder, made = tmp_path_factory.mktemp("failed"), {}
    parameters = 'p:source: str = "complete_journey"  # built-in source or path of a source file'
    load = "import personalize as pz\ntables = pz.load(source)"
    for number, code in enumerate(SAID.values()):
        cells = ["md:# Fails\n\nWhy?", parameters, load, FAILING.format(code)]
        notebook_file(folder / "notebooks" / f"{number:02}_fails.ipynb", cells)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERSONALIZE_CACHE", str(shop_report.folder.parents[1] / "cache"))
        for kind in ("masked", "open"):
            said = []
            given = {
                "notebooks": folder / "notebooks",
                "out": folder / kind,
                "progress": said.append,
            }
            done = report.run(shop_report.folder.parents[1] / "marked.yml", **given)
            assert {outcome.state for outcome in done.outcomes} == {"failed"}
            made[kind] = replace(shop_report, folder=done.folder, said="\n".join(said))
            patch.setattr(redaction, "without_customers", lambda text, tables: text)
    return made


def test_a_failed_notebook_names_no_customer_in_its_page_its_notebook_the_index_the_manifest_or_the_log(
    failed,
):
    assert named(failed["masked"]) == []
    assert (
        "KeyError: &#39;[a customer]&#39;"
        in (failed["masked"].folder / "00_fails.html").read_text()
    )


def test_a_failed_notebook_would_name_customers_everywhere_and_the_scan_would_find_them(failed):
    places = {hit.partition(":")[0] for hit in named(failed["open"])}
    pages = {f"marked/0{n}_fails.{kind}" for n in range(len(SAID)) for kind in ("html", "ipynb")}
    assert places == pages | {"marked/index.html", "marked/manifest.json", "what the runner says"}


def test_short_numbers_are_customers_in_an_error_only_where_they_are_looked_up():
    day = pd.Timestamp("2024-01-01")
    orders = {
        "customer_id": [12, 7_654_321],
        "order_id": [1, 2],
        "product_id": 5,
        "time": day,
        "quantity": 1,
    }
    tables = pz.load({"orders": pd.DataFrame({**orders, "amount": 2.5})})
    assert redaction.without_customers("KeyError: 12", tables) == "KeyError: [a customer]"
    assert (
        redaction.without_customers("ValueError: 12 rows of 7654321", tables)
        == "ValueError: 12 rows of [a customer]"
    )


def test_a_customer_in_the_index_and_in_what_the_runner_says_is_found(copy):
    one = min(copy.customers)
    index = copy.folder.parent / "index.html"
    index.write_text(index.read_text(encoding="utf-8") + f"<!-- {one} -->", encoding="utf-8")
    said = replace(copy, said=f"{copy.said}\n TableError: order 5 belongs to {one}")
    assert [hit.partition(":")[0] for hit in named(said)] == ["index.html", "what the runner says"]


def _table(head, value, unit="", kind="n"):
    heads = f'<th class="{kind}">{head}{unit}</th><th>unit</th>'
    return (
        f'<table><tr>{heads}</tr><tr><td class="{kind}">{value}</td><td>customers</td></tr></table>'
    )


@pytest.mark.parametrize(
    "text",
    [
        _table("customers", 9),
        _table("n", 3),
        _table("buyers", 1),
        _table("a name nobody has listed", 2),
        pd.DataFrame({"share": [0.5], "customers": [3]}, index=["loyal"]).to_html(),
        "Offer it to <b>4</b> customers.",
        "Held by 7 of 300 customers",
        '<img alt="Bars: the smallest 8 loyal customers">',
    ],
)
@pytest.mark.parametrize("place", [_in_page, _in_notebook], ids=lambda f: f.__name__[4:])
def test_a_planted_small_group_is_found(copy, place, text):
    place(copy, text)
    assert len(small(copy)) == 1


@pytest.mark.parametrize("kind", ["text/markdown", "text/plain"])
def test_a_small_group_in_a_reading_is_found(copy, kind):
    _in_notebook(copy, "Talk to **6** customers first.", kind)
    assert len(small(copy)) == 1


@pytest.mark.parametrize(
    "text",
    [_table("customers", 10), _table("customers", 0), _table("cluster", 3), _table("customers", 4, "<small>%</small>"),
     _table("median orders", 3), _table("since", 4, "<small>days</small>"), "10 customers", "The best 1,009 customers",
     "0.5 customers a day"],
)  # fmt: skip
def test_what_is_no_small_group_is_not_reported(copy, text):
    _in_page(copy, text)
    assert not small(copy)


def test_a_larger_min_cell_finds_the_smallest_groups_that_are_shown(shop_report):
    assert small(shop_report, 60), "the shop has groups of 10 to 59: the scan reads the real tables"


def _columns(path):
    return (
        list(pd.read_csv(path, nrows=0).columns)
        if path.suffix == ".csv"
        else pq.read_schema(path).names
    )


def test_tables_of_customers_are_their_owners_only_and_no_other_table_names_one(shop_report):
    tables = sorted((shop_report.folder / "tables").iterdir())
    personal = {path for path in tables if "customer_id" in _columns(path)}
    assert 6 <= len(personal) < len(tables)
    assert {stat.S_IMODE(path.stat().st_mode) for path in personal} == {0o600}
    assert all(path.stat().st_mode & stat.S_IROTH for path in set(tables) - personal)
    for path in set(tables) - personal:
        frame = pd.read_csv(path, dtype=str) if path.suffix == ".csv" else pd.read_parquet(path)
        assert not shop_report.customers & set(frame.astype(str).to_numpy().ravel()), path.name
        for name in {"customers", "buyers", "known"} & set(frame.columns):
            assert (frame[name].astype(float) >= MIN_CELL).all(), f"{path.name}: {name}"


def test_a_product_that_is_a_script_is_text_on_every_page(shop_report):
    shown = 0
    for page in shop_report.pages():
        text = page.read_text(encoding="utf-8")
        read = Reader(text)
        assert (
            read.tags.count("script") == 1 and not read.handlers and "script-src 'sha256-" in text
        )
        shown += "".join(read.words).count(SCRIPT)
    assert shown > 5, "the name is shown, as text"


def test_a_product_that_is_a_script_is_text_in_every_executed_notebook(shop_report):
    shown = 0
    for path in sorted(shop_report.folder.glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", []):
                data = {kind: "".join(lines) for kind, lines in output.get("data", {}).items()}
                assert "script" not in Reader(data.get("text/html", "")).tags, path.name
                assert not re.search(r"(?<!\\)<script", data.get("text/markdown", "")), path.name
                shown += SCRIPT in data.get("text/plain", "")
    assert shown


def test_a_product_that_is_a_formula_is_text_in_every_table(shop_report):
    cells = []
    for path in sorted((shop_report.folder / "tables").glob("*.csv")):
        with path.open(encoding="utf-8-sig", newline="") as file:
            cells += [cell for row in csv.reader(file) for cell in row]
    assert f"'{FORMULA}" in cells and SCRIPT in cells
    risky = [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r") and cell]
    assert all(re.fullmatch(r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?", cell) for cell in risky)
