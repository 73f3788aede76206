"""The simulated shop does what its stated truth says: each claim is recovered from the tables."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import hyp2f1
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from personalize import simulate
from personalize.simulate import (
    activity,
    catalogue,
    contacts,
    customers,
    distributions,
    simulation,
)
from personalize.simulate.distributions import SETTINGS
from personalize.tables import CONTRACTS, TableError

# rows, pieces and money of the orders; rows of events, reviews, links: default arguments
GOLDEN_ORDERS = (58192, 164621, 1125670.24)
GOLDEN_ROWS = (145026, 2669, 6058)
ARGUMENTS = {"customers": 60, "products": 64, "weeks": 30}


@pytest.fixture(scope="module")
def shop():
    return simulate.shop()


@pytest.fixture(scope="module")
def large():
    return simulate.shop(customers=4_000, seed=5)


@pytest.fixture(scope="module")
def sold(shop):
    """Lines that were bought, not sent back, with their origin."""
    orders = shop.tables["orders"].merge(shop.truth["orders"], on="order_id")
    return orders[orders.quantity > 0]


def rfm(shop):
    orders = (
        shop.tables["orders"]
        .dropna(subset="customer_id")
        .merge(shop.truth["orders"], on="order_id")
    )
    bought = orders[orders.origin != "return"].groupby("customer_id")
    days = (orders.time.max() - bought.time.max()).dt.days
    return pd.DataFrame(
        {"R": days, "F": bought.order_id.nunique(), "M": orders.groupby("customer_id").amount.sum()}
    )


def lift_beyond_size(lines, one, other):
    """Orders that hold both, over those expected within orders of the same number of products, and the count."""
    size = lines.groupby("order_id").product_id.transform("size")
    holds = pd.DataFrame({"size": size.groupby(lines.order_id).first()})
    for name, product in (("one", one), ("other", other)):
        holds[name] = holds.index.isin(lines.order_id[lines.product_id == product])
    both = (holds.one & holds.other).sum()
    shares = holds.groupby("size").agg(
        n=("one", "size"), one=("one", "mean"), other=("other", "mean")
    )
    return both / (shares.n * shares.one * shares.other).sum(), both


# --- the tables -----------------------------------------------------------------------------------------------------


def test_every_table_has_exactly_the_canonical_columns_and_rows(shop):
    assert set(shop.tables) == set(CONTRACTS)
    for name, frame in shop.tables.items():
        canonical, extra = list(CONTRACTS[name].columns), []
        if name == "customers":
            extra = [f"consent_{channel}" for channel in customers.CONSENT]
        if name == "products":
            canonical.remove("department")
        assert list(frame.columns) == canonical + extra, name
        assert len(frame) > 100, name


def test_ids_refer_to_rows_that_exist(shop):
    customers = set(shop.tables["customers"].customer_id)
    products = set(shop.tables["products"].product_id)
    offers = set(shop.tables["offers"].offer_id)
    for name, frame in shop.tables.items():
        for column, known in (
            ("customer_id", customers),
            ("product_id", products),
            ("offer_id", offers),
        ):
            if column in frame and name != column.replace("_id", "s"):
                assert set(frame[column].dropna()) <= known, (name, column)
    assert set(shop.tables["links"].other_id) <= customers


def test_keys_are_unique_and_an_order_has_one_customer_and_one_time(shop):
    for name, contract in CONTRACTS.items():
        if contract.key:
            assert not shop.tables[name].duplicated(list(contract.key)).any(), name
    orders = shop.tables["orders"]
    assert not orders.duplicated(["order_id", "product_id"]).any()
    assert (
        (orders.groupby("order_id")[["customer_id", "time", "store_id"]].nunique() <= 1).all().all()
    )


def test_times_stay_in_the_period_and_orders_are_numbered_in_order_of_time(shop):
    for name, frame in shop.tables.items():
        if "time" in frame:
            assert frame.time.min() >= pd.Timestamp("2023-01-02"), name
            assert frame.time.max() < pd.Timestamp("2023-01-02") + pd.Timedelta(weeks=78), name
            assert frame.time.is_monotonic_increasing or name == "contacts", name
    assert shop.tables["orders"].order_id.is_monotonic_increasing


def test_money_and_pieces_have_the_sign_and_precision_of_money_and_pieces(shop):
    orders = shop.tables["orders"]
    assert (np.sign(orders.amount) == np.sign(orders.quantity)).all()
    assert np.allclose(orders.amount, orders.amount.round(2), atol=1e-12)
    assert (orders[["discount", "coupon_discount"]] >= 0).all().all()


def test_customer_attributes_are_missing_at_the_stated_rates(large):
    known = large.tables["customers"]
    for column, share in customers.MISSING.items():
        assert known[column].isna().mean() == pytest.approx(share, abs=0.02)
    assert known.age_band.isna().equals(known.age.isna())
    for channel, share in customers.CONSENT.items():
        assert known[f"consent_{channel}"].mean() == pytest.approx(share, abs=0.03)


# --- reproducible ---------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_shop_and_another_seed_another():
    one, again, other = (simulate.shop(**ARGUMENTS, seed=seed) for seed in (7, 7, 8))
    for kind in ("tables", "truth"):
        for name, frame in getattr(one, kind).items():
            pd.testing.assert_frame_equal(frame, getattr(again, kind)[name], check_exact=True)
    for name, frame in one.tables.items():
        assert not frame.equals(other.tables[name]), name


def test_the_default_seed_gives_these_numbers_on_every_python(shop):
    orders, events = shop.tables["orders"], shop.tables["events"]
    assert (len(orders), int(orders.quantity.sum()), round(orders.amount.sum(), 2)) == GOLDEN_ORDERS
    assert (len(events), len(shop.tables["reviews"]), len(shop.tables["links"])) == GOLDEN_ROWS


def test_a_part_that_draws_more_leaves_the_other_tables_as_they_were(monkeypatch):
    before = simulate.shop(**ARGUMENTS)
    exact = activity.review_table

    def wasteful(orders, lines, *, world):
        world.rng["reviews"].random(1_000)
        return exact(orders, lines, world=world)

    monkeypatch.setattr(activity, "review_table", wasteful)
    after = simulate.shop(**ARGUMENTS)
    changed = [
        name for name, frame in before.tables.items() if not frame.equals(after.tables[name])
    ]
    assert changed == ["reviews"]


def test_a_stream_appended_leaves_the_streams_before_it_as_they_were():
    old, new = (
        distributions.streams(3, simulation.PARTS),
        distributions.streams(3, [*simulation.PARTS, "weather"]),
    )
    assert all(old[name].random() == new[name].random() for name in simulation.PARTS)


def test_no_campaign_changes_what_people_buy_by_habit(monkeypatch):
    before = simulate.shop(**ARGUMENTS)
    monkeypatch.setattr(contacts, "EFFECTS", contacts.EFFECTS.assign(effect=1.0))
    after = simulate.shop(**ARGUMENTS)
    lines = [
        each.tables["orders"].merge(each.truth["orders"].query("origin == 'habit'"), on="order_id")
        for each in (before, after)
    ]
    columns = ["customer_id", "product_id", "time", "quantity", "amount", "discount"]
    pd.testing.assert_frame_equal(lines[0][columns], lines[1][columns])
    assert len(after.tables["orders"]) > len(before.tables["orders"])


# --- buying: BG/NBD and gamma-gamma ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "leave", "weeks"), [(0.5, 0.0, 40.0), (1.0, 0.2, 20.0), (0.1, 0.5, 70.0)]
)
def test_purchases_and_survivors_match_their_expectation(rate, leave, weeks):
    n = 20_000
    who, when, left = distributions.purchases(
        np.full(n, rate),
        np.full(n, leave),
        exposure=np.full(n, weeks),
        rng=np.random.default_rng(1),
    )
    expected = rate * weeks if leave == 0 else (1 - np.exp(-rate * leave * weeks)) / leave
    counts = np.bincount(who, minlength=n)
    assert counts.mean() == pytest.approx(expected, abs=4 * counts.std() / np.sqrt(n))
    assert np.isinf(left).mean() == pytest.approx(
        np.exp(-rate * leave * weeks), abs=4 * 0.5 / np.sqrt(n)
    )
    assert (when <= left[who]).all()


def test_mean_repeat_purchases_match_fader_hardie_lee_2005_equation_9():
    n, t, (r, alpha, a, b) = 40_000, 39.0, (0.243, 4.414, 0.793, 2.426)
    rng = np.random.default_rng(2)
    rate, leave = rng.gamma(r, 1 / alpha, n), rng.beta(a, b, n)
    counts = np.bincount(
        distributions.purchases(rate, leave, exposure=np.full(n, t), rng=rng)[0], minlength=n
    )
    z = t / (alpha + t)
    shrunk = (alpha / (alpha + t)) ** r * hyp2f1(r, b, a + b - 1, z)
    assert counts.mean() == pytest.approx(
        (a + b - 1) / (a - 1) * (1 - shrunk), abs=4 * counts.std() / np.sqrt(n)
    )


@given(
    seed=st.integers(0, 1_000),
    rate=st.floats(0.01, 5),
    leave=st.floats(0, 1),
    weeks=st.floats(0, 50),
)
@settings(max_examples=30, deadline=None)
def test_purchases_come_in_order_within_the_exposure_and_stop_with_the_last(
    seed, rate, leave, weeks
):
    who, when, left = distributions.purchases(
        np.full(5, rate),
        np.full(5, leave),
        exposure=np.full(5, weeks),
        rng=np.random.default_rng(seed),
    )
    assert (np.diff(who) >= 0).all()
    assert ((np.diff(when) >= 0) | (np.diff(who) > 0)).all()
    assert ((when >= 0) & (when <= weeks)).all()
    last = pd.Series(when).groupby(who).max()
    for customer in np.flatnonzero(np.isfinite(left)):
        assert last[customer] == left[customer]


def test_rates_of_active_segments_are_recovered_from_the_orders(large):
    habit = large.truth["orders"].query("origin == 'habit'").order_id
    orders = large.tables["orders"].drop_duplicates("order_id")
    count = orders[orders.order_id.isin(habit)].groupby("customer_id").size()
    truth = large.truth["customers"].set_index("customer_id")
    active = truth[truth.alive]
    for segment, group in active.groupby("segment"):
        expected = (group.rate * group.exposure_weeks).sum()
        # those who are still there bought a little less than lapsed ones would have: only small `leave` is unbiased
        if segment != "lapsed":
            repeats = (count[group.index] - 1).sum()
            assert repeats == pytest.approx(expected, rel=0.02, abs=4 * np.sqrt(expected)), segment


def test_the_first_order_is_the_entry_and_no_habit_order_follows_the_dropout(large):
    habit = large.truth["orders"].query("origin == 'habit'").order_id
    orders = large.tables["orders"]
    orders = orders[orders.order_id.isin(habit)]
    truth = large.truth["customers"].set_index("customer_id")
    times = orders.astype({"customer_id": "int64"}).groupby("customer_id").time.agg(["min", "max"])
    assert (times["min"] == truth.entry).all()
    gone = truth.index[~truth.alive]
    assert (times["max"][gone] == truth.dropout[gone]).all()
    assert truth.dropout[truth.alive].isna().all()


def test_the_share_that_leaves_matches_the_beta_geometric_process(large):
    truth = large.truth["customers"]
    expected = 1 - np.exp(-truth.rate * truth.leave * truth.exposure_weeks)
    spread = np.sqrt((expected * (1 - expected)).sum()) / len(truth)
    assert (~truth.alive).mean() == pytest.approx(expected.mean(), abs=4 * spread)
    shares = truth.groupby("segment").alive.mean()
    assert shares["lapsed"] < 0.01
    assert (shares.drop("lapsed") > 0.9).all()


def test_customer_parameters_have_the_moments_of_their_segment(large):
    truth = large.truth["customers"].groupby("segment")
    stated = large.truth["segments"].set_index("segment")
    for segment, row in stated.iterrows():
        group = truth.get_group(segment)
        assert len(group) == pytest.approx(row.share * 4_000, abs=1)
        assert group.rate.mean() == pytest.approx(row.r / row.alpha, rel=0.05)
        assert group.rate.std() / group.rate.mean() == pytest.approx(row.r**-0.5, rel=0.15)
        assert group.leave.mean() == pytest.approx(row.a / (row.a + row.b), rel=0.5)
        assert group.mean_spend.mean() == pytest.approx(row.p * row.gamma / (row.q - 1), rel=0.06)
        assert group.mean_spend.std() / group.mean_spend.mean() == pytest.approx(
            (row.q - 2) ** -0.5, rel=0.2
        )


def test_lines_add_up_to_the_value_drawn_for_the_order(shop, sold):
    total = sold.groupby("order_id").agg(
        amount=("amount", "sum"), value=("value", "first"), lines=("amount", "size")
    )
    assert ((total.amount - total.value).abs() <= 0.01 * total.lines).all()


def test_mean_spend_is_recovered_and_orders_vary_as_gamma_gamma_says(shop, sold):
    habit = (
        sold[sold.origin == "habit"].groupby(["customer_id", "order_id"]).amount.sum().reset_index()
    )
    truth = shop.truth["customers"].set_index("customer_id")
    ratio = habit.amount / truth.mean_spend[habit.customer_id].to_numpy()
    assert ratio.mean() == pytest.approx(1, abs=4 * ratio.std() / np.sqrt(len(ratio)))
    assert ratio.std() == pytest.approx(6**-0.5, rel=0.03)


@pytest.mark.parametrize("seed", [1, 2])
def test_planted_segments_are_recovered_by_k_means_on_log_rfm(seed):
    simulated = simulate.shop(seed=seed)
    table = np.log1p(rfm(simulated).clip(lower=0))
    scaled = (table - table.mean()) / table.std(ddof=0)
    found = KMeans(5, n_init=10, random_state=0).fit_predict(scaled)
    planted = simulated.truth["customers"].set_index("customer_id").segment[table.index]
    assert adjusted_rand_score(planted, found) >= 0.9


def test_weekday_hour_and_season_follow_the_stated_pattern(large):
    orders = large.tables["orders"].drop_duplicates("order_id")
    orders = orders[orders.time >= orders.time.min() + pd.Timedelta(weeks=40)]
    by_day = orders.time.dt.day_of_week.value_counts(normalize=True).sort_index()
    assert np.allclose(
        by_day * 7, distributions.WEEKDAYS / np.mean(distributions.WEEKDAYS), atol=0.05
    )
    by_hour = (
        orders.time.dt.hour.value_counts(normalize=True)
        .reindex(range(24), fill_value=0)
        .sort_index()
    )
    assert np.allclose(
        by_hour, np.array(distributions.HOURS) / sum(distributions.HOURS), atol=0.005
    )
    calendar = distributions.Calendar(pd.Timestamp("2023-01-02"), 52)
    weekly = calendar.intensity.reshape(52, 7).mean(axis=1)
    assert weekly.argmax() == pytest.approx(distributions.SEASON_PEAK / 7, abs=1)
    assert weekly.max() / weekly.min() == pytest.approx(
        (1 + distributions.SEASON) / (1 - distributions.SEASON), rel=0.01
    )


# --- baskets --------------------------------------------------------------------------------------------------------


def test_planted_pairs_are_bought_together_far_beyond_what_basket_size_explains(shop, sold):
    pairs = shop.truth["pairs"].query("kind == 'pair'")
    assert len(pairs) >= 8
    for row in pairs.itertuples():
        lift, both = lift_beyond_size(sold, row.product_id, row.other_id)
        assert (lift > 3, both > 20) == (True, True), row
        holds = sold.order_id[sold.product_id == row.product_id]
        joined = sold[sold.product_id == row.other_id].order_id.isin(holds).sum() / len(holds)
        assert joined == pytest.approx(row.strength, abs=0.03 + 4 * 0.5 / np.sqrt(len(holds)))


def test_planted_substitutes_are_bought_together_far_less_than_basket_size_explains(large):
    orders = large.tables["orders"]
    bought = orders[orders.quantity > 0]
    substitutes = large.truth["pairs"].query("kind == 'substitute'")
    assert len(substitutes) >= 2
    lifts = [
        lift_beyond_size(bought, row.product_id, row.other_id)[0]
        for row in substitutes.itertuples()
    ]
    assert max(lifts) < 0.7


def test_pairs_that_were_not_planted_are_near_what_basket_size_and_taste_explain(shop, sold):
    planted = set(map(frozenset, shop.truth["pairs"][["product_id", "other_id"]].to_numpy()))
    best = sold.product_id.value_counts().index[:14]
    lifts = [
        lift_beyond_size(sold, one, other)[0]
        for one, other in itertools.combinations(best, 2)
        if frozenset((one, other)) not in planted
    ]
    assert 0.5 < np.median(lifts) < 1.5


def test_a_price_cut_multiplies_lines_by_its_elasticity(large):
    orders = large.tables["orders"].merge(large.truth["orders"], on="order_id")
    orders = orders[orders.origin == "habit"]
    week = (orders.time - pd.Timestamp("2023-01-02")).dt.days // 7
    counts = pd.crosstab(week, orders.product_id)
    truth = large.truth["products"].set_index("product_id").loc[counts.columns]
    partners = large.truth["pairs"].other_id
    depth = large.truth["promotions"].pivot(index="week", columns="product_id", values="discount")
    depth = depth.reindex(index=counts.index, columns=counts.columns).fillna(0)
    plain = counts.where(depth == 0)
    share = plain.sum() / plain.notna().mul(counts.sum(axis=1), axis=0).sum()
    base = np.outer(counts.sum(axis=1), share)
    expected = base * (1 - depth) ** -truth.elasticity.to_numpy()
    kept = ~counts.columns.isin(partners) & (truth.launch_week == 0).to_numpy()
    for cut in catalogue.DEPTHS:
        cells = (depth == cut).to_numpy() & kept
        assert counts.to_numpy()[cells].sum() == pytest.approx(
            expected.to_numpy()[cells].sum(), rel=0.08
        ), cut


def test_discount_is_the_price_cut_of_the_week(sold, shop):
    cuts = shop.truth["promotions"].set_index(["product_id", "week"]).discount
    week = (sold.time - pd.Timestamp("2023-01-02")).dt.days // 7
    depth = cuts.reindex(pd.MultiIndex.from_arrays([sold.product_id, week])).fillna(0).to_numpy()
    assert np.allclose(sold.discount, sold.amount * depth / (1 - depth), atol=0.0051)
    assert (depth > 0).mean() > SETTINGS.promoted


def test_nothing_is_sold_before_its_launch(large):
    launch = large.truth["products"].set_index("product_id").launch_week
    orders = large.tables["orders"]
    week = (orders.time - pd.Timestamp("2023-01-02")).dt.days // 7
    usual = large.truth["orders"].set_index("order_id").origin[orders.order_id] != "return"
    assert (launch > 0).any()
    assert (week[usual.to_numpy()] >= launch[orders.product_id].to_numpy()[usual.to_numpy()]).all()


def test_customers_buy_their_own_favourites_again(shop, sold):
    """The three products bought most make up far more of a regular customer's lines than of all lines."""
    regular = shop.truth["customers"].query("segment == 'champions'").customer_id
    lines = sold[sold.customer_id.isin(regular)]
    top = lines.groupby("customer_id").product_id.agg(
        lambda bought: bought.value_counts(normalize=True)[:3].sum()
    )
    assert top.mean() > 3 * sold.product_id.value_counts(normalize=True)[:3].sum()


