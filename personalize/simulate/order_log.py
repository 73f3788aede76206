"""An order log of any size, written in chunks: for benchmarks, and for trying the kit before the
own data are ready.

Unlike `simulate.shop` it holds three tables only and no effects to be recovered, but planted pairs:
its use is size. Every chunk of a million lines draws from its own stream, in order, so equal
arguments give equal bytes.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy import ndarray
from numpy.random import Generator

from personalize.simulate.distributions import out_of_range
from personalize.tables import TableError

CHUNK, PART = 1_000_000, 10  # lines a chunk, chunks a file
DAYS, START = 730, np.datetime64("2022-01-01", "us")
RATE = 0.8  # shape of the customers' gamma rates
ZIPF = 1.05  # exponent of the products
BASKET = 8.0  # lines an order
ANONYMOUS, RETURNED = 0.01, 0.005  # shares of the orders
JOINS = 0.5  # chance that the other of a pair joins
STAYS = 500.0  # mean days from the first possible order to leaving
PAIRS = 20
HOURS = np.array(
    [1, 1, 1, 1, 1, 2, 4, 8, 12, 14, 16, 18, 20, 18, 16, 16, 18, 22, 24, 20, 14, 8, 4, 2],
    dtype=float,
)
WEEK = np.array([1.0, 0.9, 0.9, 1.0, 1.2, 1.5, 0.6])
LIMITS = {"lines": (1_000, 100_000_000_000), "seed": (0, 2**63 - 1)}
_SOURCE = """\
name: large_shop
title: A simulated order log of {lines:,} lines
description: Gamma customers, Zipf products, geometric baskets, planted pairs (pairs.csv); \
seed {seed}.
terms: simulated
simulated: true
currency: EUR
tables:
  orders:
    path: orders-*.parquet
    columns: {{customer_id: customer_id, order_id: order_id, product_id: product_id, \
time: time, quantity: quantity,
      amount: amount}}
  products:
    path: products.parquet
    columns: {{product_id: product_id, name: name, department: department, category: category, \
brand: brand,
      price: price}}
  customers:
    path: customers.parquet
    columns: {{customer_id: customer_id, age_band: age_band, gender: gender, location: location}}
