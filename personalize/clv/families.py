"""One regression, six error families: least squares, generalised linear models, a hurdle, boosted trees."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from personalize.tables import TableError

__all__ = ["FAMILIES", "fit_family"]

FAMILIES = ("ols", "poisson", "tweedie", "gamma", "hurdle", "boosting")
_LOST = (
    "a regression with a log link does not settle on these customers: most spend nothing, or a few spend everything; "
    "use the least squares regression or a probability model"
)
_POWERS = {"poisson": 1.0, "tweedie": 1.5, "gamma": 2.0}


def fit_family(
    family: str, y: np.ndarray, x: pd.DataFrame, x_now: pd.DataFrame
) -> tuple[dict[str, Any], np.ndarray]:
    """Facts for a `Regression` (without its dates), and the forecasts for `x_now`.

    Parameters
    ----------
    family : one of FAMILIES
    y : money or purchases of each customer, 0 or more
    x, x_now : features where y is known, and where it is to be forecast
    """
    if family == "ols":
        return _least_squares(y, x, x_now)
    if family == "boosting":
        return _trees(y, x, x_now)
    if family == "hurdle":
        return _hurdle(y, x, x_now)
    return _log_link(y, x, x_now, power=_POWERS[family])


def _least_squares(
    y: np.ndarray, x: pd.DataFrame, x_now: pd.DataFrame
) -> tuple[dict[str, Any], np.ndarray]:
    from statsmodels.regression.linear_model import OLS

    fit = OLS(y, _design(x)).fit(cov_type="HC3")
    facts = {
        "coefficients": _coefficients(fit, x),
        "influence": fit.get_influence().cooks_distance[0],
    }
    return facts | _closeness(y, fit.fittedvalues), fit.predict(_design(x_now))


def _log_link(
    y: np.ndarray, x: pd.DataFrame, x_now: pd.DataFrame, *, power: float
) -> tuple[dict, np.ndarray]:
    from statsmodels.genmod.families import Poisson, Tweedie
    from statsmodels.genmod.families.links import Log
    from statsmodels.genmod.generalized_linear_model import GLM

    scale, family = (
        float(y.mean()),
        Poisson() if power == 1 else Tweedie(link=Log(), var_power=power),
    )
    with np.errstate(all="ignore"):
        try:
            fit = GLM(y / scale, _design(x), family=family).fit(cov_type="HC1")
        except (ValueError, np.linalg.LinAlgError):
            raise TableError(_LOST) from None
    if not (fit.converged and np.isfinite(fit.params).all()):
        raise TableError(_LOST)
    facts = {
        "coefficients": _coefficients(fit, x, constant=np.log(scale)),
        "influence": np.empty(0),
    }
    return facts | _closeness(y, scale * fit.fittedvalues), scale * fit.predict(_design(x_now))


def _hurdle(
    y: np.ndarray, x: pd.DataFrame, x_now: pd.DataFrame
) -> tuple[dict[str, Any], np.ndarray]:
    """P(anything) by a logit times the mean of what is bought; the coefficients are those of the second part."""
    some = y > 0
    amount, _ = _log_link(y[some], x[some], x_now, power=_POWERS["gamma"])
    weights = amount["coefficients"].estimate.to_numpy()
    chances = _chance(some, x, (x, x_now))
    both = [
        np.exp(_design(part) @ weights) * chance
        for part, chance in zip((x, x_now), chances, strict=True)
    ]
    return amount | _closeness(y, both[0]), both[1]


def _chance(some: np.ndarray, x: pd.DataFrame, parts: Sequence[pd.DataFrame]) -> list[np.ndarray]:
    """Probability of buying at all: a logit, lightly held back so that clear-cut customers do not break it."""
    from sklearn.linear_model import LogisticRegression

    if some.all():
        return [np.ones(len(part)) for part in parts]
    spread = x.std(axis=0).to_numpy() + 1e-12
    logit = LogisticRegression(C=100.0).fit(x.to_numpy() / spread, some)
    return [logit.predict_proba(part.to_numpy() / spread)[:, 1] for part in parts]


def _trees(
    y: np.ndarray, x: pd.DataFrame, x_now: pd.DataFrame
) -> tuple[dict[str, Any], np.ndarray]:
    from sklearn.ensemble import HistGradientBoostingRegressor

    trees = HistGradientBoostingRegressor(
        loss="poisson", learning_rate=0.08, max_iter=60, max_leaf_nodes=8, min_samples_leaf=20, random_state=0,
        early_stopping=False,
    ).fit(x.to_numpy(), y)  # fmt: skip
    none = pd.DataFrame(
        columns=["term", "estimate", "std_error", "low", "high", "vif"], dtype=float
    )
    facts = {"coefficients": none, "influence": np.empty(0)}
    return facts | _closeness(y, trees.predict(x.to_numpy())), trees.predict(x_now.to_numpy())


def _closeness(y: np.ndarray, values: np.ndarray) -> dict[str, Any]:
    left = y - values
    r_squared = 1 - float((left**2).sum() / ((y - y.mean()) ** 2).sum())
    return {"n": len(y), "r_squared": r_squared, "fitted_values": values, "residuals": left}


def _coefficients(fit: Any, x: pd.DataFrame, *, constant: float = 0.0) -> pd.DataFrame:
    """The table of a fit, with something added to its constant."""
    moved = np.append(constant, np.zeros(x.shape[1]))
    interval = fit.conf_int() + moved[:, None]
    return pd.DataFrame(
        {
            "term": ["constant", *x.columns],
            "estimate": fit.params + moved,
            "std_error": fit.bse,
            "low": interval[:, 0],
            "high": interval[:, 1],
            "vif": [np.nan, *_inflation(x)],
        }
    )


def _inflation(x: pd.DataFrame) -> np.ndarray:
    """Variance inflation: how much overlap with the other windows widens each coefficient's error."""
    if x.shape[1] == 1:
        return np.ones(1)
    return np.diag(np.linalg.pinv(np.corrcoef(x.to_numpy(float), rowvar=False)))


def _design(x: pd.DataFrame) -> np.ndarray:
    return np.column_stack([np.ones(len(x)), x.to_numpy(float)])
