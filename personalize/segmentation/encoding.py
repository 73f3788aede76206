"""Mixed attributes as numbers that k-means can use: encoded, scaled and, where there are many,
condensed.
"""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from personalize.features import window_spend
from personalize.segmentation.kmeans import one_thread, signed_log
from personalize.tables import TableError, Tables, Unavailable, require_fitted

_KNOWN = 0.05


def known_facts(tables: Tables, rfm: pd.DataFrame, *, as_of: Any) -> pd.DataFrame:
    """Everything known of each customer: the columns of `rfm`, recent spend, and those of the
    people.

    Parameters
    ----------
    tables : Tables; a table of customers joins where there is one
    rfm : the table of `features.rfm`
    as_of : last known day

    Returns
    -------
    DataFrame, one row a customer of `rfm` : its columns, those of `features.window_spend`, and the
        attributes
    """
    found = rfm.merge(window_spend(tables, as_of=as_of), on="customer_id")
    if "customers" in tables:
        found = found.merge(tables.customers.to_pandas(), on="customer_id", how="left")
    return found


class CustomerSpace(TransformerMixin, BaseEstimator):
    """A table of any attributes as a table of numbers, ready for `KMeansSegments(log=False)`.

    Parameters
    ----------
    keep : share of the variance that the principal components must keep, above 0 and up to 1
    many : from this number of encoded columns on, they are condensed to principal components

    Attributes
    ----------
    numbers_, words_ : attributes used as numbers and as words
    left_out_ : attribute -> why it was not used: nobody has a value, or everybody the same
    encoder_ : the fitted scikit-learn ColumnTransformer
    pca_ : the fitted scikit-learn PCA, or None where there are few columns
    columns_ : names of the encoded columns

    Notes
    -----
    *Numbers*: a missing one becomes the median, then log1p (sign kept), then mean 0 and variance 1.
    *Words*: one column of 0 and 1 a value; values of fewer than 5 % of the customers share one
    column; missing is a value of its own; the columns of one attribute are scaled so that the
    attribute weighs as much as one number. *Left out*: an attribute that is missing for everybody
    or the same for everybody separates nobody; `left_out_` names it.
    *Later customers*: a value not seen while fitting goes to the column of the rare values, or has
    0 everywhere where there is none; a missing number becomes the median of the customers fitted.
    *Principal components*: directions of largest variance of the encoded columns, as many as keep
    the share `keep`.

    References
    ----------
    Hotelling (1933), principal components.

    Examples
    --------
    >>> people = pd.DataFrame({"customer_id": range(4), "age": [20, 30, 40, 50]})
    >>> people["town"] = ["Gent", "Lier"] * 2
    >>> CustomerSpace().fit(people).transform(people).columns.tolist()
    ['customer_id', 'age', 'town Gent', 'town Lier']
    """

    def __init__(self, *, keep: float = 0.9, many: int = 10) -> None:
        self.keep = keep
        self.many = many

    def fit(self, table: pd.DataFrame, y: Any = None) -> "CustomerSpace":
        """Learn medians, scales, values and components from customer_id and any attributes.

        Raises
        ------
        TableError : when `keep` is no share, or customer_id is missing or repeated.
        Unavailable : when no attribute is left.
        """
        self._check(table)
        ordered = table.sort_values("customer_id")
        self.left_out_: dict[str, str] = {}
        self.numbers_: list[str] = []
        self.words_: list[str] = []
        for name, values in ordered.drop(columns="customer_id").items():
            why = _useless(values)
            if why:
                self.left_out_[name] = why
            else:
                kind = self.numbers_ if _is_number(values) else self.words_
                kind.append(name)
        if not self.numbers_ and not self.words_:
            raise Unavailable(
                f"no attribute is left to tell customers apart: {self.left_out_}. "
                "Give other columns"
            )
        self.encoder_ = self._encoder().fit(self._plain(ordered))
        self.columns_ = self.encoder_.get_feature_names_out().tolist()
        self.pca_ = None
        if len(self.columns_) >= self.many:
            components = PCA(self.keep if self.keep < 1 else None, svd_solver="full")
            with one_thread():
                self.pca_ = components.fit(self.encoder_.transform(self._plain(ordered)))
        return self

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        """The same attributes of any customers as numbers: customer_id, then the encoded columns or
        the components.

        Raises
        ------
        TableError : when an attribute that was used is not in the table.
        """
        require_fitted(self, "encoder_")
        used = ["customer_id", *self.numbers_, *self.words_]
        missing = [name for name in used if name not in table.columns]
        if missing:
            raise TableError(
                f"the table lacks {missing}, which the fitted space uses. "
                f"Present: {list(table.columns)}"
            )
        encoded, names = self.encoder_.transform(self._plain(table)), self.columns_
        if self.pca_ is not None:
            with one_thread():
                encoded = self.pca_.transform(encoded)
            names = self.loadings().columns.tolist()
        found = pd.DataFrame(encoded, columns=names)
        found.insert(0, "customer_id", table.customer_id.to_numpy())
        return found

    def table(self) -> pd.DataFrame:
        """One row a principal component: component, variance (its share), kept (the share kept up
        to it).
        """
        require_fitted(self, "encoder_")
        share = np.array([]) if self.pca_ is None else self.pca_.explained_variance_ratio_
        number = np.arange(1, len(share) + 1)
        return pd.DataFrame({"component": number, "variance": share, "kept": share.cumsum()})

    def loadings(self) -> pd.DataFrame:
        """How strongly each encoded column (rows) goes with each component: covariance over the
        component's scale.
        """
        require_fitted(self, "encoder_")
        columns = pd.Index(self.columns_, name="column")
        if self.pca_ is None:
            return pd.DataFrame(index=columns)
        weight = self.pca_.components_ * np.sqrt(self.pca_.explained_variance_)[:, None]
        names = [f"component {i}" for i in range(1, len(weight) + 1)]
        return pd.DataFrame(weight.T, index=columns, columns=names)

    def reading(self) -> str:
        """How many components keep how much, and which columns go most strongly with the first two,
        in words.
        """
        rows, weight = self.table(), self.loadings()
        if rows.empty:
            return f"The {len(self.columns_)} columns are few enough to be used as they are."
        told = []
        for name, share in zip(weight.columns[:2], rows.variance, strict=False):
            top = weight[name].loc[weight[name].abs().nlargest(4).index]
            words = ", ".join(f"{column} {value:+.2f}" for column, value in top.items())
            told.append(f"{name} holds {share:.0%} and goes with {words}")
        return (
            f"{len(self.columns_)} columns become {len(rows)} components that keep "
            f"{rows.kept.iloc[-1]:.0%} of the variance: {'; '.join(told)}. Where the first "
            "component is only *how much* a customer buys, and the next only *whether* somebody is "
            "known, more columns add no new kind of customer, and three facts do."
        )

    def _check(self, table: pd.DataFrame) -> None:
        if not 0 < self.keep <= 1:
            raise TableError(
                f"keep = {self.keep} is no share of the variance: give a number above 0, up to 1"
            )
        columns = list(table.columns) if isinstance(table, pd.DataFrame) else []
        if "customer_id" not in columns or table.customer_id.duplicated().any() or table.empty:
            raise TableError(f"one row a customer with a customer_id is needed. Present: {columns}")

    def _encoder(self) -> ColumnTransformer:
        log = FunctionTransformer(signed_log, feature_names_out="one-to-one")
        numbers = make_pipeline(SimpleImputer(strategy="median"), log, StandardScaler())
        parts = [("number", numbers, self.numbers_)]
        for name in self.words_:
            values = OneHotEncoder(
                handle_unknown="infrequent_if_exist",
                min_frequency=_KNOWN,
                sparse_output=False,
                feature_name_combiner=_name_of,
            )
            parts.append((name, make_pipeline(values, _OneVariance()), [name]))
        return ColumnTransformer(parts, verbose_feature_names_out=False)

    def _plain(self, table: pd.DataFrame) -> pd.DataFrame:
        words = table[self.words_].astype(object)
        words = words.where(words.notna(), "missing").astype(str)
        return table[self.numbers_].astype(float).join(words)


class _OneVariance(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Columns scaled together, so that their variances add up to one."""

    def fit(self, x: np.ndarray, y: Any = None) -> "_OneVariance":
        total = x.var(axis=0).sum()
        self.scale_ = np.sqrt(total) if total > 0 else 1.0
        self.n_features_in_ = x.shape[1]
        return self

    def transform(self, x: np.ndarray) -> np.ndarray:
        return x / self.scale_


def _name_of(attribute: str, value: str) -> str:
    return f"{attribute} {'(rare)' if value == 'infrequent_sklearn' else value}"


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _useless(values: pd.Series) -> str:
    if values.isna().all():
        return "nobody has a value"
    if values.nunique(dropna=_is_number(values)) == 1:
        return "everybody has the same value"
    return ""
