"""What lists contain, how groups fare, and the two ways to fool oneself."""

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
    PersonalFrequency,
    Social,
    Trial,
    UserKNN,
    random_split,
    saleable,
    sampled_ranks,
)
from personalize.recommenders.reach import gini, reach
from personalize.tables import TableError
from tests.test_recommenders_models import BASKETS, shop
from tests.test_recommenders_trial import loyal_shop

CUT = "2024-02-29"


@pytest.fixture(scope="module")
def tables():
    return loyal_shop()


@pytest.fixture(scope="module")
def trial(tables):
    return Trial.load(time_split(tables, cut=CUT), k=5)


@pytest.fixture(scope="module")
def board(trial):
    return trial.compare({"neighbours": TIFU(neighbours=5), "products": ItemKNN()})


# --- what lists contain ------------------------------------------------------------------------------------


def lists_of(history, pairs):
    row, col = (np.array(numbers) for numbers in zip(*pairs, strict=True))
    pair = history.find(row, col)
    return pd.DataFrame({"_place": row, "_row": row, "_col": col, "_pair": pair})


def test_reach_of_two_lists_by_hand():
    groups = pd.DataFrame({"product_id": [5, 6, 7, 8], "category": ["tea", "tea", "oil", None]})
    history = History.load(
        shop([(1, 5, 1), (2, 5, 1), (2, 6, 1), (2, 7, 1)], products=groups), as_of="2024-01-01"
    )
    found = reach(lists_of(history, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 2)]), history, 4)
    assert found["coverage"] == 3 / 4
    assert found["repeats"] == 3 / 5
    assert found["popularity"] == pytest.approx((1 + 0.5 + 0.5 + 1 + 0.5) / 5)
    assert found["novelty"] == pytest.approx((0 + 1 + 1 + 0 + 1) / 5)
    assert found["diversity"] == pytest.approx((2 / 3 + 1) / 2), (
        "one of three pairs is tea with tea"
    )
    assert found["familiar"] == 1 / 2, "customer 1 knows tea, not oil"
    assert found["gini"] == pytest.approx(gini(np.array([2, 1, 2]), 4))


def test_gini_is_the_mean_difference_of_two_products_over_twice_the_mean():
    shown = np.array([3, 1, 6])
    every = np.r_[shown, 0, 0]
    assert gini(shown, 5) == pytest.approx(
        np.abs(every[:, None] - every).mean() / (2 * every.mean())
    )


def test_no_list_has_no_reach():
    history = History.load(shop([(1, 5, 1)]), as_of="2024-01-01")
    found = reach(lists_of(history, [(0, 0)]).iloc[:0], history, 4)
    assert found["coverage"] == 0
    assert np.isnan(found["gini"])


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


# --- groups ------------------------------------------------------------------------------------------------


def test_segments_given_as_a_table_are_scored_apart_and_small_ones_hidden(board):
    customers = board.scores.customer_id.unique()
    segments = pd.DataFrame({"customer_id": customers, "city": np.where(customers < 5, "B", "A")})
    segments.loc[segments.customer_id == 59, "city"] = None
    table = board.by_segment("neighbours", segments, min_cell=1)
    assert table.segment.tolist() == ["A", "B"]
    assert table.customers.tolist() == [54, 5]
    own = board.scores[(board.scores.model == "neighbours") & (board.scores.customer_id < 5)]
    assert table.ndcg[1] == pytest.approx(own.ndcg.mean())
    assert (table.difference - (table.ndcg - table.baseline)).abs().max() < 1e-12
    assert board.by_segment("neighbours", segments, min_cell=10).segment.tolist() == ["A"]


def test_segments_of_another_form_are_refused(board):
    twice = pd.DataFrame({"customer_id": [1, 1], "city": ["A", "B"]})
    for wrong in (twice, twice.iloc[:1].assign(country="X"), twice[["customer_id"]].iloc[:1]):
        with pytest.raises(
            TableError, match="give customer_id and one more column, one row a customer"
        ):
            board.by_segment("neighbours", wrong)


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


# --- two ways to fool oneself --------------------------------------------------------------------------------


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
    """Tastes that change from one half of the days to the other: known only to whom has seen both."""
    rng = np.random.default_rng(0)
    rows = [(c, p, d) for c in range(60) for p in range(12) for d in (1, 25)
            if (p % 4 == (c + (d > 20)) % 4) and rng.random() < 0.8]  # fmt: skip
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


