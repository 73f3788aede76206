"""What every maximum-likelihood model shares: grouping, the fit, its errors and its table."""

from collections.abc import Callable, Mapping
from copy import copy
from functools import cache
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import ndtri
from threadpoolctl import ThreadpoolController

from personalize.tables import TableError

__all__ = ["Likelihood", "at_counts", "group_rows"]

_FLAT = 1e-4  # curvature of the log-likelihood (log parameters) below which a direction is not identified
_TOO_BAD = 1e10  # objective where the likelihood is not finite, so that the line search turns back


class Likelihood:
    """A model with positive parameters, fitted by maximum likelihood on grouped customers.

    Subclasses give `names`, `columns`, `_start(data)` and `_terms(theta, data)` (log-likelihood and gradient a row).
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
        model.params_ = pd.Series(
            {name: float(params[name]) for name in cls.names}, name="estimate"
        )
        return model

    def fit(self, summary: pd.DataFrame) -> Self:
        """Find the parameters that make the customers' purchases most likely.

        Parameters
        ----------
        summary : one row a customer, as the summary function of this model gives it

        Returns
        -------
        the model itself, with
            - params_ : Series of the estimates
            - log_likelihood_, aic_, bic_ : of all customers, in the units of the summary
            - standard_errors_ : Series, from the Hessian; NaN where the likelihood is flat
            - covariance_ : DataFrame, of the estimates
            - converged_ : the optimiser's own verdict
            - at_bound_ : names of parameters that ran to a limit, which says that the data do not identify them
            - n_customers_, n_groups_ : rows, and different rows among them

        Raises
        ------
        TableError : lists every problem of the summary.

        Notes
        -----
        Customers with equal numbers share one term. L-BFGS-B on log parameters with the analytic gradient, then
        Newton steps. Deterministic.
        """
        self._summary = self._checked(summary)
        self._data, self._counts, self._inverse = group_rows(
            self._summary[list(self.columns)].to_numpy(float)
        )
        with _linear_algebra().limit(limits=1):  # four numbers are no work for many threads
            log_theta, hessian = self._maximise(self.start)
            if (
                self.start and np.linalg.eigvalsh(hessian)[0] < 1e-6
            ):  # a far start can end on a plateau
                log_theta, hessian = self._maximise(None)
        self._set(log_theta, hessian)
        return self

    def bootstrap(self, *, n_boot: int = 200, seed: int = 0) -> pd.DataFrame:
        """Parameters refitted on customers drawn with replacement: one row a draw.

        Parameters
        ----------
        n_boot : number of draws
        seed : of the draws
        """
        rng = np.random.default_rng(seed)
        total = int(self._counts.sum())
        draws = rng.multinomial(total, self._counts / total, size=n_boot)
        start = np.log(self.params_.to_numpy())
        with _linear_algebra().limit(limits=1):
            fits = [np.exp(self._search(self._data, n.astype(float), start)[0]) for n in draws]
        return pd.DataFrame(fits, columns=list(self.names))

    def drawn(self, rng: np.random.Generator) -> Self:
        """The model at parameters drawn from the normal law of their logarithms; itself where that is flat."""
        theta = self.params_.to_numpy()
        if not hasattr(self, "covariance_") or not np.isfinite(self.covariance_.to_numpy()).all():
            return self
        spread = rng.multivariate_normal(
            np.zeros(len(theta)), self.covariance_.to_numpy() / np.outer(theta, theta)
        )
        model = copy(self)
        model.params_ = pd.Series(
            np.exp(np.log(theta) + spread), index=list(self.names), name="estimate"
        )
        return model

    def sandwich_errors(self) -> pd.Series:
        """Standard errors that hold when the model is only an approximation (Huber and White)."""
        theta = self.params_.to_numpy()
        _, gradient = self._terms(theta, self._data)
        inverse = self.covariance_.to_numpy()
        meat = (gradient * self._counts[:, None]).T @ gradient
        return pd.Series(
            np.sqrt(np.diag(inverse @ meat @ inverse)), index=list(self.names), name="std_error"
        )

    def table(self, *, level: float = 0.95) -> pd.DataFrame:
        """Estimates with standard errors and intervals: parameter, estimate, std_error, low, high.

        Notes
        -----
        The interval is symmetric on the log scale, so it stays above 0: estimate * exp(+-z * std_error / estimate).
        """
        z = ndtri((1 + level) / 2)
        with np.errstate(over="ignore"):
            spread = np.exp(z * self.standard_errors_ / self.params_)
        return pd.DataFrame(
            {
                "parameter": list(self.names),
                "estimate": self.params_.to_numpy(),
                "std_error": self.standard_errors_.to_numpy(),
                "low": (self.params_ / spread).to_numpy(),
                "high": (self.params_ * spread).to_numpy(),
            }
        )

    # What a subclass must say -------------------------------------------------------------------------------------
    def _checked(self, summary: pd.DataFrame) -> pd.DataFrame:
        raise NotImplementedError

    def _start(self, data: np.ndarray) -> Mapping[str, float]:
        raise NotImplementedError

    def _terms(self, theta: np.ndarray, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError

    # The fit ------------------------------------------------------------------------------------------------------
    def _maximise(self, start: Mapping[str, float] | None) -> tuple[np.ndarray, np.ndarray]:
        rough, self.converged_ = self._search(
            self._data, self._counts, self._first_guess(self._data, start)
        )
        return self._newton(rough, self._data, self._counts)

    def _first_guess(self, data: np.ndarray, given: Mapping[str, float] | None) -> np.ndarray:
        start = dict(self._start(data)) | dict(given or {})
        if set(start) != set(self.names) or any(not value > 0 for value in start.values()):
            raise TableError(
                f"start takes {', '.join(self.names)}, each above 0; got {dict(given or {})}"
            )
        return np.log([start[name] for name in self.names])

    def _bounds(self) -> np.ndarray:
        low = [
            np.log(self.floors[name]) if name in self.floors else -self.reach for name in self.names
        ]
        return np.column_stack([low, np.full(len(low), self.reach)])

    def _search(
        self, data: np.ndarray, counts: np.ndarray, start: np.ndarray
    ) -> tuple[np.ndarray, bool]:
        bounds = self._bounds()
        found = minimize(
            self._objective, np.clip(start, *bounds.T), args=(data, counts), jac=True, method="L-BFGS-B", bounds=bounds,
            options={"maxiter": self.max_iter, "ftol": 1e-13, "gtol": 1e-8},
        )  # fmt: skip
        return found.x, bool(found.success)

    def _objective(
        self, log_theta: np.ndarray, data: np.ndarray, counts: np.ndarray
    ) -> tuple[float, np.ndarray]:
        """Minus the mean log-likelihood, and its gradient in the log parameters."""
        theta = np.exp(log_theta)
        values, gradient = self._terms(theta, data)
        total = counts.sum()
        value, slope = -(counts @ values) / total, -(counts @ gradient) * theta / total
        if not (np.isfinite(value) and np.isfinite(slope).all()):
            return _TOO_BAD, np.zeros_like(slope)
        return value, slope

    def _hessian(self, log_theta: np.ndarray, data: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Second derivatives of the objective: central differences of the analytic gradient."""
        step = 1e-4 * np.eye(len(log_theta))
        slopes = [(self._objective(log_theta + h, data, counts)[1] - self._objective(log_theta - h, data, counts)[1])
                  / 2e-4 for h in step]  # fmt: skip
        return (np.array(slopes) + np.array(slopes).T) / 2

    def _newton(
        self, log_theta: np.ndarray, data: np.ndarray, counts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The last digits: Newton steps while they improve. Returns the point and the Hessian there."""
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

    def _set(self, log_theta: np.ndarray, hessian: np.ndarray) -> None:
        names, total = list(self.names), int(self._counts.sum())
        self.params_ = pd.Series(np.exp(log_theta), index=names, name="estimate")
        self.log_likelihood_ = float(
            self._counts @ self._terms(self.params_.to_numpy(), self._data)[0]
        )
        self.n_customers_, self.n_groups_ = total, len(self._counts)
        self.aic_ = 2 * len(names) - 2 * self.log_likelihood_
        self.bic_ = len(names) * np.log(total) - 2 * self.log_likelihood_
        low, high = self._bounds().T
        self.at_bound_ = [
            n
            for n, x, a, b in zip(names, log_theta, low, high, strict=True)
            if min(x - a, b - x) < 1e-6
        ]
        self.covariance_ = pd.DataFrame(
            self._covariance(log_theta, hessian * total), index=names, columns=names
        )
        self.standard_errors_ = pd.Series(
            np.sqrt(np.diag(self.covariance_)), index=names, name="std_error"
        )

    def _covariance(self, log_theta: np.ndarray, hessian: np.ndarray) -> np.ndarray:
        """Inverse Hessian, in the parameters themselves; NaN when the likelihood is flat in some direction."""
        theta = np.exp(log_theta)
        if self.at_bound_ or np.linalg.eigvalsh(hessian)[0] < _FLAT:
            return np.full_like(hessian, np.nan)
        return np.outer(theta, theta) * np.linalg.inv(hessian)


@cache
def _linear_algebra() -> ThreadpoolController:
    """The libraries of numpy and scipy whose threads can be limited, looked up once."""
    return ThreadpoolController().select(user_api="blas")


def at_counts(function: Callable[[np.ndarray], Any], counts: np.ndarray) -> np.ndarray:
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


def group_rows(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The different rows of a table, how often each occurs, and where each row of the table went.

    Returns
    -------
    (rows, counts, inverse) : rows in ascending order of their columns, counts as float, rows[inverse] is the table

    Examples
    --------
    >>> rows, counts, inverse = group_rows(np.array([[1.0, 2.0], [0.0, 5.0], [1.0, 2.0]]))
    >>> rows.tolist(), counts.tolist(), inverse.tolist()
    ([[0.0, 5.0], [1.0, 2.0]], [1.0, 2.0], [1, 0, 1])
    """
    key = np.zeros(len(values), dtype=np.int64)
    for column in values.T:
        code, levels = pd.factorize(column, sort=True)
        if len(levels) * (float(key.max(initial=0)) + 1) > 2**62:
            key = pd.factorize(key, sort=True)[0].astype(np.int64)
        key = key * len(levels) + code
    inverse, levels = pd.factorize(key, sort=True)
    first = np.empty(len(levels), dtype=np.intp)
    first[inverse[::-1]] = np.arange(len(values))[::-1]
    return values[first], np.bincount(inverse, minlength=len(levels)).astype(float), inverse


def fitted(model: Any) -> None:
    """Refuse to predict from a model without parameters."""
    if not hasattr(model, "params_"):
        name = type(model).__name__
        raise TableError(
            f"{name} has no parameters yet: call {name}().fit(summary) first, or {name}.at(...)"
        )
