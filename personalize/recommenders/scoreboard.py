"""Which recommender earns its place: what every model reached on the same days."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from personalize.evaluate import Interval, bootstrap_mean, paired_bootstrap
from personalize.recommenders.base import Repeat
from personalize.tables import TableError, Tables, Unavailable

__all__ = ["Scoreboard", "summary"]

_SCORE = ["ndcg", "ndcg_low", "ndcg_high"]
_GAIN = ["gain", "gain_low", "gain_high"]
_METRICS = ["precision", "recall", "average_precision", "hit", "recall_again", "recall_new"]
_CONTENT = ["coverage", "gini", "popularity", "novelty", "diversity", "repeats", "familiar"]


@dataclass(frozen=True)
class Scoreboard:
    """The scores of several models for the same customers and the same later days.

    Attributes
    ----------
    summary : the table, see `table`
    scores : one row a model and customer: model, the columns of `evaluate.ranking`, recall_again
        and recall_new (of what the customer had bought up to the cut, and of the rest; NaN where
        there was none to find), and known (products the customer had bought up to the cut)
    models : name -> model, fitted to the days up to the cut, or list as it was given
    refused : model, why; models that could not learn from these data
    baseline : name of the best of the naive lists, the one to beat
    customers : customers scored: with a purchase up to the cut and something to find after it
    unseen : share of what was to be found that was never sold up to the cut: out of reach
    k : length of the lists
    repeat : what the lists could name, see `Trial.compare`
    """

    summary: pd.DataFrame
    scores: pd.DataFrame
    models: Mapping[str, Any] = field(repr=False)
    refused: pd.DataFrame
    baseline: str
    customers: int
    unseen: float
    k: int
    repeat: Repeat = "allow"

    def table(self) -> pd.DataFrame:
        """One row a model, best first.

        Returns
        -------
        DataFrame : model; ndcg, ndcg_low, ndcg_high (mean and interval over customers); gain,
            gain_low, gain_high (paired, over the best baseline); verdict ("use it",
            "baseline", or "do not: not better than ..."); precision, recall, average_precision,
            hit, recall_again, recall_new (means over customers); and what the lists contain, see
            `beyond_accuracy.contents`: coverage, gini, popularity, novelty, diversity, repeats,
            familiar
        """
        return self.summary

    @property
    def caption(self) -> str:
        """What the table holds, in one line."""
        what = ", new products only" if self.repeat == "new" else ""
        over = f"gain over {self.baseline}, paired"
        return f"NDCG@{self.k} over {self.customers:,} customers{what}; {over}"

    @property
    def choice(self) -> str:
        """The best model with the verdict "use it"; the best baseline where there is none."""
        good = self.summary.model[self.summary.verdict == "use it"]
        return good.iloc[0] if len(good) else self.baseline

    def row(self, model: str) -> pd.Series:
        """The row of one model in `table`; NaN where the model has none."""
        table = self.summary.set_index("model")
        return table.reindex([model]).iloc[0]

    def mean(self, model: str, metric: str = "precision", *, seed: int = 0) -> Interval:
        """The mean of one metric over customers with its interval; NaN where nobody was scored."""
        values = self.scores.loc[self.scores.model == model, metric]
        if values.empty:
            return Interval(np.nan, np.nan, np.nan, 0)
        return bootstrap_mean(values, seed=seed)

    @property
    def conclusion(self) -> str:
        """What the table says, in one sentence."""
        if not self.customers:
            said = "There was nothing to find in the judging days"
            return f"{said}, so no model can be told from another."
        if self.customers == 1:
            return "One customer alone could be scored, which says nothing about others."
        best = self.row(self.choice)
        bounds = f"[{best.ndcg_low:.3f}, {best.ndcg_high:.3f}]"
        score = f"NDCG@{self.k} {best.ndcg:.3f} {bounds}"
        if self.choice == self.baseline:
            return f"No model is shown to be better than **{self.baseline}** ({score}): use that."
        gain = f"{best.gain:+.3f} [{best.gain_low:+.3f}, {best.gain_high:+.3f}]"
        beside = f"against {self.baseline} {gain} on the same customers"
        return f"Use **{self.choice}**: {score}, {beside}."

    @property
    def left_out(self) -> str:
        """Which models could not learn from these data, and what they need, in one sentence."""
        if self.refused.empty:
            return "Every model could learn from these data."
        reasons = "**" + self.refused.model + "** (" + self.refused.why + ")"
        return f"Left out: {'; '.join(reasons)}."

    @property
    def newness(self) -> str:
        """How new the chosen model's new products are, in one or two sentences."""
        said = (
            f"{self.unseen:.1%} of what was to be found was new in the shop: no list made from "
            "purchases can reach it."
        )
        familiar = self.row(self.choice).familiar
        if np.isnan(familiar):
            return said
        return (
            f"{said} {familiar:.0%} of the new products on the chosen list are of a group "
            "that the customer already buys from: another choice, not a new need."
        )

    def reading(self) -> str:
        """The conclusion, which models were left out and, of new products, how new they are."""
        newness = f" {self.newness}" if self.repeat == "new" else ""
        return f"{self.conclusion} {self.left_out}{newness}"

    def by_history(
        self, model: str, *, groups: int = 4, min_cell: int = 10, seed: int = 0
    ) -> pd.DataFrame:
        """How well customers with little and with much history are served.

        Parameters
        ----------
        model : name of the model
        groups : groups of about equal size, by the number of products known up to the cut
        min_cell : groups of fewer customers are left out
        seed : of the bootstrap

        Returns
        -------
        DataFrame : products_known (from - to), customers, ndcg, ndcg_low, ndcg_high, baseline (NDCG
            of the best baseline), gain, gain_low, gain_high (paired, over it)
        """
        known = self.scores.drop_duplicates("customer_id").set_index("customer_id").known
        edges = known.quantile(np.linspace(0, 1, groups + 1)[1:-1]).unique()
        group = pd.Series(np.searchsorted(edges, known), known.index)
        table = self._by(model, group, min_cell, seed)
        ends = known.groupby(group).agg(["min", "max"]).loc[table.group]
        spans = []
        for low, high in ends.itertuples(index=False):
            spans.append(f"{low:,}" if low == high else f"{low:,} - {high:,}")
        table.insert(0, "products_known", spans)
        return table.drop(columns="group")

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
        other = segments.columns.drop("customer_id", errors="ignore")
        if len(other) != 1 or len(segments.columns) != 2 or segments.customer_id.duplicated().any():
            raise TableError(
                f"segments has the columns {list(segments.columns)} and {len(segments):,} rows: "
                f"give "
                "customer_id and one more column, one row a customer"
            )
        segment = segments.dropna().set_index("customer_id")[other[0]].astype(str)
        return self._by(model, segment, min_cell, seed).rename(columns={"group": "segment"})

    def by_attribute(
        self, model: str, tables: Tables, column: str, *, min_cell: int = 10, seed: int = 0
    ) -> pd.DataFrame:
        """`by_segment` for a column of the table customers; Unavailable where the source has
        none."""
        if "customers" not in tables or column not in tables.customers.columns:
            raise Unavailable(
                f"by segment: this needs the table customers with the column {column}"
            )
        segments = tables.customers.to_pandas(["customer_id", column])
        return self.by_segment(model, segments, min_cell=min_cell, seed=seed)

    def _by(self, model: str, group: pd.Series, min_cell: int, seed: int) -> pd.DataFrame:
        """One row a group of customers, in the order of the groups."""
        wide = self.scores.pivot(index="customer_id", columns="model", values="ndcg")
        group = group[group.index.isin(wide.index)]
        rows = []
        for name, part in group.groupby(group):
            if len(part) >= min_cell:
                own, naive = wide.loc[part.index, model], wide.loc[part.index, self.baseline]
                score, gain = _intervals(own, naive, seed)
                rows.append((name, len(part), *score, naive.mean(), *gain))
        return pd.DataFrame(rows, columns=["group", "customers", *_SCORE, "baseline", *_GAIN])


