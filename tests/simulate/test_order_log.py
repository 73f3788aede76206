"""The order log of any size: exact, equal for equal seeds, and shaped as its docstring says."""

import hashlib
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import personalize as pz
from personalize.__main__ import main
from personalize.simulate import large, order_log
from personalize.tables import TableError

LINES = 60_000


def digests(folder):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
    }


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log") / "shop"
    large(folder, lines=LINES, seed=3)
    return folder


@pytest.fixture(scope="module")
def lines(log):
    return pd.read_parquet(log / "orders-0000.parquet")


def test_equal_seeds_give_equal_bytes_whatever_the_threads_and_another_seed_others(log, tmp_path):
    before = pa.cpu_count()
    pa.set_cpu_count(1)
    try:
        large(tmp_path / "again", lines=LINES, seed=3)
    finally:
        pa.set_cpu_count(before)
    large(tmp_path / "other", lines=LINES, seed=4)
    assert digests(tmp_path / "again") == digests(log)
    assert digests(tmp_path / "other")["orders-0000.parquet"] != digests(log)["orders-0000.parquet"]


def test_a_log_of_several_chunks_and_files_is_exact_in_order_of_time_and_cuts_no_order(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(order_log, "CHUNK", 2_000)
    monkeypatch.setattr(order_log, "PART", 2)
    said = []
    large(tmp_path / "shop", lines=9_001, progress=said.append)
    parts = sorted((tmp_path / "shop").glob("orders-*.parquet"))
    rows = pd.concat([pd.read_parquet(part) for part in parts], ignore_index=True)
    assert (
        len(parts) == 3
        and len(rows) == 9_001
        and said[-1] == "9,001 of 9,001 lines"
        and len(said) == 5
    )
    assert rows.time.is_monotonic_increasing and rows.order_id.is_monotonic_increasing
    assert rows.order_id.max() == rows.order_id.nunique() == (rows.order_id.diff() != 0).sum()
    assert rows.groupby("order_id").time.nunique().max() == 1


def test_customers_products_and_baskets_have_the_stated_shapes(log, lines):
    orders = lines.groupby("order_id").agg(
        customer=("customer_id", "first"), size=("product_id", "size")
    )
    assert len(lines) == LINES
    assert orders["size"].mean() == pytest.approx(8, rel=0.05)
    assert (orders["size"] == 1).mean() == pytest.approx(
        1 / 8, rel=0.1
    )  # geometric: a whole order of one line
    assert orders.customer.isna().mean() == pytest.approx(0.01, abs=0.004)
    assert (lines.groupby("order_id").quantity.max() < 0).mean() == pytest.approx(0.005, abs=0.003)
    known = pd.read_parquet(log / "customers.parquet").customer_id
    assert len(known) == LINES // 100 and set(lines.customer_id.dropna()) <= set(known)
    sold = lines.product_id.value_counts()
    free = np.arange(61, 201)  # beyond the pairs
    slope = np.polyfit(np.log(free), np.log(sold.reindex(free).fillna(0.5)), 1)[0]
    assert slope == pytest.approx(-1.05, abs=0.12)
    spread = orders.groupby("customer").size().reindex(known, fill_value=0)
    assert spread.var() > 5 * spread.mean()  # gamma rates and leaving: far from equal customers


def test_planted_pairs_are_bought_together_far_more_often_than_by_chance(log, lines):
    pairs = pd.read_csv(log / "pairs.csv")
    baskets = lines.groupby("product_id").order_id.agg(set)
    total = lines.order_id.nunique()
    lifts = [
        len(baskets[a] & baskets[b]) * total / len(baskets[a]) / len(baskets[b])
        for a, b in pairs.values
    ]
    chance = [
        len(baskets[a] & baskets[b]) * total / len(baskets[a]) / len(baskets[b])
        for a, b in pairs.values + 60
    ]
    assert len(pairs) == 20 and np.median(lifts) > 4 * np.median(chance) and np.median(chance) < 2


def test_the_log_is_a_source_of_its_own(log, tmp_path, monkeypatch):
    monkeypatch.setenv("PERSONALIZE_CACHE", str(tmp_path))
    tables = pz.load(log / "shop.yml")
    assert tables.orders.count() == LINES and tables.card["simulated"] is True
    assert {"products", "customers"} <= set(tables.relations)
    assert (
        tables.sql("select cast(sum(amount) as varchar) as s from {order_totals}")
        .s[0]
        .endswith("00")
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"lines": 10}, "lines = 10: a whole number from 1,000"),
        ({"lines": 2.5}, "lines = 2.5: a whole number"),
        ({"seed": -1, "lines": True}, "lines = True.*\n.*seed = -1"),
    ],
)
def test_arguments_out_of_range_are_all_named(tmp_path, arguments, said):
    with pytest.raises(TableError, match=said):
        large(tmp_path / "x", **arguments)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(TableError, match="is not empty: choose another folder"):
        large(tmp_path, lines=1_000)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_log_that_breaks_off_leaves_nothing(tmp_path):
    def stop(sentence):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        large(tmp_path / "shop", lines=1_000, progress=stop)
    assert not list(tmp_path.iterdir())


def test_the_command_writes_says_and_refuses(tmp_path, capsys):
    assert main(["simulate", "--lines", "1e3", "--out", str(tmp_path / "shop")]) == 0
    said = capsys.readouterr().out
    assert "1,000 of 1,000 lines" in said and re.search(
        r"Next: personalize check .*shop\.yml", said
    )
    assert main(["simulate", "--lines", "1000", "--out", str(tmp_path / "shop")]) == 2
    assert "is not empty" in capsys.readouterr().err
    for wrong in (["--lines", "many"], ["--lines", "1.5"], ["--lines", "inf"], ["--seed", "x"]):
        with pytest.raises(SystemExit, match="2"):
            main(["simulate", *wrong, "--out", str(tmp_path / "y")])
        assert "no whole number" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["simulate"])
    assert "--out" in capsys.readouterr().err
