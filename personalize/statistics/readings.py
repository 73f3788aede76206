"""Sentences that hold the numbers: captions and descriptions of the results of this topic, for a report."""

import pandas as pd

from personalize.statistics.attributes import Attributes
from personalize.statistics.behaviour import Persistence
from personalize.statistics.changes import Changes
from personalize.statistics.concentration import Concentration
from personalize.statistics.describe import bracket
from personalize.statistics.joint import JointOutliers
from personalize.statistics.visits import Visits
from personalize.statistics.words import Words


def spend(described: pd.DataFrame, units: pd.DataFrame, *, currency: str = "") -> str:
    """Mean against median spend, the middle order, and what is not sold by the piece.

    Parameters
    ----------
    described : from `Behaviour.table`, both grains
    units : from `units`
    currency : of the shop
    """
    rows = described.set_index(["grain", "measure"])
    row, lines = rows.loc[("customer", "spend")], rows.loc[("order", "lines")]
    if not row.n or not lines.n:
        return (
            "No order has a customer."
            if not row.n
            else "There are only returns: no order can be described."
        )
    mean, middle = bracket(row.mean_low, row.mean_high), bracket(row.median_low, row.median_high)
    times = (
        f": the mean is **{row['mean'] / row['median']:.2f} times the median**"
        if row["median"] > 0
        else ""
    )
    wider = rows.design_effect[("order", "spend")] ** 0.5
    said = (
        f"A customer spends {row['mean']:,.0f} {currency} on average {mean}, but the customer in the middle spends "
        f"{row['median']:,.0f} {middle}{times}. Of the {lines.n:,} orders, the one in the middle has "
        f"**{lines['median']:,.0f} line(s)**. Allowing for the likeness of a customer's orders changes the width of "
        f"the interval of spend an order by a factor of {wider:.1f}."
    )
    names = ", ".join(units.group.head(3))
    return said if units.empty else (
        f"{said} {units.lines.sum():,} lines ({names}) count another unit than pieces, {units.large_lines.sum():,} of "
        "them with a quantity above 1,000: they are in every sum of lines and money, and in no count of pieces."
    )  # fmt: skip


def lorenz(shared: Concentration, *, top: float = 0.2, min_cell: int = 10) -> str:
    """How far the Lorenz curve bends.

    Parameters
    ----------
    shared : from `concentration`
    top : share of the best customers, one of those asked for
    min_cell : the share of fewer customers is not said
    """
    gini = f"Gini {shared.gini:.3f}" if shared.gini == shared.gini else "Gini is not defined"
    row = shared.tops.set_index("top").loc[top]
    holds = (
        f"; the best {top:.0%} hold {row.share:.1%}"
        if row.customers >= min_cell and row.share == row.share
        else ""
    )
    return f"Lorenz curve of {shared.n:,} customers: {gini}{holds}"


def best(shared: Concentration, lasting: Persistence) -> str:
    """How unequal customers are, and what the best of one half of the days bring in the other.

    Parameters
    ----------
    shared : from `concentration`
    lasting : from `persistence`
    """
    gini = f"Gini {shared.gini:.3f} {bracket(shared.gini_low, shared.gini_high, '{:.3f}')}"
    gini = gini if shared.gini == shared.gini else "Gini is not defined"
    later = bracket(lasting.low, lasting.high, "{:.1%}")
    honest = f"how it lasts cannot be told: {lasting.note}" if lasting.note else (
        f"honest figure: the {lasting.best:,} best ({lasting.top:.0%}) of the days up to {lasting.cut:%Y-%m-%d} had "
        f"{lasting.share_then:.1%} of the spend then and bring {lasting.share_later:.1%} {later} of what the same "
        "customers spend afterwards"
    )  # fmt: skip
    return f"The best customers' share of spend; {gini}; {honest}. {shared.note}".rstrip()


def level(pace: pd.DataFrame, trends: pd.DataFrame, steps: Changes) -> str:
    """The range of orders a week or day, their trend and the number of steps.

    Parameters
    ----------
    pace : from `timeline`
    trends : from `trends`, of the same
    steps : from `changes`
    """
    per, orders = pace.per.iloc[0], pace.orders
    return (f"Orders over {len(pace)} {per}s: mean {orders.mean():,.0f} a {per}, from {orders.min():,} to "
            f"{orders.max():,}; {slopes(trends)}; {len(steps.found)} step(s) in the level")  # fmt: skip


def slopes(trends: pd.DataFrame) -> str:
    """The change along the steady trend of each measure, with its interval.

    Parameters
    ----------
    trends : from `trends`
    """
    rows = trends.reset_index().itertuples()
    told = [
        f"{t.measure} {t.change:+.1%} {bracket(t.low, t.high, '{:+.1%}')}"
        for t in rows
        if t.change == t.change
    ]
    return f"change along the steady trend: {', '.join(told)}" if told else "no trend can be told"


