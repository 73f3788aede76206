"""Trials, scoreboards, blends and slates: judged on later days, told apart from chance."""

import numpy as np
import pandas as pd
import pytest

import personalize as pz
from personalize.evaluate import ranking, time_split
from personalize.recommenders import (
    EASE,
    Content,
    History,
    Hybrid,
    ItemKNN,
    MostPopular,
    PersonalFrequency,
    Trial,
    alpha_curve,
    compare,
    most_named,
    periods,
    saleable,
    slates,
)
from personalize.tables import TableError

CUT = "2024-02-29"


def loyal_shop(customers: int = 60, seed: int = 0) -> "pz.tables.Tables":
    """Customers who buy three favourites of 20 again and again, a pair of products always together, and noise."""
    rng = np.random.default_rng(seed)
    rows = []
    for customer in range(customers):
        favourites = rng.choice(20, 3, replace=False)
        for day in range(0, 91, 6):
            rows += [(customer, p, day) for p in rng.choice(favourites, 2, replace=False)]
            rows.append((customer, rng.integers(0, 20), day))
    frame = pd.DataFrame(rows, columns=["customer_id", "product_id", "day"])
    frame["order_id"] = frame.groupby(["customer_id", "day"]).ngroup()
    frame["time"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(frame.pop("day"), unit="D")
    products = pd.DataFrame(
        {
            "product_id": range(25),
            "name": [f"Thing {i}" for i in range(25)],
            "department": ["FOOD"] * 18 + ["FUEL"] * 7,
            "category": [f"group {i % 5}" for i in range(25)],
        }
    )
    return pz.load({"orders": frame.assign(quantity=1, amount=1.0), "products": products})


@pytest.fixture(scope="module")
def tables():
    return loyal_shop()


@pytest.fixture(scope="module")
def trial(tables):
    return Trial.load(time_split(tables, cut=CUT), k=5)


@pytest.fixture(scope="module")
def board(trial):
    models = {"neighbours": ItemKNN(), "the same": PersonalFrequency(), "words": Content()}
    return trial.compare(models | {"twins": EASE(max_memory_mb=1e-6)})


def test_a_trial_sorts_what_came_next_into_again_new_and_unseen():
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta([0, 0, 1, 8, 8, 8, 8], unit="D")
    orders = pd.DataFrame(
        {
            "customer_id": [1, 1, 2, 1, 1, 1, 3],
            "product_id": [5, 6, 7, 5, 7, 8, 5],
            "order_id": [1, 1, 2, 3, 3, 3, 4],
            "time": days,
            "quantity": 1,
            "amount": 1.0,
        }
    )
    judged = Trial.load(time_split(pz.load({"orders": orders}), cut="2024-01-05"))
    assert judged.truth.set_index("product_id").kind.to_dict() == {
        5: "again",
        7: "new to the customer",
        8: "new in the shop",
    }
    assert judged.strangers == 1
    assert judged.candidates.tolist() == [5, 6, 7], "what was never sold by the cut cannot be named"
    assert judged.purchases().products.tolist() == [1, 1, 1]
    assert judged.compare({}, repeat="new").unseen == 0.5


def test_the_scoreboard_scores_what_the_models_recommend(tables, trial, board):
    model = PersonalFrequency().fit(tables, as_of=CUT)
    lists = model.recommend(k=5, candidates=trial.candidates)
    direct = ranking(lists, trial.truth, k=5)
    assert board.row("personal frequency").ndcg == pytest.approx(direct.ndcg.mean())
    assert board.row("personal frequency").recall == pytest.approx(direct.recall.mean())


def test_verdicts_compare_with_the_better_baseline_on_the_same_customers(board):
    table = board.table().set_index("model")
    assert board.baseline == "personal frequency"
    assert table.verdict["most popular"] == "baseline"
    assert table.verdict["the same"] == "do not: not better than personal frequency"
    assert table.difference["the same"] == 0
    assert table.verdict["neighbours"] == "do not: worse than personal frequency"
    assert board.choice == "personal frequency"
    assert "No model is shown to be better than **personal frequency**" in board.reading


def test_a_better_model_is_chosen_with_its_gain(trial):
    class Oracle(PersonalFrequency):
        def _score(self, want):
            scores = super()._score(want).tolil()
            for place, customer in enumerate(want.customers):
                for product in trial.truth[trial.truth.customer_id == customer].product_id:
                    scores[place, self.history_.product_number([product])[0]] = 1000
            return scores.tocsr()

    board = trial.compare({"oracle": Oracle(), "neighbours": ItemKNN()})
    assert board.choice == "oracle"
    assert board.row("oracle").ndcg == pytest.approx(1)
    assert board.row("oracle").verdict == "use it"
    assert board.reading.startswith("Use **oracle**: NDCG@5 1.000")


def test_a_model_that_cannot_learn_is_named_with_its_reason(board):
    assert board.refused.model.tolist() == ["twins"]
    assert "**twins** (EASE over" in board.left_out


def test_reach_tells_what_the_lists_contain(board, trial):
    table = board.table().set_index("model")
    assert table.coverage["most popular"] == pytest.approx(5 / len(trial.candidates))
    assert table.repeats["personal frequency"] > table.repeats["most popular"]
    assert 0 < table.familiar["most popular"] <= 1


def test_groups_by_history_hold_every_customer_once_and_hide_small_ones(board):
    groups = board.by_history("personal frequency", groups=3, min_cell=1)
    assert groups.customers.sum() == board.customers
    assert board.by_history("personal frequency", min_cell=1000).empty
    assert np.average(groups.ndcg, weights=groups.customers) == pytest.approx(
        board.row("personal frequency").ndcg
    )


def test_candidates_restrict_lists_and_truth_alike(tables):
    food = saleable(tables, exclude_departments=["FUEL", "no such name"])
    assert food.tolist() == list(range(18))
    trial = Trial.load(time_split(tables, cut=CUT), candidates=food)
    assert trial.truth.product_id.max() < 18
    assert set(trial.candidates) <= set(food)


def test_a_source_without_departments_excludes_nothing():
    orders = loyal_shop().orders.to_pandas()
    assert saleable(pz.load({"orders": orders}), exclude_departments=["FUEL"]) is None


def test_nothing_to_discover_gives_an_empty_board_that_still_speaks():
    rows = [(c, p, d) for c in (1, 2) for p in (5, 6) for d in (1, 20)]
    frame = pd.DataFrame(rows, columns=["customer_id", "product_id", "day"])
    time = pd.Timestamp("2024-01-01") + pd.to_timedelta(frame.pop("day"), unit="D")
    tables = pz.load({"orders": frame.assign(time=time, order_id=range(8), quantity=1, amount=1.0)})
    board = compare({"similar": ItemKNN()}, time_split(tables, cut="2024-01-10"), repeat="new")
    assert (board.customers, board.choice) == (0, "most popular")
    assert board.table().empty
    assert "nothing to find" in board.reading
    assert np.isnan(board.mean("most popular").estimate)


def test_days_without_orders_around_the_cut_do_no_harm():
    rows = [(c, p, d) for c in (1, 2, 3) for p in (5, 6) for d in (0, 30)]
    frame = pd.DataFrame(rows, columns=["customer_id", "product_id", "day"])
    time = pd.Timestamp("2024-01-01") + pd.to_timedelta(frame.pop("day"), unit="D")
    tables = pz.load(
        {"orders": frame.assign(time=time, order_id=range(12), quantity=1, amount=1.0)}
    )
    days = periods(tables, test_weeks=9)
    assert days.days == 31 // 5
    board = Trial.load(days.judge).compare({"similar": ItemKNN()})
    assert board.customers == 3


# --- periods -----------------------------------------------------------------------------------------------


def test_periods_follow_each_other_without_gap_or_overlap(tables):
    days = periods(tables, test_weeks=2)
    table = days.table()
    assert table.period.tolist() == ["history", "choose", "judge"]
    assert (
        table.first_day.iloc[1:].to_numpy() - table.last_day.iloc[:-1].to_numpy()
        == np.timedelta64(1, "D")
    ).all()
    assert table.days.tolist()[1:] == [14, 14]
    assert (table.first_day[0], table.last_day[2]) == (tables.start, tables.end)
    assert days.tune.test.end <= days.judge.cut < days.judge.test.start


def test_as_of_hides_later_days_from_every_period(tables):
    days = periods(tables, as_of="2024-02-15", test_weeks=1)
    assert days.as_of == pd.Timestamp("2024-02-15")
    assert days.judge.test.orders.to_pandas().time.max() < pd.Timestamp("2024-02-16")


def test_impossible_periods_are_refused(tables):
    with pytest.raises(TableError, match="test_weeks = 0 and 91 day"):
        periods(tables, test_weeks=0)
    with pytest.raises(TableError, match="3 day"):
        periods(tables, as_of="2024-01-03")


# --- blends ------------------------------------------------------------------------------------------------


def test_the_alpha_curve_scores_the_hybrid_itself_and_ends_at_zero_gain(trial):
    curve = alpha_curve(PersonalFrequency(), ItemKNN(), trial=trial, alphas=(0, 0.5))
    assert curve.points.alpha.tolist() == [0, 0.5, 1]
    assert curve.points.difference.iloc[-1] == 0
    board = trial.compare(
        {"half": Hybrid(PersonalFrequency(), ItemKNN(), alpha=0.5), "second": ItemKNN()}
    )
    assert curve.points.ndcg[1] == pytest.approx(board.row("half").ndcg)
    assert curve.points.ndcg[0] == pytest.approx(board.row("second").ndcg)
    assert curve.best == curve.points.alpha[curve.points.ndcg == curve.points.ndcg.max()].max()


def test_equal_weights_go_to_the_first_model_alone(trial):
    assert alpha_curve(MostPopular(), MostPopular(), trial=trial, alphas=(0.2, 0.8)).best == 1


def test_a_second_model_that_cannot_learn_leaves_weight_one(trial):
    curve = alpha_curve(PersonalFrequency(), EASE(max_memory_mb=1e-6), trial=trial)
    assert curve.best == 1
    assert curve.points.empty
    assert "EASE over" in curve.note


# --- slates ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def both(tables):
    return slates(
        PersonalFrequency(), ItemKNN(), history=History.load(tables, as_of="2024-03-31"), k=4
    )


def test_slates_hold_what_was_bought_and_what_was_not_each_ranked_from_one(tables, both):
    bought = set(
        tables.orders.to_pandas()[["customer_id", "product_id"]].itertuples(index=False, name=None)
    )
    known = [
        pair in bought
        for pair in both[["customer_id", "product_id"]].itertuples(index=False, name=None)
    ]
    assert (both.slate == np.where(known, "buy again", "discover")).all()
    for _, part in both.groupby(["customer_id", "slate"]):
        assert part["rank"].tolist() == list(range(1, len(part) + 1))
    assert both.groupby(["customer_id", "slate"]).size().max() == 4


def test_the_products_named_most_are_counted_named_and_large_enough(tables, both):
    history = History.load(tables, as_of="2024-03-31")
    table = most_named(both, history, slate="buy again", top=5, min_cell=10)
    assert len(table) == 5
    assert table.customers.is_monotonic_decreasing
    assert table["product"].str.startswith("Thing ").all()
    top = both[both.slate == "buy again"].product_id.value_counts()
    assert table.customers.iloc[0] == top.iloc[0]
    assert table.share.iloc[0] == pytest.approx(top.iloc[0] / both.customer_id.nunique())
    assert most_named(both, history, slate="buy again", min_cell=1000).empty


def test_familiar_means_bought_from_the_narrowest_group_before():
    products = pd.DataFrame(
        {
            "product_id": [5, 6, 7, 8],
            "category": ["drinks", "drinks", "tools", None],
            "subcategory": [None] * 4,
        }
    )
    products.loc[0, "subcategory"] = products.loc[1, "subcategory"] = "tea"
    orders = pd.DataFrame(
        {"customer_id": [1, 2, 2, 2], "product_id": [5, 6, 7, 8], "order_id": [1, 2, 2, 2]}
    )
    orders = orders.assign(time=pd.Timestamp("2024-01-01"), quantity=1, amount=1.0)
    history = History.load(pz.load({"orders": orders, "products": products}), as_of="2024-01-01")
    assert history.familiar(np.array([0, 0, 0, 1, -1]), np.array([1, 2, 3, 3, 0])).tolist() == [
        True,
        False,
        False,
        False,
        False,
    ]


def test_novelty_speaks_of_familiar_groups_only_where_groups_are_known(trial, tables):
    assert (
        "of a group that the customer already buys from" in trial.compare({}, repeat="new").novelty
    )
    bare = Trial.load(time_split(pz.load({"orders": tables.orders.to_pandas()}), cut=CUT))
    assert bare.compare({}, repeat="new").novelty.endswith("can reach it.")
