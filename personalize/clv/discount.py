"""What is money later worth today? From a rate with its period to a present value."""

from typing import Any

import numpy as np
import pandas as pd
from numpy import ndarray

from personalize.clv.bg_nbd import PurchaseModel
from personalize.clv.customers import unit_days
from personalize.clv.quadrature import discounted_integral
from personalize.tables import TableError

__all__ = [
    "discount_factor",
    "discounted_purchases",
    "period_rate",
    "present_value",
]


def period_rate(rate: float, *, rate_period: str = "Y", unit: str = "W") -> float:
    """The rate a unit of time that compounds to `rate` over `rate_period`.

    Parameters
    ----------
    rate : 0.10 is ten percent; above -1
    rate_period, unit : "D", "W", "M" or "Y"

    Raises
    ------
    TableError : for a rate of -1 or less, or an unknown period.

    Notes
    -----
    (1 + rate)^(days of the unit / days of the period) - 1. A year has 365.25 days, a month a
    twelfth of that.

    Examples
    --------
    >>> round(period_rate(0.10), 6), period_rate(0.01, rate_period="M", unit="M")
    (0.001828, 0.01)
    """
    if not rate > -1 or not np.isfinite(rate):
        raise TableError(
            f"rate = {rate}: a discount rate is above -1; 0.10 means ten percent a {rate_period}"
        )
    days, whole = unit_days(unit), unit_days(rate_period)
    return float(rate) if days == whole else float(np.expm1(np.log1p(rate) * days / whole))


def discount_factor(horizon: int, *, rate: float, rate_period: str = "Y", unit: str = "W") -> float:
    """What one unit of money, spread evenly over the next `horizon` units of time, is worth today.

    Examples
    --------
    >>> discount_factor(52, rate=0.0), round(discount_factor(52, rate=0.10), 4)
    (1.0, 0.9531)
    """
    step = period_rate(rate, rate_period=rate_period, unit=unit)
    return float(np.mean((1 + step) ** -_steps(horizon)))


def present_value(
    payments: Any, *, rate: float, rate_period: str = "Y", unit: str = "W"
) -> ndarray:
    """The discounted sum of payments at the ends of the next units of time: CLV = sum_t P_t / (1 +
    r)^t.

    Parameters
    ----------
    payments : money at the end of unit 1, 2, ...: one row, or one row a customer
    rate, rate_period, unit : as `period_rate`

    Examples
    --------
    >>> present_value([110.0, 121.0], rate=0.10, rate_period="Y", unit="Y").round(6).tolist()
    200.0
    """
    payments = np.asarray(payments, float)
    if payments.shape[-1] == 0 or not np.isfinite(payments).all():
        raise TableError("payments: give at least one, and none missing or infinite")
    step = period_rate(rate, rate_period=rate_period, unit=unit)
    return payments @ (1 + step) ** -_steps(payments.shape[-1])


def discounted_purchases(
    model: PurchaseModel,
    horizon: int | None,
    *,
    rate: float = 0.10,
    rate_period: str = "Y",
    unit: str = "W",
    summary: pd.DataFrame | None = None,
) -> pd.Series:
    """Expected purchases of each customer in the future, each discounted to today.

    Parameters
    ----------
    model : a fitted model of purchases
    horizon : whole units of time to look ahead; None for ever (continuous discounting, rate above
        0)
    rate, rate_period, unit : as `period_rate`; `unit` is that of the summary the model learned from
    summary : customers to predict for; those of the fit when None

    Returns
    -------
    Series by customer_id; times the money of a purchase it is the customer's lifetime value

    Raises
    ------
    TableError : for a horizon below 1, a rate of -1 or less, or a rate of 0 for ever.

    Notes
    -----
    With E(t) the expected purchases in the next t units, sum_{t=1..horizon} (E(t) - E(t-1)) / (1 +
    r)^t; for ever, the integral of exp(-delta t) dE(t) with delta = log(1 + r). At rate 0 the sum
    is E(horizon).

    References
    ----------
    Fader, Hardie and Lee (2005), "RFM and CLV: using iso-value curves", Journal of Marketing
    Research 42(4).
    """
    step = period_rate(rate, rate_period=rate_period, unit=unit)
    if horizon is None:
        if not step > 0:
            raise TableError(f"rate = {rate}: without a horizon the discount rate must be above 0")
        force = float(np.log1p(step))
        found = discounted_integral(lambda t: model.expected_purchases(t, summary), force)
        return found.rename("discounted_purchases")
    weights = (1 + step) ** -_steps(horizon)
    # Abel's summation: every E(t) is asked for once and weighed by the drop of the discount factor.
    drops = np.append(weights[:-1] - weights[1:], weights[-1])
    total: Any = 0.0
    for t, drop in enumerate(drops, start=1):
        total = total + drop * model.expected_purchases(t, summary)
    return total.rename("discounted_purchases")


def _steps(horizon: int) -> ndarray:
    if horizon != int(horizon) or horizon < 1:
        raise TableError(f"horizon = {horizon}: give a whole number of units of time, 1 or more")
    return np.arange(1.0, int(horizon) + 1)
