"""Factors learned and kept on a Spark cluster: only what is asked for comes to Python, as points and purchases."""

from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from personalize.recommenders.history import History, catalogue, nothing_bought
from personalize.tables import Tables

__all__ = ["Cluster"]


@dataclass(frozen=True, eq=False)
class Cluster:
    """What alternating least squares learned from a source in Spark.

    Attributes
    ----------
    known : the source up to `as_of`
    as_of : the last known day
    people : number of customers who bought
    someone : the id of one of them
    customers : relation of the points of customers (customer_id, features)
    products : sorted ids, also of what was never sold
    points : one row a product; 0 for one never sold
    buyers : number of customers who bought each product
    """

    known: Tables
    as_of: pd.Timestamp
    people: int
    someone: Any
    customers: str
    products: pd.Index
    points: np.ndarray
    buyers: np.ndarray

    @classmethod
    def learn(cls, tables: Tables, *, as_of: Any, size: int, **settings: Any) -> "Cluster":
        """Learn on the cluster from everything known at the end of the day `as_of`; settings as of `mllib.factors`."""
        from personalize.engine import mllib

        known, engine = tables.until(as_of), tables.engine
        sold, as_of = known.query("recommender_buyers"), pd.Timestamp(as_of).normalize()
        if sold.empty:
            raise nothing_bought(as_of)
        pairs = (
            files("personalize")
            .joinpath("sql", "recommender_pairs.sql")
            .read_text(encoding="utf-8")
        )
        customers, products = mllib.factors(
            engine, pairs.format_map(known.relations), size=size, **settings
        )
        people = engine.frame(f"select count(*) as n, min(customer_id) as first from {customers}")
        ids = catalogue(known, sold.product_id)
        buyers = sold.set_index("product_id").buyers.reindex(ids, fill_value=0).to_numpy()
        points = _aligned(
            engine.frame(f"select product_id as id, features from {products}"), ids, size
        )
        return cls(known, as_of, people.n[0], people["first"][0], customers, ids, points, buyers)

    def everyone(self) -> pd.Index:
        """The ids of all customers with a point; a TableError where they are too many for memory."""
        found = self.known.engine.frame(
            f"select customer_id from {self.customers} order by customer_id"
        )
        return pd.Index(found.customer_id)

    def part(self, ids: pd.Index) -> tuple[History, np.ndarray]:
        """The purchases of the customers asked for, beside what all customers buy, and their points.

        `someone` is there unasked, so that there is always a purchase.
        """
        engine, relations = self.known.engine, self.known.relations
        asked = engine.register("asked_for", pd.DataFrame({"customer_id": [*ids, self.someone]}))
        where = f"customer_id in (select customer_id from {asked})"
        orders = engine.view(
            "orders_of_the_asked", f"select * from {relations['orders']} where {where}"
        )
        history = History.of(
            replace(self.known, relations={**relations, "orders": orders}), self.as_of
        )
        col = self.products.get_indexer(history.products[history.col]).astype(np.int32)
        history = replace(history, products=self.products, col=col)
        history.__dict__.update(buyers=self.buyers, people=self.people)  # of all, not of the asked
        points = engine.frame(
            f"select customer_id as id, features from {self.customers} where {where}"
        )
        return history, _aligned(points, history.customers, self.points.shape[1])


def _aligned(found: pd.DataFrame, ids: pd.Index, size: int) -> np.ndarray:
    """The points in the order of the ids, 0 where there is none."""
    points = np.zeros((len(ids), size), np.float32)
    points[ids.get_indexer(found.id)] = np.stack(found.features)
    return points
