"""Two recommenders in one list: a blend whose weight is chosen on an earlier period."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from personalize.evaluate import bootstrap_mean, paired_bootstrap
from personalize.recommenders.base import Recommender, Repeat, Wanted
from personalize.recommenders.behaviour import check
from personalize.recommenders.history import History, csr
from personalize.recommenders.trial import Trial
from personalize.tables import TableError

__all__ = ["AlphaCurve", "Hybrid", "alpha_curve"]


class Hybrid(Recommender):
    """A weighted blend of two recommenders.

    Parameters
    ----------
    first, second : recommenders; they are fitted to the same history
    alpha : weight of `first`, 0 to 1; 1 is `first` alone and 0 is `second` alone
    shortlist : each model brings in its best products, this many a customer; what it does not list counts 0

    Notes
    -----
    score = alpha * a / max(a) + (1 - alpha) * b / max(b), with the customer's highest score in the denominator,
    so that the two speak on the same scale. Choose alpha with `alpha_curve` on a period before the one that
    is scored.

    References
    ----------
    Burke (2002), "Hybrid recommender systems: survey and experiments", User Modeling and User-Adapted
    Interaction 12 (the weighted hybrid).
    """

    def __init__(
        self, first: Recommender, second: Recommender, alpha: float = 0.85, shortlist: int = 100
    ) -> None:
        self.first = first
        self.second = second
        self.alpha = alpha
        self.shortlist = shortlist

    def _check(self) -> None:
        check(self, alpha=0 <= self.alpha <= 1, shortlist=self.shortlist >= 1)

    def _learn(self, history: History) -> None:
        for model in (self.first, self.second):
            model.fit_history(history)

    def _score(self, want: Wanted) -> sparse.csr_array:
        first, second = self.parts(want)
        return self.alpha * first + (1 - self.alpha) * second

    def parts(self, want: Wanted) -> tuple[sparse.csr_array, sparse.csr_array]:
        """The scores of each model for its shortlist, as a share of the customer's highest."""
        depth = Wanted(
            want.row, want.customers, want.allowed, want.repeat, max(want.k, self.shortlist)
        )
        shape = len(want.row), len(self.history_.products)
        return tuple(_shares(model.best(depth), shape) for model in (self.first, self.second))

    def _explain(self, row: np.ndarray, col: np.ndarray) -> list[str]:
        """The reason of the model with the greater weight, or of the other where it has none."""
        first, second = (
            (self.first, self.second) if self.alpha >= 0.5 else (self.second, self.first)
        )
        pairs = zip(first._explain(row, col), second._explain(row, col), strict=True)
        return [one or other for one, other in pairs]


def _shares(best: tuple, shape: tuple[int, int]) -> sparse.csr_array:
    place, col, score, _ = best
    start = np.searchsorted(place, np.arange(shape[0] + 1))
    return csr(score / score[start[place]], col, start, shape)


@dataclass(frozen=True)
class AlphaCurve:
    """How good the blend is at each weight, on the period that chooses it.

    Attributes
    ----------
    points : alpha, ndcg, low, high, and the paired difference to alpha 1 with its bounds
    best : the weight with the highest mean; of equals the largest. 1 where there was nothing to choose
    note : why there was nothing to choose, "" otherwise
    """

    points: pd.DataFrame
    best: float
    note: str = ""

    def table(self) -> pd.DataFrame:
        """One row a weight."""
        return self.points


class _Replay(Hybrid):
    """A hybrid that scores each block of customers once, however often alpha changes."""

    def _learn(self, history: History) -> None:
        super()._learn(history)
        self._seen = {}

    def parts(self, want: Wanted) -> tuple[sparse.csr_array, sparse.csr_array]:
        key = want.row.tobytes()
        if key not in self._seen:
            self._seen[key] = super().parts(want)
        return self._seen[key]


def alpha_curve(
    first: Recommender,
    second: Recommender,
    *,
    trial: Trial,
    repeat: Repeat = "allow",
    alphas: Sequence[float] = (0, 0.6, 0.7, 0.8, 0.9, 1),
) -> AlphaCurve:
    """NDCG of the blend for each weight of `first`, on one trial.

    Parameters
    ----------
    first, second : recommenders, fitted here
    trial : its days must end before the days that judge the final model
    repeat : as for `Trial.compare`
    alphas : weights to try, each 0 to 1; 1 is added where it is missing

    Returns
    -------
    AlphaCurve : points (alpha, ndcg, low, high; difference, difference_low, difference_high against `first`
        alone, paired) and best
    """
    try:
        blend, scores = _Replay(first, second).fit_history(trial.history), {}
    except TableError as error:
        return AlphaCurve(_no_points(), 1.0, str(error))
    if trial.wanted(repeat).empty:
        return AlphaCurve(
            _no_points(), 1.0, f"nothing was to be found after {trial.history.as_of:%Y-%m-%d}"
        )
    for alpha in sorted({*alphas, 1}):
        scores[alpha] = trial.ndcg(blend.set_params(alpha=alpha), repeat)
    points = pd.DataFrame(
        [_point(alpha, values, scores[1], trial.seed) for alpha, values in scores.items()]
    )
    return AlphaCurve(points, float(points.alpha[len(points) - 1 - points.ndcg[::-1].argmax()]))


def _no_points() -> pd.DataFrame:
    columns = ("alpha", "ndcg", "low", "high", "difference", "difference_low", "difference_high")
    return pd.DataFrame({name: pd.Series(dtype=float) for name in columns})


def _point(alpha: float, values: pd.Series, alone: pd.Series, seed: int) -> dict[str, float]:
    mean, pair = bootstrap_mean(values, seed=seed), paired_bootstrap(values, alone, seed=seed)
    return {
        "alpha": float(alpha), "ndcg": mean.estimate, "low": mean.low, "high": mean.high,
        "difference": pair.difference, "difference_low": pair.low, "difference_high": pair.high,
    }  # fmt: skip
