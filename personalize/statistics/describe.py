"""Mean, variance, quantiles and their intervals from value counts.

A value count is a table with one row a distinct value: `value` and `n`, how often it occurs. It is what an SQL
engine gives cheaply, it can be merged by adding, and every statistic below is exact on it: nothing is sampled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from personalize.tables import TableError

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Description:
    """What one quantity looks like: centre, spread, shape and how sure one can be.

    Attributes
    ----------
    n, missing : values present and absent
    total, mean, variance, std, skew, minimum, maximum : of the values present; variance with `ddof`
    mean_low, mean_high, median_low, median_high, std_low, std_high : intervals at the level asked for
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
        row = {
            name: value for name, value in vars(self).items() if name not in ("quantiles", "note")
        }
        row |= {f"q{100 * p:02.4g}": value for p, value in self.quantiles.items() if p != 0.5}
        return pd.DataFrame([row | {"note": self.note}])


def value_counts(values: Any) -> pd.DataFrame:
    """The value counts of plain values.

    Parameters
    ----------
    values : numbers; missing ones (None, NaN) are counted in a row of their own

    Returns
    -------
    DataFrame with columns value and n, one row a distinct value, ascending, missing last.

    Examples
    --------
    >>> value_counts([3, 1, 3, None])
       value  n
    0    1.0  1
    1    3.0  2
    2    NaN  1
    """
    numbers = pd.Series(values, dtype="float64").to_numpy()
    value, n = np.unique(numbers, return_counts=True)  # missing ones are alike, and last
    return pd.DataFrame({"value": value, "n": n.astype("int64")})


def describe(
    counts: pd.DataFrame,
    *,
    ddof: int = 0,
    level: float = 0.95,
    quantiles: Sequence[float] = QUANTILES,
    design_effect: float = 1.0,
) -> Description:
    """Describe a quantity from its value counts.

    Parameters
    ----------
    counts : columns value and n (see `value_counts`); a missing value counts as missing
    ddof : the variance divides by n - ddof: 0 for the values as they are, 1 to estimate a larger population's
    level : of the intervals, between 0 and 1
    quantiles : probabilities between 0 and 1; the median is always given
    design_effect : variance of the mean over what it were if all values were drawn one by one; above 1 where
        values come in groups, such as the orders of one customer (see `design_effect`)

    Returns
    -------
    Description : a stated result for every input; what cannot be given is NaN and `note` says why.

    Raises
    ------
    TableError : when value or n is absent, n is negative, or a parameter is out of its range.

    Notes
    -----
    Mean: t interval. Median: order statistics whose ranks are binomial quantiles, so no distribution is assumed.
    Standard deviation: delta method, variance of s² = (m4 - m2²) / n. Skewness: m3 / m2^1.5 with m_k the central
    moments (1/n). The t interval of a skewed quantity is close when n > 25 skew² and the note says where it is not.

    References
    ----------
    Hyndman & Fan (1996), Sample quantiles in statistical packages, type 7. Cochran (1977), Sampling Techniques,
    section 2.15 (n > 25 skew²). Conover (1999), Practical Nonparametric Statistics, section 3.2.

    Examples
    --------
    >>> d = describe(value_counts([1, 2, 2, 3, 3, 4, 13]))
    >>> d.mean, d.median, round(float(d.variance), 2), round(float(d.skew), 2)
    (4.0, 3.0, 14.29, 1.81)
    >>> describe(value_counts([5])).note
    'one value: no interval can be given'
    """
    _check(counts, level, quantiles, design_effect)
    present = counts[counts.value.notna() & (counts.n > 0)].sort_values("value", kind="stable")
    n, missing = int(present.n.sum()), int(counts.n[counts.value.isna()].sum())
    if not n:
        return Description(n, missing, note="no value: nothing can be described")
    value, weight = present.value.to_numpy(float), present.n.to_numpy(float)
    shape = _moments(value, weight, ddof)
    *found, median = weighted_quantiles(present, [*quantiles, 0.5])
    at = dict(zip(quantiles, found, strict=True))
    spread = _intervals(value, weight, shape, level, design_effect)
    facts = {k: shape[k] for k in ("total", "mean", "variance", "std", "skew")}
    notes = [*shape["notes"], *spread.pop("notes")]
    return Description(
        n,
        missing,
        **facts,
        **spread,
        minimum=float(value[0]),
        maximum=float(value[-1]),
        median=float(median),
        quantiles={float(p): float(v) for p, v in at.items()},
        note="; ".join(notes),
    )


