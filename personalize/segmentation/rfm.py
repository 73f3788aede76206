"""RFM scores by frozen cuts, and the named segments that a table of rules gives to the cells of
scores.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from personalize.segmentation import deployment
from personalize.tables import TableError, require_fitted

METRICS = ("recency_days", "frequency", "monetary")
SCORES = ("recency_score", "frequency_score", "monetary_score")
_NAMED = 5  # levels of the scores that the table of named segments speaks of
_MAP_COLUMNS = [
    "rank",
    "segment",
    "recency_low",
    "recency_high",
    "value_low",
    "value_high",
    "meaning",
    "treatment",
]


@dataclass(frozen=True)
class Cuts(deployment.Saved):
    """The cuts of each metric: fixed borders of the scores, to be kept and used again.

    They are saved by `cuts.save("cuts.json")`, read by `Cuts.load("cuts.json")` and used by
    `RFM(cuts=...)`.

    Attributes
    ----------
    recency_days, frequency, monetary : ascending values, one fewer than levels, in days, purchases
        and money
    n_customers : customers they were learned from
    as_of, window_days : day and look-back window of the table they were learned from (0: whole
        history); use them only on tables with the same window
    """

    KIND: ClassVar[str] = "rfm_cuts"
    KEYS: ClassVar[tuple[str, ...]] = (*METRICS, "n_customers", "as_of", "window_days")

    recency_days: tuple[float, ...]
    frequency: tuple[float, ...]
    monetary: tuple[float, ...]
    n_customers: int
    as_of: str = ""
    window_days: int = 0

    @property
    def levels(self) -> int:
        """The number of scores of each metric."""
        return len(self.recency_days) + 1

    def table(self) -> pd.DataFrame:
        """One row a score: the values of each metric that receive it (`_above` exclusive, `_to`
        inclusive).
        """
        borders = pd.DataFrame({"score": range(1, self.levels + 1)})
        for metric in METRICS:
            borders[f"{metric}_above"], borders[f"{metric}_to"] = self._bounds(metric)
        return borders

    def ranges(self) -> pd.DataFrame:
        """The same in words: one row a score, such as '4 to 9'; 'nobody' where ties leave a score
        empty.
        """
        words = pd.DataFrame({"score": range(1, self.levels + 1)})
        for metric in METRICS:
            say = _money_range if metric == "monetary" else _range
            words[metric] = list(map(say, *self._bounds(metric)))
        return words

    def state(self) -> dict[str, Any]:
        """The cuts as plain values."""
        return asdict(self)

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Cuts":
        """The cuts that `state` describes."""
        values = cls.complete(state)
        for metric in METRICS:
            values[metric] = tuple(values[metric])
        return cls(**values)

    def score(self, rfm: pd.DataFrame) -> np.ndarray:
        """The scores of each customer, one column a metric."""
        scores = np.empty((len(rfm), len(METRICS)), np.int64)
        for at, metric in enumerate(METRICS):
            below = np.searchsorted(getattr(self, metric), rfm[metric].to_numpy(float), side="left")
            scores[:, at] = self.levels - below if metric == "recency_days" else below + 1
        return scores

    def _bounds(self, metric: str) -> tuple[list[float], list[float]]:
        edges = [-np.inf, *getattr(self, metric), np.inf]
        above, to = edges[:-1], edges[1:]
        return (above[::-1], to[::-1]) if metric == "recency_days" else (above, to)


def _range(above: float, to: float) -> str:
    """The whole numbers above one border, up to and including the other.

    >>> _range(3, 9), _range(9, 9), _range(25, np.inf)
    ('4 to 9', 'nobody', '26 or more')
    """
    if above == to:
        return "nobody"
    if above == -np.inf:
        return f"up to {to:,.0f}"
    low = np.floor(above) + 1
    if to == np.inf:
        return f"{low:,.0f} or more"
    return f"{to:,.0f}" if low == to else f"{low:,.0f} to {to:,.0f}"


def _money_range(above: float, to: float) -> str:
    if above == to:
        return "nobody"
    if above == -np.inf:
        return f"up to {to:,.2f}"
    return f"above {above:,.2f}" + (f" to {to:,.2f}" if to < np.inf else "")


class RFM(BaseEstimator):
    """Scores for recency, frequency and monetary value, 1 to `levels`, and a named segment for each
    customer.

    Parameters
    ----------
    levels : number of scores of each metric, 2 to 10
    cuts : Cuts to use as they are, which also say how many levels there are; None to learn
        quantiles from the table given to `fit`
    names : the table of named segments: a CSV file, a DataFrame, or None for the one in the package
        (see `segment_map`)

    Attributes
    ----------
    cuts_ : Cuts
    names_ : the checked table of named segments

    Notes
    -----
    A cut is the smallest observed value that at least 1/L, 2/L, ... of the customers do not exceed,
    L the number of levels. Tie rule: the score of frequency and of money is 1 + the number of cuts
    below the value; of recency L minus that number. So equal values always receive equal scores,
    scores are monotone in the metric, and where many customers share one value the groups are
    unequal and a score may stay empty. L is always best. The table of named segments speaks of five
    levels. With other numbers a score s is first put on that scale, 1 + 4 (s - 1) / (L - 1),
    rounded (halves up): the lowest stays the lowest, the highest the highest.
    *In the engine*: `sql(relation)` writes the fitted rules as a query. *On disk*:
    `cuts_.save(path)`.

    Examples
    --------
    >>> rfm = pd.DataFrame({"customer_id": range(5), "recency_days": [0, 3, 9, 30, 200],
    ...                     "frequency": [40, 12, 5, 2, 1], "monetary": [900.0, 300, 80, 20, 5]})
    >>> RFM().fit(rfm).assign(rfm)[["cell", "segment"]].head(3).to_dict("list")
    {'cell': ['555', '444', '333'], 'segment': ['Champions', 'Loyal', 'Cooling']}
    >>> RFM(levels=3).fit(rfm).assign(rfm).cell.tolist()
    ['333', '322', '222', '211', '111']
    """

    def __init__(
        self,
        levels: int = 5,
        *,
        cuts: Cuts | None = None,
        names: "pd.DataFrame | str | Path | None" = None,
    ) -> None:
        self.levels = levels
        self.cuts = cuts
        self.names = names

    def fit(
        self, rfm: pd.DataFrame, y: Any = None, *, as_of: Any = "", window_days: int = 0
    ) -> "RFM":
        """Learn the cuts, unless they were given; `as_of` and `window_days` are noted in them.

        Raises
        ------
        TableError : when a column is missing or has gaps, `levels` is no whole number from 2 to 10,
            or there are fewer customers than levels.
        """
        check_rfm(rfm)
        self.cuts_ = self.cuts or self._learn(rfm, str(as_of)[:10], int(window_days or 0))
        self.names_ = segment_map(self.names)
        return self

    def assign(self, rfm: pd.DataFrame) -> pd.DataFrame:
        """Scores and segment of each customer, in the order given; with given `cuts` also before
        `fit`.

        Returns
        -------
        DataFrame, one row a customer
            - customer_id
            - recency_score, frequency_score, monetary_score : 1 to `levels`, the highest is best
            - cell : the three scores as text, such as '543' ('10-4-3' where there are ten levels)
            - segment : name by `names_`
        """
        self.freeze()
        check_rfm(rfm)
        levels, scores = self.cuts_.levels, self.cuts_.score(rfm)
        between = "-" if levels > 9 else ""
        cells = [between.join(map(str, cell)) for cell in product(range(1, levels + 1), repeat=3)]
        owner = _claims(self.names_).argmax(axis=0)
        segments = pd.array(self.names_.segment.to_numpy()[owner], dtype="str")
        named = _on_five(scores, levels)
        found = pd.DataFrame(scores, columns=list(SCORES))
        found.insert(0, "customer_id", rfm.customer_id.to_numpy())
        found["cell"] = pd.array(cells, dtype="str").take((scores - 1) @ [levels**2, levels, 1])
        found["segment"] = segments.take((named - 1) @ [25, 5, 1])
        return found

    def sql(self, relation: str) -> str:
        """A query that scores the customers of a relation inside the engine, with the columns that
        `assign` gives.

        Parameters
        ----------
        relation : name of a relation, or a query in brackets, with customer_id, recency_days,
            frequency and monetary
        """
        self.freeze()
        levels = self.cuts_.levels
        between = "'-'" if levels > 9 else "''"
        scores, texts, named = [], [], []
        for metric, name in zip(METRICS, SCORES, strict=True):
            scores.append(f"{deployment.score(metric, getattr(self.cuts_, metric))} as {name}")
            texts.append(f"cast({name} as string)")
            raised = f"(8e0 * ({name} - 1) + {levels - 1}) / {2 * (levels - 1)}"
            named.append(name if levels == _NAMED else f"(1 + cast(floor({raised}) as int))")
        cell = f"concat({f', {between}, '.join(texts)})"
        segment = deployment.segment(self.names_, named[0], f"{named[1]} + {named[2]}")
        return (
            f"select customer_id, {', '.join(SCORES)}, {cell} as cell, {segment} as segment "
            f"from (select customer_id, {', '.join(scores)} from {relation}) as scores"
        )

    def table(self) -> pd.DataFrame:
        """The borders of the scores (see `Cuts.table`)."""
        self.freeze()
        return self.cuts_.table()

    def freeze(self) -> "RFM":
        """The same object, ready to assign with the cuts that were given: nothing is learned."""
        if self.cuts is not None and not hasattr(self, "cuts_"):
            self.cuts_, self.names_ = self.cuts, segment_map(self.names)
        require_fitted(self, "cuts_")
        return self

    def _learn(self, rfm: pd.DataFrame, as_of: str, window_days: int) -> Cuts:
        if self.levels not in range(2, 11):
            raise TableError(
                f"levels = {self.levels!r}: give a whole number of scores from 2 to 10"
            )
        if len(rfm) < self.levels:
            raise TableError(
                f"RFM scores rank customers against each other: {len(rfm)} customer(s) found, "
                f"{self.levels} or more needed. Take a longer period, or give frozen cuts"
            )
        shares = np.arange(1, self.levels) / self.levels
        cuts = {}
        for metric in METRICS:
            values = rfm[metric].to_numpy(float)
            cuts[metric] = tuple(np.quantile(values, shares, method="inverted_cdf").tolist())
        return Cuts(**cuts, n_customers=len(rfm), as_of=as_of, window_days=window_days)


def segment_map(names: "pd.DataFrame | str | Path | None" = None) -> pd.DataFrame:
    """The table of named segments, checked: every cell in exactly one segment, better scores never
    a worse one.

    Parameters
    ----------
    names : a CSV file or DataFrame of your own; None for the table in the package. Columns: rank (1
        is best), segment, recency_low, recency_high (recency score, 1 to 5), value_low, value_high
        (frequency score + monetary score, 2 to 10), meaning, treatment

    Returns
    -------
    DataFrame ordered by rank

    Raises
    ------
    TableError : listing every column that is missing and every cell without a segment, in two
        segments, or where a better score leads to a worse rank.

    Examples
    --------
    >>> segment_map().segment.tolist()[:3]
    ['Champions', 'Loyal', 'Promising']
    """
    found = names if isinstance(names, pd.DataFrame) else _read_map(names)
    missing = [column for column in _MAP_COLUMNS if column not in found.columns]
    if missing:
        raise TableError(
            f"the table of named segments lacks {missing}. Present: {list(found.columns)}"
        )
    found = found[_MAP_COLUMNS].sort_values("rank", ignore_index=True)
    problems = _hole_problems(found) or _order_problems(found)
    if problems:
        raise TableError.of("the table of named segments does not hold together:", problems)
    return found


def check_rfm(rfm: pd.DataFrame) -> None:
    """Refuse a table that is not one row a customer with the three metrics, all problems in one
    message.
    """
    if not isinstance(rfm, pd.DataFrame):
        raise TableError(
            f"an RFM table is needed, not a {type(rfm).__name__}: make one with "
            "pz.features.rfm(tables, as_of=...)"
        )
    missing = [column for column in ("customer_id", *METRICS) if column not in rfm.columns]
    if missing:
        raise TableError(
            f"an RFM table needs {missing}; make it with features.rfm. Present: {list(rfm.columns)}"
        )
    problems = []
    for metric, gaps in rfm[list(METRICS)].isna().sum().items():
        if gaps:
            problems.append(f"{gaps:,} of {len(rfm):,} customers have no {metric}")
    repeated = int(rfm.customer_id.duplicated().sum())
    if repeated:
        problems.append(
            f"{repeated:,} customer(s) occur more than once: one row a customer is needed"
        )
    if problems:
        raise TableError.of("the RFM table cannot be scored:", problems)


def _on_five(scores: np.ndarray, levels: int) -> np.ndarray:
    """Scores 1 to `levels` on the scale 1 to 5, the ends kept.

    >>> _on_five(np.arange(1, 4), 3).tolist(), _on_five(np.arange(1, 11), 10).tolist()
    ([1, 3, 5], [1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
    """
    return 1 + (2 * (_NAMED - 1) * (scores - 1) + levels - 1) // (2 * (levels - 1))


def _read_map(path: str | Path | None) -> pd.DataFrame:
    source = Path(path) if path else files("personalize").joinpath("segmentation", "segments.csv")
    if not source.is_file():
        raise TableError(
            f"the table of named segments '{source}' does not exist: give a CSV file, or None"
        )
    with source.open(encoding="utf-8") as handle:
        return pd.read_csv(handle)


_CELLS = np.array(list(product(range(1, _NAMED + 1), repeat=3)))


def _claims(names: pd.DataFrame) -> np.ndarray:
    """Which row of the map (rows) claims which of the 125 cells (columns)."""
    recency, value = _CELLS[:, 0], _CELLS[:, 1] + _CELLS[:, 2]
    low, high, least, most = (
        names[["recency_low", "recency_high", "value_low", "value_high"]].to_numpy().T[:, :, None]
    )
    return (low <= recency) & (recency <= high) & (least <= value) & (value <= most)


def _hole_problems(names: pd.DataFrame) -> list[str]:
    problems = []
    for cell, claimed in zip(_CELLS, _claims(names).T, strict=True):
        owners = names.segment[claimed]
        if owners.empty:
            problems.append(f"cell {_text(cell)} has no segment")
        if len(owners) > 1:
            problems.append(f"cell {_text(cell)} is in {' and '.join(owners)}")
    return problems


def _order_problems(names: pd.DataFrame) -> list[str]:
    owner = _claims(names).argmax(axis=0)
    rank = names["rank"].to_numpy()[owner]
    problems = []
    for at, cell in enumerate(_CELLS):
        for step, metric in ((25, 0), (5, 1), (1, 2)):
            if cell[metric] < _NAMED and rank[at + step] > rank[at]:
                problems.append(
                    f"cell {_text(_CELLS[at + step])} is better than {_text(cell)}, yet "
                    f"'{names.segment[owner[at + step]]}' ranks below '{names.segment[owner[at]]}'"
                )
    return problems


def _text(cell: np.ndarray) -> str:
    return "".join(map(str, cell))
