"""Mixed attributes as numbers that k-means can use: encoded, scaled and, where there are many, condensed."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from personalize.segmentation.clusters import one_thread
from personalize.tables import TableError

_KNOWN = 0.05


class CustomerSpace(BaseEstimator):
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
    *Numbers*: a missing one becomes the median, then log1p (sign kept), then mean 0 and variance 1. *Words*: one
    column of 0 and 1 a value; values of fewer than 5 % of the customers share one column; missing is a value of
    its own; the columns of one attribute are scaled so that the attribute weighs as much as one number. *Left out*:
    an attribute that is missing for everybody or the same for everybody separates nobody; `left_out_` names it.
    *Later customers*: a value not seen while fitting goes to the column of the rare values, or has 0 everywhere where
    there is none, and `unseen` counts it; a missing number becomes the median of the customers fitted.
    *Principal components*: directions of largest variance of the encoded columns, as many as keep the share `keep`.

    References
    ----------
    Hotelling (1933), principal components.

    Examples
    --------
    >>> people = pd.DataFrame({"customer_id": range(4), "age": [20, 30, 40, 50], "town": ["Gent", "Lier"] * 2})
    >>> CustomerSpace().fit(people).transform(people).columns.tolist()
    ['customer_id', 'age', 'town Gent', 'town Lier']
    """

    def __init__(self, *, keep: float = 0.9, many: int = 10) -> None:
        self.keep = keep
        self.many = many

    def fit(self, table: pd.DataFrame) -> "CustomerSpace":
        """Learn medians, scales, values and components from customer_id and any attributes.

        Raises
        ------
        TableError : when `keep` is no share, customer_id is missing or repeated, or no attribute is left.
        """
        self._check(table)
        ordered = table.sort_values("customer_id")
        self.left_out_ = {
            name: why
            for name in table.columns.drop("customer_id")
            if (why := _useless(ordered[name]))
        }
        used = [name for name in table.columns if name not in {"customer_id", *self.left_out_}]
        if not used:
            raise TableError(
                f"no attribute is left to tell customers apart: {self.left_out_}. Give other columns"
            )
        self.numbers_ = [name for name in used if _is_number(table[name])]
        self.words_ = [name for name in used if name not in self.numbers_]
        with one_thread():
            self.encoder_ = self._encoder().fit(self._plain(ordered))
            self.columns_ = self._names()
            encoded = self.encoder_.transform(self._plain(ordered))
            many = encoded.shape[1] >= self.many
            self.pca_ = (
                PCA(self.keep if self.keep < 1 else None, svd_solver="full").fit(encoded)
                if many
                else None
            )
        return self

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        """The same attributes of any customers as numbers: customer_id, then the encoded columns or the components.

        Raises
        ------
        TableError : when an attribute that was used is not in the table.
        """
        if not hasattr(self, "encoder_"):
            raise TableError("CustomerSpace is not fitted: call fit(table) first")
        if missing := [
            n for n in ("customer_id", *self.numbers_, *self.words_) if n not in table.columns
        ]:
            raise TableError(
                f"the table lacks {missing}, which the fitted space uses. Present: {list(table.columns)}"
            )
        encoded, names = self.encoder_.transform(self._plain(table)), self.columns_
        if self.pca_ is not None:
            with one_thread():
                encoded = self.pca_.transform(encoded)
            names = [f"component {i}" for i in range(1, encoded.shape[1] + 1)]
        return pd.DataFrame(
            {"customer_id": table.customer_id.to_numpy()} | dict(zip(names, encoded.T, strict=True))
        )

    def unseen(self, table: pd.DataFrame) -> pd.DataFrame:
        """Values that were not seen while fitting, one row each: attribute, value, customers."""
        plain = self._plain(table)
        rows = [
            {"attribute": name, "value": value, "customers": int(n)}
            for name in self.words_
            for value, n in plain[name].value_counts().sort_index().items()
            if value not in set(self._values(name))
        ]
        return pd.DataFrame(rows, columns=["attribute", "value", "customers"])

    def table(self) -> pd.DataFrame:
        """One row a principal component: component, variance (its share), kept (the share kept up to it)."""
        if self.pca_ is None:
            return pd.DataFrame({"component": [], "variance": [], "kept": []})
        share = self.pca_.explained_variance_ratio_
        return pd.DataFrame(
            {"component": range(1, len(share) + 1), "variance": share, "kept": share.cumsum()}
        )

    def reading(self) -> str:
        """How many components keep how much, and which columns go most strongly with the first two, in words."""
        if self.pca_ is None:
            return f"The {len(self.columns_)} columns are few enough to be used as they are."
        rows, weight = self.table(), self.loadings()
        told = []
        for i, share in enumerate(rows.variance[:2]):
            top = weight.iloc[:, i].loc[weight.iloc[:, i].abs().nlargest(4).index]
            words = ", ".join(f"{name} {value:+.2f}" for name, value in top.items())
            told.append(f"component {i + 1} holds {share:.0%} and goes with {words}")
        return (
            f"{len(self.columns_)} columns become {len(rows)} components that keep {rows.kept.iloc[-1]:.0%} of the "
            f"variance: {'; '.join(told)}."
        )

    def loadings(self) -> pd.DataFrame:
        """How strongly each encoded column (rows) goes with each component: covariance over the component's scale."""
        if self.pca_ is None:
            return pd.DataFrame(index=pd.Index(self.columns_, name="column"))
        weight = self.pca_.components_ * np.sqrt(self.pca_.explained_variance_)[:, None]
        names = [f"component {i}" for i in range(1, len(weight) + 1)]
        return pd.DataFrame(weight.T, index=pd.Index(self.columns_, name="column"), columns=names)

    def _check(self, table: pd.DataFrame) -> None:
        if not 0 < self.keep <= 1:
            raise TableError(
                f"keep = {self.keep} is no share of the variance: give a number above 0, up to 1"
            )
        if (
            "customer_id" not in table.columns
            or table.customer_id.duplicated().any()
            or table.empty
        ):
            raise TableError(
                f"one row a customer with a customer_id is needed. Present: {list(table.columns)}"
            )

    def _encoder(self) -> ColumnTransformer:
        log = FunctionTransformer(_signed_log)
        numbers = make_pipeline(SimpleImputer(strategy="median"), log, StandardScaler())
        parts = [("numbers", numbers, self.numbers_)] if self.numbers_ else []
        for name in self.words_:
            values = OneHotEncoder(
                handle_unknown="infrequent_if_exist", min_frequency=_KNOWN, sparse_output=False
            )
            parts.append((f"word {name}", make_pipeline(values, _OneVariance()), [name]))
        return ColumnTransformer(parts)

    def _plain(self, table: pd.DataFrame) -> pd.DataFrame:
        words = {
            name: table[name].astype(object).where(table[name].notna(), "missing").map(str)
            for name in self.words_
        }
        return table[self.numbers_].astype(float).assign(**words)

    def _values(self, name: str) -> list[str]:
        return self._part(name).categories_[0].tolist()

    def _part(self, name: str) -> OneHotEncoder:
        return self.encoder_.named_transformers_[f"word {name}"][0]

    def _names(self) -> list[str]:
        shown = [f"{name} {value}" for name in self.words_ for value in self._shown(name)]
        return [*self.numbers_, *shown]

    def _shown(self, name: str) -> list[str]:
        part = self._part(name)
        rare = part.infrequent_categories_[0]
        common = [value for value in self._values(name) if rare is None or value not in set(rare)]
        return common if rare is None else [*common, "(rare)"]


class _OneVariance(BaseEstimator, TransformerMixin):
    """Columns scaled together, so that their variances add up to one."""

    def fit(self, x: np.ndarray, y: None = None) -> "_OneVariance":
        total = x.var(axis=0).sum()
        self.scale_ = np.sqrt(total) if total > 0 else 1.0
        return self

    def transform(self, x: np.ndarray) -> np.ndarray:
        return x / self.scale_


def _signed_log(x: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.log1p(np.abs(x))


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _useless(values: pd.Series) -> str:
    if values.isna().all():
        return "nobody has a value"
    flat = values.nunique(dropna=_is_number(values)) == 1
    return "everybody has the same value" if flat else ""
