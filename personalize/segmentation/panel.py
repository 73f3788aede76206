"""What was known of customers on a day, and what they did in the weeks after: the two kept apart by construction."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from personalize.features import rfm
from personalize.segmentation.outlook import outcome
from personalize.tables import TableError, Tables


@dataclass(frozen=True)
class Panel:
    """Customers as they were known at the end of a day, and whether each then fell silent.

    Attributes
    ----------
    table : RFM table, from orders up to and including `as_of` only
    silent : whether no purchase followed in the `days` days after, one a row of `table`
    as_of : the day
    """

    table: pd.DataFrame
    silent: np.ndarray
    as_of: pd.Timestamp


def panel(tables: Tables, *, as_of: Any, days: int, window_days: int) -> Panel:
    """The panel of one day: features read `tables` cut at `as_of`, the outcome reads only what lies after it."""
    day = pd.Timestamp(as_of).normalize()
    table = rfm(tables, as_of=day, window_days=window_days)
    later = outcome(tables, table.customer_id, as_of=day, days=days)
    return Panel(table, (later.next_orders == 0).to_numpy(), day)


def earlier(
    tables: Tables, *, as_of: Any, days: int, window_days: int, periods: int
) -> pd.Timestamp:
    """The day `periods` x `days` before `as_of`, refused where the data do not reach back far enough."""
    reached = tables.until(as_of)
    day = pd.Timestamp(as_of).normalize()
    start = day - pd.Timedelta(days=days * periods)
    if days < 1 or start - pd.Timedelta(days=window_days) < reached.start - pd.Timedelta(days=1):
        raise TableError(
            f"churn over {days} days needs {days * periods + window_days} days of orders up to {day:%Y-%m-%d}; the "
            f"data have {(day - reached.start).days + 1}. Take a shorter `days` or `window_days`, or a later as_of"
        )
    return start
