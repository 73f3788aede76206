"""Time splits, ranking metrics and bootstrap intervals: hand-made cases, properties, a published table."""

import gzip
import os
from math import log2
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import personalize as pz
from personalize.evaluate import bootstrap_mean, definitions, paired_bootstrap, ranking, time_split
from personalize.tables import TableError

DATA = Path(os.environ.get("PERSONALIZE_DATA", Path(__file__).parents[2] / "shared" / "data"))
ML_100K = DATA / "ml-100k" / "u.data.gz"


def lists(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["customer_id", "rank", "product_id"])


def pairs(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["customer_id", "product_id"])


# --- ranking -----------------------------------------------------------------------------------------------


def test_ranking_of_a_hand_computed_list():
    result = ranking(
        lists([(1, 1, "a"), (1, 2, "b"), (1, 3, "c"), (2, 1, "x"), (2, 2, "a"), (4, 1, "a")]),
        pairs([(1, "a"), (1, "c"), (1, "d"), (1, "d"), (2, "b"), (3, "a")]),
        k=3,
    ).set_index("customer_id")
    assert list(result.index) == [1, 2, 3], "one row a customer with something to find"
    ideal = 1 + 1 / log2(3) + 1 / log2(4)
    assert result.loc[1].to_dict() == pytest.approx(
        {
            "ndcg": (1 + 1 / log2(4)) / ideal,
            "recall": 2 / 3,
            "precision": 2 / 3,
            "average_precision": (1 / 1 + 2 / 3) / 3,
            "hit": 1,
            "relevant": 3,
        }
    )
    for customer in (2, 3):
        assert result.loc[customer].drop("relevant").sum() == 0


def test_a_perfect_list_has_ndcg_one_even_when_more_is_relevant_than_fits():
    perfect = ranking(lists([(1, 1, 5), (1, 2, 6)]), pairs([(1, 5), (1, 6), (1, 7)]), k=2)
    assert perfect.ndcg[0] == pytest.approx(1)
    assert perfect.recall[0] == pytest.approx(2 / 3)


def test_rows_beyond_rank_k_do_not_count():
    assert ranking(lists([(1, 1, 5), (1, 2, 6)]), pairs([(1, 6)]), k=1).ndcg[0] == 0


@given(
    st.lists(st.permutations(range(8)), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=25),
    st.integers(1, 9),
)
@settings(max_examples=60, deadline=None)
def test_ranking_equals_the_definition_written_as_loops(orders, truth, k):
    given_lists = lists(
        [(c, r, p) for c, order in enumerate(orders) for r, p in enumerate(order, start=1)]
    )
    result = ranking(given_lists.sample(frac=1, random_state=0), pairs(truth), k=k).set_index(
        "customer_id"
    )
    for customer, row in result.iterrows():
        wanted = {p for c, p in truth if c == customer}
        order = orders[customer][:k] if customer < len(orders) else []
        hit = [p in wanted for p in order]
        ideal = sum(1 / log2(r + 1) for r in range(1, min(k, len(wanted)) + 1))
        assert row.ndcg == pytest.approx(
            sum(h / log2(r + 1) for r, h in enumerate(hit, start=1)) / ideal
        )
        assert row.recall == pytest.approx(sum(hit) / len(wanted))
        assert row.precision == pytest.approx(sum(hit) / k)
        found = [sum(hit[:r]) / r for r, h in enumerate(hit, start=1) if h]
        assert row.average_precision == pytest.approx(sum(found) / len(wanted))
        assert row.hit == any(hit)


def test_ids_of_another_type_are_refused_instead_of_never_matching():
    with pytest.raises(TableError, match="product_id is int64 in recommendations and str in truth"):
        ranking(lists([(1, 1, 5)]), pairs([(1, "5")]))


