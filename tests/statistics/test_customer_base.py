"""What customers do, from aggregates: equal to counting by hand, honest about what is odd or missing."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import personalize as pz
from personalize import statistics
from personalize.tables import TableError
from tests.statistics.shops import DAY0, shop

orders = st.lists(
    st.tuples(st.integers(1, 5), st.integers(0, 90), st.integers(0, 2000)), min_size=2, max_size=40
)


def test_customers_of_seven_lines_by_hand(seven: pz.tables.Tables) -> None:
    one, two = statistics.customers(seven).to_dict("records")
    assert (one["orders"], one["lines"], one["pieces"], one["spend"]) == (2, 3, 3, 10.0)
    assert (two["orders"], two["lines"], two["pieces"], two["spend"]) == (1, 2, 0, 60.0)
    assert (one["gap_days"], one["quiet_days"], one["lines_per_order"], one["spend_per_order"]) == (
        3,
        38,
        1.5,
        5,
    )
    assert np.isnan(two["gap_days"]) and two["quiet_days"] == 6


def test_value_counts_by_order_of_seven_lines_by_hand(seven: pz.tables.Tables) -> None:
    found = statistics.behaviour(seven)
    assert found.counts("order", "lines").to_dict("list") == {"value": [1, 2], "n": [2, 2]}
    assert found.counts("order", "pieces").to_dict("list") == {"value": [0, 1, 3], "n": [1, 2, 1]}
    assert found.counts("order", "spend").value.tolist() == [2, 5, 10, 60]
    assert found.counts("order", "gap").to_dict("list") == {"value": [3], "n": [1]}
    with pytest.raises(
        TableError, match=r"no measure 'age' at grain 'order'. Present: customer: orders"
    ):
        found.counts("order", "age")


def test_fuel_is_found_by_price_not_by_name(seven: pz.tables.Tables) -> None:
    found = statistics.units(seven)
    assert found[["group", "lines", "large_lines", "quantity", "spend"]].values.tolist() == [
        ["product 7", 1, 1, 30000, 60]
    ]
    cheap = [(1, 1, 1, DAY0, 400, 8.0), (1, 1, 2, DAY0, 2, 0.01), (1, 1, 3, DAY0, 90, 0.0)]
    assert statistics.units(shop(cheap)).empty


def test_smallest_coin_follows_the_currency() -> None:
    from personalize.statistics.customer_base import piece_rule

    class Shop:
        currency = "JPY"

    assert piece_rule(Shop())["coin"] == 1
    Shop.currency = "EUR"
    assert piece_rule(Shop())["coin"] == 0.01


@given(orders)
@settings(max_examples=15, deadline=None)
def test_every_described_measure_equals_numpy_on_the_orders_written_out(
    rows: list[tuple[int, int, int]],
) -> None:
    frame = pd.DataFrame(rows, columns=["customer_id", "day", "cents"]).assign(
        amount=lambda f: f.cents / 100
    )
    tables = shop(
        [(c, i, 1, DAY0 + pd.Timedelta(days=d), 1, a / 100) for i, (c, d, a) in enumerate(rows)]
    )
    found = statistics.behaviour(tables).table().set_index(["grain", "measure"])
    by_customer = frame.groupby("customer_id").agg(n=("day", "size"), spend=("amount", "sum"))
    gaps = frame.sort_values("day").groupby("customer_id").day.diff().dropna()
    expected = {("customer", "orders"): by_customer.n, ("customer", "spend"): by_customer.spend,
                ("order", "spend"): frame.amount, ("order", "gap"): gaps}  # fmt: skip
    for key, values in expected.items():
        assert found.n[key] == len(values)
        if len(values):
            assert found["mean"][key] == pytest.approx(values.mean())
            assert found.variance[key] == pytest.approx(values.var(ddof=0), abs=1e-9)
            assert found["median"][key] == pytest.approx(values.median())


def test_orders_of_one_customer_widen_the_interval() -> None:
    rng = np.random.default_rng(2)
    level = rng.normal(20, 8, 40)
    rows = [
        (c, 100 * c + k, 1, DAY0, 1, round(level[c] + rng.normal(), 2))
        for c in range(40)
        for k in range(25)
    ]
    row = statistics.behaviour(shop(rows)).table("order").set_index("measure").loc["spend"]
    by_customer = pd.DataFrame(rows).groupby(0)[5].mean()
    half = stats.t.ppf(0.975, 39) * by_customer.std() / np.sqrt(40)
    assert row.design_effect > 15
    assert (row.mean_high - row.mean_low) / 2 == pytest.approx(half, rel=0.02)
