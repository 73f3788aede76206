"""One row a customer: the few numbers from which every model learns, looked up once."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from personalize.tables import TableError, Tables, require_tables

__all__ = ["WEEK", "Records", "check", "periods", "summary", "unit_days", "weeks_between"]

WEEK = pd.Timedelta(days=7)
_SLOTS = 6  # windows that one query counts
_USUAL = (4, 8, 13)  # weeks that some forecast will ask for, counted while a query is at it
_DAYS = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}


def summary(tables: Tables, *, as_of: Any, unit: str = "W") -> pd.DataFrame:
    """Frequency, recency, age and average spend of every customer who has bought.

    Parameters
    ----------
    tables : Tables
    as_of : date; the last known day
    unit : of recency and T: "D" day, "W" week, "M" month (365.25 / 12 days) or "Y" year (365.25
        days)

    Returns
    -------
    DataFrame, one row a customer with at least one purchase, ordered by customer_id
        - customer_id
        - frequency : repeat purchase days, that is purchase days less one; 0 or more
        - recency : from the first to the last purchase day, in units; 0 for a one-time buyer
        - T : from the first purchase day to `as_of`, in units
        - monetary_value : mean money of a repeat purchase day; 0 for a one-time buyer
        - first_value : money of the first purchase day
        - log_gaps : sum of the logarithms of the gaps between purchase days, in units; 0 for a
            one-time buyer

    Raises
    ------
    TableError : for an unknown unit, an `as_of` outside the data, or when nobody has bought.

    Notes
    -----
    Days are local calendar days, and several orders on one day are one purchase. Refunds: an order
    that holds only returns is never a purchase; its money is taken off the purchase day that it
    follows, and left out where there is none. `monetary_value` leaves the first purchase out, as
    Fader, Hardie and Lee do; a customer whose refunds exceed the purchases gets 0, never less.

    References
    ----------
    Fader, Hardie and Lee (2005), "Counting your customers the easy way: an alternative to the
    Pareto/NBD model", Marketing Science 24(2), section 3.

    Examples
    --------
    >>> import personalize as pz
    >>> days = pd.to_datetime(["2024-01-01", "2024-01-08", "2024-01-08", "2024-01-22"])
    >>> orders = pd.DataFrame({"customer_id": 1, "order_id": [1, 2, 3, 4], "time": days})
    >>> orders = orders.assign(product_id=5, quantity=1, amount=[5.0, 2.0, 4.0, 10.0])
    >>> summary(pz.load({"orders": orders}), as_of="2024-01-22").iloc[0, 1:].round(3).to_dict()
    {'frequency': 2.0, 'recency': 3.0, 'T': 3.0, 'monetary_value': 8.0, 'first_value': 5.0,
    'log_gaps': 0.693}
    """
    require_tables(tables, "pz.clv.summary")
    length = unit_days(unit)
    found = tables.until(as_of).query("clv_summary")
    if found.empty:
        raise TableError(
            f"source '{tables.name}': no customer has a purchase up to {as_of}. Orders without a "
            "customer_id and pure returns do not count: choose another as_of, or give customer ids"
        )
    first, last = pd.to_datetime(found.first_day), pd.to_datetime(found.last_day)
    frequency = found.days.astype("int64") - 1
    later = found.later_amount.astype(float) / frequency.clip(lower=1)
    log_gaps = found.log_gaps.astype(float).fillna(0.0)
    return pd.DataFrame(
        {
            "customer_id": found.customer_id,
            "frequency": frequency,
            "recency": (last - first).dt.days / length,
            "T": (pd.Timestamp(as_of).normalize() - first).dt.days / length,
            "monetary_value": later.clip(lower=0.0),
            "first_value": found.first_amount.astype(float).clip(lower=0.0),
            "log_gaps": log_gaps - frequency * np.log(length),
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
    Periods are counted from each customer's own first purchase day: period k holds the days k * n
    to (k + 1) * n - 1 after it. Purchases in a last period that is not over yet are left out.

    References
    ----------
    Fader, Hardie and Shang (2010), "Customer-base analysis in a discrete-time noncontractual
    setting", Marketing Science 29(6).
    """
    require_tables(tables, "pz.clv.periods")
    length = unit_days(unit)
    days = tables.until(as_of).query("clv_days")
    if days.empty:
        raise TableError(f"source '{tables.name}': no customer has a purchase up to {as_of}")
    day, customer = pd.to_datetime(days.day), days.customer_id
    first = day.groupby(customer).transform("min")
    age = (pd.Timestamp(as_of).normalize() - first).dt.days + 1
    passed = (age // length - 1).clip(lower=0)
    period = (day - first).dt.days // length
    over = period.where(period <= passed, 0)
    frame = pd.DataFrame({"customer_id": customer, "period": over, "T": passed})
    by = frame.drop_duplicates().groupby("customer_id")
    table = by.agg(frequency=("period", "size"), recency=("period", "max"), T=("T", "first"))
    table["frequency"] -= 1
    return table.astype("int64").reset_index()


def unit_days(unit: str) -> float:
    """Days of one unit of time."""
    if unit not in _DAYS:
        raise TableError(f"unit = {unit!r} is not known: use one of {', '.join(map(repr, _DAYS))}")
    return _DAYS[unit]


def check(
    table: pd.DataFrame, *, money: bool = False, also: Sequence[str] = (), least: int = 3
) -> pd.DataFrame:
    """The table itself when it can be learned from; every problem in one message otherwise.

    Parameters
    ----------
    table : customer_id, frequency and, for purchases, recency and T, or, for money, monetary_value
    money : check for a model of spend
    also : further columns that must be there
    least : fewest customers with a repeat purchase that a model may learn from

    Raises
    ------
    TableError : lists each problem with its count and the first customers concerned.
    """
    needed = pd.Index(["customer_id", "frequency", *also])
    needed = needed.append(pd.Index(["monetary_value"] if money else ["recency", "T"]))
    there = table.columns if isinstance(table, pd.DataFrame) else []
    missing = needed.difference(there, sort=False)
    if len(missing):
        raise TableError(
            f"the customer summary lacks {list(missing)}; present: {list(there)}. Next step: "
            "pz.clv.summary(tables, as_of=...)"
        )
    problems = []
    broken = _wrong_money(table) if money else _wrong_times(table)
    for words, bad in broken.items():
        if bad.any():
            first = ", ".join(map(str, table.customer_id[bad].head(3)))
            problems.append(f"{bad.sum():,} customer(s) have a {words} (first: {first})")
    counts, asked = table.frequency > 0, "a repeat purchase"
    if money:
        counts, asked = counts & (table.monetary_value > 0), "a repeat purchase and money"
    if not problems and counts.sum() < least:
        problems.append(
            f"{len(table):,} customer(s), {counts.sum():,} with {asked}: at least {least} are "
            "needed to learn from; take more customers or a longer period"
        )
    if problems:
        raise TableError.of("the customer summary cannot be used:", problems)
    return table


def _wrong_times(table: pd.DataFrame) -> dict[str, pd.Series]:
    """What must not be in a table of purchases, and the customers where it is."""
    x, recency, age = table.frequency, table.recency, table["T"]
    return {
        "T that is missing or negative": ~np.isfinite(age) | (age < 0),
        "frequency that is no whole number of 0 or more": ~np.isfinite(x) | (x < 0) | (x % 1 != 0),
        "recency that is missing or negative": ~(recency >= 0),
        "recency above T (last purchase after as_of)": recency > age,
        "recency above 0 without a repeat purchase": (x == 0) & (recency != 0),
        "repeat purchase but recency 0 (all on one day; count days, not orders)": (x > 0)
        & (recency == 0),
    }


def _wrong_money(table: pd.DataFrame) -> dict[str, pd.Series]:
    """The same for a table of money."""
    return {
        "monetary_value that is missing or negative": ~(table.monetary_value >= 0),
        "frequency that is negative": table.frequency < 0,
    }


class Records:
    """The customer tables and fitted models behind the forecasts of one backtest; each is computed
    once and kept.

    Parameters
    ----------
    tables : Tables
    """

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self._kept: dict[tuple, Any] = {}

    @classmethod
    def of(cls, tables: "Tables | Records") -> "Records":
        """The records of these tables, or the records themselves."""
        if isinstance(tables, Records):
            return tables
        require_tables(tables, "pz.clv.Records")
        return cls(tables)

    def day(self, as_of: Any) -> pd.Timestamp:
        """The day asked for; the last day of the data where that is None or empty."""
        return pd.Timestamp(as_of or self.tables.end).normalize()

    def summary(self, as_of: Any) -> pd.DataFrame:
        """`pz.clv.summary` in weeks."""
        day = self.day(as_of)
        return self._once(("summary", day), lambda: summary(self.tables, as_of=day))

    def fitted(self, model: Any, as_of: Any) -> Any:
        """A copy of the model of purchases or spend, fitted on the summary."""
        day = self.day(as_of)
        return self._once((_settings(model), day), lambda: clone(model).fit(self.summary(day)))

    def forecast(self, model: Any, as_of: pd.Timestamp, horizon: int) -> Any:
        """A copy of the forecast, fitted on the day `as_of`."""
        key = ("forecast", _settings(model), as_of, horizon)
        return self._once(key, lambda: clone(model).fit(self, as_of=as_of, horizon=horizon))

    def windows(
        self, as_of: pd.Timestamp, weeks: Sequence[int], *, until: pd.Timestamp | None = None
    ) -> pd.DataFrame:
        """Spend and purchase days of each known customer in the last weeks, and in the days after
        up to `until`.

        Returns
        -------
        DataFrame : customer_id; spend_<n>w and orders_<n>w of these weeks at least; and spend_later
            and orders_later, of no meaning without `until`
        """
        weeks = list(weeks)
        if len(weeks) > _SLOTS or any(int(n) != n or n < 1 for n in weeks):
            raise TableError(f"weeks = {weeks}: give up to {_SLOTS} whole numbers of 1 or more")
        key = ("windows", as_of, until)
        if key not in self._kept or any(f"spend_{n}w" not in self._kept[key] for n in weeks):
            self._kept[key] = self._windows(as_of, weeks, until or as_of)
        return self._kept[key]

    def _windows(
        self, as_of: pd.Timestamp, weeks: Sequence[int], until: pd.Timestamp
    ) -> pd.DataFrame:
        counted = list(dict.fromkeys([*weeks, *_USUAL]))[:_SLOTS]
        after: dict[str, pd.Timestamp] = {}
        names: dict[str, str] = {}
        for i in range(_SLOTS):
            n = counted[i] if i < len(counted) else counted[0]
            after[f"after_{i + 1}"] = as_of - n * WEEK
            names |= {f"spend_{i + 1}": f"spend_{n}w", f"orders_{i + 1}": f"orders_{n}w"}
        if not self.tables.start <= as_of <= self.tables.end:
            self.tables.until(as_of)  # refuses a day outside the data
        found = self.tables.query("clv_windows", as_of=as_of, until=until, **after)
        if found.empty:
            raise TableError(
                f"source '{self.tables.name}': no customer has a purchase up to {as_of:%Y-%m-%d}"
            )
        found = found.set_index("customer_id").astype("float64").rename(columns=names)
        return found.loc[:, ~found.columns.duplicated()].reset_index()

    def _once(self, key: tuple, make: Callable[[], Any]) -> Any:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]


def _settings(model: Any) -> str:
    """What a model is before it is fitted: equal for equal models."""
    return f"{type(model).__name__} {model.get_params()}"


def weeks_between(start: pd.Timestamp, last: pd.Timestamp) -> int:
    """Whole weeks from the day `start` to the day `last`, both included."""
    return ((last - start).days + 1) // 7
