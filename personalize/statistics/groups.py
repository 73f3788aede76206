"""Whether groups differ, by how much, and how sure that is: two groups on a measure, and two attributes."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from personalize.tables import TableError


@dataclass(frozen=True)
class Comparison:
    """Two groups on one measure: their means (Welch) and their ranks (Mann-Whitney).

    Attributes
    ----------
    n_first, n_second, mean_first, mean_second : of the groups
    difference, low, high : first mean less second mean, with its interval (Welch)
    t, df, p : Welch's test of equal means
    effect, effect_low, effect_high : Hedges' g, the difference in standard deviations; 0.2 is small, 0.8 large
    superiority, superiority_low, superiority_high : chance that one drawn from the first group has more than one drawn
        from the second (ties count half); 0.5 when neither tends to have more
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


def compare(first: pd.DataFrame, second: pd.DataFrame, *, level: float = 0.95) -> Comparison:
    """Two groups side by side on one measure, from their value counts.

    Parameters
    ----------
    first, second : columns value and n of the two groups (see `describe.value_counts`); missing values are left out
    level : of the intervals

    Returns
    -------
    Comparison : a stated result for every input; what cannot be given is NaN and `note` says why.

    Notes
    -----
    Welch: t = (m1 - m2) / sqrt(s1²/n1 + s2²/n2) with Satterthwaite's degrees of freedom, no equal variances assumed.
    Hedges' g = J (m1 - m2) / s pooled, variance (n1 + n2) / (n1 n2) + g² / (2 (n1 + n2)). Mann-Whitney: normal, with
    corrections for ties and continuity. Interval of the superiority: Brunner-Munzel, t, cut at 0 and 1.

    References
    ----------
    Welch (1947), Biometrika 34. Hedges & Olkin (1985), Statistical Methods for Meta-Analysis, chapter 5. Mann & Whitney
    (1947), Annals of Mathematical Statistics 18. Brunner & Munzel (2000), Biometrical Journal 42, section 2.

    Examples
    --------
    >>> c = compare(pd.DataFrame({"value": [3.0, 5.0], "n": [2, 2]}), pd.DataFrame({"value": [1.0, 3.0], "n": [2, 2]}))
    >>> c.difference, c.superiority
    (2.0, 0.875)
    """
    groups = [
        part[part.value.notna() & (part.n > 0)].sort_values("value", kind="stable")
        for part in (first, second)
    ]
    values, weights = ([g[c].to_numpy(float) for g in groups] for c in ("value", "n"))
    n = np.array([w.sum() for w in weights])
    if n.min() < 1:
        return Comparison(*n.astype(int).tolist(), note="a group is empty: nothing to compare")
    mean = np.array([v @ w / w.sum() for v, w in zip(values, weights, strict=True)])
    middle = {
        "mean_first": float(mean[0]),
        "mean_second": float(mean[1]),
        "difference": float(mean[0] - mean[1]),
    }
    if n.min() < 2:
        return Comparison(
            *n.astype(int).tolist(),
            **middle,
            note="a group has one value: no interval can be given",
        )
    if len(np.unique(np.concatenate(values))) == 1:
        return Comparison(
            *n.astype(int).tolist(), **middle, superiority=0.5, note="all values are equal"
        )
    squares = np.array([w @ (v - m) ** 2 for v, w, m in zip(values, weights, mean, strict=True)])
    squares = np.where(squares > (8 * np.finfo(float).eps * mean) ** 2 * n, squares, 0.0)
    found = _ranks(values, weights, level) | middle
    note = (
        "neither group varies: the means differ for sure, no interval can be given"
        if not squares.any()
        else ""
    )
    if not note:
        found |= _welch(mean, squares / (n - 1) / n, n, level) | _hedges(mean, squares, n, level)
    return Comparison(*n.astype(int).tolist(), **found, note=note)


def _welch(mean: np.ndarray, error: np.ndarray, n: np.ndarray, level: float) -> dict[str, float]:
    """The test and the interval of a difference of means, from each group's squared standard error."""
    df = float(error.sum() ** 2 / (error**2 / (n - 1)).sum())
    difference, spread = float(mean[0] - mean[1]), float(np.sqrt(error.sum()))
    half = float(special.stdtrit(df, 0.5 + level / 2)) * spread
    t = difference / spread
    ends = {"low": difference - half, "high": difference + half}
    return ends | {"t": t, "df": df, "p": float(2 * special.stdtr(df, -abs(t)))}


def _hedges(mean: np.ndarray, squares: np.ndarray, n: np.ndarray, level: float) -> dict[str, float]:
    both, df = n.sum(), n.sum() - 2
    g = float((1 - 3 / (4 * df - 1)) * (mean[0] - mean[1]) / np.sqrt(squares.sum() / df))
    half = float(special.ndtri(0.5 + level / 2) * np.sqrt(both / n.prod() + g**2 / (2 * both)))
    return {"effect": g, "effect_low": g - half, "effect_high": g + half}


