"""What a set of lists contains: how much of the catalogue, how new, how varied, how evenly shown."""

import numpy as np
import pandas as pd

from personalize.recommenders.history import History

__all__ = ["reach"]


def reach(lists: pd.DataFrame, history: History, candidates: int) -> dict[str, float]:
    """What the lists show, whatever was bought later.

    Parameters
    ----------
    lists : one row a place: _place (number of the list), _row, _col and _pair (numbers of customer, product and pair in
        `history`, -1 for none)
    history : everything bought up to the cut
    candidates : number of products that could have been named

    Returns
    -------
    dict : coverage (share of the candidates shown to anybody); gini (how unequally places are spread over the
        candidates: 0 all alike, 1 all to one); popularity (mean share of customers who had bought what is shown);
        novelty (mean of -log2 of that share, in bits: 1 more is half as popular); diversity (of the pairs of products
        on one list, the share from different narrowest groups); repeats (share of places with a product that the
        customer had bought); familiar (of the other places, the share from a group the customer had bought from).
        NaN where there is nothing to average

    References
    ----------
    Vargas and Castells (2011), "Rank and relevance in novelty and diversity metrics for recommender systems", RecSys.
    """
    if lists.empty:
        names = ("coverage", "gini", "popularity", "novelty", "diversity", "repeats", "familiar")
        return {"coverage": 0.0} | dict.fromkeys(names[1:], np.nan)
    col = lists._col.to_numpy()
    share = np.maximum(history.buyers[col], 1) / len(history.customers)
    shown = np.unique(col, return_counts=True)[1]
    return {
        "coverage": len(shown) / max(candidates, 1),
        "gini": gini(shown, max(candidates, len(shown))),
        "popularity": float((history.buyers[col] / len(history.customers)).mean()),
        "novelty": float(-np.log2(share).mean()) + 0.0,
        "diversity": _diversity(lists, history),
        "repeats": float((lists._pair >= 0).mean()),
        "familiar": _familiar(lists, history),
    }


def gini(counts: np.ndarray, size: int) -> float:
    """How unequal `size` numbers are, of which all but the given ones are 0.

    Notes
    -----
    With the numbers x in ascending order: sum_i (2i - n - 1) x_i / (n sum x); 0 when all are equal, 1 - 1/n when
    one holds everything.

    Examples
    --------
    >>> gini(np.array([3, 3]), 2), gini(np.array([7]), 4)
    (0.0, 0.75)
    """
    place = np.arange(size - len(counts), size) + 1
    return float(((2 * place - size - 1) * np.sort(counts)).sum() / (size * counts.sum()))


def _diversity(lists: pd.DataFrame, history: History) -> float:
    if history.kind is None:
        return np.nan
    kind, number = history.kind[lists._col], lists._place.to_numpy()
    number, kind = number[kind >= 0], kind[kind >= 0]
    size = np.bincount(number)
    cell, same = np.unique(number * (history.kind.max() + 1) + kind, return_counts=True)
    alike = np.bincount(cell // (history.kind.max() + 1), same * (same - 1), minlength=len(size))
    pairs = size > 1
    return float((1 - alike[pairs] / (size * (size - 1))[pairs]).mean()) if pairs.any() else np.nan


def _familiar(lists: pd.DataFrame, history: History) -> float:
    new = lists[lists._pair < 0]
    if history.kind is None or new.empty:
        return np.nan
    return float(history.familiar(new._row.to_numpy(), new._col.to_numpy()).mean())
