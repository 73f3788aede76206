"""Two things at a time: two groups on a measure, two attributes, two measures; how sure it is."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from personalize import inference
from personalize.statistics.customer_base import Behaviour
from personalize.statistics.descriptives import bracket, present

MEASURES = {  # measure -> column of `customers`
    "orders": "orders",
    "spend": "spend",
    "lines an order": "lines_per_order",
    "spend an order": "spend_per_order",
    "mean gap": "gap_days",
    "quiet days": "quiet_days",
}


@dataclass(frozen=True)
class Comparison:
    """Two groups on one measure: their means (Welch) and their ranks (Mann-Whitney).

    Attributes
    ----------
    n_first, n_second, mean_first, mean_second : of the groups
    difference, low, high : first mean less second mean, with its interval (Welch)
    t, df, p : Welch's test of equal means
    effect, effect_low, effect_high : Hedges' g, the difference in standard deviations; 0.2 is
        small, 0.8 large
    superiority, superiority_low, superiority_high : chance that one drawn from the first group has
        more than one drawn from the second (ties count half); 0.5 when neither tends to have more
    u, p_rank : Mann-Whitney's U of the first group and its p-value
    note : what could not be given, and why; empty when all is well
    """

    n_first: int
    n_second: int
    mean_first: float = np.nan
    mean_second: float = np.nan
    difference: float = np.nan
    low: float = np.nan
    high: float = np.nan
    t: float = np.nan
    df: float = np.nan
    p: float = np.nan
    effect: float = np.nan
    effect_low: float = np.nan
    effect_high: float = np.nan
    superiority: float = np.nan
    superiority_low: float = np.nan
    superiority_high: float = np.nan
    u: float = np.nan
    p_rank: float = np.nan
    note: str = ""

    def table(self) -> pd.DataFrame:
        """One row: every attribute."""
        return pd.DataFrame([vars(self)])

    def reading(self) -> str:
        """The two means, their difference, and the chance of having more."""
        said = (
            f"{self.n_first:,} with a mean of {self.mean_first:,.2f} against {self.n_second:,} "
            f"with {self.mean_second:,.2f}: difference {self.difference:+,.2f} "
            f"{bracket(self.low, self.high, '{:+,.2f}')}, one of the first has more than one of "
            f"the second in {self.superiority:.0%} of pairs"
        )
        return f"{said} ({self.note})" if self.note else said


def compare(first: Any, second: Any, *, level: float = 0.95) -> Comparison:
    """Two groups side by side on one measure.

    Parameters
    ----------
    first, second : the numbers of each group (lists, arrays, Series), or their value counts
        (columns value and n); missing values are left out
    level : of the intervals

    Returns
    -------
    Comparison : a stated result for every input; what cannot be given is NaN and `note` says why.

    Raises
    ------
    TableError : for values that are no numbers.

    Notes
    -----
    Welch's test and Hedges' g of `inference.mean_difference`, Mann-Whitney's test and the
    superiority of `inference.rank_comparison`.

    Examples
    --------
    >>> c = compare([3, 5], [1, 3])
    >>> c.difference, c.superiority
    (2.0, 0.875)
    """
    (x, n), (y, m) = present(first), present(second)
    size = (int(n.sum()), int(m.sum()))
    if not min(size):
        return Comparison(*size, note="a group is empty: nothing to compare")
    means = inference.mean_difference(x, y, counts=(n, m), level=level)
    middle = (float(x @ n / n.sum()), float(y @ m / m.sum()))
    if min(size) < 2:
        why = "a group has one value: no interval can be given"
        return Comparison(*size, *middle, means.difference, note=why)
    if len(x) == len(y) == 1 and x[0] == y[0]:
        return Comparison(*size, *middle, 0.0, superiority=0.5, note="all values are equal")
    ranks = inference.rank_comparison(x, y, counts=(n, m), level=level)
    note = ""
    if np.isnan(means.t):
        note = "neither group varies: the means differ for sure, no interval can be given"
    found: Any = vars(means) | vars(ranks)
    return Comparison(*size, *middle, **found, note=note)


@dataclass(frozen=True)
class Association:
    """Whether two attributes go together.

    Attributes
    ----------
    counts, expected, residuals : tables of the same shape; expected if the two had nothing to do
        with each other; adjusted standardised residuals, of which 1 in 20 lies beyond 2 by chance
        alone
    n : the sum of the counts
    chi2, df, p : Pearson's test of independence
    strength, low, high : Cramér's V less what chance alone gives, 0 (independent) to 1; with its
        interval
    note : what could not be given or is rough, and why; empty when all is well
    """

    counts: pd.DataFrame
    expected: pd.DataFrame
    residuals: pd.DataFrame
    n: int
    chi2: float = np.nan
    df: int = 0
    p: float = np.nan
    strength: float = np.nan
    low: float = np.nan
    high: float = np.nan
    note: str = ""

    def table(self) -> pd.DataFrame:
        """One row a cell: row, column, n, expected, residual."""
        parts = {"n": self.counts, "expected": self.expected, "residual": self.residuals}
        long = pd.concat(parts, names=["part", "row"]).rename_axis(columns="column").stack()
        wide = long.unstack("part")[list(parts)].rename_axis(columns=None)
        return wide.astype({"n": "int64"}).reset_index()


def associate(counts: pd.DataFrame, *, level: float = 0.95) -> Association:
    """Whether the rows and the columns of a table of counts go together, and in which cells.

    Parameters
    ----------
    counts : numbers 0 or more, one row a value of the first attribute, one column a value of the
        second
    level : of the interval

    Returns
    -------
    Association : a stated result for every input; rows and columns without a count are left out.

    Raises
    ------
    TableError : when a count is missing or below 0.

    Notes
    -----
    `inference.cramers_v` and `inference.standardized_residuals`. Rough where an expected count is
    below 5; the note says so.

    Examples
    --------
    >>> found = associate(pd.DataFrame({"yes": [30, 10], "no": [10, 30]}, index=["new", "old"]))
    >>> round(found.chi2, 2), round(found.strength, 3)
    (20.0, 0.487)
    """
    values = inference.counts_of(counts)
    kept = counts.loc[values.sum(axis=1) > 0, values.sum(axis=0) > 0].astype(float)
    table, whole, n = kept.to_numpy(), kept.astype("int64"), int(values.sum())
    residuals = pd.DataFrame(inference.standardized_residuals(table), kept.index, kept.columns)
    if min(table.shape) < 2:
        why = "fewer than two rows or columns: nothing to compare"
        return Association(whole, kept, residuals, n, note=why)
    v = inference.cramers_v(table, level=level)
    expected = pd.DataFrame(v.expected, kept.index, kept.columns)
    few, note = int((v.expected < 5).sum()), ""
    if few:
        note = f"{few} of {table.size} cells expect fewer than 5: p and interval are rough"
    found = (v.chi2, v.df, v.p, v.strength, v.low, v.high)
    return Association(whole, expected, residuals, n, *found, note)


@dataclass(frozen=True)
class Correlations:
    """How each pair of customer measures goes together.

    Attributes
    ----------
    pairs : one row a pair, strongest first: first, second, n (customers who have both), pearson,
        pearson_low, pearson_high, spearman, spearman_low, spearman_high, p_adjusted (Holm, of
        Spearman being 0), note
    level : of the intervals, for each pair on its own
    """

    pairs: pd.DataFrame
    level: float

    def table(self) -> pd.DataFrame:
        """The pairs, without the interval of Pearson's, and without notes where there are none."""
        found = self.pairs.drop(columns=["pearson_low", "pearson_high"])
        return found if (found.note != "").any() else found.drop(columns="note")

    @property
    def caption(self) -> str:
        """How many pairs were looked at and how many differ from 0."""
        sure = (self.pairs.p_adjusted < 1 - self.level).sum()
        return (
            f"Pairs of customer measures, strongest first: {len(self.pairs)} looked at, "
            f"{sure} differ from 0 beyond chance, so read the size"
        )


