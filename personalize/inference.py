"""Every interval and test of the kit, once: arrays in, small results out, by statsmodels and scipy.

Whoever knows those packages can check each function against the call it makes. The libraries load
when a function first needs them, so that importing this module costs next to nothing.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from personalize.tables import TableError

METHODS = {"holm": "holm", "bh": "fdr_bh", "by": "fdr_by"}
_ROUNDING = 8 * np.finfo(float).eps  # relative spread below which values are equal


class Estimate(NamedTuple):
    """A number and its interval; NaN where it cannot be given.

    Attributes
    ----------
    value : the estimate
    low, high : ends of its interval at the level asked for
    """

    value: float
    low: float = np.nan
    high: float = np.nan


@dataclass(frozen=True)
class MeanDifference:
    """Two means side by side (Welch), with the size of their difference (Hedges' g).

    Attributes
    ----------
    difference, low, high : first mean less second mean, and its interval
    t, df, p : Welch's test of equal means
    effect, effect_low, effect_high : the difference in pooled standard deviations, free of
        small-sample bias, and its interval; 0.2 is small, 0.8 large
    """

    difference: float
    low: float = np.nan
    high: float = np.nan
    t: float = np.nan
    df: float = np.nan
    p: float = np.nan
    effect: float = np.nan
    effect_low: float = np.nan
    effect_high: float = np.nan


@dataclass(frozen=True)
class RankComparison:
    """Two groups by their ranks.

    Attributes
    ----------
    superiority, superiority_low, superiority_high : chance that one drawn from the first group has
        more than one drawn from the second (ties count half), and its interval (Brunner and
        Munzel), cut at 0 and 1
    u, p_rank : Mann and Whitney's U of the first group, and the p-value of its test
    """

    superiority: float
    superiority_low: float = np.nan
    superiority_high: float = np.nan
    u: float = np.nan
    p_rank: float = np.nan


@dataclass(frozen=True)
class CramersV:
    """How closely two attributes go together.

    Attributes
    ----------
    strength, low, high : Cramér's V less what chance alone gives, 0 (independent) to 1, and its
        interval
    chi2, df, p : Pearson's test of independence
    expected : counts if the two had nothing to do with each other
    """

    strength: float
    low: float
    high: float
    chi2: float
    df: int
    p: float
    expected: np.ndarray


@dataclass(frozen=True)
class HacTrend:
    """A straight line through a series whose neighbouring values are alike.

    Attributes
    ----------
    slope, low, high : change from one value to the next, and its interval
    fitted : the line, one number a value
    """

    slope: float
    low: float
    high: float
    fitted: np.ndarray


def normal_quantile(level: float) -> float:
    """The standard deviations on either side that hold `level` of a normal distribution.

    Examples
    --------
    >>> round(normal_quantile(0.95), 4)
    1.96
    """
    return float(special.ndtri(0.5 + level / 2))


def proportion_interval(
    successes: ArrayLike, trials: ArrayLike, *, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """The Wilson interval of a share.

    Parameters
    ----------
    successes, trials : counts, plain or arrays of one shape; fractions are accepted
    level : of the interval, between 0 and 1

    Returns
    -------
    (low, high) : arrays (of shape () for plain counts) between 0 and 1; exactly 0 and 1 where
    nothing or everything is a success; NaN for 0 trials.

    References
    ----------
    Wilson (1927), JASA 22, 209-212. `statsmodels.stats.proportion.proportion_confint`.

    Examples
    --------
    >>> low, high = proportion_interval(8, 10)
    >>> round(float(low), 4), round(float(high), 4)
    (0.4902, 0.9433)
    """
    from statsmodels.stats.proportion import proportion_confint

    n = np.asarray(trials, float)
    n = np.where(n > 0, n, np.nan)
    k = np.asarray(successes, float) + 0 * n
    low, high = proportion_confint(k, n, alpha=1 - level, method="wilson")
    low, high = np.clip(low, 0, 1), np.clip(high, 0, 1)
    return np.where(k == 0, 0.0, low), np.where(k == n, 1.0, high)


def ratio(numerator: ArrayLike, denominator: ArrayLike, *, level: float = 0.95) -> Estimate:
    """A ratio of two totals with its interval, where the rows (customers, days) were sampled.

    Parameters
    ----------
    numerator, denominator : one number a row, such as the spend and the orders of each customer
    level : of the interval

    Returns
    -------
    Estimate : low and high are NaN for fewer than two rows, all are NaN when the denominators sum
        to 0.

    Notes
    -----
    R = Σy / Σx with variance k / (k - 1) Σ(y - R x)² / (Σx)² over k rows (linearisation); t
    interval, k - 1 degrees.

    References
    ----------
    Cochran (1977), Sampling Techniques, section 2.11.

    Examples
    --------
    >>> tuple(ratio([2.0, 4.0, 6.0], [1, 2, 3]))
    (2.0, 2.0, 2.0)
    """
    y, x = np.asarray(numerator, float), np.asarray(denominator, float)
    k, total = len(x), x.sum()
    if not total:
        return Estimate(np.nan)
    value = float(y.sum() / total)
    if k < 2:
        return Estimate(value)
    squares = ((y - value * x) ** 2).sum()
    error = np.sqrt(k / (k - 1) * squares) / abs(total)
    half = float(special.stdtrit(k - 1, 0.5 + level / 2) * error)
    return Estimate(value, value - half, value + half)


def mean_difference(
    first: ArrayLike,
    second: ArrayLike,
    *,
    counts: tuple[ArrayLike, ArrayLike] | None = None,
    level: float = 0.95,
) -> MeanDifference:
    """The difference of two means by Welch's test, no equal variances assumed, and Hedges' g.

    Parameters
    ----------
    first, second : the values of each group, none missing
    counts : how often each value of the first and of the second group occurs; once each when None
    level : of the intervals

    Returns
    -------
    MeanDifference : intervals and tests are NaN where a group has fewer than two values or neither
        varies.

    Raises
    ------
    TableError : for an empty group.

    Notes
    -----
    t = (m1 - m2) / sqrt(s1²/n1 + s2²/n2) with Satterthwaite's degrees of freedom. g = J (m1 - m2) /
    s pooled with J = 1 - 3 / (4 (n1 + n2) - 9); its variance is (n1 + n2) / (n1 n2) + g² / (2 (n1 +
    n2)).

    References
    ----------
    Welch (1947), Biometrika 34. Hedges & Olkin (1985), Statistical Methods for Meta-Analysis,
    chapter 5. `statsmodels.stats.weightstats.CompareMeans`.

    Examples
    --------
    >>> found = mean_difference([5, 6, 7], [1, 2, 3])
    >>> found.difference, round(found.low, 2), round(found.high, 2), round(found.effect, 2)
    (4.0, 1.73, 6.27, 3.2)
    """
    from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

    groups = [DescrStatsW(*part) for part in _groups(first, second, counts)]
    one, two = groups
    mean = np.array([float(one.mean), float(two.mean)])
    n = np.array([one.nobs, two.nobs])
    squares = np.array([float(one.sumsquares), float(two.sumsquares)])
    difference = float(mean[0] - mean[1])
    if n.min() < 2 or not (squares > (_ROUNDING * mean) ** 2 * n).any():
        return MeanDifference(difference)
    both = CompareMeans(*groups)
    t, p, df = map(float, both.ttest_ind(usevar="unequal"))
    low, high = map(float, both.tconfint_diff(alpha=1 - level, usevar="unequal"))
    total = n.sum()
    pooled = np.sqrt(squares.sum() / (total - 2))
    g = float((1 - 3 / (4 * total - 9)) * difference / pooled)
    half = normal_quantile(level) * float(np.sqrt(total / n.prod() + g**2 / (2 * total)))
    return MeanDifference(difference, low, high, t, df, p, g, g - half, g + half)


def rank_comparison(
    first: ArrayLike,
    second: ArrayLike,
    *,
    counts: tuple[ArrayLike, ArrayLike] | None = None,
    level: float = 0.95,
) -> RankComparison:
    """Whether one group tends to have more: Mann-Whitney's test, Brunner-Munzel's interval.

    Parameters
    ----------
    first, second : the values of each group, none missing
    counts : how often each value of the first and of the second group occurs; once each when None
    level : of the interval of the superiority

    Returns
    -------
    RankComparison : the test is NaN where all values are equal; the interval where no value of one
    group lies among those of the other, or a group has fewer than two values.

    Raises
    ------
    TableError : for an empty group.

    Notes
    -----
    Mann-Whitney: normal, with corrections for ties and continuity. Interval: t with Brunner and
    Munzel's degrees.

    References
    ----------
    Mann & Whitney (1947), Annals of Mathematical Statistics 18. Brunner & Munzel (2000),
    Biometrical Journal 42. `scipy.stats.mannwhitneyu`,
    `statsmodels.stats.nonparametric.rank_compare_2indep`.

    Examples
    --------
    >>> found = rank_comparison([3, 5], [1, 3, 4])
    >>> found.u, found.superiority
    (4.5, 0.75)
    """
    from scipy.stats import mannwhitneyu
    from statsmodels.stats.nonparametric import rank_compare_2indep

    (x, n), (y, m) = _groups(first, second, counts)
    a, b = np.repeat(x, n.astype(int)), np.repeat(y, m.astype(int))
    size = len(a) * len(b)
    if (a == a[0]).all() and (b == a[0]).all():
        return RankComparison(0.5, u=size / 2)
    u, p = mannwhitneyu(a, b, method="asymptotic")
    chance = float(u / size)
    if min(len(a), len(b)) < 2:
        return RankComparison(chance, u=float(u), p_rank=float(p))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = rank_compare_2indep(a, b, use_t=True)
    if not found.var > 0:
        return RankComparison(chance, u=float(u), p_rank=float(p))
    low, high = np.clip(found.conf_int(alpha=1 - level), 0, 1)
    return RankComparison(chance, float(low), float(high), float(u), float(p))


def _groups(
    first: ArrayLike, second: ArrayLike, counts: tuple[ArrayLike, ArrayLike] | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The values of each group and how often each occurs."""
    parts = []
    for k, group in enumerate((first, second)):
        values = np.asarray(group, float)
        n = _weights(values, None if counts is None else counts[k])
        if n.shape != values.shape:
            raise TableError(f"{len(n):,} counts for {len(values):,} values: one a value is needed")
        if not n.sum() > 0:
            which = ("first", "second")[k]
            raise TableError(f"the {which} group is empty: there is nothing to compare")
        parts.append((values, n))
    return parts


def _weights(values: np.ndarray, counts: ArrayLike | None) -> np.ndarray:
    """How often each value occurs, as numbers."""
    if counts is None:
        return np.ones(len(values))
    return np.asarray(counts, float)


def adjust(p_values: ArrayLike, *, method: str = "holm", tests: int | None = None) -> np.ndarray:
    """P-values that allow for all that was looked at; missing ones stay missing.

    Parameters
    ----------
    p_values : between 0 and 1, NaN where a test could not be made
    method : "holm" (no false alarm at all), "bh" (share of false alarms; Benjamini and Hochberg) or
        "by" (the same under any dependence; Benjamini and Yekutieli)
    tests : how many were looked at, for "bh", where most were dropped before a p-value was worth
        computing: those count as 1; the number of p-values when None

    Raises
    ------
    TableError : for another method, or `tests` with a method other than "bh".

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6. Benjamini & Hochberg (1995), JRSS B 57.
    Benjamini & Yekutieli (2001), Annals of Statistics 29.
    `statsmodels.stats.multitest.multipletests`.

    Examples
    --------
    >>> adjust([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    >>> adjust([0.01, 0.04, 0.03], method="bh", tests=4).round(4).tolist()
    [0.04, 0.0533, 0.0533]
    """
    if method not in METHODS or (tests is not None and method != "bh"):
        raise TableError(
            f"method '{method}' is not known here: choose one of {sorted(METHODS)}; "
            "`tests` goes with 'bh' only"
        )
    from statsmodels.stats.multitest import multipletests

    p = np.asarray(p_values, float)
    known = ~np.isnan(p)
    adjusted = np.full(len(p), np.nan)
    if known.any():
        found = multipletests(p[known], method=METHODS[method])[1]
        looked_at = max(tests or 0, len(found))
        adjusted[known] = np.minimum(found * (looked_at / len(found)), 1.0)
    return adjusted


def standardized_residuals(table: ArrayLike) -> np.ndarray:
    """How far each cell of a table of counts lies from independence, in standard deviations.

    Parameters
    ----------
    table : counts, 0 or more; each row and each column has at least one

    Returns
    -------
    array of the table's shape : (n - e) / sqrt(e (1 - row share) (1 - column share)); 1 in 20 lies
    beyond 2 by chance alone. All NaN where a table has fewer than two rows or columns.

    References
    ----------
    Haberman (1973), Biometrics 29. `statsmodels.stats.contingency_tables.Table`.

    Examples
    --------
    >>> standardized_residuals([[30, 10], [10, 30]]).round(2).tolist()
    [[4.47, -4.47], [-4.47, 4.47]]
    """
    counts = counts_of(table)
    if min(counts.shape) < 2:
        return np.full(counts.shape, np.nan)
    from statsmodels.stats.contingency_tables import Table

    return Table(counts, shift_zeros=False).standardized_resids


def cramers_v(table: ArrayLike, *, level: float = 0.95) -> CramersV:
    """How closely the rows and the columns of a table of counts go together.

    Parameters
    ----------
    table : counts, 0 or more, at least two rows and two columns, each with at least one count
    level : of the interval

    Notes
    -----
    χ² = Σ (n - e)² / e without continuity correction. V = sqrt(max(χ² - df, 0) / (n min(r - 1, c -
    1))): df is what χ² is by chance alone. Interval: the noncentralities under which χ² is the
    upper or lower tail.

    References
    ----------
    Bergsma (2013), Journal of the Korean Statistical Society 42: V less chance. Smithson (2003),
    Confidence Intervals, chapter 4. `scipy.stats.chi2_contingency`.

    Examples
    --------
    >>> found = cramers_v([[30, 10], [10, 30]])
    >>> round(found.chi2, 2), round(found.strength, 3)
    (20.0, 0.487)
    """
    from scipy.stats import chi2_contingency

    counts = counts_of(table)
    chi2, p, df, expected = chi2_contingency(counts, correction=False)
    lower = special.chndtrinc(chi2, df, (1 + level) / 2)
    upper = special.chndtrinc(chi2, df, (1 - level) / 2)
    below = special.chdtr(df, chi2)
    if below <= (1 + level) / 2:
        lower = 0.0
    if below <= (1 - level) / 2:
        upper = 0.0
    scale = counts.sum() * (min(counts.shape) - 1)
    found = np.sqrt(np.array([max(chi2 - df, 0), lower, upper]) / scale)
    strength, low, high = np.minimum(found, 1).tolist()
    return CramersV(strength, low, high, float(chi2), int(df), float(p), expected)


def counts_of(table: ArrayLike) -> np.ndarray:
    """The table as numbers, none missing or below 0 (TableError)."""
    counts = np.asarray(table, float)
    wrong = int((~(counts >= 0)).sum())
    if wrong:
        raise TableError(f"{wrong} count(s) are missing or below 0: a count is 0 or more")
    return counts


def pearson(first: ArrayLike, second: ArrayLike, *, level: float = 0.95) -> Estimate:
    """The correlation of two measures along a straight line, with Fisher's interval.

    Parameters
    ----------
    first, second : one number a row each, none missing, at least 4 rows; each varies
    level : of the interval

    References
    ----------
    Fisher (1921), Metron 1. `scipy.stats.pearsonr`.

    Examples
    --------
    >>> [round(x, 3) for x in pearson([1, 2, 3, 4, 5], [1, 3, 2, 5, 4])]
    [0.8, -0.28, 0.986]
    """
    r = float(np.corrcoef(np.asarray(first, float), np.asarray(second, float))[0, 1])
    return _fisher(r, 1 / (np.size(first) - 3), level)


def spearman(first: ArrayLike, second: ArrayLike, *, level: float = 0.95) -> tuple[Estimate, float]:
    """The correlation of the ranks of two measures with its interval, and the p-value of no tie.

    Parameters
    ----------
    first, second : one number a row each, none missing, at least 4 rows; each varies
    level : of the interval

    Notes
    -----
    Fisher's z with variance (1 + r²/2) / (n - 3).

    References
    ----------
    Bonett & Wright (2000), Psychometrika 65. `scipy.stats.spearmanr`.

    Examples
    --------
    >>> found, p = spearman([1, 2, 3, 4, 5], [1, 3, 2, 5, 4])
    >>> round(found.value, 3), round(p, 3)
    (0.8, 0.104)
    """
    from scipy.stats import spearmanr

    r, p = map(float, spearmanr(first, second))
    return _fisher(r, (1 + r**2 / 2) / (np.size(first) - 3), level), p


def _fisher(r: float, variance: float, level: float) -> Estimate:
    middle = np.arctanh(np.clip(r, -1 + 1e-15, 1 - 1e-15))
    half = normal_quantile(level) * np.sqrt(variance)
    return Estimate(r, float(np.tanh(middle - half)), float(np.tanh(middle + half)))


def bandwidth(n: int) -> int:
    """How many neighbours of a series of n values are taken to be alike: 4 (n / 100)^(2/9).

    References
    ----------
    Newey & West (1994), Review of Economic Studies 61.
    """
    return int(4 * (n / 100) ** (2 / 9))


def hac_trend(values: ArrayLike, *, lags: int | None = None, level: float = 0.95) -> HacTrend:
    """The straight line through a series, with an interval that lets neighbours be alike.

    Parameters
    ----------
    values : one number a period, in order, at least 3
    lags : neighbours taken to be alike; `bandwidth` of their number when None
    level : of the interval of the slope

    Notes
    -----
    Least squares; Newey-West covariance scaled by n / (n - 2), t with n - 2 degrees of freedom.

    References
    ----------
    Newey & West (1987), Econometrica 55. `statsmodels` OLS with `cov_type="HAC"`.

    Examples
    --------
    >>> found = hac_trend([1.0, 2.0, 3.0, 4.0])
    >>> round(found.slope, 6), found.fitted.round(6).tolist()
    (1.0, [1.0, 2.0, 3.0, 4.0])
    """
    from statsmodels.regression.linear_model import OLS

    y = np.asarray(values, float)
    n = len(y)
    time = np.arange(n) - (n - 1) / 2
    kinds = {"maxlags": bandwidth(n) if lags is None else lags, "use_correction": True}
    line = OLS(y, np.column_stack([np.ones(n), time]))
    found = line.fit(cov_type="HAC", cov_kwds=kinds, use_t=True)
    low, high = found.conf_int(alpha=1 - level)[1]
    return HacTrend(float(found.params[1]), float(low), float(high), found.fittedvalues)


def long_run_variance(residuals: ArrayLike, *, lags: int | None = None, ddof: int = 0) -> float:
    """The variance of a series whose neighbours are alike, as its mean sees it (Newey-West).

    Parameters
    ----------
    residuals : in order, of mean 0
    lags : neighbours taken to be alike; `bandwidth` of their number when None
    ddof : the sum is divided by n - ddof

    References
    ----------
    Newey & West (1987), Econometrica 55. `statsmodels.stats.sandwich_covariance.S_hac_simple`.

    Examples
    --------
    >>> long_run_variance([1.0, -1.0, 1.0, -1.0], lags=0)
    1.0
    """
    from statsmodels.stats.sandwich_covariance import S_hac_simple

    off = np.asarray(residuals, float)
    n = len(off)
    total = S_hac_simple(off[:, None], nlags=bandwidth(n) if lags is None else lags)
    return max(float(total[0, 0]), 0.0) / (n - ddof)


def auc(outcome: ArrayLike, score: ArrayLike, *, level: float = 0.95) -> Estimate:
    """The area under the ROC curve with DeLong's interval, cut at 0 and 1.

    Parameters
    ----------
    outcome : whether it happened, one a customer
    score : of each customer, higher for more likely
    level : of the interval

    Raises
    ------
    TableError : when it happened to nobody or everybody, for then nothing can be separated.

    Notes
    -----
    The chance that a customer to whom it happened has the higher score of the two, ties counted
    half.

    References
    ----------
    DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44. Sun & Xu (2014), IEEE Signal Processing
    Letters 21: ranks.

    Examples
    --------
    >>> round(auc([0, 0, 1, 1, 1], [1, 3, 2, 4, 5]).value, 3)
    0.833
    """
    (area,), covariance = _delong(outcome, [score])
    half = normal_quantile(level) * np.sqrt(covariance[0, 0])
    return Estimate(float(area), float(max(area - half, 0)), float(min(area + half, 1)))


def auc_difference(
    outcome: ArrayLike, first: ArrayLike, second: ArrayLike, *, level: float = 0.95
) -> Estimate:
    """How much larger the area under the ROC curve of one score is than that of another.

    Parameters
    ----------
    outcome : whether it happened, one a customer
    first, second : scores of each customer, higher for more likely
    level : of the interval (DeLong)

    Raises
    ------
    TableError : when it happened to nobody or everybody.

    Examples
    --------
    >>> round(auc_difference([0, 0, 1, 1, 1], [1, 2, 3, 4, 5], [1, 3, 2, 4, 5]).value, 3)
    0.167
    """
    area, covariance = _delong(outcome, [first, second])
    gain = float(area[0] - area[1])
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    half = normal_quantile(level) * float(np.sqrt(max(variance, 0.0)))
    return Estimate(gain, gain - half, gain + half)


def _delong(outcome: ArrayLike, scores: list[ArrayLike]) -> tuple[np.ndarray, np.ndarray]:
    """The area under each score's curve, and their covariance from placement values."""
    from scipy.stats import rankdata

    happened = np.asarray(outcome, bool)
    values = np.vstack(scores).astype(float)
    m, n = int(happened.sum()), int((~happened).sum())
    if not m or not n:
        raise TableError(f"it happened to {m:,} of {m + n:,} customers: nothing to tell apart")
    ranks = rankdata(values, axis=1)
    above = (ranks[:, happened] - rankdata(values[:, happened], axis=1)) / n
    below = 1 - (ranks[:, ~happened] - rankdata(values[:, ~happened], axis=1)) / m
    return above.mean(axis=1), _covariance(above) / m + _covariance(below) / n


def _covariance(placements: np.ndarray) -> np.ndarray:
    centred = placements - placements.mean(axis=1, keepdims=True)
    return centred @ centred.T / max(placements.shape[1] - 1, 1)


def gini(
    values: ArrayLike, *, counts: ArrayLike | None = None, by: ArrayLike | None = None
) -> float:
    """How unequally a total is shared out: 0 when all have the same, near 1 when one has all.

    Parameters
    ----------
    values : what each has, the sum above 0
    counts : how often each value occurs; once each when None
    by : what puts them in order; the values themselves when None. With a forecast it says how well
        the forecast orders the money (those of equal forecasts share equally): divide by the plain
        Gini for 1 = perfect, 0 = chance

    Notes
    -----
    E|X - Y| / (2 mean), population form: Σ (2 i - n - 1) x_i / (n Σ x) with i the ascending
    (mid-)ranks.

    References
    ----------
    Gini (1912).

    Examples
    --------
    >>> gini([3, 3]), gini([7, 0], counts=[1, 3]), round(gini([0, 1, 5], by=[7, 7, 7]), 3)
    (0.0, 0.75, 0.0)
    """
    x = np.asarray(values, float)
    w = _weights(x, counts)
    order = x if by is None else np.asarray(by, float)
    _, place = np.unique(order, return_inverse=True)
    tied = np.bincount(place, weights=w)
    balance = (2 * tied.cumsum() - tied)[place] / w.sum() - 1  # share below less share above
    return float(w * x @ balance / (w @ x))


def gini_interval(
    values: ArrayLike, *, counts: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """The Gini coefficient with its interval, treating those who share as drawn one by one.

    Parameters
    ----------
    values : what each has, the sum above 0; values below 0 are kept, and the coefficient may then
        exceed 1
    counts : how often each value occurs; once each when None
    level : of the interval, by linearisation; NaN for one value

    References
    ----------
    Langel & Tillé (2013), JRSS A 176, section 6.

    Examples
    --------
    >>> round(gini_interval([0.0, 10.0], counts=[8, 2]).value, 12)
    0.8
    """
    x = np.asarray(values, float)
    order = np.argsort(x, kind="stable")
    x, w = x[order], _weights(x, counts)[order]
    n, mean = w.sum(), x @ w / w.sum()
    found = max(gini(x, counts=w), 0.0)
    if n < 2:
        return Estimate(found)
    below, held = w.cumsum() / n, (x * w).cumsum() / n
    distance = x * (2 * below - 1) + mean - 2 * held  # mean distance of each value from all others
    influence = (distance - 2 * found * mean) / mean - found * (x - mean) / mean
    half = normal_quantile(level) * float(np.sqrt(w @ influence**2)) / n
    return Estimate(found, found - half, found + half)


def sample_size(
    share: float, margin: float, *, level: float = 0.95, population: int | None = None
) -> int:
    """How many to ask so that a share is known to within a margin.

    Parameters
    ----------
    share : the share expected, 0 to 1; 0.5 is the safe choice
    margin : half the width of the interval, such as 0.05
    level : of the interval
    population : all who could be asked; fewer need to be asked of a small one

    Raises
    ------
    TableError : for a share or margin outside its range.

    Notes
    -----
    n = z² p (1 - p) / e², then n / (1 + (n - 1) / N) for a population of N (Cochran 1977, section
    4.4).

    Examples
    --------
    >>> sample_size(0.5, 0.05), sample_size(0.5, 0.05, population=1000)
    (385, 278)
    """
    if not (0 <= share <= 1 and 0 < margin < 1):
        raise TableError(
            f"share = {share} must lie from 0 to 1, "
            f"margin = {margin} between 0 and 1 (0.05 is 5 points)"
        )
    n = normal_quantile(level) ** 2 * share * (1 - share) / margin**2
    if population:
        n = n / (1 + (n - 1) / population)
    return int(np.ceil(n))
