"""A recommender that learns from what followed: how likely is each product to be bought in the coming weeks?

It goes back some weeks, describes every candidate by what was known then, looks at what was bought since, and learns
which signs came before a purchase. What it says about tomorrow uses the same signs as known today.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from personalize.recommenders.base import Recommender, Wanted
from personalize.recommenders.behaviour import TIFU, check
from personalize.recommenders.history import History, csr
from personalize.tables import TableError

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
        h, people, products = history, len(history.customers) + 1, len(history.products)
        self.history, self.half_3, self.half_8, half_26 = (
            h,
            h.decayed(3),
            h.decayed(8),
            h.decayed(26),
        )
        self.lately = np.bincount(h.col[h.last < _LATELY], minlength=products) / len(h.customers)
        self.quiet = np.full(products, _NEVER)
        np.minimum.at(self.quiet, h.col, h.last)
        self.amount = np.bincount(h.row, half_26, minlength=people)
        self.loyalty, self.returns = self._returns(h.row, people), self._returns(h.col, products)
        if h.kind is not None:
            groups = h.by_kind.shape[1]
            self.kind = np.where(h.kind < 0, groups, h.kind)  # the last number is "not known"
            self.group_returns = self._returns(self.kind[h.col], groups + 1)

    def table(self, row: np.ndarray, col: np.ndarray) -> pd.DataFrame:
        """The signs of each (customer number, product number): one row a pair.

        Returns
        -------
        DataFrame : of the pair: orders, half_3 and half_8 (orders, counting half after 3 and 8 weeks), first and last
            (days since the first and the latest purchase, 999 without one), gap and latest_gap (days between
            purchases, mean and latest, 0 where there are not two), overdue (last / gap), trips_since_first and
            trips_since_last (days of shopping since then), trip_share (purchases a day of shopping). Of the product:
            lately (share of customers who bought it in the last 9 weeks), quiet (days since anybody did), returns (of
            those who had bought it before the last 9 weeks, the share who did again in them, pulled to 20%). Of the
            customer: trips and trips_lately (days of shopping), amount (purchases, counting half after 26 weeks),
            loyalty (as returns). Where products have groups: group (the customer's purchases from the group, as
            amount) and group_returns
        """
        h, pair = self.history, self.history.find(row, col)
        known, orders = pair >= 0, np.where(pair >= 0, h.orders[pair], 0)
        first, last = (np.where(known, days[pair], _NEVER) for days in (h.first, h.last))
        gap = np.where(orders > 1, (first - last) / np.maximum(orders - 1, 1), 0)
        since = h.trips(row, first)
        signs = {
            "orders": orders, "half_3": known * self.half_3[pair], "half_8": known * self.half_8[pair],
            "first": first, "last": last, "gap": gap, "latest_gap": np.where(orders > 1, h.previous[pair] - last, 0),
            "overdue": np.where(orders > 1, last / np.maximum(gap, 1), 0), "trips_since_first": known * since,
            "trips_since_last": h.trips(row, last), "trip_share": known * (orders + 0.5) / (since + 5),
            "lately": self.lately[col], "quiet": self.quiet[col], "returns": self.returns[col],
            "trips": h.trips(row, h.span), "trips_lately": h.trips(row, _LATELY - 1), "amount": self.amount[row],
            "loyalty": self.loyalty[row],
        }  # fmt: skip
        if h.kind is not None:
            kind = self.kind[col]
            group = h.by_kind[row, np.minimum(kind, h.by_kind.shape[1] - 1)] * (h.kind[col] >= 0)
            signs |= {"group": group, "group_returns": self.group_returns[kind]}
        return pd.DataFrame(signs)

    def _returns(self, number: np.ndarray, size: int) -> np.ndarray:
        known = self.history.first >= _LATELY
        again = known & (self.history.last < _LATELY)
        return (np.bincount(number[again], minlength=size) + 2) / (
            np.bincount(number[known], minlength=size) + 10
        )


class Reorder(Recommender):
    """What the customer will most probably buy in the coming weeks, learned from what followed earlier days.

    Parameters
    ----------
    weeks : length of the period that is learned and predicted, 1 or more; shortened to a third of the days there are
    shortlist : products considered for each customer, those that `first` scores best; 2 or more
    first : recommender that makes the shortlist; its score is one more sign. `TIFU()` when None
    classifier : scikit-learn classifier with `predict_proba`; logistic regression when None
    max_customers : learn from at most this many customers, evenly spread over their ids

    Notes
    -----
    With t the last known day less `weeks`: the candidates of t are described by `Signs` of t and labelled by whether
    they were bought after t; nothing after t describes them. Each sign x enters as log(1 + x) and as sqrt(x),
    standardised; score = estimated probability of a purchase within `weeks`. Shortlist, penalty (C = 0.01) and
    signs were chosen on weeks 36 - 44 of Complete Journey, where the logistic model reaches NDCG@10 .515 and gradient
    boosting (`HistGradientBoostingClassifier`, 100 trees of 15 leaves) .511: with these signs what matters is
    additive, and trees add variance.

    References
    ----------
    McCullagh and Nelder (1989), "Generalized Linear Models", section 4.3 (logistic regression). Bhagat, Muralidharan,
    Lobzhanidze, Vishwanath (2018), "Buy it again: modeling repeat purchase recommendations", KDD.
    """

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

    def _check(self) -> None:
        check(
            self,
            weeks=self.weeks >= 1,
            shortlist=self.shortlist >= 2,
            max_customers=self.max_customers >= 1,
        )

    def _learn(self, history: History) -> None:
        self.days_ = min(7 * self.weeks, history.span // 3)
        if not self.days_:
            raise TableError(
                f"Reorder learns from what followed an earlier day: {history.span} days are too few, 3 are needed"
            )
        past = history.until(history.as_of - pd.Timedelta(days=self.days_))
        before = clone(self.first or TIFU()).fit_history(past)
        chosen = np.unique(np.linspace(0, len(past.customers) - 1, self.max_customers).astype(int))
        want = Wanted(chosen, past.customers[chosen], past.buyers > 0, "allow", self.shortlist)
        place, col, score, _ = before.best(want)
        signs, bought = (
            _inputs(_signs(past), chosen[place], col, score),
            self._bought(past, chosen[place], col),
        )
        if bought.all() or not bought.any():
            raise TableError(
                f"Reorder has nothing to tell apart: of {len(bought):,} likely purchases in the last {self.days_} days "
                f"{bought.sum():,} came; it needs some that did and some that did not"
            )
        self._scale = StandardScaler().fit(signs)
        self.classifier_ = clone(
            self.classifier or LogisticRegression(C=0.01, solver="newton-cholesky")
        )
        self.classifier_.fit(self._scale.transform(signs), bought)
        self.first_ = clone(self.first or TIFU()).fit_history(history)
        self._signs = _signs(history)

    def _bought(self, past: History, row: np.ndarray, col: np.ndarray) -> np.ndarray:
        """Was each product, listed on the earlier day, bought since?"""
        now = self.history_
        pair = now.find(now.customers.get_indexer(past.customers)[row], col)
        return (pair >= 0) & (now.last[pair] < self.days_)

    def _score(self, want: Wanted) -> sparse.csr_array:
        deep = Wanted(
            want.row, want.customers, want.allowed, want.repeat, max(self.shortlist, 2 * want.k)
        )
        place, col, score, _ = self.first_.best(deep)
        shape = len(want.row), len(self.history_.products)
        if not len(place):
            return sparse.csr_array(shape)
        signs = _inputs(self._signs, want.row[place], col, score)
        chance = self.classifier_.predict_proba(self._scale.transform(signs))[:, 1]
        return csr(chance, col, np.searchsorted(place, np.arange(shape[0] + 1)), shape)

    def _explain(self, row: np.ndarray, col: np.ndarray) -> Iterable[str]:
        return self.first_._explain(row, col)


def _signs(history: History) -> Signs:
    return history.once(("signs", history.as_of), lambda: Signs(history))


def _inputs(signs: Signs, row: np.ndarray, col: np.ndarray, score: np.ndarray) -> np.ndarray:
    values = np.column_stack([signs.table(row, col).to_numpy(float), score])
    return np.hstack([np.log1p(values), np.sqrt(values)])
