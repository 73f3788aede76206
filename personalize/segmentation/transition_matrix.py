"""How customers move between segments from one day to another, and how much of it is only a change
of borders.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from personalize.evaluate import Interval
from personalize.features import rfm as rfm_table
from personalize.features import tenure as tenure_table
from personalize.inference import proportion_interval
from personalize.segmentation.rfm import RFM
from personalize.segmentation.segmenter import TOO_NEW
from personalize.tables import TableError, Tables, Unavailable

NEW, GONE = "not yet a customer", "no purchase in the window"


@dataclass(frozen=True)
class Migration:
    """Moves between two days, seen with the borders of the first day kept.

    Attributes
    ----------
    moves : one row a customer: customer_id, before, after (borders kept), after_refit (borders
        learned again); in place of a segment also 'too new', 'not yet a customer' or 'no purchase
        in the window'
    changed : share of the customers settled in a segment on both days whose segment changed,
        borders kept: behaviour
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
        names = pd.Index([*self.order, TOO_NEW, NEW, GONE])
        return counts.loc[names[names.isin(counts.index)], names[names.isin(counts.columns)]]

    def shares(self, *, min_cell: int = 10) -> pd.DataFrame:
        """The same as shares of each row; cells of fewer than `min_cell` customers are left
        empty.
        """
        counts = self.table()
        shares = counts.div(counts.sum(axis=1), axis=0).where(counts >= min_cell)
        return shares.dropna(axis=0, how="all").dropna(axis=1, how="all")

    def reading(self) -> str:
        """The movement, and how much of it is only the yardstick, in words."""
        yardstick = "hardly" if self.due_to_borders.estimate < 0.1 else "in part (so keep the cuts)"
        return (
            f"**{self.changed.estimate:.0%}** of {self.changed.n:,} customers "
            f"({self.changed.low:.0%} to {self.changed.high:.0%}) carry another name on the later "
            f"day. Learning the cuts again would relabel {self.due_to_borders.estimate:.1%}: the "
            f"movement is behaviour, and {yardstick} the yardstick. Refresh the lists before each "
            "campaign, and judge a campaign by the segment a customer had when it began."
        )


def migration(
    before: pd.DataFrame,
    after: pd.DataFrame,
    *,
    rfm: RFM,
    tenure: tuple[pd.DataFrame, pd.DataFrame] | None = None,
    new_days: int = 28,
) -> Migration:
    """The moves between the RFM tables of two days, by the borders of a fitted `RFM`.

    Parameters
    ----------
    before, after : RFM tables of the earlier and the later day, over windows of equal length; with
        the whole history frequency and money can only grow, and much of the movement is only that
    rfm : RFM fitted on `before` (or holding the frozen cuts to use)
    tenure : the tables `features.tenure` gives on the two days. With them a customer whose first
        purchase is fewer than `new_days` days old is 'too new' instead of in a segment, and who had
        bought, but not in the window, is not taken for a new customer; None: everybody is settled,
        and who was not there is new
    new_days : as in `Segmenter`

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
    >>> later = first.assign(customer_id=[0, 1, 2, 4, 3])
    >>> migration(first, later, rfm=RFM().fit(first)).changed.estimate
    0.0
    """
    old, new = tenure or (None, None)
    refit = RFM(rfm.freeze().cuts_.levels, names=rfm.names).fit(after)
    named = {
        "before": _named(rfm, before, old, new_days),
        "after": _named(rfm, after, new, new_days),
        "after_refit": _named(refit, after, new, new_days),
    }
    moves = pd.DataFrame(named).rename_axis("customer_id").sort_index()
    settled = moves[(moves.notna() & (moves != TOO_NEW)).all(axis=1)]
    if settled.empty:
        raise TableError(
            f"none of {len(before):,} earlier and {len(after):,} later customers is in both tables"
        )
    known = moves.before.notna() if old is None else moves.index.isin(old.customer_id)
    absent = pd.Series(GONE, moves.index).where(known, NEW)
    moves["before"] = moves.before.fillna(absent)
    moves = moves.fillna(GONE)
    return Migration(
        moves.reset_index(),
        changed=_differing(settled.before, settled.after),
        changed_refit=_differing(settled.before, settled.after_refit),
        due_to_borders=_differing(settled.after, settled.after_refit),
        order=tuple(rfm.names_.segment),
    )


def quarter(tables: Tables, *, as_of: Any, days: int = 91, window_days: int = 90) -> Migration:
    """The moves between named segments over the `days` days up to `as_of`, over equal trailing
    windows.

    Parameters
    ----------
    tables : Tables
    as_of : the later day
    days : days between the two; 91 are thirteen weeks
    window_days : both days look back over this many days

    Raises
    ------
    Unavailable : when the data do not reach back `days` + `window_days` days.
    """
    later = pd.Timestamp(as_of).normalize()
    earlier, needed = later - pd.Timedelta(days=days), days + window_days
    known = (later - tables.until(as_of).start).days + 1
    if known < needed:
        raise Unavailable(
            f"moves over {days} days need {needed} days of orders up to {later:%Y-%m-%d}, "
            f"found {known}"
        )
    before = rfm_table(tables, as_of=earlier, window_days=window_days)
    after = rfm_table(tables, as_of=later, window_days=window_days)
    tenure = (tenure_table(tables, as_of=earlier), tenure_table(tables, as_of=later))
    return migration(before, after, rfm=RFM().fit(before), tenure=tenure)


def _named(rfm: RFM, table: pd.DataFrame, tenure: pd.DataFrame | None, new_days: int) -> pd.Series:
    """The segment of each customer of a day, or 'too new', by customer_id."""
    named = rfm.assign(table).set_index("customer_id").segment.astype(object)
    if tenure is None:
        return named
    days = tenure.set_index("customer_id").tenure_days.reindex(named.index)
    return named.where(~(days < new_days), TOO_NEW)


def _differing(one: pd.Series, other: pd.Series) -> Interval:
    hits, n = int((one != other).sum()), len(one)
    low, high = proportion_interval(hits, n)
    return Interval(hits / n, float(low), float(high), n)
