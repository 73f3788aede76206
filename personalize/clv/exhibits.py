"""The tables behind the figures that users of these models know, and the check against print."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from personalize.clv.customers import unit_days
from personalize.clv.dropout import ParetoNBD
from personalize.clv.purchases import BetaGeo, PurchaseModel
from personalize.clv.records import Records
from personalize.clv.spend import GammaGamma
from personalize.tables import TableError, Tables

__all__ = ["alive_history", "by_frequency", "cdnow_check", "frequency_recency", "tracking"]

# Model, source of the printed values, decimals, values, log-likelihood and its decimals.
_PRINTED = (
    (BetaGeo, "Fader, Hardie and Lee (2005), table 2", 3, (0.243, 4.414, 0.793, 2.426), -9582.4, 1),
    (
        ParetoNBD,
        "Fader, Hardie and Lee (2005), table 2",
        3,
        (0.553, 10.578, 0.606, 11.669),
        -9595.0,
        1,
    ),
    (GammaGamma, "Fader and Hardie (2013), note 025", 2, (6.25, 3.74, 15.44), -4055.9177, 4),
)


def cdnow_check(cdnow: Tables | Records, *, as_of: Any = "1997-09-30") -> pd.DataFrame:
    """Three models refitted on the CDNOW sample, beside the values their papers print.

    Parameters
    ----------
    cdnow : the source "cdnow", or the Records of it, which keep the fitted models
    as_of : date; the papers end their calibration on 1997-09-30

    Returns
    -------
    DataFrame, one row a printed number: model, number, printed, refitted, std_error, agrees (to the printed digit),
        source. The log-likelihood of gamma-gamma is that of the R package CLVTools.

    Notes
    -----
    One more row checks the expectation: 39 weeks ahead, two repeat purchases, the last in week 30.43 of 38.86, printed
    as 1.226 in Hardie's spreadsheet for the printed parameters.
    """
    records, rows = Records.of(cdnow), []
    for kind, source, digits, values, log_likelihood, places in _PRINTED:
        fit = records.fitted(kind(), as_of)
        for name, printed in zip(fit.names, values, strict=True):
            rows.append(
                (
                    kind.__name__,
                    name,
                    printed,
                    fit.params_[name],
                    fit.standard_errors_[name],
                    digits,
                    source,
                )
            )
        rows.append(
            (
                kind.__name__,
                "log-likelihood",
                log_likelihood,
                fit.log_likelihood_,
                np.nan,
                places,
                source,
            )
        )
    one = pd.DataFrame({"customer_id": [0], "frequency": [2], "recency": [30.43], "T": [38.86]})
    ahead = BetaGeo.at(r=0.243, alpha=4.414, a=0.793, b=2.426).expected_purchases(39, one).iloc[0]
    rows.append(
        ("BetaGeo", "expected purchases", 1.226, ahead, np.nan, 3, "Hardie, spreadsheet bgnbd.xls")
    )
    columns = ["model", "number", "printed", "refitted", "std_error", "digits", "source"]
    table = pd.DataFrame(rows, columns=columns)
    near = (table.printed - table.refitted).abs() <= 0.5 * 10.0**-table.digits + 1e-12
    return table.drop(columns="digits").assign(agrees=near)[[*columns[:5], "agrees", "source"]]


def tracking(tables: Tables, model: PurchaseModel, *, as_of: Any, unit: str = "W") -> pd.DataFrame:
    """Cumulative repeat purchases, counted and expected, week after week to the end of the data.

    Parameters
    ----------
    tables : Tables
    model : fitted on the summary as of `as_of`, in `unit`
    as_of : date; only customers first seen up to it are followed

    Returns
    -------
    DataFrame : week (7 days each from the first day of the data), purchases (up to its end), in_week, kind ("counted"
        or "expected")

    References
    ----------
    Fader, Hardie and Lee (2005), figure 3.
    """
    days = tables.query("clv_tracking", as_of=pd.Timestamp(as_of).normalize())
    start, length = tables.start, unit_days(unit)
    day = (pd.to_datetime(days.day) - start).dt.days.to_numpy()
    weeks = np.arange(1, ((tables.end - start).days + 1) // 7 + 1)
    counted = np.append(0, np.cumsum(days.repeats))[np.searchsorted(day, 7 * weeks, side="left")]
    born = days.born.to_numpy() > 0
    age = np.clip(7 * weeks[:, None] - 1 - day[None, born], 0, None) / length
    ages, place = np.unique(age, return_inverse=True)
    expected = (
        model.expected_from_start(ages)[place].reshape(age.shape) @ days.born.to_numpy()[born]
    )
    kinds = {"counted": counted.astype(float), "expected": expected}
    parts = [
        pd.DataFrame({"week": weeks, "purchases": v, "in_week": np.diff(v, prepend=0.0), "kind": k})
        for k, v in kinds.items()
    ]
    return pd.concat(parts, ignore_index=True)


def by_frequency(
    customers: pd.DataFrame, forecast: Any, actual: Any, *, most: int = 7, least: int = 10
) -> pd.DataFrame:
    """Mean purchases forecast and counted, by the number of repeat purchases before.

    Parameters
    ----------
    customers : summary at the cut
    forecast, actual : purchases of each customer after the cut, in the order of `customers`
    most : this many repeat purchases and more are one group
    least : groups with fewer customers are left out

    Returns
    -------
    DataFrame : before (repeat purchases, as text), customers, purchases (mean a customer), kind

    References
    ----------
    Fader, Hardie and Lee (2005), figure 4.
    """
    frame = pd.DataFrame({"before": customers.frequency.clip(upper=most).to_numpy()})
    frame = frame.assign(forecast=np.asarray(forecast, float), counted=np.asarray(actual, float))
    by = frame.groupby("before")
    means = (
        by.mean()[by.size() >= least]
        .rename_axis(columns="kind")
        .stack()
        .rename("purchases")
        .reset_index()
    )
    means["customers"] = means.before.map(by.size())
    return means.sort_values(["kind", "before"], ignore_index=True)


def frequency_recency(
    model: PurchaseModel, *, t: float, T: float, most: int = 10, steps: int = 10
) -> pd.DataFrame:  # noqa: N803
    """Expected purchases in the next `t`, by repeat purchases so far (rows) and time of the last one (columns).

    Parameters
    ----------
    model : with parameters
    t, T : future, and age of the customers, in the unit of the model
    most : largest number of repeat purchases shown
    steps : number of columns, the last at T

    Returns
    -------
    DataFrame : index "repeat purchases" 1..most, columns the unit in which the last purchase fell
    """
    last = np.linspace(T / steps, T, steps)
    x, recency = (part.ravel() for part in np.meshgrid(np.arange(1, most + 1), last, indexing="ij"))
    grid = pd.DataFrame(
        {"customer_id": np.arange(len(x)), "frequency": x, "recency": recency, "T": T}
    )
    values = model.expected_purchases(t, grid).to_numpy().reshape(most, steps)
    index = pd.Index(np.arange(1, most + 1), name="repeat purchases")
    return pd.DataFrame(values, index=index, columns=[f"{v:.0f}" for v in last])


def alive_history(
    model: PurchaseModel, purchases: Sequence[float], *, until: float, steps: int = 200
) -> pd.DataFrame:
    """How P(alive) of one customer rose and fell: it drops while nothing happens and jumps at every purchase.

    Parameters
    ----------
    model : with parameters
    purchases : times of the purchases in units of the model, ascending; the first one is the start
    until : last moment shown, at or after the last purchase
    steps : points in time

    Returns
    -------
    DataFrame : time (since the first purchase), p_alive, purchases (repeat purchases so far)

    Raises
    ------
    TableError : for times that are not ascending, or an end before the last of them.

    Examples
    --------
    >>> model = BetaGeo.at(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> path = alive_history(model, [0, 3, 5], until=30, steps=4)
    >>> path.p_alive.round(2).tolist(), path.purchases.tolist()
    ([1.0, 0.62, 0.34, 0.19], [0, 2, 2, 2])
    """
    times = np.asarray(purchases, float) - float(purchases[0])
    if (np.diff(times) <= 0).any() or until < times[-1]:
        raise TableError(
            f"purchases = {list(purchases)}, until = {until}: give ascending times, and an end after them"
        )
    moments = np.linspace(0.0, until, steps)
    made = np.searchsorted(times, moments, side="right") - 1
    rows = pd.DataFrame({"customer_id": 0, "frequency": made, "recency": times[made], "T": moments})
    return pd.DataFrame(
        {"time": moments, "p_alive": model.p_alive(rows).to_numpy(), "purchases": made}
    )
