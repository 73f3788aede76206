"""Which recommender earns its place: every model on the same later days, against the same baselines."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from personalize.evaluate import Interval, Split, bootstrap_mean, paired_bootstrap, ranking
from personalize.recommenders.base import Recommender, Repeat
from personalize.recommenders.behaviour import MostPopular, PersonalFrequency
from personalize.recommenders.history import History
from personalize.tables import TableError

__all__ = ["Scoreboard", "Trial", "compare"]

POPULAR, PERSONAL = "most popular", "personal frequency"
_COLUMNS = [
    "model", "ndcg", "low", "high", "difference", "difference_low", "difference_high", "verdict",
    "precision", "recall", "average_precision", "hit", "coverage", "popularity", "repeats", "familiar",
]  # fmt: skip


@dataclass(frozen=True)
class Scoreboard:
    """The scores of several models for the same customers and the same later days.

    Attributes
    ----------
    summary : the table, see `table`
    scores : one row a model and customer: model, the columns of `evaluate.ranking`, and known (products
        the customer had bought up to the cut)
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
            "do not: not better than ..."); precision, recall, average_precision, hit; coverage (share of the
            candidates shown to anybody), popularity (mean share of customers who had bought what was shown),
            repeats (share of places with a product the customer had bought), familiar (of the places with a
            product new to the customer, the share whose narrowest group the customer had bought from)
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
        return bootstrap_mean(values, seed=seed) if len(values) else Interval(np.nan, np.nan, np.nan, 0)

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
        return f"Use **{self.choice}**: {score}, against {self.baseline} {gain} on the same customers."

    @property
    def novelty(self) -> str:
        """How new the chosen model's new products are, in one or two sentences."""
        said = (
            f"{self.unseen:.1%} of what was to be found was new in the shop: no list made from purchases can reach it."
        )
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
        return "Left out: " + "; ".join(f"**{row.model}** ({row.why})" for row in self.refused.itertuples()) + "."

    def by_history(self, model: str, *, groups: int = 4, min_cell: int = 10, seed: int = 0) -> pd.DataFrame:
        """How well customers with short and long histories are served.

        Parameters
        ----------
        model : name of the model
        groups : groups of about equal size to form by the number of products bought before the cut
        min_cell : groups of fewer customers are left out
        seed : of the bootstrap

        Returns
        -------
        DataFrame : products_known (from - to), customers, ndcg, low, high, baseline (NDCG of the better baseline)
        """
        wide = self.scores.pivot(index="customer_id", columns="model", values="ndcg")
        known = self.scores.drop_duplicates("customer_id").set_index("customer_id").known
        edges = known.quantile(np.linspace(0, 1, groups + 1)[1:-1]).unique()
        rows = []
        for _, group in known.groupby(np.searchsorted(edges, known.to_numpy())):
            if len(group) >= min_cell:
                mean = bootstrap_mean(wide.loc[group.index, model], seed=seed)
                span = f"{group.min():,} - {group.max():,}" if group.min() < group.max() else f"{group.min():,}"
                rows.append((span, len(group), mean.estimate, mean.low, mean.high,
                             wide.loc[group.index, self.baseline].mean()))  # fmt: skip
        return pd.DataFrame(rows, columns=["products_known", "customers", "ndcg", "low", "high", "baseline"])


