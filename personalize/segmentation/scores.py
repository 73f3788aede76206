"""RFM scores by frozen cuts, and the named segments that a table of rules gives to the 125 cells."""

from dataclasses import asdict, dataclass
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from personalize.segmentation import _artefact, scoring_sql
from personalize.tables import TableError

_METRICS = ("recency_days", "frequency", "monetary")
_QUANTILES = (0.2, 0.4, 0.6, 0.8)
_MAP_COLUMNS = (
    "rank", "segment", "recency_low", "recency_high", "value_low", "value_high", "meaning", "treatment",
)  # fmt: skip


@dataclass(frozen=True)
class Cuts:
    """Four cuts a metric: fixed borders of the scores 1 to 5, to be kept and used again.

    Attributes
    ----------
    recency_days, frequency, monetary : four ascending values each, in days, purchases and money
    n_customers : customers they were learned from
    as_of, window_days : day and look-back window of the table they were learned from (0: whole history);
        use them only on tables with the same window
    """

    recency_days: tuple[float, ...]
    frequency: tuple[float, ...]
    monetary: tuple[float, ...]
    n_customers: int
    as_of: str = ""
    window_days: int = 0

    def table(self) -> pd.DataFrame:
        """One row a score: the values of each metric that receive it (`_above` exclusive, `_to` inclusive)."""
        return pd.DataFrame({"score": range(1, 6)} | {
            f"{metric}_{side}": bounds
            for metric in _METRICS
            for side, bounds in zip(("above", "to"), _bounds(metric, getattr(self, metric)), strict=True)
        })  # fmt: skip

    def ranges(self) -> pd.DataFrame:
        """The same in words: one row a score, such as '4 to 9'; 'nobody' where ties leave a score empty."""
        words = {"score": list(range(1, 6))}
        for metric in _METRICS:
            whole = metric != "monetary"
            above, to = _bounds(metric, getattr(self, metric))
            words[metric] = [
                _range(low, high, whole=whole) for low, high in zip(above, to, strict=True)
            ]
        return pd.DataFrame(words)

    def save(self, path: str | Path) -> Path:
        """Write the cuts as JSON; `Cuts.load` reads them back unchanged."""
        return _artefact.write(path, "rfm_cuts", asdict(self))

    @classmethod
    def load(cls, path: str | Path) -> "Cuts":
        """Read cuts that were saved; another kind of file or version is refused with a TableError."""
        found = _artefact.read(path, "rfm_cuts", set(cls.__dataclass_fields__))
        return cls(
            **{
                key: tuple(value) if isinstance(value, list) else value
                for key, value in found.items()
            }
        )


def _bounds(metric: str, cuts: tuple[float, ...]) -> tuple[list[float], list[float]]:
    edges = [-np.inf, *cuts, np.inf]
    above, to = edges[:-1], edges[1:]
    return (above[::-1], to[::-1]) if metric == "recency_days" else (above, to)


def _range(above: float, to: float, *, whole: bool) -> str:
    """The values above one border, up to and including the other.

    >>> _range(3, 9, whole=True), _range(9, 9, whole=True), _range(25, np.inf, whole=True)
    ('4 to 9', 'nobody', '26 or more')
    """
    if above == to:
        return "nobody"
    low, high = (
        (f"{np.floor(above) + 1:,.0f}", f"{to:,.0f}")
        if whole
        else (f"above {above:,.2f}", f"{to:,.2f}")
    )
    if to == np.inf:
        return f"{low} or more" if whole else low
    return f"up to {high}" if above == -np.inf else high if low == high else f"{low} to {high}"