def test_tastes_show_in_the_categories_bought(shop, sold):
    category = shop.tables["products"].set_index("product_id").category[sold.product_id].to_numpy()
    taste = shop.truth["customers"].set_index("customer_id").taste
    known = sold.customer_id.notna().to_numpy()
    counts = pd.crosstab(
        taste[sold.customer_id[known]].to_numpy(), category[known], normalize="index"
    )
    loved = counts.idxmax(axis=1)
    stated = shop.truth["tastes"].set_index("taste").idxmax(axis=1)
    assert (loved == stated).all()


def test_anonymous_orders_and_returns_come_at_the_stated_rates(large):
    origin = large.truth["orders"].origin.value_counts()
    assert origin["anonymous"] / origin["habit"] == pytest.approx(SETTINGS.anonymous, abs=0.001)
    assert origin["return"] / origin["habit"] == pytest.approx(SETTINGS.returned, abs=0.002)
    lines = large.tables["orders"].merge(large.truth["orders"], on="order_id")
    assert lines.customer_id.isna().equals(lines.origin == "anonymous")
    assert (lines.quantity < 0).equals(lines.origin == "return")


def test_a_returned_line_was_bought_before_by_the_same_customer(shop, sold):
    orders = shop.tables["orders"]
    back = orders[orders.quantity < 0]
    both = back.merge(sold, on=["customer_id", "product_id"], suffixes=("", "_bought"))
    fits = (both.quantity == -both.quantity_bought) & (both.amount == -both.amount_bought)
    fits &= both.time.between(both.time_bought, both.time_bought + pd.Timedelta(days=22))
    found = both[fits][["order_id", "product_id"]].drop_duplicates()
    assert len(found) == len(back) > 0


