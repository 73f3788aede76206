"""Mean, variance, quantiles and their intervals from value counts.

A value count is a table with one row a distinct value: `value` and `n`, how often it occurs. It is
what an SQL engine gives cheaply, it can be merged by adding, and every statistic below is exact on
it: nothing is sampled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from personalize.inference import normal_quantile, ratio
from personalize.tables import TableError

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
ROUNDING = 8 * np.finfo(float).eps  # relative spread below which values are equal
NEEDED = "give numbers, or value counts (a DataFrame with columns value and n):"
SKEWED = (
    "very skewed for its size (n < 25 skew²): the interval of the mean is rough, trust the median"
)


@dataclass(frozen=True)
class Description:
    """What one quantity looks like: centre, spread, shape and how sure one can be.

    Attributes
    ----------
    n, missing : values present and absent
    total, mean, variance, std, skew, minimum, maximum : of the values present; variance with `ddof`
    mean_low, mean_high, median_low, median_high, std_low, std_high : intervals at the level asked
        for
    quantiles : probability -> value, linear between neighbours (numpy's default, type 7)
    note : what could not be given, and why; empty when all is well
    """

    n: int
    missing: int
    total: float = np.nan
    mean: float = np.nan
    mean_low: float = np.nan
    mean_high: float = np.nan
    variance: float = np.nan
    std: float = np.nan
    std_low: float = np.nan
    std_high: float = np.nan
    skew: float = np.nan
    minimum: float = np.nan
    maximum: float = np.nan
    median: float = np.nan
    median_low: float = np.nan
    median_high: float = np.nan
    quantiles: Mapping[float, float] = field(default_factory=dict)
    note: str = ""

    def table(self) -> pd.DataFrame:
        """One row: every attribute, the quantiles as q05, q25, ..."""
        row = dict(vars(self))
        quantiles, note = row.pop("quantiles"), row.pop("note")
        for p, value in quantiles.items():
            if p != 0.5:
                row[f"q{100 * p:02.4g}"] = value
        return pd.DataFrame([row | {"note": note}])


def value_counts(values: Any) -> pd.DataFrame:
    """The value counts of plain values; value counts stay as they are.

    Parameters
    ----------
    values : numbers (a list, an array, a Series), of which missing ones (None, NaN) are counted in
        a row of their own; or a DataFrame with columns value and n

    Returns
    -------
    DataFrame with columns value and n, one row a distinct value, ascending, missing last.

    Raises
    ------
    TableError : for values that are no numbers, or a DataFrame without the two columns.

    Examples
    --------
    >>> value_counts([3, 1, 3, None])
       value  n
    0    1.0  1
    1    3.0  2
    2    NaN  1
    """
    if isinstance(values, pd.DataFrame):
        if problems := _wrong_columns(values):
            raise TableError.of(NEEDED, problems)
        return values
    try:
        numbers = pd.Series(values, dtype="float64").to_numpy()
    except (TypeError, ValueError) as error:
        raise TableError(f"{NEEDED} {error}") from error
    value, n = np.unique(numbers, return_counts=True)  # missing ones are alike, and last
    return pd.DataFrame({"value": value, "n": n.astype("int64")})


def present(values: Any) -> tuple[np.ndarray, np.ndarray]:
    """The distinct values that are there, ascending, and how often each occurs.

    Parameters
    ----------
    values : as in `value_counts`
    """
    counts = value_counts(values)
    counts = counts[counts.value.notna() & (counts.n > 0)].sort_values("value", kind="stable")
    return counts.value.to_numpy(float), counts.n.to_numpy(float)


def describe(
    values: Any,
    *,
    ddof: int = 0,
    level: float = 0.95,
    quantiles: Sequence[float] = QUANTILES,
    design_effect: float = 1.0,
) -> Description:
    """Describe a quantity.

    Parameters
    ----------
    values : plain numbers, or value counts with columns value and n (see `value_counts`); a missing
        value counts as missing
    ddof : the variance divides by n - ddof: 0 for the values as they are, 1 to estimate a larger
        population's
    level : of the intervals, between 0 and 1
    quantiles : probabilities between 0 and 1; the median is always given
    design_effect : variance of the mean over what it were if all values were drawn one by one;
        above 1 where values come in groups, such as the orders of one customer (see
        `design_effect`)

    Returns
    -------
    Description : a stated result for every input; what cannot be given is NaN and `note` says why.

    Raises
    ------
    TableError : for values that are no numbers, when value or n is absent, n is negative, or a
        parameter is out of its range.

    Notes
    -----
    Mean: t interval. Median: order statistics whose ranks are binomial quantiles, so no
    distribution is assumed. Standard deviation: delta method, variance of s² = (m4 - m2²) / n.
    Skewness: m3 / m2^1.5 with m_k the central moments (1/n). The t interval of a skewed quantity is
    close when n > 25 skew² and the note says where it is not.

    References
    ----------
    Hyndman & Fan (1996), Sample quantiles in statistical packages, type 7. Cochran (1977), Sampling
    Techniques, section 2.15 (n > 25 skew²). Conover (1999), Practical Nonparametric Statistics,
    section 3.2.

    Examples
    --------
    >>> d = describe([1, 2, 2, 3, 3, 4, 13])
    >>> d.mean, d.median, round(float(d.variance), 2), round(float(d.skew), 2)
    (4.0, 3.0, 14.29, 1.81)
    >>> describe([5]).note
    'one value: no interval can be given'
    """
    _check(values, level, quantiles, design_effect)
    counts = value_counts(values)
    missing = int(counts.n[counts.value.isna()].sum())
    value, weight = present(counts)
    n = int(weight.sum())
    if not n:
        return Description(n, missing, note="no value: nothing can be described")
    shape, notes = _moments(value, weight, ddof)
    ends, more = _intervals(value, weight, shape, level=level, effect=design_effect)
    del shape["m2"], shape["kurtosis"]
    *found, median = weighted_quantiles(counts, [*quantiles, 0.5])
    return Description(
        n,
        missing,
        **shape,
        **ends,
        minimum=float(value[0]),
        maximum=float(value[-1]),
        median=float(median),
        quantiles=dict(zip(map(float, quantiles), map(float, found), strict=True)),
        note="; ".join(notes + more),
    )


def _wrong_columns(counts: pd.DataFrame) -> list[str]:
    missing = [name for name in ("value", "n") if name not in counts]
    return [f"column '{name}' is missing" for name in missing]


def _check(values: Any, level: float, quantiles: Sequence[float], design_effect: float) -> None:
    problems = []
    if isinstance(values, pd.DataFrame):
        problems += _wrong_columns(values)
    if not problems:
        counts = value_counts(values)
        negative = int((counts.n < 0).sum())
        if negative:
            problems.append(f"{negative} row(s) have n below 0: a count is 0 or more")
        if np.isinf(counts.value.to_numpy(float)).any():
            problems.append("a value is infinite: leave it out or count it as missing")
    if not 0 < level < 1:
        problems.append(f"level = {level} is not between 0 and 1, such as 0.95")
    outside = [p for p in quantiles if not 0 <= p <= 1]
    if outside:
        problems.append(f"quantiles {outside} are not between 0 and 1")
    if not design_effect > 0:
        problems.append(f"design_effect = {design_effect} is not above 0")
    if problems:
        raise TableError.of(NEEDED, problems)


def _moments(
    value: np.ndarray, weight: np.ndarray, ddof: int
) -> tuple[dict[str, float], list[str]]:
    """Total, mean, variance, skew, and notes on what is not defined; exact 0 for equal values."""
    n, notes = weight.sum(), []
    total = float(value @ weight)
    mean = float(np.clip(total / n, value[0], value[-1]))
    m2 = float(weight @ (value - mean) ** 2) / n
    skew = kurtosis = variance = np.nan
    if value[0] == value[-1] or m2 <= (ROUNDING * abs(mean)) ** 2:
        m2, mean = 0.0, float(value[0])
        if n > 1:
            notes.append("all values are equal: no spread, skewness is not defined")
    else:
        scaled = (value - mean) / np.sqrt(m2)
        skew = float(weight @ scaled**3 / n)
        kurtosis = float(weight @ scaled**4 / n)
    if n > ddof:
        variance = m2 * n / (n - ddof)
    else:
        notes.append(f"variance needs more than {ddof} value(s) with ddof = {ddof}")
    found = {"total": total, "mean": mean, "variance": variance, "std": float(np.sqrt(variance))}
    return found | {"skew": skew, "m2": m2, "kurtosis": kurtosis}, notes


def _intervals(
    value: np.ndarray, weight: np.ndarray, shape: dict[str, float], *, level: float, effect: float
) -> tuple[dict[str, float], list[str]]:
    """Intervals of mean, standard deviation and median, and notes on those that are rough."""
    n = weight.sum()
    if n == 1:
        return {}, ["one value: no interval can be given"]
    effective, notes = max(n / effect, 1.0), []
    df = max(effective - 1, 1.0)
    half = special.stdtrit(df, 0.5 + level / 2) * np.sqrt(shape["m2"] / df)
    low, high, reached = _median_ranks(value, weight, level, effective)
    if not reached:
        notes.append(f"too few values for a {level:.0%} interval of the median: the range is given")
    ends = {"mean_low": shape["mean"] - half, "mean_high": shape["mean"] + half}
    ends |= {"median_low": low, "median_high": high}
    if shape["m2"] > 0:
        error = shape["std"] * np.sqrt(max(shape["kurtosis"] - 1, 0.0) / effective) / 2
        wide = normal_quantile(level) * error
        ends |= {"std_low": max(shape["std"] - wide, 0.0), "std_high": shape["std"] + wide}
        if effective < 25 * shape["skew"] ** 2:
            notes.append(SKEWED)
    return ends, notes


def _median_ranks(
    value: np.ndarray, weight: np.ndarray, level: float, effective: float
) -> tuple[float, float, bool]:
    """The order statistics that hold the median with probability `level`; whether they exist."""
    n = weight.sum()
    trials = max(round(effective), 1)
    below = _binomial_quantile((1 - level) / 2, trials)
    above = _binomial_quantile((1 + level) / 2, trials)
    ranks = np.clip(np.array([(below - 1) / trials, above / trials]) * n, 0, n - 1)
    places = np.searchsorted(weight.cumsum(), [np.floor(ranks[0]), np.ceil(ranks[1])], side="right")
    return float(value[places[0]]), float(value[places[1]]), below >= 1


def _binomial_quantile(q: float, n: int) -> int:
    """The smallest k with P(Binomial(n, 1/2) <= k) >= q."""
    k = max(int(np.ceil(special.bdtrik(q, n, 0.5))), 0)
    return k - 1 if k and special.bdtr(k - 1, n, 0.5) >= q else k


def weighted_quantiles(values: Any, probabilities: Sequence[float]) -> np.ndarray:
    """Quantiles of value counts, equal to numpy's default on the values written out.

    Parameters
    ----------
    values : as in `value_counts`; missing values are left out
    probabilities : between 0 and 1

    Returns
    -------
    array : one value a probability; NaN where there is no value.

    Examples
    --------
    >>> counts = pd.DataFrame({"value": [1.0, 10.0], "n": [3, 1]})
    >>> weighted_quantiles(counts, [0.5, 0.9]).round(6).tolist()
    [1.0, 7.3]
    """
    value, n = present(values)
    if not len(value):
        return np.full(len(probabilities), np.nan)
    ends = n.astype(np.int64).cumsum()
    place = np.asarray(probabilities, float) * (ends[-1] - 1)
    lower = np.floor(place).astype(np.int64)
    left = value[np.searchsorted(ends, lower, side="right")]
    right = value[np.searchsorted(ends, np.minimum(lower + 1, ends[-1] - 1), side="right")]
    part = place - lower
    step = right - left
    return np.where(part < 0.5, left + step * part, right - step * (1 - part))


def bracket(low: float, high: float, form: str = "{:,.0f}") -> str:
    """An interval as words for a sentence; words also where there is none.

    Parameters
    ----------
    low, high : the ends, NaN where no interval can be given
    form : format of each end

    Examples
    --------
    >>> bracket(0.533, 0.558, "{:.1%}"), bracket(float("nan"), 1)
    ('[53.3%, 55.8%]', '[no interval]')
    """
    if not np.isfinite([low, high]).all():
        return "[no interval]"
    return f"[{form.format(low)}, {form.format(high)}]"


def design_effect(numerator: Any, denominator: Any, values: Any) -> float:
    """How much wider, squared, the interval of a mean gets because its values come in groups.

    Parameters
    ----------
    numerator, denominator : total and number of values of each group
    values : all values, or their value counts

    Returns
    -------
    float : the variance of the mean over groups divided by that of single draws; 1 where it cannot
    be told.

    Notes
    -----
    Kish (1965), Survey Sampling, section 5.4. Below 1 is possible and kept: groups may be more
    alike than chance.
    """
    estimate, low, high = ratio(numerator, denominator)
    value, weight = present(values)
    n = weight.sum()
    if n < 2 or not high > low:
        return 1.0
    spread = float(weight @ (value - estimate) ** 2) / n
    if not spread > 0:
        return 1.0
    error = (high - low) / 2 / special.stdtrit(len(np.atleast_1d(denominator)) - 1, 0.975)
    return float(error**2 / (spread / (n - 1)))


def sizes(values: Any, *, edges: Sequence[float] = (1, 2, 3, 6, 11, 21, 51, 101)) -> pd.DataFrame:
    """How many values fall into each band of size: baskets by lines, customers by orders.

    Parameters
    ----------
    values : whole numbers, or their value counts
    edges : first value of each band, ascending; the last band has no end

    Returns
    -------
    DataFrame, one row a band that is not empty: size, n, share of n, share_of_total (of the sum of
    values).

    Examples
    --------
    >>> sizes(pd.DataFrame({"value": [1, 2, 4], "n": [6, 3, 1]}), edges=[1, 2, 3])["size"].tolist()
    ['1', '2', '3 or more']
    """
    names = [f"below {edges[0]}"]
    for first, following in pairwise(edges):
        names.append(str(first) if following - first == 1 else f"{first} to {following - 1}")
    names.append(f"{edges[-1]} or more")
    value, n = present(values)
    band = np.searchsorted(np.asarray(edges, float), value, side="right")
    parts = pd.DataFrame({"size": np.array(names)[band], "n": n.astype("int64"), "held": value * n})
    total = parts.groupby(band).agg({"size": "first", "n": "sum", "held": "sum"})
    total = total.reset_index(drop=True)
    held = total.pop("held")
    return total.assign(share=total.n / total.n.sum(), share_of_total=held / (held.sum() or np.nan))
