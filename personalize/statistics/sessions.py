"""What customers look at: page views by page, customer and session, and how far sessions get."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from personalize.inference import ratio
from personalize.statistics.descriptives import bracket, describe, design_effect
from personalize.tables import Tables

VISITS = """
select customer_id, {key} as session_key, event from {{events}} where {key} is not null
"""
TOTAL = """
select customer_id, count(distinct session_key) as n, count(*) as events
from ({seen}) e group by customer_id order by customer_id nulls last
"""
EACH = """
select customer_id, event, count(distinct session_key) as n
from ({seen}) e group by customer_id, event order by event, customer_id nulls last
"""
COUNTED = """
select '{grain}' as grain, value, count(*) as n from (
    select {by} as k, count(*) as value from {{events}} where {by} is not null group by {by}
) c group by value order by value
"""


@dataclass(frozen=True)
class Visits:
    """Page views and sessions.

    Attributes
    ----------
    counts : value counts of events: grain ("page", "customer", "session"), value, n
    funnel : one row a kind of event, most sessions first: event, sessions, share (of all sessions),
        share_low, share_high (customers are what was sampled), of_previous (sessions beside the row
        above)
    sessions : their number
    session_effect : how the likeness of a customer's sessions changes the variance of their mean
        (`design_effect`)
    note : how a session was told where the events carry none
    """

    counts: pd.DataFrame
    funnel: pd.DataFrame
    sessions: int
    session_effect: float = 1.0
    note: str = ""

    def table(self) -> pd.DataFrame:
        """Events a page, customer and session: grain and the columns of `Description.table`."""
        rows = []
        for grain, part in self.counts.groupby("grain", sort=False):
            effect = self.session_effect if grain == "session" else 1.0
            rows.append(describe(part, design_effect=effect).table().assign(grain=grain))
        found = pd.concat(rows, ignore_index=True)
        return found[["grain", *found.columns.drop("grain")]]

    @property
    def caption(self) -> str:
        """Events a page, a customer and a session, and the number of sessions."""
        said = []
        for row in self.table().itertuples():
            mean = f"{row.mean:,.1f} {bracket(row.mean_low, row.mean_high, '{:,.1f}')}"
            said.append(f"a {row.grain} {mean}, median {row.median:,.0f}")
        note = f" ({self.note})" if self.note else ""
        return (
            f"{self.sessions:,} sessions{note}, and those with at least one such event. "
            f"Events: {'; '.join(said)}"
        )


def visits(tables: Tables, *, level: float = 0.95) -> Visits:
    """Page views and sessions of a shop.

    Parameters
    ----------
    tables : Tables with a table `events`
    level : of the intervals

    Raises
    ------
    Unavailable : when the source has no table `events`.

    Notes
    -----
    Without session_id a session is a customer's events of one calendar day. Distinct sessions are
    counted for each kind of event, so a share is of sessions that got that far at least once, in
    any order.
    """
    columns = tables.events.columns
    key, note = "session_id", ""
    if key not in columns:
        key = "concat(cast(customer_id as varchar), ' ', cast(cast(time as date) as varchar))"
        note = "a session is a customer's events of one day"
    grains = {"customer": "customer_id", "session": key}
    if "page_id" in columns:
        grains = {"page": "page_id"} | grains
    parts = []
    for grain, by in grains.items():
        parts.append(tables.sql(COUNTED.format(grain=grain, by=by)))
    counts = pd.concat(parts, ignore_index=True)
    seen = VISITS.format(key=key)
    total = tables.sql(TOTAL.format(seen=seen))
    effect = design_effect(total.events, total.n, counts[counts.grain == "session"])
    funnel = _funnel(tables.sql(EACH.format(seen=seen)), total, level=level)
    return Visits(counts, funnel, int(total.n.sum()), effect, note)


def _funnel(each: pd.DataFrame, total: pd.DataFrame, *, level: float) -> pd.DataFrame:
    each = each.assign(customer_id=each.customer_id.astype(str))
    wide = each.pivot(index="customer_id", columns="event", values="n")
    wide = wide.reindex(total.customer_id.astype(str)).fillna(0)
    rows = []
    for name in wide:
        share = np.clip(ratio(wide[name], total.n, level=level), 0, 1)
        rows.append((name, int(wide[name].sum()), *share))
    found = pd.DataFrame(rows, columns=["event", "sessions", "share", "share_low", "share_high"])
    found = found.sort_values(["sessions", "event"], ascending=[False, True], ignore_index=True)
    before = found.sessions.shift(1)
    return found.assign(of_previous=found.sessions / before.where(before > 0))
