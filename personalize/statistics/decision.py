"""What follows from the description: the sentences at the end of the reports."""

import pandas as pd

from personalize.statistics.change_points import Changes
from personalize.statistics.customer_base import Behaviour
from personalize.statistics.inequality import Persistence
from personalize.statistics.seasonality import Trends, WeekdayHours
from personalize.tables import Absent


def decide(
    behaviour: Behaviour,
    lasting: Persistence,
    *,
    hours: WeekdayHours | Absent,
    steps: Changes,
    trends: Trends,
) -> str:
    """Whom to care for first, which number to quote, when most is bought, and whether orders moved.

    Parameters
    ----------
    behaviour, lasting : from `behaviour` and `persistence`
    hours : from `weekday_hour`, or absent where the orders carry no time of day
    steps, trends : from `changes` and `trends`
    """
    said = [lasting.advice()]
    spend = behaviour.row("customer", "spend")
    if spend.n:
        money = f"{spend['median']:,.0f} {behaviour.currency}"
        said.append(f"quote the median spend of {money}, not the mean")
    if isinstance(hours, WeekdayHours):
        times = f"{24 * hours.share:.1f} times an even share of orders"
        said.append(f"the busiest hour is {hours.peak} h with {times}")
    said.append(steps.advice(trends))
    return f"{'; '.join(said)}."


def readiness(
    size: pd.Series, kept: pd.DataFrame, odd: pd.DataFrame, verdicts: pd.DataFrame
) -> str:
    """How much there is, how far it can be trusted, and how many topics it can feed.

    Parameters
    ----------
    size, kept, odd, verdicts : from `facts`, `promises`, `oddities` and `verdicts`
    """
    given = verdicts.verdict.value_counts().reindex(["yes", "no"], fill_value=0)
    return (
        f"{size.customers:,.0f} customers, {size.orders:,.0f} orders and {size['lines']:,.0f} "
        f"lines over {size.days:,.0f} days, with {kept.breaches.sum():,} broken promises and "
        f"{len(odd)} oddities that are named and handled, feed {given['yes']} of "
        f"{len(verdicts)} topics in full and {given['no']} not at all."
    )
