"""What each customer did up to a day and after it, looked up once however many forecasts ask."""

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

import pandas as pd

from personalize.clv.customers import summary
from personalize.tables import TableError, Tables

__all__ = ["WEEK", "Records", "weeks_between"]

WEEK = pd.Timedelta(days=7)
_SLOTS = 6  # windows that one query counts
_USUAL = (4, 8, 13)  # weeks that some forecast will ask for, counted while a query is at it


class Records:
    """The customer tables behind the forecasts of one backtest; each is computed once and kept.

    Parameters
    ----------
    tables : Tables
    """

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self._kept: dict[tuple, Any] = {}
        self._counted: list[tuple[tuple, pd.DataFrame]] = []

    @classmethod
    def of(cls, tables: "Tables | Records") -> "Records":
        """The records of these tables, or the records themselves."""
        return tables if isinstance(tables, Records) else cls(tables)

    def summary(self, as_of: Any) -> pd.DataFrame:
        """`pz.clv.summary` in weeks."""
        day = pd.Timestamp(as_of).normalize()
        return self._once(("summary", day), lambda: summary(self.tables, as_of=day))

    def fitted(self, model: Any, as_of: Any) -> Any:
        """A copy of the model of purchases or spend, fitted on the summary."""
        day = pd.Timestamp(as_of).normalize()
        return self._once((*_settings(model), day), lambda: copy(model).fit(self.summary(day)))

    def purchases(self, model: Any, as_of: pd.Timestamp, horizon: int) -> pd.Series:
        """Expected purchases of each customer in the `horizon` weeks after `as_of`, by the model fitted then."""
        key = ("purchases", *_settings(model), as_of, horizon)
        return self._once(key, lambda: self.fitted(model, as_of).expected_purchases(horizon))

    def forecast(self, model: Any, as_of: pd.Timestamp, horizon: int) -> Any:
        """A copy of the forecast, fitted on the day `as_of`."""
        key = ("forecast", *_settings(model), as_of, horizon)
        return self._once(key, lambda: copy(model).fit(self, as_of=as_of, horizon=horizon))

    def windows(
        self, as_of: pd.Timestamp, weeks: Sequence[int], *, until: pd.Timestamp | None = None
    ) -> pd.DataFrame:
        """Spend and purchase days of each known customer in the last weeks, and in the days after up to `until`.

        Returns
        -------
        DataFrame : customer_id; spend_<n>w and orders_<n>w of these weeks at least; and spend_later and orders_later,
            of no meaning without `until`
        """
        if wrong := [n for n in weeks if int(n) != n or n < 1] or weeks[_SLOTS:]:
            raise TableError(
                f"weeks = {list(weeks)}: {wrong}; give up to {_SLOTS} whole numbers of 1 or more"
            )
        for (day, end), table in self._counted:
            if day == as_of and until in (None, end) and all(f"spend_{n}w" in table for n in weeks):
                return table
        self._counted.append(((as_of, until), self._windows(as_of, weeks, until or as_of)))
        return self._counted[-1][1]

    def _windows(
        self, as_of: pd.Timestamp, weeks: Sequence[int], until: pd.Timestamp
    ) -> pd.DataFrame:
        weeks = list(dict.fromkeys([*weeks, *_USUAL]))[:_SLOTS]
        slots = [*weeks, *[1] * (_SLOTS - len(weeks))]
        after = {f"after_{i}": as_of - n * WEEK for i, n in enumerate(slots, start=1)}
        if not self.tables.start <= as_of <= self.tables.end:
            self.tables.until(as_of)  # refuses a day outside the data
        found = self.tables.query("clv_windows", as_of=as_of, until=until, **after)
        if found.empty:
            raise TableError(
                f"source '{self.tables.name}': no customer has a purchase up to {as_of:%Y-%m-%d}"
            )
        names = {
            f"{what}_{i}": f"{what}_{n}w"
            for i, n in enumerate(weeks, start=1)
            for what in ("spend", "orders")
        }
        kept = found.rename(columns=names)[
            ["customer_id", *names.values(), "spend_later", "orders_later"]
        ]
        return kept.astype({name: "float64" for name in kept if name != "customer_id"})

    def _once(self, key: tuple, make: Callable[[], Any]) -> Any:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]


def _settings(model: Any) -> tuple:
    """What a model is before it is fitted: equal for equal models, and kept alive by the fitted copy."""
    return type(model), tuple(sorted((name, str(value)) for name, value in vars(model).items()))


def weeks_between(start: pd.Timestamp, last: pd.Timestamp) -> int:
    """Whole weeks from the day `start` to the day `last`, both included."""
    return ((last - start).days + 1) // 7
