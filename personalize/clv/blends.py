"""Forecasts made of forecasts: a weighted mean of several, and one that is set right by how it erred before."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from personalize.clv.forecasts import Forecast, refitted
from personalize.clv.records import WEEK, Records, weeks_between
from personalize.tables import TableError

__all__ = ["Blend", "Recalibrated"]


class _Hindsight(Forecast):
    """A forecast that asks how its members did from an earlier day."""

    def _look_back(self, members: Sequence[Forecast], records: Records) -> None:
        """Fit the members on an earlier day and on the present one, and look up what came in between."""
        horizon = min(self.horizon_, weeks_between(records.tables.start, self.as_of_) // 2)
        if horizon < 2:
            raise TableError(
                f"fewer than 4 weeks lie before {self.as_of_:%Y-%m-%d}: nothing to set a forecast right by"
            )
        then = self.as_of_ - horizon * WEEK
        self._actual = records.windows(then, [], until=then + horizon * WEEK).set_index(
            "customer_id"
        )
        self._past = [refitted(m, records, as_of=then, horizon=horizon) for m in members]
        self._now = [
            refitted(m, records, as_of=self.as_of_, horizon=self.horizon_) for m in members
        ]


class Blend(_Hindsight):
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
        self._look_back(self.members, records)
        self.weights_ = self._weigh("spend")

    def _weigh(self, what: str) -> np.ndarray:
        actual = self._actual[f"{what}_later"]
        return nnls(
            np.column_stack([m.expected(what).reindex(actual.index) for m in self._past]),
            actual.to_numpy(),
        )[0]

    def expected(self, what: Literal["orders", "spend"]) -> pd.Series:
        """The weighted sums, by customer_id; orders have weights of their own."""
        weights = self.weights_ if what == "spend" else self._weigh(what)
        return sum(w * m.expected(what) for w, m in zip(weights, self._now, strict=True)).rename(
            f"expected_{what}"
        )


class Recalibrated(_Hindsight):
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
    horizon or half of the history, whichever is shorter. Where the slope is above 0 the order of customers stays,
    and so do Gini and top decile.

    References
    ----------
    Cox (1958), "Two further applications of a model for binary regression", Biometrika 45: calibration by regression.
    """

    def __init__(self, member: Forecast) -> None:
        self.member = member

    def _learn(self, records: Records) -> None:
        self._look_back([self.member], records)
        self.level_, self.slope_, _ = self._line("spend")

    def _line(self, what: str) -> tuple[float, float, float]:
        """Level, slope, and the forecast a week below which all are alike."""
        weeks = self._past[0].horizon_
        forecast = self._past[0].expected(what).reindex(self._actual.index).to_numpy() / weeks
        floor = max(1e-3 * float(forecast.mean()), 1e-12)
        came = self._actual[f"{what}_later"].to_numpy().clip(min=0.0) / weeks
        return *_poisson_line(np.log(np.maximum(forecast, floor)), came), floor

    def expected(self, what: Literal["orders", "spend"]) -> pd.Series:
        """The corrected forecasts, by customer_id; orders have a level and slope of their own."""
        level, slope, floor = self._line(what)
        rate = np.log(np.maximum(self._now[0].expected(what) / self.horizon_, floor))
        return (self.horizon_ * np.exp(level + slope * rate)).rename(f"expected_{what}")


def _poisson_line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Intercept and slope of log E(y) = a + b x, by Newton steps."""
    if not y.sum() > 0:
        raise TableError(
            "nobody bought in the weeks to learn from: nothing to set a forecast right by"
        )
    middle = x.mean()
    if not np.ptp(x) > 1e-9:
        return float(np.log(y.mean()) - middle), 1.0
    design, theta = (
        np.column_stack([np.ones_like(x), x - middle]),
        np.array([np.log(y.mean()), 0.0]),
    )
    for _ in range(50):
        mean = np.exp(np.clip(design @ theta, -700, 700))
        step = np.linalg.solve((design * mean[:, None]).T @ design, design.T @ (y - mean))
        theta = theta + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    return float(theta[0] - theta[1] * middle), float(theta[1])