@dataclass(frozen=True, eq=False)
class Trial:
    """One cut in time, loaded once, on which any number of models is judged.

    Attributes
    ----------
    history : everything bought up to the cut
    truth : customer_id, product_id and kind of what known customers bought after it. kind is "again" (bought
        by the same customer up to the cut), "new to the customer" or "new in the shop" (never sold before)
    candidates : product ids sold up to the cut that may be named; all of them are ranked
    strangers : number of customers whose first purchase came after the cut
    k : length of the lists
    seed : of the bootstrap over customers (1,000 draws)
    """

    history: History
    truth: pd.DataFrame
    candidates: pd.Index
    strangers: int
    k: int = 10
    seed: int = 0

    @classmethod
    def load(cls, split: Split, *, candidates: Any = None, k: int = 10, seed: int = 0) -> "Trial":
        """The trial of a time split.

        Parameters
        ----------
        split : from `evaluate.time_split`
        candidates : product ids that may be named and that count as bought (a list, or a table with
            product_id); all when None
        k, seed : see the attributes

        Notes
        -----
        What was first sold after the cut stays in the truth, though no list can reach it.
        """
        history = History.of(split.train, split.cut)
        bought = split.test.query("recommender_truth", max_rows=50_000_000)
        sold = history.buyers > 0
        if candidates is not None:
            ids = candidates["product_id"] if isinstance(candidates, pd.DataFrame) else candidates
            sold &= np.isin(np.arange(len(sold)), history.product_number(ids))
            bought = bought[bought.product_id.isin(ids)]
        row = history.customers.get_indexer(bought.customer_id)
        truth = bought.assign(kind=_kind(history, row, history.products.get_indexer(bought.product_id)))
        strangers = bought.customer_id[row < 0].nunique()
        return cls(history, truth[row >= 0].reset_index(drop=True), history.products[sold], strangers, k, seed)

    def purchases(self) -> pd.DataFrame:
        """What known customers bought after the cut, by kind.

        Returns
        -------
        DataFrame : kind, products (distinct products a customer, mean over those who bought), low, high, share (of all)
        """
        columns = ["kind", "products", "low", "high", "share"]
        kinds = ["again", "new to the customer", "new in the shop"] if len(self.truth) else []
        counts = pd.crosstab(self.truth.customer_id, self.truth.kind).reindex(columns=kinds, fill_value=0)
        means = [bootstrap_mean(counts[kind], seed=self.seed) for kind in kinds]
        share = [(self.truth.kind == kind).mean() for kind in kinds]
        rows = [(kind, m.estimate, m.low, m.high, s) for kind, m, s in zip(kinds, means, share, strict=True)]
        return pd.DataFrame(rows, columns=columns)

    def wanted(self, repeat: Repeat) -> pd.DataFrame:
        """What a list of this kind should have named: customer_id, product_id."""
        return self.truth[self.truth.kind != "again"] if repeat == "new" else self.truth

    def score(self, model: Recommender, repeat: Repeat = "allow") -> tuple[pd.DataFrame, dict[str, float]]:
        """The metrics of each customer for a fitted model, and its reach."""
        lists = self._lists(model, repeat)
        share = self.history.buyers / len(self.history.customers)
        reach = {
            "coverage": lists.product_id.nunique() / max(len(self.candidates), 1),
            "popularity": float(share[lists._col].mean()) if len(lists) else np.nan,
            "repeats": float((lists.slate == "buy again").mean()),
            "familiar": _familiar(self.history, lists),
        }
        return ranking(lists, self.wanted(repeat), self.k), reach

    def ndcg(self, model: Recommender, repeat: Repeat = "allow") -> pd.Series:
        """The NDCG of each customer for a fitted model."""
        return ranking(self._lists(model, repeat), self.wanted(repeat), self.k).ndcg

    def _lists(self, model: Recommender, repeat: Repeat) -> pd.DataFrame:
        return model._lists(self.wanted(repeat).customer_id.unique(), self.k, repeat, self.candidates)

    def compare(self, models: Mapping[str, Recommender], *, repeat: Repeat = "allow") -> Scoreboard:
        """Fit every model to the days before the cut and score its lists on the days after it.

        Parameters
        ----------
        models : name -> recommender; "most popular" and, unless only new products count, "personal
            frequency" are added as baselines
        repeat : "allow" scores everything bought after the cut; "new" only what the customer had never
            bought up to it; "due" lists are scored on everything bought

        Returns
        -------
        Scoreboard : with 0 customers and an empty table where there was nothing to find
        """
        naive = {POPULAR: MostPopular()} | ({} if repeat == "new" else {PERSONAL: PersonalFrequency()})
        scores, reach, refused = {}, {}, {}
        for name, model in (naive | dict(models)).items():
            try:
                scores[name], reach[name] = self.score(model.fit_history(self.history), repeat)
            except TableError as error:
                refused[name] = str(error)
        baseline = max(naive, key=lambda name: scores[name].ndcg.mean() if len(scores[name]) else 0)
        table = pd.concat([frame.assign(model=name) for name, frame in scores.items()], ignore_index=True)
        known = np.bincount(self.history.row, minlength=len(self.history.customers))
        wanted = self.wanted(repeat)
        return Scoreboard(
            _summary(table, reach, list(naive), baseline, self.seed),
            table.assign(known=known[self.history.number(table.customer_id)]), naive | dict(models),
            pd.DataFrame({"model": refused.keys(), "why": refused.values()}), baseline, wanted.customer_id.nunique(),
            float((wanted.kind == "new in the shop").mean()) if len(wanted) else 0.0, self.k,
        )  # fmt: skip


def compare(models: Mapping[str, Recommender], split: Split, *, repeat: Repeat = "allow", **options: Any) -> Scoreboard:
    """The scoreboard of several models on one time split: `Trial.load(split, **options).compare(models)`."""
    return Trial.load(split, **options).compare(models, repeat=repeat)


def _familiar(history: History, lists: pd.DataFrame) -> float:
    new = lists[lists._pair < 0]
    if history.kind is None or new.empty:
        return np.nan
    return float(history.familiar(new._row.to_numpy(), new._col.to_numpy()).mean())


def _kind(history: History, row: np.ndarray, col: np.ndarray) -> np.ndarray:
    sold = (col >= 0) & (history.buyers[col] > 0)
    again = history.find(row, col) >= 0
    return np.where(~sold, "new in the shop", np.where(again, "again", "new to the customer"))


def _summary(scores: pd.DataFrame, reach: Mapping, naive: list[str], baseline: str, seed: int) -> pd.DataFrame:
    wide = scores.pivot(index="customer_id", columns="model", values="ndcg")
    if wide.empty:
        return pd.DataFrame({name: pd.Series(dtype=float) for name in _COLUMNS})
    means = scores.groupby("model")[["precision", "recall", "average_precision", "hit"]].mean()
    rows = [
        {"model": name} | _judged(wide[name], wide[baseline], name in naive, baseline, seed)
        | means.loc[name].to_dict() | reach[name]
        for name in wide.columns
    ]  # fmt: skip
    return pd.DataFrame(rows)[_COLUMNS].sort_values(["ndcg", "model"], ascending=[False, True], ignore_index=True)


def _judged(own: pd.Series, best: pd.Series, naive: bool, baseline: str, seed: int) -> dict[str, Any]:
    mean, pair = bootstrap_mean(own, seed=seed), paired_bootstrap(own, best, seed=seed)
    worse = "worse" if pair.verdict == "worse" else "not better"
    verdict = "baseline" if naive else "use it" if pair.verdict == "better" else f"do not: {worse} than {baseline}"
    return {
        "ndcg": mean.estimate, "low": mean.low, "high": mean.high, "difference": pair.difference,
        "difference_low": pair.low, "difference_high": pair.high, "verdict": verdict,
    }  # fmt: skip
