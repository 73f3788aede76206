import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import personalize as pz
from personalize.tables import CONTRACTS, TableError

ORDERS = pd.DataFrame(
    {
        "customer_id": ["a", "a", "b", None, "b"],
        "order_id": [1, 1, 2, 3, 4],
        "product_id": ["x", "y", "x", "x", "y"],
        "time": pd.to_datetime(
            [
                "2024-01-01 10:00",
                "2024-01-01 10:00",
                "2024-01-02",
                "2024-01-03",
                "2024-01-05 23:59",
            ],
            format="ISO8601",
        ),
        "quantity": [1, 2, 1, 1, -1],
        "amount": [1.10, 2.20, 1.10, 1.10, -2.20],
    }
)


@pytest.fixture(scope="module")
def shop():
    return pz.load({"orders": ORDERS})


def test_every_contract_has_a_required_key_and_a_meaning_for_each_column():
    for contract in CONTRACTS.values():
        assert set(contract.key) <= set(contract.required)
        assert all(column.help for column in contract.columns.values())


def test_order_totals_count_lines_products_and_money_of_each_order(shop):
    totals = shop.order_totals.to_pandas().set_index("order_id")
    assert totals.lines.tolist() == [2, 1, 1, 1]
    assert totals.products.tolist() == [2, 1, 1, 0]
    assert totals.amount.round(2).tolist() == [3.30, 1.10, 1.10, -2.20]
    assert totals.is_return.tolist() == [False, False, False, True]


def test_until_knows_the_whole_of_its_last_day_and_nothing_after(shop):
    assert shop.until("2024-01-05").orders.count() == 5
    assert shop.until("2024-01-04").orders.count() == 4
    assert shop.until("2024-01-01").order_totals.count() == 1


def test_until_and_between_split_the_rows_without_loss_or_overlap(shop):
    for day in pd.date_range("2024-01-01", "2024-01-04"):
        before, after = shop.until(day), shop.between(day, shop.end)
        assert before.orders.count() + after.orders.count() == 5
        assert before.order_totals.count() + after.order_totals.count() == 4


@pytest.mark.parametrize("day", ["2023-12-31", "2024-01-06", "soon", None])
def test_a_day_outside_the_data_or_no_day_is_refused(shop, day):
    with pytest.raises(TableError, match="as_of = .*(outside the data|is no date)"):
        shop.until(day)


def test_where_keeps_the_lines_that_meet_a_condition_and_adds_their_orders_up_anew(shop):
    kept = shop.where("product_id = 'y'")
    totals = kept.order_totals.to_pandas(["order_id", "lines", "products", "amount", "is_return"])
    assert kept.orders.count() == 2
    assert totals.order_id.tolist() == [1, 4] and totals.lines.tolist() == [1, 1]
    assert totals.products.tolist() == [1, 0] and totals.is_return.tolist() == [False, True]
    assert totals.amount.round(2).tolist() == [2.20, -2.20]
    assert (kept.start, kept.end) == (pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-05"))
    assert shop.order_totals.count() == 4


def test_where_and_until_go_together_in_any_order(shop):
    one = shop.where("product_id = 'x'").until("2024-01-02")
    other = shop.until("2024-01-02").where("product_id = 'x'")
    for tables in (one, other):
        assert tables.order_totals.to_pandas(["order_id"]).order_id.tolist() == [1, 2]
    apart = shop.where("product_id = 'x'").where("quantity > 0 -- and nothing else")
    assert apart.order_totals.count() == 3


def test_where_that_keeps_everything_changes_nothing(shop):
    every = shop.where("true")
    pd.testing.assert_frame_equal(every.order_totals.to_pandas(), shop.order_totals.to_pandas())


def test_where_says_in_words_that_no_order_is_left_or_that_it_cannot_be_read(shop):
    with pytest.raises(TableError, match="'frames': no order is left where product_id = 'z'"):
        shop.where("product_id = 'z'")
    with pytest.raises(TableError, match=r"where\('stor = 5'\) cannot be read.*product_id, time"):
        shop.where("stor = 5")


def test_an_empty_frame_is_not_called_an_export(shop):
    with pytest.raises(TableError, match="'orders': the DataFrame has columns but not one row"):
        pz.load({"orders": ORDERS.head(0)})


def test_a_missing_table_says_what_it_would_need(shop):
    assert "products" not in shop
    with pytest.raises(
        TableError, match="no table 'reviews'.*customer_id, product_id, time, rating, text"
    ):
        _ = shop.reviews


def test_reading_an_unknown_column_lists_the_present_ones(shop):
    with pytest.raises(TableError, match=r"no column \['price'\].*amount"):
        shop.orders.to_pandas(["price"])


def test_values_in_queries_are_literals_not_sql(shop):
    hostile = "x'; drop table orders; --"
    found = shop.sql(
        "select count(*) as n from {orders} where product_id = {product}", product=hostile
    )
    assert found.n[0] == 0 and shop.orders.count() == 5


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.integers(0, 30),
            st.integers(1, 5),
            st.decimals("0.01", "99", places=2),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_order_totals_hold_exactly_the_money_of_the_lines(rows):
    frame = pd.DataFrame(
        {
            "customer_id": [c for c, *_ in rows],
            "order_id": [f"{c}-{d}" for c, d, *_ in rows],
            "product_id": 1,
            "time": [pd.Timestamp("2024-01-01") + pd.Timedelta(days=d) for _, d, *_ in rows],
            "quantity": [q for *_, q, _ in rows],
            "amount": [float(a) for *_, a in rows],
        }
    )
    tables = pz.load({"orders": frame})
    exact = sum(a for *_, a in rows)
    total = tables.sql("select cast(sum(amount) as varchar) as s from {order_totals}").s[0]
    assert float(total) == float(exact)
    assert tables.order_totals.count() == frame.order_id.nunique()
