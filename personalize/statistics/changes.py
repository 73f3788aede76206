"""Days on which the level of orders changed: steps beside a steady trend, told from noise by shuffled weeks."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from personalize.statistics.rhythm import daily

SHORTEST = 28  # days on either side of a change
BLOCK = 14  # days that stay together when weeks are shuffled
FAR = 5.0  # robust standard deviations at which a day is cut off
HANSEN = (
    7.35  # -2 log(1 - sqrt(0.95)): long-run variances from the best day, for the 95% set of days
)


@dataclass(frozen=True)
class Changes:
    """The steps in daily orders.

    Attributes
    ----------
    found : one row a step, in time: day (first of the new level), earliest, latest (95% set of days), before (orders a
        day just before, weekdays averaged out), change (the step as a share of that), low, high (its interval), p
    fitted : one row a day: day, orders (weekdays averaged out), level (steps and straight lines between them)
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
        """Weekly means of the days and the level through them, to draw: day, orders, line (their names)."""
        weeks = self.fitted.groupby(np.arange(len(self.fitted)) // 7)
        points = weeks.agg(day=("day", "first"), orders=("orders", "mean"))[weeks.size() == 7]
        level = self.fitted[["day"]].assign(orders=self.fitted.level, line="level")
        return pd.concat([points.assign(line="orders"), level], ignore_index=True)


def changes(
    table: pd.DataFrame, *, level: float = 0.95, shuffles: int = 999, seed: int = 0
) -> Changes:
    """The days on which the level of daily orders changed, beyond a steady trend and the weekday pattern.

    Parameters
    ----------
    table : from `hours`
    level : a step is one when at most 1 - level of the shuffled series show one as large on any day; of the intervals
    shuffles : series shuffled to say so
    seed : of the shuffling

    Returns
    -------
    Changes : no rows, with a note, below 56 days or where orders never vary.

    Notes
    -----
    Model: weekday effect + straight line + step on day k; F(k) compares it with the model without the step, for each k
    at least 28 days from either end, and the test takes the largest (sup F). Null: the residuals of the line in
    blocks of 14 days, in random order, so that the likeness of near days and the shape of the noise stay as they are. A
    step found splits the days, and each part is searched in the same way (binary segmentation). Days further than five
    robust standard deviations out are cut off there first: one holiday is no change of level. The 95% set of days holds
    all k within 7.35 long-run variances (Newey-West) of the best; the interval of the step uses the same variance. A
    step found is the largest of many, so in truth it is a little smaller on average.

    References
    ----------
    Andrews (1993), Econometrica 61: sup F. Bai (1997), Econometric Theory 13: one step at a time. Hansen (2000),
    Econometrica 68: set of days, -2 log(1 - sqrt(0.95)) = 7.35. Davison & Hinkley (1997), section 8.2: blocks.
    """
    counts = daily(table).orders.astype(float)
    n, names = len(counts), ["day", "earliest", "latest", "before", "change", "low", "high", "p"]
    why = "orders never vary" if counts.nunique() == 1 else ""
    why = f"{n} day(s), a change of level needs {2 * SHORTEST}" if n < 2 * SHORTEST else why
    fitted = pd.DataFrame(
        {"day": counts.index, "orders": counts.to_numpy(), "level": counts.mean()}
    )
    if why:
        return Changes(pd.DataFrame(columns=names), fitted, n, why)
    y = _without_weekdays(counts)
    steps = sorted(
        _search(_cut_off(y), 0, level=level, draw=(shuffles, np.random.default_rng(seed)))
    )
    rows = [(*(counts.index[k] for k in at), *rest) for at, rest in steps]
    edges = [0, *(at[0] for at, _ in steps), n]
    lines = [y[a:b] - _off_line(y[a:b]) for a, b in zip(edges, edges[1:], strict=False)]
    return Changes(
        pd.DataFrame(rows, columns=names), fitted.assign(orders=y, level=np.concatenate(lines)), n
    )


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
    return y - off + np.clip(off, middle - spread, middle + spread) if spread > 0 else y


def _drops(off: np.ndarray) -> np.ndarray:
    """How much the squared residuals drop with a step on each day, from SHORTEST to n - SHORTEST."""
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
    """The steps in a series: ((day, earliest, latest), (before, change, low, high, p)), days counted from `start`."""
    n = len(y)
    off = _off_line(y)
    if n < 2 * SHORTEST or not off.any():
        return []
    drops = _drops(off)
    best = int(drops.argmax())
    p = _chance(off, drops[best], *draw)
    if p > 1 - level:
        return []
    at, size = best + SHORTEST, _sizes(n)[best + SHORTEST]
    step = off[at:].sum() / size
    variance = _long_run(off - step * _off_line((np.arange(n) >= at) * 1.0))
    near = np.flatnonzero(drops[best] - drops <= HANSEN * variance) + SHORTEST
    flat = y - step * (np.arange(n) >= at)
    before = float((flat - _off_line(flat))[at - 1])
    half = special.ndtri(0.5 + level / 2) * np.sqrt(variance / size)
    ends = np.array([step, step - half, step + half]) / before if before > 0 else np.full(3, np.nan)
    days = (start + at, start + int(near[0]), start + int(near[-1]))
    sides = ((y[:at], start), (y[at:], start + at))
    rest = [
        found for part, first in sides for found in _search(part, first, level=level, draw=draw)
    ]
    return [(days, (before, *ends.tolist(), p)), *rest]


def _chance(off: np.ndarray, largest: float, shuffles: int, rng: np.random.Generator) -> float:
    """The share of shuffled residuals with a step as large anywhere, beside their own squared residuals."""
    n = len(off)
    blocks = np.arange(n) // BLOCK
    order = rng.permuted(np.tile(np.arange(blocks[-1] + 1.0), (shuffles, 1)), axis=1)
    shuffled = _off_line(off[np.argsort(order[:, blocks], axis=1, kind="stable")])
    drops = _drops(shuffled).max(axis=1) / (shuffled**2).sum(axis=1)
    return float((1 + (drops >= largest / (off @ off)).sum()) / (1 + shuffles))


def _long_run(residuals: np.ndarray) -> float:
    """Newey-West variance of a series whose neighbours are alike, per day."""
    n = len(residuals)
    lags = int(4 * (n / 100) ** (2 / 9))
    shared = sum(
        (1 - k / (lags + 1)) * (residuals[k:] @ residuals[:-k]) for k in range(1, lags + 1)
    )
    return float(max(residuals @ residuals + 2 * shared, 0.0) / (n - 3))
