"""Baskets to test with."""

import gzip
import os
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pytest

DATA = Path(os.environ.get("PERSONALIZE_DATA", Path(__file__).parents[3] / "shared" / "data"))


def frame(baskets: Iterable[Iterable]) -> pd.DataFrame:
    """Baskets given as collections of items, as a table."""
    rows = [(order, item) for order, items in enumerate(baskets) for item in items]
    return pd.DataFrame(rows, columns=["order_id", "product_id"])


def published(name: str, split: str | None) -> pd.DataFrame:
    """A published data set; skips the test where it is not at hand."""
    path = DATA / "baskets" / name
    if not path.exists():
        pytest.skip(
            f"{name} is not at hand: set PERSONALIZE_DATA to a folder that has baskets/{name}"
        )
    with gzip.open(path, "rt") as lines:
        return frame([line.strip().split(split) for line in lines])


def lines(baskets: Iterable[Iterable], **columns: object) -> pd.DataFrame:
    """Baskets as order lines of five customers."""
    rows = [(f"c{order % 5}", order, item) for order, items in enumerate(baskets) for item in items]
    table = pd.DataFrame(rows, columns=["customer_id", "order_id", "product_id"])
    return table.assign(time=pd.Timestamp("2024-01-01"), quantity=1, amount=2.0, **columns)
