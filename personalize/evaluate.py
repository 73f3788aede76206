"""Was it right, and is it really better? Time splits, ranking metrics per customer, bootstrap
intervals.

Three habits hold here. What is scored lies later than what was learned. A ranking is scored against
every product, never against a sample of negatives. A mean is given with its interval, and "better
than" is a paired interval on the same customers."""

import operator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from personalize.tables import TableError

__all__ = [
    "PairedDifference",
    "Interval",
    "Split",
    "bootstrap_mean",
    "definitions",
    "paired_bootstrap",
    "ranking",
    "ranking_of_hits",
    "time_split",
]

_BLOCK = 4_000_000  # resampled values held in memory at once


@dataclass(frozen=True)
class Split:
    """Two views of one source: what was known at the end of the day `cut`, and what came after it.

    Attributes
    ----------
    train, test : Tables of the days up to and including `cut`, and of the days after it
    cut : the last known day
    until : the last day to score on
    """

    train: Any
    test: Any
    cut: pd.Timestamp
    until: pd.Timestamp


def time_split(tables: Any, *, cut: Any, until: Any = None) -> Split:
    """The tables as known at the end of the day `cut`, and the days that followed.

    Parameters
    ----------
    tables : Tables with `start`, `end`, `until` and `between`
    cut : last day to learn from, a date or YYYY-MM-DD
    until : last day to score on; the end of the data when None

    Returns
    -------
    Split : train, test, cut, until

    Raises
    ------
    TableError : when the cut leaves no day to learn from or no day to score on.

    Notes
    -----
    A random split lets a model learn from the customer's own future, and from other people's.

    References
    ----------
    Ji, Sun, Zhang, Li (2023), "A critical study on data leakage in recommender system offline
    evaluation", ACM TOIS 41(3).
    """
    cut = pd.Timestamp(cut).normalize()
    last = pd.Timestamp(tables.end if until is None else until).normalize()
    if not tables.start <= cut < last:
        raise TableError(
            f"cut = {cut:%Y-%m-%d} leaves nothing to learn from or nothing to score on: orders run "
            f"from {tables.start:%Y-%m-%d} to {last:%Y-%m-%d}; choose a day between the two"
        )
    return Split(tables.until(cut), tables.between(cut, last), cut, last)


def ranking(recommendations: pd.DataFrame, truth: pd.DataFrame, k: int = 10) -> pd.DataFrame:
    """How well each customer's list was ordered: one row a customer who has something to find.

    Parameters
    ----------
    recommendations : customer_id, rank (1 is best), product_id; rows beyond rank `k` are not read
    truth : customer_id, product_id; the products that were relevant, repeats count once
    k : length of the list that is scored, 1 or more

    Returns
    -------
    DataFrame : customer_id, ndcg, recall, precision, average_precision, hit (all 0 to 1), relevant
        (products to find); ordered by customer_id. A customer in `truth` without a recommendation
        scores 0; a customer without truth has nothing to score and is left out.

    Raises
    ------
    TableError : for missing columns, ids of two types, a product or a rank twice in one list.

    Notes
    -----
    See `definitions`. With n products to find and h_r = 1 where rank r is one of them,
    NDCG = sum_r h_r / log2(r + 1) divided by the same sum over the first min(k, n) ranks.

    References
    ----------
    Järvelin and Kekäläinen (2002), "Cumulated gain-based evaluation of IR techniques", ACM TOIS
    20(4). Krichene and Rendle (2022), "On sampled metrics for item recommendation", CACM 65(7): why
    all products.

    Examples
    --------
    >>> lists = pd.DataFrame({"customer_id": [1, 1, 2], "rank": [1, 2, 1], "product_id": [7, 8, 7]})
    >>> truth = pd.DataFrame({"customer_id": [1, 1, 2], "product_id": [8, 9, 7]})
    >>> ranking(lists, truth, k=2).round(3).iloc[:, :5]
       customer_id   ndcg  recall  precision  average_precision
    0            1  0.387     0.5        0.5               0.25
    1            2  1.000     1.0        0.5               1.00
    """
    _check_lists(recommendations, truth, k)
    truth = truth[["customer_id", "product_id"]].drop_duplicates()
    customers, relevant = np.unique(truth["customer_id"], return_counts=True)
    top = recommendations.loc[recommendations["rank"] <= k, ["customer_id", "rank", "product_id"]]
    named = truth[truth["product_id"].isin(top["product_id"].unique())]
    hits = top.merge(named, on=["customer_id", "product_id"])
    place = pd.Index(customers).get_indexer(hits.customer_id)
    return ranking_of_hits(customers, relevant, place, hits["rank"].to_numpy(), k=k)


