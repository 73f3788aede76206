"""What notebooks 00 and 01 say on Complete Journey, the quality of columns, and sentences about next to nothing."""

import re
import warnings
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from hypothesis import strategies as st

import personalize as pz
from personalize import statistics
from personalize.tables import TableError, Unavailable
from tests.statistics.shops import DAY0, shop

orders = st.lists(
    st.tuples(st.integers(1, 5), st.integers(0, 90), st.integers(0, 2000)), min_size=2, max_size=40
)


def people(n: int) -> list[tuple]:
    return [(c, c, 1, DAY0 + pd.Timedelta(days=c % 3), 1, 10.0 + c) for c in range(n)]


NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    """All that the stored outputs of the two notebooks say."""
    pages = {}
    for path in (NOTEBOOKS / "00_start_here.ipynb", NOTEBOOKS / "01_statistics.ipynb"):
        nb = nbformat.read(path, as_version=4)
        outputs = [o for cell in nb.cells if cell.cell_type == "code" for o in cell.outputs]
        pages[path.stem[:2]] = "\n".join(o.get("data", {}).get("text/plain", "") for o in outputs)
    return pages


def test_complete_journey_says_what_its_anchors_say(groceries: pz.tables.Tables) -> None:
    found = statistics.behaviour(groceries)
    table = found.table().set_index(["grain", "measure"])
    assert len(found.people) == 2469 and table.n["order", "lines"] == 155_848
    assert table["median"]["order", "lines"] == 5 and table.maximum["order", "lines"] == 161
    assert statistics.units(groceries)[["group", "large_lines"]].values.tolist() == [
        ["GASOLINE-REG UNLEADED", 13_494]
    ]
    assert statistics.by_hour(statistics.hours(groceries)).orders.idxmax() == 17
    given = statistics.attributes(groceries, found.people)
    assert (given.described, given.known, given.representative) == (801, 2469, False)