def moved(trends: pd.DataFrame, steps: Changes) -> str:
    """Whether orders moved: a trend beyond doubt, the largest step, or neither.

    Parameters
    ----------
    trends : from `trends`, with its measures as index
    steps : from `changes`
    """
    slope, found = trends.loc["orders"], steps.found
    trend = (f"orders change by {slope.change:+.0%} along their trend" if slope.low * slope.high > 0
             else "no trend in orders can be claimed")  # fmt: skip
    if found.empty or not found.change.notna().any():
        return trend
    step = found.loc[found.change.abs().idxmax()]
    when = f"{step.day:%Y-%m-%d} (between {step.earliest:%Y-%m-%d} and {step.latest:%Y-%m-%d})"
    return f"{trend}, but their level stepped by {step.change:+.0%} about {when}: find out why"


def _chance(p: float) -> str:
    return "below 0.001" if p < 0.001 else f"{p:.3f}"


def described(who: Attributes, *, currency: str = "") -> str:
    """How many customers are described, and whether they may stand for the others.

    Parameters
    ----------
    who : from `attributes`
    currency : of the shop
    """
    means = [
        f"{g.spend:,.0f} {bracket(g.spend_low, g.spend_high)}" for g in who.coverage.itertuples()
    ]
    stand = "may stand for the others" if who.representative else "are NOT a random sample"
    others = f"mean spend {means[0]} {currency}" + (
        f" against {means[1]} of the others" if len(means) > 1 else ""
    )
    return f"{who.described:,} of {who.known:,} customers are described and {stand}: {others}; " \
           f"{who.hidden} small groups left out"  # fmt: skip


def tie(who: Attributes, attribute: str) -> str:
    """How closely an attribute goes with spend, and its largest residuals.

    Parameters
    ----------
    who : from `attributes`
    attribute : one of `Attributes.by_spend`
    """
    ties, grid = who.ties(), who.residuals(attribute)
    row = ties.set_index("attribute").loc[attribute]
    return (f"Standardised residuals of {attribute} by quarters of spend, from {grid.min().min():+.1f} to "
            f"{grid.max().max():+.1f}; Cramér's V {row.strength:.2f} {bracket(row.low, row.high, '{:.2f}')}, adjusted "
            f"p {_chance(row.p_adjusted)} over {len(ties)} attributes")  # fmt: skip


def together(apart: JointOutliers) -> str:
    """Who is far out in several measures together, beside what chance would give.

    Parameters
    ----------
    apart : from `joint_outliers`
    """
    if apart.groups.empty:
        return f"No customers are shown to be far out in several measures together: {apart.note}."
    unseen = (
        f"; {apart.unseen:,.0f} of them are far out in no single one"
        if apart.unseen == apart.unseen
        else ""
    )
    return (f"Customers far from the bulk in {', '.join(apart.measures)} together: {apart.expected:.1f} expected by "
            f"chance{unseen}. {apart.note[:1].upper()}{apart.note[1:]}").rstrip()  # fmt: skip


def looks(seen: Visits) -> str:
    """Events a page, a customer and a session, and the number of sessions.

    Parameters
    ----------
    seen : from `visits`
    """
    each = [f"a {g.grain} {g.mean:,.1f} {bracket(g.mean_low, g.mean_high, '{:,.1f}')}, median {g.median:,.0f}"
            for g in seen.table().itertuples()]  # fmt: skip
    note = f" ({seen.note})" if seen.note else ""
    return f"{seen.sessions:,} sessions{note}, and those with at least one such event. Events: {'; '.join(each)}"


def vocabulary(said: Words) -> str:
    """How many texts by how many customers the words come from.

    Parameters
    ----------
    said : from `words`
    """
    rated = f", mean rating {said.rating:.2f}" if said.rating == said.rating else ", not rated"
    note = f"{said.note[:1].upper()}{said.note[1:]}"
    return f"Words of {said.documents:,} texts by {said.authors:,} authors{rated}. {note}".rstrip()


def praise(said: Words, telling: pd.DataFrame) -> str:
    """The words that go with the lowest and the highest ratings.

    Parameters
    ----------
    said : from `words`
    telling : from `Words.telling`
    """
    ends = [f"{t.term} {t.rating:.2f}" for t in telling.iloc[[0, -1]].itertuples()]
    return f"Mean rating of texts with a word: lowest {ends[0]}, highest {ends[1]}, all texts {said.rating:.2f}"