def correlations(behaviour: Behaviour, *, level: float = 0.95) -> Correlations:
    """How each pair of customer measures goes together.

    Parameters
    ----------
    behaviour : from `behaviour`
    level : of the intervals, for each pair on its own

    Returns
    -------
    Correlations : one row a pair, strongest first.

    Notes
    -----
    Fisher's z intervals; for Spearman with the variance (1 + r²/2) / (n - 3). Below 10 customers,
    or where a measure never varies, nothing is given and the note says so. With thousands of
    customers every pair differs from 0: read the size, not the p-value. Pairs that share a part
    (spend and spend an order) are related by construction.

    References
    ----------
    Fisher (1921), Metron 1. Bonett & Wright (2000), Psychometrika 65. Holm (1979), Scand. J.
    Statistics 6.
    """
    people = behaviour.people
    rows = [_pair(people, first, second, level) for first, second in combinations(MEASURES, 2)]
    table = pd.DataFrame(rows)
    table["p_adjusted"] = inference.adjust(table.pop("p"))
    table["note"] = table.pop("note")
    order = table.spearman.abs().fillna(-1).sort_values(ascending=False, kind="stable").index
    return Correlations(table.loc[order].reset_index(drop=True), level)


def _pair(people: pd.DataFrame, first: str, second: str, level: float) -> dict[str, object]:
    both = people[[MEASURES[first], MEASURES[second]]].astype(float).dropna().to_numpy()
    n, why = len(both), ""
    if n < 10:
        why = f"{n} customer(s) have both, 10 are needed"
    elif np.ptp(both, axis=0).min() == 0:
        why = "one of the two never varies"
    row: dict[str, object] = {"first": first, "second": second, "n": n}
    line = rank = inference.Estimate(np.nan)
    p = np.nan
    if not why:
        line = inference.pearson(*both.T, level=level)
        rank, p = inference.spearman(*both.T, level=level)
    for name, found in (("pearson", line), ("spearman", rank)):
        row |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
    return row | {"p": p, "note": why}
