"""What a cell shows: aligned, escaped, bound to its numbers; what it exports: safe to open and to keep."""

import base64
import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize import glossary, plots, report, show
from personalize.tables import Absent, TableError, Unavailable

FRAME = pd.DataFrame(
    {
        "product": ["<b>MILK</b>", "牛奶"],
        "amount": [1234.5, -2.0],
        "share": [0.25, np.nan],
        "n": [1200, 3],
    }
)


def _bundle(shown):
    return shown._repr_mimebundle_()


def test_a_table_separates_thousands_aligns_numbers_and_shows_shares_in_percent():
    data, _ = _bundle(show.table(FRAME, "Products", units={"share": "%", "amount": "USD"}))
    assert "1,234.5" in data["text/html"] and '<td class="n">25.0</td>' in data["text/html"]
    assert (
        '<td class="n">1,200</td>' in data["text/html"]
        and "<small>USD</small>" in data["text/html"]
    )
    assert "–" in data["text/html"], "a missing number is a dash"
    assert data["text/plain"].splitlines()[0] == "Products" and "share (%)" in data["text/plain"]


def test_names_from_the_data_are_escaped_in_tables_and_readings():
    assert "&lt;b&gt;MILK&lt;/b&gt;" in _bundle(show.table(FRAME, "<i>x</i>"))[0]["text/html"]
    assert "<b>" not in _bundle(show.table(FRAME, "<i>x</i>"))[0]["text/html"]
    assert (
        _bundle(show.text("a <script> for $5, 2 < 3"))[0]["text/markdown"]
        == r"a \<script> for \$5, 2 < 3"
    )


def test_a_long_table_says_how_much_it_shows():
    data, _ = _bundle(show.table(pd.DataFrame({"x": range(50)}), "Numbers", max_rows=5))
    assert "first 5 of 50 rows" in data["text/html"] and data["text/html"].count("<td") == 5


def test_identifiers_are_not_written_with_thousands_separators():
    assert (
        ">68509<" in _bundle(show.table(pd.DataFrame({"product_id": [68509]}), "x"))[0]["text/html"]
    )


def test_a_named_index_becomes_a_column():
    shown = show.table(FRAME.set_index("product"), "x")
    assert shown.data["text/html"].count("<th ") == 4


def test_digits_and_units_for_unknown_columns_are_refused():
    with pytest.raises(TableError, match="'weight'.*present"):
        show.table(FRAME, "x", units={"weight": "kg"})


@given(st.lists(st.floats(-1e9, 1e9, allow_nan=False), min_size=1, max_size=20))
def test_the_decimals_of_a_column_are_the_same_all_the_way_down(values):
    cells = show._Column("x", "", pd.Series(values), None).cells
    assert len({len(cell.partition(".")[2]) for cell in cells}) == 1


def test_a_figure_carries_its_description_as_text_and_as_alternative_text():
    shown = show.figure(
        plots.bars(FRAME, x="amount", y="product"), "Bars of 2 products:\n largest 1,234"
    )
    data, metadata = _bundle(shown)
    assert data["text/plain"] == "[figure] Bars of 2 products: largest 1,234"
    assert metadata["image/png"]["alt"] == "Bars of 2 products: largest 1,234"
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")


def test_a_figure_whose_names_cannot_be_drawn_here_says_what_to_do(monkeypatch):
    draw = lambda: plots.bars(FRAME, x="amount", y="product")  # noqa: E731
    monkeypatch.setattr(plots.style, "cjk_family", list)
    assert "牛奶" in repr(show.figure(draw())) and "fonts-noto-cjk" in repr(show.figure(draw()))
    monkeypatch.setattr(plots.style, "cjk_family", lambda: ["DejaVu Sans"])
    assert "fonts-noto-cjk" not in repr(show.figure(draw()))


def test_a_description_without_a_number_is_refused():
    with pytest.raises(TableError, match="holds no number"):
        show.figure(plots.bars(FRAME, x="amount", y="product"), "Bars of products")