# --- campaigns ------------------------------------------------------------------------------------------------------


def test_arms_are_drawn_with_the_logged_probabilities(large):
    contacts = large.tables["contacts"].merge(large.truth["customers"][["customer_id", "segment"]])
    stated = (
        large.truth["campaigns"]
        .set_index(["campaign_id", "segment", "arm"])
        .probability.sort_index()
    )
    groups = contacts.groupby(["campaign_id", "segment"])
    for (campaign, segment), group in groups:
        drawn = group.arm.value_counts(normalize=True)
        for arm, probability in stated[campaign, segment].items():
            room = 4.5 * np.sqrt(probability * (1 - probability) / len(group))
            assert drawn.get(arm, 0) == pytest.approx(probability, abs=room), (
                campaign,
                segment,
                arm,
            )
    keys = pd.MultiIndex.from_frame(contacts[["campaign_id", "segment", "arm"]])
    assert np.allclose(contacts.probability, stated[keys])


def test_only_customers_who_allow_every_channel_are_contacted(shop):
    consent = shop.tables["customers"].set_index("customer_id")
    used = shop.truth["campaigns"].query("arm != 'control'")[["campaign_id", "arm"]]
    for row in used.drop_duplicates().itertuples():
        sent = shop.tables["contacts"].query("campaign_id == @row.campaign_id")
        assert consent[f"consent_{row.arm}"][sent.customer_id].all()
    control = shop.tables["contacts"].query("arm == 'control'")
    assert control.offer_id.isna().all()
    assert (control.cost == 0).all()