def ranking_of_hits(
    customers: Any, relevant: Any, place: Any, rank: Any, *, k: int = 10
) -> pd.DataFrame:
    """The table of `ranking` where it is already known which places of the lists were right.

    Parameters
    ----------
    customers : ids of the customers with something to find, sorted
    relevant : number of products each of them had to find, 1 or more
    place, rank : position in `customers`, and rank within the list (1 to k), of every right
        product, in any order

    Examples
    --------
    >>> ranking_of_hits([7, 9], [1, 2], [1], [2], k=2)[["customer_id", "recall"]].values.tolist()
    [[7.0, 0.0], [9.0, 0.5]]
    """
    order = np.lexsort([rank, place])
    place, rank, size = np.asarray(place, dtype=int)[order], np.asarray(rank)[order], len(relevant)
    found = np.bincount(place, minlength=size)
    nth = np.arange(len(place)) - np.repeat(np.cumsum(found) - found, found) + 1
    gain = np.bincount(place, 1 / np.log2(rank + 1), minlength=size)
    precise = np.bincount(place, nth / rank, minlength=size)
    ideal = np.cumsum(1 / np.log2(np.arange(k) + 2))[np.minimum(relevant, k) - 1]
    return pd.DataFrame(
        {
            "customer_id": customers,
            "ndcg": gain / ideal,
            "recall": found / relevant,
            "precision": found / k,
            "average_precision": precise / relevant,
            "hit": (found > 0).astype(float),
            "relevant": relevant,
        }
    )


def definitions(k: int = 10) -> pd.DataFrame:
    """What the numbers of `ranking` mean: one row a metric, with its denominator.

    Returns
    -------
    DataFrame : metric, meaning
    """
    best = f"divided by the best sum possible with min({k}, n) hits"
    meanings = {
        "NDCG": f"hits weighted 1/log2(rank+1), {best}",
        "recall": "hits / n, the share of all that the customer bought",
        "precision": f"hits / {k}, the share of the list that the customer bought",
        "average precision": "mean over the n products of the precision at their rank (else 0)",
        "hit": f"1 when at least one of the {k} was bought",
        "n": "distinct products the customer bought after the cut, also those never sold before it",
        "candidates": "every product sold up to the cut: full ranking, no sampled negatives",
        "ties": "score, then the customer's latest purchase, then popularity, then product id",
    }
    return pd.DataFrame({"metric": meanings.keys(), "meaning": meanings.values()})


def _check_lists(lists: pd.DataFrame, truth: pd.DataFrame, k: int) -> None:
    problems = []
    needs = {"recommendations": ["customer_id", "rank", "product_id"]}
    needs["truth"] = ["customer_id", "product_id"]
    for (name, columns), frame in zip(needs.items(), (lists, truth), strict=True):
        missing = [column for column in columns if column not in frame]
        if missing:
            problems.append(f"{name} has no column {missing}; present: {list(frame.columns)}")
    if k < 1:
        problems.append(f"k = {k}: give the length of the list, 1 or more")
    problems = problems or _broken_lists(lists, truth)
    if problems:
        raise TableError.of("the ranking cannot be scored:", problems)


def _broken_lists(lists: pd.DataFrame, truth: pd.DataFrame) -> list[str]:
    number = pd.api.types.is_numeric_dtype
    found = []
    for column in ("customer_id", "product_id"):
        mixed = number(lists[column]) != number(truth[column])
        if len(lists) and len(truth) and mixed:
            found.append(
                f"{column} is {lists[column].dtype} in recommendations and {truth[column].dtype} "
                "in truth: no id would match; give both the same type"
            )
    for column in ("product_id", "rank"):
        twice = int(lists.duplicated(["customer_id", column]).sum())
        if twice:
            found.append(
                f"{twice:,} rows repeat a {column} within one customer's list: each may occur once"
            )
    return found


@dataclass(frozen=True)
class Interval:
    """A mean and the range in which it would lie for other customers of the same kind.

    Attributes
    ----------
    estimate, low, high : the mean and its bounds, in the unit of the values
    n : number of values
    level : share of resampled means between the bounds
    """

    estimate: float
    low: float
    high: float
    n: int
    level: float = 0.95

    def scaled(self, factor: float) -> "Interval":
        """The same mean in another unit: each number times `factor`, which must not be below 0."""
        return Interval(
            self.estimate * factor, self.low * factor, self.high * factor, self.n, self.level
        )

    def table(self) -> pd.DataFrame:
        """One row: estimate, low, high, n."""
        return pd.DataFrame(
            [{"estimate": self.estimate, "low": self.low, "high": self.high, "n": self.n}]
        )


@dataclass(frozen=True)
class PairedDifference:
    """Two scores of the same customers, and the interval of their difference.

    Attributes
    ----------
    mean_a, mean_b, difference : the two means, and mean_a - mean_b
    low, high : bounds of the difference
    n : number of customers
    level : share of resampled differences between the bounds
    """

    mean_a: float
    mean_b: float
    difference: float
    low: float
    high: float
    n: int
    level: float = 0.95

    @property
    def verdict(self) -> str:
        """ "better" or "worse" where the whole interval lies on one side of 0, else "not shown to
        differ".
        """
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "not shown to differ"

    def table(self) -> pd.DataFrame:
        """One row: mean_a, mean_b, difference, low, high, n, verdict."""
        names = ["mean_a", "mean_b", "difference", "low", "high", "n", "verdict"]
        return pd.DataFrame([operator.attrgetter(*names)(self)], columns=names)


