"""The contract that every recommender keeps, on a checkerboard whose right answers are known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

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
    Reorder,
    Social,
    UserKNN,
)
from personalize.recommenders.base import at_least
from personalize.tables import TableError
from tests.recommenders.shops import AS_OF, SIZE, checkerboard, orders_of, shop

MODELS = {
    "most popular": MostPopular(),
    "personal frequency": PersonalFrequency(),
    "tifu": TIFU(neighbours=5),
    "user knn": UserKNN(neighbours=5),
    "item knn": ItemKNN(),
    "ease": EASE(l2=1),
    "content": Content(min_products=1),
    "social": Social(),
    "hybrid": Hybrid(PersonalFrequency(), ItemKNN(), alpha=0.5),
    "principal components": UserKNN(neighbours=5, components=3),
    "reorder": Reorder(first=TIFU(neighbours=5)),
}


FINDS_THE_WITHHELD = ["tifu", "user knn", "item knn", "ease", "content", "social", "hybrid"]
FINDS_THE_WITHHELD += ["principal components"]


every_model = pytest.mark.parametrize("name", MODELS)


@pytest.fixture(scope="module")
def fitted():
    board = checkerboard()
    return {name: clone(model).fit(board, as_of=AS_OF) for name, model in MODELS.items()}


@every_model
def test_a_list_is_a_tidy_table_with_ranks_from_one(fitted, name):
    table = fitted[name].recommend(k=4)
    assert list(table.columns) == ["customer_id", "rank", "product_id", "score", "slate", "reason"]
    assert table.customer_id.unique().tolist() == list(range(SIZE))
    assert table.groupby("customer_id")["rank"].apply(list).tolist() == [[1, 2, 3, 4]] * SIZE
    assert not table.duplicated(["customer_id", "product_id"]).any()
    assert table.groupby("customer_id").score.apply(lambda s: s.is_monotonic_decreasing).all()
    assert (table.reason.str.len() > 0).all()
    assert set(table.slate) <= {"buy again", "discover"}


@pytest.mark.parametrize("name", FINDS_THE_WITHHELD)
def test_the_product_withheld_from_the_checkerboard_is_found_first(fitted, name):
    table = fitted[name].recommend(k=1, repeat="new")
    assert (table.product_id == table.customer_id).all()
    assert set(table.slate) == {"discover"}


@every_model
def test_new_names_nothing_bought_and_allow_tells_the_two_apart(fitted, name):
    orders = checkerboard().orders.to_pandas()[["customer_id", "product_id"]]
    bought = set(orders.itertuples(index=False))
    new = fitted[name].recommend(k=SIZE, repeat="new")
    assert not set(new[["customer_id", "product_id"]].itertuples(index=False)) & bought
    assert set(new.slate) == {"discover"}
    mixed = fitted[name].recommend(k=SIZE)
    again = set(
        mixed[mixed.slate == "buy again"][["customer_id", "product_id"]].itertuples(index=False)
    )
    assert again == bought


@every_model
def test_due_names_only_what_was_bought_twice_and_whose_gap_has_passed(name):
    days = ["2024-01-01", "2024-01-11", "2024-01-31", "2024-02-10"]
    pairs = [(1, 100, days[0]), (1, 100, days[1])]  # gap 10 days, 20 ago: due
    pairs += [(1, 101, days[0]), (1, 101, days[2])]  # gap 30 days, today: not due
    pairs += [(1, 102, days[0])]  # once
    pairs += [(c, p, days[1]) for c in (2, 3) for p in (100, 101, 102)]
    products = pd.DataFrame({"product_id": [100, 101, 102], "text": "same words"})
    links = pd.DataFrame({"customer_id": [1], "other_id": [2]})
    tables = pz.load({"orders": orders_of(pairs), "products": products, "links": links})
    due = clone(MODELS[name]).fit(tables, as_of="2024-01-31").recommend(k=3, repeat="due")
    assert due[["customer_id", "product_id"]].values.tolist() == [[1, 100]]


@every_model
def test_candidates_restrict_the_list(fitted, name):
    table = fitted[name].recommend(k=SIZE, candidates=pd.DataFrame({"product_id": [3, 4, 999]}))
    assert set(table.product_id) == {3, 4}


@every_model
def test_a_list_is_never_longer_than_the_catalogue(fitted, name):
    assert fitted[name].recommend([3], k=10 * SIZE).shape[0] == SIZE


@every_model
def test_an_unknown_customer_gets_what_sells_best_in_the_place_asked_for(fitted, name):
    table = fitted[name].recommend([5, 777, 5], k=2)
    assert table.customer_id.tolist() == [5, 5, 777, 777], "in the order asked, each once"
    stranger = table[table.customer_id == 777]
    popular = fitted["most popular"].recommend([777], k=2)
    assert stranger.product_id.tolist() == popular.product_id.tolist()
    assert stranger.reason.str.startswith("popular: bought by").all()


@every_model
def test_no_customer_gives_an_empty_table_with_the_same_columns(fitted, name):
    assert (
        fitted[name].recommend([]).columns.tolist() == fitted[name].recommend([1]).columns.tolist()
    )


@every_model
def test_lists_do_not_depend_on_who_else_is_asked_or_on_the_order_of_the_lines(fitted, name):
    board = checkerboard()
    tables = {name: getattr(board, name).to_pandas() for name in ("orders", "products", "links")}
    shuffled = pz.load(
        {name: frame.sample(frac=1, random_state=1) for name, frame in tables.items()}
    )
    again = clone(MODELS[name]).fit(shuffled, as_of=AS_OF)
    whole = fitted[name].recommend(k=5)
    pd.testing.assert_frame_equal(whole, again.recommend(k=5))
    alone = fitted[name].recommend([7], k=5)
    pd.testing.assert_frame_equal(whole[whole.customer_id == 7].reset_index(drop=True), alone)


@every_model
def test_nothing_after_as_of_is_learned(name):
    early = orders_of(
        [(c, p, f"2024-01-{1 + (c + p) % 5:02}") for c in range(6) for p in range(6) if c != p]
    )
    late = orders_of([(c, p, "2024-02-01") for c in range(9) for p in range(4, 9)])
    late["order_id"] += 900
    products = pd.DataFrame(
        {"product_id": range(9), "text": ["red apple", "green pear", "red plum"] * 3}
    )
    links = pd.DataFrame({"customer_id": range(5), "other_id": range(1, 6)})
    tables = [
        pz.load({"orders": o, "products": products, "links": links})
        for o in (early, pd.concat([early, late]))
    ]
    lists = [clone(MODELS[name]).fit(t, as_of="2024-01-05").recommend(k=4) for t in tables]
    pd.testing.assert_frame_equal(*lists)


@every_model
def test_text_ids_serve_as_well_as_numbers(fitted, name):
    board = checkerboard()
    tables = {table: getattr(board, table).to_pandas() for table in ("orders", "products", "links")}
    for frame in tables.values():
        for column in set(frame.columns) & {"customer_id", "product_id", "other_id"}:
            frame[column] = "x" + frame[column].astype(str).str.zfill(2)
    model = clone(MODELS[name]).fit(pz.load(tables), as_of=AS_OF)
    number, text = fitted[name].recommend(k=3), model.recommend(k=3)
    assert text.product_id.tolist() == ("x" + number.product_id.astype(str).str.zfill(2)).tolist()


@every_model
def test_two_customers_and_two_products_are_enough_or_refused_in_words(name):
    tables = pz.load({"orders": orders_of([(1, 10), (2, 10), (2, 11)])})
    try:
        table = clone(MODELS[name]).fit(tables, as_of="2024-03-01").recommend()
    except TableError as error:
        assert (
            "has no product text" in str(error)
            or "table 'links'" in str(error)
            or "2 or more" in str(error)
            or "Reorder" in str(error)
        )
    else:
        assert len(table) == 4


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 7), st.integers(1, 28)), min_size=3, max_size=40
    )
)
@settings(max_examples=8, deadline=None)
def test_any_small_shop_gets_complete_ordered_lists_or_a_clear_refusal(rows):
    tables = pz.load({"orders": orders_of([(c, p, f"2024-01-{day:02}") for c, p, day in rows])})
    for name in ("most popular", "personal frequency", "tifu", "item knn", "ease"):
        model = clone(MODELS[name])
        try:
            table = model.fit(tables, as_of=tables.end).recommend(k=4)
        except TableError as error:
            assert "needs 2 or more" in str(error)
            continue
        sold = len({p for _, p, _ in rows})
        assert (table.groupby("customer_id").size() == min(4, sold)).all()
        assert table.score.ge(0).all()


def test_ids_of_another_type_are_refused_with_the_conversion(fitted):
    with pytest.raises(
        TableError, match=r"customer_id is given as (?:str|object) .*'5'.* but is int64"
    ):
        fitted["most popular"].recommend(["5"])
    with pytest.raises(TableError, match="product_id is given as str"):
        fitted["most popular"].recommend(candidates=["5"])


def test_missing_ids_are_counted(fitted):
    with pytest.raises(TableError, match="1 of the 2 given values of customer_id are missing"):
        fitted["most popular"].recommend([5, None])


def test_candidates_that_do_not_exist_are_refused(fitted):
    with pytest.raises(TableError, match="none of the 2 candidates"):
        fitted["most popular"].recommend(candidates=[991, 992])


def test_an_unfitted_model_and_impossible_requests_say_what_to_do(fitted):
    with pytest.raises(TableError, match="not fitted yet"):
        MostPopular().recommend()
    with pytest.raises(TableError, match="repeat = 'never' and k = 0"):
        fitted["ease"].recommend(k=0, repeat="never")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (PersonalFrequency(half_life_weeks=0), "half_life_weeks = 0"),
        (TIFU(own=1.2, neighbours=0), "neighbours = 0"),
        (TIFU(own=1.2), "own = 1.2"),
        (
            ItemKNN(neighbours=0, shrink=-1),
            r"neighbours = 0 \(it is 1 or more\), shrink = -1 \(it is 0 or more\)",
        ),
        (EASE(l2=0), "l2 = 0"),
        (Content(min_products=0), "min_products = 0"),
        (Social(restart=0), "restart = 0"),
        (Hybrid(MostPopular(), EASE(), alpha=2), "alpha = 2"),
    ],
)
def test_parameters_out_of_range_are_named_before_anything_is_learned(model, words):
    with pytest.raises(TableError, match=words):
        model.fit(checkerboard(), as_of=AS_OF)


def test_a_source_of_anonymous_sales_only_is_refused():
    orders = orders_of([(1, 10), (2, 11)])
    orders.loc[:, "quantity"] = -1
    with pytest.raises(TableError, match="no purchase of a known customer up to 2024-03-01"):
        MostPopular().fit(pz.load({"orders": orders}), as_of="2024-03-01")


def test_at_least_keeps_the_best_and_their_ties():
    assert at_least(np.array([3.0, 1, 2, 2]), 2).tolist() == [True, False, True, True]
    assert at_least(np.array([[1.0, 2], [2, 1]]), 1).tolist() == [[False, True], [True, False]]
    assert at_least(np.array([1.0]), 5).tolist() == [True]


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


def test_a_model_learns_again_when_a_parameter_changes():
    history = History.load(shop([(1, 5, 1), (1, 6, 15), (1, 5, 2)]), as_of="2024-01-15")
    model = PersonalFrequency(None).fit_history(history)
    assert model.recommend([1]).product_id.tolist() == [5, 6]
    assert model.set_params(half_life_weeks=0.5).fit_history(history).recommend(
        [1]
    ).product_id.tolist() == [6, 5]