def _check(
    counts: pd.DataFrame, level: float, quantiles: Sequence[float], design_effect: float
) -> None:
    problems = [f"column '{name}' is missing" for name in ("value", "n") if name not in counts]
    if not problems and (counts.n < 0).any():
        problems.append(f"{int((counts.n < 0).sum())} row(s) have n below 0: a count is 0 or more")
    if not problems and np.isinf(counts.value.to_numpy(float)).any():
        problems.append("a value is infinite: leave it out or count it as missing")
    if not 0 < level < 1:
        problems.append(f"level = {level} is not between 0 and 1, such as 0.95")
    if bad := [p for p in quantiles if not 0 <= p <= 1]:
        problems.append(f"quantiles {bad} are not between 0 and 1")
    if not design_effect > 0:
        problems.append(f"design_effect = {design_effect} is not above 0")
    if problems:
        raise TableError.of("describe needs value counts (columns value, n):", problems)


def _moments(value: np.ndarray, weight: np.ndarray, ddof: int) -> dict[str, Any]:
    """Total, mean, variance, skew; exact zeros for equal values, a note for what is not defined."""
    n, notes = weight.sum(), []
    total = float(value @ weight)
    mean = min(max(total / n, value[0]), value[-1])
    m2 = float(weight @ (value - mean) ** 2) / n
    equal = value[0] == value[-1] or m2 <= (8 * np.finfo(float).eps * abs(mean)) ** 2
    if equal:
        m2, mean = 0.0, float(value[0])
        if n > 1:
            notes.append("all values are equal: no spread, skewness is not defined")
    scaled = np.zeros_like(value) if equal else (value - mean) / np.sqrt(m2)
    variance = m2 * n / (n - ddof) if n > ddof else np.nan
    if n <= ddof:
        notes.append(f"variance needs more than {ddof} value(s) with ddof = {ddof}")
    return {
        "n": n,
        "total": total,
        "mean": float(mean),
        "m2": m2,
        "variance": variance,
        "std": float(np.sqrt(variance)),
        "skew": np.nan if equal else float(weight @ scaled**3 / n),
        "kurtosis": np.nan if equal else float(weight @ scaled**4 / n),
        "notes": notes,
    }


def _intervals(
    value: np.ndarray,
    weight: np.ndarray,
    shape: Mapping[str, Any],
    level: float,
    design_effect: float,
) -> dict[str, Any]:
    """Intervals of mean, standard deviation and median."""
    n = shape["n"]
    if n == 1:
        return {"notes": ["one value: no interval can be given"]}
    effective, notes = max(n / design_effect, 1.0), []
    half = special.stdtrit(max(effective - 1, 1.0), 0.5 + level / 2) * np.sqrt(
        shape["m2"] / max(effective - 1, 1.0)
    )
    low, high, reached = _median_ranks(value, weight, level, effective)
    if not reached:
        notes.append(f"too few values for a {level:.0%} interval of the median: the range is given")
    result = {
        "mean_low": shape["mean"] - half,
        "mean_high": shape["mean"] + half,
        "median_low": low,
        "median_high": high,
    }
    if shape["m2"] > 0:
        error = shape["std"] * np.sqrt(max(shape["kurtosis"] - 1, 0.0) / effective) / 2
        wide = special.ndtri(0.5 + level / 2) * error
        result |= {"std_low": max(shape["std"] - wide, 0.0), "std_high": shape["std"] + wide}
        if effective < 25 * shape["skew"] ** 2:
            notes.append(
                "very skewed for its size (n < 25 skew²): the interval of the mean is rough, trust the median"
            )
    return result | {"notes": notes}


