"""Who will fall silent: a logistic model, a linear SVM or an entropy tree, each with calibrated chances."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from personalize.features import rfm
from personalize.segmentation import scoring_sql
from personalize.segmentation.clusters import one_thread
from personalize.segmentation.contest import ChurnReport, report
from personalize.segmentation.panel import Panel, earlier, panel
from personalize.segmentation.rulecard import information_gain, tree_leaves, wilson
from personalize.tables import TableError, Tables

Model = Literal["logistic", "svm", "tree"]
_METRICS = ["recency_days", "frequency", "monetary"]
_FEWEST = 20
_DEPTH, _LEAF = 4, 0.05
_NAMES = {"logistic": "logistic", "svm": "linear SVM", "tree": "entropy tree"}


class Churn(BaseEstimator):
    """The chance that a customer makes no purchase in the coming weeks.

    Parameters
    ----------
    model : "logistic"; "svm", a linear support vector machine; or "tree", an entropy tree. All read the same facts
    days : length of the coming period in days; 56 are eight weeks
    window_days : features look back over this many days, and only customers who bought in them are scored
    seed : seed of the folds on which the margins of the machine are calibrated

    Attributes
    ----------
    mean_, scale_, coef_, intercept_ : log-odds on standardised log1p features (logistic and svm)
    covariance_ : covariance of the standardised coefficients, intercept last (logistic)
    tree_ : the fitted scikit-learn tree (tree)
    leaves_, gains_ : the tables of its rules and of the information gain of its first question (tree)
    n_customers_, n_silent_ : customers learned from, and how many of them fell silent

    Notes
    -----
    *Logistic*: log(p / (1 - p)) = a + b'z, z the standardised log1p features. A ridge penalty of 1/2 ||b||^2 keeps
    small shops finite; intervals come from the information matrix.
    *SVM*: the margin m = w'z + c of LinearSVC (C = 1); Platt's p = 1 / (1 + exp(-(A m + B))) is learned on margins
    of five folds that the machine had not seen, so the chance is a logistic formula in z as well.
    *Tree*: each split is the one with the largest information gain (ID3's measure), depth 4 at most (what
    cross-validation picked on the packaged data), at least 5 % of the customers in a leaf, so that its share of
    silent customers, which is the chance, is well known.
    *No leakage*: `fit(as_of=d)` takes features of the day d - `days` and outcomes of the `days` up to d, so nothing
    after d is read; `predict` applies them on d.

    References
    ----------
    Neslin et al. (2006), Defection detection. Platt (1999), Probabilistic outputs for support vector machines.
    Quinlan (1986), Induction of decision trees.
    """

    def __init__(
        self, model: Model = "logistic", *, days: int = 56, window_days: int = 120, seed: int = 0
    ) -> None:
        self.model = model
        self.days = days
        self.window_days = window_days
        self.seed = seed

    def fit(self, tables: Tables, *, as_of: Any) -> "Churn":
        """Learn from the features of the day `as_of` - `days` and what happened up to `as_of`.

        Raises
        ------
        TableError : when the data are too short, or fewer than 20 customers fell silent or stayed.
        """
        span = {"days": self.days, "window_days": self.window_days}
        return self.learn(
            panel(tables, as_of=earlier(tables, as_of=as_of, periods=1, **span), **span)
        )

    def learn(self, seen: Panel) -> "Churn":
        """Learn from what was known on a day and what came after it."""
        if self.model not in _NAMES:
            raise TableError(f"Churn has no model '{self.model}': choose one of {list(_NAMES)}")
        silent, n = seen.silent, int(seen.silent.sum())
        if min(n, len(silent) - n) < _FEWEST:
            raise TableError(
                f"churn cannot be learned: of {len(silent):,} customers {n:,} fell silent in the {self.days} days "
                f"after {seen.as_of:%Y-%m-%d}; {_FEWEST} who did and {_FEWEST} who did not are needed. Change `days`"
            )
        self.n_customers_, self.n_silent_ = len(silent), n
        table = seen.table.sort_values("customer_id")
        silent = silent[np.argsort(seen.table.customer_id.to_numpy(), kind="stable")]
        with one_thread():
            self._grow(table, silent) if self.model == "tree" else self._draw(table, silent)
        return self

    def _draw(self, table: pd.DataFrame, silent: np.ndarray) -> None:
        """Fit the linear models on standardised logs."""
        x = self._logs(table)
        self.mean_, self.scale_ = (
            x.mean(axis=0),
            np.where(np.ptp(x, axis=0) > 0, x.std(axis=0), 1.0),
        )
        z = (x - self.mean_) / self.scale_
        if self.model == "svm":
            self.coef_, self.intercept_ = _platt(z, silent, self.seed)
            return
        model = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(z, silent)
        self.coef_, self.intercept_ = model.coef_[0], float(model.intercept_[0])
        p = model.predict_proba(z)[:, 1]
        design = np.column_stack([z, np.ones(len(z))])
        penalty = np.diag([1.0] * z.shape[1] + [0.0])
        self.covariance_ = np.linalg.inv((design * (p * (1 - p))[:, None]).T @ design + penalty)

    def _grow(self, table: pd.DataFrame, silent: np.ndarray) -> None:
        x, least = table[_METRICS].to_numpy(float), max(_FEWEST, int(np.ceil(_LEAF * len(table))))
        grown = DecisionTreeClassifier(
            criterion="entropy", max_depth=_DEPTH, min_samples_leaf=least, random_state=0
        )
        self.tree_ = grown.fit(x, silent)
        whole = [pd.api.types.is_integer_dtype(table[name]) for name in _METRICS]
        leaf, rows = self.tree_.apply(x), []
        for node, rule in tree_leaves(self.tree_.tree_, _METRICS, whole):
            hits, n = int(silent[leaf == node].sum()), int((leaf == node).sum())
            low, high = wilson(hits, n)
            rows.append(
                {
                    "rule": rule,
                    "customers": n,
                    "silent": hits / n,
                    "silent_low": low,
                    "silent_high": high,
                }
            )
        self.gains_ = information_gain(table, silent)
        self.leaves_ = pd.DataFrame(rows).sort_values(
            ["silent", "rule"], ascending=[False, True], ignore_index=True
        )

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
        self._require_fitted()
        table = rfm(tables, as_of=as_of, window_days=self.window_days)
        chance = self.chance(table)
        usual = table.monetary.clip(lower=0) / self.window_days * self.days
        return table[["customer_id", "recency_days"]].assign(churn=chance, at_risk=chance * usual)

    def chance(self, table: pd.DataFrame) -> np.ndarray:
        """The chance of silence of each row of a table of features."""
        if self.model == "tree":
            return self.tree_.predict_proba(table[_METRICS].to_numpy(float))[:, 1]
        z = (self._logs(table) - self.mean_) / self.scale_
        return 1 / (1 + np.exp(-(self.intercept_ + (z * self.coef_).sum(axis=1))))

    def sql(self, relation: str) -> str:
        """A query that gives the chances inside the engine: customer_id, churn.

        Parameters
        ----------
        relation : name of a relation, or a query in brackets, with customer_id and the features
        """
        self._require_fitted()
        if self.model == "tree":
            shares = self.tree_.tree_.value[:, 0, 1]
            text = scoring_sql.tree(self.tree_.tree_, _METRICS, shares)
        else:
            z = scoring_sql.standardised(_METRICS, self.mean_, self.scale_, log=True)
            text = scoring_sql.logistic(z, self.coef_, self.intercept_)
        return f"select customer_id, {text} as churn from {relation}"

    def evaluate(self, tables: Tables, *, as_of: Any) -> ChurnReport:
        """Repeat the exercise one period earlier and compare with what happened in the `days` up to `as_of`.

        A fresh model is fitted on what was known `days` before `as_of`; this object is left as it is.
        """
        return contest(tables, [self], as_of=as_of)

    def table(self) -> pd.DataFrame:
        """What the model says.

        Logistic, one row a feature: feature, odds_ratio, odds_ratio_low, odds_ratio_high (95 %): the factor on the
        odds of silence when the feature doubles, all else equal. SVM: the same without an interval. Tree, one row a
        rule: rule, customers, silent, silent_low, silent_high (95 %, Wilson).
        """
        self._require_fitted()
        if self.model == "tree":
            return self.leaves_.copy()
        slope = np.log(2) / self.scale_
        found = pd.DataFrame({"feature": _METRICS, "odds_ratio": np.exp(self.coef_ * slope)})
        if self.model == "svm":
            return found
        half = 1.96 * np.sqrt(np.diag(self.covariance_)[:-1]) * slope
        low, high = np.exp(self.coef_ * slope - half), np.exp(self.coef_ * slope + half)
        return found.assign(odds_ratio_low=low, odds_ratio_high=high)

    def _logs(self, table: pd.DataFrame) -> np.ndarray:
        raw = table[_METRICS].to_numpy(float)
        return np.sign(raw) * np.log1p(np.abs(raw))

    def _require_fitted(self) -> None:
        if not hasattr(self, "n_customers_"):
            raise TableError("Churn is not fitted: call fit(tables, as_of=...) first")


def contest(
    tables: Tables,
    models: Sequence[Churn] | None = None,
    *,
    as_of: Any,
    days: int = 56,
    seed: int = 0,
) -> ChurnReport:
    """Several churn models and recency alone, judged on the same customers in a later period than they saw.

    Parameters
    ----------
    tables : Tables
    models : models of equal `days` and `window_days`, the one to use first; None for the logistic model, the linear
        SVM and the entropy tree over `days` days
    as_of : last known day: outcomes of the `days` up to it are foretold from the day before them, by models that
        learned one period earlier
    seed : seed of the bootstrap samples of customers

    Returns
    -------
    ChurnReport

    Raises
    ------
    TableError : when the data are too short, or too few customers fell silent or stayed.
    """
    models = models or [
        Churn(days=days),
        Churn("svm", days=days, seed=seed),
        Churn("tree", days=days),
    ]
    span = {"days": models[0].days, "window_days": models[0].window_days}
    start, cut = (earlier(tables, as_of=as_of, periods=periods, **span) for periods in (2, 1))
    seen, later = (panel(tables, as_of=day, **span) for day in (start, cut))
    scores = {
        _NAMES[m.model]: Churn(**m.get_params()).learn(seen).chance(later.table) for m in models
    }
    return report(scores, later, rate=float(seen.silent.mean()), seed=seed)


def _platt(z: np.ndarray, silent: np.ndarray, seed: int) -> tuple[np.ndarray, float]:
    """Weights and intercept of the calibrated log-odds of a linear support vector machine."""
    machine = LinearSVC(C=1.0, dual=False, tol=1e-8, max_iter=10_000)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    margin = cross_val_predict(machine, z, silent, cv=folds, method="decision_function")
    sigmoid = LogisticRegression(C=1e6, tol=1e-8).fit(margin[:, None], silent)
    slope, machine = sigmoid.coef_[0, 0], machine.fit(z, silent)
    return slope * machine.coef_[0], float(slope * machine.intercept_[0] + sigmoid.intercept_[0])
