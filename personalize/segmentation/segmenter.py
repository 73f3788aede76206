"""Everything needed to place a customer, in one object and one file: cuts, segment map, scaler,
centres, newcomers.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from personalize.segmentation.deployment import Saved
from personalize.segmentation.kmeans import KMeansSegments
from personalize.segmentation.rfm import RFM, SCORES, Cuts
from personalize.tables import TableError, require_fitted

SETTLED, TOO_NEW = "settled", "too new"


class Segmenter(Saved, BaseEstimator):
    """Named segment, cluster and state of any customer by frozen rules, kept together in one JSON
    file.

    Parameters
    ----------
    n_segments, log, seed : of the clusters, see `KMeansSegments`
    names : the table of named segments, see `segment_map`
    new_days : a customer whose first purchase is fewer days ago is 'too new': scores and cluster
        are given, but one or two purchases say little yet; 28 are four weeks, 0 switches it off

    Attributes
    ----------
    rfm_ : the fitted `RFM` (cuts and segment map)
    clusters_ : the fitted `KMeansSegments` (scaler and centres)

    Notes
    -----
    *On disk*: `save(path)` writes every rule as one JSON file, `Segmenter.load(path)` places
    customers exactly as the saved object did. *In the engine*: `sql(relation)` writes the same
    rules as a query, for millions of customers.

    Examples
    --------
    >>> rfm = pd.DataFrame({"customer_id": range(6), "recency_days": [1, 2, 1, 90, 80, 99],
    ...                     "frequency": [20, 25, 22, 1, 2, 1],
    ...                     "monetary": [900.0, 800, 950, 10, 20, 15]})
    >>> fitted = Segmenter(n_segments=2).fit(rfm)
    >>> tenure = pd.DataFrame({"customer_id": range(6), "tenure_days": [300, 300, 300, 90, 200, 5]})
    >>> fitted.assign(rfm, tenure)[["segment", "state"]].iloc[-1].tolist()
    ['Low priority', 'too new']
    """

    KIND: ClassVar[str] = "segmenter"
    KEYS: ClassVar[tuple[str, ...]] = ("cuts", "names", "clusters", "new_days")

    def __init__(
        self,
        n_segments: int = 5,
        *,
        names: Any = None,
        new_days: int = 28,
        log: bool = True,
        seed: int = 0,
    ) -> None:
        self.n_segments = n_segments
        self.names = names
        self.new_days = new_days
        self.log = log
        self.seed = seed

    def fit(
        self, rfm: pd.DataFrame, y: Any = None, *, as_of: Any = "", window_days: int = 0
    ) -> "Segmenter":
        """Learn cuts, scaler and centres from an RFM table; `as_of` and `window_days` are noted
        with the cuts.

        Raises
        ------
        TableError : when it is no RFM table, or holds too few customers (see `RFM.fit`,
            `KMeansSegments.fit`).
        """
        self.rfm_ = RFM(names=self.names).fit(rfm, as_of=as_of, window_days=window_days)
        self.clusters_ = KMeansSegments(self.n_segments, log=self.log, seed=self.seed).fit(rfm)
        return self

    def assign(self, rfm: pd.DataFrame, tenure: pd.DataFrame | None = None) -> pd.DataFrame:
        """Place customers, new and changed ones included; nothing is learned.

        Parameters
        ----------
        rfm : RFM table over the same window as the fitted one
        tenure : customer_id and tenure_days, from `features.tenure`; None: nobody is called too new

        Returns
        -------
        DataFrame, one row a customer in the order given: the columns of `RFM.assign`, then cluster,
        and state
            ('settled' or 'too new')
        """
        require_fitted(self, "clusters_")
        placed = self.rfm_.assign(rfm)
        placed["cluster"] = self.clusters_.predict(rfm)
        placed["state"] = SETTLED
        if tenure is not None:
            days = rfm.customer_id.map(tenure.set_index("customer_id").tenure_days)
            unknown = int(days.isna().sum())
            if unknown:
                raise TableError(
                    f"{unknown:,} of {len(rfm):,} customers have no tenure: call features.tenure "
                    "for the same day"
                )
            placed["state"] = np.where(days < self.new_days, TOO_NEW, SETTLED)
        return placed

    def sql(self, relation: str) -> str:
        """A query that gives segment, scores and cluster inside the engine, as `assign` does
        (without the state).
        """
        require_fitted(self, "clusters_")
        return (
            f"select s.*, k.cluster from ({self.rfm_.sql(relation)}) as s "
            f"join ({self.clusters_.sql(relation)}) as k on s.customer_id = k.customer_id"
        )

    def state(self) -> dict[str, Any]:
        """Cuts, map, scaler and centres as plain values."""
        require_fitted(self, "clusters_")
        return {
            "cuts": self.rfm_.cuts_.state(),
            "names": self.rfm_.names_.to_dict("list"),
            "clusters": self.clusters_.state(),
            "new_days": self.new_days,
        }

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Segmenter":
        """The segmenter that `state` describes; a segment map with a hole is refused."""
        found = cls.complete(state)
        clusters, names = KMeansSegments.of(found["clusters"]), pd.DataFrame(found["names"])
        self = cls(
            clusters.n_segments,
            names=names,
            new_days=found["new_days"],
            log=clusters.log,
            seed=clusters.seed,
        )
        self.rfm_ = RFM(cuts=Cuts.of(found["cuts"]), names=names).freeze()
        self.clusters_ = clusters
        return self


def members(assigned: pd.DataFrame, chances: Any, *, as_of: Any) -> pd.DataFrame:
    """The list of members that other chapters read as `segments`.

    Parameters
    ----------
    assigned : what `Segmenter.assign` gave
    chances : what `Churn.predict` gave for the same day, or nothing where it is not available
    as_of : last known day

    Returns
    -------
    DataFrame, one row a customer: customer_id, as_of, state, segment, cluster, recency_score,
    frequency_score,
        monetary_score and, with chances, churn and at_risk (empty for who bought nothing lately)
    """
    columns = ["customer_id", "as_of", "state", "segment", "cluster", *SCORES]
    found = assigned.assign(as_of=as_of)[columns]
    if not isinstance(chances, pd.DataFrame):
        return found
    return found.merge(chances[["customer_id", "churn", "at_risk"]], on="customer_id", how="left")


def newcomers(assigned: pd.DataFrame, *, min_cell: int = 10) -> str:
    """How many customers are too new to be judged, in words; a number below `min_cell` is not
    given.

    >>> newcomers(pd.DataFrame({"state": ["settled"] * 90 + ["too new"] * 10}))
    '10 customers (10.0%) are too new'
    """
    n = int((assigned.state == TOO_NEW).sum())
    if n == 0:
        return "no customer is too new"
    if n < min_cell:
        return f"fewer than {min_cell} are too new"
    return f"{n:,} customers ({n / len(assigned):.1%}) are too new"
