"""What notebooks 00 and 01 say on Complete Journey, the quality of columns, and sentences about next to nothing."""

import re
import warnings
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

import personalize as pz
from personalize import statistics
from personalize.statistics import readings

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
DAY0 = pd.Timestamp("2024-01-01")
COLUMNS = ["customer_id", "order_id", "product_id", "time", "quantity", "amount"]


def shop(rows: list[tuple], **more: pd.DataFrame) -> pz.tables.Tables:
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return pz.load({"orders": frame.astype({"customer_id": "Int64"}), **more})


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    """All that the stored outputs of the two notebooks say."""
    pages = {}
    for path in (NOTEBOOKS / "00_start_here.ipynb", NOTEBOOKS / "01_statistics.ipynb"):
        nb = nbformat.read(path, as_version=4)
        outputs = [o for cell in nb.cells if cell.cell_type == "code" for o in cell.outputs]
        pages[path.stem[:2]] = "\n".join(o.get("data", {}).get("text/plain", "") for o in outputs)
    return pages


@pytest.mark.parametrize(
    ("page", "fact"),
    [
        ("00", r"2,469 customers, 155,848 orders and 1,469,307 lines"),
        ("00", r"13,494 lines claim more than 1,000 units and are not pieces"),
        ("00", r"lines with quantity 0 +8,869 +lines .*a price a piece divides by 0"),
        ("01", r"Of the 155,848 orders, the one in the middle has \*\*5 line\(s\)\*\*"),
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


def test_columns_tell_completeness_uniqueness_validity_consistency_and_timeliness_by_hand() -> None:
    rows = [(1, 1, 5, DAY0, 2, 4.0), (1, 1, 6, DAY0, -1, -4.0), (2, 2, 7, DAY0 + pd.Timedelta(days=9), 1, 4.0),
            (None, 3, 7, DAY0, 1, 1.0)]  # fmt: skip
    when = [DAY0, DAY0 + pd.Timedelta(days=2)]
    events = pd.DataFrame({"customer_id": [1, 2], "time": when, "event": ["view", "cart"]})
    tables = shop(
        rows,
        products=pd.DataFrame({"product_id": [5, 6], "brand": ["tea", None]}),
        customers=pd.DataFrame({"customer_id": [1], "age": [30]}),
        events=events,
    )
    found = statistics.columns(tables).set_index(["table", "column"])
    order = found.loc["orders"]
    assert order.filled["customer_id"] == 3 / 4 and order.distinct["customer_id"] == 2
    assert order.unique["customer_id"] == 2 / 3 and order.unique["order_id"] == 3 / 4
    assert order.known["customer_id"] == 2 / 3 and order.known["product_id"] == 2 / 4
    assert order.rule["product_id"] == "in products" and np.isnan(order.known["order_id"])
    assert order.valid["quantity"] == 3 / 4 and order.rule["quantity"] == "above 0"
    assert (order.behind["time"], found.behind["events", "time"]) == (0, 7) and np.isnan(
        order.behind["amount"]
    )
    assert (
        found.filled["products", "brand"] == 1 / 2 and found.unique["products", "product_id"] == 1
    )
    assert found.known["events", "customer_id"] == 1 / 2


def test_facts_asked_once_give_the_same_card_promises_oddities_and_verdicts() -> None:
    tables = pz.load("cdnow")
    size = statistics.facts(tables)
    for part in (statistics.card, statistics.promises, statistics.oddities, statistics.verdicts):
        pd.testing.assert_frame_equal(part(tables, size), part(tables))


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
        trends = statistics.trends(pace).set_index("measure")
        who = statistics.attributes(tables, found.people, min_cell=1)
        said = [
            readings.spend(found.table(), statistics.units(tables), currency="EUR"),
            readings.best(statistics.concentration(spend), statistics.persistence(tables)),
            readings.level(pace, trends, steps),
            readings.moved(trends, steps),
            readings.together(statistics.joint_outliers(found)),
            readings.described(who, currency="EUR") if len(who.coverage) else "nobody",
        ]
    assert who.closest() == ""
    for sentence in said:
        assert not re.search(r"\bnan\b|None|inf\b", sentence), sentence


def test_sentences_hold_the_numbers_of_the_tables_they_speak_of() -> None:
    tables = pz.load("simulated_shop")
    seen, words = statistics.visits(tables), statistics.words(tables)
    assert f"{seen.sessions:,} sessions" in readings.looks(seen) and "a session" in readings.looks(
        seen
    )
    telling = words.telling()
    assert f"lowest {telling.term.iloc[0]} {telling.rating.iloc[0]:.2f}" in readings.praise(
        words, telling
    )
    assert f"{words.documents:,} texts by {words.authors:,} authors" in readings.vocabulary(words)
    who = statistics.attributes(tables, statistics.customers(tables))
    assert f"over {len(who.ties())} attributes" in readings.tie(who, who.closest())
    steps = statistics.changes(statistics.hours(tables))
    largest = steps.found.change.abs().idxmax()
    trends = statistics.trends(statistics.timeline(statistics.hours(tables))).set_index("measure")
    assert f"about {steps.found.day[largest]:%Y-%m-%d} (between " in readings.moved(trends, steps)
