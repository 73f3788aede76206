"""One cut in time on which models are judged: what was known before, what was bought after."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from personalize.evaluate import Split, bootstrap_mean, ranking_of_hits
from personalize.recommenders.base import Recommender, Repeat
from personalize.recommenders.behaviour import MostPopular, PersonalFrequency
from personalize.recommenders.history import History
from personalize.recommenders.reach import reach
from personalize.recommenders.scoreboard import Scoreboard, summary
from personalize.tables import TableError

__all__ = ["Trial", "compare"]

POPULAR, PERSONAL = "most popular", "personal frequency"
AGAIN, NEW, UNSEEN = "again", "new to the customer", "new in the shop"


@dataclass(frozen=True, eq=False)
class Trial:
    """One cut in time, loaded once, on which any number of models is judged.

    Attributes
    ----------
    history : everything bought up to the cut
    truth : customer_id, product_id and kind of what known customers bought after it. kind is "again" (bought
        by the same customer up to the cut), "new to the customer" or "new in the shop" (never sold before)
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
        history : purchases up to the last day of the split or beyond; both sides are then cut from it in memory.
            Give it where several trials share one source. Both sides are read from the tables when None
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
        """The trial of any history and what was bought beside it (customer_id, product_id); see `load`."""
        sold = known.buyers > 0
        if candidates is not None:
            ids = candidates["product_id"] if isinstance(candidates, pd.DataFrame) else candidates
            number = known.product_number(ids)
            sold = sold & np.isin(np.arange(len(sold)), number)
            bought = bought[bought.product_id.isin(ids)]
        row = known.customers.get_indexer(bought.customer_id)
        truth = bought.assign(kind=_kind(known, row, known.products.get_indexer(bought.product_id)))
        old, new = (truth[part].reset_index(drop=True) for part in (row >= 0, row < 0))
        return cls(known, old, known.products[sold], new, k, seed)

    @property
    def strangers(self) -> int:
        """Number of customers whose first purchase came after the cut."""
        return self.newcomers.customer_id.nunique()

    def of_newcomers(self) -> "Trial":
        """The trial of the customers whose first purchase came after the cut: no history can serve them."""
        return replace(self, truth=self.newcomers)

    def of_launches(self) -> "Trial":
        """The trial of the products first sold after the cut, ranked among all that were never sold before.

        Only what products are can tell them apart; purchases cannot. Compare with `repeat="new"`.
        """
        unsold = self.history.products[self.history.buyers == 0]
        truth = self.truth[(self.truth.kind == UNSEEN) & self.truth.product_id.isin(unsold)]
        return replace(self, truth=truth.reset_index(drop=True), candidates=unsold)

    def purchases(self) -> pd.DataFrame:
        """What known customers bought after the cut, by kind.

        Returns
        -------
        DataFrame : kind, products (distinct products a customer, mean over those who bought), low, high, share (of all)
        """
        columns = ["kind", "products", "low", "high", "share"]
        kinds = [AGAIN, NEW, UNSEEN] if len(self.truth) else []
        customer = pd.factorize(self.truth.customer_id)[0]
        size = customer.max(initial=-1) + 1
        counts = [np.bincount(customer[self.truth.kind == kind], minlength=size) for kind in kinds]
        means = [bootstrap_mean(count, seed=self.seed) for count in counts]
        rows = [
            (kind, m.estimate, m.low, m.high, count.sum() / len(self.truth))
            for kind, m, count in zip(kinds, means, counts, strict=True)
        ]
        return pd.DataFrame(rows, columns=columns)

    def wanted(self, repeat: Repeat) -> pd.DataFrame:
        """What a list of this kind should have named: customer_id, product_id, kind."""
        return self.truth[self.truth.kind != AGAIN] if repeat == "new" else self.truth

    def score(
        self, model: Recommender, repeat: Repeat = "allow"
    ) -> tuple[pd.DataFrame, dict[str, float]]:
        """The metrics of each customer for a fitted model, and what its lists contain."""
        found = self._found[repeat == "new"]
        lists = model.lists(found.customers, self.k, repeat, self._allowed)
        place, rank, again = found.of(lists)
        scores = ranking_of_hits(found.customers, found.relevant, place, rank, k=self.k)
        for name, part, wanted in (
            ("recall_again", again, found.again),
            ("recall_new", ~again, ~found.again),
        ):
            total = np.bincount(found.place[wanted], minlength=len(scores))
            right = np.bincount(place[part], minlength=len(scores))
            scores[name] = np.where(total > 0, right / np.maximum(total, 1), np.nan)
        return scores, reach(lists, self.history, len(self.candidates))

    def ndcg(self, model: Recommender, repeat: Repeat = "allow") -> pd.Series:
        """The NDCG of each customer for a fitted model."""
        found = self._found[repeat == "new"]
        place, rank, _ = found.of(model.lists(found.customers, self.k, repeat, self._allowed))
        return ranking_of_hits(found.customers, found.relevant, place, rank, k=self.k).ndcg

    @cached_property
    def _allowed(self) -> np.ndarray:
        """One flag a product of the history: is it a candidate?"""
        return np.isin(
            np.arange(len(self.history.products)), self.history.product_number(self.candidates)
        )

    @cached_property
    def _found(self) -> tuple["_Wanted", "_Wanted"]:
        """What was to be found, all of it and what was new, ready to be looked up."""
        return _Wanted(self.wanted("allow"), self.history), _Wanted(
            self.wanted("new"), self.history
        )

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
        naive = {POPULAR: MostPopular()} | (
            {} if repeat == "new" else {PERSONAL: PersonalFrequency()}
        )
        scores, contents, refused = {}, {}, {}
        for name, model in (naive | dict(models)).items():
            try:
                scores[name], contents[name] = self.score(model.fit_history(self.history), repeat)
            except TableError as error:
                refused[name] = str(error)
        baseline = max(naive, key=lambda name: scores[name].ndcg.mean() if len(scores[name]) else 0)
        table = pd.concat(
            [frame.assign(model=name) for name, frame in scores.items()], ignore_index=True
        )
        wanted = self.wanted(repeat)
        return Scoreboard(
            summary(table, contents, list(naive), baseline, self.seed),
            table.assign(known=self._known[self.history.number(table.customer_id)]), naive | dict(models),
            pd.DataFrame({"model": refused.keys(), "why": refused.values()}), baseline, wanted.customer_id.nunique(),
            float((wanted.kind == UNSEEN).mean()) if len(wanted) else 0.0, self.k,
        )  # fmt: skip

    @cached_property
    def _known(self) -> np.ndarray:
        """Products that each customer number had bought; the last, 0, is for nobody."""
        return np.bincount(self.history.row, minlength=len(self.history.customers) + 1)


