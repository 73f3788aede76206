"""Claims of quality."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

import personalize as pz
from personalize import statistics
from tests.statistics.shops import DAY0, SEVEN, shop

orders = st.lists(
    st.tuples(st.integers(1, 5), st.integers(0, 90), st.integers(0, 2000)), min_size=2, max_size=40
)


def test_every_promise_is_kept_on_the_built_in_sources(
    groceries: pz.tables.Tables, cdnow: pz.tables.Tables
) -> None:
    for tables in (groceries, cdnow, shop(SEVEN)):
        found = statistics.promises(tables)
        assert found.kept.all(), found[~found.kept]
        assert (found.checked > 0).all()


def test_a_broken_promise_is_counted(seven: pz.tables.Tables) -> None:
    from dataclasses import replace

    broken = seven.engine.view("broken", "select * replace (case when order_id = 10 then null else time end as time) "
                                         "from orders")  # fmt: skip
    found = statistics.promises(
        replace(seven, relations={**seven.relations, "orders": broken})
    ).set_index("promise")
    assert found.breaches["every line has time"] == 2 and not found.kept["every line has time"]


def test_columns_tell_filled_distinct_and_valid_and_give_no_size_to_identifiers(
    seven: pz.tables.Tables,
) -> None:
    found = statistics.columns(seven).set_index("column")
    assert (
        found.filled["customer_id"] == pytest.approx(6 / 7) and found.distinct["customer_id"] == 2
    )
    assert found.valid["quantity"] == pytest.approx(5 / 7) and found.highest["quantity"] == "30,000"
    ids = found[found.kind == "id"]
    assert (ids.lowest == "").all() and (ids.highest == "").all()


def test_every_oddity_says_what_it_would_break_and_what_is_done(
    groceries: pz.tables.Tables,
) -> None:
    found = statistics.oddities(groceries)
    assert (found.would_break.str.len() > 10).all() and (found.what_is_done.str.len() > 10).all()
    n = found.set_index("oddity").n
    assert n["lines with quantity 0"] == 8869
    assert n["lines whose quantity is not pieces (GASOLINE-REG UNLEADED)"] == 13_520
    assert n["lines of 17 products that the product table lacks"] == 4836
    assert n["customers about whom nothing else is known"] == 2469 - 801
    odd = statistics.oddities(shop(SEVEN)).set_index("oddity").n
    assert odd["lines without a customer"] == 1 and odd["lines below 0 (returns, corrections)"] == 1
    assert "a product more than once in an order" not in odd


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
