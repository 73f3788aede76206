"""Itemsets of a source, counted where its rows are: pairs in SQL, longer sets in memory or by Spark on a cluster."""

import numpy as np
import pandas as pd

from personalize.association_rules import encoding, mining
from personalize.tables import Tables


def itemsets(
    tables: Tables, *, min_count: int, level: str = "subcategory", max_size: int | None = None,
    max_sets: int = mining.MAX_SETS,
) -> pd.DataFrame:  # fmt: skip
    """The frequent itemsets of a source, found by its engine: of a source in Spark, no basket leaves the cluster.

    Parameters
    ----------
    tables : a source; lines count as in `baskets`.
    min_count : baskets, 1 or more.
    level : as in `baskets`.
    max_size, max_sets : as in `frequent_itemsets`.

    Returns
    -------
    DataFrame : itemset, size, n, closed, maximal; equal to `frequent_itemsets(baskets(tables, level=level), ...)`.

    Raises
    ------
    TableError : as `baskets` and `frequent_itemsets` do.

    Notes
    -----
    Up to pairs (`max_size` 1 or 2) both engines count in SQL, which has no limit of rows. Beyond, DuckDB hands the
    baskets to `frequent_itemsets`, and Spark mines by MLlib's FP-growth. That knows no `max_size`: longer sets are
    grown on the cluster too, and left there.

    Examples
    --------
    >>> orders = pd.DataFrame({"order_id": [1, 1, 2, 2, 3], "product_id": ["tea", "jam", "tea", "jam", "tea"],
    ...                        "customer_id": 7, "time": pd.Timestamp("2024-01-01"), "quantity": 1, "amount": 2.5})
    >>> import personalize as pz
    >>> itemsets(pz.load({"orders": orders}), level="product", min_count=2)
          itemset  size  n  closed  maximal
    0      (tea,)     1  3    True    False
    1      (jam,)     1  2   False    False
    2  (jam, tea)     2  2    True     True
    """
    from personalize.engine import DuckDB  # at hand once there are tables, not before: 13 MB

    mining.check_limits(min_count, max_size)
    counted = {"min_count": min_count, "max_size": max_size, "max_sets": max_sets}
    if max_size and max_size <= 2:
        return _arranged(*_pairs(tables, level, **counted)).table()
    if isinstance(tables.engine, DuckDB):
        return mining.frequent_itemsets(encoding.baskets(tables, level=level), **counted)
    return _arranged(*_grown(tables, level, **counted)).table()


def _pairs(
    tables: Tables, level: str, *, min_count: int, max_size: int, max_sets: int
) -> tuple[np.ndarray, ...]:
    """Single items and pairs, counted in SQL: their labels one set after the other, sizes and counts."""
    text = encoding.query("rules_pairs", tables, level, min_count=min_count)
    sets = f"({text}) as pairs where one = other or {max_size} = 2"
    found = _fetched(
        tables, sets, "one, other", level=level, min_count=min_count, max_sets=max_sets
    )
    two = (found.one != found.other).to_numpy(bool)
    labels = np.column_stack([found.one, found.other])
    return (
        labels[np.column_stack([np.ones(len(two), bool), two])],
        1 + two,
        found.n.to_numpy(np.int64),
    )


def _grown(
    tables: Tables, level: str, *, min_count: int, max_size: int | None, max_sets: int
) -> tuple:
    """Itemsets of any size, grown by Spark: as `_pairs` gives them."""
    from personalize.engine import mllib

    top = tables.engine.frame(
        f"select max(baskets) as n from ({encoding.query('rules_spend', tables, level)}) as s"
    )
    if not top.n[0] >= min_count:  # where no single item is frequent, MLlib fails
        return np.empty(0, int), np.empty(0, int), np.empty(0, int)
    carts = encoding.query("rules_carts", tables, level)
    n = _count(tables, carts)
    sets = mllib.itemsets(tables.engine, carts, min_count=min_count, n=n)
    sets = f"{sets} where size(items) <= {max_size or n}"
    found = _fetched(tables, sets, "items", level=level, min_count=min_count, max_sets=max_sets)
    return (
        np.concatenate(found["items"].to_list()),
        found["items"].map(len).to_numpy(int),
        found.n.to_numpy(np.int64),
    )


def _count(tables: Tables, text: str) -> int:
    return int(tables.engine.frame(f"select count(*) as n from ({text}) as counted").n[0])


def _fetched(
    tables: Tables, sets: str, columns: str, *, level: str, min_count: int, max_sets: int
) -> pd.DataFrame:
    """The sets of a relation and their n, or the error that says from which threshold on there are not too many."""
    found = tables.engine.frame(
        f"select {columns}, n from {sets} limit {max_sets + 1}", max_rows=max_sets + 1
    )
    if len(found) > max_sets:
        by_n = tables.engine.frame(
            f"select n, count(*) as sets from {sets} group by n order by n desc"
        )
        fits = int(by_n.n[by_n.sets.cumsum() > max_sets].iloc[0]) + 1
        n = _count(tables, encoding.query("rules_carts", tables, level))
        raise mining.too_many(max_sets, min_count=min_count, n=n, fits=fits)
    return found


def _arranged(labels: np.ndarray, sizes: np.ndarray, counts: np.ndarray) -> mining.Itemsets:
    """The sets as our own miner leaves them: by size, items and rows sorted."""
    known, codes = np.unique(labels, return_inverse=True)
    first = np.cumsum(sizes) - sizes
    levels = []
    for size in range(1, sizes.max(initial=0) + 1):
        rows = np.flatnonzero(sizes == size)
        items = np.sort(codes[first[rows, None] + np.arange(size)], axis=1)
        order = mining.lexical(items, width=len(known))
        levels.append(mining.Level(items[order], counts[rows[order]]))
    nothing = np.empty(0, int)
    return mining.Itemsets(encoding.Baskets(known, nothing, nothing, nothing), tuple(levels))
