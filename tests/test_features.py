"""Features of customers: known on a day, counted on local calendar days, blind to what comes later."""

import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import personalize as pz
from personalize.features import outcome, rfm, tenure, window_spend
from personalize.tables import TableError

DAY0 = pd.Timestamp("2024-03-01")
order = st.tuples(
    st.integers(0, 4), st.integers(0, 120), st.integers(0, 1439), st.integers(-30, 90)
)  # customer, day, minute, amount


def lines(orders: list[tuple[int, int, int, int]]) -> pd.DataFrame:
    """One line an order; money below 0 is a return."""
    return pd.DataFrame(
        {
            "customer_id": [customer for customer, *_ in orders],
            "order_id": range(len(orders)),
            "product_id": 7,
            "time": [DAY0 + pd.Timedelta(days=day, minutes=minute) for _, day, minute, _ in orders],
            "quantity": [1 if amount >= 0 else -1 for *_, amount in orders],
            "amount": [float(amount) for *_, amount in orders],
        }
    )


def tables(*orders: tuple[int, int, int, int]) -> pz.tables.Tables:
    return pz.load({"orders": lines(list(orders))})


def test_recency_counts_local_calendar_days_not_hours() -> None:
    found = rfm(tables((1, 0, 1439, 5), (2, 1, 1, 5)), as_of=DAY0 + pd.Timedelta(days=1))
    assert found.recency_days.tolist() == [1, 0]


def test_everything_up_to_the_end_of_as_of_is_known() -> None:
    found = rfm(
        tables((1, 0, 0, 5), (1, 3, 1439, 7), (1, 4, 0, 100)), as_of=DAY0 + pd.Timedelta(days=3)
    )
    assert found.to_dict("records") == [
        {"customer_id": 1, "recency_days": 0, "frequency": 2, "monetary": 12.0}
    ]


def test_returns_count_in_money_and_never_as_a_visit() -> None:
    found = rfm(
        tables((1, 0, 0, 50), (1, 9, 0, -20), (2, 9, 0, 1)), as_of=DAY0 + pd.Timedelta(days=9)
    )
    assert found.iloc[0].to_dict() == {
        "customer_id": 1,
        "recency_days": 9,
        "frequency": 1,
        "monetary": 30.0,
    }


def test_a_customer_with_returns_only_has_no_recency_and_is_left_out() -> None:
    assert rfm(tables((1, 0, 0, -5), (2, 0, 0, 5)), as_of=DAY0).customer_id.tolist() == [2]


def test_anonymous_orders_are_left_out() -> None:
    frame = lines([(1, 0, 0, 5), (2, 0, 0, 5)]).astype({"customer_id": "Int64"})
    frame.loc[1, "customer_id"] = pd.NA
    assert rfm(pz.load({"orders": frame}), as_of=DAY0).customer_id.tolist() == [1]


def test_window_holds_exactly_its_days() -> None:
    log = tables((1, 0, 0, 1), (1, 1, 0, 2), (1, 5, 0, 4))
    as_of = DAY0 + pd.Timedelta(days=5)
    assert rfm(log, as_of=as_of, window_days=5).monetary.tolist() == [6.0]
    assert rfm(log, as_of=as_of, window_days=6).monetary.tolist() == [7.0]
    assert rfm(log, as_of=as_of, window_days=0).equals(rfm(log, as_of=as_of))


def test_window_spend_of_many_weeks_equals_rfm_of_the_history() -> None:
    log = tables((1, 0, 0, 10), (1, 60, 0, -3), (2, 100, 5, 7))
    as_of = DAY0 + pd.Timedelta(days=100)
    wide, whole = window_spend(log, as_of=as_of, weeks=(4, 52)), rfm(log, as_of=as_of)
    assert wide.spend_52w.tolist() == whole.monetary.tolist()
    assert wide.orders_52w.tolist() == whole.frequency.tolist()
    assert wide.loc[0, ["spend_4w", "orders_4w"]].tolist() == [0, 0]
    assert list(wide.columns) == ["customer_id", "spend_4w", "orders_4w", "spend_52w", "orders_52w"]


def test_tenure_counts_calendar_days_from_the_first_purchase_and_not_from_a_return() -> None:
    found = tenure(tables((1, 0, 1439, 5), (1, 9, 0, 5), (2, 0, 0, -5), (2, 4, 0, 5), (3, 1, 0, -5)),
                   as_of=DAY0 + pd.Timedelta(days=9))  # fmt: skip
    assert found.to_dict("list") == {"customer_id": [1, 2], "tenure_days": [9, 5]}