def orders_after_contact(shop):
    """Contacts with the number of orders in the 14 days after, counted from the orders table alone."""
    contacts = shop.tables["contacts"].merge(shop.truth["customers"][["customer_id", "segment"]])
    orders = shop.tables["orders"].query("quantity > 0").drop_duplicates("order_id")
    joined = contacts.reset_index().merge(
        orders[["customer_id", "time"]], on="customer_id", suffixes=("", "_order")
    )
    inside = joined.time_order.between(
        joined.time, joined.time + pd.Timedelta(days=14), inclusive="left"
    )
    return contacts.assign(
        orders=joined[inside].groupby("index").size().reindex(contacts.index, fill_value=0)
    )


def test_effects_of_the_arms_are_recovered_from_orders_within_sampling_error(large):
    outcome = orders_after_contact(large)
    cells = outcome.groupby(["campaign_id", "segment", "arm"]).orders.agg(["mean", "var", "size"])
    truth = large.truth["campaigns"].set_index(["campaign_id", "segment", "arm"]).effect
    scores = []
    for key, row in cells.iterrows():
        if key[2] != "control" and row["size"] >= 30:
            control = cells.loc[(*key[:2], "control")]
            error = np.sqrt(row["var"] / row["size"] + control["var"] / control["size"])
            scores.append((row["mean"] - control["mean"] - truth[key]) / max(error, 0.02))
    assert len(scores) > 20
    assert np.mean(np.square(scores)) < 1.6
    assert abs(np.mean(scores)) < 0.6


