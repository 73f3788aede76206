"""Everything needed to place a customer, in one object and one file: cuts, segment map, scaler, centres, newcomers."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.base import BaseEstimator

from personalize.segmentation import _artefact
from personalize.segmentation.clusters import KMeansSegments
from personalize.segmentation.scores import RFM, Cuts
from personalize.tables import TableError

SETTLED, TOO_NEW = "settled", "too new"
_KEYS = {"cuts", "names", "clusters", "new_days"}


class Segmenter(BaseEstimator):
    """Named segment, cluster and state of any customer by frozen rules, kept together in one JSON file.

    Parameters
    ----------
    n_segments, log, seed : of the clusters, see `KMeansSegments`
    names : the table of named segments, see `segment_map`
    new_days : a customer whose first purchase is fewer days ago is 'too new': scores and cluster are given, but one
        or two purchases say little yet; 28 are four weeks, 0 switches it off

    Attributes
    ----------
    rfm_ : the fitted `RFM` (cuts and segment map)
    clusters_ : the fitted `KMeansSegments` (scaler and centres)

    Examples
    --------
    >>> rfm = pd.DataFrame({"customer_id": range(6), "recency_days": [1, 2, 1, 90, 80, 99],
    ...                     "frequency": [20, 25, 22, 1, 2, 1], "monetary": [900.0, 800, 950, 10, 20, 15]})
    >>> fitted = Segmenter(n_segments=2).fit(rfm)
    >>> tenure = pd.DataFrame({"customer_id": range(6), "tenure_days": [300, 300, 300, 90, 200, 5]})
    >>> fitted.assign(rfm, tenure)[["segment", "state"]].iloc[-1].tolist()
    ['Low priority', 'too new']
    """

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

    def fit(self, rfm: pd.DataFrame, *, as_of: Any = "", window_days: int = 0) -> "Segmenter":
        """Learn cuts, scaler and centres from an RFM table; `as_of` and `window_days` are noted with the cuts."""
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
        DataFrame, one row a customer in the order given: the columns of `RFM.assign`, then cluster, and state
            ('settled' or 'too new')
        """
        self._require_fitted()
        cluster = self.clusters_.assign(rfm).cluster
        return self.rfm_.assign(rfm).assign(cluster=cluster, state=self._state(rfm, tenure))

    def sql(self, relation: str) -> str:
        """A query that gives segment, scores and cluster inside the engine, as `assign` does (without the state)."""
        self._require_fitted()
        return (
            f"select s.*, k.cluster from ({self.rfm_.sql(relation)}) as s "
            f"join ({self.clusters_.sql(relation)}) as k on s.customer_id = k.customer_id"
        )

    def save(self, path: str | Path) -> Path:
        """Write cuts, map, scaler and centres as one JSON file with its version."""
        self._require_fitted()
        content = {
            "cuts": asdict(self.rfm_.cuts_),
            "names": self.rfm_.names_.to_dict("list"),
            "clusters": self.clusters_.state(),
            "new_days": self.new_days,
        }
        return _artefact.write(path, "segmenter", content)

    @classmethod
    def load(cls, path: str | Path) -> "Segmenter":
        """Read a saved segmenter, which places customers exactly as the saved one did.

        Raises
        ------
        TableError : when the file is missing, no JSON, of another kind or version, incomplete, or its segment map
            leaves a hole.
        """
        found = _artefact.read(path, "segmenter", _KEYS)
        clusters = _part(path, found, "clusters", KMeansSegments.STATE)
        cuts = _part(path, found, "cuts", tuple(Cuts.__dataclass_fields__))
        names = pd.DataFrame(found["names"])
        self = cls(clusters["n_segments"], names=names, new_days=found["new_days"], log=clusters["log"],
                   seed=clusters["seed"])  # fmt: skip
        frozen = Cuts(
            **{
                key: tuple(value) if isinstance(value, list) else value
                for key, value in cuts.items()
            }
        )
        self.rfm_, self.clusters_ = (
            RFM(cuts=frozen, names=names).freeze(),
            KMeansSegments.of(clusters),
        )
        return self

    def _state(self, rfm: pd.DataFrame, tenure: pd.DataFrame | None) -> Any:
        if tenure is None:
            return SETTLED
        days = rfm.customer_id.map(tenure.set_index("customer_id").tenure_days)
        if unknown := int(days.isna().sum()):
            raise TableError(
                f"{unknown:,} of {len(rfm):,} customers have no tenure: call features.tenure for the same day"
            )
        return days.lt(self.new_days).map({True: TOO_NEW, False: SETTLED}).to_numpy()

    def _require_fitted(self) -> None:
        if not hasattr(self, "clusters_"):
            raise TableError(
                "Segmenter is not fitted: call fit(rfm) first, or Segmenter.load(path)"
            )


def newcomers(assigned: pd.DataFrame, *, min_cell: int = 10) -> str:
    """How many customers are too new to be judged, in words; a number below `min_cell` is not given.

    >>> newcomers(pd.DataFrame({"state": ["settled"] * 90 + ["too new"] * 10}))
    '10 customers (10.0%) are too new'
    """
    n = int((assigned.state == TOO_NEW).sum())
    if n == 0:
        return "no customer is too new"
    return (
        f"fewer than {min_cell} are too new"
        if n < min_cell
        else f"{n:,} customers ({n / len(assigned):.1%}) are too new"
    )


def _part(path: Any, found: dict, name: str, keys: Any) -> dict:
    if not isinstance(found[name], dict) or (missing := sorted(set(keys) - set(found[name]))):
        lacks = missing if isinstance(found[name], dict) else "everything"
        raise TableError(
            f"'{path}': part '{name}' lacks {lacks}; it was cut short or edited; fit and save again"
        )
    return found[name]
