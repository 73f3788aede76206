"""Who will fall silent: a logistic model of recency, frequency and money, always beside recency alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from personalize.features import rfm
from personalize.segmentation.auc import compare_auc
from personalize.segmentation.clusters import one_thread
from personalize.segmentation.outlook import outcome
from personalize.segmentation.rulecard import wilson
from personalize.tables import TableError, Tables

_METRICS = ("recency_days", "frequency", "monetary")
_FEWEST = 20


@dataclass(frozen=True)
class ChurnReport:
    """How well churn was foreseen in a later period than the model had seen.

    Attributes
    ----------
    comparison : one row a model: model, auc, auc_low, auc_high, gain, gain_low, gain_high (over recency alone),
        average_precision, found (share of the silent customers that are in the tenth with the highest scores),
        found_gain, found_gain_low, found_gain_high (over recency alone, 95 %)
    tenths : one row a tenth of the customers by predicted chance, highest first: tenth, customers, predicted,
        observed, low, high (95 %, Wilson), lift (observed over the rate of all)
    n_customers, rate : customers scored and the share that fell silent
    as_of : day on which the prediction was made
    """

    comparison: pd.DataFrame
    tenths: pd.DataFrame
    n_customers: int
    rate: float
    as_of: pd.Timestamp

    def table(self) -> pd.DataFrame:
        """The comparison with recency alone."""
        return self.comparison.copy()

    @property
    def verdict(self) -> str:
        """Whether the model separates better than recency alone, by the interval of the gain."""
        better = self.comparison.gain_low.iloc[0] > 0
        return "better than recency alone" if better else "not shown to be better than recency alone"

    def reading(self) -> str:
        """What the comparison says, with the verdict that its intervals allow."""
        model, plain = self.comparison.iloc[0], self.comparison.iloc[1]
        use = "use it" if model.gain_low > 0 else "use recency"
        short = "finds more" if model.found_gain_low > 0 else "is not shown to find more"
        return (
            f"The model tells who falls silent with an AUC of **{model.auc:.3f}** ({model.auc_low:.3f} to "
            f"{model.auc_high:.3f}), {model.gain:+.3f} against recency alone ({model.gain_low:+.3f} to "
            f"{model.gain_high:+.3f}): **{self.verdict}**, {use}. Its top tenth holds {model.found:.0%} of the "
            f"customers who fell silent, recency alone {plain.found:.0%}: for a list of one tenth the model {short} "
            f"(difference {model.found_gain_low:+.1%} to {model.found_gain_high:+.1%})."
        )


class Churn(BaseEstimator):
    """The chance that a customer makes no purchase in the coming weeks.

    Parameters
    ----------
    days : length of the coming period in days; 56 are eight weeks
    window_days : features look back over this many days, and only customers who bought in them are scored

    Attributes
    ----------
    mean_, scale_, coef_, intercept_ : of the logistic model on log1p of recency, frequency and money
    covariance_ : covariance of the standardised coefficients (intercept last)
    n_customers_, n_silent_ : customers learned from, and how many of them fell silent

    Notes
    -----
    log(p / (1 - p)) = a + b'z, z the standardised log1p features. `fit(as_of=d)` takes features of the day
    d - `days` and outcomes of the `days` up to d, so nothing after d is read; `predict` applies them on d.
    A ridge penalty of 1/2 ||b||^2 keeps small shops finite; intervals come from the information matrix.

    References
    ----------
    Neslin et al. (2006), Defection detection.
    """

    def __init__(self, *, days: int = 56, window_days: int = 120) -> None:
        self.days = days
        self.window_days = window_days

    def fit(self, tables: Tables, *, as_of: Any) -> "Churn":
        """Learn from the features of the day `as_of` - `days` and what happened up to `as_of`.

        Raises
        ------
        TableError : when the data are too short, or fewer than 20 customers fell silent or stayed.
        """
        start = self._earlier(tables, as_of, 1)
        table = rfm(tables, as_of=start, window_days=self.window_days)
        silent = self._silent(tables, table, start)
        if min(silent.sum(), (~silent).sum()) < _FEWEST:
            raise TableError(
                f"churn cannot be learned: of {len(silent):,} customers {silent.sum():,} fell silent in the "
                f"{self.days} days up to {as_of}; {_FEWEST} who did and {_FEWEST} who did not "
                "are needed. Change `days`"
            )
        x = _logs(table)
        self.mean_, self.scale_ = x.mean(axis=0), np.where(np.ptp(x, axis=0) > 0, x.std(axis=0), 1.0)
        self._solve((x - self.mean_) / self.scale_, silent)
        return self

    def _solve(self, z: np.ndarray, silent: np.ndarray) -> None:
        with one_thread():
            model = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(z, silent)
            p = model.predict_proba(z)[:, 1]
            design = np.column_stack([z, np.ones(len(z))])
            information = (design * (p * (1 - p))[:, None]).T @ design + np.diag([1.0] * z.shape[1] + [0.0])
        self.coef_, self.intercept_ = model.coef_[0], float(model.intercept_[0])
        self.covariance_ = np.linalg.inv(information)
        self.n_customers_, self.n_silent_ = len(z), int(silent.sum())

    def predict(self, tables: Tables, *, as_of: Any) -> pd.DataFrame:
        """The chance of silence in the `days` days after `as_of`, for who bought in the window before it.

        Returns
        -------
        DataFrame, one row a customer
            - customer_id
            - churn : the chance, 0 to 1
            - recency_days
            - at_risk : money that silence would cost: churn x spend in the window, scaled to `days` days
        """
        if not hasattr(self, "coef_"):
            raise TableError("Churn is not fitted: call fit(tables, as_of=...) first")
        table = rfm(tables, as_of=as_of, window_days=self.window_days)
        z = (_logs(table) - self.mean_) / self.scale_
        chance = 1 / (1 + np.exp(-(self.intercept_ + (z * self.coef_).sum(axis=1))))
        usual = table.monetary.clip(lower=0) / self.window_days * self.days
        return table[["customer_id", "recency_days"]].assign(churn=chance, at_risk=chance * usual)

    def evaluate(self, tables: Tables, *, as_of: Any) -> ChurnReport:
        """Repeat the exercise one period earlier and compare with what happened in the `days` up to `as_of`.

        A fresh model is fitted on what was known `days` before `as_of`; this object is left as it is.
        """
        cut = self._earlier(tables, as_of, 1)
        self._earlier(tables, as_of, 2)
        predicted = Churn(**self.get_params()).fit(tables, as_of=cut).predict(tables, as_of=cut)
        silent = self._silent(tables, predicted, cut)
        return _report(predicted, silent, cut)

    def table(self) -> pd.DataFrame:
        """One row a feature: how the odds of silence change when it doubles, all else equal.

        Columns: feature, odds_ratio, low, high (95 %). 2 means twice the odds; 1 means no difference.
        """
        slope = np.log(2) / self.scale_
        beta, half = self.coef_ * slope, 1.96 * np.sqrt(np.diag(self.covariance_)[:-1]) * slope
        return pd.DataFrame({"feature": _METRICS, "odds_ratio": np.exp(beta), "low": np.exp(beta - half),
                             "high": np.exp(beta + half)})  # fmt: skip

    def _silent(self, tables: Tables, table: pd.DataFrame, start: pd.Timestamp) -> np.ndarray:
        later = outcome(tables, table.customer_id, as_of=start, days=self.days)
        return (later.next_orders == 0).to_numpy()

    def _earlier(self, tables: Tables, as_of: Any, periods: int) -> pd.Timestamp:
        known = tables.until(as_of)
        day = pd.Timestamp(as_of).normalize()
        start = day - pd.Timedelta(days=self.days * periods)
        if self.days < 1 or start - pd.Timedelta(days=self.window_days) < known.start - pd.Timedelta(days=1):
            needed = self.days * periods + self.window_days
            raise TableError(
                f"churn over {self.days} days needs {needed} days of orders up to {day:%Y-%m-%d}; the data have "
                f"{(day - known.start).days + 1}. Take a shorter `days` or `window_days`, or a later as_of"
            )
        return start


def _logs(table: pd.DataFrame) -> np.ndarray:
    raw = table[list(_METRICS)].to_numpy(float)
    return np.sign(raw) * np.log1p(np.abs(raw))


def _report(predicted: pd.DataFrame, silent: np.ndarray, cut: pd.Timestamp) -> ChurnReport:
    scores = {
        "logistic (recency, frequency, money)": predicted.churn,
        "recency alone": predicted.recency_days,
    }
    found = compare_auc(silent, scores, baseline="recency alone")
    found["average_precision"] = [float(average_precision_score(silent, score)) for score in scores.values()]
    listed = np.array([_listed(score.to_numpy(float))[silent] for score in scores.values()])
    gain = listed - listed[-1]
    half = 1.96 * gain.std(axis=1, ddof=1) / np.sqrt(silent.sum()) if silent.sum() > 1 else np.nan
    found = found.assign(found=listed.mean(axis=1), found_gain=gain.mean(axis=1))
    found = found.assign(found_gain_low=found.found_gain - half, found_gain_high=found.found_gain + half)
    return ChurnReport(found, _tenths(predicted.churn.to_numpy(), silent), len(silent), float(silent.mean()), cut)


def _listed(score: np.ndarray) -> np.ndarray:
    """Whether each customer is in the tenth with the highest scores; those tied at its edge in proportion."""
    size = len(score) / 10
    edge = np.sort(score)[::-1][int(np.ceil(size)) - 1]
    above, tied = score > edge, score == edge
    return above + tied * (size - above.sum()) / tied.sum()


def _tenths(chance: np.ndarray, silent: np.ndarray) -> pd.DataFrame:
    order = np.argsort(-chance, kind="stable")
    rows = []
    for number, inside in enumerate(np.array_split(order, min(10, len(order))), start=1):
        hits, n = int(silent[inside].sum()), len(inside)
        low, high = wilson(hits, n)
        rows.append({"tenth": number, "customers": n, "predicted": float(chance[inside].mean()), "observed": hits / n,
                     "low": low, "high": high, "lift": hits / n / silent.mean()})  # fmt: skip
    return pd.DataFrame(rows)
