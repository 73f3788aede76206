"""Forecasts made of forecasts: a weighted mean of several, and one that is set right by how it erred before."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from personalize.clv.forecasts import Forecast, refitted
from personalize.clv.records import WEEK, Records, weeks_between
from personalize.tables import TableError

__all__ = ["Blend", "Recalibrated"]


class Blend(Forecast):
    """A weighted sum of forecasts, the weights learned from an earlier day.

    Parameters
    ----------
    members : unfitted forecasts; where the data refuse one of them, the blend is refused, so that its name means the
        same on every day

    Attributes
    ----------
    weights_ : array, weight of each member for spend

    Notes
    -----
    Members are fitted at a cut inside the known days, as far back as the horizon or half of the history, whichever is
    shorter. Least squares with weights of 0 or more on what came then (stacking); the weights need not add up to 1.
    The members are then fitted again on everything known.

    References
    ----------
    Breiman (1996), "Stacked regressions", Machine Learning 24(1).
    """

    def __init__(self, members: Sequence[Forecast]) -> None:
        self.members = members

    def _learn(self, records: Records) -> None:
        then, horizon = _earlier(self, records)
        actual = records.windows(then, [1], until=then + horizon * WEEK).set_index("customer_id")
        past = [refitted(m, records, as_of=then, horizon=horizon).reindex(actual.index) for m in self.members]
        now = [refitted(m, records, as_of=self.as_of_, horizon=self.horizon_) for m in self.members]
        columns = {}
        for what in ("orders", "spend"):
            name = f"expected_{what}"
            self.weights_ = nnls(np.column_stack([part[name] for part in past]), actual[f"{what}_later"].to_numpy())[0]
            columns[name] = sum(weight * part[name] for weight, part in zip(self.weights_, now, strict=True))
        self._table = pd.DataFrame(columns)

    def predict(self) -> pd.DataFrame:
        """The weighted sums: customer_id, expected_orders, expected_spend."""
        return self._table.reset_index()


class Recalibrated(Forecast):
    """A forecast set right by how it erred from an earlier day: too low for the small, too high for the large.

    Parameters
    ----------
    member : unfitted forecast

    Attributes
    ----------
    level_, slope_ : of spend a week, V = exp(level) f^slope; a slope below 1 draws the large and the small together

    Notes
    -----
    A Poisson regression of what came on the logarithm of what was forecast, both a week, from a cut as far back as the
    horizon or half of the history, whichever is shorter. The order of customers, and so Gini and top decile, stays.

    References
    ----------
    Cox (1958), "Two further applications of a model for binary regression", Biometrika 45: calibration by regression.
    """

    def __init__(self, member: Forecast) -> None:
        self.member = member

    def _learn(self, records: Records) -> None:
        then, horizon = _earlier(self, records)
        actual = records.windows(then, [1], until=then + horizon * WEEK).set_index("customer_id")
        past = refitted(self.member, records, as_of=then, horizon=horizon).reindex(actual.index) / horizon
        now = refitted(self.member, records, as_of=self.as_of_, horizon=self.horizon_) / self.horizon_
        self._table = now.copy()
        for what in ("orders", "spend"):
            forecast, rate = past[f"expected_{what}"].to_numpy(), actual[f"{what}_later"].clip(lower=0.0) / horizon
            floor = max(1e-3 * float(forecast.mean()), 1e-12)
            self.level_, self.slope_ = _poisson_line(np.log(np.maximum(forecast, floor)), rate.to_numpy())
            later = np.log(np.maximum(now[f"expected_{what}"], floor))
            self._table[f"expected_{what}"] = self.horizon_ * np.exp(self.level_ + self.slope_ * later)

    def predict(self) -> pd.DataFrame:
        """The corrected forecasts: customer_id, expected_orders, expected_spend."""
        return self._table.reset_index()


def _earlier(forecast: Forecast, records: Records) -> tuple[pd.Timestamp, int]:
    """A day inside the known ones to learn from, and the weeks from it to `as_of_`."""
    horizon = min(forecast.horizon_, weeks_between(records.tables.start, forecast.as_of_) // 2)
    if horizon < 2:
        raise TableError(
            f"fewer than 4 weeks lie before {forecast.as_of_:%Y-%m-%d}: nothing to set a forecast right by"
        )
    return forecast.as_of_ - horizon * WEEK, horizon


def _poisson_line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Intercept and slope of log E(y) = a + b x, by Newton steps."""
    if not y.sum() > 0:
        raise TableError("nobody bought in the weeks to learn from: nothing to set a forecast right by")
    middle = x.mean()
    if not np.ptp(x) > 1e-9:
        return float(np.log(y.mean()) - middle), 1.0
    design, theta = np.column_stack([np.ones_like(x), x - middle]), np.array([np.log(y.mean()), 0.0])
    for _ in range(50):
        mean = np.exp(np.clip(design @ theta, -700, 700))
        step = np.linalg.solve((design * mean[:, None]).T @ design, design.T @ (y - mean))
        theta = theta + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    return float(theta[0] - theta[1] * middle), float(theta[1])
