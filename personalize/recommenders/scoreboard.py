"""Which recommender earns its place: what every model reached on the same days, against the same baselines."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from personalize.evaluate import Interval, bootstrap_mean, paired_bootstrap
from personalize.recommenders.base import Recommender
from personalize.tables import TableError

__all__ = ["Scoreboard", "summary"]

_METRICS = ["precision", "recall", "average_precision", "hit", "recall_again", "recall_new"]
_COLUMNS = [
    "model", "ndcg", "low", "high", "difference", "difference_low", "difference_high", "verdict", *_METRICS,
    "coverage", "gini", "popularity", "novelty", "diversity", "repeats", "familiar",
]  # fmt: skip


@dataclass(frozen=True)
class Scoreboard:
    """The scores of several models for the same customers and the same later days.

    Attributes
    ----------
    summary : the table, see `table`
    scores : one row a model and customer: model, the columns of `evaluate.ranking`, recall_again and recall_new
        (of what the customer had bought up to the cut, and of the rest; NaN where there was none to find), and
        known (products the customer had bought up to the cut)
    models : name -> model, fitted to the days up to the cut
    refused : model, why; models that could not learn from these data
    baseline : name of the better of the naive models, the one to beat
    customers : customers scored: with a purchase up to the cut and something to find after it
    unseen : share of what was to be found that was never sold up to the cut: out of reach
    k : length of the lists
    """

    summary: pd.DataFrame
    scores: pd.DataFrame
    models: Mapping[str, Recommender] = field(repr=False)
    refused: pd.DataFrame
    baseline: str
    customers: int
    unseen: float
    k: int

    def table(self) -> pd.DataFrame:
        """One row a model, best first.

        Returns
        -------
        DataFrame : model; ndcg, low, high (mean and interval over customers); difference, difference_low,
            difference_high (paired, against the better baseline); verdict ("use it", "baseline", or
            "do not: not better than ..."); precision, recall, average_precision, hit, recall_again, recall_new
            (means over customers); and what the lists contain, see `reach`: coverage, gini, popularity, novelty,
            diversity, repeats, familiar
        """
        return self.summary

    @property
    def choice(self) -> str:
        """The best model with the verdict "use it"; the better baseline where there is none."""
        good = self.summary.model[self.summary.verdict == "use it"]
        return good.iloc[0] if len(good) else self.baseline

    def row(self, model: str) -> pd.Series:
        """The row of one model in `table`."""
        return self.summary.set_index("model").loc[model]

    def mean(self, model: str, metric: str = "precision", *, seed: int = 0) -> Interval:
        """The mean of one metric over customers with its interval; NaN where nobody was scored."""
        values = self.scores.loc[self.scores.model == model, metric]
        return (
            bootstrap_mean(values, seed=seed)
            if len(values)
            else Interval(np.nan, np.nan, np.nan, 0)
        )

    @property
    def reading(self) -> str:
        """What the table says, in one sentence."""
        if not self.customers:
            return "There was nothing to find in the judging days, so no model can be told from another."
        if self.customers == 1:
            return "One customer alone could be scored, which says nothing about others."
        best = self.row(self.choice)
        score = f"NDCG@{self.k} {best.ndcg:.3f} [{best.low:.3f}, {best.high:.3f}]"
        if self.choice == self.baseline:
            return f"No model is shown to be better than **{self.baseline}** ({score}): use that."
        gain = f"{best.difference:+.3f} [{best.difference_low:+.3f}, {best.difference_high:+.3f}]"
        return (
            f"Use **{self.choice}**: {score}, against {self.baseline} {gain} on the same customers."
        )

    @property
    def novelty(self) -> str:
        """How new the chosen model's new products are, in one or two sentences."""
        said = f"{self.unseen:.1%} of what was to be found was new in the shop: no list made from purchases can reach it."
        if not self.customers or np.isnan(self.row(self.choice).familiar):
            return said
        return (
            f"{said} {self.row(self.choice).familiar:.0%} of the new products on the chosen list are of a group "
            "that the customer already buys from: another choice, not a new need."
        )

    @property
    def left_out(self) -> str:
        """Which models could not learn from these data, and what they need, in one sentence."""
        if self.refused.empty:
            return "Every model could learn from these data."
        return (
            "Left out: "
            + "; ".join(f"**{row.model}** ({row.why})" for row in self.refused.itertuples())
            + "."
        )

    def by_history(
        self, model: str, *, groups: int = 4, min_cell: int = 10, seed: int = 0
    ) -> pd.DataFrame:
        """How well customers with short and long histories are served.

        Parameters
        ----------
        model : name of the model
        groups : groups of about equal size to form by the number of products bought before the cut
        min_cell : groups of fewer customers are left out
        seed : of the bootstrap

        Returns
        -------
        DataFrame : products_known (from - to), customers, ndcg, low, high, baseline (NDCG of the better baseline),
            difference, difference_low, difference_high (paired, against it)
        """
        known = self.scores.drop_duplicates("customer_id").set_index("customer_id").known
        edges = known.quantile(np.linspace(0, 1, groups + 1)[1:-1]).unique()
        table = self._by(
            model, known, pd.Series(np.searchsorted(edges, known), known.index), min_cell, seed
        )
        return table.rename(columns={"group": "products_known"})

    def by_segment(
        self, model: str, segments: pd.DataFrame, *, min_cell: int = 10, seed: int = 0
    ) -> pd.DataFrame:
        """How well the customers of each segment are served.

        Parameters
        ----------
        model : name of the model
        segments : customer_id and one more column, the segment; customers outside it are left out
        min_cell, seed : as for `by_history`

        Returns
        -------
        DataFrame : segment, and the columns of `by_history`, in the order of the segments' names

        Raises
        ------
        TableError : when `segments` has other columns, or a customer twice.
        """
        other = [column for column in segments.columns if column != "customer_id"]
        if len(other) != 1 or len(segments.columns) != 2 or segments.customer_id.duplicated().any():
            raise TableError(
                f"segments has the columns {list(segments.columns)} and {len(segments):,} rows: give customer_id and "
                "one more column, one row a customer"
            )
        segment = segments.dropna().set_index("customer_id")[other[0]].astype(str)
        table = self._by(model, segment, segment, min_cell, seed)
        return table.rename(columns={"group": "segment"})

    def _by(
        self, model: str, value: pd.Series, group: pd.Series, min_cell: int, seed: int
    ) -> pd.DataFrame:
        """One row a group of customers, called by the range of its values."""
        wide = self.scores.pivot(index="customer_id", columns="model", values="ndcg")
        group = group[group.index.isin(wide.index)]
        rows = []
        for _, part in group.groupby(group):
            if len(part) >= min_cell:
                own, naive = wide.loc[part.index, model], wide.loc[part.index, self.baseline]
                mean, pair = bootstrap_mean(own, seed=seed), paired_bootstrap(own, naive, seed=seed)
                rows.append((_range(value[part.index]), len(part), mean.estimate, mean.low, mean.high, naive.mean(),
                             pair.difference, pair.low, pair.high))  # fmt: skip
        columns = ["group", "customers", "ndcg", "low", "high", "baseline", "difference", "difference_low",
                   "difference_high"]  # fmt: skip
        return pd.DataFrame(rows, columns=columns)


