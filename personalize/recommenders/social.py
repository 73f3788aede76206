"""Recommenders from who knows whom: what linked customers buy, for customers without a history above all.

Where a customer has a history, behaviour says more than friends do; where there is none, friends are all
there is.
"""

import numpy as np
import pandas as pd
from scipy import sparse

from personalize.recommenders.base import Recommender, Wanted
from personalize.recommenders.behaviour import check
from personalize.recommenders.history import History
from personalize.tables import TableError

__all__ = ["Social"]

_CELLS = 20_000_000  # customer x customer weights held in memory at once


class Social(Recommender):
    """What linked customers buy, near ones counting more.

    Parameters
    ----------
    steps : how far to walk over links, 1 or more; 1 asks friends only, 2 also their friends
    restart : chance to turn back at every step, above 0 and at most 1; larger stays nearer

    Notes
    -----
    With W the links, each customer's weights scaled to sum 1, the customer weighs others by
    sum over s = 1 ... steps of (1 - restart) ** (s - 1) W ** s (a truncated random walk with restart, the
    customer's own share left out); score = sum of the weights of those who bought the product. A link without
    a weight counts 1. Links carry no time: they are taken to hold from the start. A customer in `links` needs
    no order; ask for such customers by id.

    References
    ----------
    Tong, Faloutsos, Pan (2006), "Fast random walk with restart and its applications", ICDM.
    """

    def __init__(self, steps: int = 2, restart: float = 0.15) -> None:
        self.steps = steps
        self.restart = restart

    def _check(self) -> None:
        check(self, steps=self.steps >= 1, restart=0 < self.restart <= 1)

    def _learn(self, history: History) -> None:
        links = _links(history)
        people = (
            pd.Index(links.customer_id).append(pd.Index(links.other_id)).append(history.customers)
        )
        self.people_ = people.unique().sort_values()
        ends = self.people_.get_indexer(links.customer_id), self.people_.get_indexer(links.other_id)
        size = len(self.people_) + 1  # an empty last row, for customers nobody knows
        weights = sparse.csr_array((links.weight.to_numpy(), ends), shape=(size, size))
        total = weights.sum(axis=1)
        self.links_ = sparse.csr_array(
            sparse.diags_array(1 / np.where(total > 0, total, 1)) @ weights
        )
        rows = np.r_[history.customers.get_indexer(self.people_), -1]
        self._bought = history.matrix()[rows]

    def _score(self, want: Wanted) -> sparse.csr_array:
        person, rows = (
            self.people_.get_indexer(want.customers),
            max(1, _CELLS // self.links_.shape[0]),
        )
        cuts = [person[i : i + rows] for i in range(0, len(person), rows)]
        return sparse.csr_array(sparse.vstack([self._near(cut) @ self._bought for cut in cuts]))

    def _near(self, person: np.ndarray) -> sparse.csr_array:
        """Weight of every other customer for some customers."""
        step = near = self.links_[person]
        for s in range(1, self.steps):
            step = step @ self.links_
            near = near + (1 - self.restart) ** s * step
        near.data[near.indices == np.repeat(person, np.diff(near.indptr))] = 0
        return near

    def _explain(self, row: np.ndarray, col: np.ndarray) -> list[str]:
        """How many of the linked customers bought each product."""
        person = self.people_.get_indexer(self.history_.customers[row])
        friends = (self.links_[person] > 0).astype(int)
        many = np.diff(friends.indptr)
        bought = (
            np.asarray(friends.multiply(self._bought.T.tocsr()[col]).sum(axis=1))
            .ravel()
            .astype(int)
        )
        words = zip(bought, many, strict=True)
        return [
            f"bought by {n} of {m} linked customers" if n else "bought by friends of friends"
            for n, m in words
        ]


def _links(history: History) -> pd.DataFrame:
    table = history.tables.links
    links = table.to_pandas()
    links["weight"] = links["weight"].fillna(1.0) if "weight" in table.columns else 1.0
    links = links[links.customer_id != links.other_id]
    if links.empty or (links.weight < 0).any():
        raise TableError(
            f"table 'links' holds {len(links):,} ties between two customers, {(links.weight < 0).sum():,} of them "
            "with a weight below 0: give at least one tie, with weights of 0 or more"
        )
    return links