def test_every_problem_of_a_list_is_named_at_once():
    with pytest.raises(TableError) as error:
        ranking(lists([(1, 1, 5), (1, 1, 5)]), pairs([(1, 5)]))
    assert "1 rows repeat a product_id" in str(error.value)
    assert "1 rows repeat a rank" in str(error.value)
    with pytest.raises(TableError, match=r"truth has no column \['product_id'\]"):
        ranking(lists([(1, 1, 5)]), pairs([(1, 5)])[["customer_id"]])
    with pytest.raises(TableError, match="k = 0"):
        ranking(lists([(1, 1, 5)]), pairs([(1, 5)]), k=0)


def test_no_recommendation_at_all_scores_zero():
    assert ranking(lists([]), pairs([("a", 5)])).ndcg.tolist() == [0]


def test_definitions_name_every_metric_with_the_length_of_the_list():
    table = definitions(7)
    assert {"NDCG", "recall", "precision", "average precision", "hit", "ties", "candidates"} <= set(
        table.metric
    )
    assert table.meaning.str.contains("7").sum() >= 3


# --- bootstrap ---------------------------------------------------------------------------------------------


def test_interval_of_a_large_sample_is_the_normal_one():
    values = np.random.default_rng(3).normal(10, 2, 4000)
    interval = bootstrap_mean(values, n_boot=2000)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert interval.estimate == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_interval_covers_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(5)
    draws = [
        bootstrap_mean(rng.exponential(1, 80), n_boot=300, seed=i, level=0.9) for i in range(200)
    ]
    covered = np.mean([d.low <= 1 <= d.high for d in draws])
    assert 0.82 <= covered <= 0.95


def test_the_same_seed_gives_the_same_bounds_and_another_seed_others():
    values = np.arange(50.0)
    assert bootstrap_mean(values, seed=1) == bootstrap_mean(values, seed=1)
    assert bootstrap_mean(values, seed=1).low != bootstrap_mean(values, seed=2).low


def test_bounds_do_not_depend_on_how_the_draws_are_blocked(monkeypatch):
    values = np.random.default_rng(0).random(40)
    whole = bootstrap_mean(values, n_boot=100)
    monkeypatch.setattr("personalize.evaluate._BLOCK", 100)
    assert bootstrap_mean(values, n_boot=100) == whole


def test_one_value_has_a_mean_but_no_bounds():
    single = bootstrap_mean([4.0])
    assert single.estimate == 4
    assert np.isnan([single.low, single.high]).all()
    assert paired_bootstrap([4.0], [1.0]).verdict == "not shown to differ"


def test_pairs_tell_apart_what_separate_intervals_cannot():
    easy = np.random.default_rng(1).normal(0, 5, 300)
    better = easy + np.random.default_rng(2).normal(0.2, 0.3, 300)
    result = paired_bootstrap(better, easy)
    assert result.verdict == "better"
    assert bootstrap_mean(better).low < bootstrap_mean(easy).high, "separately they overlap"
    assert paired_bootstrap(easy, better).verdict == "worse"


def test_a_model_is_never_better_than_itself():
    values = np.random.default_rng(1).random(100)
    result = paired_bootstrap(values, values)
    assert (result.difference, result.low, result.high) == (0, 0, 0)
    assert result.verdict == "not shown to differ"
    assert result.table().verdict[0] == result.verdict


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=30), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_swapping_the_pair_mirrors_the_difference(values, seed):
    other = values[::-1]
    one, two = (
        paired_bootstrap(values, other, seed=seed),
        paired_bootstrap(other, values, seed=seed),
    )
    assert one.difference == pytest.approx(-two.difference, abs=1e-9)
    assert one.low == pytest.approx(-two.high, abs=1e-6)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([1, 2], [1], "2 values and b has 1"),
        ([], [], "a holds no value"),
        ([1, np.nan], [1, 2], "a holds 1 missing or infinite values of 2"),
        (pd.Series([1, 2]), pd.Series([1, 2], index=[5, 6]), "different indexes"),
    ],
)
def test_pairs_that_are_no_pairs_are_refused(a, b, message):
    with pytest.raises(TableError, match=message):
        paired_bootstrap(a, b)