@settings(max_examples=12, deadline=None)
@given(
    past=st.lists(order, min_size=1, max_size=25),
    future=st.lists(order, max_size=10),
    window=st.integers(0, 60),
)
def test_features_do_not_change_when_later_orders_are_added(past, future, window) -> None:
    past = [(0, 120, 5, 10), *past]
    later = [(customer, day + 121, minute, amount) for customer, day, minute, amount in future]
    as_of = DAY0 + pd.Timedelta(days=120)
    before, after = tables(*past), tables(*past, *later)
    pd.testing.assert_frame_equal(
        rfm(before, as_of=as_of, window_days=window), rfm(after, as_of=as_of, window_days=window)
    )
    pd.testing.assert_frame_equal(
        window_spend(before, as_of=as_of), window_spend(after, as_of=as_of)
    )
    pd.testing.assert_frame_equal(tenure(before, as_of=as_of), tenure(after, as_of=as_of))


@settings(max_examples=12, deadline=None)
@given(orders=st.lists(order, min_size=1, max_size=30))
def test_rfm_equals_a_plain_count_of_each_customers_orders(orders) -> None:
    orders = [(0, 120, 5, 10), *orders]
    frame = lines(orders)
    frame["day"] = frame.time.dt.normalize()
    bought = frame[frame.amount >= 0].groupby("customer_id")
    expected = pd.DataFrame(
        {
            "recency_days": (DAY0 + pd.Timedelta(days=120) - bought.day.max()).dt.days,
            "frequency": bought.size(),
            "monetary": frame.groupby("customer_id").amount.sum().reindex(list(bought.groups)),
        }
    ).reset_index()
    found = rfm(tables(*orders), as_of=DAY0 + pd.Timedelta(days=120))
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"as_of": "2023-01-01"}, "outside the data"),
        ({"as_of": "soon"}, "no date"),
        ({"as_of": DAY0, "window_days": -1}, "negative"),
    ],
)
def test_wrong_days_are_refused_in_words(wrong, message) -> None:
    with pytest.raises(TableError, match=message):
        rfm(tables((1, 0, 0, 5)), **wrong)


def test_a_log_without_customers_is_refused_in_words() -> None:
    frame = lines([(1, 0, 0, 5)]).astype({"customer_id": "Int64"})
    frame["customer_id"] = pd.array([pd.NA], dtype="Int64")
    with pytest.raises(TableError, match="no customer has a purchase"):
        rfm(pz.load({"orders": frame}), as_of=DAY0)


@pytest.mark.parametrize("weeks", [(0,), (1.5,), (4, -1)])
def test_a_window_of_no_whole_weeks_is_refused(weeks) -> None:
    with pytest.raises(TableError, match="whole number of weeks"):
        window_spend(tables((1, 0, 0, 5)), as_of=DAY0, weeks=weeks)


def test_complete_journey_has_the_measured_rfm_table() -> None:
    found = rfm(pz.load("complete_journey"), as_of="2017-12-31")
    assert (len(found), found.frequency.sum()) == (2469, 155848)
    assert found[["recency_days", "frequency"]].median().tolist() == [5, 43]
    assert found.monetary.median() == pytest.approx(1210.02)


def test_what_came_next_holds_the_weeks_after_and_nothing_else() -> None:
    tables = pz.load("complete_journey")
    whole, before = (rfm(tables, as_of=day) for day in ("2017-12-31", "2017-11-05"))
    later = outcome(tables, before.customer_id, as_of="2017-11-05", days=56)
    gained = whole.set_index("customer_id").sub(before.set_index("customer_id"))
    gained = gained.loc[later.customer_id]
    assert later.next_spend.tolist() == pytest.approx(gained.monetary.tolist())
    assert later.next_orders.tolist() == gained.frequency.tolist()
    with pytest.raises(TableError, match="outside the data"):
        outcome(tables, before.customer_id, as_of="2017-12-01")


@pytest.mark.parametrize("name", ["rfm", "tenure", "window_spend"])
def test_a_frame_in_place_of_tables_is_refused_with_the_call_that_works(name) -> None:
    call = re.escape(f"{name}(pz.load({{'orders': frame}}), as_of=...)")
    with pytest.raises(TableError, match=f"{name} needs tables, not a DataFrame: {call}"):
        getattr(pz.features, name)(pd.DataFrame(), as_of="2024-01-01")