def _range(values: pd.Series) -> str:
    low, high = values.min(), values.max()
    shown = [f"{v:,}" if isinstance(v, (int, np.integer)) else str(v) for v in (low, high)]
    return shown[0] if low == high else " - ".join(shown)


def summary(
    scores: pd.DataFrame, reach: Mapping, naive: list[str], baseline: str, seed: int
) -> pd.DataFrame:
    """The table of a `Scoreboard` from the scores of each customer and what the lists of each model contain."""
    wide = scores.pivot(index="customer_id", columns="model", values="ndcg")
    if wide.empty:
        return pd.DataFrame({name: pd.Series(dtype=float) for name in _COLUMNS})
    means = scores.groupby("model")[_METRICS].mean()
    rows = [
        {"model": name} | _judged(wide[name], wide[baseline], name in naive, baseline, seed)
        | means.loc[name].to_dict() | reach[name]
        for name in wide.columns
    ]  # fmt: skip
    return pd.DataFrame(rows)[_COLUMNS].sort_values(
        ["ndcg", "model"], ascending=[False, True], ignore_index=True
    )


def _judged(
    own: pd.Series, best: pd.Series, naive: bool, baseline: str, seed: int
) -> dict[str, Any]:
    mean, pair = bootstrap_mean(own, seed=seed), paired_bootstrap(own, best, seed=seed)
    worse = "worse" if pair.verdict == "worse" else "not better"
    verdict = (
        "baseline"
        if naive
        else "use it"
        if pair.verdict == "better"
        else f"do not: {worse} than {baseline}"
    )
    return {
        "ndcg": mean.estimate, "low": mean.low, "high": mean.high, "difference": pair.difference,
        "difference_low": pair.low, "difference_high": pair.high, "verdict": verdict,
    }  # fmt: skip
