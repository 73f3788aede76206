"""Rules across levels: holders of a product and the group from which they buy too."""

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.special import expit

from personalize.association_rules.counting import clustered, group_counts
from personalize.association_rules.encoding import Baskets, encode
from personalize.association_rules.judging import classic, judged
from personalize.association_rules.next_product import together
from personalize.association_rules.null import BasketSizeNull, null_of
from personalize.tables import Tables

CHUNK = 512


def parents(tables: Tables, *, level: str, upper: str) -> pd.Series:
    """The group of each item: for each value of `level` the value of `upper` that most of its products have.

    Parameters
    ----------
    tables : a source.
    level : "product", or a column of the products table, as in `baskets`.
    upper : a coarser column (category, department, ...).

    Returns
    -------
    Series, item -> group; items without a group are left out. Empty where the source has no such columns, or where
    `upper` is the level itself.
    """
    known = list(tables.products.columns) if "products" in tables else []
    item = "product_id" if level in ("product", "product_id") else level
    if item == upper or not {item, upper} <= set(known):
        return pd.Series([], index=pd.Index([], dtype=object), dtype=object)
    pairs = tables.products.to_pandas([item, upper]).dropna().set_axis(["item", "group"], axis=1)
    counts = pairs.value_counts(sort=False).reset_index()
    counts = counts.sort_values(
        ["item", "count", "group"], ascending=[True, False, True], kind="stable"
    )
    return counts.drop_duplicates("item").set_index("item")["group"]


def group_lifts(
    baskets: pd.DataFrame, groups: pd.Series, *, k: int = 12, min_expected: float = 5.0
) -> pd.DataFrame:
    """How much oftener the commonest groups meet than basket size lets expect: log2 of the size-adjusted lift.

    Parameters
    ----------
    baskets, groups : as in `cross_level`.
    k : number of groups.
    min_expected : fewest baskets expected with both; cells below, and the diagonal, are empty.

    Returns
    -------
    DataFrame, groups by groups: 1 is twice as often as expected, -1 half as often, 0 as expected.
    """
    data = _groups_alone(encode(baskets), groups)
    codes = np.sort(np.argsort(-data.item_counts, kind="stable")[:k])
    expected = null_of(data).expected_pairs(codes)
    with np.errstate(divide="ignore", invalid="ignore"):
        lifts = np.log2(np.maximum(together(data, codes), 0.5) / expected)
    lifts[(expected < min_expected) | np.eye(len(codes), dtype=bool)] = np.nan
    return pd.DataFrame(lifts, index=data.labels[codes], columns=data.labels[codes])


def cross_level(baskets: pd.DataFrame, groups: pd.Series, *, min_count: int) -> pd.DataFrame:
    """Rules "who buys this product also buys something of that group", its own group left out.

    Parameters
    ----------
    baskets : order_id, product_id (and customer_id), as for `rules`.
    groups : product -> group, from `parents`.
    min_count : baskets that hold the product and something of the group.

    Returns
    -------
    DataFrame, one row a product and group, most extra baskets first: product_id, group, and the numbers of `rules`
    (n, n_antecedent, n_consequent, ..., p_adjusted, accepted).

    Notes
    -----
    The null is that of the products, for a group is in a basket when one of its products is: in a basket of size s
    the group has the chance 1 - prod (1 - p[s, i]); beside product x its products have 1 - (1 - p[s, x]) / d[s]
    of the room they have without it (d: see `BasketSizeNull`). What products of one group do to each other is none
    of the rule's business: expectations are scaled so that the group's own baskets are met.
    """
    data = encode(baskets)
    group, names = pd.factorize(groups.reindex(data.labels), sort=True)
    both = _with_groups(data, group, len(names))
    width = len(data.labels)
    lines = csr_array(
        (np.ones(len(both.items), np.int32), both.items, both.starts), (data.n, width + len(names))
    )
    n = (lines[:, :width].T @ lines[:, width:]).tocoo()
    kept = (n.data >= min_count) & (group[n.row] != n.col)
    order = np.lexsort((n.col[kept], n.row[kept]))
    item, other = n.row[kept][order].astype(int), n.col[kept][order].astype(int)
    counts = np.bincount(both.items, minlength=width + len(names))
    table = classic(n.data[kept][order], (counts[item], counts[width + other]), data.n)
    hope = _expected(null_of(data), group, (item, other), counts[width:])
    sets = [np.arange(width + len(names))[:, None], np.column_stack([item, width + other])]
    clusters = group_counts(both, sets)
    places = [len(counts) + np.arange(len(item)), item, width + other]
    errors = None if clusters is None else clustered(clusters, places, data)
    table = judged(table, np.minimum(hope / counts[item], 1), errors, looked_at=width * len(names))
    table = pd.concat(
        [pd.DataFrame({"product_id": data.labels[item], "group": np.asarray(names)[other]}), table],
        axis=1,
    )
    return table.sort_values("extra", ascending=False, kind="stable", ignore_index=True)


def _groups_alone(data: Baskets, groups: pd.Series) -> Baskets:
    """The groups of the products in each basket, each once; baskets without any are left out."""
    group, names = pd.factorize(groups.reindex(data.labels), sort=True)
    of_line, width = group[data.items], max(1, len(names))
    lines = np.sort((data.basket * width + of_line)[of_line >= 0])
    basket, items = np.divmod(lines[np.diff(lines, prepend=-1) > 0], width)
    sizes = np.bincount(basket, minlength=data.n)
    starts = np.append(0, np.cumsum(sizes[sizes > 0]))
    return Baskets(np.asarray(names, dtype=object), starts, items, data.order_ids[sizes > 0])


def _with_groups(data: Baskets, group: np.ndarray, n_groups: int) -> Baskets:
    """The baskets with the groups of their products as further items, their codes after those of the products."""
    width, all_items = len(data.labels), len(data.labels) + n_groups
    known = group[data.items] >= 0
    upper = data.basket[known] * all_items + width + group[data.items[known]]
    lines = np.sort(np.concatenate([data.basket * all_items + data.items, upper]))
    basket, items = np.divmod(lines[np.diff(lines, prepend=-1) > 0], max(1, all_items))
    starts = np.append(0, np.cumsum(np.bincount(basket, minlength=data.n)))
    return Baskets(
        np.arange(all_items), starts, items.astype(np.int32), data.order_ids, data.customers
    )


def _expected(
    null: BasketSizeNull, group: np.ndarray, pairs: tuple, n_group: np.ndarray
) -> np.ndarray:
    """Expected baskets with each item and something of each group."""
    item, other = pairs
    none_of = np.zeros(
        (len(n_group), len(null.sizes_))
    )  # log of the chance that a basket holds none of the group
    for name in range(len(n_group)):
        chance = expit(null.item_effect_[group == name][:, None] + null.size_effect_)
        none_of[name] = np.log1p(-np.minimum(chance, 1 - 1e-12)).sum(axis=0)
    alone = (null.n_sizes_ * -np.expm1(none_of)).sum(axis=1)
    hopes, choice = [], null.room
    for rows in np.array_split(np.arange(len(item)), len(item) // CHUNK + 1):
        chance = expit(null.item_effect_[item[rows]][:, None] + null.size_effect_)
        room = np.clip(1 - (1 - chance) / choice, 0, 1)
        hopes.append((chance * -np.expm1(none_of[other[rows]] * room)) @ null.n_sizes_)
    return np.concatenate(hopes) * n_group[other] / np.maximum(alone[other], 1e-300)
