"""Trials: judged on later days, told apart from chance."""

import pandas as pd
import pytest

import personalize as pz
from personalize.evaluate import ranking, ranking_of_hits, time_split
from personalize.recommenders import (
    TIFU,
    Content,
    History,
    ItemKNN,
    PersonalFrequency,
    Reorder,
    Social,
    Trial,
    periods,
)
from personalize.tables import TableError
from tests.recommenders.shops import shop


@pytest.fixture(scope="module")
def board(trial):
    return trial.compare({"neighbours": TIFU(neighbours=5), "products": ItemKNN()})


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
    assert judged.newcomers.customer_id.nunique() == 1
    assert judged.candidates.tolist() == [5, 6, 7], "what was never sold by the cut cannot be named"
    assert judged.purchases().products.tolist() == [1, 1, 1]
    assert judged.compare({}, repeat="new").unseen == 0.5


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


def test_a_trial_from_one_history_is_the_trial_read_from_the_tables(tables):
    split = pz.evaluate.time_split(tables, cut="2024-02-20", until="2024-03-10")
    read = Trial.load(split, candidates=range(18))
    cut = Trial.load(split, history=History.load(tables, as_of="2024-03-31"), candidates=range(18))
    pd.testing.assert_frame_equal(read.truth, cut.truth)
    assert list(read.candidates) == list(cut.candidates)
    models = {"reorder": Reorder(), "neighbours": TIFU(neighbours=5)}
    pd.testing.assert_frame_equal(read.compare(models).table(), cut.compare(models).table())


def test_recall_of_the_known_and_of_the_new_is_counted_for_each_customer(trial, board):
    model = board.models["neighbours"]
    lists = model.recommend(trial.truth.customer_id.unique(), 5, candidates=trial.candidates)
    hit = trial.truth.merge(lists, on=["customer_id", "product_id"], how="left")["rank"].notna()
    shares = hit.groupby([trial.truth.kind == "again", trial.truth.customer_id]).mean()
    row = board.row("neighbours")
    assert row.recall_again == pytest.approx(shares[True].mean())
    assert row.recall_new == pytest.approx(shares[False].mean())


def test_scores_of_hits_are_the_scores_of_the_lists(trial, board):
    lists = board.models["products"].recommend(
        trial.truth.customer_id.unique(), 5, candidates=trial.candidates
    )
    direct = ranking(lists, trial.truth, 5)
    scored = board.scores[board.scores.model == "products"].reset_index(drop=True)
    pd.testing.assert_frame_equal(scored[list(direct.columns)], direct)
    assert ranking_of_hits([1], [3], [], [], k=5).ndcg[0] == 0


def test_newcomers_are_served_by_their_friends_or_by_popularity():
    rows = [(1, 5, 1), (2, 5, 1), (3, 6, 1), (4, 6, 1), (4, 5, 1), (7, 6, 9), (8, 5, 9), (8, 6, 9)]
    links = pd.DataFrame({"customer_id": [7], "other_id": [3]})
    trial = Trial.load(time_split(shop(rows, links=links), cut="2024-01-05"), k=1).of_newcomers()
    board = trial.compare({"friends": Social(), "products": ItemKNN(min_support=1)})
    assert board.customers == 2
    assert board.row("products").ndcg == board.row("most popular").ndcg == 0.5
    assert board.row("friends").ndcg == 1


def test_launches_are_told_apart_by_their_words_alone():
    text = pd.DataFrame(
        {
            "product_id": range(4, 9),
            "text": ["green tea", "motor oil", "black tea", "oil", "red tea"],
        }
    )
    rows = [(1, 4, 1), (2, 5, 1), (1, 8, 9), (2, 7, 9), (1, 4, 9)]
    trial = Trial.load(time_split(shop(rows, products=text), cut="2024-01-05"), k=1).of_launches()
    assert trial.candidates.tolist() == [6, 7, 8]
    board = trial.compare(
        {"words": Content(min_products=1), "products": ItemKNN(min_support=1)}, repeat="new"
    )
    assert board.customers == 2
    assert board.row("words").ndcg == pytest.approx(1.0 if board.row("words").hit == 1 else 0.5)
    assert board.row("most popular").ndcg == 0


def test_lists_of_ones_own_are_judged_beside_models(trial):
    personal = PersonalFrequency().fit_history(trial.history)
    lists = personal.recommend(k=9, candidates=trial.candidates)
    mine = lists[["customer_id", "rank", "product_id"]].sample(frac=1, random_state=0)
    board = trial.compare({"mine": mine, "products": ItemKNN()})
    pd.testing.assert_series_equal(
        board.row("mine").drop("verdict"),
        board.row("personal frequency").drop("verdict"),
        check_names=False,
    )
    assert board.row("mine").verdict == "do not: not better than personal frequency"


def test_a_list_can_be_what_models_have_to_beat(trial):
    perfect = trial.truth.assign(rank=trial.truth.groupby("customer_id").cumcount() + 1)
    board = trial.compare({"products": ItemKNN()}, baselines={"last year's": perfect})
    assert board.baseline == "last year's"
    assert board.row("products").verdict == "do not: worse than last year's"


def test_a_list_without_a_column_is_refused_with_what_it_lacks(trial):
    with pytest.raises(TableError, match=r"'mine' is a DataFrame without \['product_id', 'rank'\]"):
        trial.compare({"mine": trial.truth[["customer_id"]]})
    with pytest.raises(
        TableError, match="'mine' is a str without .* give a recommender, or a table"
    ):
        trial.compare({"mine": "a model"})
