"""Spark's own models over the rows of a query: frequent itemsets and factors, learned where the
rows are.

They are asked in SQL and answer as relations, so that only what a further query takes of them
leaves the cluster.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from personalize.engine.spark import Spark, _unordered

__all__ = ["factors", "itemsets"]

_CONNECT = "SPARK_CONNECT_MODE_ENABLED"
# points stay with the workers, though
_LARGEST = "spark.connect.session.connectML.mlCache.memoryControl.maxModelSize"
_IDS = (
    "select {side}_id as id, substr(md5(cast({side}_id as string)), 1, 3) as part "
    "from {rows} group by {side}_id"
)
_NUMBERED = """
with ids as ({ids}), parts as (select part, count(*) as n from ids group by part),
bounds as (select part, sum(n) over (order by part) - n as before from parts)
select
    i.id,
    cast(b.before + row_number() over (partition by i.part order by i.id) - 1 as int) as number
from ids i join bounds b on b.part = i.part
"""
_RATED = """
select c.number as customer, p.number as product, cast(r.weight as float) as weight
from {rows} r join {customers} c on c.id = r.customer_id join {products} p on p.id = r.product_id
order by customer, product
"""
_SIDES = ("customer", "product")
_PAIRS_A_BLOCK = 2_000_000


def itemsets(engine: Spark, baskets: str, *, min_count: int, n: int) -> str:
    """The relation of all sets of items that enough baskets hold: items (array, in no order), n.

    Parameters
    ----------
    engine : of Spark
    baskets : query with a column items, an array of different values a basket
    min_count : baskets that hold a set, from 1 to `n`
    n : number of baskets

    Returns
    -------
    str : a relation for this session; every query of it grows the sets anew.

    Notes
    -----
    MLlib takes a share and keeps sets in ceil(share n) baskets; the share (min_count - 1/2) / n is
    exact for any n.

    References
    ----------
    Li et al. (2008), "PFP: parallel FP-growth for query recommendation", RecSys.
    """
    with _spoken(engine):
        from pyspark.ml.fpm import FPGrowth

        model = FPGrowth(itemsCol="items", minSupport=_share(min_count, n)).fit(
            engine._sql(_unordered(baskets)[0])
        )
        name = engine._named(model.freqItemsets.withColumnRenamed("freq", "n"))
        del model  # on the server too, as long as it is known that there is one
    return name


def _share(min_count: int, n: int) -> float:
    """The share that MLlib makes `min_count` of again."""
    return (min_count - 0.5) / n


def factors(engine: Spark, rows: str, *, size: int, l2: float, **settings: Any) -> tuple[str, str]:
    """The relations of the points that alternating least squares finds for customers and for
    products.

    Parameters
    ----------
    engine : of Spark
    rows : query with customer_id, product_id and weight (above 0), each pair once
    size : dimensions of the points
    l2 : penalty of a customer with as many pairs as the average customer has; in proportion for
        others
    settings : alpha, maxIter and seed of MLlib's ALS

    Returns
    -------
    (str, str) : relations (customer_id, features) and (product_id, features), kept by the cluster
        for this session.

    Notes
    -----
    Minimises the sum over all customers u and products i of c (p - x_u y_i)^2, with c = 1 + alpha
    weight and p = 1 where the pair has a weight, else c = 1 and p = 0, plus l2 / m (n_u |x_u|^2 +
    n_i |y_i|^2), n being numbers of pairs and m their mean over customers. The pairs are sorted and
    the number of blocks depends on them alone, so that a seed always gives the same.

    References
    ----------
    Hu, Koren, Volinsky (2008), "Collaborative filtering for implicit feedback datasets", ICDM; Zhou
    et al. (2008), "Large-scale parallel collaborative filtering for the Netflix prize", AAIM (the
    penalty).
    """
    with _spoken(engine):
        from pyspark.ml.recommendation import ALS

        rows = _kept(engine, _unordered(rows)[0])
        ids = {
            side: _kept(engine, _NUMBERED.format(ids=_IDS.format(side=side, rows=rows)))
            for side in _SIDES
        }
        rated = _kept(
            engine, _RATED.format(rows=rows, customers=ids["customer"], products=ids["product"])
        )
        pairs, people = (engine._session.table(name).count() for name in (rated, ids["customer"]))
        blocks = 2 + pairs // _PAIRS_A_BLOCK
        model = ALS(
            rank=size,
            implicitPrefs=True,
            userCol="customer",
            itemCol="product",
            ratingCol="weight",
            regParam=l2 * people / pairs,
            numUserBlocks=blocks,
            numItemBlocks=blocks,
            **settings,
        ).fit(engine._session.table(rated))
        found = []
        for side, points in (("customer", model.userFactors), ("product", model.itemFactors)):
            joined = f"{ids[side]} i join {engine._named(points)} f"
            named = f"select i.id as {side}_id, f.features from {joined}"
            found.append(_kept(engine, f"{named} on f.id = i.number"))
        del model, points
        for name in (rows, rated, *ids.values()):
            engine._session.sql(f"uncache table {name}")
    return found[0], found[1]


def _kept(engine: Spark, text: str) -> str:
    """A relation of the rows of a query, kept by the cluster."""
    engine._made += 1
    name = f"kept_{engine._made}"
    engine._sql(f"cache table {name} as {text}")
    return name


@contextmanager
def _spoken(engine: Spark) -> Iterator[None]:
    """Tell pyspark.ml which session is meant: it asks the environment, and the thread, not the
    data.
    """
    with engine._clearly():
        kind = type(engine._session)
        if "connect" not in kind.__module__:
            yield
            return
        mode, active = os.environ.get(_CONNECT), getattr(kind._active_session, "session", None)
        os.environ[_CONNECT], kind._active_session.session = "1", engine._session
        engine._session.conf.set(_LARGEST, "1p")
        try:
            yield
        finally:
            kind._active_session.session = active
            del os.environ[_CONNECT]
            os.environ.update({_CONNECT: mode} if mode else {})
