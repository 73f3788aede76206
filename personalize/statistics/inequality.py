"""How unequally a total is shared out, and whether the lead lasts: Lorenz curve, Gini, best."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from personalize.inference import Estimate, gini_interval, normal_quantile, ratio
from personalize.statistics.customer_base import customers
from personalize.statistics.descriptives import bracket, present
from personalize.tables import TableError, Tables

TOPS = (0.01, 0.05, 0.1, 0.2, 0.5)


@dataclass(frozen=True)
class Concentration:
    """How a total is shared among those who have a part in it.

    Attributes
    ----------
    n, total : how many share, and what
    gini, gini_low, gini_high : 0 when all have the same; near 1 when one has all
    tops : one row a share of the best: top, customers, share (of the total) with share_low and
        share_high, equal (the equal share), times_equal
    curve : the Lorenz curve: population (share of those who have least) and
        total_below (their share)
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
        """The rows of `tops`, without the shares that are held by fewer than `min_cell`."""
        return self.tops[self.tops.customers.ge(min_cell)].reset_index(drop=True)

    def drawn(self) -> pd.DataFrame:
        """The Lorenz curve beside the line of equal shares: population, total_below, line."""
        ends = pd.DataFrame(
            {"population": [0.0, 1.0], "total_below": [0.0, 1.0], "line": "all alike"}
        )
        some = np.unique(np.linspace(0, max(len(self.curve) - 1, 0), 200).astype(int))
        curve = self.curve.iloc[some[: len(self.curve)]]
        return pd.concat([curve.assign(line="as it is"), ends], ignore_index=True)

    def reading(self, *, top: float = 0.2, min_cell: int = 10) -> str:
        """How far the Lorenz curve bends.

        Parameters
        ----------
        top : share of the best customers, one of those asked for
        min_cell : the share of fewer customers is not said
        """
        row = self.tops.set_index("top").loc[top]
        said = f"Lorenz curve of {self.n:,} customers: {self._said_gini()}"
        if row.customers < min_cell or np.isnan(row.share):
            return said
        return f"{said}; the best {top:.0%} hold {row.share:.1%}"

    @property
    def caption(self) -> str:
        """The Gini coefficient and what could not be given."""
        said = f"The best customers' share of spend; {self._said_gini(ends=True)}. {self.note}"
        return said.rstrip()

    def _said_gini(self, *, ends: bool = False) -> str:
        if np.isnan(self.gini):
            return "Gini is not defined"
        said = f"Gini {self.gini:.3f}"
        if ends:
            said += f" {bracket(self.gini_low, self.gini_high, '{:.3f}')}"
        return said


