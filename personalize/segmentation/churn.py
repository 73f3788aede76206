"""Who will fall silent: a logistic model, a linear SVM, an entropy tree or any classifier, with
calibrated chances.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from personalize.features import outcome, rfm
from personalize.inference import proportion_interval
from personalize.segmentation import deployment
from personalize.segmentation.decision_tree import information_gain, leaf_rules
from personalize.segmentation.kmeans import customers_and_features, one_thread, signed_log
from personalize.tables import TableError, Tables, Unavailable, require_fitted

Features = Callable[..., pd.DataFrame]
_FEWEST = 20
_DEPTH, _LEAF = 4, 0.05
NAMES = {"logistic": "logistic", "svm": "linear SVM", "tree": "entropy tree"}


def churn_panel(
    tables: Tables,
    *,
    as_of: Any,
    days: int = 56,
    window_days: int = 120,
    features: Features | None = None,
) -> pd.DataFrame:
    """What was known of customers at the end of a day, and whether each then fell silent.

    Parameters
    ----------
    tables : Tables that reach at least `days` days beyond `as_of`
    as_of : last day known
    days : length of the later period, in days
    window_days : only customers who bought in so many days up to `as_of` are in the panel
    features : None, or a function of your own that is called as features(tables, as_of=day) with
        tables that end on that day, and gives customer_id and numeric columns
        (`pz.features.window_spend` is one)

    Returns
    -------
    DataFrame, one row a customer
        - customer_id, recency_days, frequency, monetary, and your own columns : from the days up to
          `as_of` only
        - silent : whether no purchase followed in the `days` days after

    Raises
    ------
    TableError : when the day or the later period is outside the data, or your columns lack a
        customer.
    Unavailable : when the data do not reach back `window_days`, or nobody, or everybody, fell
        silent.
    """
    if days < 1:
        raise TableError(f"days = {days}: churn needs a period of 1 day or more")
    day = pd.Timestamp(as_of).normalize()
    have = max((day - tables.start).days + 1, 0)
    if have < window_days:
        raise Unavailable(
            f"churn over {days} days is learned from {window_days} days up to {day:%Y-%m-%d}, of "
            f"which the data have {have}. Take a shorter `days` or `window_days`, or a later as_of"
        )
    table = _known(tables, as_of, window_days, features)
    later = outcome(tables, table.customer_id, as_of=as_of, days=days)
    silent = (later.next_orders == 0).to_numpy()
    if silent.all() or not silent.any():
        raise Unavailable(
            f"{silent.sum():,} of {len(silent):,} customers fell silent in the {days} days after "
            f"{as_of}: nothing to tell apart. Change `days`"
        )
    return table.assign(silent=silent)


class Churn(BaseEstimator):
    """The chance that a customer makes no purchase in the coming weeks.

    Parameters
    ----------
    classifier : "logistic"; "svm", a linear support vector machine; "tree", an entropy tree; or any
        scikit-learn classifier or pipeline with predict_proba, or with decision_function, which is
        then calibrated
    days : length of the coming period in days; 56 are eight weeks
    window_days : features look back over this many days, and only customers who bought in them are
        scored
    features : None for the three facts of `features.rfm`, or a function whose columns join them
        (see `churn_panel`)
    seed : seed of the folds on which margins are calibrated

    Attributes
    ----------
    model_ : the fitted scikit-learn classifier or pipeline
    features_ : names of the facts, in order
    mean_, scale_, coef_, intercept_ : log-odds on standardised log1p features (logistic and svm)
    covariance_ : covariance of the standardised coefficients, intercept last (logistic)
    gains_ : the table of the information gain of one question about each fact
    leaves_ : the table of the rules (tree)
    n_customers_, n_silent_ : customers learned from, and how many of them fell silent

    Notes
    -----
    *Logistic*: log(p / (1 - p)) = a + b'z, z the standardised log1p features. A ridge penalty of
    1/2 ||b||^2 keeps small shops finite; intervals come from the information matrix.
    *SVM*: the margin m = w'z + c of LinearSVC (C = 1); Platt's p = 1 / (1 + exp(A m + B)) is
    learned on margins of five folds that the machine had not seen, so the chance is a logistic
    formula in z as well.
    *Tree*: each split is the one with the largest information gain (ID3's measure), depth 4 at most
    (what cross-validation picked on the packaged data), at least 5 % of the customers in a leaf, so
    that its share of silent customers, which is the chance, is well known.
    *Your own*: it reads the facts as they are; put a scaler into a pipeline where it needs one.
    *No leakage*: `fit(as_of=d)` takes features of the day d - `days` and outcomes of the `days` up
    to d, so nothing after d is read; `predict` applies them on d. *In the engine*: `sql(relation)`
    writes the three named models.

    References
    ----------
    Neslin et al. (2006), Defection detection. Platt (1999), Probabilistic outputs for support
    vector machines. Quinlan (1986), Induction of decision trees.

    Examples
    --------
    A forest that also reads the spend of the last 4, 13 and 26 weeks:

    >>> import personalize as pz
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> forest = RandomForestClassifier(min_samples_leaf=20, random_state=0)
    >>> shop = pz.load("simulated_shop")
    >>> Churn(forest, features=pz.features.window_spend).fit(shop).features_[-2:]
    ['spend_26w', 'orders_26w']
    """

    def __init__(
        self,
        classifier: Any = "logistic",
        *,
        days: int = 56,
        window_days: int = 120,
        features: Features | None = None,
        seed: int = 0,
    ) -> None:
        self.classifier = classifier
        self.days = days
        self.window_days = window_days
        self.features = features
        self.seed = seed

    @property
    def name(self) -> str:
        """What the classifier is called in tables."""
        if isinstance(self.classifier, str):
            return NAMES.get(self.classifier, self.classifier)
        last = self.classifier[-1] if isinstance(self.classifier, Pipeline) else self.classifier
        return type(last).__name__

    def fit(self, tables: Tables, y: Any = None, *, as_of: Any = None) -> "Churn":
        """Learn from the features of the day `as_of` - `days` and what happened up to `as_of`
        (None: the last day).

        Raises
        ------
        TableError : when these are no Tables, or the classifier cannot give chances.
        Unavailable : when the data are too short, or fewer than 20 customers fell silent or stayed.
        """
        start = self.day_before(tables, as_of)
        return self.learn(self.panel(tables, start))

    def panel(self, tables: Tables, as_of: Any) -> pd.DataFrame:
        """What this model learns from, on one day (see `churn_panel`)."""
        return churn_panel(
            tables,
            as_of=as_of,
            days=self.days,
            window_days=self.window_days,
            features=self.features,
        )

    def day_before(self, tables: Tables, as_of: Any, *, periods: int = 1) -> pd.Timestamp:
        """The day `periods` x `days` before `as_of`, or before the last day of the data."""
        if not isinstance(tables, Tables):
            raise TableError(
                f"Churn learns from tables, not from a {type(tables).__name__}: "
                "fit(pz.load(...), as_of=...); a table with a column silent goes into learn"
            )
        day = pd.Timestamp(as_of or tables.end).normalize()
        return day - pd.Timedelta(days=self.days * periods)

    def learn(self, panel: pd.DataFrame) -> "Churn":
        """Learn from a panel: customer_id, any numeric facts, and silent, which came after them."""
        table = panel.sort_values("customer_id", kind="stable")
        silent = table.silent.to_numpy(bool)
        features = customers_and_features(table.drop(columns="silent"))[1]
        self.n_customers_, self.n_silent_ = len(silent), int(silent.sum())
        if min(self.n_silent_, self.n_customers_ - self.n_silent_) < _FEWEST:
            raise Unavailable(
                f"churn cannot be learned: of {len(silent):,} customers {self.n_silent_:,} fell "
                f"silent in the {self.days} days after what was known; {_FEWEST} who did and "
                f"{_FEWEST} who did not are needed. Change `days`"
            )
        x = features.to_numpy(float)
        with one_thread():
            self.model_ = self._unfitted().fit(x, silent)
        self.features_ = features.columns.tolist()
        self.gains_ = information_gain(table.drop(columns="silent"), silent)
        if self.classifier == "tree":
            self.leaves_ = self._leaves(features, silent)
        elif isinstance(self.classifier, str):
            self._keep_line(x)
        return self

    def predict(self, tables: Tables, *, as_of: Any) -> pd.DataFrame:
        """The chance of silence in the `days` days after `as_of`, for who bought in the window.

        Returns
        -------
        DataFrame, one row a customer
            - customer_id
            - recency_days
            - churn : the chance, 0 to 1
            - at_risk : money that silence would cost: churn x spend in the window, scaled to `days`
              days
        """
        require_fitted(self, "model_")
        table = _known(tables, as_of, self.window_days, self.features)
        usual = table.monetary.clip(lower=0) / self.window_days * self.days
        found = table[["customer_id", "recency_days"]].assign(churn=self.chance(table))
        return found.assign(at_risk=found.churn * usual)

    def chance(self, table: pd.DataFrame) -> np.ndarray:
        """The chance of silence of each row of a table of features."""
        require_fitted(self, "model_")
        columns = list(getattr(table, "columns", ()))
        missing = [name for name in self.features_ if name not in columns]
        if missing:
            raise TableError(f"the table lacks {missing}, which Churn reads. Present: {columns}")
        with one_thread():
            return self.model_.predict_proba(table[self.features_].to_numpy(float))[:, 1]

    def sql(self, relation: str) -> str:
        """A query that gives the chances of a named model inside the engine: customer_id, churn.

        Parameters
        ----------
        relation : name of a relation, or a query in brackets, with customer_id and the features
        """
        require_fitted(self, "model_")
        if self.classifier == "tree":
            grown = self.model_.tree_
            text = deployment.tree(grown, self.features_, grown.value[:, 0, 1])
        elif isinstance(self.classifier, str):
            z = deployment.standardised(self.features_, self.mean_, self.scale_, log=True)
            text = deployment.logistic(z, self.coef_, self.intercept_)
        else:
            raise TableError(
                f"a {self.name} cannot be written as SQL: use one of {list(NAMES)}, "
                "or predict(tables)"
            )
        return f"select customer_id, {text} as churn from {relation}"

    def table(self) -> pd.DataFrame:
        """What the model says.

        Logistic, one row a feature: feature, odds_ratio, odds_ratio_low, odds_ratio_high (95 %):
        the factor on the odds of silence when the feature doubles, all else equal. SVM: the same
        without an interval. Tree, one row a rule: rule, customers, silent, silent_low, silent_high
        (95 %, Wilson). Your own: what one question about each fact tells of silence (see
        `information_gain`).
        """
        require_fitted(self, "model_")
        if self.classifier == "tree":
            return self.leaves_.copy()
        if not isinstance(self.classifier, str):
            return self.gains_.copy()
        slope = self.coef_ * np.log(2) / self.scale_
        found = pd.DataFrame({"feature": self.features_, "odds_ratio": np.exp(slope)})
        if self.classifier == "svm":
            return found
        error = np.sqrt(np.diag(self.covariance_)[:-1]) * np.log(2) / self.scale_
        low, high = np.exp(slope - 1.96 * error), np.exp(slope + 1.96 * error)
        return found.assign(odds_ratio_low=low, odds_ratio_high=high)

    @property
    def caption(self) -> str:
        """What the table shows."""
        if self.classifier in ("logistic", "svm"):
            return "Factor on the odds of silence when a fact doubles"
        first = self.gains_.iloc[0]
        return (
            f"The {self.name}; first question: {first.feature} at most {first.cut:,.0f}? "
            f"It gains {first.gain:.3f} of {first.entropy:.3f} bits"
        )

    def _unfitted(self) -> Any:
        """The classifier, with what it needs around it to give chances."""
        if self.classifier == "tree":
            least = max(_FEWEST, int(np.ceil(_LEAF * self.n_customers_)))
            return DecisionTreeClassifier(
                criterion="entropy", max_depth=_DEPTH, min_samples_leaf=least, random_state=0
            )
        scaled = [FunctionTransformer(signed_log), StandardScaler()]
        if self.classifier == "logistic":
            return make_pipeline(*scaled, LogisticRegression(C=1.0, tol=1e-8, max_iter=1000))
        if self.classifier == "svm":
            machine = LinearSVC(C=1.0, dual=False, tol=1e-8, max_iter=10_000)
            return make_pipeline(*scaled, self._calibrated(machine))
        if hasattr(self.classifier, "predict_proba"):
            return clone(self.classifier)
        if hasattr(self.classifier, "decision_function"):
            return self._calibrated(clone(self.classifier))
        raise TableError(
            f"Churn has no classifier {self.classifier!r}: choose one of {list(NAMES)}, or give a "
            "scikit-learn classifier with predict_proba or decision_function"
        )

    def _calibrated(self, machine: Any) -> CalibratedClassifierCV:
        folds = StratifiedKFold(5, shuffle=True, random_state=self.seed)
        return CalibratedClassifierCV(machine, method="sigmoid", cv=folds, ensemble=False)

    def _keep_line(self, x: np.ndarray) -> None:
        """Scaler, weights and, for the logistic model, their covariance."""
        scaler, last = self.model_[1], self.model_[2]
        self.mean_, self.scale_ = scaler.mean_, scaler.scale_
        if self.classifier == "svm":
            fitted = last.calibrated_classifiers_[0]
            machine, curve = fitted.estimator, fitted.calibrators[0]
            self.coef_ = -curve.a_ * machine.coef_[0]
            self.intercept_ = float(-curve.a_ * machine.intercept_[0] - curve.b_)
            return
        self.coef_, self.intercept_ = last.coef_[0], float(last.intercept_[0])
        p = self.model_.predict_proba(x)[:, 1]
        design = np.column_stack([self.model_[:2].transform(x), np.ones(len(x))])
        penalty = np.diag([1.0] * len(self.coef_) + [0.0])
        information = (design * (p * (1 - p))[:, None]).T @ design
        self.covariance_ = np.linalg.inv(information + penalty)

    def _leaves(self, features: pd.DataFrame, silent: np.ndarray) -> pd.DataFrame:
        leaf = self.model_.apply(features.to_numpy(float))
        groups = pd.Series(silent).groupby(leaf)
        n, hits = groups.size(), groups.sum()
        low, high = proportion_interval(hits, n)
        rules = leaf_rules(self.model_.tree_, features)
        found = pd.DataFrame({"rule": rules, "customers": n, "silent": hits / n})
        found = found.assign(silent_low=low, silent_high=high)
        return found.sort_values(["silent", "rule"], ascending=[False, True], ignore_index=True)


def _known(tables: Tables, as_of: Any, window_days: int, features: Features | None) -> pd.DataFrame:
    """What is known of each customer at the end of a day."""
    table = rfm(tables, as_of=as_of, window_days=window_days)
    if features is None:
        return table
    own = features(tables.until(as_of), as_of=as_of)
    own = own[["customer_id", *own.columns.difference(table.columns, sort=False)]]
    joined = table.merge(own, on="customer_id", how="left", validate="one_to_one")
    gaps = joined.isna().sum()
    if gaps.any():
        raise TableError(
            f"your features lack {gaps.max():,} of {len(table):,} customers in "
            f"{list(gaps[gaps > 0].index)}: give a number for everybody, or fill the gaps"
        )
    return joined