def test_the_arms_together_bring_orders_beyond_their_sampling_error(large):
    outcome = orders_after_contact(large)
    effect = error = 0.0
    for _, group in outcome.groupby(["campaign_id", "segment"]):
        treated, control = (
            group.orders[group.arm != "control"],
            group.orders[group.arm == "control"],
        )
        if min(len(treated), len(control)) > 1:
            weight = len(group) / len(outcome)
            effect += weight * (treated.mean() - control.mean())
            error += weight**2 * (treated.var() / len(treated) + control.var() / len(control))
    assert effect / np.sqrt(error) > 3


def test_both_outcomes_of_the_truth_add_up_to_the_orders_seen(large):
    outcome = orders_after_contact(large)
    truth = large.truth["contacts"]
    assert (
        outcome.orders.to_numpy() >= (truth.natural_orders + truth.further_orders).to_numpy()
    ).all()
    assert outcome.orders.sum() == pytest.approx(
        (truth.natural_orders + truth.further_orders).sum(), rel=0.01
    )
    assert (truth.further_orders[truth.arm == "control"] == 0).all()


def test_a_naive_comparison_of_the_targeted_campaign_is_biased_and_its_weights_repair_it(large):
    """In C3 the arm depends on the segment: raw means of natural orders differ by arm, weighted ones do not."""
    contacts = large.truth["contacts"].query("campaign_id == 'C3'")
    raw = contacts.groupby("arm").natural_orders.mean()
    assert raw["email"] > 1.2 * raw["control"]
    weighted = {
        arm: np.average(group.natural_orders, weights=1 / group.probability)
        for arm, group in contacts.groupby("arm")
    }
    assert weighted["email"] == pytest.approx(weighted["control"], rel=0.2)


