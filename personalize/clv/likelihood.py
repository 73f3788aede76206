"""What every maximum-likelihood model shares: grouping, the fit, its errors and its table."""

from collections.abc import Callable, Mapping
from copy import copy
from functools import cache
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy import ndarray
from scipy.optimize import minimize
from scipy.special import ndtri
from sklearn.base import BaseEstimator
from threadpoolctl import ThreadpoolController

from personalize.tables import TableError, require_fitted

__all__ = ["Likelihood", "at_counts", "group_rows"]

Terms = tuple[ndarray, ndarray]  # log-likelihood of each row, and its gradient: a row a row

_FLAT = 1e-4  # curvature (in log parameters) below which a direction is not identified
_TOO_BAD = 1e10  # objective where the likelihood is not finite, so that the line search turns back


class Likelihood(BaseEstimator):
    """A model with positive parameters, fitted by maximum likelihood on grouped customers.

    Subclasses give `names`, `columns`, `_start(data)` and `_terms(theta, data)` (log-likelihood and
    gradient a row).
    """

    names: ClassVar[tuple[str, ...]]
    columns: ClassVar[tuple[str, ...]]
    floors: ClassVar[Mapping[str, float]] = {}
    reach: ClassVar[float] = 18.0  # parameters stay between exp(-reach) and exp(reach)

    def __init__(self, *, start: Mapping[str, float] | None = None, max_iter: int = 500) -> None:
        self.start = start
        self.max_iter = max_iter

    @classmethod
    def at(cls, **params: float) -> Self:
        """The model at given parameters, unfitted: for printed parameters and what-if questions.

        Raises
        ------
        TableError : when a parameter is missing, unknown, or not above 0.
        """
        if set(params) != set(cls.names) or any(not value > 0 for value in params.values()):
            raise TableError(
                f"{cls.__name__}.at takes {', '.join(cls.names)}, each above 0; got {params}"
            )
        model = cls()
        model.params_ = pd.Series(params, index=list(cls.names), dtype=float, name="estimate")
        return model

    def fit(self, summary: pd.DataFrame, y: None = None) -> Self:
        """Find the parameters that make the customers' purchases most likely.

        Parameters
        ----------
        summary : one row a customer, as the summary function of this model gives it
        y : not used

        Returns
        -------
        the model itself, with
            - params_ : Series of the estimates
            - log_likelihood_, aic_, bic_ : of all customers, in the units of the summary
            - standard_errors_ : Series, from the Hessian; NaN where the likelihood is flat
            - covariance_ : DataFrame, of the estimates
            - converged_ : the optimiser's own verdict
            - at_bound_ : names of parameters that ran to a limit, which says that the data do not
                identify them
            - n_customers_, n_groups_ : rows, and different rows among them

        Raises
        ------
        TableError : lists every problem of the summary.

        Notes
        -----
        Customers with equal numbers share one term. L-BFGS-B on log parameters with the analytic
        gradient, then Newton steps. Deterministic.
        """
        self._summary = self._checked(summary)
        rows = self._summary[list(self.columns)].to_numpy(float)
        self._data, self._counts, self._inverse = group_rows(rows)
        with _linear_algebra().limit(limits=1):  # four numbers are no work for many threads
            log_theta, hessian = self._maximise(self.start)
            if self.start and np.linalg.eigvalsh(hessian)[0] < 1e-6:
                log_theta, hessian = self._maximise(None)  # a far start can end on a plateau
        self._set(log_theta, hessian)
        return self

    def drawn(self, rng: np.random.Generator) -> Self:
        """The model at parameters drawn from the normal law of their logarithms; itself where that
        is flat.
        """
        if not hasattr(self, "covariance_") or self.covariance_.isna().any(axis=None):
            return self
        theta = self.params_.to_numpy()
        covariance = self.covariance_.to_numpy() / np.outer(theta, theta)
        model = copy(self)
        spread = rng.multivariate_normal(np.zeros(len(theta)), covariance)
        model.params_ = np.exp(np.log(self.params_) + spread)
        return model

    def table(self, *, level: float = 0.95) -> pd.DataFrame:
        """Estimates with standard errors and intervals: parameter, estimate, std_error, low, high.

        Notes
        -----
        The interval is symmetric on the log scale, so it stays above 0: estimate * exp(+-z *
        std_error / estimate).
        """
        require_fitted(self, "standard_errors_")
        z = ndtri((1 + level) / 2)
        with np.errstate(over="ignore"):
            spread = np.exp(z * self.standard_errors_ / self.params_)
        found = pd.DataFrame({"estimate": self.params_, "std_error": self.standard_errors_})
        found = found.assign(low=self.params_ / spread, high=self.params_ * spread)
        return found.rename_axis("parameter").reset_index()

    # What a subclass must say
    def _checked(self, summary: pd.DataFrame) -> pd.DataFrame:
        raise NotImplementedError

    def _start(self, data: ndarray) -> Mapping[str, float]:
        raise NotImplementedError

    def _terms(self, theta: ndarray, data: ndarray) -> Terms:
        raise NotImplementedError

    # The fit
    def _maximise(self, start: Mapping[str, float] | None) -> tuple[ndarray, ndarray]:
        rough, self.converged_ = self._search(
            self._data, self._counts, self._first_guess(self._data, start)
        )
        return self._newton(rough, self._data, self._counts)

    def _first_guess(self, data: ndarray, given: Mapping[str, float] | None) -> ndarray:
        start = pd.Series(dict(self._start(data)) | dict(given or {}))
        if set(start.index) != set(self.names) or not (start > 0).all():
            raise TableError(f"start takes {', '.join(self.names)}, each above 0; got {given}")
        return np.log(start[list(self.names)].to_numpy())

    def _bounds(self) -> ndarray:
        bounds = np.tile([-self.reach, self.reach], (len(self.names), 1))
        for name, floor in self.floors.items():
            bounds[self.names.index(name), 0] = np.log(floor)
        return bounds

    def _search(self, data: ndarray, counts: ndarray, start: ndarray) -> tuple[ndarray, bool]:
        bounds = self._bounds()
        found = minimize(
            self._objective,
            np.clip(start, *bounds.T),
            args=(data, counts),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": self.max_iter, "ftol": 1e-13, "gtol": 1e-8},
        )
        return found.x, bool(found.success)

    def _objective(
        self, log_theta: ndarray, data: ndarray, counts: ndarray
    ) -> tuple[float, ndarray]:
        """Minus the mean log-likelihood, and its gradient in the log parameters."""
        theta = np.exp(log_theta)
        values, gradient = self._terms(theta, data)
        total = counts.sum()
        value, slope = -(counts @ values) / total, -(counts @ gradient) * theta / total
        if not (np.isfinite(value) and np.isfinite(slope).all()):
            return _TOO_BAD, np.zeros_like(slope)
        return value, slope

    def _hessian(self, log_theta: ndarray, data: ndarray, counts: ndarray) -> ndarray:
        """Second derivatives of the objective: central differences of the analytic gradient."""
        slopes = np.empty((len(log_theta), len(log_theta)))
        for row, step in enumerate(1e-4 * np.eye(len(log_theta))):
            _, above = self._objective(log_theta + step, data, counts)
            _, below = self._objective(log_theta - step, data, counts)
            slopes[row] = (above - below) / 2e-4
        return (slopes + slopes.T) / 2

    def _newton(
        self, log_theta: ndarray, data: ndarray, counts: ndarray
    ) -> tuple[ndarray, ndarray]:
        """The last digits: Newton steps while they improve. Returns the point and the Hessian
        there.
        """
        bounds = self._bounds()
        for _ in range(5):
            value, slope = self._objective(log_theta, data, counts)
            hessian = self._hessian(log_theta, data, counts)
            if np.linalg.eigvalsh(hessian)[0] * counts.sum() < _FLAT:
                break
            move = np.clip(log_theta - np.linalg.solve(hessian, slope), *bounds.T)
            if not self._objective(move, data, counts)[0] <= value + 1e-12:
                break
            size, log_theta = np.abs(move - log_theta).max(), move
            if size < 1e-5:
                break
        return log_theta, hessian

    def _set(self, log_theta: ndarray, hessian: ndarray) -> None:
        names, total = list(self.names), int(self._counts.sum())
        self.params_ = pd.Series(np.exp(log_theta), index=names, name="estimate")
        values, _ = self._terms(self.params_.to_numpy(), self._data)
        self.log_likelihood_ = float(self._counts @ values)
        self.n_customers_, self.n_groups_ = total, len(self._counts)
        self.aic_ = 2 * len(names) - 2 * self.log_likelihood_
        self.bic_ = len(names) * np.log(total) - 2 * self.log_likelihood_
        room = np.abs(self._bounds() - log_theta[:, None]).min(axis=1)
        self.at_bound_ = self.params_.index[room < 1e-6].tolist()
        covariance = self._covariance(log_theta, hessian * total)
        self.covariance_ = pd.DataFrame(covariance, index=names, columns=names)
        self.standard_errors_ = pd.Series(np.sqrt(np.diag(covariance)), names, name="std_error")

    def _covariance(self, log_theta: ndarray, hessian: ndarray) -> ndarray:
        """Inverse Hessian, in the parameters themselves; NaN when the likelihood is flat in some
        direction.
        """
        theta = np.exp(log_theta)
        if self.at_bound_ or np.linalg.eigvalsh(hessian)[0] < _FLAT:
            return np.full_like(hessian, np.nan)
        return np.outer(theta, theta) * np.linalg.inv(hessian)


