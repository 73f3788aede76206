"""What customers do, from aggregates: equal to counting by hand, honest about what is odd or missing."""

import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.tools import add_constant

import personalize as pz
from personalize import statistics
from personalize.tables import TableError

DATA = Path(os.environ.get("PERSONALIZE_DATA", Path(__file__).parents[2] / "shared" / "data"))
DAY0 = pd.Timestamp("2024-01-01")  # a Monday
COLUMNS = ["customer_id", "order_id", "product_id", "time", "quantity", "amount"]
SEVEN = [
    (1, 10, 5, DAY0 + pd.Timedelta(hours=9), 2, 4.0),
    (1, 10, 6, DAY0 + pd.Timedelta(hours=9), 1, 6.0),
    (1, 11, 5, DAY0 + pd.Timedelta(days=3, hours=17), 1, 2.0),
    (1, 12, 5, DAY0 + pd.Timedelta(days=40, hours=17), -1, -2.0),  # a return: money, no visit
    (2, 13, 7, DAY0 + pd.Timedelta(days=35, hours=17), 30_000, 60.0),  # not pieces: 0.002 a unit
    (2, 13, 6, DAY0 + pd.Timedelta(days=35, hours=17), 0, 0.0),
    (None, 14, 6, DAY0 + pd.Timedelta(days=41, hours=8), 1, 5.0),
]


def shop(rows: list[tuple], **more: pd.DataFrame) -> pz.tables.Tables:
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return pz.load({"orders": frame.astype({"customer_id": "Int64"}), **more})


@pytest.fixture(scope="module")
def seven() -> pz.tables.Tables:
    return shop(SEVEN)


@pytest.fixture(scope="module")
def groceries() -> pz.tables.Tables:
    return pz.load("complete_journey")


@pytest.fixture(scope="module")
def cdnow() -> pz.tables.Tables:
    return pz.load("cdnow")


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
    from personalize.statistics.behaviour import piece_rule

    class Shop:
        currency = "JPY"

    assert piece_rule(Shop())["coin"] == 1
    Shop.currency = "EUR"
    assert piece_rule(Shop())["coin"] == 0.01


orders = st.lists(
    st.tuples(st.integers(1, 5), st.integers(0, 90), st.integers(0, 2000)), min_size=2, max_size=40
)


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


def test_hours_weekdays_and_weeks_by_hand(seven: pz.tables.Tables) -> None:
    table = statistics.hours(seven)
    hour = statistics.by_hour(table).set_index("hour")
    assert hour.orders[[8, 9, 17]].tolist() == [1, 1, 2] and hour.share[17] == 0.5
    assert statistics.has_hours(table)
    weeks = statistics.weekly(table)
    assert weeks.week.tolist() == [DAY0 + pd.Timedelta(days=7 * k) for k in range(6)]
    assert weeks.orders.tolist() == [2, 0, 0, 0, 0, 2] and weeks.spend.tolist() == [
        12,
        0,
        0,
        0,
        0,
        63,
    ]
    assert set(statistics.timeline(table).per) == {"day"} and len(statistics.timeline(table)) == 42
    assert statistics.by_weekday(table).set_index("weekday").orders["Sunday"] == 1
    grid = statistics.weekday_hour(table, min_cell=1)
    assert grid.loc["Monday", 17] == 1 / 6 and np.isnan(grid.loc["Tuesday", 9])


@pytest.mark.parametrize("log", [True, False])
def test_trend_and_its_interval_equal_statsmodels_newey_west(log: bool) -> None:
    y = pd.Series(np.random.default_rng(4).normal(100, 9, 52).cumsum() / 20 + 50)
    y = y if log else y - y.min()  # a value of 0: no logarithm
    z = np.log(y) if log else y
    found = statistics.trend(y)
    lags = int(4 * (52 / 100) ** (2 / 9))
    fit = OLS(z, add_constant(np.arange(52.0))).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}, use_t=True
    )
    low, high = fit.conf_int().iloc[1]
    ends = np.array([fit.params.iloc[1], low, high]) * 51
    assert (found.change, found.low, found.high) == pytest.approx(
        np.expm1(ends) if log else ends / y.mean()
    )
    assert found.fitted == pytest.approx(np.exp(fit.fittedvalues) if log else fit.fittedvalues)
    assert bool(found.note) is not log


