"""Trials: judged on later days, told apart from chance, and two ways to fool oneself."""

import itertools

import numpy as np
import pandas as pd
import pytest

import personalize as pz
from personalize.evaluate import ranking, ranking_of_hits, time_split
from personalize.recommenders import (
    EASE,
    TIFU,
    Content,
    History,
    ItemKNN,
    MostPopular,
    Reorder,
    Social,
    Trial,
    periods,
    random_split,
    sampled_ranks,
)
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


def test_a_random_split_hides_pairs_of_all_days_and_teaches_the_others(tables):
    history = History.load(tables, as_of="2024-03-31")
    leaking = random_split(history, share=0.3, k=5, seed=3)
    hidden = set(leaking.truth[["customer_id", "product_id"]].itertuples(index=False, name=None))
    left = leaking.history
    taught = set(zip(left.customers[left.row], left.products[left.col], strict=True))
    every = set(zip(history.customers[history.row], history.products[history.col], strict=True))
    assert not hidden & taught
    assert hidden | taught == every
    assert len(hidden) / len(every) == pytest.approx(0.3, abs=0.05)
    assert set(leaking.truth.kind) <= {"new to the customer", "new in the shop"}
    assert len(random_split(history, share=0.3, seed=4).truth) != len(leaking.truth)


def test_a_random_split_flatters(tables):
    """Tastes that change half-way: known only to whom has seen both halves."""
    rng = np.random.default_rng(0)
    rows = []
    for c, p, d in itertools.product(range(60), range(12), (1, 25)):
        if p % 4 == (c + (d > 20)) % 4 and rng.random() < 0.8:
            rows.append((c, p, d))
    shifting = shop(rows)
    honest = Trial.load(time_split(shifting, cut="2024-01-10"), k=3)
    leaking = random_split(History.load(shifting, as_of="2024-01-25"), k=3)
    scores = [
        t.compare({"ease": EASE(l2=10)}, repeat="new").row("ease").ndcg for t in (leaking, honest)
    ]
    assert scores[0] > 1.5 * scores[1]


def test_against_a_sample_everything_looks_better_and_against_all_it_is_the_hit_rate(trial, board):
    names = {"most popular": MostPopular(), "products": ItemKNN()}
    fitted = {name: model.fit_history(trial.history) for name, model in names.items()}
    table = sampled_ranks(fitted, trial, repeat="allow", negatives=3).set_index("model")
    assert table.sampled.tolist() == [1, 1], "among 1 + 3 products the first 5 are all"
    lists = fitted["products"].recommend(
        trial.truth.customer_id.unique(), 5, candidates=trial.candidates
    )
    hit = trial.truth.merge(lists, on=["customer_id", "product_id"], how="left")["rank"].notna()
    known = trial.truth.product_id.isin(trial.candidates)
    assert table.full["products"] == pytest.approx(hit[known].mean())
    wide = sampled_ranks(fitted, trial, repeat="new", negatives=10).set_index("model")
    assert (wide.sampled >= wide.full).all()
