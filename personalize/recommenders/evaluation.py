"""One cut in time on which models are judged: what was known before, what was bought after."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from personalize.evaluate import Split, bootstrap_mean, ranking_of_hits
from personalize.recommenders.base import Recommender, Repeat
from personalize.recommenders.beyond_accuracy import contents
from personalize.recommenders.history import History
from personalize.recommenders.neighbours import MostPopular, PersonalFrequency
from personalize.recommenders.scoreboard import Scoreboard, summary
from personalize.tables import TableError

__all__ = ["Trial"]

POPULAR, PERSONAL = "most popular", "personal frequency"
AGAIN, NEW, UNSEEN = "again", "new to the customer", "new in the shop"
Judged: TypeAlias = Recommender | pd.DataFrame


@dataclass(frozen=True, eq=False)
class Trial:
    """One cut in time, loaded once, on which any number of models is judged.

    Attributes
    ----------
    history : everything bought up to the cut
    truth : customer_id, product_id and kind of what known customers bought after it. kind is
        "again" (bought by the same customer up to the cut), "new to the customer" or "new in the
        shop" (never sold before)
    candidates : product ids sold up to the cut that may be named; all of them are ranked
    newcomers : the same as `truth` for customers whose first purchase came after the cut
    k : length of the lists
    seed : of the bootstrap over customers (1,000 draws)
    """

    history: History
    truth: pd.DataFrame
    candidates: pd.Index
    newcomers: pd.DataFrame
    k: int = 10
    seed: int = 0

    @classmethod
    def load(
        cls,
        split: Split,
        *,
        history: History | None = None,
        candidates: Any = None,
        k: int = 10,
        seed: int = 0,
    ) -> "Trial":
        """The trial of a time split.

        Parameters
        ----------
        split : from `evaluate.time_split`
        history : purchases up to the last day of the split or beyond; both sides are then cut from
            it in memory. Give it where several trials share one source. Both sides are read from
            the tables when None
        candidates : product ids that may be named and that count as bought (a list, or a table with
            product_id); all when None
        k, seed : see the attributes

        Notes
        -----
        What was first sold after the cut stays in the truth, though no list can reach it.
        """
        if history is None:
            known = History.of(split.train, split.cut)
            bought = split.test.query("recommender_truth", max_rows=50_000_000)
        else:
            known, bought = history.until(split.cut), history.bought_after(split.cut, split.until)
        return cls.of(known, bought, candidates=candidates, k=k, seed=seed)

    @classmethod
    def of(
        cls,
        known: History,
        bought: pd.DataFrame,
        *,
        candidates: Any = None,
        k: int = 10,
        seed: int = 0,
    ) -> "Trial":
        """The trial of any history, and customer_id and product_id of what was bought after."""
        sold = known.buyers > 0
        if candidates is not None:
            ids = candidates["product_id"] if isinstance(candidates, pd.DataFrame) else candidates
            sold = sold & known.flags(ids)
            bought = bought[bought.product_id.isin(ids)]
        row = known.customers.get_indexer(bought.customer_id)
        col = known.products.get_indexer(bought.product_id)
        kind = np.where(known.find(row, col) >= 0, AGAIN, NEW).astype(object)
        kind[(col < 0) | (known.buyers[col] == 0)] = UNSEEN
        truth = bought.assign(kind=pd.Categorical(kind, [AGAIN, NEW, UNSEEN]))
        old = truth[row >= 0].reset_index(drop=True)
        new = truth[row < 0].reset_index(drop=True)
        return cls(known, old, known.products[sold], new, k, seed)

    def of_newcomers(self) -> "Trial":
        """The trial of the customers whose first purchase came after the cut."""
        return replace(self, truth=self.newcomers)

    def of_launches(self) -> "Trial":
        """The trial of the products first sold after the cut, among all that were never sold.

        Only what products are can tell them apart; purchases cannot. Compare with `repeat="new"`.
        """
        unsold = self.history.products[self.history.buyers == 0]
        truth = self.truth[(self.truth.kind == UNSEEN) & self.truth.product_id.isin(unsold)]
        return replace(self, truth=truth.reset_index(drop=True), candidates=unsold)

    def purchases(self) -> pd.DataFrame:
        """What known customers bought after the cut, by kind.

        Returns
        -------
        DataFrame : kind, products (distinct products a customer, mean over those who bought),
            products_low, products_high, share (of all)
        """
        columns = ["kind", "products", "products_low", "products_high", "share"]
        if self.truth.empty:
            return pd.DataFrame(columns=columns)
        counts = pd.crosstab(self.truth.customer_id, self.truth.kind, dropna=False)
        rows = []
        for kind, count in counts.items():
            mean = bootstrap_mean(count, seed=self.seed)
            share = count.sum() / len(self.truth)
            rows.append((kind, mean.estimate, mean.low, mean.high, share))
        return pd.DataFrame(rows, columns=columns)

    def reading(self) -> str:
        """Who and what is judged, in three sentences."""
        sold, known = len(self.history.by_popularity), self.truth.customer_id.nunique()
        return (
            f"The judge days start after {self.history.as_of:%Y-%m-%d}. A list may name "
            f"**{len(self.candidates):,}** of the {sold:,} products sold by then. {known:,} "
            f"customers "
            f"bought both before and after; {self.newcomers.customer_id.nunique():,} "
            f"came only after "
            "it, and no history can serve them: they get what sells best."
        )

    def repeats(self) -> str:
        """How much of what was bought next had been bought before, in two sentences."""
        if self.truth.empty:
            return "0 customers bought on both sides of the cut: there is nothing to judge here."
        again = (self.truth.kind == AGAIN).mean()
        known = len(self.history.row) / len(self.history.customers)
        return (
            f"**{again:.0%}** of what customers bought next they had bought before, from the "
            f"{known:,.0f} products that an average customer already knew, out of "
            f"{len(self.candidates):,} on sale. Hitting a repeat is therefore far easier than "
            f"hitting "
            "a discovery, and one score for both would hide which of the two a model can "
            f"do."
        )

    def wanted(self, repeat: Repeat) -> pd.DataFrame:
        """What a list of this kind should have named: customer_id, product_id, kind."""
        return self.truth[self.truth.kind != AGAIN] if repeat == "new" else self.truth

    def score(
        self, model: Judged, repeat: Repeat = "allow"
    ) -> tuple[pd.DataFrame, dict[str, float]]:
        """The metrics of each customer for a fitted model or a list, and what the lists contain."""
        found = self._found[repeat == "new"]
        lists = self._lists(model, found.customers, repeat)
        place, rank, again = found.of(lists)
        scores = ranking_of_hits(found.customers, found.relevant, place, rank, k=self.k)
        for name, part, wanted in (
            ("recall_again", again, found.again),
            ("recall_new", ~again, ~found.again),
        ):
            total = np.bincount(found.place[wanted], minlength=len(scores))
            right = np.bincount(place[part], minlength=len(scores))
            scores[name] = np.where(total > 0, right / np.maximum(total, 1), np.nan)
        return scores, contents(lists, self.history, len(self.candidates))

    def ndcg(self, model: Judged, repeat: Repeat = "allow") -> pd.Series:
        """The NDCG of each customer for a fitted model or a list."""
        found = self._found[repeat == "new"]
        place, rank, _ = found.of(self._lists(model, found.customers, repeat))
        return ranking_of_hits(found.customers, found.relevant, place, rank, k=self.k).ndcg

    def _lists(self, model: Judged, customers: pd.Index, repeat: Repeat) -> pd.DataFrame:
        """The lists of a model, or those that were given, in numbers (see `Recommender.lists`)."""
        if isinstance(model, Recommender):
            return model.lists(customers, self.k, repeat, self._allowed)
        lists = pd.DataFrame(
            {
                "_place": customers.get_indexer(model.customer_id),
                "rank": model["rank"].to_numpy(),
                "score": np.nan,
                "_row": self.history.number(model.customer_id),
                "_col": self.history.product_number(model),
            }
        )
        lists = lists[(lists._place >= 0) & (lists._col >= 0) & (lists["rank"] <= self.k)]
        lists = lists.drop_duplicates(["_place", "_col"])
        return lists.assign(_pair=self.history.find(lists._row, lists._col))

    @cached_property
    def _allowed(self) -> np.ndarray:
        """One flag a product of the history: is it a candidate?"""
        return self.history.flags(self.candidates)

    @cached_property
    def _found(self) -> tuple["_Wanted", "_Wanted"]:
        """What was to be found, all of it and what was new, ready to be looked up."""
        every, new = self.wanted("allow"), self.wanted("new")
        return _Wanted(every, self.history), _Wanted(new, self.history)

    def compare(
        self,
        models: Mapping[str, Judged],
        *,
        repeat: Repeat = "allow",
        baselines: Mapping[str, Judged] | None = None,
    ) -> Scoreboard:
        """Fit every model to the days before the cut and score its lists on the days after it.

        Parameters
        ----------
        models : name -> recommender, or lists of your own: a table customer_id, rank, product_id
        repeat : "allow" scores everything bought after the cut; "new" only what the customer had
            never bought up to it; "due" lists are scored on everything bought
        baselines : more of the same that a model has to beat, beside "most popular" and, unless
            only new products count, "personal frequency"

        Returns
        -------
        Scoreboard : with 0 customers and an empty table where there was nothing to find

        Raises
        ------
        TableError : for lists without one of the columns.
        """
        naive: dict[str, Judged] = {POPULAR: MostPopular()}
        if repeat != "new":
            naive[PERSONAL] = PersonalFrequency()
        naive |= baselines or {}
        every = naive | dict(models)
        for name, model in every.items():
            _check_list(name, model)
        scores, inside, refused = [], {}, {}
        means = dict.fromkeys(naive, -1.0)
        for name, model in every.items():
            try:
                if isinstance(model, Recommender):
                    model.fit_history(self.history)
                frame, inside[name] = self.score(model, repeat)
            except TableError as error:
                refused[name] = str(error)
                continue
            scores.append(frame.assign(model=name))
            if name in naive and len(frame):
                means[name] = frame.ndcg.mean()
        baseline = max(means, key=means.__getitem__)
        table = pd.concat(scores, ignore_index=True)
        known = np.bincount(self.history.row, minlength=len(self.history.customers) + 1)
        wanted = self.wanted(repeat)
        return Scoreboard(
            summary(table, pd.DataFrame(inside).T, list(naive), baseline, self.seed),
            table.assign(known=known[self.history.number(table.customer_id)]),
            every,
            pd.DataFrame({"model": refused.keys(), "why": refused.values()}, dtype=object),
            baseline,
            wanted.customer_id.nunique(),
            float((wanted.kind == UNSEEN).mean()) if len(wanted) else 0.0,
            self.k,
            repeat,
        )


class _Wanted:
    """What was to be found, by customer: what no history holds can be wanted but not found."""

    def __init__(self, wanted: pd.DataFrame, history: History) -> None:
        self.place, self.customers = pd.factorize(pd.Index(wanted.customer_id), sort=True)
        self.relevant = np.bincount(self.place, minlength=len(self.customers))
        self.again, self.width = (wanted.kind == AGAIN).to_numpy(), len(history.products)
        col = history.products.get_indexer(wanted.product_id)
        key = np.where(col >= 0, self.place * self.width + col, -1)
        self._again = pd.Series(self.again, index=key)[col >= 0]

    def of(self, lists: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of every hit its customer's place, its rank, and whether it was bought before."""
        key = lists._place.to_numpy() * self.width + lists._col.to_numpy()
        again = self._again.reindex(key)
        right = again.notna().to_numpy()
        place, rank = lists._place.to_numpy()[right], lists["rank"].to_numpy()[right]
        return place, rank, again[right].to_numpy(dtype=bool)


def _check_list(name: str, model: Any) -> None:
    if isinstance(model, Recommender):
        return
    needed = {"customer_id", "rank", "product_id"}
    missing = sorted(needed - set(getattr(model, "columns", [])))
    if missing:
        raise TableError(
            f"'{name}' is a {type(model).__name__} without {missing}: give a recommender, or a "
            "table with customer_id, rank and product_id"
        )
