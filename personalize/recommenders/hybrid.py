"""Two recommenders in one list: a blend whose weight is chosen on an earlier period."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import sparse

from personalize.evaluate import bootstrap_mean, paired_bootstrap
from personalize.recommenders.base import Range, Recommender, Repeat, Wanted, fitted
from personalize.recommenders.evaluation import Trial
from personalize.recommenders.history import History, csr
from personalize.tables import TableError

__all__ = ["AlphaCurve", "Hybrid", "alpha_curve"]

_POINTS = ["alpha", "ndcg", "ndcg_low", "ndcg_high", "gain", "gain_low", "gain_high"]


class Hybrid(Recommender):
    """A weighted blend of two recommenders.

    Parameters
    ----------
    first, second : recommenders; copies of them, `first_` and `second_`, learn from the same
        history
    alpha : weight of `first`, 0 to 1; 1 is `first` alone and 0 is `second` alone
    shortlist : each model brings in its best products, this many a customer; what it does not list
        counts 0

    Notes
    -----
    score = alpha * a / max(a) + (1 - alpha) * b / max(b), with the customer's highest score in the
    denominator, so that the two speak on the same scale. Choose alpha with `alpha_curve` on a
    period before the one that is scored.

    References
    ----------
    Burke (2002), "Hybrid recommender systems: survey and experiments", User Modeling and
    User-Adapted Interaction 12 (the weighted hybrid).
    """

    ranges = {"alpha": Range(0, 1), "shortlist": Range(1)}

    def __init__(
        self, first: Recommender, second: Recommender, alpha: float = 0.85, shortlist: int = 100
    ) -> None:
        self.first = first
        self.second = second
        self.alpha = alpha
        self.shortlist = shortlist

    def _learn(self, history: History) -> None:
        self.first_ = fitted(self.first, history)
        self.second_ = fitted(self.second, history)

    def _score(self, want: Wanted) -> sparse.csr_array:
        first, second = self.parts(want)
        return self.alpha * first + (1 - self.alpha) * second

    def parts(self, want: Wanted) -> tuple[sparse.csr_array, sparse.csr_array]:
        """The scores of each model for its shortlist, as a share of the customer's highest."""
        deep = replace(want, k=max(want.k, self.shortlist))
        return self._shares(self.first_, deep), self._shares(self.second_, deep)

    def _shares(self, model: Recommender, want: Wanted) -> sparse.csr_array:
        place, col, score, _ = model.best(want)
        start = np.searchsorted(place, np.arange(len(want.row) + 1))
        shape = len(want.row), len(self.history_.products)
        return csr(score / score[start[place]], col, start, shape)

    def _explain(self, row: np.ndarray, col: np.ndarray) -> np.ndarray:
        """The reason of the model with the greater weight, or of the other where it has none."""
        first = np.array([*self.first_._explain(row, col)], dtype=object)
        second = np.array([*self.second_._explain(row, col)], dtype=object)
        if self.alpha < 0.5:
            first, second = second, first
        return np.where(first == "", second, first)


@dataclass(frozen=True)
class AlphaCurve:
    """How good the blend is at each weight, on the period that chooses it.

    Attributes
    ----------
    points : alpha, ndcg with its bounds, and the paired gain over alpha 1 with its bounds
    best : the weight with the highest mean; of equals the largest. 1 where there was nothing to
        choose
    note : why there was nothing to choose, "" otherwise
    first, second : what the two models are called
    """

    points: pd.DataFrame
    best: float
    note: str = ""
    first: str = "the first model"
    second: str = "the second model"

    def table(self) -> pd.DataFrame:
        """One row a weight."""
        return self.points

    def reading(self) -> str:
        """Which weight the days chose, and what it gained there, in one or two sentences."""
        if self.note:
            return f"The weight is 1, there is nothing to blend: {self.note}"
        chosen = f"The choose days set the weight of {self.first} to **{self.best:g}**."
        if self.best == 1:
            return f"{chosen} It is 1: {self.second} adds nothing here."
        return (
            f"{chosen} The rest is {self.second}; the gain is {self.points.gain.max():.4f} in NDCG "
            "where the weight was chosen, and the judge days below say what is left of it."
        )


class _Replay(Hybrid):
    """A hybrid that scores each block of customers once, however often alpha changes."""

    def _learn(self, history: History) -> None:
        super()._learn(history)
        self._seen: dict[bytes, tuple] = {}

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
    first, second : recommenders; copies of them learn from the trial
    trial : its days must end before the days that judge the final model
    repeat : as for `Trial.compare`
    alphas : weights to try, each 0 to 1; 1 is added where it is missing

    Returns
    -------
    AlphaCurve : points (alpha; ndcg and gain, paired, over `first` alone, each with its bounds)
        and best
    """
    nothing = pd.DataFrame(columns=_POINTS, dtype=float)
    try:
        blend = _Replay(first, second).fit_history(trial.history)
    except TableError as error:
        return AlphaCurve(nothing, 1.0, str(error))
    if trial.wanted(repeat).empty:
        note = f"nothing was to be found after {trial.history.as_of:%Y-%m-%d}"
        return AlphaCurve(nothing, 1.0, note)
    alone = trial.ndcg(blend.set_params(alpha=1), repeat)
    rows = []
    for alpha in sorted({*alphas, 1}):
        values = trial.ndcg(blend.set_params(alpha=alpha), repeat)
        mean = bootstrap_mean(values, seed=trial.seed)
        pair = paired_bootstrap(values, alone, seed=trial.seed)
        bounds = mean.estimate, mean.low, mean.high, pair.difference, pair.low, pair.high
        rows.append((float(alpha), *bounds))
    points = pd.DataFrame(rows, columns=_POINTS)
    best = points.alpha[points.ndcg == points.ndcg.max()].max()
    names = type(first).__name__, type(second).__name__
    return AlphaCurve(points, float(best), "", *names)