# --- use ---------------------------------------------------------------------------------------------------


def test_similar_products_and_baskets_use_the_weights_of_the_model():
    model = ItemKNN(min_support=2, shrink=3).fit(shop(BASKETS), as_of="2024-01-01")
    near = model.similar([5, 99], k=2)
    assert near.product_id.tolist() == [5, 5], "an unknown product has no row"
    assert near.similar_id.tolist() == [6, 7]
    assert near.score.tolist() == pytest.approx([2 / (np.sqrt(8) + 3), 1 / (np.sqrt(8) + 3)])
    basket = model.for_basket([5, 8, 99], k=9).set_index("product_id").score
    assert basket.index.tolist() == [6, 7] or basket.index.tolist() == [7, 6]
    assert basket[7] == pytest.approx(1 / (np.sqrt(8) + 3) + 1 / (2 + 3))
    assert model.for_basket([99]).empty


def test_groups_let_what_is_beyond_the_cap_speak():
    rows = [(c, p, 1) for c in range(10) for p in (0, 10 + c)]  # one tea each, and product 0
    rows += [(c, p, 1) for c in range(10, 20) for p in (1, 30 + c)] + [(50, 99, 1)]
    names = [*range(10, 20), 99, *range(40, 50), 0, 1]
    groups = pd.DataFrame(
        {"product_id": names, "category": ["tea"] * 11 + ["oil"] * 10 + ["jam"] * 2}
    )
    tables = shop(rows, products=groups)
    for weight, product, said in ((0.5, 0, True), (0, 0, False)):
        top = (
            EASE(l2=1, max_items=2, group_weight=weight)
            .fit(tables, as_of="2024-01-01")
            .recommend([50], k=1)
        )
        assert (top.product_id[0], top.score[0] > 0) == (product, said)


def test_customers_near_in_principal_components_need_no_common_product():
    rows = [(1, 5, 1), (2, 6, 1), (2, 8, 1)] + [(c, p, 1) for c in range(10, 20) for p in (5, 6)]
    rows += [(c, p, 1) for c in range(30, 40) for p in (11, 12)]
    nearest = UserKNN(neighbours=11, half_life_weeks=None, components=2).fit(
        shop(rows), as_of="2024-01-01"
    )
    exact = UserKNN(neighbours=11, half_life_weeks=None).fit(shop(rows), as_of="2024-01-01")
    assert nearest.recommend([1], repeat="new").set_index("product_id").score[8] > 0
    assert exact.recommend([1], repeat="new").set_index("product_id").score[8] == 0


def test_lists_can_be_limited_to_categories_and_to_running_offers(tables):
    assert saleable(tables, exclude_departments=["FUEL"], categories=["group 1"]).tolist() == [
        1,
        6,
        11,
        16,
    ]
    offers = pd.DataFrame({
        "offer_id": [1, 2, 3], "kind": "coupon", "product_id": [4, 5, None], "category": [None, None, "group 2"],
        "start": pd.to_datetime(["2024-01-01", "2024-03-01", "2024-02-01"]), "end": pd.to_datetime(["2024-02-01"] * 3),
    }).astype({"product_id": "Int64"})  # fmt: skip
    shop_with = pz.load(
        {
            "orders": tables.orders.to_pandas(),
            "products": tables.products.to_pandas(),
            "offers": offers,
        }
    )
    on_offer = saleable(shop_with, exclude_departments=["FUEL"], offered_on="2024-02-01")
    assert on_offer.tolist() == [2, 4, 7, 12, 17]
    lists = PersonalFrequency().fit(shop_with, as_of=CUT).recommend(k=3, candidates=on_offer)
    assert set(lists.product_id) <= {2, 4, 7, 12, 17}
    with pytest.raises(TableError, match="none of 25 products is left"):
        saleable(shop_with, categories=["no such"])
    with pytest.raises(TableError, match="no categories"):
        saleable(pz.load({"orders": tables.orders.to_pandas()}), categories=["tea"])
    with pytest.raises(TableError, match="has no table 'offers'"):
        saleable(tables, offered_on="2024-02-01")
