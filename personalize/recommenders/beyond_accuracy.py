"""What a set of lists contains: how much of the catalogue, how new, how varied, how even."""

import numpy as np
import pandas as pd

from personalize.recommenders.history import History

__all__ = ["contents"]


def contents(lists: pd.DataFrame, history: History, candidates: int) -> dict[str, float]:
    """What the lists show, whatever was bought later.

    Parameters
    ----------
    lists : one row a place: _place (number of the list), _row, _col and _pair (numbers of customer,
        product and pair in `history`, -1 for none)
    history : everything bought up to the cut
    candidates : number of products that could have been named

    Returns
    -------
    dict : coverage (share of the candidates shown to anybody); gini (how unequally places are
        spread over the candidates: 0 all alike, 1 all to one); popularity (mean share of customers
        who had bought what is shown); novelty (mean of -log2 of that share, in bits: 1 more is half
        as popular); diversity (of the pairs of products on one list, the share from different
        narrowest groups); repeats (share of places with a product that the customer had bought);
        familiar (of the other places, the share from a group the customer had bought from). NaN
        where there is nothing to average

    References
    ----------
    Vargas and Castells (2011), "Rank and relevance in novelty and diversity metrics for recommender
    systems", RecSys.
    """
    if lists.empty:
        names = ("gini", "popularity", "novelty", "diversity", "repeats", "familiar")
        return {"coverage": 0.0} | dict.fromkeys(names, np.nan)
    col, pair = lists._col.to_numpy(), lists._pair.to_numpy()
    buyers = history.buyers[col]
    shown = np.unique(col, return_counts=True)[1]
    return {
        "coverage": len(shown) / max(candidates, 1),
        "gini": gini(shown, max(candidates, len(shown))),
        "popularity": float((buyers / len(history.customers)).mean()),
        "novelty": float(-np.log2(np.maximum(buyers, 1) / len(history.customers)).mean()) + 0.0,
        "diversity": _diversity(lists, history),
        "repeats": float((pair >= 0).mean()),
        "familiar": _familiar(lists[pair < 0], history),
    }


def gini(counts: np.ndarray, size: int) -> float:
    """How unequal `size` numbers are, of which all but the given ones are 0.

    Notes
    -----
    With the numbers x in ascending order: sum_i (2i - n - 1) x_i / (n sum x); 0 when all are equal,
    1 - 1/n when one holds everything.

    Examples
    --------
    >>> gini(np.array([3, 3]), 2), gini(np.array([7]), 4)
    (0.0, 0.75)
    """
    place = np.arange(size - len(counts), size) + 1
    return float(((2 * place - size - 1) * np.sort(counts)).sum() / (size * counts.sum()))


def _diversity(lists: pd.DataFrame, history: History) -> float:
    """Of the pairs of products on one list the share from different groups, mean over the lists."""
    if not history.described.groups:
        return np.nan
    known = pd.DataFrame({"list": lists._place, "kind": history.described.kind[lists._col]})
    known = known[known.kind >= 0]
    size = known.groupby("list").size()
    same = known.groupby(["list", "kind"]).size()
    alike = (same * (same - 1)).groupby("list").sum()
    return float((1 - alike / (size * (size - 1)))[size > 1].mean())


def _familiar(new: pd.DataFrame, history: History) -> float:
    """The share of places with a product from a group that the customer had bought from."""
    if not history.described.groups or new.empty:
        return np.nan
    row, kind = new._row.to_numpy(), history.described.kind[new._col]
    known = (kind >= 0) & (row >= 0)
    return float((known & (history.by_kind[row, np.maximum(kind, 0)] > 0)).mean())
