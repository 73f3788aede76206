"""Order lines as baskets: which products an order holds, at the level of product, group or brand."""

from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from personalize.tables import TableError, Tables

NUMBERED = (  # the products with the place of their group in order in place of its name: numbers sort and travel fast
    "(select product_id, {level} as name, dense_rank() over (order by {level}) as {level}"
    " from {products} where {level} is not null)"
)


def baskets(tables: Tables, *, level: str = "subcategory") -> pd.DataFrame:
    """The products of every order, each once: what itemsets and rules are made of.

    Parameters
    ----------
    tables : a source; returned lines (quantity below 0) are left out, anonymous orders are kept.
    level : "product" for product_id, or a column of the products table (subcategory, category, department, brand,
        ...). Lines of a product without that attribute are left out.

    Returns
    -------
    DataFrame, one row an order and product: order_id, product_id (the product, or its group as a category: it takes a
    tenth of the memory of text), customer_id.

    Raises
    ------
    TableError : when the products table, or the column, is missing.
    """
    found, names = _by_number("rules_baskets", tables, level, max_rows=50_000_000)
    if names is None:
        return found
    return found.assign(product_id=pd.Categorical.from_codes(found["product_id"], categories=names))


def query(name: str, tables: Tables, level: str, **values: int) -> str:
    """The text of a query at a level, with its marks filled in; errors as of `baskets`."""
    return _sql(name, tables, level).format_map({**tables.relations, **values})


def spend(tables: Tables, *, level: str = "subcategory") -> pd.DataFrame:
    """What an order spends on each product, on average over the orders that hold it.

    Parameters
    ----------
    tables, level : as in `baskets`.

    Returns
    -------
    DataFrame, one row a product or group: product_id, baskets, amount (money), amount_per_basket.
    """
    table, names = _by_number("rules_spend", tables, level)
    table = (
        table if names is None else table.assign(product_id=names.array.take(table["product_id"]))
    )
    return table.assign(amount_per_basket=table["amount"] / table["baskets"])


def basket_sizes(baskets: pd.DataFrame) -> pd.DataFrame:
    """How many different products each basket holds: one row a basket, order_id and items."""
    data = encode(baskets)
    return pd.DataFrame({"order_id": data.order_ids, "items": data.sizes})


def usable_level(tables: Tables, level: str) -> str:
    """The level asked for where the source knows it, else "product"."""
    return level if _is_product(level) or level in _attributes(tables) else "product"


def _is_product(level: str) -> bool:
    return level in ("product", "product_id")


def _attributes(tables: Tables) -> list[str]:
    return (
        [name for name in tables.products.columns if name != "product_id"]
        if "products" in tables
        else []
    )


def _by_number(
    query: str, tables: Tables, level: str, **limit: int
) -> tuple[pd.DataFrame, pd.Series | None]:
    """The rows of a query, groups as places among their names, and the names; products as they are, and None."""
    text = _sql(query, tables, level)
    if _is_product(level):
        return tables.sql(text, **limit), None
    numbered = NUMBERED.replace("{level}", level)
    names = tables.sql(f"select distinct {level}, name from {numbered} p order by {level}")["name"]
    found = tables.sql(text.replace("{products}", numbered), **limit)
    return found.assign(product_id=found["product_id"].to_numpy(np.int64) - 1), names


def _sql(query: str, tables: Tables, level: str) -> str:
    """The text of a query at a level: the products table is joined only where it is needed."""
    known = _attributes(tables)
    if not _is_product(level) and level not in known:
        raise TableError(
            f"level = {level!r}: source '{tables.name}' knows no such attribute of a product. "
            f"Use level='product'{f' or one of {known}' if known else ', or add a products table with that column'}"
        )
    ending = "product" if _is_product(level) else "level"
    text = files("personalize").joinpath("sql", f"{query}_{ending}.sql").read_text(encoding="utf-8")
    return text.replace("{level}", f"p.{level}")


