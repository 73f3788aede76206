"""Rules across levels: holders of a product and the group from which they buy too."""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.sparse import csr_array, hstack

from personalize.association_rules.significance import clustered_errors, judged, measures
from personalize.association_rules.size_null import BasketSizeNull
from personalize.association_rules.transactions import PRODUCT, Baskets, check_level, encode
from personalize.tables import Tables, Unavailable

CHUNK = 512


def parents(tables: Tables, *, level: str, upper: str) -> pd.Series:
    """The group of each item: for each value of `level` the value of `upper` that most of its
    products have.

    Parameters
    ----------
    tables : a source.
    level : "product", or a column of the products table, as in `baskets`.
    upper : a coarser column (category, department, ...).

    Returns
    -------
    Series, item -> group; items without a group are left out.

    Raises
    ------
    Unavailable : where the source lacks such a column of the vocabulary, or `upper` is the level
        itself.
    TableError : when there is no column of that name.
    """
    check_level(tables, level)
    check_level(tables, upper, parameter="upper")
    item = "product_id" if level in PRODUCT else level
    if upper in (item, *PRODUCT) or "products" not in tables:
        raise Unavailable(f"no groups of items: level {level!r} has no coarser level {upper!r}")
    pairs = tables.products.to_pandas([item, upper]).dropna().set_axis(["item", "group"], axis=1)
    counts = pairs.value_counts(sort=False).reset_index()
    order, ascending = ["item", "count", "group"], [True, False, True]
    counts = counts.sort_values(order, ascending=ascending, kind="stable")
    return counts.drop_duplicates("item").set_index("item")["group"]


def group_lifts(
    baskets: pd.DataFrame | Baskets, groups: pd.Series, *, k: int = 12, min_expected: float = 5.0
) -> pd.DataFrame:
    """How much oftener the commonest groups meet than basket size lets expect: log2 of the
    size-adjusted lift.

    Parameters
    ----------
    baskets, groups : as in `cross_level`.
    k : number of groups.
    min_expected : fewest baskets expected with both; cells below, and the diagonal, are empty.

    Returns
    -------
    DataFrame, groups by groups: 1 is twice as often as expected, -1 half as often, 0 as expected.

    Raises
    ------
    Unavailable : where there are no groups, or no two of them are expected to meet.
    """
    data = encode(baskets)
    _, names, held = _groups_held(data, groups)
    held = held[np.diff(held.indptr) > 0]
    data = Baskets(names, held.indptr, held.indices, np.arange(held.shape[0]))
    codes = np.sort(np.argsort(-data.item_counts, kind="stable")[:k])
    expected = data.null.expected_pairs(codes)
    with np.errstate(divide="ignore", invalid="ignore"):
        lifts = np.log2(np.maximum(data.pair_counts(codes), 0.5) / expected)
    lifts[(expected < min_expected) | np.eye(len(codes), dtype=bool)] = np.nan
    if np.isnan(lifts).all():
        raise Unavailable(f"no two groups are expected in {min_expected:g} baskets together")
    return pd.DataFrame(lifts, index=names[codes], columns=names[codes])


def cross_level(
    baskets: pd.DataFrame | Baskets, groups: pd.Series, *, min_count: int
) -> pd.DataFrame:
    """Rules "who buys this product also buys something of that group", its own group left out.

    Parameters
    ----------
    baskets : order_id, product_id (and customer_id), as for `rules`.
    groups : product -> group, from `parents`.
    min_count : baskets that hold the product and something of the group.

    Returns
    -------
    DataFrame, one row a product and group, most extra baskets first: product_id, group, and the
    numbers of `rules` (n, n_antecedent, n_consequent, ..., p_adjusted, accepted).

    Raises
    ------
    Unavailable : where there are no groups.

    Notes
    -----
    The null is that of the products, for a group is in a basket when one of its products is: in a
    basket of size s the group has the chance 1 - prod (1 - p[s, i]); beside product x its products
    have 1 - (1 - p[s, x]) / d[s] of the room they have without it (d: see `BasketSizeNull`). What
    products of one group do to each other is none of the rule's business: expectations are scaled
    so that the group's own baskets are met.
    """
    data = encode(baskets)
    group, names, held = _groups_held(data, groups)
    met = (data.matrix.T @ held).tocoo()
    wanted = (met.data >= min_count) & (group[met.row] != met.col)
    order = np.lexsort((met.col[wanted], met.row[wanted]))
    item, other = met.row[wanted][order], met.col[wanted][order]
    n_group = np.bincount(held.indices, minlength=len(names))
    n_item = data.item_counts
    table = measures(met.data[wanted][order], (n_item[item], n_group[other]), data.n)
    expected = _expected(data.null, group, (item, other), n_group)
    both = hstack([data.matrix, held], format="csr")
    width, n_rules = len(data.labels), len(item)
    with_groups = replace(
        data, labels=np.arange(both.shape[1]), starts=both.indptr, items=both.indices
    )
    sets = [np.arange(both.shape[1])[:, None], np.column_stack([item, width + other])]
    places = np.stack([both.shape[1] + np.arange(n_rules), item, width + other])
    errors = clustered_errors(with_groups.counts_by_customers(*sets), places, data)
    chance = np.minimum(expected / n_item[item], 1)
    table = judged(table, chance, errors, looked_at=width * len(names))
    table.insert(0, "product_id", data.labels[item])
    table.insert(1, "group", names[other])
    return table.sort_values("extra", ascending=False, kind="stable", ignore_index=True)


def _groups_held(data: Baskets, groups: pd.Series) -> tuple[np.ndarray, np.ndarray, csr_array]:
    """The group of each item (-1: none), the names of the groups, and baskets by groups: 1 where it
    holds one."""
    if not len(groups):
        raise Unavailable("no groups of items: they need a products table with a coarser column")
    group, names = pd.factorize(groups.reindex(data.labels), sort=True)
    known = np.flatnonzero(group >= 0)
    shape = (len(data.labels), len(names))
    member = csr_array((np.ones(len(known), np.int32), (known, group[known])), shape=shape)
    held = (data.matrix @ member).tocsr()
    held.sort_indices()
    held.data[:] = 1
    return group, np.asarray(names, dtype=object), held


def _expected(
    null: BasketSizeNull, group: np.ndarray, pairs: tuple, n_group: np.ndarray
) -> np.ndarray:
    """Expected baskets with each item and something of each group."""
    item, other = pairs
    none_of = np.zeros((len(n_group), len(null.sizes)))  # log of the chance of none of the group
    for name in range(len(n_group)):
        chance = null.chance(np.flatnonzero(group == name))
        none_of[name] = np.log1p(-np.minimum(chance, 1 - 1e-12)).sum(axis=0)
    alone = (null.n_sizes * -np.expm1(none_of)).sum(axis=1)
    expected = []
    for rows in np.array_split(np.arange(len(item)), len(item) // CHUNK + 1):
        chance = null.chance(item[rows])
        room = np.clip(1 - (1 - chance) / null.room, 0, 1)
        expected.append((chance * -np.expm1(none_of[other[rows]] * room)) @ null.n_sizes)
    return np.concatenate(expected) * n_group[other] / np.maximum(alone[other], 1e-300)
