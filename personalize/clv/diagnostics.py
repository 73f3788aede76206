"""The tables behind the figures that users of these models know, and the check against print."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from personalize.clv.backtesting import NOTHING, Backtest, Choice
from personalize.clv.bg_nbd import BetaGeo, PurchaseModel
from personalize.clv.customers import Records, unit_days
from personalize.clv.gamma_gamma import GammaGamma
from personalize.clv.pareto_nbd import ParetoNBD
from personalize.tables import TableError, Tables, require_tables

__all__ = [
    "alive_history",
    "by_frequency",
    "cdnow_check",
    "cdnow_reading",
    "frequency_recency",
    "tracking",
]

_TABLE_2 = "Fader, Hardie and Lee (2005), table 2"
_NOTE_25 = "Fader and Hardie (2013), note 025"
_PRINTED = (  # model, number, as printed, decimals, source
    ("BetaGeo", "r", 0.243, 3, _TABLE_2),
    ("BetaGeo", "alpha", 4.414, 3, _TABLE_2),
    ("BetaGeo", "a", 0.793, 3, _TABLE_2),
    ("BetaGeo", "b", 2.426, 3, _TABLE_2),
    ("BetaGeo", "log-likelihood", -9582.4, 1, _TABLE_2),
    ("ParetoNBD", "r", 0.553, 3, _TABLE_2),
    ("ParetoNBD", "alpha", 10.578, 3, _TABLE_2),
    ("ParetoNBD", "s", 0.606, 3, _TABLE_2),
    ("ParetoNBD", "beta", 11.669, 3, _TABLE_2),
    ("ParetoNBD", "log-likelihood", -9595.0, 1, _TABLE_2),
    ("GammaGamma", "p", 6.25, 2, _NOTE_25),
    ("GammaGamma", "q", 3.74, 2, _NOTE_25),
    ("GammaGamma", "gamma", 15.44, 2, _NOTE_25),
    ("GammaGamma", "log-likelihood", -4055.9177, 4, _NOTE_25),
    ("BetaGeo", "expected purchases", 1.226, 3, "Hardie, spreadsheet bgnbd.xls"),
)


def cdnow_check(cdnow: Tables | Records, *, as_of: Any = "1997-09-30") -> pd.DataFrame:
    """Three models refitted on the CDNOW sample, beside the values their papers print.

    Parameters
    ----------
    cdnow : the source "cdnow", or the Records of it, which keep the fitted models
    as_of : date; the papers end their calibration on 1997-09-30

    Returns
    -------
    DataFrame, one row a printed number: model, number, printed, refitted, std_error, agrees (to the
    printed digit), source. The log-likelihood of gamma-gamma is that of the R package CLVTools.

    Notes
    -----
    One more row checks the expectation: 39 weeks ahead, two repeat purchases, the last in week
    30.43 of 38.86, printed as 1.226 in Hardie's spreadsheet for the printed parameters.
    """
    records, refitted, errors = Records.of(cdnow), {}, {}
    for model in (BetaGeo(), ParetoNBD(), GammaGamma()):
        fit, name = records.fitted(model, as_of), type(model).__name__
        refitted[name, "log-likelihood"] = fit.log_likelihood_
        for parameter in fit.names:
            refitted[name, parameter] = fit.params_[parameter]
            errors[name, parameter] = fit.standard_errors_[parameter]
    one = pd.DataFrame({"customer_id": [0], "frequency": [2], "recency": [30.43], "T": [38.86]})
    ahead = BetaGeo.at(r=0.243, alpha=4.414, a=0.793, b=2.426).expected_purchases(39, one)
    refitted["BetaGeo", "expected purchases"] = ahead.iloc[0]
    table = pd.DataFrame(_PRINTED, columns=["model", "number", "printed", "digits", "source"])
    of = pd.MultiIndex.from_frame(table[["model", "number"]])
    table["refitted"] = pd.Series(refitted).reindex(of).to_numpy()
    table["std_error"] = pd.Series(errors).reindex(of).to_numpy()
    near = (table.printed - table.refitted).abs()
    table["agrees"] = near <= 0.5 * 10.0**-table.digits + 1e-12
    return table[["model", "number", "printed", "refitted", "std_error", "agrees", "source"]]


def cdnow_reading(test: Backtest, choice: Choice) -> str:
    """What CDNOW teaches: which model was chosen, what it costs to get the total right, who cannot
    take part.
    """
    rows = choice.board.set_index("model")
    naive, leader, nothing = choice.base, choice.score, rows.loc[NOTHING]
    mended = rows.loc["blend: Pareto/NBD, recalibrated"]
    return (
        f"Chosen inside the calibration: **{choice.name}**. Its RMSE is {leader.rmse:.1f} against "
        f"{naive.rmse:.1f} USD of the naive rate, its MAE {leader.mae:.1f}, its Gini "
        f"{leader.gini:.3f}; it misses the total by {leader.bias:+.0%}. '0 for everybody' has an "
        f"MAE of {nothing.mae:.1f} and is useless: Gini {nothing.gini:.2f}. Set right by how it "
        f"erred inside the calibration, the same model misses the total by only {mended.bias:+.0%} "
        f"and its RMSE is {mended.rmse:.1f}, but its MAE rises to {mended.mae:.1f}: where "
        f"{(test.actual.spend == 0).mean():.0%} of the customers buy nothing, **an honest total "
        f"costs absolute error**, and no forecast here is best in everything. {len(test.refused)} "
        "forecasts with a regression could not take part: with one cohort of new customers there "
        "is no earlier period to learn from. **Here probability models are the only choice.**"
    )


def tracking(tables: Tables, model: PurchaseModel, *, as_of: Any, unit: str = "W") -> pd.DataFrame:
    """Cumulative repeat purchases, counted and expected, week after week to the end of the data.

    Parameters
    ----------
    tables : Tables
    model : fitted on the summary as of `as_of`, in `unit`
    as_of : date; only customers first seen up to it are followed

    Returns
    -------
    DataFrame : week (7 days each from the first day of the data), purchases (up to its end),
        in_week, kind ("counted" or "expected")

    References
    ----------
    Fader, Hardie and Lee (2005), figure 3.
    """
    require_tables(tables, "pz.clv.tracking")
    days = tables.query("clv_tracking", as_of=pd.Timestamp(as_of).normalize())
    start, length = tables.start, unit_days(unit)
    day = (pd.to_datetime(days.day) - start).dt.days.to_numpy()
    weeks = np.arange(1, ((tables.end - start).days + 1) // 7 + 1)
    counted = np.append(0.0, days.repeats.cumsum())[np.searchsorted(day, 7 * weeks, side="left")]
    born, since = days.born[days.born > 0].to_numpy(), day[days.born > 0]
    age = np.clip(7 * weeks[:, None] - 1 - since, 0, None)  # days
    curve = model.expected_from_start(np.arange(age.max() + 1) / length)
    expected = curve[age] @ born
    wide = pd.DataFrame(
        {"counted": counted, "expected": expected}, index=pd.Index(weeks, name="week")
    )
    long = wide.melt(var_name="kind", value_name="purchases", ignore_index=False).reset_index()
    in_week = long.groupby("kind").purchases.diff().fillna(long.purchases)
    return long.assign(in_week=in_week)[["week", "purchases", "in_week", "kind"]]


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
    frame = pd.DataFrame(
        {"forecast": np.asarray(forecast), "counted": np.asarray(actual)}, dtype=float
    )
    by = frame.groupby(customers.frequency.clip(upper=most).rename("before").to_numpy())
    means = by.mean()[by.size() >= least].rename_axis("before")
    long = means.melt(var_name="kind", value_name="purchases", ignore_index=False).reset_index()
    long["customers"] = long.before.map(by.size())
    return long.sort_values(["kind", "before"], ignore_index=True)


def frequency_recency(
    model: PurchaseModel, *, t: float, age: float, most: int = 10, steps: int = 10
) -> pd.DataFrame:
    """Expected purchases in the next `t`, by repeat purchases so far (rows) and time of the last
    one (columns).

    Parameters
    ----------
    model : with parameters
    t, age : future, and age of the customers, in the unit of the model
    most : largest number of repeat purchases shown
    steps : number of columns, the last at `age`

    Returns
    -------
    DataFrame : index "repeat purchases" 1..most, columns the unit in which the last purchase fell
    """
    last = np.linspace(age / steps, age, steps)
    made = pd.Index(np.arange(1, most + 1), name="repeat purchases")
    grid = pd.DataFrame({"frequency": np.repeat(made, steps), "recency": np.tile(last, most)})
    grid = grid.assign(customer_id=grid.index, T=age)
    values = model.expected_purchases(t, grid).to_numpy().reshape(most, steps)
    return pd.DataFrame(values, index=made, columns=[f"{week:.0f}" for week in last])


def alive_history(
    model: PurchaseModel, purchases: Sequence[float], *, until: float, steps: int = 200
) -> pd.DataFrame:
    """How P(alive) of one customer rose and fell: it drops while nothing happens and jumps at every
    purchase.

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
            f"purchases = {list(purchases)}, until = {until}: give ascending times, and an end "
            "after them"
        )
    moments = np.linspace(0.0, until, steps)
    made = np.searchsorted(times, moments, side="right") - 1
    rows = pd.DataFrame({"customer_id": 0, "frequency": made, "recency": times[made], "T": moments})
    return pd.DataFrame(
        {"time": moments, "p_alive": model.p_alive(rows).to_numpy(), "purchases": made}
    )
