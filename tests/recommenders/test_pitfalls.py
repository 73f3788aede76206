"""Two ways to fool oneself: they flatter, and by how much."""

import itertools

import numpy as np
import pytest

from personalize.evaluate import time_split
from personalize.recommenders import (
    EASE,
    History,
    ItemKNN,
    MostPopular,
    Trial,
    random_split,
    sampled_ranks,
)
from tests.recommenders.shops import shop


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


def test_against_a_sample_everything_looks_better_and_against_all_it_is_the_hit_rate(trial):
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
