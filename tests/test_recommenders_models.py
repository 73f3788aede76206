"""What each recommender computes, against numbers worked out by hand or a second way."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from threadpoolctl import threadpool_limits

import personalize as pz
from personalize.recommenders import (
    EASE,
    TIFU,
    Content,
    History,
    Hybrid,
    ItemKNN,
    MostPopular,
    PersonalFrequency,
    Social,
    UserKNN,
    kernels,
)
from personalize.recommenders.base import arrays, at_least
from personalize.recommenders.content import words
from personalize.tables import TableError


def shop(rows: list[tuple], **others: pd.DataFrame) -> "pz.tables.Tables":
    """Orders from (customer, product, day of January 2024); rows of one day and customer are separate orders."""
    frame = pd.DataFrame(rows, columns=["customer_id", "product_id", "day"])
    time = pd.Timestamp("2023-12-31") + pd.to_timedelta(frame.pop("day"), unit="D")
    return pz.load(
        {
            "orders": frame.assign(time=time, order_id=range(len(frame)), quantity=1, amount=1.0),
            **others,
        }
    )


def scores(model, tables, day: int, customer=1, **options) -> dict:
    table = model.fit(tables, as_of=f"2024-01-{day:02}").recommend([customer], **options)
    return dict(zip(table.product_id, table.score, strict=True))


# --- history -----------------------------------------------------------------------------------------------


def test_history_counts_orders_not_lines_or_pieces_and_dates_by_day():
    rows = pd.DataFrame(
        {
            "customer_id": [1, 1, 1, 1, None, 2],
            "order_id": [10, 10, 11, 12, 13, 14],
            "product_id": [5, 5, 5, 6, 5, 5],
            "time": pd.to_datetime("2024-01-01 10:00")
            + pd.to_timedelta([0, 0, 3.5, 4, 4, 4], unit="D"),
            "quantity": [1, 2, 1, 1, 1, -1],
            "amount": 1.0,
        }
    )
    history = History.load(pz.load({"orders": rows}), as_of="2024-01-05")
    assert history.customers.tolist() == [1], (
        "an anonymous sale and a return make no customer history"
    )
    pairs = {
        name: getattr(history, name).tolist() for name in ("row", "col", "orders", "first", "last")
    }
    assert pairs == {
        "row": [0, 0],
        "col": [0, 1],
        "orders": [2, 1],
        "first": [4, 0],
        "last": [1, 0],
    }
    assert history.find(np.array([0, 0, -1]), np.array([1, 0, 0])).tolist() == [1, 0, -1]


def test_history_knows_products_that_were_never_sold():
    tables = shop(
        [(1, 5, 1)], products=pd.DataFrame({"product_id": [4, 5], "name": ["Pear", "Plum"]})
    )
    history = History.load(tables, as_of="2024-01-01")
    assert history.products.tolist() == [4, 5]
    assert history.buyers.tolist() == [0, 1]
    assert history.names.tolist() == ["Pear", "Plum"]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 31)), min_size=1, max_size=30
    )
)
@settings(max_examples=12, deadline=None)
def test_decayed_frequency_equals_the_sum_over_orders(rows):
    history = History.load(shop([*rows, (0, 0, 31)]), as_of="2024-01-31")
    decayed = history.matrix(history.decayed(2)).toarray()
    for i, customer in enumerate(history.customers):
        for j, product in enumerate(history.products):
            ages = [31 - d for c, p, d in [*rows, (0, 0, 31)] if (c, p) == (customer, product)]
            assert decayed[i, j] == pytest.approx(sum(0.5 ** (age / 14) for age in ages))
    assert decayed[-1].sum() == 0, "the last row is nobody"


def test_at_least_keeps_the_best_and_their_ties():
    assert at_least(np.array([3.0, 1, 2, 2]), 2).tolist() == [True, False, True, True]
    assert at_least(np.array([[1.0, 2], [2, 1]]), 1).tolist() == [[False, True], [True, False]]
    assert at_least(np.array([1.0]), 5).tolist() == [True]


# --- popularity and frequency ------------------------------------------------------------------------------


def test_most_popular_counts_customers_not_orders():
    rows = [(1, 5, 1), (1, 5, 2), (1, 5, 3), (1, 6, 1), (2, 6, 1), (3, 7, 1), (4, 7, 1)]
    assert scores(MostPopular(), shop(rows), 3, customer=9) == {6: 0.5, 7: 0.5, 5: 0.25}


def test_an_order_counts_half_after_one_half_life_and_alike_without():
    rows = [(1, 5, 1), (1, 6, 15), (1, 6, 15)]
    assert scores(PersonalFrequency(half_life_weeks=1), shop(rows), 15) == pytest.approx(
        {6: 2, 5: 0.25}
    )
    assert scores(PersonalFrequency(half_life_weeks=None), shop(rows), 15) == {6: 2, 5: 1}


def test_ties_go_to_the_latest_purchase_then_to_popularity_then_to_the_id():
    rows = [(1, 8, 1), (1, 9, 2), (1, 7, 1), (2, 7, 1), (1, 6, 1)]
    lists = PersonalFrequency(None).fit(shop(rows), as_of="2024-01-02").recommend([1])
    assert lists.product_id.tolist() == [9, 7, 6, 8]


def test_reasons_say_how_often_how_long_ago_and_how_regularly():
    rows = [(1, 5, 1), (1, 5, 8), (1, 5, 15), (1, 6, 1), (1, 7, 30), (1, 7, 30), (2, 8, 1)]
    table = PersonalFrequency().fit(shop(rows), as_of="2024-01-30").recommend([1])
    assert dict(zip(table.product_id, table.reason, strict=True)) == {
        5: "bought 3 times, last 2 weeks ago, usual gap 7 days",
        6: "bought once, 4 weeks ago",
        7: "bought 2 times, today",
        8: "popular: bought by 50.0% of customers",
    }


# --- neighbours --------------------------------------------------------------------------------------------


def test_neighbours_are_those_with_the_most_alike_frequencies():
    rows = [(1, 5, 1), (1, 6, 1), (2, 5, 1), (2, 6, 1), (2, 7, 1), (3, 6, 1), (3, 8, 1), (3, 9, 1)]
    assert scores(
        UserKNN(neighbours=1, half_life_weeks=None), shop(rows), 1, repeat="new", k=1
    ) == {7: 1}


def test_tifu_is_the_weighted_sum_of_own_and_neighbours_frequencies():
    rows = [(1, 5, 1), (1, 5, 2), (2, 5, 1), (2, 7, 1)]
    assert scores(
        TIFU(own=0.7, neighbours=1, half_life_weeks=None), shop(rows), 2
    ) == pytest.approx({5: 0.7 * 2 + 0.3, 7: 0.3})


def test_tifu_with_all_weight_on_oneself_is_personal_frequency():
    rows = [(c, (c * p) % 7, 1 + (c + p) % 20) for c in range(1, 9) for p in range(1, 6)]
    own = TIFU(own=1).fit(shop(rows), as_of="2024-01-10").recommend(k=3)
    pd.testing.assert_frame_equal(
        own, PersonalFrequency().fit(shop(rows), as_of="2024-01-10").recommend(k=3)
    )


def test_a_neighbour_speaks_for_its_favourites_only():
    rows = [(1, 5, 1), (2, 5, 1), (2, 5, 2), (2, 7, 1)]
    names = scores(UserKNN(favourites=1, half_life_weeks=None), shop(rows), 2, repeat="new")
    assert names == {7: 0}, "the product left out is named by popularity alone"


# --- item weights ------------------------------------------------------------------------------------------

BASKETS = [
    (1, 5, 1),
    (1, 6, 1),
    (2, 5, 1),
    (2, 6, 1),
    (3, 5, 1),
    (3, 7, 1),
    (4, 7, 1),
    (4, 8, 1),
    (5, 8, 1),
    (6, 5, 1),
]


def test_item_similarity_is_shared_buyers_over_the_root_of_both_plus_shrinkage():
    shrunk = scores(ItemKNN(min_support=2, shrink=3), shop(BASKETS), 1, customer=6, repeat="new")
    assert shrunk[6] == pytest.approx(2 / (np.sqrt(4 * 2) + 3))
    assert shrunk[7] == pytest.approx(1 / (np.sqrt(4 * 2) + 3))
    assert shrunk[8] == 0


def test_products_below_the_support_floor_teach_nothing_and_are_filled_by_popularity():
    rows = [*BASKETS, (6, 9, 1)]
    kept = ItemKNN(min_support=2).fit(shop(rows), as_of="2024-01-01")
    assert kept.history_.products[kept.items_].tolist() == [5, 6, 7, 8]
    assert kept.recommend([1]).set_index("product_id").score[9] == 0


def test_ease_solves_the_ridge_regression_of_each_product_on_the_others():
    model = EASE(l2=2.0).fit(shop(BASKETS), as_of="2024-01-01")
    bought = model.history_.matrix().toarray()
    for j in range(bought.shape[1]):
        others = np.delete(np.arange(bought.shape[1]), j)
        gram = bought[:, others].T @ bought[:, others] + 2 * np.eye(len(others))
        ridge = np.linalg.solve(gram, bought[:, others].T @ bought[:, j])
        assert model.weights_[others, j] == pytest.approx(ridge, abs=1e-5)
        assert model.weights_[j, j] == 0


def test_weights_do_not_depend_on_the_number_of_threads():
    rng = np.random.default_rng(0)
    tables = shop([(c, p, 1) for c in range(300) for p in np.flatnonzero(rng.random(200) < 0.2)])
    with threadpool_limits(2, "blas"):
        many = EASE().fit(tables, as_of="2024-01-01").weights_
    with threadpool_limits(1, "blas"):
        one = EASE().fit(tables, as_of="2024-01-01").weights_
    assert (many == one).all()


def test_ease_tells_its_memory_before_it_starts():
    with pytest.raises(
        TableError, match=r"EASE over 4 products needs about 0 MB, .* set max_items=2"
    ):
        EASE(max_memory_mb=0.0001).fit(shop(BASKETS), as_of="2024-01-01")


def test_ease_beyond_its_cap_leaves_the_rest_to_popularity():
    table = (
        EASE(l2=1, max_items=2).fit(shop(BASKETS), as_of="2024-01-01").recommend([6], repeat="new")
    )
    assert table.product_id.tolist() == [6, 7, 8]
    assert (table.score > 0).tolist() == [True, False, False]


def test_the_reason_of_an_item_model_is_the_purchase_that_weighs_most():
    products = pd.DataFrame({"product_id": [5, 6, 7, 8], "name": ["Tea", "Milk", "Jam", "Oil"]})
    table = (
        ItemKNN(min_support=2)
        .fit(shop(BASKETS, products=products), as_of="2024-01-01")
        .recommend([6], repeat="new")
    )
    assert table.reason[0] == "often bought by those who buy Tea"


# --- content -----------------------------------------------------------------------------------------------


def test_the_vectors_of_texts_are_those_of_scikit_learn():
    text = ["milk whole milk", "milk skimmed", "black tea", "green tea", "milk tea", "山泉 tea", ""]
    products = pd.DataFrame({"product_id": range(7), "text": text})
    model = Content(min_products=2).fit(
        shop([(1, 0, 1), (1, 2, 1)], products=products), as_of="2024-01-01"
    )
    theirs = TfidfVectorizer(analyzer=words, sublinear_tf=True, min_df=2)
    expected = theirs.fit_transform(model.history_.described.text.drop_duplicates())
    assert model.vectors_.toarray() == pytest.approx(expected.toarray())
    assert model.words_.tolist() == theirs.get_feature_names_out().tolist()
    assert {"milk", "tea"} < set(model.words_)


def test_words_of_english_and_chinese_texts():
    assert words("Café-Crème 250ML") == ["café", "crème", "ml", "café crème", "crème ml"]
    assert words("好") == ["好"]
    assert words("山泉 Tea 花园") == ["山泉", "tea", "花园"]


def test_content_names_a_product_that_nobody_has_bought():
    text = pd.DataFrame({"product_id": [5, 6, 7], "text": ["green tea", "motor oil", "black tea"]})
    tables = shop([(1, 5, 1), (2, 6, 1)], products=text)
    table = (
        Content(min_products=1)
        .fit(tables, as_of="2024-01-01")
        .recommend([1], repeat="new", candidates=[6, 7])
    )
    assert table.product_id.tolist() == [7, 6]
    assert table.reason[0] == "resembles earlier purchases: tea"


def test_content_scores_are_cosines_of_tfidf_profiles():
    text = pd.DataFrame({"product_id": [5, 6], "text": ["tea", "oil"], "name": ["1", "2"]})
    cosines = scores(
        Content(min_products=1, half_life_weeks=None),
        shop([(1, 5, 1), (1, 6, 1)], products=text),
        1,
    )
    assert list(cosines.values()) == pytest.approx([np.sqrt(0.5)] * 2)


def test_content_says_which_columns_it_needs():
    with pytest.raises(
        TableError,
        match="no product text: give the table products with product_id and one or more of",
    ):
        Content().fit(shop([(1, 5, 1)]), as_of="2024-01-01")
    no_word = pd.DataFrame({"product_id": [5], "text": ["5 % 7"]})
    no_word["name"] = "1"
    with pytest.raises(TableError, match="no word occurs in 2 of the 1 different product texts"):
        Content().fit(shop([(1, 5, 1)], products=no_word), as_of="2024-01-01")


def test_a_product_without_text_is_never_named_by_content():
    text = pd.DataFrame(
        {"product_id": [5, 6, 7], "text": ["tea", None, "tea"], "name": ["1", "2", "3"]}
    )
    table = Content(min_products=1).fit(
        shop([(1, 5, 1), (2, 6, 1), (3, 7, 1)], products=text), as_of="2024-01-01"
    )
    ranked = table.recommend([1], repeat="new").set_index("product_id").score
    assert ranked[7] == pytest.approx(1)
    assert ranked[6] == 0


# --- social ------------------------------------------------------------------------------------------------

LINKS = pd.DataFrame([(9, 1), (9, 2), (1, 3)], columns=["customer_id", "other_id"])


def test_a_customer_without_orders_gets_what_the_linked_customers_buy():
    rows = [(1, 5, 1), (2, 5, 1), (2, 6, 1), (3, 7, 1), (4, 8, 1)]
    weights = scores(Social(steps=2, restart=0.5), shop(rows, links=LINKS), 1, customer=9)
    assert weights == pytest.approx({5: 1.0, 6: 0.5, 7: 0.5 * 0.5, 8: 0})


def test_one_step_asks_direct_links_only():
    rows = [(1, 5, 1), (2, 5, 1), (3, 7, 1), (3, 7, 2)]
    assert scores(Social(steps=1), shop(rows, links=LINKS), 2, customer=9) == {5: 1, 7: 0}


def test_missing_weights_count_one_and_negative_ones_are_refused():
    rows = [(1, 5, 1), (2, 6, 1)]
    weighted = LINKS.assign(weight=[3.0, None, 1.0])
    assert scores(Social(steps=1), shop(rows, links=weighted), 1, customer=9) == {5: 0.75, 6: 0.25}
    with pytest.raises(TableError, match="1 of them with a weight below 0"):
        Social().fit(shop(rows, links=LINKS.assign(weight=[1, -1, 1])), as_of="2024-01-01")


def test_the_social_reason_counts_linked_buyers():
    rows = [(1, 5, 1), (2, 5, 1), (3, 7, 1), (9, 4, 1)]
    table = Social().fit(shop(rows, links=LINKS), as_of="2024-01-01").recommend([9], repeat="new")
    assert table.reason.tolist() == [
        "bought by 2 of 2 linked customers",
        "bought by friends of friends",
    ]


# --- hybrid ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0, 1])
def test_hybrid_at_either_end_is_one_model_alone(alpha):
    rows = [(c, (c * p) % 11, 1 + (c + 2 * p) % 20) for c in range(1, 12) for p in range(1, 7)]
    first, second = PersonalFrequency(), ItemKNN(min_support=2)
    both = Hybrid(first, second, alpha=alpha).fit(shop(rows), as_of="2024-01-20").recommend(k=4)
    alone = (first if alpha else second).fit(shop(rows), as_of="2024-01-20").recommend(k=4)
    columns = ["customer_id", "product_id", "slate"]
    pd.testing.assert_frame_equal(both[columns], alone[columns])


def test_hybrid_score_is_the_weighted_share_of_each_models_best():
    rows = [(1, 5, 1), (1, 5, 2), (1, 6, 1), (2, 6, 1), (2, 7, 1)]
    parts = Hybrid(PersonalFrequency(None), UserKNN(neighbours=1, half_life_weeks=None), alpha=0.6)
    assert scores(parts, shop(rows), 2) == pytest.approx({5: 0.6, 6: 0.6 * 0.5 + 0.4, 7: 0.4})


def test_a_model_learns_again_when_a_parameter_changes():
    history = History.load(shop([(1, 5, 1), (1, 6, 15), (1, 5, 2)]), as_of="2024-01-15")
    model = PersonalFrequency(None).fit_history(history)
    assert model.recommend([1]).product_id.tolist() == [5, 6]
    assert model.set_params(half_life_weeks=0.5).fit_history(history).recommend(
        [1]
    ).product_id.tolist() == [6, 5]


# --- compiled loops ----------------------------------------------------------------------------------------


def test_the_compiled_neighbours_and_their_blend_are_the_plain_sums():
    rng = np.random.default_rng(4)
    wide = sparse.csr_array(sparse.random(40, 300, density=0.1, random_state=3, format="csr"))
    first = arrays(wide), arrays(sparse.csr_array(wide.T.tocsr()))
    cosine = (wide @ wide.T).toarray()
    np.fill_diagonal(cosine, 0)
    found = kernels.nearest(np.arange(40), np.zeros((40, 40)), *first, 5)
    lowest = np.sort(cosine, axis=1)[:, -5]
    assert all(set(found[i]) == set(np.flatnonzero(cosine[i] >= lowest[i])) for i in range(40))
    near = np.where(rng.random(found.shape) < 0.2, -2, found).astype(np.int32)
    indptr, col, data = kernels.blend(np.arange(40), near, (0.7, 0.06), (first[0], first[0]), 300)
    plain = [
        0.7 * wide[[i]].toarray()[0] + 0.06 * wide[near[i][near[i] >= 0]].toarray().sum(axis=0)
        for i in range(40)
    ]
    assert sparse.csr_array((data, col, indptr), shape=(40, 300)).toarray() == pytest.approx(
        np.array(plain)
    )


def test_the_compiled_best_orders_what_may_be_named_and_fills_what_is_left():
    scores = arrays(sparse.csr_array(np.array([[5.0, 4, 4, 3, -1], [1, 0, 2, 9, 0]])), np.float32)
    since = np.array([30, 7], np.int32)
    bought = (
        np.array([0, 1]),
        np.array([1, 2]),
        np.array([0, 2], np.int32),
        np.array([True, True]),
        since,
    )
    standing, nothing = np.array([0, 3, 1, 2, 4]), np.zeros(0, int)
    products = np.array([True, True, True, False, True]), standing, nothing

    def named(repeat, k, filling=nothing):
        place, col, score, pair = kernels.best(scores, bought, (*products[:2], filling), repeat, k)
        return list(zip(place.tolist(), col.tolist(), score.tolist(), pair.tolist(), strict=True))

    assert named(0, 2) == [(0, 0, 5, 0), (0, 2, 4, -1), (1, 2, 2, 1), (1, 0, 1, -1)], (
        "of equals the one with more buyers"
    )
    assert named(1, 1) == [(0, 2, 4, -1), (1, 0, 1, -1)], "not what was bought"
    assert named(2, 9) == [(0, 0, 5, 0), (1, 2, 2, 1)], "only what was bought"
    assert named(1, 3, np.array([4, 2]))[3:] == [(1, 0, 1, -1), (1, 4, 0, -1)], (
        "filled, but not by what was bought"
    )


@given(st.lists(st.integers(0, 40), min_size=1, max_size=400), st.integers(1, 30))
@settings(max_examples=25, deadline=None)
def test_the_compiled_best_equals_a_full_sort_whatever_the_ties(values, k):
    value, n = np.array(values, np.float32), len(values)
    nobody = np.zeros(1, int)
    bought = nobody, nobody, np.zeros(1, np.int32), np.zeros(1, bool), np.zeros(1, np.int32)
    standing = np.random.default_rng(n).permutation(n)
    scores = np.array([0, n]), np.arange(n, dtype=np.int32), value
    _, col, score, _ = kernels.best(
        scores, bought, (np.ones(n, bool), standing, np.zeros(0, int)), 0, k
    )
    expected = np.lexsort([standing, -value])[: min(k, int((value > 0).sum()))]
    assert col.tolist() == expected.tolist()
    assert score.tolist() == value[expected].tolist()


def test_warming_up_loads_what_the_models_call():
    kernels.warm()
    loops = [kernels.nearest, kernels.blend, kernels.likest, kernels.best]
    ready = [list(loop.signatures) for loop in loops]
    tea = pd.DataFrame({"product_id": [5, 6, 7], "name": ["green tea", "black tea", "green oil"]})
    history = History.load(
        shop([(1, 5, 1), (1, 6, 1), (2, 5, 1), (2, 7, 1), (3, 6, 2)], products=tea),
        as_of="2024-01-02",
    )
    for model in (TIFU(), EASE(), Content(min_products=1), Hybrid(TIFU(), EASE())):
        for repeat in ("allow", "new", "due"):
            assert len(model.fit_history(history).recommend(k=2, repeat=repeat)) >= 0
    assert [list(loop.signatures) for loop in loops] == ready, (
        "anything else is compiled while a customer waits"
    )
