"""What a source says about its products: names, text and groups, read once for every model."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from personalize.tables import TableError, Tables

__all__ = ["Descriptions", "names"]

_TEXTS = ("department", "category", "subcategory", "brand", "name", "text")


@dataclass(frozen=True, eq=False)
class Descriptions:
    """What the table products says of some products, in the order of their ids.

    Attributes
    ----------
    tables : Tables; the table products may be absent
    ids : product ids
    """

    tables: Tables
    ids: pd.Index

    @cached_property
    def _table(self) -> pd.DataFrame:
        """One row a product with the text columns of the source."""
        if "products" not in self.tables:
            return pd.DataFrame(index=self.ids)
        columns = [name for name in _TEXTS if name in self.tables.products.columns]
        known = self.tables.products.to_pandas(["product_id", *columns]).drop_duplicates(
            "product_id"
        )
        return known.set_index("product_id").reindex(self.ids)

    @cached_property
    def names(self) -> np.ndarray:
        """What people call each product; its id where the source has no name."""
        ids = pd.Series(self.ids.astype(str), index=self.ids, dtype=str)
        return self._table.get("name", ids).fillna(ids).to_numpy(dtype=object)

    @cached_property
    def kind(self) -> np.ndarray | None:
        """A number for the narrowest group of each product, -1 where it is not known; None where no group is known."""
        groups = [self._table[name] for name in ("subcategory", "category") if name in self._table]
        if not groups:
            return None
        number = pd.factorize(groups[0].fillna(groups[-1]))[0]
        return number if (number >= 0).any() else None

    @cached_property
    def text(self) -> pd.Series:
        """All that is written about each product, in one text of words in lower case, "" where there is nothing.

        Digits and signs are dropped, so that products which differ only in a number share their text.

        Raises
        ------
        TableError : when the source has no products table, or none of its text columns.
        """
        if not len(self._table.columns):
            raise TableError(
                f"source '{self.tables.name}' has no product text: give the table products with product_id and one or "
                f"more of {', '.join(_TEXTS)}"
            )
        parts, same = [], np.zeros(len(self.ids), dtype=int)
        for name in self._table:
            code, plain = _plain(self._table[name])
            parts.append((code, plain))
            same = pd.factorize(same * len(plain) + code)[
                0
            ]  # equal for products whose columns are all equal
        _, first, back = np.unique(same, return_index=True, return_inverse=True)
        rows = zip(*(plain[code[first]] for code, plain in parts), strict=True)
        texts = np.array([" ".join(filter(None, row)) for row in rows], dtype=object)
        return pd.Series(texts[back], index=self.ids, dtype=str)


def names(tables: Tables, products: Any) -> np.ndarray:
    """What people call each product id; the id itself where the source has no name for it."""
    return Descriptions(tables, pd.Index(products)).names


def _plain(texts: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """The words of each text in lower case, "" where it is missing: a number each, and what the numbers stand for."""
    code, values = pd.factorize(texts)
    numberless = pd.Series(values, dtype=str).str.replace(
        r"[0-9]+", " ", regex=True
    )  # far fewer, for the slow step
    same, values = pd.factorize(numberless)
    plain = (
        pd.Series(values, dtype=str)
        .str.lower()
        .str.replace(r"[\W\d_]+", " ", regex=True)
        .str.strip()
    )
    return np.append(same, len(values))[code], np.append(plain.to_numpy(dtype=object), "")