@cache
def _linear_algebra() -> ThreadpoolController:
    """The libraries of numpy and scipy whose threads can be limited, looked up once."""
    return ThreadpoolController().select(user_api="blas")


def at_counts(function: Callable[[ndarray], Any], counts: ndarray) -> ndarray:
    """f(counts) for whole numbers, computed once a different number where that is cheaper.

    Examples
    --------
    >>> at_counts(lambda n: (n, n**2), np.array([0.0, 2.0, 2.0, 1.0, 2.0, 0.0])).tolist()
    [[0.0, 2.0, 2.0, 1.0, 2.0, 0.0], [0.0, 4.0, 4.0, 1.0, 4.0, 0.0]]
    """
    top = int(counts.max(initial=0)) + 1
    if 2 * top > len(counts):
        return np.asarray(function(counts))
    return np.asarray(function(np.arange(float(top))))[..., counts.astype(np.intp)]


def group_rows(values: ndarray) -> tuple[ndarray, ndarray, ndarray]:
    """The different rows of a table, how often each occurs, and where each row of the table went.

    Returns
    -------
    (rows, counts, inverse) : rows in ascending order of their columns, counts as float,
    rows[inverse] is the table

    Examples
    --------
    >>> rows, counts, inverse = group_rows(np.array([[1.0, 2.0], [0.0, 5.0], [1.0, 2.0]]))
    >>> rows.tolist(), counts.tolist(), inverse.tolist()
    ([[0.0, 5.0], [1.0, 2.0]], [1.0, 2.0], [1, 0, 1])
    """
    frame = pd.DataFrame(values)
    by = frame.groupby(list(frame))
    counts = by.size()
    rows = counts.index.to_frame().to_numpy()
    return rows, counts.to_numpy(float), by.ngroup().to_numpy()