class RFM(BaseEstimator):
    """Scores 1 to 5 for recency, frequency and monetary value, and a named segment for each customer.

    Parameters
    ----------
    cuts : Cuts to use as they are; None to learn quintiles from the table given to `fit`
    names : the table of named segments: a CSV file, a DataFrame, or None for the one in the package
        (see `segment_map`)

    Attributes
    ----------
    cuts_ : Cuts
    names_ : the checked table of named segments

    Notes
    -----
    A cut is the smallest observed value that at least 20, 40, 60, 80 % of the customers do not exceed.
    Tie rule: the score of frequency and of money is 1 + the number of cuts below the value; of recency 5 minus
    that number. So equal values always receive equal scores, scores are monotone in the metric, and where many
    customers share one value the groups are unequal and a score may stay empty. 5 is always best.

    Examples
    --------
    >>> rfm = pd.DataFrame({"customer_id": range(5), "recency_days": [0, 3, 9, 30, 200],
    ...                     "frequency": [40, 12, 5, 2, 1], "monetary": [900.0, 300, 80, 20, 5]})
    >>> RFM().fit(rfm).assign(rfm)[["cell", "segment"]].head(3).to_dict("list")
    {'cell': ['555', '444', '333'], 'segment': ['Champions', 'Loyal', 'Cooling']}
    """

    def __init__(
        self, *, cuts: Cuts | None = None, names: "pd.DataFrame | str | Path | None" = None
    ) -> None:
        self.cuts = cuts
        self.names = names

    def fit(self, rfm: pd.DataFrame, *, as_of: Any = "", window_days: int = 0) -> "RFM":
        """Learn the cuts, unless they were given; `as_of` and `window_days` are noted in them.

        Raises
        ------
        TableError : when a column is missing or has gaps, or there are fewer than five customers.
        """
        check_rfm(rfm)
        if self.cuts is None and len(rfm) < 5:
            raise TableError(
                f"RFM scores rank customers against each other: {len(rfm)} customer(s) found, 5 or more needed. "
                "Take a longer period, or give frozen cuts"
            )
        self.cuts_ = self.cuts or _learn(rfm, str(as_of)[:10], window_days)
        self.names_ = segment_map(self.names)
        return self

    def freeze(self) -> "RFM":
        """The same object ready to assign with the cuts that were given; nothing is learned."""
        self.cuts_ = self.cuts or _refuse_unfitted()
        self.names_ = segment_map(self.names)
        return self

    def assign(self, rfm: pd.DataFrame) -> pd.DataFrame:
        """Scores and segment of each customer, in the order given.

        Returns
        -------
        DataFrame, one row a customer
            - customer_id
            - recency_score, frequency_score, monetary_score : 1 to 5, 5 is best
            - cell : the three scores as text, such as '543'
            - segment : name by `names_`
        """
        check_rfm(rfm)
        if not hasattr(self, "cuts_"):
            self.freeze()
        scores = np.column_stack([_score(metric, rfm[metric], self.cuts_) for metric in _METRICS])
        columns = {
            f"{metric.removesuffix('_days')}_score": scores[:, i]
            for i, metric in enumerate(_METRICS)
        }
        owners = _owners(self.names_)
        at = (scores - 1) @ [25, 5, 1]
        cell = pd.array([_text(cell) for cell in owners], dtype="str").take(at)
        segment = pd.array([rows[0].segment for rows in owners.values()], dtype="str").take(at)
        return pd.DataFrame(
            {"customer_id": rfm.customer_id.to_numpy(), **columns, "cell": cell, "segment": segment}
        )

    def sql(self, relation: str) -> str:
        """A query that scores the customers of a relation inside the engine, with the columns that `assign` gives.

        Parameters
        ----------
        relation : name of a relation, or a query in brackets, with customer_id, recency_days, frequency and monetary
        """
        if not hasattr(self, "cuts_"):
            self.freeze()
        named = [f"{metric.removesuffix('_days')}_score" for metric in _METRICS]
        scores = ", ".join(f"{scoring_sql.score(metric, getattr(self.cuts_, metric))} as {name}"
                           for metric, name in zip(_METRICS, named, strict=True))  # fmt: skip
        segment = scoring_sql.segment(list(self.names_.itertuples()))
        cell = f"cast({named[0]} * 100 + {named[1]} * 10 + {named[2]} as string)"
        return (
            f"select customer_id, {', '.join(named)}, {cell} as cell, {segment} as segment "
            f"from (select customer_id, {scores} from {relation}) as scores"
        )

    def table(self) -> pd.DataFrame:
        """The borders of the scores (see `Cuts.table`)."""
        return self.cuts_.table() if hasattr(self, "cuts_") else _refuse_unfitted()