@dataclass(frozen=True)
class Baskets:
    """Baskets as arrays: every (basket, item) once, baskets one after the other.

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
        """Baskets that hold each item."""
        return np.bincount(self.items, minlength=len(self.labels))

    def ranked(self, codes: np.ndarray) -> Any:
        """The lines of the items `codes` only, renumbered by their place in it, for the compiled loops."""
        from personalize.association_rules import kernels

        rank = np.full(len(self.labels), -1, np.int32)
        rank[codes] = np.arange(len(codes))
        return kernels.by_rank(self.starts, self.items, rank, len(codes))


def encode(baskets: pd.DataFrame) -> Baskets:
    """The baskets as arrays; a Baskets passes through. A table keeps its arrays until its columns change.

    Raises
    ------
    TableError : when order_id or product_id is missing, as a column or in some rows.
    """
    if isinstance(baskets, Baskets):
        return baskets
    seen, data = baskets.__dict__.get("_encoded", (None, None))
    if seen is None or not all(map(_equal, seen, _told(baskets))):
        data = _encode(baskets)
        remember(baskets, data)
    return data


def remember(baskets: pd.DataFrame, data: Baskets) -> pd.DataFrame:
    """The table, with its arrays kept beside it."""
    object.__setattr__(baskets, "_encoded", (_told(baskets), data))
    return baskets


def _told(baskets: pd.DataFrame) -> list[pd.Series | None]:
    """The columns that baskets are made of: views, of which pandas makes copies once the table is written to."""
    columns = ("order_id", "product_id", "customer_id")
    return [baskets[name] if name in baskets.columns else None for name in columns]


def _equal(one: pd.Series | None, other: pd.Series | None) -> bool:
    return one is other if one is None or other is None else one.equals(other)


def _encode(baskets: pd.DataFrame) -> Baskets:
    needed = ["order_id", "product_id"]
    if missing := [name for name in needed if name not in baskets.columns]:
        raise TableError(
            f"baskets: no column {missing}; one row a product in an order is needed, with columns {needed}. "
            f"Present: {list(baskets.columns)}"
        )
    (order, order_ids), (item, labels) = (_codes(baskets[name]) for name in needed)
    _check({"order_id": order, "product_id": item})
    basket, items = order, item
    if not _in_order(basket, items):
        lines = np.sort(order.astype(np.int64) * len(labels) + item)
        basket, items = np.divmod(lines[np.diff(lines, prepend=-1) > 0], len(labels))
    first = np.append(True, basket[1:] != basket[:-1])[: len(basket)]
    starts = np.append(np.flatnonzero(first), len(basket))
    customers = _customers(baskets, order, len(order_ids))
    return Baskets(labels, starts, items.astype(np.int32, copy=False), order_ids, customers)


def _in_order(basket: np.ndarray, items: np.ndarray) -> bool:
    """Do lines go from basket to basket, and in each from item to item, none twice?"""
    later = basket[1:] > basket[:-1]
    later |= (basket[1:] == basket[:-1]) & (items[1:] > items[:-1])
    return bool(later.all())


def _check(codes: dict[str, np.ndarray]) -> None:
    if holes := {name: n for name, found in codes.items() if (n := int((found < 0).sum()))}:
        found = ", ".join(
            f"{n:,} of {len(codes[name]):,} rows have no {name}" for name, n in holes.items()
        )
        raise TableError(
            f"baskets: {found}. Leave them out first: baskets.dropna(subset={list(codes)})"
        )


def _codes(ids: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Codes 0, 1, ... in the order of the ids, and the ids (-1 where there is none)."""
    if (
        isinstance(ids.dtype, np.dtype)
        and ids.dtype.kind in "iu"
        and _ascending(values := ids.to_numpy())
    ):
        new = np.append(False, values[1:] > values[:-1])
        return np.cumsum(new, dtype=np.int32), np.append(values[:1], values[np.flatnonzero(new)])
    codes, known = (
        _categories(ids) if isinstance(ids.dtype, pd.CategoricalDtype) else pd.factorize(ids)
    )
    known = np.asarray(known)
    if known.dtype.kind in "iuf":
        order = np.argsort(known)
    else:  # text; ids of several types have no order but their text
        order = np.array(
            sorted(range(len(known)), key=lambda k: (isinstance(known[k], str), str(known[k]))), int
        )
    place = np.full(len(known) + 1, -1, np.int32)
    place[order] = np.arange(len(known))
    return place[codes], known[order]


def _categories(ids: pd.Series) -> tuple[np.ndarray, pd.Index]:
    """Codes of a categorical column, and those of its categories that occur."""
    codes, known = ids.cat.codes.to_numpy(), ids.cat.categories
    used = np.zeros(len(known) + 1, bool)
    used[codes] = True
    place = np.append(np.cumsum(used[:-1], dtype=np.int32) - 1, np.int32(-1))
    return place[codes], known[used[:-1]]


def _ascending(values: np.ndarray) -> bool:
    return len(values) > 0 and bool((values[1:] >= values[:-1]).all())


def _customers(baskets: pd.DataFrame, order: np.ndarray, n: int) -> np.ndarray | None:
    """The customer of each basket as a code; an anonymous basket is a customer of its own."""
    if "customer_id" not in baskets.columns:
        return None
    codes, known = _codes(baskets["customer_id"])
    customers = np.empty(n, np.int64)
    customers[order] = codes
    nobody = customers < 0
    customers[nobody] = len(known) + np.arange(nobody.sum())
    return customers


def support_count(baskets: pd.DataFrame, min_support: float) -> int:
    """The smallest number of baskets that is at least a share `min_support` of them all.

    >>> support_count(pd.DataFrame({"order_id": [1, 2, 3], "product_id": ["a", "a", "b"]}), 0.5)
    2
    """
    if not 0 <= min_support <= 1:
        raise TableError(
            f"min_support = {min_support} must be a share of the baskets, between 0 and 1"
        )
    return max(1, int(np.ceil(encode(baskets).n * min_support - 1e-9)))