@pytest.mark.parametrize(
    ("series", "note"), [([], "0 value"), ([5.0] * 7, "7 value"), ([0.0] * 20, "not above 0")]
)
def test_a_trend_that_cannot_be_told_says_why(series: list, note: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = statistics.trend(pd.Series(series, dtype=float))
    assert note in found.note and np.isnan(found.change)


def test_weekday_pattern_and_an_odd_day_are_found() -> None:
    rng = np.random.default_rng(1)
    per_day = 20 + 10 * (np.arange(70) % 7 == 5) + rng.integers(0, 3, 70)
    per_day[33] = 80
    rows = [
        (1 + k % 9, 1000 * d + k, 1, DAY0 + pd.Timedelta(days=d), 1, 1.0)
        for d in range(70)
        for k in range(per_day[d])
    ]
    found = statistics.season(statistics.hours(shop(rows)))
    assert found.weekday_strength > 0.4
    assert found.unusual.day[0] == DAY0 + pd.Timedelta(days=33) and found.unusual.z[0] > 5
    assert "too few for a yearly season" in found.note


def test_a_season_that_cannot_be_told_says_why(seven: pz.tables.Tables) -> None:
    short = statistics.season(statistics.hours(seven.until("2024-01-04")))
    assert short.note == "4 day(s), a weekday pattern needs 28" and short.table().empty
    same = shop([(1, d, 1, DAY0 + pd.Timedelta(days=d), 1, 1.0) for d in range(30)])
    assert statistics.season(statistics.hours(same)).note == "orders never vary"


def test_months_by_hand() -> None:
    visits = [
        (1, "2024-01-01"),
        (1, "2024-02-10"),
        (1, "2024-04-02"),
        (2, "2024-02-03"),
        (2, "2024-02-04"),
        (3, "2024-04-30"),
    ]
    found = statistics.months(
        shop([(c, i, 1, pd.Timestamp(d), 1, 1.0) for i, (c, d) in enumerate(visits)])
    )
    table = found.table()
    assert table.active.tolist() == [1, 2, 0, 2] and table.whole.all()
    assert table.first_seen.tolist() == [1, 1, 0, 1]
    assert table.stayed.tolist() == [0, 1, 0, 0]
    assert table.came_back.tolist() == [0, 0, 0, 1]
    assert table.went_quiet.tolist() == [0, 0, 2, 0]
    retention = found.retention().set_index("months_later")
    assert retention.active.tolist() == [1, 0, 1] and retention.customers.tolist() == [2, 2, 1]
    assert found.triangle(min_cell=1).loc["2024-01"].dropna().tolist() == [1, 1, 0, 1]
    assert found.triangle(min_cell=2).empty
    assert found.retention(skip_first=True).active.tolist() == [0, 0]


def test_activity_adds_up_every_month(groceries: pz.tables.Tables) -> None:
    table = statistics.months(groceries).table()
    assert (table.active == table.first_seen + table.stayed + table.came_back).all()
    assert (
        table.went_quiet.iloc[1:] == table.active.shift().iloc[1:] - table.stayed.iloc[1:]
    ).all()
    assert table.first_seen.sum() == 2469 and table.orders.sum() == 155_848


def test_a_period_without_a_whole_month_has_no_cohort(seven: pz.tables.Tables) -> None:
    found = statistics.months(seven.until("2024-01-04"))
    assert found.cohorts().empty and found.retention().empty and found.triangle().empty
    assert not found.table().whole.any()


def test_correlations_equal_scipy_and_say_where_there_are_none(cdnow: pz.tables.Tables) -> None:
    found = statistics.behaviour(cdnow)
    table = statistics.correlations(found).set_index(["first", "second"])
    both = found.people[["orders", "spend"]]
    row = table.loc["orders", "spend"]
    expected = stats.pearsonr(both.orders, both.spend)
    assert row.pearson == pytest.approx(expected.statistic)
    assert (row.pearson_low, row.pearson_high) == pytest.approx(
        tuple(expected.confidence_interval())
    )
    assert row.spearman == pytest.approx(stats.spearmanr(both.orders, both.spend).statistic)
    assert table.loc[("orders", "lines an order"), "note"] == "one of the two never varies"
    few = statistics.correlations(statistics.behaviour(shop(SEVEN)))
    assert few.note.str.contains("10 are needed").all() and few.spearman.isna().all()


def test_outliers_by_median_and_mad_by_hand() -> None:
    spend = [10, 11, 12, 13, 14, 15, 16, 17, 18, 400]
    rows = [(c, c, 1, DAY0, 1, float(s)) for c, s in enumerate(spend)]
    table = statistics.outliers(statistics.behaviour(shop(rows)), min_cell=1).set_index(
        ["measure", "scale", "rule"]
    )
    row = table.loc["spend", "plain", "MAD"]
    assert row.high_fence == pytest.approx(14.5 + 3.5 * 1.4826 * 2.5)
    assert (row.below, row.above, row.share) == (0, 1, 0.1)
    assert row.revenue_share == pytest.approx(400 / sum(spend))
    assert "the MAD is 0" in table.loc[("orders", "plain", "MAD"), "note"]


def test_few_customers_far_out_are_not_counted_nor_can_they_be_worked_out() -> None:
    rows = [
        (c, c, 1, DAY0, 1, s)
        for c, s in enumerate([10.0, 11.0, 12.0, 13.0, 14.0] * 10 + [400.0] * 9)
    ]
    found = statistics.behaviour(shop(rows))
    hidden, shown = (
        statistics.outliers(found, min_cell=n)
        .set_index(["measure", "scale", "rule"])
        .loc["spend", "plain", "MAD"]
        for n in (10, 9)
    )
    assert (
        hidden[["below", "above", "share", "revenue_share"]].isna().all()
        and "fewer than 10" in hidden.note
    )
    assert shown.above == 9 and shown.note == ""


def people(n: int) -> list[tuple]:
    return [(c, c, 1, DAY0 + pd.Timedelta(days=c % 3), 1, 10.0 + c) for c in range(n)]


def test_attributes_count_everyone_described_and_hide_small_groups() -> None:
    bands = ["19-24"] * 12 + ["25-34"] * 20 + ["35-44"] * 5 + [None] * 13
    given = pd.DataFrame({"customer_id": range(50), "age_band": bands, "age": range(20, 70)})
    tables = shop(people(60), customers=given)
    found = statistics.attributes(tables, statistics.customers(tables))
    band = found.values[found.values.attribute == "age_band"]
    assert band.value.tolist() == ["25-34", "not stated"]  # 35-44 is small, 19-24 goes with it
    assert band.customers.tolist() == [20, 13] and band.share.tolist() == [0.4, 0.26]
    assert (found.described, found.known, found.hidden) == (50, 60, 4)
    ages = found.values[found.values.attribute == "age"]
    assert ages.value.tolist() == ["25 to 34", "35 to 44", "45 to 54", "55 to 64"]
    assert ages.customers.tolist() == [10] * 4
    assert not found.representative  # those not described are the ten biggest spenders


def test_attributes_without_a_customer_table_say_what_is_needed(seven: pz.tables.Tables) -> None:
    with pytest.raises(TableError, match="has no table 'customers'"):
        statistics.attributes(seven, statistics.customers(seven))


def test_the_card_names_period_size_terms_and_what_is_missing(groceries: pz.tables.Tables) -> None:
    card = statistics.card(groceries).set_index("fact").value
    assert card["period"] == "2017-01-01 to 2017-12-31, 365 days, 364 with orders"
    assert card["customers"].startswith("2,469,") and card["orders"].startswith(
        "155,848 in 1,469,307 lines"
    )
    assert "simulated" in card["terms"] and "CC0" in card["terms"]
    assert "customers: 801 rows" in card["tables"] and "events" in card["not in this source"]


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


def test_verdicts_follow_the_data(groceries: pz.tables.Tables, cdnow: pz.tables.Tables) -> None:
    full, short = (statistics.verdicts(tables).set_index("topic") for tables in (groceries, cdnow))
    assert (
        full.verdict[
            ["02 segmentation", "03 association rules", "05 customer lifetime value"]
        ].tolist()
        == ["yes"] * 3
    )
    assert (
        full.verdict["campaign effect"] == "no" and full.verdict["fairness and privacy"] == "partly"
    )
    assert short.verdict[["03 association rules", "04 recommenders"]].tolist() == ["no", "no"]
    assert (short.because.str.len() > 5).all()
    assert set(statistics.verdicts(shop(SEVEN)).verdict) <= {"yes", "partly", "no"}


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
            statistics.weekday_hour,
            statistics.timeline,
        ):
            part(hours)
        statistics.trends(statistics.weekly(hours))
        statistics.season(hours)
        statistics.months(tables).table()
        statistics.months(tables).triangle()
        statistics.correlations(found)
        statistics.outliers(found)
        statistics.concentration(found.counts("customer", "spend")).drawn()
        statistics.persistence(tables)
        statistics.with_trend(statistics.timeline(hours))
        statistics.months(tables).drawn()
    unsaid = table[table["mean"].isna() & (table.note == "")]
    assert unsaid.empty