def segment_map(names: "pd.DataFrame | str | Path | None" = None) -> pd.DataFrame:
    """The table of named segments, checked: every cell in exactly one segment, better scores never a worse one.

    Parameters
    ----------
    names : a CSV file or DataFrame of your own; None for the table in the package. Columns: rank (1 is best),
        segment, recency_low, recency_high (recency score, 1 to 5), value_low, value_high (frequency score +
        monetary score, 2 to 10), meaning, treatment

    Returns
    -------
    DataFrame ordered by rank

    Raises
    ------
    TableError : listing every column that is missing and every cell without a segment, in two segments, or
        where a better score leads to a worse rank.

    Examples
    --------
    >>> segment_map().segment.tolist()[:3]
    ['Champions', 'Loyal', 'Promising']
    """
    found = names if isinstance(names, pd.DataFrame) else _read_map(names)
    if missing := [column for column in _MAP_COLUMNS if column not in found.columns]:
        raise TableError(
            f"the table of named segments lacks {missing}. Present: {list(found.columns)}"
        )
    found = found[list(_MAP_COLUMNS)].sort_values("rank", ignore_index=True)
    if problems := _map_problems(found):
        raise TableError.of("the table of named segments does not hold together:", problems)
    return found


def check_rfm(rfm: pd.DataFrame) -> None:
    """Refuse a table that is not one row a customer with the three metrics, all problems in one message."""
    if missing := [column for column in ("customer_id", *_METRICS) if column not in rfm.columns]:
        raise TableError(
            f"an RFM table needs {missing}; make it with features.rfm. Present: {list(rfm.columns)}"
        )
    problems = [
        f"{rfm[metric].isna().sum():,} of {len(rfm):,} customers have no {metric}"
        for metric in _METRICS
        if rfm[metric].isna().any()
    ]
    if repeated := int(rfm.customer_id.duplicated().sum()):
        problems.append(
            f"{repeated:,} customer(s) occur more than once: one row a customer is needed"
        )
    if problems:
        raise TableError.of("the RFM table cannot be scored:", problems)


def _learn(rfm: pd.DataFrame, as_of: str, window_days: int) -> Cuts:
    cuts = {
        metric: tuple(
            float(q)
            for q in np.quantile(rfm[metric].to_numpy(float), _QUANTILES, method="inverted_cdf")
        )
        for metric in _METRICS
    }
    return Cuts(**cuts, n_customers=len(rfm), as_of=as_of, window_days=int(window_days or 0))


def _score(metric: str, values: pd.Series, cuts: Cuts) -> np.ndarray:
    below = np.searchsorted(getattr(cuts, metric), values.to_numpy(float), side="left")
    return 5 - below if metric == "recency_days" else below + 1


def _read_map(path: str | Path | None) -> pd.DataFrame:
    source = Path(path) if path else files("personalize").joinpath("segmentation", "segments.csv")
    if not source.is_file():
        raise TableError(
            f"the table of named segments '{source}' does not exist: give a CSV file, or None"
        )
    with source.open(encoding="utf-8") as handle:
        return pd.read_csv(handle)


def _owners(names: pd.DataFrame) -> dict[tuple[int, ...], list]:
    """The rows of the map that claim each of the 125 cells (recency, frequency, monetary)."""
    rows = list(names.itertuples(index=False))
    return {
        cell: [row for row in rows if row.recency_low <= cell[0] <= row.recency_high
               and row.value_low <= cell[1] + cell[2] <= row.value_high]
        for cell in product(range(1, 6), repeat=3)
    }  # fmt: skip


def _map_problems(names: pd.DataFrame) -> list[str]:
    owners = _owners(names)
    problems = [f"cell {_text(cell)} has no segment" for cell, rows in owners.items() if not rows]
    problems += [f"cell {_text(cell)} is in {' and '.join(row.segment for row in rows)}"
                 for cell, rows in owners.items() if len(rows) > 1]  # fmt: skip
    return problems or _order_problems({cell: rows[0] for cell, rows in owners.items()})


def _order_problems(owner: dict[tuple[int, ...], Any]) -> list[str]:
    steps = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    pairs = [
        (cell, tuple(a + b for a, b in zip(cell, step, strict=True)))
        for cell in owner
        for step in steps
    ]
    return [
        f"cell {_text(better)} is better than {_text(cell)}, yet '{owner[better].segment}' ranks below "
        f"'{owner[cell].segment}'"
        for cell, better in pairs
        if better in owner and owner[better].rank > owner[cell].rank
    ]


def _text(cell: tuple[int, ...]) -> str:
    return "".join(map(str, cell))


def _refuse_unfitted() -> None:
    raise TableError(
        "RFM has no cuts yet: call fit(rfm) first, or give RFM(cuts=Cuts.load('cuts.json'))"
    )