class _Wanted:
    """What was to be found, by customer: a product that no history holds can be wanted but not found."""

    def __init__(self, wanted: pd.DataFrame, history: History) -> None:
        self.place, self.customers = pd.factorize(pd.Index(wanted.customer_id), sort=True)
        self.relevant = np.bincount(self.place, minlength=len(self.customers))
        self.again, self.width = (wanted.kind == AGAIN).to_numpy(), len(history.products)
        col = history.products.get_indexer(wanted.product_id)
        key = np.where(col >= 0, self.place * self.width + col, -1)
        order = np.argsort(key)
        self.key, self.is_again = key[order], self.again[order]

    def of(self, lists: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Place of the customer and rank of every right product of the lists, and whether it was bought before."""
        place = lists._place.to_numpy()
        key = place * self.width + lists._col.to_numpy()
        spot = np.minimum(np.searchsorted(self.key, key), max(len(self.key) - 1, 0))
        right = self.key[spot] == key if len(self.key) else np.zeros(len(key), dtype=bool)
        return place[right], lists["rank"].to_numpy()[right], self.is_again[spot[right]]


def compare(
    models: Mapping[str, Recommender], split: Split, *, repeat: Repeat = "allow", **options: Any
) -> Scoreboard:
    """The scoreboard of several models on one time split: `Trial.load(split, **options).compare(models)`."""
    return Trial.load(split, **options).compare(models, repeat=repeat)


def _kind(history: History, row: np.ndarray, col: np.ndarray) -> pd.Categorical:
    sold = (col >= 0) & (history.buyers[col] > 0)
    again = history.find(row, col) >= 0
    return pd.Categorical.from_codes(
        np.where(~sold, 2, np.where(again, 0, 1)), [AGAIN, NEW, UNSEEN]
    )
