"""How unequally a total is shared out: Lorenz curve, Gini coefficient, share of the best customers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from personalize.tables import TableError

TOPS = (0.01, 0.05, 0.1, 0.2, 0.5)


@dataclass(frozen=True)
class Concentration:
    """How a total is shared among those who have a part in it.

    Attributes
    ----------
    n, total : how many share, and what
    gini, gini_low, gini_high : 0 when all have the same; near 1 when one has all
    tops : one row a share of the best (top): their share of the total, with low, high and the equal share
    curve : the Lorenz curve: population (share of those who have least) and total (their share)
    note : what could not be given, and why; empty when all is well
    """

    n: int
    total: float
    gini: float
    gini_low: float
    gini_high: float
    tops: pd.DataFrame
    curve: pd.DataFrame
    note: str = ""

    def table(self, *, min_cell: int = 10) -> pd.DataFrame:
        """One row a share of the best: top, customers, share, low, high, equal, times_equal.

        Parameters
        ----------
        min_cell : shares that are held by fewer customers are left out
        """
        return self.tops[self.tops.customers.ge(min_cell)].reset_index(drop=True)

    def drawn(self) -> pd.DataFrame:
        """The Lorenz curve beside the line of equal shares: population, total, line (their names)."""
        ends = pd.DataFrame({"population": [0.0, 1.0], "total": [0.0, 1.0], "line": "all alike"})
        curve = (
            self.curve.iloc[np.unique(np.linspace(0, len(self.curve) - 1, 200).astype(int))]
            if len(self.curve)
            else self.curve
        )
        return pd.concat([curve.assign(line="as it is"), ends], ignore_index=True)


def concentration(
    counts: pd.DataFrame, *, tops: Sequence[float] = TOPS, level: float = 0.95
) -> Concentration:
    """The inequality of a quantity from its value counts.

    Parameters
    ----------
    counts : columns value and n (see `describe.value_counts`); missing values are left out
    tops : shares of the best, between 0 and 1
    level : of the intervals

    Returns
    -------
    Concentration : a stated result for every input; what cannot be given is NaN and `note` says why.

    Raises
    ------
    TableError : when a share in `tops` is not between 0 and 1.

    Notes
    -----
    Gini: E|X - Y| / (2 mean), population form (1/n). The best share p holds 1 - L(1 - p), L the Lorenz curve with
    straight lines between values. Intervals by linearisation, treating those who share as drawn one by one.
    Values below 0 (refunds) are kept; then the curve dips below 0 and Gini may exceed 1.

    References
    ----------
    Lorenz (1905). Gini (1912). Beach & Davidson (1983), Review of Economic Studies 50, equation 12.
    Langel & Tillé (2013), JRSS A 176, section 6.

    Examples
    --------
    >>> c = concentration(pd.DataFrame({"value": [0.0, 10.0], "n": [8, 2]}), tops=[0.2])
    >>> round(c.gini, 12), round(float(c.tops.share[0]), 12)
    (0.8, 1.0)
    """
    if bad := [p for p in tops if not 0 < p < 1]:
        raise TableError(f"tops {bad} are not between 0 and 1, such as 0.2 for the best fifth")
    present = counts[counts.value.notna() & (counts.n > 0)].sort_values("value", kind="stable")
    value, weight = present.value.to_numpy(float), present.n.to_numpy(float)
    n, total = int(weight.sum()), float(value @ weight)
    if n == 0 or not total > 0:
        what = "no value" if n == 0 else "the total is not above 0"
        return Concentration(
            n, total, np.nan, np.nan, np.nan, _tops(tops), _curve(), f"{what}: nothing to share out"
        )
    population, held = _lorenz(value, weight)
    gini, error = _gini(value, weight)
    wide = special.ndtri(0.5 + level / 2)
    table = _tops(tops, *(_best(value, weight, p, wide) for p in tops), n=n)
    notes = [f"{int(weight[value < 0].sum()):,} below 0 are kept"] if value[0] < 0 else []
    notes += ["fewer than 2: no interval can be given"] if n < 2 else []
    return Concentration(
        n,
        total,
        gini,
        gini - wide * error,
        gini + wide * error,
        table,
        _curve(population, held),
        "; ".join(notes),
    )


def _curve(population: Sequence[float] = (), held: Sequence[float] = ()) -> pd.DataFrame:
    return pd.DataFrame(
        {"population": np.asarray(population, float), "total": np.asarray(held, float)}
    )


def _tops(tops: Sequence[float], *rows: tuple[float, float, float], n: int = 0) -> pd.DataFrame:
    found = np.array(rows, float).reshape(-1, 3) if rows else np.full((len(tops), 3), np.nan)
    top = np.asarray(tops, float)
    return pd.DataFrame(
        {
            "top": top,
            "customers": np.round(top * n).astype("int64"),
            "share": found[:, 0],
            "low": found[:, 1],
            "high": found[:, 2],
            "equal": top,
            "times_equal": found[:, 0] / top,
        }
    )


def _lorenz(value: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    population = np.concatenate([[0.0], weight.cumsum() / weight.sum()])
    held = np.concatenate([[0.0], (value * weight).cumsum() / (value @ weight)])
    return population, held


def _gini(value: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Gini and its standard error; `far` is the mean distance of each value from all others."""
    n, mean = weight.sum(), value @ weight / weight.sum()
    below, held = weight.cumsum() / n, (value * weight).cumsum() / n
    far = value * (2 * below - 1) + mean - 2 * held
    gini = float(weight @ far / n / (2 * mean))
    influence = (far - 2 * gini * mean) / mean - gini * (value - mean) / mean
    return max(gini, 0.0), float(np.sqrt(weight @ influence**2 / n / n)) if n > 1 else np.nan