def test_nonsense_bootstrap_settings_are_refused():
    with pytest.raises(TableError, match="n_boot = 0"):
        bootstrap_mean([1, 2], n_boot=0)
    with pytest.raises(TableError, match="level = 1.5"):
        bootstrap_mean([1, 2], level=1.5)


# --- time split --------------------------------------------------------------------------------------------


def shop() -> "pz.tables.Tables":
    orders = pd.DataFrame(
        {
            "customer_id": [1, 1, 2, 2],
            "order_id": [10, 11, 12, 13],
            "product_id": [5, 6, 5, 7],
            "time": pd.to_datetime(
                ["2024-01-01 00:00", "2024-01-05 23:59", "2024-01-06 00:01", "2024-01-09 08:00"]
            ),
            "quantity": 1,
            "amount": 2.0,
        }
    )
    return pz.load({"orders": orders})


def test_the_day_of_the_cut_is_learned_from_and_the_next_is_scored():
    split = time_split(shop(), cut="2024-01-05")
    assert split.train.orders.to_pandas().order_id.tolist() == [10, 11]
    assert split.test.orders.to_pandas().order_id.tolist() == [12, 13]
    assert split.cut == pd.Timestamp("2024-01-05")


def test_a_split_may_stop_before_the_end_of_the_data():
    split = time_split(shop(), cut="2024-01-05", until="2024-01-06")
    assert split.test.orders.to_pandas().order_id.tolist() == [12]


@pytest.mark.parametrize("cut", ["2023-12-31", "2024-01-09", "2025-01-01"])
def test_a_cut_that_leaves_one_side_empty_is_refused_with_the_days_there_are(cut):
    with pytest.raises(TableError, match="2024-01-01 to 2024-01-09"):
        time_split(shop(), cut=cut)


# --- a published table -------------------------------------------------------------------------------------


def movielens() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The 75/25 split of the recommenders project: seed 42, within customers, in file order."""
    with gzip.open(ML_100K) as file:
        ratings = pd.read_csv(file, sep="\t", names=["customer_id", "product_id", "rating", "time"])
    ratings["draw"] = np.random.RandomState(42).rand(len(ratings))
    ratings = ratings.sort_values(["customer_id", "draw"], kind="stable")
    place = ratings.groupby("customer_id").cumcount()
    size = ratings.groupby("customer_id").product_id.transform("size")
    train = place < np.round(0.75 * size)
    return ratings[train], ratings[~train]


@pytest.mark.skipif(not ML_100K.exists(), reason=f"needs the MovieLens 100k file {ML_100K.name}")
def test_sar_on_movielens_100k_reproduces_the_table_of_the_recommenders_project():
    train, test = movielens()
    customers, products = train.customer_id.unique(), np.unique(train.product_id)
    row, col = (
        np.searchsorted(customers, train.customer_id),
        np.searchsorted(products, train.product_id),
    )
    bought = np.zeros((len(customers), len(products)))
    bought[row, col] = 1
    both = bought.T @ bought
    count = np.diag(both)
    jaccard = both / (count[:, None] + count[None, :] - both)
    age_days = (train.time.max() - train.time) / 86_400
    affinity = np.zeros_like(bought)
    affinity[row, col] = train.rating * 0.5 ** (age_days / 30)
    score = np.where(bought > 0, -np.inf, affinity @ jaccard)
    top = np.argsort(-score, axis=1, kind="stable")[:, :10]
    given_lists = pd.DataFrame(
        {
            "customer_id": np.repeat(customers, 10),
            "rank": np.tile(np.arange(1, 11), len(customers)),
            "product_id": products[top.ravel()],
        }
    )
    result = ranking(given_lists, test, k=10).mean()
    published = {
        "average_precision": 0.106959,
        "ndcg": 0.379533,
        "precision": 0.331071,
        "recall": 0.176837,
    }
    assert result[list(published)].to_dict() == pytest.approx(published, abs=5e-5)
