"""How well silence was foretold: ROC, precision and recall, calibration and lift, each with its
interval.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.base import clone

from personalize import plots
from personalize.inference import auc, auc_difference, proportion_interval, ratio
from personalize.segmentation.churn import NAMES, Churn
from personalize.tables import TableError, Tables, Unavailable

RECENCY = "recency alone"
_N_BOOT = 200
_GRID = np.linspace(0, 1, 41)


@dataclass(frozen=True)
class ChurnReport:
    """How well churn was foreseen in a later period than the models had seen.

    Attributes
    ----------
    comparison : one row a model, recency alone last: model; auc, auc_low, auc_high, gain, gain_low,
        gain_high (over recency alone); average_precision with _low, _high; brier (mean squared
        error of the chance) and skill, the share by which it is below that of telling everybody the
        past rate, with _low, _high (empty for recency, which gives no chance); found (share of the
        silent customers that are in the tenth with the highest scores), found_gain, found_gain_low,
        found_gain_high (over recency alone)
    curves : one row a point: model, curve ("ROC" or "precision and recall"), x, y, y_low, y_high.
        ROC: x is the share of the staying who are listed, y that of the silent; the other: x is
        recall, y precision
    calibration : one row a model and tenth of the customers by predicted chance, highest first:
        model, tenth, customers, predicted, observed, observed_low, observed_high, and lift
        (observed over the rate of all), lift_low, lift_high
    n_customers, rate : customers scored and the share that fell silent

    Notes
    -----
    Intervals hold 95 %. AUC: DeLong et al. (1988). Curves and average precision: 200 samples of the
    customers, drawn with replacement; the bands hold point by point. Observed shares and lift:
    Wilson.
    """

    comparison: pd.DataFrame
    curves: pd.DataFrame
    calibration: pd.DataFrame
    n_customers: int
    rate: float

    def table(self) -> pd.DataFrame:
        """The comparison with recency alone."""
        return self.comparison.copy()

    def draw(self) -> Figure:
        """The curves, the calibration and the lift in four panels; the SVM lies on the logistic."""
        figure, ((roc, precision), (calibration, lift)) = plots.figure(2, 2, height=8)
        curves = self.curves[self.curves.model != NAMES["svm"]]
        tenths = self.calibration[self.calibration.model != NAMES["svm"]]
        for name, ax, labels in (
            ("ROC", roc, {"xlabel": "staying who are listed", "ylabel": "silent who are listed"}),
            ("precision and recall", precision, {"xlabel": "recall", "ylabel": "precision"}),
        ):
            points = curves[curves.curve == name]
            plots.lines(points, x="x", y="y", by="model", ax=ax, title=name, **labels)
        plots.agreement(
            tenths,
            x="predicted",
            y="observed",
            by="model",
            ax=calibration,
            title="predicted and observed, by tenth",
        )
        plots.lines(tenths, x="tenth", y="lift", by="model", ax=lift, title="lift, by tenth")
        return figure

    @property
    def verdict(self) -> str:
        """Whether the first model separates better than recency alone, by the interval of the
        gain.
        """
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
            f"({model.auc_low:.3f} to {model.auc_high:.3f}), {model.gain:+.3f} against recency "
            f"alone ({model.gain_low:+.3f} to {model.gain_high:+.3f}): **{self.verdict}**, {use}. "
            f"{self._rivals()}Its top tenth holds {model.found:.0%} of the customers who fell "
            f"silent, recency alone {plain.found:.0%}: for a list of one tenth the model {short} "
            f"(difference {model.found_gain_low:+.1%} to {model.found_gain_high:+.1%})."
        )

    def _rivals(self) -> str:
        first, rest = self.comparison.iloc[0], self.comparison.iloc[1:-1]
        if rest.empty:
            return ""
        told = ", ".join(rest.model + " " + rest.auc.map("{:.3f}".format))
        inside = rest.auc.between(first.auc_low, first.auc_high).all()
        so = "all inside its interval, so the simplest serves"
        return f"The other models reach {told}: {so if inside else 'not all inside its interval'}. "


def contest(
    tables: Tables,
    models: Sequence[Churn] | None = None,
    *,
    as_of: Any,
    days: int = 56,
    seed: int = 0,
) -> ChurnReport:
    """Several churn models and recency alone, judged on the same customers in a later period than
    they saw.

    Parameters
    ----------
    tables : Tables
    models : models of equal `days` and `window_days`, the one to use first; None for the logistic
        model, the linear SVM and the entropy tree over `days` days. They are left as they are:
        copies learn
    as_of : last known day: outcomes of the `days` up to it are
        foretold from the day before them, by models that learned one period earlier
    seed : seed of the bootstrap samples of customers

    Returns
    -------
    ChurnReport

    Raises
    ------
    TableError : when the models speak of different periods.
    Unavailable : when the data are too short, or too few customers fell silent or stayed.
    """
    models = models or [
        Churn(days=days),
        Churn("svm", days=days, seed=seed),
        Churn("tree", days=days),
    ]
    spans = {(model.days, model.window_days) for model in models}
    if len(spans) > 1:
        raise TableError(f"models of one period are compared: days and window_days are {spans}")
    start = models[0].day_before(tables, as_of, periods=2)
    cut = models[0].day_before(tables, as_of, periods=1)
    scores: dict[str, np.ndarray] = {}
    for model in models:
        seen, later = model.panel(tables, start), model.panel(tables, cut)
        name = f"{model.name} {len(scores) + 1}" if model.name in scores else model.name
        scores[name] = clone(model).learn(seen).chance(later)
    return judge(scores, later, rate=float(seen.silent.mean()), seed=seed)


def judge(
    scores: Mapping[str, np.ndarray],
    later: pd.DataFrame,
    *,
    rate: float,
    seed: int = 0,
) -> ChurnReport:
    """The report of chances by model for the customers of a later panel.

    Parameters
    ----------
    scores : model -> chance of each customer
    later : recency_days and silent of the same customers
    rate : the share that was silent in the period before
    seed : seed of the bootstrap samples of customers
    """
    silent = later.silent.to_numpy(bool)
    ranked = {**scores, RECENCY: later.recency_days.to_numpy(float)}
    weights = _resampled(len(silent), seed)
    precision, curves, tenths = [], [], []
    for name, score in ranked.items():
        area, points = _curves(silent, score, weights)
        precision.append(area)
        curves.append(points.assign(model=name))
    skill = [_skill(silent, chance, rate) for chance in scores.values()]
    for name, chance in scores.items():
        tenths.append(_tenths(chance, silent).assign(model=name))
    comparison = compare_auc(silent, ranked, baseline=RECENCY)
    comparison = comparison.join(pd.DataFrame(precision)).join(pd.DataFrame(skill))
    comparison = comparison.join(_top(silent, ranked))
    return ChurnReport(
        comparison,
        pd.concat(curves, ignore_index=True)[["model", "curve", "x", "y", "y_low", "y_high"]],
        pd.concat(tenths, ignore_index=True).pipe(_first, "model"),
        len(silent),
        float(silent.mean()),
    )


def compare_auc(truth: Any, scores: Mapping[str, Any], *, baseline: str) -> pd.DataFrame:
    """The AUC of several scores on the same customers, each with its interval and its gain over a
    baseline.

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
    Unavailable : when it happened to nobody or everybody, for then nothing can be separated.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson (1988). Sun and Xu (2014), the rank form used here.

    Examples
    --------
    >>> truth = np.array([0, 0, 1, 1, 1]) == 1
    >>> scores = {"a": [1, 2, 3, 4, 5], "b": [1, 3, 2, 4, 5]}
    >>> compare_auc(truth, scores, baseline="b")[["model", "auc"]].round(3)
      model    auc
    0     a  1.000
    1     b  0.833
    """
    happened = np.asarray(truth, dtype=bool)
    if not 0 < happened.sum() < len(happened):
        raise Unavailable(
            f"it happened to {happened.sum():,} of {len(happened):,} customers: "
            "nothing to tell apart"
        )
    rows = []
    for name, score in scores.items():
        area, low, high = auc(happened, score)
        gain, gain_low, gain_high = auc_difference(happened, score, scores[baseline])
        rows.append([name, area, low, high, gain, gain_low, gain_high])
    columns = ["model", "auc", "auc_low", "auc_high", "gain", "gain_low", "gain_high"]
    return pd.DataFrame(rows, columns=columns)


def _first(table: pd.DataFrame, name: str) -> pd.DataFrame:
    return table[[name, *table.columns.drop(name)]]


def _resampled(n: int, seed: int) -> np.ndarray:
    """How often each customer is drawn: everybody once, then the bootstrap samples."""
    drawn = np.random.default_rng(seed).integers(0, n, (_N_BOOT, n))
    weights = np.ones((_N_BOOT + 1, n))
    for at, sample in enumerate(drawn, start=1):
        weights[at] = np.bincount(sample, minlength=n)
    return weights


def _curves(
    silent: np.ndarray, score: np.ndarray, weights: np.ndarray
) -> tuple[dict[str, float], pd.DataFrame]:
    """Average precision with its interval, and the points of both curves with their bands."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0, True)
    drawn = weights[:, order]
    hits = np.cumsum(drawn * silent[order], axis=1)[:, last]
    listed = np.cumsum(drawn, axis=1)[:, last]
    misses = listed - hits
    recall, precision = hits / hits[:, -1:].clip(1), hits / listed.clip(1)
    false_alarm = misses / misses[:, -1:].clip(1)
    area = (np.diff(recall, axis=1, prepend=0) * precision).sum(axis=1)
    roc, pr = np.empty((len(weights), len(_GRID))), np.empty((len(weights), len(_GRID) - 1))
    for at in range(len(weights)):
        roc[at] = np.interp(_GRID, np.append(0, false_alarm[at]), np.append(0, recall[at]))
        reached = np.searchsorted(recall[at], _GRID[1:] - 1e-12)
        pr[at] = precision[at, reached.clip(max=recall.shape[1] - 1)]
    low, high = np.quantile(area[1:], [0.025, 0.975])
    name = "average_precision"
    points = pd.concat([_band("ROC", _GRID, roc), _band("precision and recall", _GRID[1:], pr)])
    return {name: area[0], f"{name}_low": low, f"{name}_high": high}, points


