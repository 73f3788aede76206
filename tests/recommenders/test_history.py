"""Purchases counted, dated and cut, against numbers worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import personalize as pz
from personalize.recommenders import History
from personalize.tables import TableError
from tests.recommenders.shops import shop


def test_history_counts_orders_not_lines_or_pieces_and_dates_by_day():
    rows = pd.DataFrame(
        {
            "customer_id": [1, 1, 1, 1, None, 2],
            "order_id": [10, 10, 11, 12, 13, 14],
            "product_id": [5, 5, 5, 6, 5, 5],
            "time": pd.to_datetime("2024-01-01 10:00")
            + pd.to_timedelta([0, 0, 3.5, 4, 4, 4], unit="D"),
            "quantity": [1, 2, 1, 1, 1, -1],
            "amount": 1.0,
        }
    )
    history = History.load(pz.load({"orders": rows}), as_of="2024-01-05")
    assert history.customers.tolist() == [1], (
        "an anonymous sale and a return make no customer history"
    )
    pairs = {
        name: getattr(history, name).tolist() for name in ("row", "col", "orders", "first", "last")
    }
    assert pairs == {
        "row": [0, 0],
        "col": [0, 1],
        "orders": [2, 1],
        "first": [4, 0],
        "last": [1, 0],
    }
    assert history.find(np.array([0, 0, -1]), np.array([1, 0, 0])).tolist() == [1, 0, -1]


def test_history_knows_products_that_were_never_sold():
    tables = shop(
        [(1, 5, 1)], products=pd.DataFrame({"product_id": [4, 5], "name": ["Pear", "Plum"]})
    )
    history = History.load(tables, as_of="2024-01-01")
    assert history.products.tolist() == [4, 5]
    assert history.buyers.tolist() == [0, 1]
    assert history.described.names.tolist() == ["Pear", "Plum"]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 31)), min_size=1, max_size=30
    )
)
@settings(max_examples=12, deadline=None)
def test_decayed_frequency_equals_the_sum_over_orders(rows):
    history = History.load(shop([*rows, (0, 0, 31)]), as_of="2024-01-31")
    decayed = history.matrix(history.decayed(2)).toarray()
    for i, customer in enumerate(history.customers):
        for j, product in enumerate(history.products):
            ages = [31 - d for c, p, d in [*rows, (0, 0, 31)] if (c, p) == (customer, product)]
            assert decayed[i, j] == pytest.approx(sum(0.5 ** (age / 14) for age in ages))
    assert decayed[-1].sum() == 0, "the last row is nobody"


def test_a_past_cut_in_memory_is_the_past_that_was_read(tables):
    whole = History.load(tables, as_of="2024-03-31")
    for day in ("2024-01-05", "2024-02-29", "2024-03-30"):
        cut, read = whole.until(day), History.load(tables, as_of=day)
        for name in ("row", "col", "orders", "first", "last", "previous", "due", "buyers"):
            assert (getattr(cut, name) == getattr(read, name)).all(), name
        assert cut.customers.equals(read.customers)
        assert cut.as_of == pd.Timestamp(day)
        assert whole.until(day) is cut, "cut once"


def test_a_history_cannot_be_cut_outside_its_days(tables):
    history = History.load(tables, as_of="2024-02-29")
    for day in ("2023-12-31", "2024-03-01"):
        with pytest.raises(
            TableError, match="outside this history, which runs from 2024-01-01 to 2024-02-29"
        ):
            history.until(day)
