"""The next product for a basket: pair rules as a recommender, and its trial on later baskets."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from personalize.association_rules.significance import jackknife_reach
from personalize.association_rules.transactions import Baskets, encode
from personalize.tables import Unavailable, require_fitted

WAYS = ("pair rules", "confidence", "lift", "popularity")


class NextProduct(BaseEstimator):
    """What to add to a basket: pair rules, the best confidence times the mean size-adjusted lift.

    Parameters
    ----------
    min_count : baskets a pair must be in.
    most : products to know, those in the most baskets; each attribute of pairs takes 4 most^2
        bytes.

    Attributes
    ----------
    labels_ : the products; n_ : baskets with each
    confidence_, lift_, plain_lift_ : (product in the basket, product to add); where a pair is rare
        0, 1 and 0

    Notes
    -----
    score(y | basket) = max over x of P(y | x), times the mean over x of the size-adjusted lift of x
    and y. Ranking by lift alone does worse than recommending the most popular product (see
    `next_product_trial`); pairs do as well as longer rules.

    Examples
    --------
    >>> drinks = ["tea", "jam", "tea", "jam", "tea", "nut"]
    >>> seen = pd.DataFrame({"order_id": [1, 1, 2, 2, 3, 3], "product_id": drinks})
    >>> offer = NextProduct(min_count=1).fit(seen).recommend(["jam"], k=1)
    >>> offer[["product_id", "because", "confidence"]]
      product_id because  confidence
    0        tea     jam         1.0
    """

    def __init__(self, min_count: int = 10, *, most: int = 4_000) -> None:
        self.min_count = min_count
        self.most = most

    def fit(self, X: pd.DataFrame | Baskets, y: Any = None) -> "NextProduct":
        """Learn the pairs of these baskets (order_id, product_id).

        Raises
        ------
        Unavailable : where no product is in `min_count` baskets.
        TableError : for what is no table of baskets.
        """
        data = encode(X)
        first = np.argsort(-data.item_counts, kind="stable")[: self.most]
        codes = np.sort(first[data.item_counts[first] >= self.min_count])
        if len(codes) == 0:
            raise Unavailable(
                f"no product is in {self.min_count} or more of the {data.n:,} baskets: "
                "lower min_count"
            )
        n = data.pair_counts(codes).astype(np.float32)
        expected = data.null.expected_pairs(codes).astype(np.float32)
        np.fill_diagonal(n, 0)
        often = n >= self.min_count
        self.labels_, self.n_ = data.labels[codes], data.item_counts[codes]
        self.confidence_ = np.where(often, n / self.n_[:, None].astype(np.float32), 0)
        self.lift_ = np.where(often, n / np.maximum(expected, 1e-30), 1)
        self.plain_lift_ = self.confidence_ * (data.n / self.n_).astype(np.float32)
        return self

    def score(self, basket: Iterable[Any]) -> np.ndarray:
        """A score for every product of `labels_`; -inf for those in the basket."""
        held = self._held(basket)
        scores = self._scores(held)[0]
        scores[held] = -np.inf
        return scores

    def _held(self, basket: Iterable[Any]) -> np.ndarray:
        """The places of the basket's products that the model knows."""
        require_fitted(self, "labels_")
        return np.flatnonzero(pd.Series(self.labels_, dtype=object).isin(list(basket)))

    def _scores(self, held: np.ndarray) -> np.ndarray:
        """Every product scored in each of the four ways, given the places of those held: (ways,
        products)."""
        popular = (self.n_ / self.n_.max() * 1e-9).astype(np.float32)
        scores = np.zeros((len(WAYS), len(popular)), np.float32)
        if len(held):
            confidence = self.confidence_[held].max(axis=0)
            scores[0] = self.lift_[held].sum(axis=0) * (confidence / np.float32(len(held)))
            scores[1] = confidence
            scores[2] = self.plain_lift_[held].max(axis=0)
        return scores + popular

    def recommend(self, basket: Iterable[Any], *, k: int = 10) -> pd.DataFrame:
        """The k best products to add: rank, product_id, score, because (the product of the
        strongest rule), confidence.

        An empty or unknown basket gets the most popular products, with no reason.
        """
        basket = list(basket)
        scores, held = self.score(basket), self._held(basket)
        best = np.argsort(-scores, kind="stable")[: min(k, np.isfinite(scores).sum())]
        table = pd.DataFrame(
            {"rank": np.arange(1, len(best) + 1), "product_id": self.labels_[best]}
        )
        confidence, reasons = np.zeros((1, len(best))), np.array([None], object)
        if len(held):
            confidence, reasons = self.confidence_[held][:, best], self.labels_[held].astype(object)
        strongest = confidence.max(axis=0)
        because = np.where(strongest > 0, reasons[confidence.argmax(axis=0)], None)
        return table.assign(score=scores[best], because=because, confidence=strongest)

    def table(self, *, k: int = 5) -> pd.DataFrame:
        """The k best to add to each product alone: product_id, rank, partner, score, confidence,
        adjusted_lift.

        Only partners met often enough for a rule are named, so a product may have fewer than k, or
        none.
        """
        require_fitted(self, "labels_")
        score = self.confidence_ * self.lift_
        best = np.argsort(-score, axis=1, kind="stable")[:, :k]
        row, rank = np.nonzero(np.take_along_axis(score, best, axis=1) > 0)
        column = best[row, rank]
        columns = {
            "product_id": self.labels_[row],
            "rank": rank + 1,
            "partner": self.labels_[column],
            "score": score[row, column],
            "confidence": self.confidence_[row, column],
            "adjusted_lift": self.lift_[row, column],
        }
        return pd.DataFrame(columns)

    def hit_rates(self, later: pd.DataFrame | Baskets, *, seed: int, k: int = 10) -> pd.DataFrame:
        """`trial_scores` of a `next_product_trial` on later baskets."""
        return trial_scores(next_product_trial(self, later, seed=seed), k=k)


