"""Recommenders on public data, to figures that were published or measured independently."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import personalize as pz
from personalize.evaluate import ranking, time_split
from personalize.recommenders import EASE, TIFU, MostPopular, PersonalFrequency, Social, Trial
from tests.test_evaluate import ML_100K, movielens

DATA = Path(os.environ.get("PERSONALIZE_DATA", Path(__file__).parents[2] / "shared" / "data"))
LASTFM = DATA / "hetrec2011-lastfm-2k"
NO_MERCHANDISE = ["FUEL", "COUPON", "MISCELLANEOUS", "POSTAL CENTER", "CNTRL/STORE SUP", "PROD-WHS SALES"]


@pytest.mark.skipif(not ML_100K.exists(), reason="needs the MovieLens 100k file u.data.gz")
def test_ease_on_movielens_100k_is_level_with_the_best_row_of_the_recommenders_project():
    train, test = movielens()
    orders = train.assign(time=pd.to_datetime(train.time, unit="s"), order_id=range(len(train)), quantity=1, amount=1.0)
    tables = pz.load({"orders": orders[["customer_id", "product_id", "order_id", "time", "quantity", "amount"]]})
    popular = MostPopular().fit(tables, as_of=tables.end).recommend(repeat="new")
    ease = EASE(l2=500).fit(tables, as_of=tables.end).recommend(repeat="new")
    assert ranking(popular, test).ndcg.mean() == pytest.approx(0.2498, abs=5e-5)
    scores = ranking(ease, test).mean()
    assert scores.ndcg == pytest.approx(0.4799, abs=5e-4)
    assert scores.recall == pytest.approx(0.2230, abs=5e-4)


@pytest.mark.skipif(not LASTFM.exists(), reason="needs the HetRec 2011 Last.fm files")
def test_friends_serve_lastfm_customers_without_history_far_better_than_popularity():
    plays = pd.read_csv(LASTFM / "user_artists.dat.gz", sep="\t")
    links = pd.read_csv(LASTFM / "user_friends.dat.gz", sep="\t", names=["customer_id", "other_id"], header=0)
    orders = pd.DataFrame(
        {
            "customer_id": plays.userID,
            "product_id": plays.artistID,
            "order_id": range(len(plays)),
            "time": pd.Timestamp("2011-01-01"),
            "quantity": 1,
            "amount": 1.0,
        }
    )
    fold = np.random.RandomState(42).randint(0, 5, plays.userID.max() + 1)[plays.userID]
    social, popular = [], []
    for number in range(5):
        tables = pz.load({"orders": orders[fold != number], "links": links})
        cold = orders[fold == number]
        for scores, model in ((social, Social()), (popular, MostPopular())):
            lists = model.fit(tables, as_of="2011-01-01").recommend(cold.customer_id)
            scores.append(ranking(lists, cold))
    assert pd.concat(popular).ndcg.mean() == pytest.approx(0.26, abs=0.01)
    assert pd.concat(social).ndcg.mean() >= 0.46


def test_complete_journey_reaches_the_bars_measured_outside_this_package():
    tables = pz.load("complete_journey")
    merchandise = tables.products.to_pandas(["product_id", "department", "subcategory"])
    merchandise = merchandise[~merchandise.department.isin(NO_MERCHANDISE) & merchandise.subcategory.notna()]
    trial = Trial.load(time_split(tables, cut="2017-10-29"), candidates=merchandise)
    assert len(trial.candidates) == 61_895
    assert trial.truth.groupby("customer_id").size().mean() == pytest.approx(90.4, abs=0.1)
    board = trial.compare({"neighbours": TIFU()})
    assert board.row("most popular").ndcg == pytest.approx(0.2230, abs=5e-4)
    assert board.row("personal frequency").ndcg == pytest.approx(0.4898, abs=1e-3)
    assert board.row("neighbours").ndcg >= 0.499
    assert board.row("neighbours").verdict == "use it"
    discover = trial.compare({"ease": EASE(l2=1000)}, repeat="new")
    assert discover.row("most popular").ndcg == pytest.approx(0.0665, abs=5e-4)
    assert discover.row("ease").ndcg >= 0.085
    assert PersonalFrequency().half_life_weeks == 26
