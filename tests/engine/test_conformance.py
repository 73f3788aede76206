"""Both engines give the same answers: every SQL file, and every table that a conversion leaves.

Spark runs as `local[2]`, or where PERSONALIZE_SPARK says, such as sc://127.0.0.1:15002; without pyspark or Java the
tests skip. Whole numbers, decimals, texts and times are equal, doubles to a relative 1e-9, rows in the same order.
"""

import importlib.util
import math
import os
import re
import shutil
from datetime import date, datetime
from decimal import Decimal
from hashlib import md5
from pathlib import Path

import pandas as pd
import pytest

import personalize as pz
from personalize import segmentation, simulate
from personalize.tables import TableError, literal, sql_file

SQL = Path(pz.__file__).parent / "sql"
WHERE = os.environ.get("PERSONALIZE_SPARK", "local[2]")
MISSING = [
    *([] if importlib.util.find_spec("pyspark") else ["pyspark"]),
    *([] if shutil.which("java") or WHERE.startswith("sc:") else ["Java"]),
]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"no {' and no '.join(MISSING)}: make engines installs Spark"
)
DAY = pd.Timestamp
VALUES = {  # what stands for each mark that is no table of a source
    "after": DAY("2023-03-01"), "as_of": DAY("2023-06-01"), "until": DAY("2023-07-20"), "many": 10, "coin": 0.01,
    "large": 20, "min_count": 3, **{f"after_{k}": DAY("2023-06-01") - pd.Timedelta(weeks=4 * k) for k in range(1, 7)},
}  # fmt: skip
WORDS = {
    "level": "p.subcategory",
    "is_return": "is_return",
    "order_repeats": "order_repeats",
    "order_sums": "order_sums",
}  # parts of SQL
QUERIES = {
    "members": "select customer_id from {customers} where customer_id % 2 = 0",
    "groups": "select product_id, cast(product_id % 5 as bigint) as code from {products}",
}
FRAMES = {  # tables that a topic registers
    "documents": pd.DataFrame(
        {
            "author": [1, 1, 2, 3, None],
            "text": ["it's good", "bad", "bad", None, "it's \\ good"],
            "rating": [5, 4.5, 1, 3, None],
        }
    ),
    "texts": pd.DataFrame({"text": ["bad", "it's good", "it's \\ good"], "text_no": [0, 1, 2]}),
    "words": pd.DataFrame({"text_no": [0, 1, 1, 2], "word_no": [0, 1, 2, 1], "times": [1, 1, 2, 1]}),
}  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Files of a small shop with every table: orders as Parquet, the others as CSV."""
    folder = tmp_path_factory.mktemp("shop")
    tables = dict(simulate.shop(customers=80, products=64, weeks=30, seed=7).tables)
    orders = tables["orders"]
    extra = orders.sample(40, random_state=1).assign(
        time=lambda t: t.time + pd.Timedelta(minutes=3)
    )
    tables["orders"] = pd.concat(
        [orders, extra, orders.head(30).assign(product_id=None)], ignore_index=True
    )
    lines = []
    for name, table in tables.items():
        file = f"{name}.{'parquet' if name == 'orders' else 'csv'}"
        table.to_parquet(folder / file) if name == "orders" else table.to_csv(
            folder / file, index=False
        )
        columns = ", ".join(f"{c}: {c}" for c in table.columns)
        lines += [f"  {name}: {{path: {file}, columns: {{{columns}}}}}\n"]
    (folder / "tables.txt").write_text("tables:\n" + "".join(lines))
    (folder / "orders.txt").write_text(
        "tables:\n" + next(line for line in lines if "orders.parquet" in line)
    )
    return folder


def opened(shop, name, engine, tables="tables.txt"):
    (shop / f"{name}.yml").write_text(
        f"name: {name}\ncurrency: GBP\ntimezone: {{from: UTC, to: Europe/London}}\nexclude: {{channel: [fax]}}\n"
        f"engine: {engine}\n{(shop / tables).read_text()}"
    )
    return pz.load(shop / f"{name}.yml")


@pytest.fixture(scope="module")
def duck(shop, own_cache):
    return opened(shop, "duck", "duckdb")


@pytest.fixture(scope="module")
def spark(shop, own_cache, working_folder):
    found = opened(shop, "spark", f"{{name: '{WHERE}', folder: '{shop / 'rows'}'}}")
    yield found
    found.engine.close()


@pytest.fixture(scope="module")
def working_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("working")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERSONALIZE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def answer(tables, text):
    """The rows of a query as Python values, exact decimals included."""
    if hasattr(tables.engine, "_connection"):
        rows = tables.engine._connection.sql(text).to_arrow_table()
    else:
        with tables.engine._clearly():
            rows = tables.engine._sql(text).toArrow()
    return rows.column_names, [tuple(row.values()) for row in rows.to_pylist()]


def same(one, other):
    if isinstance(one, float) or isinstance(other, float):
        return (
            one is not None
            and other is not None
            and math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
        )
    if (
        isinstance(one, date)
        and isinstance(other, date)
        and isinstance(one, datetime) != isinstance(other, datetime)
    ):
        return pd.Timestamp(one) == pd.Timestamp(other)
    kinds = (
        (int, Decimal)
        if isinstance(one, (int, Decimal)) and not isinstance(one, bool)
        else type(one)
    )
    return isinstance(other, kinds) and one == other


def assert_same(duck, spark, text, of):
    (names, rows), (other_names, others) = (
        answer(duck, of(duck, text)),
        answer(spark, of(spark, text)),
    )
    assert names == other_names and len(rows) == len(others)
    for k, (row, other) in enumerate(zip(rows, others, strict=True)):
        assert all(map(same, row, other)), f"row {k}: duckdb {row}, spark {other}"
    return rows


def filled(tables, text):
    marks = {**{name: literal(value) for name, value in VALUES.items()}, **WORDS}
    marks |= tables.relations
    asked = set(re.findall(r"{(\w+)}", text))
    for name in FRAMES.keys() & asked:
        marks[name] = tables.engine.register(f"a_{name}", FRAMES[name])
    for name in QUERIES.keys() & asked:
        marks[name] = tables.engine.view(f"a_{name}", QUERIES[name].format_map(tables.relations))
    unknown = sorted(set(re.findall(r"{(\w+)}", text)) - set(marks))
    assert not unknown, f"say at the head of this file what {unknown} stand for"
    return text.format_map(marks)


@pytest.mark.parametrize("file", sorted(SQL.glob("*.sql")), ids=lambda path: path.stem)
def test_every_sql_file_gives_the_same_answer_on_both_engines(file, duck, spark):
    text = file.read_text(encoding="utf-8")
    if file.stem.startswith(
        "order_"
    ):  # asked while a source is converted, of tables by their bare names
        for tables in (duck, spark):
            tables.engine.view(
                "orders", "select * from " + tables.relations["orders"]
            ) if tables is duck else None
            for name in ("order_repeats", "order_sums"):
                tables.engine.view(
                    name, sql_file(name).format(orders="orders", order_repeats="order_repeats")
                )
        key = "order_id, product_id" if file.stem == "order_repeats" else "order_id"
        text = f"select * from ({text}) as t order by {key}"
    rows = assert_same(duck, spark, text, filled)
    assert rows or file.stem == "statistics_units"  # no product of this shop is sold by weight


def test_conversions_leave_the_same_tables_and_the_same_log(duck, spark):
    assert set(duck.relations) == set(spark.relations) >= set(pz.tables.CONTRACTS)
    pd.testing.assert_frame_equal(duck.log, spark.log)
    assert {"orders whose lines differ in time", "no product_id"} <= set(duck.log.reason)
    for name in duck.relations:
        assert duck.engine.types(duck.relations[name]) == spark.engine.types(
            spark.relations[name]
        ), name
        columns = ", ".join(f"`{c}` nulls last" for c in getattr(duck, name).columns)
        assert assert_same(duck, spark, f"select * from {{{name}}} order by {columns}", filled), (
            name
        )


def test_answers_arrive_as_the_same_frames(duck, spark):
    for ask in (
        lambda t: pz.features.rfm(t, as_of="2023-06-30"),
        lambda t: pz.features.rfm(t.where("channel = 'online'"), as_of="2023-06-30"),
        lambda t: t.until("2023-05-01").order_totals.to_pandas().sort_values("order_id", ignore_index=True),
        lambda t: t.sql("select {word} as word, {day} as day", word="it's \\ 5", day=VALUES["after"]),
        lambda t: pz.statistics.behaviour(t).table(),
        lambda t: pz.clv.summary(t, as_of="2023-06-30", unit="W"),
        pz.statistics.facts,
    ):  # fmt: skip
        one, other = ask(duck), ask(spark)
        check = (
            pd.testing.assert_series_equal
            if isinstance(one, pd.Series)
            else pd.testing.assert_frame_equal
        )
        check(one, other, check_dtype=False, rtol=1e-9)


def test_models_fitted_on_a_hash_sample_score_everybody_on_both_engines_as_in_python(duck, spark):
    rfm = pz.features.rfm(duck, as_of="2023-06-30")
    sample = rfm[[md5(str(customer).encode()).hexdigest() < "a" for customer in rfm.customer_id]]
    assert 0.4 * len(rfm) < len(sample) < 0.9 * len(rfm)
    day = VALUES["until"]
    fitted = segmentation.Segmenter(3).fit(sample, as_of=day)
    churn = segmentation.Churn("logistic").fit(duck, as_of="2023-06-30")
    for tables in (duck, spark):
        everyone = tables.engine.register("everyone", rfm)
        labels = tables.engine.frame(fitted.sql(everyone) + " order by s.customer_id")
        pd.testing.assert_frame_equal(
            labels, fitted.assign(rfm).drop(columns="state"), check_dtype=False
        )
        chances = tables.engine.frame(churn.sql(everyone) + " order by customer_id")
        assert chances.churn.to_numpy() == pytest.approx(churn.chance(rfm), rel=1e-9)


def test_rows_beyond_the_limit_are_refused_not_cut(spark):
    rows = spark.orders.count()
    assert len(spark.orders.to_pandas(["order_id"], max_rows=rows)) == rows
    with pytest.raises(TableError, match=f"more than {rows - 1:,} rows"):
        spark.orders.to_pandas(["order_id"], max_rows=rows - 1)


def test_nothing_is_written_into_the_working_folder(spark, working_folder):
    assert not list(working_folder.iterdir())


def test_the_conversion_is_made_once(shop, spark, own_cache):
    before = sorted(path.stat().st_mtime_ns for path in (shop / "rows").rglob("*"))
    assert pz.load(shop / "spark.yml").order_totals.count() == spark.order_totals.count()
    assert sorted(path.stat().st_mtime_ns for path in (shop / "rows").rglob("*")) == before


def test_frames_are_sorted_as_the_embedded_engine_sorts(duck, spark):
    for end in (
        "customer_id, order_id, product_id desc",
        "o.product_id desc, o.order_id nulls last",
        "1 nulls last, 3, 2",
    ):
        text = f"select customer_id, order_id, o.product_id from {{orders}} o where quantity > 0 order by {end}"
        pd.testing.assert_frame_equal(duck.sql(text), spark.sql(text))


def test_a_broken_conversion_leaves_no_table_and_a_rerun_removes_what_a_lost_server_left(
    shop, spark, own_cache, monkeypatch
):
    def load():
        return opened(
            shop, "broken", f"{{name: '{WHERE}', folder: '{shop / 'broken'}'}}", "orders.txt"
        )

    def lost(*_):
        raise TableError("lost")

    good = (shop / "orders.parquet").read_bytes()
    frame = pd.read_parquet(shop / "orders.parquet")
    try:
        frame.assign(order_id=1).to_parquet(shop / "orders.parquet")  # one order of all customers
        with pytest.raises(TableError, match="belong to two or more customers"):
            load()
        assert not list((shop / "broken").iterdir())
        (shop / "orders.parquet").write_bytes(good[: len(good) // 2])
        monkeypatch.setattr(type(spark.engine), "remove", lost)
        with pytest.raises(
            TableError, match="orders.parquet is no readable .parquet file: damaged or cut short"
        ):
            load()
        monkeypatch.undo()
    finally:
        (shop / "orders.parquet").write_bytes(good)
    (left,) = (shop / "broken").iterdir()
    (left / "part.parquet").write_bytes(good)
    assert load().orders.count() == spark.orders.count()
    (kept,) = (shop / "broken").iterdir()
    assert kept != left


def test_a_wrong_address_is_told_at_once(shop, own_cache):
    with pytest.raises(
        TableError, match=r"no Spark Connect server answers at sc://127.0.0.1:9 .*correct 'engine'"
    ):
        opened(shop, "nowhere", "'sc://127.0.0.1:9/;token=pl4nted'")
