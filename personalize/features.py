"""What is known about each customer on a given day: the feature tables that the topics share.

Every function takes `as_of`, a date: everything up to the end of that day is known, nothing after
it. Days are local calendar days; a purchase is an order that is not a pure return.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from personalize.tables import TableError, Tables, require_tables

__all__ = ["outcome", "rfm", "tenure", "window_spend"]


def rfm(tables: Tables, *, as_of: Any, window_days: int | None = None) -> pd.DataFrame:
    """Recency, frequency and monetary value of every customer who bought.

    Parameters
    ----------
    tables : Tables
    as_of : date; the last known day
    window_days : look back over this many days only, `as_of` included; None or 0 for the whole
        history. A fixed window keeps two dates comparable: over the whole history frequency can
        only grow.

    Returns
    -------
    DataFrame, one row a customer with at least one purchase in the window, ordered by customer_id
        - customer_id
        - recency_days : calendar days from the last purchase to `as_of`; 0 for a purchase on the
            day itself
        - frequency : purchases (orders), 1 or more; an order that holds only returns is not one
        - monetary : money of all orders, returns deducted; it can be 0 or less

    Raises
    ------
    TableError : when `as_of` is no day of the data, `window_days` is negative, or nobody bought.

    Notes
    -----
    Customers who bought before the window only are left out: they have no recency inside it.

    References
    ----------
    Hughes (1994), Strategic Database Marketing: recency, frequency, monetary value.

    Examples
    --------
    >>> import personalize as pz
    >>> day = pd.to_datetime(["2024-01-05 23:50", "2024-01-06 00:10", "2024-01-02 12:00"])
    >>> orders = pd.DataFrame({"customer_id": [1, 1, 2], "order_id": [10, 11, 12],
    ...                        "product_id": [5, 5, 6],
    ...                        "time": day, "quantity": 1, "amount": [2.0, 3.0, 4.0]})
    >>> rfm(pz.load({"orders": orders}), as_of="2024-01-06").to_dict("records")[0]
    {'customer_id': 1, 'recency_days': 0, 'frequency': 2, 'monetary': 5.0}
    """
    found = _totals(tables, as_of, days=window_days)
    found = found[found.frequency > 0].reset_index(drop=True)
    if found.empty:
        window = f"in the {window_days} days up to {as_of}" if window_days else f"up to {as_of}"
        raise TableError(
            f"source '{tables.name}': no customer has a purchase {window}. Orders without a "
            "customer_id and "
            "pure returns do not count: choose another as_of or window_days, or give customer ids"
        )
    recency = (_day(as_of) - pd.to_datetime(found.last_day)).dt.days
    return found.assign(recency_days=recency.astype("int64"))[
        ["customer_id", "recency_days", "frequency", "monetary"]
    ]


def tenure(tables: Tables, *, as_of: Any) -> pd.DataFrame:
    """How long each customer has been one: days since the first purchase ever seen.

    Parameters
    ----------
    tables : Tables
    as_of : date; the last known day

    Returns
    -------
    DataFrame, one row a customer with at least one purchase, ordered by customer_id
        - customer_id
        - tenure_days : calendar days from the first purchase to `as_of`; 0 for a first purchase on
            the day itself

    Notes
    -----
    Purchases before the data begin are not known: in the first weeks of a log everybody looks new.

    Examples
    --------
    >>> import personalize as pz
    >>> day = pd.to_datetime(["2024-01-01", "2024-02-01", "2024-02-20"])
    >>> orders = pd.DataFrame({"customer_id": [1, 1, 2], "order_id": [10, 11, 12],
    ...                        "product_id": [5, 5, 6],
    ...                        "time": day, "quantity": 1, "amount": [2.0, 3.0, 4.0]})
    >>> tenure(pz.load({"orders": orders}), as_of="2024-02-20").tenure_days.tolist()
    [50, 0]
    """
    require_tables(tables, "tenure")
    found = tables.until(as_of).query("segmentation_tenure")
    days = (_day(as_of) - pd.to_datetime(found.first_day)).dt.days
    return found[["customer_id"]].assign(tenure_days=days.astype("int64"))


def window_spend(tables: Tables, *, as_of: Any, weeks: Sequence[int] = (4, 13, 26)) -> pd.DataFrame:
    """Spend and purchases of every customer over the last weeks, for several windows at once.

    Parameters
    ----------
    tables : Tables
    as_of : date; the last known day
    weeks : lengths of the windows in weeks, each ending with `as_of`

    Returns
    -------
    DataFrame, one row a customer of `rfm` over the whole history, ordered by customer_id
        - customer_id
        - spend_<n>w : money of the last n weeks, returns deducted; 0 without an order
        - orders_<n>w : purchases in the last n weeks

    Raises
    ------
    TableError : when `as_of` is no day of the data, a window is shorter than a week, or nobody
        bought.

    Notes
    -----
    A window of n weeks holds the 7 n calendar days that end with `as_of`, so that every weekday
    counts equally. A window that is longer than the data holds all there is; its spend is then a
    total, not a rate.

    Examples
    --------
    >>> import personalize as pz
    >>> day = pd.to_datetime(["2024-01-01", "2024-02-01", "2024-02-20"])
    >>> orders = pd.DataFrame({"customer_id": [1, 1, 2], "order_id": [10, 11, 12],
    ...                        "product_id": [5, 5, 6],
    ...                        "time": day, "quantity": 1, "amount": [2.0, 3.0, 4.0]})
    >>> tables = pz.load({"orders": orders})
    >>> window_spend(tables, as_of="2024-02-20", weeks=(1, 4)).iloc[0].to_dict()
    {'customer_id': 1.0, 'spend_1w': 0.0, 'orders_1w': 0.0, 'spend_4w': 3.0, 'orders_4w': 1.0}
    """
    require_tables(tables, "window_spend")
    if wrong := [n for n in weeks if int(n) != n or n < 1]:
        raise TableError(
            f"weeks = {list(weeks)}: {wrong} is no whole number of weeks; use 1 or more, such as "
            "(4, 13)"
        )
    result = rfm(tables, as_of=as_of)[["customer_id"]]
    for n in weeks:
        window = _totals(tables, as_of, days=7 * n).rename(
            columns={"monetary": f"spend_{n}w", "frequency": f"orders_{n}w"}
        )
        result = result.merge(window.drop(columns="last_day"), on="customer_id", how="left")
        result = result.fillna({f"spend_{n}w": 0.0, f"orders_{n}w": 0}).astype(
            {f"orders_{n}w": "int64"}
        )
    columns = [f"{what}_{n}w" for n in weeks for what in ("spend", "orders")]
    return result[["customer_id", *columns]]


def outcome(tables: Tables, customers: Any, *, as_of: Any, days: int = 56) -> pd.DataFrame:
    """What each customer did in the `days` days after `as_of`: nothing of it is known on `as_of`.

    Parameters
    ----------
    tables : Tables that reach at least `days` days beyond `as_of`
    customers : ids of the customers to look at
    as_of : last day known before
    days : length of the later period, 1 or more; 56 are eight weeks, in which
        every weekday counts equally

    Returns
    -------
    DataFrame, one row a customer in the order given
        - customer_id
        - next_orders : purchases
        - next_spend : money of all orders, returns deducted; 0 without an order

    Raises
    ------
    TableError : when the period does not lie inside the data.

    Examples
    --------
    >>> import personalize as pz
    >>> day = pd.to_datetime(["2024-01-01", "2024-02-01", "2024-02-01", "2024-02-20"])
    >>> orders = pd.DataFrame({"customer_id": [1, 1, 1, 2], "order_id": [10, 11, 12, 13],
    ...                        "product_id": 5,
    ...                        "time": day, "quantity": 1, "amount": [2.0, 3.0, 4.0, 5.0]})
    >>> outcome(pz.load({"orders": orders}), [1, 2], as_of="2024-01-01", days=35).iloc[0].to_dict()
    {'customer_id': 1.0, 'next_orders': 2.0, 'next_spend': 7.0}
    """
    after = _day(as_of)
    found = tables.between(after, after + pd.Timedelta(days=days)).query("outcome")
    asked = pd.DataFrame({"customer_id": np.asarray(customers)})
    joined = asked.merge(found, on="customer_id", how="left")
    return joined.fillna({"next_orders": 0, "next_spend": 0.0}).astype({"next_orders": "int64"})


def _totals(tables: Tables, as_of: Any, *, days: int | None) -> pd.DataFrame:
    """Purchases and money of each customer in the last `days` days (None or 0: ever)."""
    if days is not None and days < 0:
        raise TableError(
            f"window_days = {days} is negative: give the number of days to look back, or 0 for all"
        )
    require_tables(tables, "rfm")
    known = tables.until(as_of)
    after = _day(as_of) - pd.Timedelta(days=days) if days else known.start - pd.Timedelta(days=1)
    return known.query("rfm", after=after)


def _day(as_of: Any) -> pd.Timestamp:
    return pd.Timestamp(as_of).normalize()