def _median_ranks(
    value: np.ndarray, weight: np.ndarray, level: float, effective: float
) -> tuple[float, float, bool]:
    """The order statistics that hold the median with probability `level`, and whether they exist."""
    n = weight.sum()
    trials = max(round(effective), 1)
    below, above = (_binomial_quantile(q, trials) for q in ((1 - level) / 2, (1 + level) / 2))
    ranks = np.clip(np.array([(below - 1) / trials, above / trials]) * n, 0, n - 1)
    places = np.searchsorted(weight.cumsum(), [np.floor(ranks[0]), np.ceil(ranks[1])], side="right")
    return float(value[places[0]]), float(value[places[1]]), below >= 1


def _binomial_quantile(q: float, n: int) -> int:
    """The smallest k with P(Binomial(n, 1/2) <= k) >= q."""
    k = max(int(np.ceil(special.bdtrik(q, n, 0.5))), 0)
    return k - 1 if k and special.bdtr(k - 1, n, 0.5) >= q else k


def weighted_quantiles(counts: pd.DataFrame, probabilities: Sequence[float]) -> np.ndarray:
    """Quantiles of value counts, equal to numpy's default on the values written out.

    Parameters
    ----------
    counts : columns value and n; missing values are left out
    probabilities : between 0 and 1

    Returns
    -------
    array : one value a probability; NaN where there is no value.

    Examples
    --------
    >>> weighted_quantiles(pd.DataFrame({"value": [1.0, 10.0], "n": [3, 1]}), [0.5, 0.9]).round(6).tolist()
    [1.0, 7.3]
    """
    present = counts[counts.value.notna() & (counts.n > 0)].sort_values("value", kind="stable")
    if present.empty:
        return np.full(len(probabilities), np.nan)
    value, ends = present.value.to_numpy(float), present.n.to_numpy(np.int64).cumsum()
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
    return (
        f"[{form.format(low)}, {form.format(high)}]"
        if np.isfinite([low, high]).all()
        else "[no interval]"
    )


def ratio(numerator: Any, denominator: Any, *, level: float = 0.95) -> tuple[float, float, float]:
    """A ratio of two totals with its interval, where the rows (customers, days) are what was sampled.

    Parameters
    ----------
    numerator, denominator : one number a row, such as the spend and the orders of each customer
    level : of the interval

    Returns
    -------
    (estimate, low, high); low and high are NaN for fewer than two rows, all are NaN when the denominators sum to 0.

    Notes
    -----
    R = Σy / Σx with variance k / (k - 1) Σ(y - R x)² / (Σx)² over k rows (linearisation); t interval, k - 1 degrees.

    References
    ----------
    Cochran (1977), Sampling Techniques, section 2.11.

    Examples
    --------
    >>> ratio([2.0, 4.0, 6.0], [1, 2, 3])
    (2.0, 2.0, 2.0)
    """
    y, x = np.asarray(numerator, float), np.asarray(denominator, float)
    k, total = len(x), x.sum()
    if not total:
        return np.nan, np.nan, np.nan
    estimate = float(y.sum() / total)
    if k < 2:
        return estimate, np.nan, np.nan
    error = np.sqrt(k / (k - 1) * ((y - estimate * x) ** 2).sum()) / abs(total)
    half = float(special.stdtrit(k - 1, 0.5 + level / 2) * error)
    return estimate, estimate - half, estimate + half


def design_effect(numerator: Any, denominator: Any, counts: pd.DataFrame) -> float:
    """How much wider, squared, the interval of a mean gets because its values come in groups.

    Parameters
    ----------
    numerator, denominator : total and number of values of each group
    counts : the value counts over all groups

    Returns
    -------
    float : the variance of the mean over groups divided by that of single draws; 1 where it cannot be told.

    Notes
    -----
    Kish (1965), Survey Sampling, section 5.4. Below 1 is possible and kept: groups may be more alike than chance.
    """
    estimate, low, high = ratio(numerator, denominator)
    present = counts[counts.value.notna()]
    n = present.n.sum()
    spread = float(present.n @ (present.value - estimate) ** 2) / n if n > 1 else 0.0
    if not spread > 0 or not high > low:
        return 1.0
    error = (high - low) / 2 / special.stdtrit(len(np.atleast_1d(denominator)) - 1, 0.975)
    return float(error**2 / (spread / (n - 1)))