def test_a_coupon_is_redeemed_once_a_contact_by_those_who_got_it_on_a_fitting_product(shop):
    redeemed = shop.tables["responses"].query("kind == 'redeemed'")
    assert len(redeemed) > 20
    assert not redeemed.duplicated(["customer_id", "campaign_id"]).any()
    sent = shop.tables["contacts"].query("arm != 'control'")
    assert len(redeemed.merge(sent, on=["customer_id", "campaign_id", "offer_id"])) == len(redeemed)
    offer = shop.tables["offers"].set_index("offer_id").category[redeemed.offer_id]
    bought = shop.tables["products"].set_index("product_id").category[redeemed.product_id]
    assert (offer.to_numpy() == bought.to_numpy()).all()
    orders = shop.tables["orders"]
    used = orders[orders.coupon_discount > 0]
    assert len(redeemed.merge(used, on=["customer_id", "product_id", "time"])) == len(redeemed)
    assert set(used.order_id) == set(redeemed.merge(orders, on=["customer_id", "time"]).order_id)


# --- people, words, pages -------------------------------------------------------------------------------------------


def test_tied_customers_share_a_taste_as_often_as_the_stated_homophily_says(large):
    taste = large.truth["customers"].set_index("customer_id").taste
    links = large.tables["links"]
    same = (taste[links.customer_id].to_numpy() == taste[links.other_id].to_numpy()).mean()
    tastes, follow = customers.TASTES, SETTINGS.homophily
    inside = follow**2 + (1 - follow**2) / tastes
    circle = large.truth["customers"].set_index("customer_id").circle
    within = (circle[links.customer_id].to_numpy() == circle[links.other_id].to_numpy()).mean()
    assert same == pytest.approx(within * inside + (1 - within) / tastes, abs=0.04)
    assert same > 2 * (taste.value_counts(normalize=True) ** 2).sum()
    assert within == pytest.approx(SETTINGS.closure, abs=0.05)


