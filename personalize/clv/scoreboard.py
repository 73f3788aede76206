"""Who forecasts best? One table for naive rates, probability models and regressions alike."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from personalize.evaluate import paired_bootstrap
from personalize.tables import TableError

__all__ = ["deciles", "gini", "scoreboard", "top_mask", "top_share"]


def scoreboard(
    actual: Any, predictions: pd.DataFrame, *, baseline: str, n_boot: int = 500, seed: int = 0
) -> pd.DataFrame:
    """How close each forecast came to what happened, with intervals against the baseline.

    Parameters
    ----------
    actual : money (or purchases) of each customer in the later period
    predictions : one column a model, one row a customer in the same order
    baseline : the column that every model must beat
    n_boot, seed : of the paired bootstrap over customers

    Returns
    -------
    DataFrame, one row a model, lowest rmse first
        - model
        - mae, rmse : mean absolute and root mean squared error
        - spearman : rank correlation; NaN for a constant forecast
        - bias : total forecast / total actual - 1
        - gini : as `gini`, 1 for the perfect order
        - top_decile : as `top_share`; its ceiling is in `.attrs["ceiling"]`
        - mae_less, mae_low, mae_high : mae minus that of the baseline, with 95% interval (below 0 is better)
        - mse_less, mse_low, mse_high : the same for squared errors
        - verdict : "better", "worse" or "no difference" by squared error, with "MAE misleads" where it must be said

    Raises
    ------
    TableError : for an unknown baseline, missing values, rows that do not fit, or no actual money at all.

    Notes
    -----
    A forecast of a mean is judged by squared error: the absolute error is smallest at the median, so that where most
    customers buy nothing, "0 for everybody" wins it. Such a row says so: bias below -50% and yet the lower mae.
    """
    actual = _checked(actual, predictions, baseline)
    columns = predictions.drop(columns="customer_id", errors="ignore")
    rows = [_row(actual, columns, name, (baseline, n_boot, seed)) for name in columns]
    table = pd.DataFrame(rows).sort_values(["rmse", "model"], ignore_index=True)
    table.attrs["ceiling"] = top_share(actual, actual)
    return table


def _row(actual: np.ndarray, columns: pd.DataFrame, name: str, against: tuple) -> dict[str, Any]:
    baseline, n_boot, seed = against
    forecast = columns[name].to_numpy(float)
    error, base = forecast - actual, columns[baseline].to_numpy(float) - actual
    mae = paired_bootstrap(np.abs(error), np.abs(base), n_boot=n_boot, seed=seed)
    mse = paired_bootstrap(error**2, base**2, n_boot=n_boot, seed=seed)
    bias = forecast.sum() / actual.sum() - 1
    verdict = "better" if mse.high < 0 else "worse" if mse.low > 0 else "no difference"
    if name == baseline:
        verdict = "baseline"
    elif bias < -0.5 and mae.difference < 0:
        verdict += "; MAE misleads"
    return {
        "model": name, "mae": np.abs(error).mean(), "rmse": np.sqrt((error**2).mean()),
        "spearman": _spearman(actual, forecast), "bias": bias, "gini": gini(actual, forecast),
        "top_decile": top_share(actual, forecast), "mae_less": mae.difference, "mae_low": mae.low,
        "mae_high": mae.high, "mse_less": mse.difference, "mse_low": mse.low, "mse_high": mse.high, "verdict": verdict,
    }  # fmt: skip


def gini(actual: Any, forecast: Any) -> float:
    """How well the forecast puts customers in order of their money: 1 is perfect, 0 is chance.

    Notes
    -----
    Customers in descending order of the forecast, L their cumulative share of the money: (mean L - 1/2) divided by the
    same for the perfect order. Customers with equal forecasts share their money equally, so a constant gives 0.

    References
    ----------
    Wang, Liu and Miao (2019), "A deep probabilistic model for customer lifetime value prediction", arXiv 1912.07753.

    Examples
    --------
    >>> gini([0, 1, 5], [1, 2, 3]), gini([0, 1, 5], [7, 7, 7])
    (1.0, 0.0)
    """
    actual, forecast = np.asarray(actual, float), np.asarray(forecast, float)
    perfect = _area(actual, actual)
    return float("nan") if perfect == 0 else float(_area(actual, forecast) / perfect)


def _area(actual: np.ndarray, forecast: np.ndarray) -> float:
    money = _in_order(actual, forecast)
    n = len(money)
    curve = np.cumsum(money) / money.sum()
    return float(curve.mean() - (n + 1) / (2 * n))


def _in_order(actual: np.ndarray, forecast: np.ndarray) -> np.ndarray:
    """Money by descending forecast, shared equally among equal forecasts."""
    _, tie = np.unique(-forecast, return_inverse=True)
    mean = np.bincount(tie, actual) / np.bincount(tie)
    return mean[np.sort(tie)]


def top_share(actual: Any, forecast: Any, *, share: float = 0.1) -> float:
    """Share of all money that the customers with the highest forecasts brought (at least one customer).

    Examples
    --------
    >>> top_share([90, 5, 5, 0], [3, 1, 2, 0], share=0.25)
    0.9
    """
    actual = np.asarray(actual, float)
    return float((actual * top_mask(forecast, share=share)).sum() / actual.sum())


def top_mask(forecast: Any, *, share: float = 0.1) -> np.ndarray:
    """Weight 1 for the customers with the highest forecasts, 0 for the others; ties at the border share the places.

    Examples
    --------
    >>> top_mask([3, 1, 1, 0], share=0.5).tolist()
    [1.0, 0.5, 0.5, 0.0]
    """
    forecast = np.asarray(forecast, float)
    size = max(1, round(share * len(forecast)))
    border = np.sort(forecast)[-size]
    above, at = forecast > border, forecast == border
    return above + at * (size - above.sum()) / at.sum()


def deciles(actual: Any, forecast: Any, *, groups: int = 10, least: int = 10) -> pd.DataFrame:
    """Mean forecast and mean actual in equal groups of customers, highest forecasts first.

    Parameters
    ----------
    actual, forecast : one number a customer
    groups : number of groups; fewer where a group would hold fewer than `least` customers

    Returns
    -------
    DataFrame : group (1 is highest), customers, forecast, actual, low, high (95% interval of the actual mean)
    """
    actual, forecast = np.asarray(actual, float), np.asarray(forecast, float)
    groups = max(1, min(groups, len(actual) // least))
    place = np.argsort(np.argsort(-forecast, kind="stable"))
    frame = pd.DataFrame(
        {"group": place * groups // len(place) + 1, "forecast": forecast, "actual": actual}
    )
    table = frame.groupby("group", as_index=False).agg(
        customers=("actual", "size"),
        forecast=("forecast", "mean"),
        mean=("actual", "mean"),
        error=("actual", "sem"),
    )
    table["low"], table["high"] = (
        table["mean"] - 1.96 * table.error,
        table["mean"] + 1.96 * table.error,
    )
    return table.rename(columns={"mean": "actual"}).drop(columns="error").astype({"group": "int64"})


def _spearman(a: np.ndarray, b: np.ndarray) -> float:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(pd.Series(a).rank(), pd.Series(b).rank())[0, 1])


def _checked(actual: Any, predictions: pd.DataFrame, baseline: str) -> np.ndarray:
    values = np.asarray(actual, float)
    names = predictions.columns.drop("customer_id", errors="ignore")
    rules: list[tuple[bool, Callable[[], str]]] = [
        (
            baseline not in names,
            lambda: f"baseline {baseline!r} is no column; present: {list(names)}",
        ),
        (
            len(values) != len(predictions),
            lambda: f"{len(values):,} actual values, {len(predictions):,} forecasts",
        ),
        (
            not np.isfinite(values).all(),
            lambda: f"{(~np.isfinite(values)).sum():,} actual values are missing",
        ),
        (
            not values.sum() > 0,
            lambda: "nobody spent anything in the later period: take a longer one",
        ),
    ]
    rules += [
        (
            bool(bad),
            lambda name=name, bad=bad: f"{bad:,} forecasts of {name!r} are missing or infinite",
        )
        for name in names
        if (bad := int((~np.isfinite(predictions[name].to_numpy(float))).sum()))
    ]
    if problems := [words() for broken, words in rules if broken]:
        raise TableError.of("the forecasts cannot be scored:", problems)
    return values
