"""Days on which the level of orders changed: steps beside a trend, told from noise by shuffles."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from personalize.inference import long_run_variance, normal_quantile
from personalize.statistics.seasonality import Trends, daily

SHORTEST = 28  # days on either side of a change
BLOCK = 14  # days that stay together when weeks are shuffled
FAR = 5.0  # robust standard deviations at which a day is cut off
HANSEN = 7.35  # -2 log(1 - sqrt(0.95)): long-run variances from the best day, for a 95% set of days
COLUMNS = ["day", "earliest", "latest", "before", "change", "change_low", "change_high", "p"]


@dataclass(frozen=True)
class Changes:
    """The steps in daily orders.

    Attributes
    ----------
    found : one row a step, in time: day (first of the new level), earliest, latest (95% set of
        days), before (orders a day just before, weekdays averaged out), change (the step as a share
        of that), change_low, change_high (its interval), p
    fitted : one row a day: day, orders (weekdays averaged out), level (steps and straight lines
        between them)
    days : looked at
    note : what could not be given, and why; empty when all is well
    """

    found: pd.DataFrame
    fitted: pd.DataFrame
    days: int
    note: str = ""

    def table(self) -> pd.DataFrame:
        """One row a step."""
        return self.found

    def drawn(self) -> pd.DataFrame:
        """Orders a day week by week and their level, to draw: day, orders, line (their names)."""
        weeks = self.fitted.groupby(np.arange(len(self.fitted)) // 7)
        points = weeks.agg(day=("day", "first"), orders=("orders", "mean"))[weeks.size() == 7]
        level = self.fitted[["day"]].assign(orders=self.fitted.level, line="level")
        return pd.concat([points.assign(line="orders"), level], ignore_index=True)

    @property
    def caption(self) -> str:
        """What the table lists, and what could not be given."""
        return "; ".join(
            filter(None, ["Steps in daily orders (naive expectation: none)", self.note])
        )

    def reading(self) -> str:
        """How many steps there are."""
        return f"{len(self.found)} step(s) in the level"

    def advice(self, trends: Trends) -> str:
        """Whether orders moved: a trend beyond doubt, the largest step, or neither.

        Parameters
        ----------
        trends : from `trends`
        """
        slope, found = trends.rows.loc["orders"], self.found.dropna(subset="change")
        said = "no trend in orders can be claimed"
        if slope.change_low * slope.change_high > 0:
            said = f"orders change by {slope.change:+.0%} along their trend"
        if found.empty:
            return said
        step = found.loc[found.change.abs().idxmax()]
        return (
            f"{said}, but their level stepped by {step.change:+.0%} about {step.day:%Y-%m-%d} "
            f"(between {step.earliest:%Y-%m-%d} and {step.latest:%Y-%m-%d}): find out why"
        )


def changes(
    table: pd.DataFrame, *, level: float = 0.95, shuffles: int = 999, seed: int = 0
) -> Changes:
    """The days on which the level of daily orders changed, beyond trend and weekday pattern.

    Parameters
    ----------
    table : from `hours`
    level : a step is one when at most 1 - level of the shuffled series show one as large on any
        day; of the intervals
    shuffles : series shuffled to say so
    seed : of the shuffling

    Returns
    -------
    Changes : no rows, with a note, below 56 days or where orders never vary.

    Notes
    -----
    Model: weekday effect + straight line + step on day k; F(k) compares it with the model without
    the step, for each k at least 28 days from either end, and the test takes the largest (sup F).
    Null: the residuals of the line in blocks of 14 days, in random order, so that the likeness of
    near days and the shape of the noise stay as they are. A step found splits the days, and each
    part is searched in the same way (binary segmentation). Days further than five robust standard
    deviations out are cut off there first: one holiday is no change of level. The 95% set of days
    holds all k within 7.35 long-run variances (Newey-West) of the best; the interval of the step
    uses the same variance. A step found is the largest of many, so in truth it is a little smaller
    on average.

    References
    ----------
    Andrews (1993), Econometrica 61: sup F. Bai (1997), Econometric Theory 13: one step at a time.
    Hansen (2000), Econometrica 68: set of days, -2 log(1 - sqrt(0.95)) = 7.35. Davison & Hinkley
    (1997), section 8.2: blocks.
    """
    counts = daily(table).orders.astype(float)
    n, why = len(counts), ""
    if counts.nunique() == 1:
        why = "orders never vary"
    if n < 2 * SHORTEST:
        why = f"{n} day(s), a change of level needs {2 * SHORTEST}"
    fitted = pd.DataFrame({"day": counts.index, "orders": counts.to_numpy()})
    if why:
        nothing = pd.DataFrame(columns=COLUMNS)
        return Changes(nothing, fitted.assign(level=counts.mean()), n, why)
    y = _without_weekdays(counts)
    draw = (shuffles, np.random.default_rng(seed))
    rows = sorted(_search(_cut_off(y), 0, level=level, draw=draw))
    edges, lines = [0, *(row[0] for row in rows), n], []
    for first, following in pairwise(edges):
        part = y[first:following]
        lines.append(part - _off_line(part))
    found = pd.DataFrame(rows, columns=COLUMNS)
    for name in ("day", "earliest", "latest"):
        found[name] = counts.index[found[name].to_numpy(int)]
    return Changes(found, fitted.assign(orders=y, level=np.concatenate(lines)), n)


def _without_weekdays(counts: pd.Series) -> np.ndarray:
    """Daily counts less what each weekday differs from the straight line on average."""
    off = pd.Series(_off_line(counts.to_numpy()), counts.index)
    return counts.to_numpy() - off.groupby(counts.index.day_of_week).transform("mean").to_numpy()


def _off_line(y: np.ndarray) -> np.ndarray:
    """The residuals of a straight line through each row (or one series)."""
    time = np.arange(y.shape[-1]) - (y.shape[-1] - 1) / 2
    centred = y - y.mean(axis=-1, keepdims=True)
    return centred - (centred @ time / (time @ time))[..., None] * time


def _cut_off(y: np.ndarray) -> np.ndarray:
    off = _off_line(y)
    middle = np.median(off)
    spread = FAR * 1.4826 * np.median(np.abs(off - middle))
    if not spread > 0:
        return y
    return y - off + np.clip(off, middle - spread, middle + spread)


def _drops(off: np.ndarray) -> np.ndarray:
    """How much the squared residuals drop with a step on each day, ends of SHORTEST left out."""
    n = off.shape[-1]
    later = off[..., ::-1].cumsum(axis=-1)[..., ::-1]  # sums from each day to the end
    return (later**2 / _sizes(n))[..., SHORTEST : n - SHORTEST + 1]


def _sizes(n: int) -> np.ndarray:
    """The squared length of each step once constant and straight line are taken out of it."""
    time = np.arange(n) - (n - 1) / 2
    m = n - np.arange(n)
    size = m - m**2 / n - time[::-1].cumsum()[::-1] ** 2 / (time @ time)
    return np.maximum(size, 1e-9)


def _search(
    y: np.ndarray, start: int, *, level: float, draw: tuple[int, np.random.Generator]
) -> list[tuple]:
    """The steps in a series, as the rows of `COLUMNS`, with days counted from `start`."""
    n, off = len(y), _off_line(y)
    if n < 2 * SHORTEST or not off.any():
        return []
    drops = _drops(off)
    best = int(drops.argmax())
    p = _chance(off, drops[best], *draw)
    if p > 1 - level:
        return []
    at = best + SHORTEST
    size, after = _sizes(n)[at], np.arange(n) >= at
    step = off[at:].sum() / size
    variance = long_run_variance(off - step * _off_line(after * 1.0), ddof=3)
    near = np.flatnonzero(drops[best] - drops <= HANSEN * variance) + SHORTEST
    flat = y - step * after
    before = float((flat - _off_line(flat))[at - 1])
    half = normal_quantile(level) * np.sqrt(variance / size)
    ends = [np.nan] * 3
    if before > 0:
        ends = (np.array([step, step - half, step + half]) / before).tolist()
    row = (start + at, start + int(near[0]), start + int(near[-1]), before, *ends, p)
    earlier = _search(y[:at], start, level=level, draw=draw)
    return [row, *earlier, *_search(y[at:], start + at, level=level, draw=draw)]


def _chance(off: np.ndarray, largest: float, shuffles: int, rng: np.random.Generator) -> float:
    """The share of shuffled residuals with a step as large anywhere, beside their own squares."""
    n = len(off)
    blocks = np.arange(n) // BLOCK
    order = rng.permuted(np.tile(np.arange(blocks[-1] + 1.0), (shuffles, 1)), axis=1)
    shuffled = _off_line(off[np.argsort(order[:, blocks], axis=1, kind="stable")])
    drops = _drops(shuffled).max(axis=1) / (shuffled**2).sum(axis=1)
    return float((1 + (drops >= largest / (off @ off)).sum()) / (1 + shuffles))