def concentration(
    values: Any, *, tops: Sequence[float] = TOPS, level: float = 0.95
) -> Concentration:
    """The inequality of a quantity.

    Parameters
    ----------
    values : plain numbers, or value counts with columns value and n; missing values are left out
    tops : shares of the best, between 0 and 1
    level : of the intervals

    Returns
    -------
    Concentration : a stated result for every input; what cannot be given is NaN and `note` says
        why.

    Raises
    ------
    TableError : when a share in `tops` is not between 0 and 1.

    Notes
    -----
    Gini: E|X - Y| / (2 mean), population form (1/n). The best share p holds 1 - L(1 - p), L the
    Lorenz curve with straight lines between values. Intervals by linearisation, treating those who
    share as drawn one by one. Values below 0 (refunds) are kept; then the curve dips below 0 and
    Gini may exceed 1.

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
    bad = [p for p in tops if not 0 < p < 1]
    if bad:
        raise TableError(f"tops {bad} are not between 0 and 1, such as 0.2 for the best fifth")
    value, weight = present(values)
    n, total = int(weight.sum()), float(value @ weight)
    if n == 0 or not total > 0:
        what = "no value" if n == 0 else "the total is not above 0"
        shares = _tops(tops, np.full((len(tops), 3), np.nan), n)
        curve = pd.DataFrame({"population": [], "total_below": []}, dtype=float)
        return Concentration(
            n, total, *Estimate(np.nan), shares, curve, f"{what}: nothing to share out"
        )
    notes = []
    if value[0] < 0:
        notes.append(f"{int(weight[value < 0].sum()):,} below 0 are kept")
    if n < 2:
        notes.append("fewer than 2: no interval can be given")
    gini = gini_interval(value, counts=weight, level=level)
    shares = _tops(tops, np.array([_best(value, weight, p, level) for p in tops]), n)
    population, held = _lorenz(value, weight)
    curve = pd.DataFrame({"population": population, "total_below": held})
    return Concentration(n, total, *gini, shares, curve, "; ".join(notes))


def _tops(tops: Sequence[float], shares: np.ndarray, n: int) -> pd.DataFrame:
    found = pd.DataFrame({"top": np.asarray(tops, float)})
    found["customers"] = np.round(found.top * n).astype("int64")
    found[["share", "share_low", "share_high"]] = shares.reshape(-1, 3)
    return found.assign(equal=found.top, times_equal=found.share / found.top)


def _lorenz(value: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    population = np.concatenate([[0.0], weight.cumsum() / weight.sum()])
    held = np.concatenate([[0.0], (value * weight).cumsum() / (value @ weight)])
    return population, held


def _best(
    value: np.ndarray, weight: np.ndarray, top: float, level: float
) -> tuple[float, float, float]:
    """The share of the best `top` of all, with its interval."""
    n, mean = weight.sum(), value @ weight / weight.sum()
    share = 1 - float(np.interp(1 - top, *_lorenz(value, weight)))
    if n < 2:
        return share, np.nan, np.nan
    edge = value[min(np.searchsorted(weight.cumsum(), (1 - top) * n), len(value) - 1)]
    influence = ((value - edge) * (value <= edge) + (1 - top) * edge - value * (1 - share)) / mean
    error = np.sqrt(weight @ (influence - weight @ influence / n) ** 2) / n
    half = normal_quantile(level) * error
    return share, share - half, share + half


@dataclass(frozen=True)
class Persistence:
    """Whether the best customers of the first half of the days are the best of the second half.

    Attributes
    ----------
    top : the share of customers called the best
    cut : last day of the first half
    n, best : customers seen in the first half, and how many of them are the best
    share_then : of the spend of these n customers in the first half, the part of the best
    share_later, low, high : the same part in the second half, for the same people, with its
        interval
    note : what could not be given, and why; empty when all is well
    """

    top: float
    cut: pd.Timestamp
    n: int
    best: int
    share_then: float = np.nan
    share_later: float = np.nan
    low: float = np.nan
    high: float = np.nan
    note: str = ""

    @property
    def lasts(self) -> bool:
        """True when the interval of the later share lies above an equal share."""
        return bool(self.low > self.top)

    def table(self) -> pd.DataFrame:
        """One row: every attribute."""
        return pd.DataFrame([vars(self)])

    def reading(self) -> str:
        """What the best of one half of the days bring in the other."""
        if self.note:
            return f"How the lead of the best lasts cannot be told: {self.note}."
        later = bracket(self.low, self.high, "{:.1%}")
        return (
            f"Honest figure: the {self.best:,} best ({self.top:.0%}) of the days up to "
            f"{self.cut:%Y-%m-%d} had {self.share_then:.1%} of the spend then and bring "
            f"{self.share_later:.1%} {later} of what the same customers spend afterwards."
        )

    def advice(self) -> str:
        """Whom to care for first, where a lead lasts."""
        if not self.lasts:
            return (
                "No group of customers is shown to keep a lead, so single out none by past spend "
                "alone"
            )
        return (
            f"Care first for the best {self.top:.0%}: chosen on one half of the days they bring "
            f"{self.share_later:.1%} of the spend of the other "
            f"{bracket(self.low, self.high, '{:.1%}')}, {self.share_later / self.top:.1f} times "
            "an equal share"
        )


def persistence(
    tables: Tables, *, top: float = 0.2, level: float = 0.95, min_cell: int = 10
) -> Persistence:
    """How much of the spend the best customers bring in a period that did not choose them.

    Parameters
    ----------
    tables : Tables
    top : share of customers called the best, by spend in the first half of the days
    level : of the interval
    min_cell : the share of fewer customers is not given, and the note says so

    Returns
    -------
    Persistence : `share_later` is the honest figure to plan with; `share_then` owes something to
    having chosen the best after the fact. NaN with a note where the days cannot be halved or nobody
    spends later.

    Notes
    -----
    Everyone seen in the first half counts in the second, with 0 where they stay away. Ties at the
    border are broken by customer_id. Interval: ratio estimator over customers (`ratio`).

    References
    ----------
    Galton (1886), Regression towards mediocrity. Cochran (1977), Sampling Techniques, section 2.11.
    """
    cut = pd.Timestamp(tables.start + (tables.end - tables.start) // 2).normalize()
    if cut >= tables.end:
        return Persistence(top, cut, 0, 0, note="one day cannot be halved")
    first = customers(tables.until(cut))
    first = first.sort_values(["spend", "customer_id"], ascending=[False, True])
    text = (
        "select customer_id, sum(amount) as spend from {order_totals} "
        "where day > {cut} and customer_id is not null group by customer_id order by customer_id"
    )
    later = tables.sql(text, cut=cut).set_index("customer_id").spend
    n = len(first)
    chosen = np.arange(n) < round(top * n)
    best = int(chosen.sum())
    then = first.spend.to_numpy(float)
    now = first.customer_id.map(later).fillna(0).to_numpy(float)
    why = ""
    if not best:
        why = f"{top:.0%} of {n} customer(s) is nobody"
    elif best < min_cell:
        why = f"{top:.0%} of {n} customer(s) is fewer than {min_cell}"
    if not min(now.sum(), then.sum()) > 0:
        why = "nobody spends in both halves"
    if why:
        return Persistence(top, cut, n, best, note=why)
    share_then = float(then[chosen].sum() / then.sum())
    return Persistence(top, cut, n, best, share_then, *ratio(now * chosen, now, level=level))