def bootstrap_mean(
    values: Any, *, n_boot: int = 1000, seed: int = 0, level: float = 0.95
) -> Interval:
    """The mean of the values with its percentile bootstrap interval.

    Parameters
    ----------
    values : one number a customer (any unit), at least one, none missing
    n_boot : number of resamples, 1 or more; 1,000 fixes the bounds to about a twentieth of their
        width
    seed : of the resampling; the same seed gives the same bounds
    level : share of resampled means between the bounds, 0 to 1

    Returns
    -------
    Interval : estimate, low, high, n; the bounds are NaN for a single value, which says nothing of
        its spread

    Raises
    ------
    TableError : for no value, or missing or infinite values.

    References
    ----------
    Efron and Tibshirani (1993), "An Introduction to the Bootstrap", chapter 13.

    Examples
    --------
    >>> interval = bootstrap_mean([0, 0, 1, 1], n_boot=200)
    >>> interval.estimate, interval.low < 0.5 < interval.high, interval.n
    (0.5, True, 4)
    """
    numbers = _numbers(values, "values", n_boot, level)
    low, high = _bounds(numbers, n_boot, seed, level)
    return Interval(float(numbers.mean()), low, high, len(numbers), level)


def paired_bootstrap(
    a: Any, b: Any, *, n_boot: int = 1000, seed: int = 0, level: float = 0.95
) -> PairedDifference:
    """Is `a` really better than `b`? The interval of the mean difference over the same customers.

    Parameters
    ----------
    a, b : one number a customer, in the same order; Series are checked to have the same index
    n_boot, seed, level : as for `bootstrap_mean`

    Returns
    -------
    PairedDifference : mean_a, mean_b, difference, low, high, n and `.verdict`

    Raises
    ------
    TableError : for unequal lengths or indexes, no value, or missing or infinite values.

    Notes
    -----
    Customers are drawn with replacement and keep both their values: what makes a customer easy or
    hard to serve cancels out, so the interval is far narrower than that of two separate means.

    Examples
    --------
    >>> paired_bootstrap([3, 4, 5, 9], [1, 2, 3, 7]).verdict
    'better'
    """
    if isinstance(a, pd.Series) and isinstance(b, pd.Series) and not a.index.equals(b.index):
        raise TableError(
            "a and b are Series with different indexes: merge them on customer_id first"
        )
    left, right = _numbers(a, "a", n_boot, level), _numbers(b, "b", n_boot, level)
    if len(left) != len(right):
        raise TableError(
            f"a has {len(left):,} values and b has {len(right):,}: merge them on customer_id"
        )
    low, high = _bounds(left - right, n_boot, seed, level)
    difference = float((left - right).mean())
    return PairedDifference(
        float(left.mean()), float(right.mean()), difference, low, high, len(left), level
    )


def _numbers(values: Any, name: str, n_boot: int, level: float) -> np.ndarray:
    numbers = np.asarray(values, dtype=float).ravel()
    if n_boot < 1 or not 0 < level < 1:
        raise TableError(
            f"n_boot = {n_boot} and level = {level}: n_boot is 1 or more, level within 0 to 1"
        )
    if not len(numbers):
        raise TableError(f"{name} holds no value: there is nothing to average")
    bad = int((~np.isfinite(numbers)).sum())
    if bad:
        raise TableError(
            f"{name} holds {bad:,} missing or infinite values of {len(numbers):,}: "
            "drop or fill them first"
        )
    return numbers


def _bounds(numbers: np.ndarray, n_boot: int, seed: int, level: float) -> tuple[float, float]:
    n = len(numbers)
    if n == 1:
        return float("nan"), float("nan")
    block = max(1, _BLOCK // n)
    if n_boot <= block:
        means = _draws(n, n_boot, seed) @ numbers / n
    else:
        rng, parts = np.random.default_rng(seed), []
        for start in range(0, n_boot, block):
            drawn = _resample(rng, n, min(block, n_boot - start))
            parts.append(_counts(drawn) @ numbers / n)
        means = np.concatenate(parts)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@lru_cache(maxsize=4)
def _draws(n: int, n_boot: int, seed: int) -> sparse.csr_array:
    """The same customers drawn for every model that is judged on them: kept, for models are judged
    one by one.
    """
    return _counts(_resample(np.random.default_rng(seed), n, n_boot))


def _counts(drawn: np.ndarray) -> sparse.csr_array:
    """Resamples x customers: a one for every draw; what is drawn twice stands there twice, and adds
    up.
    """
    times, n = drawn.shape
    return sparse.csr_array(
        (np.ones(drawn.size), drawn.ravel(), n * np.arange(times + 1)), shape=(times, n)
    )


def _resample(rng: np.random.Generator, n: int, times: int) -> np.ndarray:
    return rng.integers(0, n, (times, n), dtype=np.int32)