def test_the_best_of_the_first_half_are_judged_on_the_second() -> None:
    day = [DAY0, DAY0 + pd.Timedelta(days=9)]
    first, second = [50, 20, 10, 10, 10], [10, 30, 40, 0, 20]
    rows = [
        (c, 10 * c + h, 1, day[h], 1, float(x))
        for h, spend in enumerate((first, second))
        for c, x in enumerate(spend)
    ]
    found = statistics.persistence(shop([r for r in rows if r[5]]), top=0.4, min_cell=1)
    assert (found.n, found.best, found.share_then, found.share_later) == (5, 2, 0.7, 0.4)
    assert found.low < 0.4 < found.high and not found.lasts
    assert statistics.persistence(shop([rows[0], rows[6]])).note == "nobody spends in both halves"
    assert (
        statistics.persistence(shop([rows[0], (0, 9, 1, day[1], 1, 5.0)])).note
        == "20% of 1 customer(s) is nobody"
    )
    assert (
        statistics.persistence(shop([r for r in rows if r[5]]), top=0.4).note
        == "40% of 5 customer(s) is fewer than 10"
    )
    assert statistics.persistence(shop(rows[:5])).note == "one day cannot be halved"
    assert (
        "nobody spends"
        in statistics.persistence(shop([*rows[:5], (None, 99, 1, day[1], 1, 1.0)])).note
    )