"""


@dataclass(frozen=True)
class _World:
    """What all chunks share: who buys how often and when, what sells how often and for how much."""

    lines: int
    seed: int
    weight: ndarray  # cumulated rate of the customers, in order of joining
    leaves: ndarray  # share of the period at which a customer leaves
    popular: ndarray  # cumulated share of the products
    cents: ndarray  # list price
    partner: ndarray  # the product that joins, -1 for none
    clock: ndarray  # cumulated share of the orders by hour of the period


def large(
    folder: str | Path,
    *,
    lines: int = 10_000_000,
    seed: int = 1,
    progress: Callable[[str], None] | None = None,
) -> Path:
    """Write an order log of `lines` lines as Parquet, with its products, customers, true pairs and
    a source file.

    Parameters
    ----------
    folder : where to write; made, and refused where it holds anything
    lines : order lines, 1,000 or more; a hundredth as many customers, up to 50,000 products
    seed : 0 or more; equal lines and seed give equal bytes
    progress : called with a sentence now and then

    Returns
    -------
    Path : the source file, ready for `personalize check` and `personalize report`

    Raises
    ------
    TableError : for arguments outside their range, or a folder that is not empty; nothing
        half-written is left.

    Notes
    -----
    Customers buy at gamma(0.8) rates, half of them from the first day on, the others joining
    evenly; each leaves after an exponential time. Products are drawn by p_k proportional to
    k^-1.05, basket sizes are geometric with mean 8, one order in a hundred is anonymous and one in
    two hundred sends goods back. Where the first product of one of twenty planted pairs is not the
    last line of its order, the next line is the second with probability 0.5.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as made:
    ...     log = large(Path(made) / "shop", lines=1_000).parent
    ...     pq.read_table(log / "orders-0000.parquet").num_rows
    1000
    """
    if wrong := out_of_range({"lines": lines, "seed": seed}, LIMITS):
        raise TableError.of("the order log cannot be simulated:", wrong)
    target = Path(folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise TableError(
            f"{target} exists and is not empty: choose another folder, or empty it first"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    try:
        _write(made, _world(lines, seed), progress or (lambda sentence: None))
        made.chmod(0o755)
        os.replace(made, target)  # an empty folder of that name gives way
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return target / "shop.yml"


def _world(lines: int, seed: int) -> _World:
    rng = np.random.default_rng([seed, 0])
    customers, products = max(10, lines // 100), min(50_000, max(100, lines // 20))
    weight = np.cumsum(rng.gamma(RATE, size=customers))
    joins = np.maximum(np.linspace(-1, 1, customers, endpoint=False), 0)
    partner = np.full(products, -1)
    first = np.arange(PAIRS)
    # both among the best sellers, so that a small log shows them too
    partner[first] = 2 * PAIRS + first
    by_hour = np.tile(np.outer(WEEK, HOURS).ravel(), DAYS // 7 + 1)[: DAYS * 24]
    return _World(
        lines,
        seed,
        weight,
        joins + rng.exponential(STAYS / DAYS, customers),
        np.cumsum(np.arange(1, products + 1) ** -ZIPF),
        np.clip(np.rint(np.exp(rng.normal(5.7, 0.7, products))), 19, 99_999).astype(np.int64),
        partner,
        np.concatenate([[0], np.cumsum(by_hour) / by_hour.sum()]),
    )


def _write(folder: Path, world: _World, progress: Callable[[str], None]) -> None:
    orders = 0
    for part, begin in enumerate(range(0, world.lines, CHUNK * PART)):
        end = min(begin + CHUNK * PART, world.lines)
        file = folder / f"orders-{part:04d}.parquet"
        with pq.ParquetWriter(file, _SCHEMA, compression="zstd") as writer:
            for first in range(begin, end, CHUNK):
                chunk = _chunk(world, first, first_order=orders)
                writer.write_table(chunk, row_group_size=CHUNK)
                orders = chunk["order_id"][-1].as_py()
                progress(f"{first + len(chunk):,} of {world.lines:,} lines")
    pq.write_table(_products(world), folder / "products.parquet", compression="zstd")
    pq.write_table(_customers(world), folder / "customers.parquet", compression="zstd")
    pair = np.arange(PAIRS)
    pairs = pd.DataFrame({"product_id": pair + 1, "other_id": world.partner[pair] + 1})
    pairs.to_csv(folder / "pairs.csv", index=False, lineterminator="\n")
    text = _SOURCE.format(lines=world.lines, seed=world.seed)
    (folder / "shop.yml").write_text(text, encoding="utf-8")


_SCHEMA = pa.schema(
    {
        "customer_id": pa.int64(),
        "order_id": pa.int64(),
        "product_id": pa.int64(),
        "time": pa.timestamp("us"),
        "quantity": pa.int64(),
        "amount": pa.decimal128(18, 2),
    }
)


def _chunk(world: _World, first: int, *, first_order: int) -> pa.Table:
    """The lines from `first` on, in order of time; a chunk has its share of the period and ends
    with a whole order.
    """
    number, rows = first // CHUNK, min(CHUNK, world.lines - first)
    rng = np.random.default_rng([world.seed, 1, number])
    size = _basket_sizes(rows, rng)
    orders = len(size)
    share = (first + rows * np.sort(rng.random(orders))) / world.lines
    hour = np.interp(share, world.clock, np.arange(len(world.clock)))
    time = START + (hour * 3600).astype("int64") * np.timedelta64(1_000_000, "us")
    customer = _customers_at(world, hour / (24 * DAYS), rng)
    customer[rng.random(orders) < ANONYMOUS] = 0
    sign = np.where(rng.random(orders) < RETURNED, -1, 1)
    owner = np.repeat(np.arange(orders), size)
    product = _products_of(world, owner, rng)
    quantity = rng.choice(np.array([1, 1, 1, 1, 1, 1, 2, 2, 3, 6]), rows)
    cents = world.cents[product] * quantity * sign[owner]
    columns = [
        pa.array(customer[owner], mask=customer[owner] == 0),
        pa.array(owner + first_order + 1),
        pa.array(product + 1),
        pa.array(time[owner]),
        pa.array(quantity * sign[owner]),
        _decimals(cents),
    ]
    return pa.table(columns, schema=_SCHEMA)


def _basket_sizes(rows: int, rng: Generator) -> ndarray:
    """Geometric sizes that add up to `rows`; the last is cut."""
    size = rng.geometric(1 / BASKET, int(rows / BASKET * 1.2) + 200)
    while size.sum() < rows:
        size = np.concatenate([size, rng.geometric(1 / BASKET, 1_000)])
    total = np.cumsum(size)
    last = int(np.searchsorted(total, rows))
    size = size[: last + 1]
    size[last] -= total[last] - rows
    return size


def _customers_at(world: _World, when: ndarray, rng: Generator) -> ndarray:
    """A customer for each order (1, 2, ...): joined by then, and not gone; after 20 vain draws,
    whoever is drawn.
    """
    customers = len(world.weight)
    joined = np.clip(((when + 1) / 2 * customers).astype(int), 1, customers)
    found = np.zeros(len(when), dtype=np.int64)
    open_ = np.arange(len(when))
    for _ in range(20):
        drawn = np.searchsorted(
            world.weight, rng.random(len(open_)) * world.weight[joined[open_] - 1], side="right"
        )
        found[open_] = np.minimum(drawn, customers - 1)
        open_ = open_[world.leaves[found[open_]] < when[open_]]
        if not len(open_):
            break
    return found + 1


def _products_of(world: _World, owner: ndarray, rng: Generator) -> ndarray:
    """A product for each line, in which the second of a pair often follows the first."""
    drawn = np.searchsorted(world.popular, rng.random(len(owner)) * world.popular[-1], side="right")
    product = np.minimum(drawn, len(world.popular) - 1)
    partner = world.partner[product[:-1]]
    joins = (partner >= 0) & (owner[1:] == owner[:-1]) & (rng.random(len(owner) - 1) < JOINS)
    product[1:][joins] = partner[joins]
    return product


def _decimals(cents: ndarray) -> pa.Array:
    """Whole cents as decimals with two places, without a detour over text or doubles."""
    words = np.stack([cents, cents >> 63], axis=1)
    return pa.Array.from_buffers(
        pa.decimal128(18, 2), len(cents), [None, pa.py_buffer(words.tobytes())]
    )


def _products(world: _World) -> pa.Table:
    number = np.arange(1, len(world.cents) + 1)
    groups = {}
    for name, most in {"department": 8, "category": 60, "brand": 200}.items():
        groups[name] = _named(name, number % most + 1)
    columns = {"product_id": number, "name": _named("product", number), **groups}
    return pa.table({**columns, "price": _decimals(world.cents)})


def _named(what: str, number: ndarray) -> pa.Array:
    return pa.array([f"{what} {each}" for each in number])


def _customers(world: _World) -> pa.Table:
    rng = np.random.default_rng([world.seed, 2])
    choices = {
        "age_band": ["18-29", "30-44", "45-59", "60+"],
        "gender": ["female", "male"],
        "location": ["north", "east", "south", "west", "centre"],
    }
    drawn = {
        name: pa.DictionaryArray.from_arrays(
            rng.integers(len(of), size=len(world.weight), dtype="int8"), of
        )
        for name, of in choices.items()
    }
    return pa.table({"customer_id": np.arange(1, len(world.weight) + 1), **drawn})