def next_product_trial(
    model: NextProduct, later: pd.DataFrame | Baskets, *, seed: int, baskets: int = 6000
) -> pd.DataFrame:
    """Is the hidden product found? One product of each later basket is hidden and ranked among all
    others.

    Parameters
    ----------
    model : fitted on earlier baskets.
    later : baskets the model has not seen (order_id, product_id); those of one product have nothing
        to go by.
    seed : of the draw of baskets and of the product hidden in each.
    baskets : most baskets to try.

    Returns
    -------
    DataFrame, one row a basket and way: way ("pair rules", the model; "confidence" and "lift", the
    highest of any pair rule; "popularity"), rank (1 is best) of the hidden product among all
    products of the model that are not in the basket; inf where the model does not know the hidden
    product; group (of customers, 0 to 39; of baskets where customers are unknown). Ties go by
    popularity.

    References
    ----------
    Krichene, Rendle (2022), On sampled metrics for item recommendation, CACM 65(7): all products
    are candidates.
    """
    require_fitted(model, "labels_")
    data, rng = encode(later), np.random.default_rng(seed)
    usable = np.flatnonzero(data.sizes > 1)
    drawn = np.sort(rng.choice(usable, min(baskets, len(usable)), replace=False))
    hidden = (rng.random(len(drawn)) * data.sizes[drawn]).astype(int)
    items = pd.Index(model.labels_, dtype=object).get_indexer(data.labels)[data.items]
    ranks = np.full((len(WAYS), len(drawn)), np.inf)
    for trial, basket in enumerate(drawn):
        known = items[data.starts[basket] : data.starts[basket + 1]]
        truth, held = known[hidden[trial]], np.delete(known, hidden[trial])
        if truth < 0:
            continue
        held = held[held >= 0]
        scores = model._scores(held)
        scores[:, held] = -1
        ranks[:, trial] = 1 + (scores > scores[:, [truth]]).sum(axis=1)
    columns = {
        "way": np.repeat(WAYS, len(drawn)),
        "rank": ranks.ravel(),
        "group": np.tile(data.group[drawn], len(WAYS)),
    }
    return pd.DataFrame(columns)


def trial_scores(trial: pd.DataFrame, *, k: int = 10) -> pd.DataFrame:
    """How often each way finds the hidden product, with intervals for other customers.

    Parameters
    ----------
    trial : from `next_product_trial`.
    k : length of the list.

    Returns
    -------
    DataFrame, one row a way, in the order of the trial: way, baskets, first (share with the hidden
    product in first place), hit (share with it among the first k), hit_low, hit_high, mrr (mean of
    1 / rank), mrr_low, mrr_high (95%, each group of customers left out in turn).

    Examples
    --------
    >>> ranks = [1.0, 2.0, 20.0, 4.0]
    >>> trial = pd.DataFrame({"way": "lift", "rank": ranks, "group": [0, 1, 2, 3]})
    >>> trial_scores(trial)[["first", "hit", "mrr"]]
       first   hit   mrr
    0   0.25  0.75  0.45
    """
    rows = []
    for way, part in trial.groupby("way", sort=False):
        row = {"way": way, "baskets": len(part), "first": float((part["rank"] == 1).mean())}
        for name, gain in (("hit", part["rank"] <= k), ("mrr", 1 / part["rank"])):
            mean, reach = float(gain.mean()), _reach(gain.astype(float), part["group"])
            row[name] = mean
            row[f"{name}_low"], row[f"{name}_high"] = np.clip([mean - reach, mean + reach], 0, 1)
        rows.append(row)
    names = ["way", "baskets", "first", "hit", "hit_low", "hit_high", "mrr", "mrr_low", "mrr_high"]
    return pd.DataFrame(rows, columns=names)


def _reach(gain: pd.Series, group: pd.Series) -> float:
    """How far the 95% interval of a mean reaches, each group left out in turn; nan for one
    group."""
    of_group = gain.groupby(group, sort=False).agg(["sum", "size"])
    if len(of_group) < 2:
        return np.nan
    left_out = (gain.sum() - of_group["sum"]) / np.maximum(len(gain) - of_group["size"], 1)
    return float(jackknife_reach(left_out.to_numpy()))
