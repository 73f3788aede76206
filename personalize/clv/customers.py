"""One row a customer: the few numbers from which every model of lifetime value learns."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from personalize.tables import TableError, Tables

__all__ = ["DAYS", "check", "outcome", "periods", "summary"]

DAYS = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}


def summary(tables: Tables, *, as_of: Any, unit: str = "W") -> pd.DataFrame:
    """Frequency, recency, age and average spend of every customer who has bought.

    Parameters
    ----------
    tables : Tables
    as_of : date; the last known day
    unit : of recency and T: "D" day, "W" week, "M" month (365.25 / 12 days) or "Y" year (365.25 days)

    Returns
    -------
    DataFrame, one row a customer with at least one purchase, ordered by customer_id
        - customer_id
        - frequency : repeat purchase days, that is purchase days less one; 0 or more
        - recency : from the first to the last purchase day, in units; 0 for a one-time buyer
        - T : from the first purchase day to `as_of`, in units
        - monetary_value : mean money of a repeat purchase day; 0 for a one-time buyer
        - first_value : money of the first purchase day
        - log_gaps : sum of the logarithms of the gaps between purchase days, in units; 0 for a one-time buyer

    Raises
    ------
    TableError : for an unknown unit, an `as_of` outside the data, or when nobody has bought.

    Notes
    -----
    Days are local calendar days, and several orders on one day are one purchase. Refunds: an order that holds
    only returns is never a purchase; its money is taken off the purchase day that it follows, and left out where
    there is none. `monetary_value` leaves the first purchase out, as Fader, Hardie and Lee do; a customer whose
    refunds exceed the purchases gets 0, never less.

    References
    ----------
    Fader, Hardie and Lee (2005), "Counting your customers the easy way: an alternative to the Pareto/NBD model",
    Marketing Science 24(2), section 3.

    Examples
    --------
    >>> import personalize as pz
    >>> days = pd.to_datetime(["2024-01-01 12:00", "2024-01-08 09:00", "2024-01-08 17:00", "2024-01-22 12:00"])
    >>> orders = pd.DataFrame({"customer_id": 1, "order_id": [1, 2, 3, 4], "product_id": 5, "time": days,
    ...                        "quantity": 1, "amount": [5.0, 2.0, 4.0, 10.0]})
    >>> summary(pz.load({"orders": orders}), as_of="2024-01-22").iloc[0, 1:].round(3).to_dict()
    {'frequency': 2.0, 'recency': 3.0, 'T': 3.0, 'monetary_value': 8.0, 'first_value': 5.0, 'log_gaps': 0.693}
    """
    length = unit_days(unit)
    found = tables.until(as_of).query("clv_summary")
    if found.empty:
        raise TableError(
            f"source '{tables.name}': no customer has a purchase up to {as_of}. Orders without a customer_id and pure "
            "returns do not count: choose another as_of, or give customer ids"
        )
    first, last = pd.to_datetime(found.first_day), pd.to_datetime(found.last_day)
    frequency = found.days.astype("int64") - 1
    return pd.DataFrame(
        {
            "customer_id": found.customer_id,
            "frequency": frequency,
            "recency": (last - first).dt.days / length,
            "T": (pd.Timestamp(as_of).normalize() - first).dt.days / length,
            "monetary_value": (found.later_amount / frequency.clip(lower=1))
            .astype(float)
            .clip(lower=0.0),
            "first_value": found.first_amount.astype(float).clip(lower=0.0),
            "log_gaps": found.log_gaps.astype(float).fillna(0.0) - frequency * np.log(length),
        }
    )


def periods(tables: Tables, *, as_of: Any, unit: str = "W") -> pd.DataFrame:
    """The same customers with time counted in whole periods, as the BG/BB model needs it.

    Parameters
    ----------
    tables : Tables
    as_of : date; the last known day
    unit : length of one period: "D", "W" (7 days) or "M" (365.25 / 12 days)

    Returns
    -------
    DataFrame, one row a customer, ordered by customer_id
        - customer_id
        - frequency : periods with a purchase after the period of the first one
        - recency : number of the last period with a purchase; 0 for none after the first
        - T : whole periods that have passed since the first purchase day

    Raises
    ------
    TableError : as `summary`.

    Notes
    -----
    Periods are counted from each customer's own first purchase day: period k holds the days k * n to (k + 1) * n - 1
    after it. Purchases in a last period that is not over yet are left out.

    References
    ----------
    Fader, Hardie and Shang (2010), "Customer-base analysis in a discrete-time noncontractual setting",
    Marketing Science 29(6).
    """
    length = unit_days(unit)
    days = tables.until(as_of).query("clv_days")
    if days.empty:
        raise TableError(f"source '{tables.name}': no customer has a purchase up to {as_of}")
    day = pd.to_datetime(days.day)
    first = day.groupby(days.customer_id).transform("min")
    age = (pd.Timestamp(as_of).normalize() - first).dt.days + 1
    frame = pd.DataFrame(
        {
            "customer_id": days.customer_id,
            "period": (day - first).dt.days // length,
            "T": age // length - 1,
        }
    ).drop_duplicates()
    frame["T"] = frame["T"].clip(lower=0)
    frame["period"] = frame.period.where(frame.period <= frame["T"], 0.0)
    by = frame[["customer_id", "period", "T"]].drop_duplicates().groupby("customer_id", sort=True)
    table = by.agg(
        frequency=("period", "count"), recency=("period", "max"), T=("T", "first")
    ).reset_index()
    table["frequency"] -= 1
    return table.astype({"frequency": "int64", "recency": "int64", "T": "int64"})


def outcome(
    tables: Tables, *, after: Any, until: Any, customers: Sequence[Any] | pd.Series
) -> pd.DataFrame:
    """What each customer did in the days after `after`, up to and including `until`: the truth to score against.

    Parameters
    ----------
    tables : Tables
    after, until : dates; `after` may lie before the data
    customers : customer ids, one a row of the result; those without an order get zeros

    Returns
    -------
    DataFrame, in the order of `customers`
        - customer_id
        - orders : purchase days
        - spend : money, returns deducted

    Raises
    ------
    TableError : when `until` lies outside the data or is not after `after`.
    """
    if pd.Timestamp(until) <= pd.Timestamp(after):
        raise TableError(f"until = {until} is not after {after}: give a later day")
    whole = pd.Timestamp(after) < tables.start
    known = tables.until(until) if whole else tables.between(after, until)
    found = known.query("clv_outcome").set_index("customer_id")
    found = found.reindex(pd.Index(customers, name="customer_id")).fillna(
        {"orders": 0, "spend": 0.0}
    )
    return found.astype({"orders": "int64", "spend": "float64"}).reset_index()


def unit_days(unit: str) -> float:
    """Days of one unit of time."""
    if unit not in DAYS:
        raise TableError(f"unit = {unit!r} is not known: use one of {', '.join(map(repr, DAYS))}")
    return DAYS[unit]


def check(table: pd.DataFrame, *, money: bool = False, least: int = 3) -> pd.DataFrame:
    """The table itself when it can be learned from; every problem in one message otherwise.

    Parameters
    ----------
    table : customer_id, frequency and, for purchases, recency and T, or, for money, monetary_value
    money : check for a model of spend
    least : fewest customers with a repeat purchase that a model may learn from

    Raises
    ------
    TableError : lists each problem with its count and the first customers concerned.
    """
    needed = ["customer_id", "frequency", *(["monetary_value"] if money else ["recency", "T"])]
    if missing := [name for name in needed if name not in table]:
        raise TableError(
            f"the customer summary lacks {missing}; present: {list(table.columns)}. "
            "Next step: pz.clv.summary(tables, as_of=...)"
        )
    problems = []
    for words, bad in (_wrong_money if money else _wrong_times)(table).items():
        if bad.any():
            first = ", ".join(map(str, table.customer_id[bad].head(3)))
            problems.append(f"{bad.sum():,} customer(s) have a {words} (first: {first})")
    counts = table.frequency.to_numpy() > 0
    repeat = int((counts & (table.monetary_value.to_numpy() > 0)).sum() if money else counts.sum())
    if not problems and repeat < least:
        problems.append(
            f"{len(table):,} customer(s), {repeat:,} with a repeat purchase{' and money' if money else ''}: "
            f"at least {least} are needed to learn from; take more customers or a longer period"
        )
    if problems:
        raise TableError.of("the customer summary cannot be used:", problems)
    return table


def _wrong_times(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """What must not be in a table of purchases, and the customers where it is."""
    x, recency, age = (table[name].to_numpy(float) for name in ("frequency", "recency", "T"))
    with np.errstate(invalid="ignore"):
        broken = ~np.isfinite(x) | (x < 0) | (x % 1 != 0)
    return {
        "T that is missing or negative": ~np.isfinite(age) | (age < 0),
        "frequency that is no whole number of 0 or more": broken,
        "recency that is missing or negative": ~(recency >= 0),
        "recency above T (last purchase after as_of)": recency > age,
        "recency above 0 without a repeat purchase": (x == 0) & (recency != 0),
        "repeat purchases but recency 0 (all on one day; count days, not orders)": (x > 0)
        & (recency == 0),
    }


def _wrong_money(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """The same for a table of money."""
    return {
        "monetary_value that is missing or negative": ~(table.monetary_value.to_numpy(float) >= 0),
        "frequency that is negative": table.frequency.to_numpy(float) < 0,
    }
