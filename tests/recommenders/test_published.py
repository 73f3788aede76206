"""Recommenders on public data, to figures that were published or measured independently."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import personalize as pz
from personalize.evaluate import paired_bootstrap, ranking, time_split
from personalize.recommenders import (
    ALS,
    EASE,
    TIFU,
    Content,
    Hybrid,
    MostPopular,
    Reorder,
    Social,
    Trial,
)
from personalize.tables import TableError
from tests.test_evaluate import ML_100K, movielens

DATA = Path(os.environ.get("PERSONALIZE_DATA", Path(__file__).parents[3] / "shared" / "data"))
LASTFM = DATA / "hetrec2011-lastfm-2k"
NO_MERCHANDISE = [
    "FUEL",
    "COUPON",
    "MISCELLANEOUS",
    "POSTAL CENTER",
    "CNTRL/STORE SUP",
    "PROD-WHS SALES",
]


@pytest.mark.skipif(not ML_100K.exists(), reason="needs the MovieLens 100k file u.data.gz")
def test_ease_on_movielens_100k_is_level_with_the_best_row_of_the_recommenders_project():
    train, test = movielens()
    orders = train.assign(
        time=pd.to_datetime(train.time, unit="s"),
        order_id=range(len(train)),
        quantity=1,
        amount=1.0,
    )
    tables = pz.load(
        {"orders": orders[["customer_id", "product_id", "order_id", "time", "quantity", "amount"]]}
    )
    popular = MostPopular().fit(tables, as_of=tables.end).recommend(repeat="new")
    ease = EASE(l2=500, max_items=2000).fit(tables, as_of=tables.end).recommend(repeat="new")
    assert ranking(popular, test).ndcg.mean() == pytest.approx(0.2498, abs=5e-5)
    scores = ranking(ease, test).mean()
    assert scores.ndcg == pytest.approx(0.4799, abs=5e-4)
    assert scores.recall == pytest.approx(0.2230, abs=5e-4)


def lastfm() -> pd.DataFrame:
    """Who listened to which artist, as orders of one day."""
    plays = pd.read_csv(LASTFM / "user_artists.dat.gz", sep="\t")
    orders = pd.DataFrame(
        {"customer_id": plays.userID, "product_id": plays.artistID, "order_id": range(len(plays))}
    )
    return orders.assign(time=pd.Timestamp("2011-01-01"), quantity=1, amount=1.0)


@pytest.mark.skipif(not LASTFM.exists(), reason="needs the HetRec 2011 Last.fm files")
def test_friends_serve_lastfm_customers_without_history_far_better_than_popularity():
    orders = lastfm()
    links = pd.read_csv(
        LASTFM / "user_friends.dat.gz", sep="\t", names=["customer_id", "other_id"], header=0
    )
    fold = np.random.RandomState(42).randint(0, 5, orders.customer_id.max() + 1)[orders.customer_id]
    social, popular = [], []
    for number in range(5):
        tables = pz.load({"orders": orders[fold != number], "links": links})
        cold = orders[fold == number]
        for scores, model in ((social, Social()), (popular, MostPopular())):
            lists = model.fit(tables, as_of="2011-01-01").recommend(cold.customer_id)
            scores.append(ranking(lists, cold))
    assert pd.concat(popular).ndcg.mean() == pytest.approx(0.26, abs=0.01)
    assert pd.concat(social).ndcg.mean() >= 0.46


@pytest.mark.skipif(not LASTFM.exists(), reason="needs the HetRec 2011 Last.fm files")
def test_tags_add_to_ease_on_lastfm():
    """The penalty is the published one; an inner split also picks weight .6."""
    orders = lastfm()
    draw = pd.Series(np.random.RandomState(42).rand(len(orders)))
    place, size = (draw.groupby(orders.customer_id).transform(how) for how in ("rank", "size"))
    train, test = orders[place <= np.round(0.8 * size)], orders[place > np.round(0.8 * size)]
    tags = pd.read_csv(LASTFM / "user_taggedartists.dat.gz", sep="\t")
    words = pd.read_csv(LASTFM / "tags.dat.gz", sep="\t", encoding="latin-1")
    text = (
        tags.merge(words, on="tagID")
        .sort_values(["artistID", "tagID", "userID"])
        .groupby("artistID")
        .tagValue
    )
    products = text.agg(" ; ".join).rename_axis("product_id").rename("text").reset_index()
    products = products[products.product_id.isin(orders.product_id)]
    tables = pz.load({"orders": train, "products": products})
    model = Hybrid(
        EASE(l2=300, max_items=3000), Content(half_life_weeks=None), alpha=0.6, shortlist=200
    )
    both = ranking(
        model.fit(tables, as_of="2011-01-01").recommend(test.customer_id, repeat="new"), test
    ).ndcg
    alone = ranking(model.first_.recommend(test.customer_id, repeat="new"), test).ndcg
    assert both.mean() >= 0.234
    assert paired_bootstrap(both, alone).verdict == "better"


@pytest.fixture(scope="module")
def groceries() -> tuple[pz.tables.Tables, pd.DataFrame]:
    tables = pz.load("complete_journey")
    merchandise = tables.products.to_pandas(["product_id", "department", "subcategory"])
    merchandise = merchandise[
        ~merchandise.department.isin(NO_MERCHANDISE) & merchandise.subcategory.notna()
    ]
    return tables, merchandise


def test_complete_journey_reaches_the_bars_measured_outside_this_package(groceries):
    tables, merchandise = groceries
    trial = Trial.load(time_split(tables, cut="2017-10-29"), candidates=merchandise)
    assert len(trial.candidates) == 61_895
    assert trial.truth.groupby("customer_id").size().mean() == pytest.approx(90.4, abs=0.1)
    board = trial.compare({"neighbours": TIFU(), "reorder": Reorder()})
    assert board.row("most popular").ndcg == pytest.approx(0.2230, abs=5e-4)
    assert board.row("personal frequency").ndcg == pytest.approx(0.4898, abs=1e-3)
    assert board.row("neighbours").ndcg >= 0.499
    assert board.row("reorder").ndcg >= 0.513
    assert board.row("reorder").ndcg_low >= 0.5
    assert board.row("reorder").gain_low >= 0.02
    assert board.choice == "reorder"
    discover = trial.compare({"ease": EASE()}, repeat="new")
    assert discover.row("most popular").ndcg == pytest.approx(0.0665, abs=5e-4)
    assert discover.row("ease").ndcg >= 0.088
    assert discover.row("ease").ndcg_low >= 0.083


def test_product_types_of_complete_journey_reach_their_bar(groceries):
    tables, merchandise = groceries
    orders = tables.orders.to_pandas(
        ["customer_id", "order_id", "product_id", "time", "quantity", "amount"]
    )
    kinds = merchandise.set_index("product_id").subcategory
    orders = orders[orders.product_id.isin(kinds.index) & (orders.quantity > 0)]
    by_kind = pz.load({"orders": orders.assign(product_id=kinds.loc[orders.product_id].to_numpy())})
    trial = Trial.load(time_split(by_kind, cut="2017-10-29"))
    assert len(trial.candidates) == 2163
    board = trial.compare({"reorder": Reorder()})
    assert board.row("personal frequency").ndcg == pytest.approx(0.6389, abs=1e-3)
    assert board.row("reorder").ndcg >= 0.658
    assert board.row("reorder").gain_low >= 0.015


def test_als_learns_on_a_cluster_alone(groceries):
    with pytest.raises(TableError, match=r"source in Spark .* or use EASE"):
        ALS().fit(groceries[0], as_of="2017-10-29")
