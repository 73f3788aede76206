"""One row a customer: published counts, refunds, units, periods, and tables looked up once."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import personalize as pz
from personalize.clv.customers import Records
from personalize.tables import TableError


def test_cdnow_summary_has_the_published_facts(cdnow, calibration):
    assert len(calibration) == 2357
    assert (calibration.frequency > 0).sum() == 946
    assert calibration.frequency.sum() == 2457
    assert calibration.monetary_value[calibration.frequency > 0].mean() == pytest.approx(
        35.0778, abs=5e-5
    )
    assert calibration["T"].iloc[0] * 7 == pytest.approx(272)
    day, end = pd.Timestamp("1997-09-30"), pd.Timestamp("1998-06-30")
    later = Records(cdnow).windows(day, [], until=end)
    assert later.orders_later.sum() == 1882


def shop(days, amounts, *, customers=None, quantity=None):
    """A shop with one order a row."""
    n = len(days)
    return pz.load(
        {
            "orders": pd.DataFrame(
                {
                    "customer_id": customers if customers is not None else [1] * n,
                    "order_id": range(n),
                    "product_id": 1,
                    "time": pd.Timestamp("2024-01-01") + pd.to_timedelta(days, unit="D"),
                    "quantity": quantity if quantity is not None else [1.0] * n,
                    "amount": np.asarray(amounts, float),
                }
            )
        }
    )


def test_a_refund_is_taken_off_the_purchase_it_follows_and_is_no_visit():
    tables = shop([0, 7, 10, 14], [5, 20, -4, 30], quantity=[1, 1, -1, 1])
    row = pz.clv.summary(tables, as_of="2024-01-15", unit="D").iloc[0]
    assert (row.frequency, row.recency, row["T"]) == (2, 14, 14)
    assert (row.monetary_value, row.first_value) == ((20 - 4 + 30) / 2, 5)


def test_two_orders_on_one_day_are_one_purchase():
    row = pz.clv.summary(shop([0, 0.5, 7], [5, 6, 8]), as_of="2024-01-08").iloc[0]
    assert (row.frequency, row.recency, row.monetary_value, row.first_value) == (1, 1, 8, 11)


def test_the_unit_changes_time_and_nothing_else(cdnow, calibration):
    days = pz.clv.summary(cdnow, as_of="1997-09-30", unit="D")
    assert days.frequency.equals(calibration.frequency)
    assert np.allclose(days[["recency", "T"]], 7 * calibration[["recency", "T"]])


@settings(max_examples=4, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.integers(0, 40), st.integers(1, 50)),
        min_size=5,
        max_size=25,
    )
)
def test_the_summary_does_not_change_when_later_orders_are_added(rows):
    who, days, amounts = (
        np.array(column) for column in zip(*[(1, 0, 5), (2, 41, 1), *rows], strict=True)
    )
    known = days <= 20
    early = shop(
        np.append(days[known], 20), np.append(amounts[known], 9), customers=np.append(who[known], 9)
    )
    late = shop(np.append(days, 20), np.append(amounts, 9), customers=np.append(who, 9))
    day = "2024-01-21"
    pd.testing.assert_frame_equal(pz.clv.summary(early, as_of=day), pz.clv.summary(late, as_of=day))


def test_periods_count_whole_weeks_since_the_first_purchase():
    row = pz.clv.periods(shop([0, 3, 8, 20, 22, 29], [1] * 6), as_of="2024-01-30").iloc[0]
    # Day 29 is the second day of week 4, which is not over on day 29; days 20 and 22 lie in weeks
    # 2 and 3.
    assert (row.frequency, row.recency, row["T"]) == (3, 3, 3)


def test_all_problems_of_a_summary_come_in_one_message():
    bad = pd.DataFrame(
        {
            "customer_id": [1, 2, 3, 4, 5],
            "frequency": [1, 0, -1, 2, 1.5],
            "recency": [9, 3, 0, 0, 1],
            "T": [5, 9, 9, 9, -1],
        }
    )
    with pytest.raises(TableError) as caught:
        pz.clv.BetaGeo().fit(bad)
    for words in (
        "T that is missing or negative",
        "no whole number",
        "above T",
        "without a repeat",
        "count days",
    ):
        assert words in str(caught.value)


def test_summary_refuses_a_day_outside_the_data_and_an_unknown_unit(cdnow):
    with pytest.raises(TableError, match="outside the data"):
        pz.clv.summary(cdnow, as_of="2001-01-01")
    with pytest.raises(TableError, match="unit = 'weeks' is not known"):
        pz.clv.summary(cdnow, as_of="1997-09-30", unit="weeks")


def test_records_count_windows_and_the_days_after_as_the_features_do(groceries):
    found = Records(groceries).windows(
        pd.Timestamp("2017-06-18"), [4, 8], until=pd.Timestamp("2017-09-24")
    )
    spend = pz.features.window_spend(groceries, as_of="2017-06-18", weeks=(4, 8))
    later = pz.features.window_spend(groceries, as_of="2017-09-24", weeks=(14,))
    later = later.set_index("customer_id").loc[spend.customer_id]
    assert found.customer_id.tolist() == spend.customer_id.tolist()
    assert found[["spend_4w", "spend_8w"]].to_numpy() == pytest.approx(
        spend[["spend_4w", "spend_8w"]].to_numpy()
    )
    assert found.spend_later.to_numpy() == pytest.approx(later.spend_14w.to_numpy())
    assert (found.orders_later <= later.orders_14w.to_numpy()).all()  # days, not orders


def test_records_count_a_day_once_and_give_later_questions_the_same_numbers(groceries):
    shared, day, end = Records(groceries), pd.Timestamp("2017-06-18"), pd.Timestamp("2017-09-24")
    first = shared.windows(day, [4, 8, 10], until=end)
    for weeks in ([13], [8], []):
        alone = Records(groceries).windows(day, weeks, until=end)
        assert shared.windows(day, weeks, until=end) is first
        pd.testing.assert_frame_equal(first[list(alone)], alone)
    assert shared.windows(day, [4], until=end - pd.Timedelta(days=7)) is not first
    assert shared.windows(day, [5], until=end) is not first


def test_log_gaps_are_counted_in_the_unit_of_the_summary():
    days, weeks = (pz.clv.summary(pz.load("cdnow"), as_of="1997-09-30", unit=unit) for unit in "DW")
    assert days.log_gaps.to_numpy() == pytest.approx(
        (weeks.log_gaps + weeks.frequency * np.log(7)).to_numpy()
    )
    one = weeks[weeks.frequency == 1]
    assert one.log_gaps.to_numpy() == pytest.approx(np.log(one.recency.to_numpy()), abs=1e-8)
