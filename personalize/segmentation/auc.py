"""How well scores separate who did from who did not: the area under the ROC curve with exact comparisons."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from personalize.tables import TableError


def compare_auc(
    truth: np.ndarray, scores: Mapping[str, np.ndarray], *, baseline: str
) -> pd.DataFrame:
    """The AUC of several scores on the same customers, each with its interval and its gain over a baseline.

    Parameters
    ----------
    truth : whether it happened, one a customer
    scores : name -> score of each customer, higher for more likely
    baseline : name of the score that the others must beat

    Returns
    -------
    DataFrame, one row a score: model, auc, auc_low, auc_high (95 %), and gain, gain_low, gain_high
        (auc minus the baseline's)

    Raises
    ------
    TableError : when it happened to nobody or everybody, for then nothing can be separated.

    Notes
    -----
    AUC is the chance that a customer to whom it happened has the higher score of the two, ties counted half. The
    covariance of two AUCs on the same customers comes from their placement values; intervals are normal, cut at
    0 and 1.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson (1988). Sun and Xu (2014), the rank form used here.

    Examples
    --------
    >>> truth = np.array([0, 0, 1, 1, 1]) == 1
    >>> compare_auc(truth, {"a": [1, 2, 3, 4, 5], "b": [1, 3, 2, 4, 5]}, baseline="b")[["model", "auc"]].round(3)
      model    auc
    0     a  1.000
    1     b  0.833
    """
    happened = np.asarray(truth, dtype=bool)
    if not 0 < happened.sum() < len(happened):
        raise TableError(
            f"it happened to {happened.sum():,} of {len(happened):,} customers: nothing to tell apart"
        )
    values = np.array([np.asarray(score, dtype=float) for score in scores.values()])
    auc, covariance = _delong(values[:, happened], values[:, ~happened])
    base = list(scores).index(baseline)
    error = np.sqrt(np.diag(covariance))
    spread = np.diag(covariance) + covariance[base, base] - 2 * covariance[:, base]
    half, gain = 1.96 * np.sqrt(spread.clip(0)), auc - auc[base]
    return pd.DataFrame({"model": list(scores), "auc": auc, "auc_low": (auc - 1.96 * error).clip(0),
                         "auc_high": (auc + 1.96 * error).clip(max=1), "gain": gain, "gain_low": gain - half,
                         "gain_high": gain + half})  # fmt: skip


def _delong(positive: np.ndarray, negative: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    m, n = positive.shape[1], negative.shape[1]
    together = rankdata(np.hstack([positive, negative]), axis=1)
    above = (together[:, :m] - rankdata(positive, axis=1)) / n
    below = 1 - (together[:, m:] - rankdata(negative, axis=1)) / m
    return above.mean(axis=1), _covariance(above) / m + _covariance(below) / n


def _covariance(placements: np.ndarray) -> np.ndarray:
    centred = placements - placements.mean(axis=1, keepdims=True)
    return centred @ centred.T / max(placements.shape[1] - 1, 1)