def test_page_views_of_online_shoppers_equal_the_published_figures() -> None:
    path = DATA / "online_shoppers" / "online_shoppers_intention.csv.gz"
    if not path.is_file():
        pytest.skip(
            f"{path.name} is not at hand: set PERSONALIZE_DATA to the folder that holds online_shoppers"
        )
    pages = pd.read_csv(path, usecols=["ProductRelated"]).ProductRelated
    found = statistics.describe(statistics.value_counts(pages))
    assert (round(found.mean, 1), found.median, round(found.variance), found.maximum) == (
        31.7,
        18,
        1978,
        705,
    )


def test_visits_and_funnel_by_hand() -> None:
    events = pd.DataFrame({
        "customer_id": [1, 1, 1, 1, 2, 2, 3],
        "time": [DAY0 + pd.Timedelta(days=d) for d in (0, 0, 0, 2, 0, 0, 1)],
        "event": ["view", "view", "cart", "view", "view", "cart", "view"],
        "page_id": [7, 8, 8, 7, 7, 7, 9],
        "session_id": [1, 1, 1, 2, 3, 3, 4],
    })  # fmt: skip
    for frame, note in (
        (events, ""),
        (events.drop(columns="session_id"), "a session is a customer's events of one day"),
    ):
        found = statistics.visits(shop(SEVEN, events=frame))
        assert (found.sessions, found.note) == (4, note)
        table = found.table().set_index("grain")
        assert table.total.tolist() == [7, 7, 7] and table.n.tolist() == [3, 3, 4]
        assert table["median"].tolist() == [2, 2, 1.5]
        assert found.funnel[["event", "sessions", "share"]].values.tolist() == [
            ["view", 4, 1.0],
            ["cart", 2, 0.5],
        ]
        assert (
            found.funnel.of_previous[1] == 0.5 and found.funnel.low[1] < 0.5 < found.funnel.high[1]
        )


def test_net_promoter_score_and_satisfaction_by_hand() -> None:
    answers = pd.DataFrame({
        "customer_id": [1, 2, 3, 4, 1, 2, 3, 4],
        "time": DAY0,
        "question": ["recommend"] * 4 + ["satisfaction"] * 4,
        "score": [10, 9, 7, 3, 5, 4, 3, 1],
    })  # fmt: skip
    tables = shop(SEVEN, surveys=answers)
    found = statistics.opinions(tables, min_cell=1).set_index("measure")
    assert found.value.to_dict() == {"NPS": 0.25, "CSAT": 0.5}
    assert found["mean"].to_dict() == {"NPS": 7.25, "CSAT": 3.25}
    points = np.array([1, 1, 0, -1])
    half = stats.t.ppf(0.975, 3) * points.std(ddof=1) / 2
    assert (found.low["NPS"], found.high["NPS"]) == pytest.approx(
        (max(0.25 - half, -1), min(0.25 + half, 1))
    )
    assert statistics.opinions(
        tables
    ).empty  # four customers are fewer than the smallest group shown


def test_what_is_absent_is_named(seven: pz.tables.Tables) -> None:
    with pytest.raises(TableError, match="has no table 'events': add customer_id, time, event"):
        statistics.visits(seven)
    with pytest.raises(
        TableError, match="has no table 'surveys': add customer_id, time, question, score"
    ):
        statistics.opinions(seven)
    with pytest.raises(TableError, match="margin = 5 between 0 and 1"):
        statistics.sample_size(0.5, 5)


def test_the_simulated_shop_has_sessions_and_opinions() -> None:
    tables = pz.load("simulated_shop")
    funnel = statistics.visits(tables).funnel
    assert funnel.event[0] == "view" and funnel.sessions.is_monotonic_decreasing
    assert set(statistics.opinions(tables).measure) == {"NPS", "CSAT"}
