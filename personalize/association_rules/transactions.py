"""Order lines as baskets: which products an order holds, at the level of product, group or
brand."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from personalize.association_rules.size_null import BasketSizeNull
from personalize.tables import CONTRACTS, TableError, Tables, Unavailable

GROUPS = 40  # groups of customers for intervals
FEWEST_CUSTOMERS = 80  # for intervals over groups of customers
PRODUCT = ("product", "product_id")
NUMBERED = (  # products with the place of their group in place of its name: numbers travel fast
    "(select product_id, {level} as name, dense_rank() over (order by {level}) as {level}"
    " from {products} where {level} is not null)"
)


@dataclass(frozen=True, eq=False)
class Baskets:
    """Baskets as arrays: every (basket, item) once, baskets one after the other. Made once by
    `encode`.

    Attributes
    ----------
    labels : the items, sorted; an item's code is its place here
    starts : basket b holds items[starts[b]:starts[b + 1]]
    items : item codes (int32), ascending within a basket
    order_ids : one a basket
    customers : code of the customer of each basket, or None
    """

    labels: np.ndarray = field(repr=False)
    starts: np.ndarray = field(repr=False)
    items: np.ndarray = field(repr=False)
    order_ids: np.ndarray = field(repr=False)
    customers: np.ndarray | None = field(repr=False, default=None)

    @property
    def n(self) -> int:
        """The number of baskets."""
        return len(self.starts) - 1

    @cached_property
    def sizes(self) -> np.ndarray:
        """Distinct items in each basket."""
        return np.diff(self.starts)

    @cached_property
    def basket(self) -> np.ndarray:
        """The basket of each line."""
        return np.repeat(np.arange(self.n), self.sizes)

    @cached_property
    def item_counts(self) -> np.ndarray:
        """The baskets that hold each item."""
        return np.bincount(self.items, minlength=len(self.labels))

    @cached_property
    def group(self) -> np.ndarray:
        """One of 40 groups for each basket: of its customer, or of the basket where customers are
        unknown."""
        owners = np.arange(self.n) if self.customers is None else self.customers
        return owners % GROUPS

    @cached_property
    def null(self) -> BasketSizeNull:
        """What these baskets would hold if nothing attracted or repelled anything."""
        return BasketSizeNull.of(self.sizes, self.item_counts)

    @cached_property
    def matrix(self) -> csr_array:
        """Baskets by items: 1 where the basket holds the item."""
        ones = np.ones(len(self.items), np.int32)
        return csr_array((ones, self.items, self.starts), shape=(self.n, len(self.labels)))

    def codes(self, labels: Iterable[Any]) -> np.ndarray:
        """The code of each label; -1 for one that no basket holds."""
        return pd.Index(self.labels, dtype=object).get_indexer(list(labels))

    def check_known(self, labels: Iterable[Any]) -> None:
        """Refuse labels that no basket holds."""
        asked = pd.Series(list(labels), dtype=object)
        unknown = asked[~asked.isin(self.labels)].tolist()
        if unknown:
            raise TableError(
                f"consequents: {unknown[:5]} ({len(unknown):,} in all) are in none of the "
                f"{self.n:,} baskets; name products as the column product_id has them"
            )

    def pair_counts(self, codes: np.ndarray) -> np.ndarray:
        """How many baskets hold each two of the items `codes`: a square table."""
        from personalize.association_rules import _kernels

        rank = np.full(len(self.labels), -1)
        rank[codes] = np.arange(len(codes))
        counts = _kernels.pair_counts(self.starts, self.items, rank, len(codes))
        return counts + counts.T - np.diag(np.diag(counts))

    def counts_by_group(self, *levels: np.ndarray) -> np.ndarray:
        """How many baskets of each group hold each set: (sets, 40).

        Parameters
        ----------
        levels : sets as rows of item codes, an array for each size; the answer has their rows one
            below the other.
        """
        from personalize.association_rules import _kernels

        rank = np.full(len(self.labels), -1)
        for sets in levels:
            if sets.shape[1] > 1:
                rank[sets] = 0
        asked = np.flatnonzero(rank == 0)
        rank[asked] = np.arange(len(asked))
        words = (np.bincount(self.group, minlength=GROUPS) + 63) // 64
        ends = np.append(0, np.cumsum(words))
        rows = np.zeros((len(asked), ends[-1]), np.uint64)
        _kernels.set_bits((self.starts, self.items), rank, (self.group, 64 * ends), rows)
        counts = [np.empty((0, GROUPS), np.int64)]
        for sets in levels:
            if sets.shape[1] == 1:
                counts.append(self._items_by_group[sets[:, 0]])
            else:
                counts.append(_kernels.count_groups(rows, np.ascontiguousarray(rank[sets]), ends))
        return np.concatenate(counts)

    def counts_by_customers(self, *levels: np.ndarray) -> np.ndarray | None:
        """`counts_by_group`, or None where there are fewer than 80 known customers: too few for
        intervals."""
        if self.customers is None or len(np.unique(self.customers)) < FEWEST_CUSTOMERS:
            return None
        return self.counts_by_group(*levels)

    @property
    def _items_by_group(self) -> np.ndarray:
        """How many baskets of each group hold each item."""
        cells = np.multiply(self.items, GROUPS, dtype=np.int64) + self.group[self.basket]
        return np.bincount(cells, minlength=len(self.labels) * GROUPS).reshape(-1, GROUPS)

    def reading(self) -> str:
        """How many baskets there are and how unequal they are, in a sentence."""
        if self.n == 0:
            return "There are no baskets."
        half, tenth = np.quantile(self.sizes, [0.5, 0.9])
        return (
            f"There are {self.n:,} baskets with {len(self.labels):,} different items. "
            f"**{(self.sizes == 1).mean():.0%} hold a single item**, half hold at most {half:.0f}, "
            f"one in ten {tenth:.0f} or more, the largest {self.sizes.max():,}."
        )


def baskets(tables: Tables, *, level: str = "subcategory") -> pd.DataFrame:
    """The products of every order, each once: what itemsets and rules are made of.

    Parameters
    ----------
    tables : a source; returned lines (quantity below 0) are left out, anonymous orders are kept.
    level : "product" for product_id, or a column of the products table (subcategory, category,
        department, brand, ...). Lines of a product without that attribute are left out.

    Returns
    -------
    DataFrame, one row an order and product: order_id, product_id (the product, or its group as a
    category: it takes a tenth of the memory of text), customer_id.

    Raises
    ------
    Unavailable : when the source has no such table or column of the vocabulary.
    TableError : when there is no column of that name.
    """
    return _at_level("rules_baskets", tables, level, max_rows=50_000_000)


def spend(tables: Tables, *, level: str = "subcategory") -> pd.DataFrame:
    """What an order spends on each product, on average over the orders that hold it.

    Parameters
    ----------
    tables, level : as in `baskets`.

    Returns
    -------
    DataFrame, one row a product or group: product_id, baskets, amount (money), amount_per_basket.
    """
    table = _at_level("rules_spend", tables, level)
    per_basket = table["amount"] / table["baskets"]
    return table.assign(product_id=np.asarray(table["product_id"]), amount_per_basket=per_basket)


def visits(tables: Tables) -> pd.DataFrame:
    """The orders of known customers: order_id, customer_id, time, amount; customer by customer, in
    order of time."""
    sql = files("personalize").joinpath("sql", "rules_visits.sql").read_text(encoding="utf-8")
    return tables.sql(sql, max_rows=50_000_000)


def basket_sizes(baskets: pd.DataFrame | Baskets) -> pd.DataFrame:
    """How many different products each basket holds: one row a basket, order_id and items."""
    data = encode(baskets)
    return pd.DataFrame({"order_id": data.order_ids, "items": data.sizes})


def usable_level(tables: Tables, level: str) -> str:
    """The level asked for, or "product" where the source lacks that column of the vocabulary.

    Raises
    ------
    TableError : for a name that is neither a column of the products table nor one of the vocabulary
        (mistyped).
    """
    try:
        check_level(tables, level)
    except Unavailable:
        return "product"
    return level


def check_level(tables: Tables, level: str, *, parameter: str = "level") -> None:
    """Refuse a level that is no attribute of products: Unavailable where others have it, else
    TableError."""
    known = []
    if "products" in tables:
        known = [name for name in tables.products.columns if name != "product_id"]
    if level in (*PRODUCT, *known):
        return
    advice = f" or one of {known}" if known else ", or add a products table with that column"
    message = (
        f"{parameter} = {level!r}: source '{tables.name}' knows no such attribute of a product. "
        f"Use {parameter}='product'{advice}"
    )
    if not known or level in CONTRACTS["products"].columns:
        raise Unavailable(message)
    raise TableError(message)


def query(name: str, tables: Tables, level: str, **values: int) -> str:
    """The text of a query at a level, with its marks filled in; errors as of `baskets`."""
    return _text(name, tables, level).format_map({**tables.relations, **values})


def _text(name: str, tables: Tables, level: str) -> str:
    """The text of a query at a level: the products table is joined only where it is needed."""
    check_level(tables, level)
    ending = "product" if level in PRODUCT else "level"
    text = files("personalize").joinpath("sql", f"{name}_{ending}.sql").read_text(encoding="utf-8")
    return text.replace("{level}", f"p.{level}")


def _at_level(name: str, tables: Tables, level: str, **limit: int) -> pd.DataFrame:
    """The rows of a query; groups as a category, fetched as places among their names."""
    text = _text(name, tables, level)
    if level in PRODUCT:
        return tables.sql(text, **limit)
    numbered = NUMBERED.replace("{level}", level)
    names = tables.sql(f"select distinct {level}, name from {numbered} p order by {level}")["name"]
    found = tables.sql(text.replace("{products}", numbered), **limit)
    codes = found["product_id"].to_numpy(np.int64) - 1
    return found.assign(product_id=pd.Categorical.from_codes(codes, categories=names))


def encode(baskets: pd.DataFrame | Baskets) -> Baskets:
    """The table as arrays; what is encoded already comes back as it is. Encode once where several
    questions follow.

    Parameters
    ----------
    baskets : one row a product in an order: order_id, product_id, optional customer_id.

    Raises
    ------
    TableError : when order_id or product_id is missing, as a column or in some rows.

    Examples
    --------
    >>> table = pd.DataFrame({"order_id": [1, 1, 2], "product_id": ["tea", "jam", "tea"]})
    >>> encode(table).reading()[:40]
    'There are 2 baskets with 2 different ite'
    """
    if isinstance(baskets, Baskets):
        return baskets
    needed = ["order_id", "product_id"]
    _check_columns(baskets, needed)
    basket, order_ids = _codes(baskets["order_id"])
    items, labels = _codes(baskets["product_id"])
    _check_holes(dict(zip(needed, (basket, items), strict=True)))
    customers = _customers(baskets, basket, len(order_ids))
    lines = basket.astype(np.int64) * len(labels) + items
    if not (lines[1:] > lines[:-1]).all():
        basket, items = np.divmod(np.unique(lines), len(labels))
    starts = np.append(0, np.cumsum(np.bincount(basket, minlength=len(order_ids))))
    return Baskets(labels, starts, items.astype(np.int32, copy=False), order_ids, customers)


def _check_columns(baskets: Any, needed: list[str]) -> None:
    if not isinstance(baskets, pd.DataFrame):
        raise TableError(
            f"baskets must be a DataFrame with columns {needed}, not {type(baskets).__name__}; "
            "association_rules.baskets(tables) makes one"
        )
    missing = [name for name in needed if name not in baskets.columns]
    if missing:
        raise TableError(
            f"baskets: no column {missing}; one row a product in an order is needed, "
            f"with columns {needed}. "
            f"Present: {list(baskets.columns)}"
        )


def _check_holes(columns: dict[str, np.ndarray]) -> None:
    problems = []
    for name, codes in columns.items():
        holes = int((codes < 0).sum())
        if holes:
            problems.append(f"{holes:,} of {len(codes):,} rows have no {name}")
    if problems:
        advice = f"Leave them out first: baskets.dropna(subset={list(columns)})"
        raise TableError(f"baskets: {', '.join(problems)}. {advice}")


def _codes(ids: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Codes 0, 1, ... in the order of the ids, and the ids that occur (-1 where there is none)."""
    if isinstance(ids.dtype, np.dtype) and ids.dtype.kind in "iu":
        values = ids.to_numpy()
        if len(values) and (values[1:] >= values[:-1]).all():  # no need to look each one up
            new = np.append(True, values[1:] > values[:-1])
            return np.cumsum(new, dtype=np.int32) - 1, values[new]
    if isinstance(ids.dtype, pd.CategoricalDtype):
        codes, known = ids.cat.codes.to_numpy(), ids.cat.categories
    else:
        codes, known = pd.factorize(ids)
    used = np.bincount(codes + 1, minlength=len(known) + 1)[1:] > 0
    rank, labels = pd.factorize(known[used], sort=True)
    place = np.full(len(known) + 1, -1, np.int32)
    place[:-1][used] = rank
    return place[codes], np.asarray(labels)


def _customers(baskets: pd.DataFrame, basket: np.ndarray, n: int) -> np.ndarray | None:
    """The customer of each basket as a code; an anonymous basket is a customer of its own."""
    if "customer_id" not in baskets.columns:
        return None
    codes, known = _codes(baskets["customer_id"])
    customers = np.empty(n, np.int64)
    customers[basket] = codes
    nobody = customers < 0
    customers[nobody] = len(known) + np.arange(nobody.sum())
    return customers


def support_count(baskets: pd.DataFrame | Baskets, min_support: float) -> int:
    """The smallest number of baskets that is at least a share `min_support` of them all.

    >>> support_count(pd.DataFrame({"order_id": [1, 2, 3], "product_id": ["a", "a", "b"]}), 0.5)
    2
    """
    if not 0 <= min_support <= 1:
        raise TableError(
            f"min_support = {min_support} must be a share of the baskets, between 0 and 1"
        )
    return max(1, int(np.ceil(encode(baskets).n * min_support - 1e-9)))
