"""How measures of a customer go together, and which customers are far from all others."""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy import special

from personalize.statistics.behaviour import Behaviour

MEASURES = {
    "orders": "orders",
    "spend": "spend",
    "lines an order": "lines_per_order",
    "spend an order": "spend_per_order",
    "mean gap": "gap_days",
    "quiet days": "quiet_days",
}


def correlations(behaviour: Behaviour, *, level: float = 0.95) -> pd.DataFrame:
    """How each pair of customer measures goes together.

    Parameters
    ----------
    behaviour : from `behaviour`
    level : of the intervals, for each pair on its own

    Returns
    -------
    DataFrame, one row a pair, strongest first: first, second, n (customers who have both), pearson, pearson_low,
    pearson_high, spearman, spearman_low, spearman_high, p_adjusted (Holm, of Spearman being 0), note.

    Notes
    -----
    Fisher's z intervals; for Spearman with the variance (1 + r²/2) / (n - 3). Below 10 customers, or where a measure
    never varies, nothing is given and the note says so. With thousands of customers every pair differs from 0:
    read the size, not the p-value. Pairs that share a part (spend and spend an order) are related by construction.

    References
    ----------
    Fisher (1921), Metron 1. Bonett & Wright (2000), Psychometrika 65. Holm (1979), Scand. J. Statistics 6.
    """
    people = behaviour.people
    rows = [_pair(people, a, b, level) for a, b in combinations(MEASURES, 2)]
    table = pd.DataFrame(rows)
    table["p_adjusted"] = holm(table.pop("p").to_numpy(float))
    order = table.spearman.abs().fillna(-1).sort_values(ascending=False, kind="stable").index
    return table.loc[order, [c for c in table if c != "note"] + ["note"]].reset_index(drop=True)


def _pair(people: pd.DataFrame, first: str, second: str, level: float) -> dict[str, object]:
    both = people[[MEASURES[first], MEASURES[second]]].astype(float).dropna().to_numpy()
    n = len(both)
    row: dict[str, object] = {"first": first, "second": second, "n": n}
    names = [f"{kind}{end}" for kind in ("pearson", "spearman") for end in ("", "_low", "_high")]
    flat = n > 0 and (both == both[0]).all(axis=0).any()
    if n < 10 or flat:
        why = (
            f"{n} customer(s) have both, 10 are needed" if n < 10 else "one of the two never varies"
        )
        return row | dict.fromkeys([*names, "p"], np.nan) | {"note": why}
    ranks = pd.DataFrame(both).rank().to_numpy()
    pearson, spearman = (float(np.corrcoef(x, rowvar=False)[0, 1]) for x in (both, ranks))
    ends = [
        pearson,
        *_fisher(pearson, 1 / (n - 3), level),
        spearman,
        *_fisher(spearman, (1 + spearman**2 / 2) / (n - 3), level),
    ]
    size = min(abs(spearman), 1 - 1e-12)
    p = 2 * special.stdtr(n - 2, -size * np.sqrt((n - 2) / (1 - size**2)))
    return row | dict(zip(names, ends, strict=True)) | {"p": float(p), "note": ""}


def _fisher(r: float, variance: float, level: float) -> tuple[float, float]:
    middle = np.arctanh(np.clip(r, -1 + 1e-15, 1 - 1e-15))
    half = special.ndtri(0.5 + level / 2) * np.sqrt(variance)
    return float(np.tanh(middle - half)), float(np.tanh(middle + half))


def holm(p: np.ndarray) -> np.ndarray:
    """P-values that allow for having looked at all of them; missing ones stay missing.

    Parameters
    ----------
    p : p-values, between 0 and 1

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(
        np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1.0
    )
    return adjusted


def outliers(behaviour: Behaviour, *, limit: float = 3.5, min_cell: int = 10) -> pd.DataFrame:
    """Customers far from the median, and what share of the money they bring: shown, never removed.

    Parameters
    ----------
    behaviour : from `behaviour`
    limit : robust standard deviations from the median beyond which a customer is far out
    min_cell : where fewer customers (but some) are below or above, the row counts nobody and says so in its note

    Returns
    -------
    DataFrame, one row a measure and scale ("plain" or "log", values above 0 only) and rule ("MAD" or "IQR"): measure,
    scale, rule, n, low_fence, high_fence, below, above, share (of the customers), revenue_share, note.

    Notes
    -----
    MAD: |x - median| / (1.4826 median|x - median|) > limit. IQR: beyond the quartiles by more than 1.5 times their
    distance. Where more than half of the values are equal the MAD is 0 and the note says so. On a plain scale a
    skewed measure always has "outliers": these are the best customers, not errors.

    References
    ----------
    Iglewicz & Hoaglin (1993), How to Detect and Handle Outliers (3.5). Tukey (1977), Exploratory Data Analysis.
    """
    people = behaviour.people
    rows = [
        {"measure": name, "scale": scale, "rule": rule}
        | _far(people, MEASURES[name], scale, rule=rule, limit=limit)
        for name in ("orders", "spend", "spend an order", "mean gap")
        for scale in ("plain", "log")
        for rule in ("MAD", "IQR")
    ]
    return _without_few(pd.DataFrame(rows), min_cell)


def _without_few(found: pd.DataFrame, min_cell: int) -> pd.DataFrame:
    """The rows, without the counts and shares from which a group of fewer than `min_cell` could be worked out."""
    few = found[["below", "above"]].gt(0) & found[["below", "above"]].lt(min_cell)
    hidden = few.any(axis=1)
    counts = ["below", "above", "share", "revenue_share"]
    return found.assign(
        **{name: found[name].where(~hidden) for name in counts},
        note=found.note.mask(hidden, f"fewer than {min_cell} at an end: not counted here"),
    )


def _far(
    people: pd.DataFrame, column: str, scale: str, *, rule: str, limit: float
) -> dict[str, object]:
    value = people[column].astype(float)
    chosen = value.notna() & ((value > 0) | (scale == "plain"))
    x = (np.log(value[chosen]) if scale == "log" else value[chosen]).to_numpy()
    low, high, note = _fences(x, rule, limit)
    below, above = x < low, x > high
    total = float(people.spend.sum())
    far = below | above
    money = float(people.spend[chosen].to_numpy()[far].sum()) / total if total else np.nan
    ends = np.exp([low, high]) if scale == "log" else np.array([low, high])
    return {
        "n": len(x),
        "low_fence": ends[0],
        "high_fence": ends[1],
        "below": int(below.sum()),
        "above": int(above.sum()),
        "share": float(far.mean()) if len(x) else np.nan,
        "revenue_share": money,
        "note": note,
    }


def _fences(x: np.ndarray, rule: str, limit: float) -> tuple[float, float, str]:
    if not len(x):
        return np.nan, np.nan, "no value"
    lower, middle, upper = np.quantile(x, [0.25, 0.5, 0.75])
    if rule == "IQR":
        return lower - 1.5 * (upper - lower), upper + 1.5 * (upper - lower), ""
    spread = 1.4826 * float(np.median(np.abs(x - middle)))
    if not spread > 0:
        return (
            np.nan,
            np.nan,
            "more than half of the values are equal: the MAD is 0, no fence can be set",
        )
    return middle - limit * spread, middle + limit * spread, ""