def _ranks(values: list[np.ndarray], weights: list[np.ndarray], level: float) -> dict[str, float]:
    """Mann-Whitney's test and the chance of superiority, from mid-ranks of value counts."""
    n = np.array([w.sum() for w in weights])
    placed = [
        _place(v, values[1 - k], weights[1 - k]) for k, v in enumerate(values)
    ]  # others below, ties half
    u = float(weights[0] @ placed[0])
    chance = float(u / n.prod())
    ties = np.unique(np.concatenate(values), return_inverse=True)[1]
    ties = np.bincount(ties, weights=np.concatenate(weights))
    both = n.sum()
    spread = np.sqrt(n.prod() / 12 * (both + 1 - (ties**3 - ties).sum() / (both * (both - 1))))
    z = (abs(u - n.prod() / 2) - 0.5) / spread
    share = [p / n[1 - k] for k, p in enumerate(placed)]
    centre = [chance, 1 - chance]
    var = np.array(
        [
            w @ (s - c) ** 2 / (m - 1) / m
            for w, s, c, m in zip(weights, share, centre, n, strict=True)
        ]
    )
    df = var.sum() ** 2 / (var**2 / (n - 1)).sum() if var.any() else np.nan
    half = special.stdtrit(df, 0.5 + level / 2) * np.sqrt(var.sum()) if var.any() else np.nan
    ends = np.clip([chance - half, chance + half], 0, 1)
    return {"superiority": chance, "superiority_low": float(ends[0]), "superiority_high": float(ends[1]),
            "u": u, "p_rank": float(min(2 * special.ndtr(-z), 1.0))}  # fmt: skip


def _place(value: np.ndarray, other: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """How many of the other group lie below each value, ties counted half."""
    held = np.concatenate([[0.0], weight.cumsum()])
    sides = (held[np.searchsorted(other, value, side=side)] for side in ("left", "right"))
    return sum(sides) / 2


@dataclass(frozen=True)
class Association:
    """Whether two attributes go together.

    Attributes
    ----------
    counts, expected, residuals : tables of the same shape; expected if the two had nothing to do with each other;
        adjusted standardised residuals, of which 1 in 20 lies beyond 2 by chance alone
    n : the sum of the counts
    chi2, df, p : Pearson's test of independence
    strength, low, high : Cramér's V less what chance alone gives, 0 (independent) to 1; with its interval
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
        long = [
            part.rename_axis(index="row", columns="column").stack().rename(name)
            for name, part in parts.items()
        ]
        return pd.concat(long, axis=1).reset_index()


def associate(counts: pd.DataFrame, *, level: float = 0.95) -> Association:
    """Whether the rows and the columns of a table of counts go together, and in which cells.

    Parameters
    ----------
    counts : numbers 0 or more, one row a value of the first attribute, one column a value of the second
    level : of the interval

    Returns
    -------
    Association : a stated result for every input; rows and columns without a count are left out.

    Raises
    ------
    TableError : when a count is missing or below 0.

    Notes
    -----
    χ² = Σ (n - e)² / e without continuity correction; residual (n - e) / sqrt(e (1 - row share) (1 - column share)).
    V = sqrt(max(χ² - df, 0) / (n min(r - 1, c - 1))): df is what χ² is by chance alone. Interval: the noncentralities
    under which χ² is the upper or lower tail. Rough where an expected count is below 5; the note says so.

    References
    ----------
    Haberman (1973), Biometrics 29: residuals. Bergsma (2013), Journal of the Korean Statistical Society 42: V less
    chance. Smithson (2003), Confidence Intervals, chapter 4.

    Examples
    --------
    >>> found = associate(pd.DataFrame({"yes": [30, 10], "no": [10, 30]}, index=["new", "old"]))
    >>> round(found.chi2, 2), round(found.strength, 3), round(float(found.residuals.loc["new", "yes"]), 2)
    (20.0, 0.487, 4.47)
    """
    values = counts.to_numpy(float)
    if not (values >= 0).all():
        raise TableError(
            f"{int((~(values >= 0)).sum())} count(s) are missing or below 0: a count is 0 or more"
        )
    kept = counts.loc[values.sum(axis=1) > 0, values.sum(axis=0) > 0].astype(float)
    table, n = kept.to_numpy(), kept.to_numpy().sum()
    rows, columns = (table.sum(axis=axis, keepdims=True) / max(n, 1) for axis in (1, 0))
    expected = n * rows * columns
    if min(table.shape) < 2:
        frames = (
            kept.astype("int64"),
            _like(kept, expected),
            _like(kept, np.full(table.shape, np.nan)),
        )
        return Association(
            *frames, int(n), note="fewer than two rows or columns: nothing to compare"
        )
    residuals = (table - expected) / np.sqrt(expected * (1 - rows) * (1 - columns))
    chi2, df = (
        float(((table - expected) ** 2 / expected).sum()),
        (table.shape[0] - 1) * (table.shape[1] - 1),
    )
    few = int((expected < 5).sum())
    note = (
        f"{few} of {table.size} cells expect fewer than 5: p and interval are rough" if few else ""
    )
    frames = (kept.astype("int64"), _like(kept, expected), _like(kept, residuals))
    strength = np.sqrt([max(chi2 - df, 0), *_noncentral(chi2, df, level)]) / np.sqrt(
        n * (min(table.shape) - 1)
    )
    p = float(special.chdtrc(df, chi2))
    return Association(*frames, int(n), chi2, df, p, *np.minimum(strength, 1).tolist(), note)


def _like(kept: pd.DataFrame, values: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(values, kept.index, kept.columns)


def _noncentral(chi2: float, df: int, level: float) -> list[float]:
    """The noncentralities under which a chi-square this large or this small has probability (1 - level) / 2."""
    tails = ((1 + level) / 2, (1 - level) / 2)
    return [
        float(special.chndtrinc(chi2, df, p)) if special.chdtr(df, chi2) > p else 0.0 for p in tails
    ]