def test_a_headline_carries_value_interval_and_baseline():
    shown = show.headline("Reach", 0.25, low=0.2, high=0.3, baseline=0.1, unit="%")
    assert repr(shown) == "Reach: 25.0% (20.0% to 30.0%; baseline 10.0%)"
    assert (
        shown.metadata["personalize"]["value"] == 0.25
        and shown.metadata["personalize"]["kind"] == "headline"
    )


def test_an_unknown_headline_number_is_a_dash_not_an_error():
    assert repr(show.headline("Gain", float("nan"), unit="USD")).startswith("Gain: –")


def test_an_answer_is_one_line_and_known_to_the_index():
    shown = show.answer("Do\n this for $5.")
    assert shown.metadata["personalize"] == {"kind": "answer", "text": r"Do this for \$5."}


def test_an_export_writes_nothing_unless_a_report_is_made(tmp_path, monkeypatch):
    monkeypatch.delenv("PERSONALIZE_TABLES", raising=False)
    monkeypatch.chdir(tmp_path)
    assert "2 rows, 4 columns" in repr(show.export(FRAME, "plan"))
    assert not list(tmp_path.iterdir())


def test_where_one_explores_an_export_says_where_it_went(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PERSONALIZE_TABLES", raising=False)
    monkeypatch.setenv("PERSONALIZE_LAB_TABLES", str(tmp_path / "tables"))
    said = repr(show.export(pd.DataFrame({"customers": [10]}), "plan"))
    assert "1 rows, 1 columns, written to tables/plan.csv and .parquet" in said
    assert {path.name for path in (tmp_path / "tables").iterdir()} == {"plan.csv", "plan.parquet"}


def test_an_export_shows_the_same_whether_it_writes_or_not(tmp_path, monkeypatch):
    monkeypatch.delenv("PERSONALIZE_TABLES", raising=False)
    silent = show.export(FRAME, "plan")
    monkeypatch.setenv("PERSONALIZE_TABLES", str(tmp_path / "tables"))
    assert show.export(FRAME, "plan") == silent
    assert pd.read_parquet(tmp_path / "tables" / "plan.parquet").equals(FRAME)
    assert pd.read_csv(tmp_path / "tables" / "plan.csv").equals(FRAME)


def test_only_text_is_neutralised_in_csv_and_nothing_in_parquet(tmp_path, monkeypatch):
    monkeypatch.setenv("PERSONALIZE_TABLES", str(tmp_path))
    frame = pd.DataFrame(
        {"name": ["=cmd()", "@x", "-5", "- 5%", "milk"], "change": [-1.5, 2, 3, 4, 5], "=head": 1}
    )
    show.export(frame, "danger")
    lines = (tmp_path / "danger.csv").read_text().splitlines()
    assert lines[:3] == ["name,change,'=head", "'=cmd(),-1.5,1", "'@x,2.0,1"]
    assert lines[3].startswith("-5,") and lines[4].startswith("'- 5%,")
    assert list(pd.read_parquet(tmp_path / "danger.parquet").name) == list(frame.name)


def test_customer_tables_are_readable_by_their_owner_only(tmp_path, monkeypatch):
    monkeypatch.setenv("PERSONALIZE_TABLES", str(tmp_path))
    show.export(FRAME, "products")
    show.export(FRAME.assign(customer_id=1), "people")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes["people.csv"] == modes["people.parquet"] == 0o600
    assert modes["products.csv"] & 0o044


def test_sets_of_products_are_joined_in_csv(tmp_path, monkeypatch):
    monkeypatch.setenv("PERSONALIZE_TABLES", str(tmp_path))
    show.export(pd.DataFrame({"items": [("BEER", "CHIPS")], "n": [3]}), "rules")
    assert (tmp_path / "rules.csv").read_text() == "items,n\nBEER + CHIPS,3\n"


@pytest.mark.parametrize("name", ["", "../up", "Plan", "a b", "a.csv"])
def test_a_table_name_is_a_plain_word(name):
    with pytest.raises(TableError, match="no table name"):
        show.export(FRAME, name)


def test_describing_a_column_that_is_not_there_is_refused():
    with pytest.raises(TableError, match="columns \\['price'\\]"):
        show.export(FRAME, "plan", about={"price": "x"})


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(TableError, match="same name: \\['n'\\]"):
        show.table(pd.DataFrame([[1, 2]], columns=["n", "n"]), "x")


@pytest.fixture
def shell():
    """An IPython in which results show themselves."""
    from IPython.core.interactiveshell import InteractiveShell

    made = InteractiveShell()
    show.load_ipython_extension(made)
    return made


def _html(shell, thing):
    return shell.display_formatter.format(thing)[0].get("text/html")


def test_every_result_of_the_kit_shows_itself_as_its_table(shell):
    outcomes = report.Outcome("00_start", "done", 1.0), report.Outcome("01_next", "failed", 2.0)
    shown = _html(shell, report.RunResult(Path(), outcomes))
    assert shown.count("<tr>") == 3 and "RunResult: A run" in shown and "01_next" in shown


def test_what_shows_itself_already_and_what_is_no_result_is_left_alone(shell):
    assert _html(shell, FRAME) == FRAME._repr_html_()
    assert [
        _html(shell, thing)
        for thing in (3, "x", [1], Path, pd.DataFrame, report.Outcome("a", "done"))
    ] == [None] * 6


def test_a_result_about_customers_names_none(shell):
    class Found:
        """Who is who."""

        def table(self):
            return pd.DataFrame({"customer_id": ["ann", "bob"], "segment": [1, 2]})

    Found.__module__ = "personalize.topic"
    assert "Found: Who is who. 2 rows" in _html(shell, Found()) and "ann" not in _html(
        shell, Found()
    )


def test_a_result_that_is_not_ready_shows_what_it_would_without_the_kit(shell):
    from personalize import clv

    assert _html(shell, clv.BetaGeo()) is None


def test_a_caption_comes_from_the_result_or_the_table_unless_one_is_given():
    class Found:
        caption = "What was found"

        def table(self):
            return FRAME

    carried = FRAME.copy()
    carried.attrs["caption"] = "2 products"
    for thing, words in ((Found(), "What was found"), (carried, "2 products")):
        assert repr(show.table(thing)).startswith(f"{words}\n")
        assert repr(show.table(thing, "Mine")).startswith("Mine\n")
    assert repr(show.table(FRAME, "**2** products")).startswith("2 products\n"), "no bold there"
    assert "caption" not in show.table(FRAME).data["text/html"]
    assert repr(show.table(FRAME)).split()[0] == "product"


def _few():
    raise Unavailable("needs 3 customers, has 2")


def test_what_the_data_do_not_allow_flows_on_and_is_told_where_it_is_shown():
    nothing = show.optional(_few)
    best = nothing[nothing.share > 0.5].head(3)
    told = "Not available here: needs 3 customers, has 2."
    chart = plots.bars(best, x="share", y="name")
    for shown in (show.table(best), show.figure(chart), show.export(best, "best"), show.text(best)):
        assert repr(shown) == told
    assert not best and len(best) == 0 and f"{best.share.iloc[0]:.1%}" == "–"


def test_wrong_input_is_never_taken_for_missing_data():
    with pytest.raises(TableError, match="no table name"):
        show.optional(show.export, FRAME, "No Name")


def test_of_an_absent_argument_nothing_is_asked():
    nothing = Absent("needs more days")
    assert show.optional(len, nothing) is nothing and show.optional(dict, a=nothing) is nothing
    assert show.with_intervals(nothing) is nothing


def test_an_interval_is_written_beside_its_value_and_a_missing_one_is_a_dash():
    frame = pd.DataFrame(
        {"x": [1.0, None], "x_low": [0.5, None], "x_high": [2.0, None], "y": [1, 2]}
    )
    folded = show.with_intervals(frame)
    assert folded.x.tolist() == ["1.00 (0.50 to 2.00)", "–"] and list(folded) == ["x", "y"]
    assert list(frame) == ["x", "x_low", "x_high", "y"]


def test_an_absent_result_meets_no_protocol_by_accident():
    nothing = Absent("needs more")
    assert not hasattr(nothing, "__array__") and not hasattr(nothing, "_repr_html_")
    with pytest.raises(TypeError):
        float(nothing)
    with pytest.raises(ValueError, match="unpack"):
        first, second = nothing


@pytest.mark.parametrize("other", [1, np.float64(2), np.ones(3), FRAME.n, FRAME[["n"]], "x", None])
def test_beside_anything_an_absent_result_stays_absent(other):
    nothing = Absent("needs more")
    for made in (nothing + other, other - nothing, 2**nothing, other * nothing.share):
        assert made is nothing
    for compared in (nothing == other, nothing != other, other == nothing, other < nothing):
        assert compared is nothing and not compared
    assert round(abs(-nothing), 2) is nothing and other not in nothing
    assert nothing in [nothing] and {nothing: 1}[nothing] == 1
    assert max(nothing, default=0) == 0 and sorted(nothing) == []


def test_a_headline_an_answer_and_a_figure_of_what_is_absent_say_why():
    nothing = Absent("needs 3 customers,\n has 2.")
    told = "Not available here: needs 3 customers, has 2."
    assert repr(show.headline("Gain", 1.0, low=nothing)) == told
    assert repr(show.answer(nothing)) == f"Answer: {told}"
    fig, (left, right) = plots.figure(1, 2)
    plots.bars(Absent("needs more"), x="n", y="product", ax=left)
    plots.bars(Absent("needs more"), x="n", y="product", ax=right)
    assert "Not available here" in repr(show.figure(fig))


def test_units_and_decimals_come_from_the_glossary_and_own_ones_win(monkeypatch):
    entries = {
        ("", "share"): glossary.Meaning("%", None, "share of all"),
        ("", "amount"): glossary.Meaning("money", 0, "money of the line"),
        ("", "n"): glossary.Meaning("pieces", None, "pieces"),
        ("", "product"): glossary.Meaning("", None, "the product"),
    }
    monkeypatch.setattr(glossary, "_entries", lambda: entries)
    plain = repr(show.table(FRAME, "Products", currency="GBP", units={"n": "bottles"}))
    assert "share (%)" in plain and "amount (GBP)" in plain and "n (bottles)" in plain
    assert "1,234 " in plain or "1,235" in plain
    _, facts = _bundle(show.export(FRAME, "products"))
    assert facts["personalize"]["columns"]["amount"] == "money of the line"
    assert glossary.meaning("share_low").unit == "%"


def test_a_result_is_shown_as_its_table_and_its_reading():
    class Result:
        caption = "Products of the shop"

        def table(self):
            return FRAME

        def reading(self):
            return "**2** products"

    assert repr(show.table(Result())).startswith("Products of the shop")
    assert repr(show.text(Result())) == "**2** products"


def test_a_figure_describes_itself_from_the_table_that_was_drawn():
    table = pd.DataFrame({"name": ["a", "b"], "x": [1.0, 2.5], "x_low": [0.5, 2], "x_high": [2, 3]})
    said = repr(show.figure(plots.bars(table, x="x", y="name", title="Bars")))
    assert said == "[figure] Bars: a 1 (0.5 to 2), b 2.50 (2 to 3)"


def test_axes_drawn_by_hand_are_described_by_their_lines_and_words():
    fig, ax = plots.figure()
    ax.plot([1, 2, 3], [4.0, 9.5, 7.0], label="orders")
    ax.set_title("Weeks")
    assert repr(show.figure(fig)) == "[figure] Weeks: line orders from 4 to 9.5"
