"""What follows from the description: the sentence at the end of the report."""

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