def summary(
    scores: pd.DataFrame, contents: pd.DataFrame, naive: list[str], baseline: str, seed: int
) -> pd.DataFrame:
    """The table of a `Scoreboard`.

    Parameters
    ----------
    scores : one row a model and customer
    contents : what the lists of each model contain, one row a model
    naive : names of the baselines
    baseline : the best of them
    seed : of the bootstrap
    """
    columns = ["model", *_SCORE, *_GAIN, "verdict", *_METRICS, *_CONTENT]
    wide = scores.pivot(index="customer_id", columns="model", values="ndcg")
    if wide.empty:
        return pd.DataFrame(columns=columns, dtype=float)
    rows = []
    for name in wide.columns:
        score, gain = _intervals(wide[name], wide[baseline], seed)
        rows.append((name, *score, *gain, _verdict(name in naive, gain, baseline)))
    table = pd.DataFrame(rows, columns=columns[: -len(_METRICS) - len(_CONTENT)])
    means = scores.groupby("model")[_METRICS].mean()
    table = table.join(means, on="model").join(contents, on="model")
    return table[columns].sort_values(["ndcg", "model"], ascending=[False, True], ignore_index=True)


def _intervals(own: pd.Series, naive: pd.Series, seed: int) -> tuple[tuple, tuple]:
    """The mean with its bounds, and the paired gain with its bounds."""
    mean, pair = bootstrap_mean(own, seed=seed), paired_bootstrap(own, naive, seed=seed)
    return (mean.estimate, mean.low, mean.high), (pair.difference, pair.low, pair.high)


def _verdict(naive: bool, gain: tuple, baseline: str) -> str:
    _, low, high = gain
    if naive:
        return "baseline"
    if low > 0:
        return "use it"
    worse = "worse" if high < 0 else "not better"
    return f"do not: {worse} than {baseline}"
