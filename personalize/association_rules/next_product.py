"""The next product for a basket: pair rules as a recommender, and its trial on later baskets."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from personalize.association_rules.encoding import Baskets, encode
from personalize.association_rules.judging import GROUPS, over_groups
from personalize.association_rules.null import null_of
from personalize.tables import TableError

WAYS = ("pair rules", "confidence", "lift", "popularity")


class NextProduct:
    """What to add to a basket: pair rules, the best confidence times the mean size-adjusted lift.

    Parameters
    ----------
    min_count : baskets a pair must be in.
    most : products to know, those in the most baskets; each attribute of pairs takes 4 most^2 bytes.

    Attributes
    ----------
    labels_ : the products; n_ : baskets with each
    confidence_, lift_, plain_lift_ : (product in the basket, product to add); where a pair is rare 0, 1 and 0

    Notes
    -----
    score(y | basket) = max over x of P(y | x), times the mean over x of the size-adjusted lift of x and y.
    Ranking by lift alone does worse than recommending the most popular product (see `next_product_trial`); pairs do
    as well as longer rules.

    Examples
    --------
    >>> seen = pd.DataFrame({"order_id": [1, 1, 2, 2, 3, 3], "product_id": ["tea", "jam", "tea", "jam", "tea", "nut"]})
    >>> NextProduct(min_count=1).fit(seen).recommend(["jam"], k=1)[["product_id", "because", "confidence"]]
      product_id because  confidence
    0        tea     jam         1.0
    """

    def __init__(self, min_count: int = 10, *, most: int = 4_000) -> None:
        self.min_count = min_count
        self.most = most

    def fit(self, baskets: pd.DataFrame) -> "NextProduct":
        """Learn the pairs of these baskets (order_id, product_id)."""
        data = encode(baskets)
        first = np.argsort(-data.item_counts, kind="stable")[: self.most]
        codes = np.sort(first[data.item_counts[first] >= self.min_count])
        if len(codes) == 0:
            raise TableError(
                f"no product is in {self.min_count} or more of the {data.n:,} baskets: lower min_count"
            )
        n = together(data, codes).astype(np.float32)
        expected = null_of(data).expected_pairs(codes).astype(np.float32)
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
        popular = self.n_ / self.n_.max() * 1e-9
        if len(held) == 0:
            return popular
        total = self.confidence_[held].max(axis=0) * self.lift_[held].mean(axis=0) + popular
        total[held] = -np.inf
        return total

    def _held(self, basket: Iterable[Any]) -> np.ndarray:
        return np.flatnonzero(np.isin(self.labels_, np.array(list(basket), dtype=object)))

    def recommend(self, basket: Iterable[Any], *, k: int = 10) -> pd.DataFrame:
        """The k best products to add: rank, product_id, score, because (the product of the strongest rule), confidence.

        An empty or unknown basket gets the most popular products, with no reason.
        """
        total, held = self.score(basket), self._held(basket)
        best = np.argsort(-total, kind="stable")[: min(k, np.isfinite(total).sum())]
        confidence = self.confidence_[held][:, best] if len(held) else np.zeros((1, len(best)))
        reason = [self.labels_[held[row]] if len(held) and top > 0 else None
                  for row, top in zip(confidence.argmax(axis=0), confidence.max(axis=0), strict=True)]  # fmt: skip
        return pd.DataFrame(
            {"rank": np.arange(1, len(best) + 1), "product_id": self.labels_[best], "score": total[best],
             "because": reason, "confidence": confidence.max(axis=0)}
        )  # fmt: skip

    def table(self, *, k: int = 5) -> pd.DataFrame:
        """The k best to add to each product alone: product_id, rank, partner, score, confidence, adjusted_lift.

        Only partners met often enough for a rule are named, so a product may have fewer than k, or none.
        """
        score = self.confidence_ * self.lift_
        k = min(k, len(self.labels_))
        best = np.argsort(-score, axis=1, kind="stable")[:, :k]
        row, rank = np.nonzero(np.take_along_axis(score, best, axis=1) > 0)
        column = best[row, rank]
        return pd.DataFrame(
            {"product_id": self.labels_[row], "rank": rank + 1, "partner": self.labels_[column],
             "score": score[row, column], "confidence": self.confidence_[row, column],
             "adjusted_lift": self.lift_[row, column]}
        )  # fmt: skip


def next_product_trial(
    model: NextProduct, later: pd.DataFrame, *, seed: int, baskets: int = 6000
) -> pd.DataFrame:
    """Is the hidden product found? One product of each later basket is hidden and ranked among all others.

    Parameters
    ----------
    model : fitted on earlier baskets.
    later : baskets the model has not seen (order_id, product_id); those of one product have nothing to go by.
    seed : of the draw of baskets and of the product hidden in each.
    baskets : most baskets to try.

    Returns
    -------
    DataFrame, one row a basket and way: way ("pair rules", the model; "confidence" and "lift", the highest of any pair
    rule; "popularity"), rank (1 is best) of the hidden product among all products of the model that are not in the
    basket; inf where the model does not know the hidden product; group (of customers, 0 to 39; of baskets where
    customers are unknown). Ties go by popularity.

    References
    ----------
    Krichene, Rendle (2022), On sampled metrics for item recommendation, CACM 65(7): all products are candidates.
    """
    from personalize.association_rules import tallies

    data, rng = encode(later), np.random.default_rng(seed)
    usable = np.flatnonzero(data.sizes > 1)
    drawn = np.sort(rng.choice(usable, min(baskets, len(usable)), replace=False))
    hidden = (data.starts[drawn] + rng.random(len(drawn)) * data.sizes[drawn]).astype(np.int64)
    known = {label: code for code, label in enumerate(model.labels_.tolist())}
    codes = np.array([known.get(label, -1) for label in data.labels.tolist()], np.int64)
    ranks = tallies.hidden_ranks(
        (data.starts, codes[data.items]),
        (drawn, hidden),
        (model.confidence_, model.lift_, model.plain_lift_),
        model.n_,
    )
    found = np.where(ranks > 0, ranks, np.inf)
    group = (np.arange(data.n) if data.customers is None else data.customers) % GROUPS
    return pd.DataFrame(
        {
            "way": np.repeat(WAYS, len(drawn)),
            "rank": found.T.ravel(),
            "group": np.tile(group[drawn], len(WAYS)),
        }
    )


def trial_scores(trial: pd.DataFrame, *, k: int = 10) -> pd.DataFrame:
    """How often each way finds the hidden product, with intervals for other customers.

    Parameters
    ----------
    trial : from `next_product_trial`.
    k : length of the list.

    Returns
    -------
    DataFrame, one row a way, in the order of the trial: way, baskets, first (share with the hidden product in first
    place), hit (share with it among the first k), hit_low, hit_high, mrr (mean of 1 / rank), mrr_low, mrr_high (95%,
    each group of customers left out in turn).

    Examples
    --------
    >>> ranks = [1.0, 2.0, 20.0, 4.0]
    >>> trial_scores(pd.DataFrame({"way": "lift", "rank": ranks, "group": [0, 1, 2, 3]}))[["first", "hit", "mrr"]]
       first   hit   mrr
    0   0.25  0.75  0.45
    """
    rows = []
    for way, part in trial.groupby("way", sort=False):
        rank, group = part["rank"].to_numpy(), pd.factorize(part["group"])[0]
        row = {"way": way, "baskets": len(part), "first": float((rank == 1).mean())}
        for name, gain in (("hit", rank <= k), ("mrr", 1 / rank)):
            sums, sizes = np.bincount(group, weights=gain), np.bincount(group)
            reach = (
                over_groups((sums.sum() - sums) / np.maximum(len(part) - sizes, 1))
                if len(sizes) > 1
                else np.nan
            )
            low, high = np.clip([gain.mean() - reach, gain.mean() + reach], 0, 1)
            row |= {name: float(gain.mean()), f"{name}_low": low, f"{name}_high": high}
        rows.append(row)
    names = ["way", "baskets", "first", "hit", "hit_low", "hit_high", "mrr", "mrr_low", "mrr_high"]
    return pd.DataFrame(rows, columns=names)


def together(data: Baskets, codes: np.ndarray) -> np.ndarray:
    """How many baskets hold each pair of the products `codes`."""
    from personalize.association_rules import tallies

    rank = np.full(len(data.labels), -1)
    rank[codes] = np.arange(len(codes))
    counts = tallies.pair_counts(data.starts, data.items, rank, len(codes))
    return counts + counts.T - np.diag(np.diag(counts))