def test_links_have_both_directions_and_no_customer_is_tied_to_itself(shop):
    links = shop.tables["links"]
    forth = set(zip(links.customer_id, links.other_id, links.weight, strict=True))
    back = set(zip(links.other_id, links.customer_id, links.weight, strict=True))
    assert forth == back
    assert (links.customer_id != links.other_id).all()


def test_friends_buy_more_of_the_same_products_than_strangers(shop, sold):
    bought = sold.dropna(subset="customer_id").groupby("customer_id").product_id.agg(set)
    links = shop.tables["links"].query("customer_id < other_id")
    rng = np.random.default_rng(0)
    strangers = rng.permutation(links.other_id.to_numpy())

    def common(one, other):
        return np.mean(
            [
                len(bought[a] & bought[b]) / len(bought[a] | bought[b])
                for a, b in zip(one, other, strict=True)
            ]
        )

    assert common(links.customer_id, links.other_id) > 1.5 * common(links.customer_id, strangers)


def test_stars_follow_quality_and_opinion_words_follow_stars(large):
    reviews = large.tables["reviews"]
    by_product = reviews.groupby("product_id").rating.agg(["mean", "size"]).query("size >= 30")
    quality = large.truth["products"].set_index("product_id").quality[by_product.index]
    assert np.corrcoef(by_product["mean"], quality)[0, 1] > 0.95
    text = reviews.text.str.lower()
    for row in large.truth["opinions"].itertuples():
        stars = reviews.rating[text.str.contains(row.word, regex=False)]
        assert len(stars) > 5, row
        assert (
            (stars >= 4)
            if row.polarity > 0
            else (stars == 3)
            if row.polarity == 0
            else (stars <= 2)
        ).all(), row


