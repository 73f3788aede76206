"""What every part draws with: the stated parameters, random streams, the BG/NBD process, the
calendar.

The parameters stand in the CSV files beside this module: a row of `settings.csv` each where they
hold for everybody, else by segment, by arm of a campaign, by price tier.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy import ndarray
from numpy.random import Generator

WEEKDAYS = (0.85, 0.85, 0.90, 1.00, 1.25, 1.45, 0.70)  # Monday first; relative number of orders
# relative number of orders in each hour from midnight
HOURS = np.array([1, 1, 0, 0, 0, 0, 1, 2, 4, 6, 7, 7, 8, 7, 6, 6, 8, 10, 9, 7, 5, 3, 2, 1])
SEASON = 0.20  # swing around the mean
SEASON_PEAK = 350  # day of the year

Streams = dict[str, Generator]


def stated(name: str) -> pd.DataFrame:
    """The parameters or phrases of one of the CSV files beside this module."""
    file = Path(__file__).with_name(f"{name}.csv")
    return pd.read_csv(file, keep_default_na=False)


SETTINGS = stated("settings").set_index("name").value


def streams(seed: int, names: Sequence[str]) -> Streams:
    """One independent random stream a name: a name appended at the end leaves the others as they
    were.

    >>> one, two = streams(1, ["a"]), streams(1, ["a", "b"])
    >>> bool(one["a"].random() == two["a"].random())
    True
    """
    children = np.random.SeedSequence(seed).spawn(len(names))
    return {name: np.random.default_rng(child) for name, child in zip(names, children, strict=True)}


def out_of_range(numbers: Mapping[str, Any], limits: Mapping[str, tuple[int, int]]) -> list[str]:
    """What is wrong with arguments that must be whole numbers within their limits, in words.

    >>> out_of_range({"weeks": 9.5, "seed": 1}, {"weeks": (26, 520), "seed": (0, 9)})
    ['weeks = 9.5: a whole number from 26 to 520 is needed']
    """
    wrong = []
    for name, value in numbers.items():
        low, high = limits[name]
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not whole or not low <= value <= high:
            wrong.append(f"{name} = {value!r}: a whole number from {low:,} to {high:,} is needed")
    return wrong


def purchases(
    rate: ndarray, dropout: ndarray, *, exposure: ndarray, rng: Generator
) -> tuple[ndarray, ndarray, ndarray]:
    """Repeat purchases of the BG/NBD process, for every customer at once.

    Parameters
    ----------
    rate : purchases a week while active, > 0
    dropout : probability, 0 to 1, of leaving after each repeat purchase
    exposure : weeks watched since the first purchase (which is at 0, and not among those returned),
        >= 0
    rng : random stream

    Returns
    -------
    who, when : index of the customer and weeks since the first purchase, one a repeat purchase, in
        order
    left : weeks from the first purchase until the customer left, infinite where still active at the
        end

    Notes
    -----
    N ~ Poisson(rate * exposure) purchases at uniform times would be made, and the customer leaves
    with number G ~ Geometric(dropout): the first min(N, G) are kept. With dropout 0 nobody leaves.

    References
    ----------
    Fader, Hardie, Lee (2005), Counting Your Customers the Easy Way, Marketing Science 24(2),
    section 3.

    >>> rng = np.random.default_rng(1)
    >>> rate, dropout, exposure = np.ones(2), np.array([0.0, 1.0]), np.full(2, 9.0)
    >>> who, when, left = purchases(rate, dropout, exposure=exposure, rng=rng)
    >>> int((who == 1).sum()), bool(np.isinf(left[0])), bool(left[1] == when[who == 1][0])
    (1, True, True)
    """
    count = rng.poisson(rate * exposure)
    last = rng.geometric(np.maximum(dropout, 1e-12))
    who = np.repeat(np.arange(len(rate)), count)
    when = rng.random(len(who)) * exposure[who]
    when = when[np.lexsort((when, who))]
    number = np.arange(len(who)) - np.repeat(np.cumsum(count) - count, count) + 1
    left = np.full(len(rate), np.inf)
    leaving = number == last[who]
    left[who[leaving]] = when[leaving]
    kept = number <= last[who]
    return who[kept], when[kept], left


@dataclass(frozen=True)
class Calendar:
    """The days of the simulation: turns evenly running weeks into season, weekday and hour.

    >>> Calendar(pd.Timestamp("2023-01-02"), 2).moments(np.array([0.0, 2.0])).astype(str).tolist()
    ['2023-01-02T00:00:00.000000', '2023-01-15T23:59:00.000000']
    """

    start: pd.Timestamp
    weeks: int

    @property
    def days(self) -> int:
        """Number of days."""
        return 7 * self.weeks

    @cached_property
    def intensity(self) -> ndarray:
        """Expected orders of each day relative to the mean day."""
        dates = pd.date_range(self.start, periods=self.days)
        season = 1 + SEASON * np.cos(
            2 * np.pi * (dates.day_of_year.to_numpy() - SEASON_PEAK) / 365.25
        )
        weight = season * np.array(WEEKDAYS)[dates.day_of_week.to_numpy()]
        return weight / weight.mean()

    def moments(self, clock: ndarray) -> ndarray:
        """Times (datetime64, whole minutes) for positions 0 to `weeks` on the even clock; order is
        kept.
        """
        even = np.concatenate([[0], np.cumsum(self.intensity)]) / 7
        position = np.interp(clock, even, np.arange(self.days + 1))
        day = np.minimum(position.astype(int), self.days - 1)
        return self.at(day, position - day)

    def at(self, day: ndarray, part: ndarray) -> ndarray:
        """Times on the given days (0 = first) at a part, 0 to 1, of the day's business."""
        hours = np.interp(
            part, np.concatenate([[0], np.cumsum(HOURS)]) / HOURS.sum(), np.arange(25)
        )
        minutes = np.minimum((hours * 60).astype(int), 24 * 60 - 1)
        first = np.datetime64(self.start, "us")
        return first + (np.asarray(day) * 1440 + minutes).astype("timedelta64[m]").astype(
            "timedelta64[us]"
        )

    def day_of(self, times: ndarray) -> ndarray:
        """Day number (0 = first) of each time."""
        return ((times - np.datetime64(self.start, "us")) // np.timedelta64(1, "D")).astype(int)

    @property
    def end(self) -> np.datetime64:
        """The first moment after the last day."""
        return np.datetime64(self.start, "us") + np.timedelta64(self.days, "D")


def pick(cumulative: ndarray, rows: ndarray, rng: Generator) -> ndarray:
    """One column for each of `rows`, drawn with the probabilities whose running sums are the rows
    of `cumulative`.
    """
    height, width = cumulative.shape
    flat = (cumulative + np.arange(height)[:, None]).ravel()
    found = np.searchsorted(flat, rows + rng.random(len(rows)), side="right") - rows * width
    return np.clip(found, 0, width - 1)


def running(weights: ndarray) -> ndarray:
    """Running sums of each row, scaled to end at 1."""
    sums = np.cumsum(weights, axis=1)
    return sums / sums[:, -1:]


def words(table: Sequence[str], codes: ndarray) -> pd.api.extensions.ExtensionArray:
    """Text column from codes; -1 is missing.

    >>> list(words(["store", "online"], np.array([1, 0])))
    ['online', 'store']
    """
    return pd.array(list(table), dtype="str").take(codes, allow_fill=True)


def ids(codes: ndarray, first: int) -> pd.api.extensions.ExtensionArray:
    """Identifiers from codes: `first` + code (Int64), missing where the code is negative.

    >>> ids(np.array([0, -1]), 100).tolist()
    [100, <NA>]
    """
    return pd.arrays.IntegerArray((codes + first).astype("int64"), codes < 0)
