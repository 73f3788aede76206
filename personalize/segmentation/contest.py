"""How well silence was foretold: ROC, precision and recall, calibration and lift, each with its interval."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from personalize.segmentation.auc import compare_auc
from personalize.segmentation.panel import Panel
from personalize.segmentation.rulecard import wilson

RECENCY = "recency alone"
_N_BOOT = 200
_GRID = np.linspace(0, 1, 41)


@dataclass(frozen=True)
class ChurnReport:
    """How well churn was foreseen in a later period than the models had seen.

    Attributes
    ----------
    comparison : one row a model, recency alone last: model; auc, auc_low, auc_high, gain, gain_low, gain_high (over
        recency alone); average_precision with _low, _high; brier (mean squared error of the chance) and skill, the
        share by which it is below that of telling everybody the past rate, with _low, _high (empty for recency,
        which gives no chance); found (share of the silent customers that are in the tenth with the highest scores),
        found_gain, found_gain_low, found_gain_high (over recency alone)
    curves : one row a point: model, curve ("ROC" or "precision and recall"), x, y, low, high. ROC: x is the share of
        the staying who are listed, y that of the silent; the other: x is recall, y precision
    calibration : one row a model and tenth of the customers by predicted chance, highest first: model, tenth,
        customers, predicted, observed, observed_low, observed_high, and lift (observed over the rate of all),
        lift_low, lift_high
    n_customers, rate : customers scored and the share that fell silent
    as_of : day on which the prediction was made

    Notes
    -----
    Intervals hold 95 %. AUC: DeLong et al. (1988). Curves and average precision: 200 samples of the customers, drawn
    with replacement; the bands hold point by point. Observed shares and lift: Wilson.
    """

    comparison: pd.DataFrame
    curves: pd.DataFrame
    calibration: pd.DataFrame
    n_customers: int
    rate: float
    as_of: pd.Timestamp

    def table(self) -> pd.DataFrame:
        """The comparison with recency alone."""
        return self.comparison.copy()

    @property
    def tenths(self) -> pd.DataFrame:
        """Calibration and lift of the first model."""
        first = self.calibration[self.calibration.model == self.comparison.model[0]]
        return first.drop(columns="model").reset_index(drop=True)

    @property
    def verdict(self) -> str:
        """Whether the first model separates better than recency alone, by the interval of the gain."""
        better = self.comparison.gain_low.iloc[0] > 0
        return (
            "better than recency alone" if better else "not shown to be better than recency alone"
        )

    def reading(self) -> str:
        """What the comparison says, with the verdict that its intervals allow."""
        model, plain = self.comparison.iloc[0], self.comparison.iloc[-1]
        use = "use it" if model.gain_low > 0 else "use recency"
        short = "finds more" if model.found_gain_low > 0 else "is not shown to find more"
        return (
            f"The {model.model} model tells who falls silent with an AUC of **{model.auc:.3f}** "
            f"({model.auc_low:.3f} to {model.auc_high:.3f}), {model.gain:+.3f} against recency alone "
            f"({model.gain_low:+.3f} to {model.gain_high:+.3f}): **{self.verdict}**, {use}. {self._rivals()}Its top "
            f"tenth holds {model.found:.0%} of the customers who fell silent, recency alone {plain.found:.0%}: for a "
            f"list of one tenth the model {short} (difference {model.found_gain_low:+.1%} to "
            f"{model.found_gain_high:+.1%})."
        )

    def _rivals(self) -> str:
        rest = self.comparison.iloc[1:-1]
        if rest.empty:
            return ""
        first = self.comparison.iloc[0]
        inside = rest.auc.between(first.auc_low, first.auc_high).all()
        told = ", ".join(f"{row.model} {row.auc:.3f}" for row in rest.itertuples())
        use = (
            "all inside its interval, so the simplest serves"
            if inside
            else "not all inside its interval"
        )
        return f"The other models reach {told}: {use}. "


def report(
    scores: Mapping[str, np.ndarray], later: Panel, *, rate: float, seed: int = 0
) -> ChurnReport:
    """The report of chances by model for the customers of a later panel; `rate` is the share that was silent before."""
    silent, recency = later.silent, later.table.recency_days.to_numpy(float)
    ranked = {**scores, RECENCY: recency}
    found = compare_auc(silent, ranked, baseline=RECENCY)
    weights = _resampled(len(silent), seed)
    drawn = {name: _curves(silent, score, weights) for name, score in ranked.items()}
    found = found.join(pd.DataFrame([summary for summary, _ in drawn.values()]))
    found = found.join(pd.DataFrame([_skill(silent, scores.get(name), rate) for name in ranked]))
    curves = pd.concat(
        [points.assign(model=name) for name, (_, points) in drawn.items()], ignore_index=True
    )
    tenths = pd.concat(
        [_tenths(score, silent).assign(model=name) for name, score in scores.items()],
        ignore_index=True,
    )
    tenths = tenths[["model", *tenths.columns.drop("model")]]
    curves = curves[["model", "curve", "x", "y", "low", "high"]]
    rate = float(silent.mean())
    return ChurnReport(
        found.join(_top(silent, ranked)), curves, tenths, len(silent), rate, later.as_of
    )


def _resampled(n: int, seed: int) -> np.ndarray:
    """How often each customer is drawn: everybody once, then the bootstrap samples."""
    drawn = (
        np.random.default_rng(seed).integers(0, n, (_N_BOOT, n)) + n * np.arange(_N_BOOT)[:, None]
    )
    return np.vstack(
        [np.ones((1, n)), np.bincount(drawn.ravel(), minlength=n * _N_BOOT).reshape(_N_BOOT, n)]
    )


def _curves(
    silent: np.ndarray, score: np.ndarray, weights: np.ndarray
) -> tuple[dict[str, float], pd.DataFrame]:
    """Average precision with its interval, and the points of both curves with their bands."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0, True)
    drawn = weights[:, order]
    hits, listed = (np.cumsum(drawn * part, axis=1)[:, last] for part in (silent[order], 1))
    misses, total = listed - hits, hits[:, -1:].clip(1)
    recall, precision = hits / total, hits / listed.clip(1)
    area = (np.diff(recall, axis=1, prepend=0) * precision).sum(axis=1)
    roc = [np.interp(_GRID, np.append(0, f / max(f[-1], 1)), np.append(0, r))
           for f, r in zip(misses, recall, strict=True)]  # fmt: skip
    pr = [p[np.searchsorted(r, _GRID[1:] - 1e-12).clip(max=len(r) - 1)]
          for r, p in zip(recall, precision, strict=True)]  # fmt: skip
    low, high = np.quantile(area[1:], [0.025, 0.975])
    points = pd.concat(
        [_band("ROC", _GRID, np.array(roc)), _band("precision and recall", _GRID[1:], np.array(pr))]
    )
    name = "average_precision"
    return {name: float(area[0]), f"{name}_low": float(low), f"{name}_high": float(high)}, points