def test_reviews_come_in_english_and_chinese_at_the_stated_share_and_survive_utf_8(large):
    reviews = large.tables["reviews"]
    chinese = reviews.text.str.contains(r"[\u4e00-\u9fff]")
    language = large.truth["customers"].set_index("customer_id").language[reviews.customer_id]
    assert (chinese.to_numpy() == (language == "zh").to_numpy()).all()
    assert 0.2 < chinese.mean() < 0.4
    assert reviews.text.str.encode("utf-8").str.decode("utf-8").equals(reviews.text)
    assert large.tables["products"].name.str.contains(r"[\u4e00-\u9fff]").mean() > 0.2


def test_a_review_follows_a_purchase_of_the_product(shop, sold):
    first = sold.groupby(["customer_id", "product_id"]).time.min()
    reviews = shop.tables["reviews"]
    bought = first[pd.MultiIndex.from_frame(reviews[["customer_id", "product_id"]])]
    assert (reviews.time.to_numpy() > bought.to_numpy()).all()


def test_survey_scores_stay_on_their_scale_and_rank_segments_as_planted(large):
    surveys = large.tables["surveys"].merge(large.truth["customers"][["customer_id", "segment"]])
    asked = surveys[surveys.question == "recommend"]
    assert len(asked) / 4_000 == pytest.approx(SETTINGS.answering, abs=0.03)
    scores = asked.groupby("segment").score.mean()
    stated = large.truth["segments"].set_index("segment").promoter
    assert list(scores.sort_values().index) == list(stated.sort_values().index)
    limits = surveys.groupby("question").score.agg(["min", "max"])
    assert (limits["min"] >= [0, 1]).all()
    assert limits["max"].tolist() == [10, 5]


def test_every_online_order_ends_a_visit_in_which_its_products_were_seen_and_put_into_the_cart(
    shop, sold
):
    events = shop.tables["events"]
    bought = sold[(sold.channel == "online") & sold.customer_id.notna()]
    ends = events[events.event == "purchase"]
    assert len(ends) == bought.order_id.nunique()
    customer = events[["session_id", "customer_id", "product_id", "event"]].dropna()
    end = customer.merge(ends[["session_id", "time"]], on="session_id")
    wanted = bought[["customer_id", "time", "product_id"]].drop_duplicates()
    for event in ("view", "cart"):
        seen = end[end.event == event][["customer_id", "time", "product_id"]].drop_duplicates()
        assert len(wanted.merge(seen)) == len(wanted), event


def test_visits_convert_at_the_stated_rate_and_some_are_anonymous(large):
    steps = large.tables["events"].assign(buys=lambda rows: rows.event == "purchase")
    visits = steps.groupby("session_id").agg(bought=("buys", "any"), known=("customer_id", "count"))
    assert visits.bought.mean() == pytest.approx(1 / (1 + SETTINGS.browsing), abs=0.01)
    assert (visits.known[~visits.bought] == 0).mean() == pytest.approx(
        1 - activity.SIGNED_IN, abs=0.01
    )


# --- arguments ------------------------------------------------------------------------------------------------------


def test_arguments_outside_their_range_are_all_named_at_once():
    with pytest.raises(TableError) as error:
        simulate.shop(customers=3, products=10**9, weeks="many", start="soon", seed=-1)
    for name in (
        "customers = 3",
        "products = 1000000000",
        "weeks = 'many'",
        "start = 'soon'",
        "seed = -1",
    ):
        assert name in str(error.value)


@pytest.mark.parametrize(
    "arguments", [{"customers": 10}, {"products": 40}, {"weeks": 26}, {"start": "2024-02-29"}]
)
def test_the_smallest_shops_have_every_table(arguments):
    simulated = simulate.shop(**{"customers": 50, "weeks": 30, **arguments})
    assert all(len(frame) for frame in simulated.tables.values())


@given(
    weights=st.lists(st.lists(st.integers(0, 5), min_size=3, max_size=3), min_size=1, max_size=4)
)
@settings(max_examples=30, deadline=None)
def test_pick_never_draws_what_has_no_weight(weights):
    table = np.array(weights, dtype=float)
    table[table.sum(axis=1) == 0] = 1
    rows = np.repeat(np.arange(len(table)), 200)
    drawn = distributions.pick(distributions.running(table), rows, np.random.default_rng(0))
    assert (table[rows, drawn] > 0).all()