def _best(
    value: np.ndarray, weight: np.ndarray, top: float, wide: float
) -> tuple[float, float, float]:
    """The share of the best `top` of all, with its interval."""
    n, mean = weight.sum(), value @ weight / weight.sum()
    share = 1 - float(np.interp(1 - top, *_lorenz(value, weight)))
    edge = value[min(np.searchsorted(weight.cumsum(), (1 - top) * n), len(value) - 1)]
    influence = ((value - edge) * (value <= edge) + (1 - top) * edge - value * (1 - share)) / mean
    error = np.sqrt(weight @ (influence - weight @ influence / n) ** 2 / n / n) if n > 1 else np.nan
    return share, share - wide * error, share + wide * error


def sizes(
    counts: pd.DataFrame, *, edges: Sequence[float] = (1, 2, 3, 6, 11, 21, 51, 101)
) -> pd.DataFrame:
    """How many values fall into each band of size: baskets by lines, customers by orders.

    Parameters
    ----------
    counts : columns value and n, whole numbers
    edges : first value of each band, ascending; the last band has no end

    Returns
    -------
    DataFrame, one row a band that is not empty: size, n, share of n, share_of_total (of the sum of values).

    Examples
    --------
    >>> sizes(pd.DataFrame({"value": [1, 2, 4], "n": [6, 3, 1]}), edges=[1, 2, 3])["size"].tolist()
    ['1', '2', '3 or more']
    """
    present = counts[counts.value.notna() & (counts.n > 0)]
    names = [
        str(a) if b - a == 1 else f"{a} to {b - 1}" for a, b in zip(edges, edges[1:], strict=False)
    ]
    names = [f"below {edges[0]}", *names, f"{edges[-1]} or more"]
    band = np.searchsorted(np.asarray(edges, float), present.value.to_numpy(float), side="right")
    held = present.value * present.n
    total = pd.DataFrame({"band": band, "n": present.n, "held": held}).groupby("band").sum()
    return pd.DataFrame(
        {
            "size": [names[b] for b in total.index],
            "n": total.n.to_numpy("int64"),
            "share": (total.n / total.n.sum()).to_numpy(),
            "share_of_total": (total.held / total.held.sum()).to_numpy()
            if total.held.sum()
            else np.nan,
        }
    )
