"""How customers move between segments from one day to another, and how much of it is only a change of borders."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from personalize.evaluate import Interval
from personalize.features import rfm as rfm_table
from personalize.segmentation.rulecard import wilson
from personalize.segmentation.scores import RFM
from personalize.tables import TableError, Tables

NEW, GONE = "not yet a customer", "no purchase in the window"


@dataclass(frozen=True)
class Migration:
    """Moves between two days, seen with the borders of the first day kept.

    Attributes
    ----------
    moves : one row a customer: customer_id, before, after (borders kept), after_refit (borders learned again)
    changed : share of the customers with a segment on both days whose segment changed, borders kept: behaviour
    changed_refit : the same share when the borders are learned again on the second day
    due_to_borders : share whose later segment depends on that choice alone
    order : names of the segments, best first
    """

    moves: pd.DataFrame
    changed: Interval
    changed_refit: Interval
    due_to_borders: Interval
    order: tuple[str, ...]

    def table(self) -> pd.DataFrame:
        """Customers by segment before (rows) and after (columns), best first, borders kept."""
        counts = pd.crosstab(self.moves.before, self.moves.after)
        names = [*self.order, NEW, GONE]
        return counts.reindex(
            index=[name for name in names if name in counts.index],
            columns=[name for name in names if name in counts.columns],
        )

    def shares(self, *, min_cell: int = 10) -> pd.DataFrame:
        """The same as shares of each row; cells of fewer than `min_cell` customers are left empty."""
        counts = self.table()
        shares = counts.div(counts.sum(axis=1), axis=0).where(counts >= min_cell)
        return shares.dropna(axis=0, how="all").dropna(axis=1, how="all")

    def reading(self) -> str:
        """The movement, and how much of it is only the yardstick, in words."""
        yardstick = "hardly" if self.due_to_borders.estimate < 0.1 else "in part (so keep the cuts)"
        return (
            f"**{self.changed.estimate:.0%}** of {self.changed.n:,} customers ({self.changed.low:.0%} to "
            f"{self.changed.high:.0%}) carry another name on the later day. Learning the cuts again would relabel "
            f"{self.due_to_borders.estimate:.1%}: the movement is behaviour, and {yardstick} the yardstick. Refresh "
            "the lists before each campaign, and judge a campaign by the segment a customer had when it began."
        )


def migration(before: pd.DataFrame, after: pd.DataFrame, *, rfm: RFM) -> Migration:
    """The moves between the RFM tables of two days, by the borders of a fitted `RFM`.

    Parameters
    ----------
    before, after : RFM tables of the earlier and the later day, over windows of equal length; with the whole history
        frequency and money can only grow, and much of the movement is only that
    rfm : RFM fitted on `before` (or holding the frozen cuts to use)

    Returns
    -------
    Migration

    Raises
    ------
    TableError : when no customer has a segment on both days.

    Examples
    --------
    >>> first = pd.DataFrame({"customer_id": range(5), "recency_days": [0, 3, 9, 30, 200],
    ...                       "frequency": [40, 12, 5, 2, 1], "monetary": [900.0, 300, 80, 20, 5]})
    >>> migration(first, first.assign(customer_id=[0, 1, 2, 4, 3]), rfm=RFM().fit(first)).changed.estimate
    0.0
    """
    first = rfm.assign(before)[["customer_id", "segment"]].rename(columns={"segment": "before"})
    kept = rfm.assign(after)[["customer_id", "segment"]].rename(columns={"segment": "after"})
    refit = RFM(names=rfm.names).fit(after).assign(after)[["customer_id", "segment"]]
    later = kept.merge(refit.rename(columns={"segment": "after_refit"}), on="customer_id")
    both = first.merge(later, on="customer_id")
    if both.empty:
        raise TableError(f"none of {len(before):,} earlier and {len(after):,} later customers is in both tables")
    moves = first.merge(later, on="customer_id", how="outer").fillna(
        {"before": NEW, "after": GONE, "after_refit": GONE}
    )
    pairs = ("before", "after"), ("before", "after_refit"), ("after", "after_refit")
    return Migration(moves, *(_differing(both[a], both[b]) for a, b in pairs), tuple(rfm.names_.segment))


def quarter(tables: Tables, *, as_of: Any, days: int = 91, window_days: int = 90) -> Migration:
    """The moves between named segments over the `days` days up to `as_of`, over equal trailing windows.

    Parameters
    ----------
    tables : Tables
    as_of : the later day
    days : days between the two; 91 are thirteen weeks
    window_days : both days look back over this many days

    Raises
    ------
    TableError : when the data do not reach back `days` + `window_days` days.
    """
    later = pd.Timestamp(as_of).normalize()
    earlier, needed = later - pd.Timedelta(days=days), days + window_days
    known = (later - tables.until(as_of).start).days + 1
    if known < needed:
        raise TableError(f"moves over {days} days need {needed} days of orders up to {later:%Y-%m-%d}, found {known}")
    before, after = (rfm_table(tables, as_of=day, window_days=window_days) for day in (earlier, later))
    return migration(before, after, rfm=RFM().fit(before))


def _differing(one: pd.Series, other: pd.Series) -> Interval:
    hits, n = int((one != other).sum()), len(one)
    return Interval(hits / n, *wilson(hits, n), n)