def _band(curve: str, x: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    low, high = np.quantile(y[1:], [0.025, 0.975], axis=0)
    return pd.DataFrame({"curve": curve, "x": x, "y": y[0], "y_low": low, "y_high": high})


def _skill(silent: np.ndarray, chance: np.ndarray, rate: float) -> dict[str, float]:
    error = (chance - silent) ** 2
    left, low, high = ratio(error, (rate - silent) ** 2)
    return {"brier": error.mean(), "skill": 1 - left, "skill_low": 1 - high, "skill_high": 1 - low}


def _top(silent: np.ndarray, scores: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """The share of the silent in the top tenth of each score, and its gain over recency alone."""
    listed = np.array([_listed(score)[silent] for score in scores.values()])
    gain = listed - listed[-1]
    half = 1.96 * gain.std(axis=1, ddof=1) / np.sqrt(silent.sum()) if silent.sum() > 1 else np.nan
    found = pd.DataFrame({"found": listed.mean(axis=1), "found_gain": gain.mean(axis=1)})
    return found.assign(
        found_gain_low=found.found_gain - half, found_gain_high=found.found_gain + half
    )


def _listed(score: np.ndarray) -> np.ndarray:
    """Whether each customer is in the tenth with the highest scores; those tied at its edge in
    proportion.
    """
    size = len(score) / 10
    edge = np.sort(score)[::-1][int(np.ceil(size)) - 1]
    above, tied = score > edge, score == edge
    return above + tied * (size - above.sum()) / tied.sum()


def _tenths(chance: np.ndarray, silent: np.ndarray) -> pd.DataFrame:
    tenth = np.empty(len(chance), int)
    parts = np.array_split(np.argsort(-chance, kind="stable"), min(10, len(chance)))
    for number, inside in enumerate(parts, start=1):
        tenth[inside] = number
    customers = pd.DataFrame({"tenth": tenth, "predicted": chance, "observed": silent})
    groups = customers.groupby("tenth")
    found = groups.mean().reset_index()
    found.insert(1, "customers", groups.size().to_numpy())
    low, high = proportion_interval(groups["observed"].sum(), groups.size())
    found = found.assign(observed_low=low, observed_high=high)
    for end in ("", "_low", "_high"):
        found[f"lift{end}"] = found[f"observed{end}"] / silent.mean()
    return found