def _band(curve: str, x: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    low, high = np.quantile(y[1:], [0.025, 0.975], axis=0)
    return pd.DataFrame({"curve": curve, "x": x, "y": y[0], "low": low, "high": high})


def _skill(silent: np.ndarray, chance: np.ndarray | None, rate: float) -> dict[str, float]:
    if chance is None:
        return dict.fromkeys(["brier", "skill", "skill_low", "skill_high"], np.nan)
    error, base = (chance - silent) ** 2, (rate - silent) ** 2
    ratio = error.sum() / base.sum()
    half = 1.96 * np.sqrt(((error - ratio * base) ** 2).sum()) / base.sum()
    return {"brier": float(error.mean()), "skill": 1 - ratio, "skill_low": 1 - ratio - half,
            "skill_high": 1 - ratio + half}  # fmt: skip


def _top(silent: np.ndarray, scores: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """The share of the silent in the top tenth of each score, and its gain over recency alone."""
    listed = np.array([_listed(np.asarray(score, float))[silent] for score in scores.values()])
    gain = listed - listed[-1]
    half = 1.96 * gain.std(axis=1, ddof=1) / np.sqrt(silent.sum()) if silent.sum() > 1 else np.nan
    found = pd.DataFrame({"found": listed.mean(axis=1), "found_gain": gain.mean(axis=1)})
    return found.assign(
        found_gain_low=found.found_gain - half, found_gain_high=found.found_gain + half
    )


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
        hits, n, rate = int(silent[inside].sum()), len(inside), silent.mean()
        low, high = wilson(hits, n)
        rows.append({"tenth": number, "customers": n, "predicted": float(chance[inside].mean()), "observed": hits / n,
                     "observed_low": low, "observed_high": high, "lift": hits / n / rate, "lift_low": low / rate,
                     "lift_high": high / rate})  # fmt: skip
    return pd.DataFrame(rows)
