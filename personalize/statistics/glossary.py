"""What the columns of the tables that leave this topic hold, in one line each."""

from collections.abc import Iterable

_COLUMNS = {
    "customer_id": "the customer",
    "orders": "orders that are not pure returns",
    "lines": "order lines of these orders",
    "pieces": "pieces, returns deducted, without goods that are not counted in pieces",
    "spend": "money, returns deducted, in the currency of the source",
    "first_day": "day of the first order in the data",
    "last_day": "day of the last order",
    "lines_per_order": "lines an order",
    "spend_per_order": "money an order, in the currency of the source",
    "gap_days": "mean calendar days from one order to the next",
    "quiet_days": "calendar days from the last order to the last day of the data",
    "oddity": "what is odd",
    "n": "how many rows are",
    "unit": "rows of what: lines, orders, customers or days",
    "share": "of all such rows, 0 to 1",
    "spend_share": "of all money, 0 to 1; empty where money has no part",
    "would_break": "the naive calculation it would ruin",
    "what_is_done": "how the kit treats it",
}


def about(columns: Iterable[str]) -> dict[str, str]:
    """What each column holds, for those that this topic exports.

    Parameters
    ----------
    columns : names, such as the columns of a table

    Examples
    --------
    >>> about(["gap_days", "elsewhere"])
    {'gap_days': 'mean calendar days from one order to the next'}
    """
    return {name: _COLUMNS[name] for name in columns if name in _COLUMNS}
