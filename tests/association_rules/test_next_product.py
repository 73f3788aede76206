"""The next product: published hit rates, ranks by the scores, reasons."""

import numpy as np
import pytest

from personalize import association_rules as ar
from tests.association_rules.shops import frame


def test_the_next_product_of_complete_journey_is_found_as_often_as_published(journey):
    baskets, later, _ = journey
    trial = ar.next_product_trial(ar.NextProduct(min_count=10).fit(baskets), later, seed=1)
    scores = ar.trial_scores(trial).set_index("way")
    assert (scores["baskets"] == 6000).all()
    assert scores.loc["pair rules", "hit"] >= 0.197 and scores.loc["pair rules", "mrr"] >= 0.107
    assert scores.loc["pair rules", "hit_low"] > scores.loc["popularity", "hit_high"]
    assert scores.loc["popularity", "hit_low"] > scores.loc["lift", "hit_high"]
    assert scores.loc["pair rules", "mrr"] > scores.loc["confidence", "mrr"]
    assert scores.loc["popularity", "hit"] == pytest.approx(0.136, abs=0.01)


def test_ranks_of_the_trial_are_those_of_the_scores(barbecue):
    model = ar.NextProduct(min_count=20).fit(barbecue)
    later = frame([{"bun", "sausage"}, {"bun", "mustard", "sausage"}, {"new", "bun"}, {"pen"}])
    trial = ar.next_product_trial(model, later, seed=4, baskets=10)
    ranks = trial[trial["way"] == "pair rules"]["rank"].tolist()
    labels, possible = model.labels_.tolist(), []
    for basket in ({"bun", "sausage"}, {"bun", "mustard", "sausage"}, {"new", "bun"}):
        possible.append(set())
        for hidden in basket:
            score = model.score(basket - {hidden})
            known = hidden in labels
            possible[-1].add(1 + (score > score[labels.index(hidden)]).sum() if known else np.inf)
    assert len(ranks) == 3 and all(rank in ways for rank, ways in zip(ranks, possible, strict=True))


def test_the_table_of_next_products_says_what_the_model_recommends(barbecue):
    model = ar.NextProduct(min_count=20).fit(barbecue)
    table = model.table(k=2)
    for product in ("bun", "pen"):
        rows, offer = table[table["product_id"] == product], model.recommend([product], k=2)
        assert rows["partner"].iloc[0] == offer["product_id"].iloc[0]
        assert rows["confidence"].iloc[0] == pytest.approx(offer["confidence"].iloc[0])
    assert table["rank"].max() <= 2 and (table["product_id"] != table["partner"]).all()


def test_next_product_names_the_partner_and_the_reason(shop):
    model = ar.NextProduct(min_count=10).fit(shop)
    offer = model.recommend(["tea", "p01"], k=3)
    assert (offer["product_id"].iloc[0], offer["because"].iloc[0]) == ("jam", "tea")
    assert not set(offer["product_id"]) & {"tea", "p01"}
    assert offer["rank"].tolist() == [1, 2, 3]


def test_next_product_for_an_empty_or_unknown_basket_is_the_most_popular(shop):
    model = ar.NextProduct(min_count=10).fit(shop)
    popular = shop["product_id"].value_counts().index[0]
    for basket in ([], ["never seen"]):
        offer = model.recommend(basket, k=2)
        assert offer["product_id"].iloc[0] == popular and offer["because"].isna().all()
