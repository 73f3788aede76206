"""A recommender that learns from what followed: how likely is each product to be bought soon?

It goes back some weeks, describes every candidate by what was known then, looks at what was bought
since, and learns which signs came before a purchase. What it says about tomorrow uses the same
signs as known today.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from personalize.recommenders.base import Range, Recommender, Wanted, fitted
from personalize.recommenders.history import History, csr
from personalize.recommenders.neighbours import TIFU
from personalize.tables import Unavailable

__all__ = ["Reorder", "Signs"]

_LATELY = 63  # days
_NEVER = 999  # days since a purchase that never was


class Signs:
    """What is known about customers and products on a day, for a model to learn from.

    Parameters
    ----------
    history : all purchases up to that day; nothing else is read
    """

    def __init__(self, history: History) -> None:
        people, products = len(history.customers) + 1, len(history.products)
        self.history = history
        self.half_3, self.half_8 = history.decayed(3), history.decayed(8)
        lately = history.col[history.last < _LATELY]
        self.lately = np.bincount(lately, minlength=products) / len(history.customers)
        self.quiet = np.full(products, _NEVER)
        np.minimum.at(self.quiet, history.col, history.last)
        self.amount = np.bincount(history.row, history.decayed(26), minlength=people)
        self.loyalty = self._returns(history.row, people)
        day = np.repeat(history.row.astype(np.int64) * history.span, history.orders) + history.age
        day = np.sort(day)  # of shopping: customer number * span + age
        self._days = day[np.diff(day, prepend=-1) > 0]
        self.returns = self._returns(history.col, products)
        self.kind, groups = history.described.kind, history.described.groups
        if groups:
            self.group = np.where(self.kind < 0, groups, self.kind)  # the last: not known
            self.group_returns = self._returns(self.group[history.col], groups + 1)

    def table(self, row: np.ndarray, col: np.ndarray) -> pd.DataFrame:
        """The signs of each (customer number, product number): one row a pair.

        Returns
        -------
        DataFrame : of the pair: orders, half_3 and half_8 (orders, counting half after 3 and 8
            weeks), first and last (days since the first and the latest purchase, 999 without one),
            gap and latest_gap (days between purchases, mean and latest, 0 where there are not two),
            overdue (last / gap), trips_since_first and trips_since_last (days of shopping since
            then), trip_share (purchases a day of shopping). Of the product: lately (share of
            customers who bought it in the last 9 weeks), quiet (days since anybody did), returns
            (of those who had bought it before the last 9 weeks, the share who did again in them,
            pulled to 20%). Of the customer: trips and trips_lately (days of shopping), amount
            (purchases, counting half after 26 weeks), loyalty (as returns). Where products have
            groups: group (the customer's purchases from the group, as amount) and group_returns
        """
        history = self.history
        pair = history.find(row, col)
        known = pair >= 0
        orders = known * history.orders[pair]
        first = np.where(known, history.first[pair], _NEVER)
        last = np.where(known, history.last[pair], _NEVER)
        again = orders > 1
        gap = np.where(again, (first - last) / np.maximum(orders - 1, 1), 0)
        since = self._trips(row, first)
        signs = {
            "orders": orders,
            "half_3": known * self.half_3[pair],
            "half_8": known * self.half_8[pair],
            "first": first,
            "last": last,
            "gap": gap,
            "latest_gap": again * (history.previous[pair] - last),
            "overdue": again * last / np.maximum(gap, 1),
            "trips_since_first": known * since,
            "trips_since_last": self._trips(row, last),
            "trip_share": known * (orders + 0.5) / (since + 5),
            "lately": self.lately[col],
            "quiet": self.quiet[col],
            "returns": self.returns[col],
            "trips": self._trips(row, history.span),
            "trips_lately": self._trips(row, _LATELY - 1),
            "amount": self.amount[row],
            "loyalty": self.loyalty[row],
        }
        if history.described.groups:
            known_kind = self.kind[col] >= 0
            signs["group"] = history.by_kind[row, self.kind[col] * known_kind] * known_kind
            signs["group_returns"] = self.group_returns[self.group[col]]
        return pd.DataFrame(signs)

    def _trips(self, row: np.ndarray, days: Any) -> np.ndarray:
        """Days on which each customer number bought anything, within so many days until now."""
        begin = np.asarray(row, dtype=np.int64) * self.history.span
        end = begin + np.minimum(days, self.history.span - 1)
        found = np.searchsorted(self._days, end, side="right") - np.searchsorted(self._days, begin)
        return np.where(row < 0, 0, found)

    def _returns(self, number: np.ndarray, size: int) -> np.ndarray:
        """Of those with an early purchase the share who bought again, pulled to a fifth."""
        known = self.history.first >= _LATELY
        again = known & (self.history.last < _LATELY)
        came_back = np.bincount(number[again], minlength=size) + 2
        return came_back / (np.bincount(number[known], minlength=size) + 10)


class Reorder(Recommender):
    """What the customer will most probably buy in the coming weeks, learned from earlier days.

    Parameters
    ----------
    weeks : length of the period that is learned and predicted, 1 or more; shortened to a third of
        the days there are
    shortlist : products considered for each customer, those that `first` scores best; 2 or more
    first : recommender that makes the shortlist; its score is one more sign. `TIFU()` when None. A
        copy of it learns
    classifier : scikit-learn classifier with `predict_proba`; logistic regression when None
    max_customers : learn from at most this many customers, evenly spread over their ids

    Notes
    -----
    With t the last known day less `weeks`: the candidates of t are described by `Signs` of t and
    labelled by whether they were bought after t; nothing after t describes them. Each sign x enters
    as log(1 + x) and as sqrt(x), standardised; score = estimated probability of a purchase within
    `weeks`. Shortlist, penalty (C = 0.01) and signs were chosen on weeks 36 - 44 of Complete
    Journey, where the logistic model reaches NDCG@10 .515 and gradient boosting
    (`HistGradientBoostingClassifier`, 100 trees of 15 leaves) .511: with these signs what matters
    is additive, and trees add variance.

    References
    ----------
    McCullagh and Nelder (1989), "Generalized Linear Models", section 4.3 (logistic regression).
    Bhagat, Muralidharan, Lobzhanidze, Vishwanath (2018), "Buy it again: modeling repeat purchase
    recommendations", KDD.
    """

    ranges = {"weeks": Range(1), "shortlist": Range(2), "max_customers": Range(1)}

    def __init__(
        self,
        weeks: int = 9,
        shortlist: int = 30,
        *,
        first: Recommender | None = None,
        classifier: ClassifierMixin | None = None,
        max_customers: int = 20_000,
    ) -> None:
        self.weeks = weeks
        self.shortlist = shortlist
        self.first = first
        self.classifier = classifier
        self.max_customers = max_customers

    def _learn(self, history: History) -> None:
        self.days_ = min(7 * self.weeks, history.span // 3)
        if not self.days_:
            raise Unavailable(
                f"Reorder learns from what followed an earlier day: {history.span} days are too "
                f"few, 3 "
                "are needed"
            )
        first = self.first or TIFU()
        past = history.until(history.as_of - pd.Timedelta(days=self.days_))
        chosen = np.linspace(0, len(past.customers) - 1, self.max_customers)
        chosen = np.unique(chosen.astype(int))
        want = Wanted(chosen, past.customers[chosen], past.buyers > 0, "allow", self.shortlist)
        place, col, score, _ = fitted(first, past).best(want)
        inputs = _inputs(Signs(past), chosen[place], col, score)
        bought = self._bought(past, chosen[place], col)
        if bought.all() or not bought.any():
            raise Unavailable(
                f"Reorder has nothing to tell apart: of {len(bought):,} likely purchases in the "
                f"last "
                f"{self.days_} days {bought.sum():,} came; it needs some that did and some that "
                f"did not"
            )
        logistic = LogisticRegression(C=0.01, solver="newton-cholesky")
        classifier = clone(logistic if self.classifier is None else self.classifier)
        self.classifier_ = make_pipeline(StandardScaler(), classifier).fit(inputs, bought)
        self.first_ = fitted(first, history)
        self._signs = Signs(history)

    def _bought(self, past: History, row: np.ndarray, col: np.ndarray) -> np.ndarray:
        """Was each product, listed on the earlier day, bought since?"""
        now = self.history_
        pair = now.find(now.customers.get_indexer(past.customers)[row], col)
        return (pair >= 0) & (now.last[pair] < self.days_)

    def _score(self, want: Wanted) -> sparse.csr_array:
        deep = replace(want, k=max(self.shortlist, 2 * want.k))
        place, col, score, _ = self.first_.best(deep)
        shape = len(want.row), len(self.history_.products)
        if not len(place):
            return sparse.csr_array(shape)
        inputs = _inputs(self._signs, want.row[place], col, score)
        chance = self.classifier_.predict_proba(inputs)[:, 1]
        return csr(chance, col, np.searchsorted(place, np.arange(shape[0] + 1)), shape)

    def _explain(self, row: np.ndarray, col: np.ndarray) -> Iterable[str]:
        return self.first_._explain(row, col)


def _inputs(signs: Signs, row: np.ndarray, col: np.ndarray, score: np.ndarray) -> np.ndarray:
    values = np.column_stack([signs.table(row, col).to_numpy(float), score])
    return np.hstack([np.log1p(values), np.sqrt(values)])
