"""What customers look at: page views by page, customer and session, and how far sessions get."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from personalize.statistics.describe import describe, design_effect, ratio
from personalize.tables import TableError, Tables


@dataclass(frozen=True)
class Visits:
    """Page views and sessions.

    Attributes
    ----------
    counts : value counts of events: grain ("page", "customer", "session"), value, n
    funnel : one row a kind of event, most sessions first: event, sessions, share of all sessions, low, high (customers
        are what was sampled), of_previous (sessions beside the row above)
    sessions : their number
    session_effect : how the likeness of a customer's sessions changes the variance of their mean (`design_effect`)
    note : how a session was told where the events carry none
    """

    counts: pd.DataFrame
    funnel: pd.DataFrame
    sessions: int
    session_effect: float = 1.0
    note: str = ""

    def table(self) -> pd.DataFrame:
        """Events a page, customer and session: grain and the columns of `Description.table`."""
        effect = {"session": self.session_effect}
        parts = self.counts.groupby("grain", sort=False)
        rows = [
            describe(part, design_effect=effect.get(g, 1.0)).table().assign(grain=g)
            for g, part in parts
        ]
        found = pd.concat(rows, ignore_index=True)
        return found[["grain", *(c for c in found if c != "grain")]]


def visits(tables: Tables, *, level: float = 0.95) -> Visits:
    """Page views and sessions of a shop.

    Parameters
    ----------
    tables : Tables with a table `events`
    level : of the intervals

    Raises
    ------
    TableError : when the source has no table `events`.

    Notes
    -----
    Without session_id a session is a customer's events of one calendar day. Distinct sessions are counted for each kind
    of event, so a share is of sessions that got that far at least once, in any order.
    """
    if "events" not in tables:
        raise TableError(
            f"source '{tables.name}' has no table 'events': add customer_id, time, event, session_id"
        )
    columns = tables.events.columns
    named = "session_id" in columns
    key = (
        "session_id"
        if named
        else "concat(cast(customer_id as varchar), ' ', cast(cast(time as date) as varchar))"
    )
    grains = {
        "page": "page_id" if "page_id" in columns else "",
        "customer": "customer_id",
        "session": key,
    }
    counts = pd.concat(
        [_counted(tables, grain, by) for grain, by in grains.items() if by], ignore_index=True
    )
    seen = (
        f"select customer_id, {key} as session_key, event from {{events}} where {key} is not null"
    )
    total = tables.sql(
        f"select customer_id, count(distinct session_key) as n, count(*) as events from ({seen}) e "
        "group by customer_id order by customer_id nulls last"
    )
    effect = design_effect(total.events, total.n, counts[counts.grain == "session"])
    note = "" if named else "a session is a customer's events of one day"
    return Visits(
        counts, _funnel(tables, seen, total, level=level), int(total.n.sum()), effect, note
    )


def _counted(tables: Tables, grain: str, by: str) -> pd.DataFrame:
    text = (
        f"select '{grain}' as grain, value, count(*) as n from (select {by} as k, count(*) as value from {{events}} "
        f"where {by} is not null group by {by}) c group by value order by value"
    )
    return tables.sql(text)


def _funnel(tables: Tables, seen: str, total: pd.DataFrame, *, level: float) -> pd.DataFrame:
    each = tables.sql(
        f"select customer_id, event, count(distinct session_key) as n from ({seen}) e "
        "group by customer_id, event order by event, customer_id nulls last"
    )
    wide = each.assign(customer_id=each.customer_id.astype(str)).pivot(
        index="customer_id", columns="event", values="n"
    )
    wide = wide.reindex(total.customer_id.astype(str)).fillna(0)
    rows = [
        (name, int(wide[name].sum()), *ratio(wide[name], total.n, level=level)) for name in wide
    ]
    found = pd.DataFrame(rows, columns=["event", "sessions", "share", "low", "high"])
    found = found.sort_values(["sessions", "event"], ascending=[False, True], ignore_index=True)
    found[["low", "high"]] = found[["low", "high"]].clip(0, 1)
    before = found.sessions.shift(1).to_numpy(float)
    return found.assign(
        of_previous=np.divide(
            found.sessions, before, out=np.full(len(found), np.nan), where=before > 0
        )
    )
