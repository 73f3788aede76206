"""Two ways to fool oneself, beside the honest number: a random split, and sampled negatives."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from personalize.recommenders.base import Recommender, Repeat, Wanted
from personalize.recommenders.evaluation import Trial
from personalize.recommenders.history import History
from personalize.recommenders.scoreboard import Scoreboard

__all__ = ["leakage", "random_split", "sampled_ranks"]


def random_split(
    history: History, *, share: float = 0.2, candidates: Any = None, k: int = 10, seed: int = 0
) -> Trial:
    """A trial that leaks: some purchases of every day are hidden, the others teach what is asked.

    Parameters
    ----------
    history : all purchases
    share : of the (customer, product) pairs, drawn at random and hidden; between 0 and 1
    candidates, k : as for `Trial.load`
    seed : of the draw

    Returns
    -------
    Trial : to compare with one that is cut in time (`repeat="new"`: a hidden product is new to its
        customer). A model sees the same customer's later purchases and everybody's, so scores are
        too high; nothing can be decided on them

    References
    ----------
    Ji, Sun, Zhang, Li (2023), "A critical study on data leakage in recommender system offline
    evaluation", ACM TOIS.
    """
    hidden = np.random.default_rng(seed).random(len(history.col)) < share
    pairs = pd.DataFrame(
        {
            "customer_id": history.customers[history.row[hidden]],
            "product_id": history.products[history.col[hidden]],
        }
    )
    return Trial.of(history.without(hidden), pairs, candidates=candidates, k=k, seed=seed)


def leakage(leaking: Scoreboard, honest: Scoreboard, model: str) -> str:
    """How much a random split flatters one model on new products, in two sentences."""
    peeked, true = leaking.row(model).ndcg, honest.row(model).ndcg
    if np.isnan(peeked) or np.isnan(true):
        return f"{model} cannot be judged on these data."
    return (
        f"{model} on new products, NDCG@{honest.k}: **{peeked:.3f}** when purchases are hidden at "
        f"random, **{true:.3f}** when the future is hidden. The first number cannot be had in any "
        "campaign: tomorrow's purchases are not known today."
    )


def sampled_ranks(
    models: Mapping[str, Recommender],
    trial: Trial,
    *,
    repeat: Repeat = "new",
    negatives: int = 100,
    max_customers: int = 100,
) -> pd.DataFrame:
    """How models rank when each bought product competes with all others, and when with a sample.

    Parameters
    ----------
    models : name -> recommender, fitted to the history of the trial
    trial : what was bought after the cut; its seed draws the sample
    repeat : as for `Trial.compare`
    negatives : products not bought that each bought product is set against in the sample, 1 or more
    max_customers : customers looked at, evenly spread over their ids

    Returns
    -------
    DataFrame : model, full (share of the bought products that are among the customer's first k of
        all), sampled (among the first k of the sample), full_place and sampled_place (1 is best),
        in the order of full; no row where nothing was to be found

    Notes
    -----
    Ties go to the more popular product, as everywhere. That sampled metrics do not even keep the
    order of models is the reason why this package has none.

    References
    ----------
    Krichene and Rendle (2022), "On sampled metrics for item recommendation", CACM 65(7).
    """
    truth, history = trial.wanted(repeat), trial.history
    if truth.empty:
        names = ["model", "full", "sampled", "full_place", "sampled_place"]
        return pd.DataFrame(columns=names)
    everyone = truth.customer_id.unique()
    chosen = np.linspace(0, len(everyone) - 1, max_customers).astype(int)
    customers = pd.Index(everyone[np.unique(chosen)])
    row, width = history.number(customers), len(history.products)
    pool = history.product_number(trial.candidates)
    place = customers.get_indexer(truth.customer_id)
    col = history.products.get_indexer(truth.product_id)
    asked = (place >= 0) & np.isin(col, pool)
    place, col = place[asked], col[asked]
    drawn = _drawn(pool, len(col), negatives, np.random.default_rng(trial.seed))
    known = history.find(np.repeat(row[place], drawn.shape[1]), drawn.ravel()) >= 0
    came = np.isin(place[:, None] * width + drawn, place * width + col)
    wrong = ~known.reshape(drawn.shape) & ~came
    allowed = history.flags(trial.candidates)
    popular = history.buyers[drawn] > history.buyers[col][:, None]
    rows = []
    for name, model in models.items():
        named = model.lists(customers, trial.k, repeat, allowed)
        full = np.isin(place * width + col, named._place * width + named._col)
        score = _scores(model, Wanted(row, customers, allowed, repeat, width))
        own, others = score[place, col][:, None], score[place[:, None], drawn]
        better = wrong & ((others > own) | ((others == own) & popular))
        rows.append((name, full.mean(), (better.sum(axis=1) < trial.k).mean()))
    table = pd.DataFrame(rows, columns=["model", "full", "sampled"])
    places = table[["full", "sampled"]].rank(ascending=False, method="min").fillna(1).astype(int)
    table = table.join(places.add_suffix("_place"))
    return table.sort_values(["full_place", "model"], ignore_index=True)


def _drawn(pool: np.ndarray, times: int, negatives: int, rng: np.random.Generator) -> np.ndarray:
    """Some products of the pool for each time; where the pool is small, none twice."""
    if len(pool) > 20 * negatives:
        return rng.choice(pool, (times, negatives))
    return rng.permuted(np.tile(pool, (times, 1)), axis=1)[:, :negatives]


def _scores(model: Recommender, want: Wanted) -> np.ndarray:
    """The score of each product for each customer, 0 for what the model would not name."""
    place, col, score, _ = model.best(want)
    scores = np.zeros((len(want.row), len(want.allowed)), np.float32)
    scores[place, col] = score
    return scores
