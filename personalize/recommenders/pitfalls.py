"""Two ways to fool oneself, to be shown beside the honest number: a random split, and sampled negatives."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from personalize.recommenders.base import Recommender, Repeat, Wanted
from personalize.recommenders.history import History
from personalize.recommenders.trial import Trial

__all__ = ["random_split", "sampled_ranks"]


def random_split(
    history: History, *, share: float = 0.2, candidates: Any = None, k: int = 10, seed: int = 0
) -> Trial:
    """A trial that leaks: some purchases of every day are hidden, and the others teach what will be asked.

    Parameters
    ----------
    history : all purchases
    share : of the (customer, product) pairs, drawn at random and hidden; between 0 and 1
    candidates, k : as for `Trial.load`
    seed : of the draw

    Returns
    -------
    Trial : to compare with one that is cut in time (`repeat="new"`: a hidden product is new to its customer). A model
        sees the same customer's later purchases and everybody's, so scores are too high; nothing can be decided on them

    References
    ----------
    Ji, Sun, Zhang, Li (2023), "A critical study on data leakage in recommender system offline evaluation", ACM TOIS.
    """
    hidden = np.random.default_rng(seed).random(len(history.col)) < share
    pairs = pd.DataFrame(
        {
            "customer_id": history.customers[history.row[hidden]],
            "product_id": history.products[history.col[hidden]],
        }
    )
    return Trial.of(history.without(hidden), pairs, candidates=candidates, k=k, seed=seed)


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
    DataFrame : model, full (share of the bought products that are among the customer's first k of all), sampled
        (among the first k of the sample), full_place and sampled_place (1 is best), in the order of full; no row
        where nothing was to be found

    Notes
    -----
    Ties go to the more popular product, as everywhere. That sampled metrics do not even keep the order of models is
    the reason why this package has none.

    References
    ----------
    Krichene and Rendle (2022), "On sampled metrics for item recommendation", CACM 65(7).
    """
    truth = trial.wanted(repeat)
    if truth.empty:
        return pd.DataFrame(
            {name: [] for name in ("model", "full", "sampled", "full_place", "sampled_place")}
        )
    customers = truth.customer_id.unique()
    customers = pd.Index(
        customers[np.unique(np.linspace(0, len(customers) - 1, max_customers).astype(int))]
    )
    place, col = (
        customers.get_indexer(truth.customer_id),
        trial.history.products.get_indexer(truth.product_id),
    )
    pool = trial.history.product_number(trial.candidates)
    asked = (place >= 0) & np.isin(col, pool)
    place, col = place[asked], col[asked]
    drawn = _drawn(pool, len(col), negatives, np.random.default_rng(trial.seed))
    wrong = _not_bought(trial.history, trial.history.number(customers)[place], place, col, drawn)
    allowed = np.isin(np.arange(len(trial.history.products)), pool)
    want = Wanted(trial.history.number(customers), customers, allowed, repeat, len(allowed))
    rows = []
    for name, model in models.items():
        named, width = model.lists(customers, trial.k, repeat, allowed), len(allowed)
        full = np.isin(place * width + col, named._place * width + named._col)
        better = _better(model, want, place, np.column_stack([col, drawn]))
        rows.append((name, full.mean(), ((better & wrong).sum(axis=1) < trial.k).mean()))
    table = pd.DataFrame(rows, columns=["model", "full", "sampled"])
    for name in ("full", "sampled"):
        table[f"{name}_place"] = (
            table[name].rank(ascending=False, method="min").fillna(1).astype(int)
        )
    return table.sort_values(["full_place", "model"], ignore_index=True)


def _drawn(pool: np.ndarray, times: int, negatives: int, rng: np.random.Generator) -> np.ndarray:
    """Some products of the pool for each time; where the pool is small, none twice."""
    if len(pool) > 20 * negatives:
        return rng.choice(pool, (times, negatives))
    return rng.permuted(np.tile(pool, (times, 1)), axis=1)[:, :negatives]


def _not_bought(
    history: History, row: np.ndarray, place: np.ndarray, col: np.ndarray, drawn: np.ndarray
) -> np.ndarray:
    """One flag a drawn product: is it none that the customer had bought or came to buy?"""
    wide, width = np.repeat(row, drawn.shape[1]), len(history.products)
    known = history.find(wide, drawn.ravel()).reshape(drawn.shape) >= 0
    return ~known & ~np.isin(place[:, None] * width + drawn, place * width + col)


def _better(model: Recommender, want: Wanted, place: np.ndarray, col: np.ndarray) -> np.ndarray:
    """Is each product but the first of a row ranked before the first? Ties go to the more popular."""
    row, named, value, _ = model.best(want)
    cuts = np.searchsorted(row, np.arange(len(want.row) + 1))
    score, line = np.zeros(col.shape), np.zeros(len(want.allowed))
    for i, here in enumerate(slice(*cut) for cut in zip(cuts[:-1], cuts[1:], strict=True)):
        line[named[here]] = value[here]
        score[place == i] = line[col[place == i]]
        line[named[here]] = 0
    buyers = model.history_.buyers[col]
    tied = (score[:, 1:] == score[:, :1]) & (buyers[:, 1:] > buyers[:, :1])
    return (score[:, 1:] > score[:, :1]) | tied