@pytest.mark.parametrize("rows", [
    [(1, 1, 1, DAY0, 1, 2.0)],
    [(None, k, 1, DAY0 + pd.Timedelta(days=k), 1, 2.0) for k in range(40)],
    [(1, 1, 1, DAY0, -1, -2.0)],
    [(c, c, 1, DAY0, 1, 0.0) for c in range(12)],
])  # fmt: skip
def test_shops_with_next_to_nothing_are_described_without_warning(rows: list[tuple]) -> None:
    tables = shop(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = statistics.behaviour(tables)
        table = found.table()
        for part in (
            statistics.card,
            statistics.promises,
            statistics.columns,
            statistics.oddities,
            statistics.verdicts,
        ):
            assert len(part(tables)) or part is statistics.oddities
        hours = statistics.hours(tables)
        for part in (
            statistics.by_hour,
            statistics.by_weekday,
            statistics.timeline,
        ):
            part(hours)
        statistics.trends(statistics.timeline(hours))
        statistics.season(hours)
        statistics.months(tables).table()
        statistics.correlations(found)
        statistics.outliers(found)
        statistics.concentration(found.counts("customer", "spend")).drawn()
        statistics.persistence(tables)
    unsaid = table[table["mean"].isna() & (table.note == "")]
    assert unsaid.empty


def test_what_is_absent_is_named(seven: pz.tables.Tables) -> None:
    with pytest.raises(TableError, match="has no table 'events'"):
        statistics.visits(seven)
    with pytest.raises(
        TableError, match="has no table 'surveys': add customer_id, time, question, score"
    ):
        statistics.opinions(seven)


@pytest.mark.parametrize(
    ("page", "fact"),
    [
        ("00", r"2,469 customers, 155,848 orders and 1,469,307 lines"),
        ("00", r"13,494 lines claim more than 1,000 units and are not pieces"),
        ("00", r"lines with quantity 0 +8,869 +lines .*a price a piece divides by 0"),
        ("01", r"Of the 155,848 orders, the one in the middle has 5 line\(s\)\. "),
        (
            "01",
            r"13,520 lines \(GASOLINE-REG UNLEADED\) count another unit than pieces, 13,494 of them",
        ),
        ("01", r"801 of 2,469 customers are described and are NOT a random sample"),
        ("01", r"peak at 17 h with 10.0% of all orders"),
        ("01", r"the busiest hour is 17 h"),
        ("01", r"[Nn]o trend in orders can be claimed"),
    ],
)
def test_the_report_on_complete_journey_states(said: dict[str, str], page: str, fact: str) -> None:
    assert re.search(fact, said[page])


def test_every_headline_of_the_report_stands_beside_a_baseline_and_an_interval(
    said: dict[str, str],
) -> None:
    lines = [line for line in said["01"].splitlines() if "baseline" in line and " to " in line]
    assert len(lines) == 2
    nb = nbformat.read(NOTEBOOKS / "01_statistics.ipynb", as_version=4)
    facts = [
        o.metadata.get("personalize", {})
        for c in nb.cells
        if c.cell_type == "code"
        for o in c.outputs
    ]
    headlines = [fact for fact in facts if fact.get("kind") == "headline"]
    assert len(headlines) == 2
    assert all(h["baseline"] is not None and h["low"] < h["value"] < h["high"] for h in headlines)


def test_no_identifier_is_described_as_a_number(said: dict[str, str]) -> None:
    tables = pz.load("complete_journey")
    numbers = [
        tables.sql(f"select avg({c}) as m from {{orders}}").m[0]
        for c in ("customer_id", "order_id", "product_id")
    ]
    for value in numbers:
        assert f"{value:,.0f}" not in said["00"] + said["01"]
    assert not re.search(r"\b(customer|order|product|store)_id\b.*\d{2},\d{3}\.\d", said["00"])


@pytest.mark.parametrize("rows", [
    [(1, 1, 1, DAY0, 1, 2.0)],
    [(None, k, 1, DAY0 + pd.Timedelta(days=k), 1, 2.0) for k in range(60)],
    [(1, 1, 1, DAY0, -1, -2.0)],
    [(c, c, 1, DAY0 + pd.Timedelta(days=c), 1, 0.0) for c in range(70)],
    [(c, c, 1, DAY0 + pd.Timedelta(days=c), 1, 5.0) for c in range(70)],
])  # fmt: skip
def test_shops_with_next_to_nothing_are_spoken_of_without_warning_and_without_nan(
    rows: list[tuple],
) -> None:
    given = pd.DataFrame(
        {"customer_id": [row[0] if row[0] is not None else 1 for row in rows], "band": "all"}
    )
    tables = shop(rows, customers=given.drop_duplicates("customer_id"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = statistics.behaviour(tables)
        spend = found.counts("customer", "spend")
        hours = statistics.hours(tables)
        pace, steps = statistics.timeline(hours), statistics.changes(hours)
        trends = statistics.trends(pace)
        who = statistics.attributes(tables, found.people, min_cell=1)
        said = [
            found.reading(),
            found.notes(),
            statistics.concentration(spend).caption,
            statistics.concentration(spend).reading(),
            statistics.persistence(tables).reading(),
            statistics.persistence(tables).advice(),
            trends.level(),
            steps.caption,
            steps.reading(),
            steps.advice(trends),
            statistics.season(hours).caption,
            statistics.months(tables).reading(len(found.people)),
            statistics.correlations(found).caption,
            who.caption,
        ]
    with pytest.raises(Unavailable, match="no customers are shown to be far out"):
        statistics.joint_outliers(found)
    with pytest.raises(Unavailable, match="no attribute"):
        who.closest()
    for sentence in said:
        assert not re.search(r"\bnan\b|None|inf\b", sentence), sentence


def test_sentences_hold_the_numbers_of_the_tables_they_speak_of() -> None:
    tables = pz.load("simulated_shop")
    seen, words = statistics.visits(tables), statistics.words(tables)
    assert f"{seen.sessions:,} sessions" in seen.caption and "a session" in seen.caption
    telling = words.telling()
    assert f"lowest {telling.term.iloc[0]} {telling.rating.iloc[0]:.2f}" in words.reading()
    assert f"{words.documents:,} texts by {words.authors:,} authors" in words.caption
    who = statistics.attributes(tables, statistics.customers(tables))
    assert f"over {len(who.ties())} attributes" in who.reading(who.closest())
    hours = statistics.hours(tables)
    steps, trends = statistics.changes(hours), statistics.trends(statistics.timeline(hours))
    largest = steps.found.change.abs().idxmax()
    assert f"about {steps.found.day[largest]:%Y-%m-%d} (between " in steps.advice(trends)


def test_two_lists_can_be_compared_and_one_series_described_in_a_sentence() -> None:
    found = statistics.compare([1, 2], [2, 3])
    assert "difference -1.00" in found.reading() and "25%" not in found.note
    assert statistics.describe(pd.Series([1, 2, 3])).mean == 2
    with pytest.raises(TableError, match="give numbers, or value counts"):
        statistics.describe(["a", "b"])
    with pytest.raises(TableError, match="column 'value' is missing"):
        statistics.compare(pd.DataFrame({"x": [1]}), [1, 2])
