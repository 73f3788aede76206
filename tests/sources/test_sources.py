import gzip
import os
from pathlib import Path

import pandas as pd
import pytest

import personalize as pz
from personalize.simulate import large
from personalize.sources import conversion, guess, loading
from personalize.sources.spec import parse, read
from personalize.tables import TableError

HEADER = "customer,order,product,time,qty,amount"
ROWS = [
    "1,10,5,2024-01-01 08:00,1,2.50",
    "1,11,6,2024-01-02 09:00,2,5.00",
    "2,12,5,2024-01-03 10:00,1,2.50",
]
COLUMNS = {
    "customer_id": "customer",
    "order_id": "order",
    "product_id": "product",
    "time": "time",
    "quantity": "qty",
    "amount": "amount",
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PERSONALIZE_CACHE", str(tmp_path / "cache"))


def _source(
    folder: Path, lines=None, *, header=HEADER, more="", table="", encoding="utf-8"
) -> Path:
    """A CSV and a source file for it."""
    (folder / "orders.csv").write_bytes(
        "\n".join([header, *(ROWS if lines is None else lines), ""]).encode(encoding)
    )
    columns = "".join(f"      {ours}: {theirs}\n" for ours, theirs in COLUMNS.items())
    path = folder / "shop.yml"
    path.write_text(
        f"name: shop\n{more}tables:\n  orders:\n    path: orders.csv\n{table}    columns:\n{columns}"
    )
    return path


def _log(tables) -> dict[str, int]:
    return dict(zip(tables.log.reason, tables.log.rows, strict=True))


# -- the built-in sources -------------------------------------------------------------------------------------------


def test_complete_journey_has_the_published_counts_and_local_times():
    tables = pz.load("complete_journey")
    facts = tables.sql(
        "select count(*) as lines, count(distinct customer_id) as customers, count(distinct order_id) as orders, "
        "count(distinct product_id) as products, min(time) as first, max(time) as last, "
        "count(distinct cast(time as date)) as days from {orders}"
    ).iloc[0]
    assert (facts.lines, facts.customers, facts.orders, facts.products) == (
        1_469_307,
        2_469,
        155_848,
        68_509,
    )
    assert (str(facts["first"]), str(facts["last"])) == (
        "2017-01-01 06:53:26",
        "2017-12-31 23:01:20",
    )
    assert facts.days == 364
    assert _log(tables)["lines with quantity 0"] == 8_869
    assert _log(tables)["lines whose product is not in 'products'"] == 4_836
    assert tables.customers.count() == 801


def test_cdnow_is_the_published_sample():
    tables = pz.load("cdnow")
    assert tables.orders.count() == 6_919
    assert tables.sql("select count(distinct customer_id) as n from {orders}").n[0] == 2_357
    assert (str(tables.start.date()), str(tables.end.date())) == ("1997-01-01", "1998-06-30")


def test_the_simulated_shop_has_every_table_and_says_that_it_is_simulated():
    tables = pz.load("simulated_shop")
    assert all(name in tables for name in pz.tables.CONTRACTS)
    assert tables.card["simulated"] is True


def test_every_built_in_source_states_its_terms():
    for name in pz.sources.names():
        spec = read(name)
        assert spec.title and spec.description and spec.terms


# -- cleaning -------------------------------------------------------------------------------------------------------


def test_every_row_is_either_kept_or_counted_by_reason(tmp_path):
    lines = [
        *ROWS,
        ",13,5,2024-01-03,1,1",
        "1,,5,2024-01-03,1,1",
        "1,14,POST,2024-01-03,1,9",
        "1,15,6,,1,1",
    ]
    tables = pz.load(_source(tmp_path, lines, more='exclude: {product_id: ["POST"]}\n'))
    log = tables.log.set_index(["step", "reason"]).rows
    assert log["read", "rows in the file"] == 7
    assert log["dropped"].sum() + log["result", "rows kept"] == 7
    assert log["dropped", "product_id 'POST' is excluded"] == 1
    assert log["dropped", "no order_id"] == log["dropped", "no time"] == 1
    assert log["kept", "anonymous: order line without customer"] == 1


@pytest.mark.parametrize(
    ("policy", "rows", "money", "is_return"),
    [
        ("net", 4, 8.0, [False, False, False, True]),
        ("drop", 3, 10.0, [False] * 3),
        ("keep", 4, 8.0, [False] * 4),
    ],
)
def test_returns_follow_the_stated_policy(tmp_path, policy, rows, money, is_return):
    tables = pz.load(
        _source(tmp_path, [*ROWS, "1,13,6,2024-01-04,-1,-2"], more=f"returns: {policy}\n")
    )
    assert tables.orders.count() == rows
    totals = tables.order_totals.to_pandas()
    assert totals.amount.sum() == money and totals.is_return.tolist() == is_return


def test_the_amount_of_a_line_is_quantity_times_unit_price(tmp_path):
    path = _source(tmp_path)
    path.write_text(path.read_text().replace("amount: amount", "unit_price: amount"))
    assert pz.load(path).orders.to_pandas(["amount"]).amount.tolist() == [2.5, 10.0, 2.5]


def test_whole_number_ids_are_integers_and_lose_the_spreadsheets_point_zero(tmp_path):
    tables = pz.load(_source(tmp_path, ["1.0,10,05,2024-01-01,1,1", "2.0,11,7,2024-01-02,1,1"]))
    frame = tables.orders.to_pandas()
    assert frame.customer_id.tolist() == [1, 2]
    assert frame.product_id.tolist() == ["05", "7"]


def test_lines_of_one_order_take_its_first_time_and_its_customer(tmp_path):
    lines = ["1,10,5,2024-01-01 08:00,1,1", ",10,6,2024-01-01 08:05,1,1", "2,11,5,2024-01-02,1,1"]
    tables = pz.load(_source(tmp_path, lines))
    first = tables.orders.to_pandas().query("order_id == 10")
    assert first.time.nunique() == 1 and first.customer_id.tolist() == [1, 1]
    assert _log(tables)["orders whose lines differ in time"] == 1


def test_repeated_lines_stay_unless_the_source_says_drop(tmp_path):
    kept = pz.load(_source(tmp_path, [*ROWS, ROWS[0]]))
    assert kept.orders.count() == 4 and _log(kept)["lines repeated exactly within their order"] == 1
    dropped = pz.load(_source(tmp_path, [*ROWS, ROWS[0]], more="duplicates: drop\n"))
    assert dropped.orders.count() == 3 and _log(dropped)["exact repeats of a line"] == 1


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "utf-16", "gb18030"])
def test_text_survives_its_encoding(tmp_path, encoding):
    name = "茶壶" if encoding == "gb18030" else "café £"
    lines = [row + f",{name}" for row in ROWS]
    path = _source(
        tmp_path,
        lines,
        header=HEADER + ",title",
        table=f"    encoding: {encoding}\n",
        encoding=encoding,
    )
    path.write_text(
        path.read_text()
        + "  products:\n    from: orders\n    columns: {product_id: product, name: title}\n"
    )
    assert set(pz.load(path).products.to_pandas().name) == {name}


def test_products_and_customers_can_be_made_from_the_order_lines(tmp_path):
    lines = [
        row + f",{title},{land}"
        for row, title, land in zip(
            [*ROWS, "2,13,5,2024-01-09,1,2.50"],
            ["Tea", "Cup", "Tea", "TEA!"],
            ["UK", "UK", "FR", "FR"],
            strict=True,
        )
    ]
    path = _source(tmp_path, lines, header=HEADER + ",title,land")
    path.write_text(
        path.read_text()
        + "  products:\n    from: orders\n    columns: {product_id: product, name: title, price: amount}\n"
        "  customers:\n    from: orders\n    columns: {customer_id: customer, location: land}\n"
    )
    tables = pz.load(path)
    products = tables.products.to_pandas().set_index("product_id")
    assert products.name.to_dict() == {5: "Tea", 6: "Cup"} and products.price[5] == 2.5
    assert tables.customers.to_pandas().set_index("customer_id").location.to_dict() == {
        1: "UK",
        2: "FR",
    }


def test_decimal_commas_are_read_where_the_source_says_so(tmp_path):
    lines = [row.replace(",2.50", ',"1.002,50"').replace(",5.00", ',"5,00"') for row in ROWS]
    assert (
        pz.load(_source(tmp_path, lines, table='    decimal: ","\n'))
        .orders.to_pandas()
        .amount.max()
        == 1002.5
    )


def test_xlsx_parquet_gzip_and_globs_give_the_same_tables(tmp_path):
    frame = pd.read_csv(_source(tmp_path).parent / "orders.csv")
    frame.to_excel(tmp_path / "orders.xlsx", index=False)
    frame.to_parquet(tmp_path / "orders.parquet")
    (tmp_path / "zip.csv.gz").write_bytes(gzip.compress((tmp_path / "orders.csv").read_bytes()))
    for k, row in enumerate(ROWS):
        (tmp_path / f"part-{k}.csv").write_text(f"{HEADER}\n{row}\n")
    plain = pz.load(tmp_path / "shop.yml").orders.to_pandas()
    text = (tmp_path / "shop.yml").read_text()
    for other in ("orders.xlsx", "orders.parquet", "zip.csv.gz", "part-*.csv"):
        (tmp_path / "shop.yml").write_text(text.replace("orders.csv", f'"{other}"'))
        pd.testing.assert_frame_equal(
            pz.load(tmp_path / "shop.yml").orders.to_pandas(), plain, obj=other
        )


@pytest.mark.parametrize("keep", [1.0, 0.5])
def test_a_damaged_part_of_several_is_named_nothing_is_left_and_a_rerun_completes(tmp_path, keep):
    source = large(tmp_path / "log", lines=300_000)
    part = tmp_path / "log" / "orders-0000.parquet"
    good = part.read_bytes()
    part.with_name("orders-0001.parquet").write_bytes(good)
    third = len(good) // 3
    part.write_bytes((good[:third] + bytes(4000) + good[third + 4000 :])[: int(keep * len(good))])
    with pytest.raises(
        TableError,
        match=r"orders-0000\.parquet is (damaged: copy it again|no readable \.parquet file)",
    ):
        pz.load(source)
    assert not list((tmp_path / "cache").iterdir())
    part.write_bytes(good)
    assert pz.load(source).orders.count() == 600_000


def test_rows_keep_the_order_of_their_files_whatever_the_threads(tmp_path):
    rows = pd.DataFrame(
        {"customer": 1, "order": range(400_000), "product": 5, "qty": 1, "amount": 2.5}
    )
    rows["time"] = pd.Timestamp("2024-01-01")
    rows = rows.sample(frac=1, random_state=1)
    for k in range(4):
        rows[k::4].to_parquet(tmp_path / f"part-{k}.parquet", row_group_size=20_000)
    source = _source(tmp_path)
    source.write_text(source.read_text().replace("orders.csv", '"part-*.parquet"'))
    found = pz.load(source).orders.to_pandas(["order_id"]).order_id.tolist()
    assert found == [order for k in range(4) for order in rows.order[k::4]]


def test_the_conversion_is_made_once_and_again_when_the_data_changes(tmp_path):
    path = _source(tmp_path)
    first = pz.sources.prepare(path)
    made = first.path.stat().st_mtime_ns
    assert pz.sources.prepare(path).path.stat().st_mtime_ns == made
    second = pz.sources.prepare(_source(tmp_path, [*ROWS, "3,13,5,2024-01-04,1,1"]))
    assert second.fingerprint != first.fingerprint and second.end == "2024-01-04"
    assert not first.path.exists() and second.path.stat().st_mode & 0o077 == 0


def test_a_second_process_that_converts_the_same_never_takes_the_file_from_a_first(
    tmp_path, monkeypatch
):
    source, there = _source(tmp_path), []
    made = loading.prepare(source)
    note = made.path.with_name(made.path.name + ".json")

    def replace(old, new, moved=os.replace):
        there.append(made.path.is_file() and note.is_file())
        moved(old, new)

    monkeypatch.setattr(conversion.os, "replace", replace)
    conversion.convert(read(source), made.path, note)
    assert there == [True, True]
    assert loading.prepare(source) == made


def test_a_refused_source_leaves_nothing_behind(tmp_path):
    with pytest.raises(TableError):
        pz.load(_source(tmp_path, ["1,10,5,never,1,1"]))
    assert list((tmp_path / "cache").iterdir()) == []


# -- the source file ------------------------------------------------------------------------------------------------


def test_all_problems_of_a_source_file_come_in_one_message():
    document = {
        "name": "My Shop",
        "currency": 5,
        "colour": "red",
        "returns": "burn",
        "timezone": {"from": "UTC"},
        "tables": {
            "orders": {"path": "x.csv", "columns": {"customer_id": 3, "price": "p"}},
            "cats": {},
        },
    }
    with pytest.raises(TableError) as error:
        parse(document, "shop.yml", Path())
    for words in (
        "'name' must be",
        "'currency' must be text",
        "unknown key 'colour'",
        "'returns' must be one of",
        "'timezone' needs exactly",
        "columns.customer_id' must be",
        "unknown column",
        "unknown table 'cats'",
        "columns.order_id' is missing",
    ):
        assert words in str(error.value)


def test_an_engine_and_a_sample_that_make_no_sense_are_told_with_all_other_problems():
    document = {
        "name": "Shop",
        "tables": {},
        "engine": {"name": "flink", "cores": 2},
        "sample": 2.0,
    }
    with pytest.raises(TableError) as error:
        parse(document, "shop.yml", Path())
    for part in (
        "'name' must be",
        "'orders'",
        "'engine.name' must be duckdb",
        "'engine.cores'",
        "'sample' must be a share",
    ):
        assert part in str(error.value)


def test_dates_in_parameters_arrive_as_text():
    document = {
        "name": "shop",
        "tables": {"orders": {"path": "x", "columns": COLUMNS}},
        "parameters": {"as_of": pd.Timestamp("2024-01-02").date()},
    }
    assert parse(document, "shop.yml", Path()).parameters == {"as_of": "2024-01-02"}


# -- guessing -------------------------------------------------------------------------------------------------------


def _retail(folder: Path, lines: list[str]) -> Path:
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    path = folder / "retail.csv"
    path.write_bytes("\n".join([header, *lines, ""]).encode("latin-1"))
    return path


def test_a_retail_export_is_guessed_whole_and_the_guess_loads(tmp_path):
    lines = [
        f"5363{k},8{k % 7}12A,CAFÉ {k % 7} £,{k % 5 + 1},12/{k % 27 + 1}/2010 8:26,2.55,178{k % 9},Eire"
        for k in range(60)
    ]
    lines += [
        "C536379,8112A,CAFÉ 1 £,-1,12/28/2010 9:00,2.55,1781,Eire",
        "53700,POST,POSTAGE,1,12/28/2010 9:00,18,,Eire",
    ]
    text, said = guess.source([_retail(tmp_path, lines)], folder=tmp_path)
    (tmp_path / "shop.yml").write_text(text)
    tables = pz.load(tmp_path / "shop.yml")
    assert 'time_format: "%m/%d/%Y %H:%M"' in text and 'encoding: "latin-1"' in text
    assert any("proposed for exclusion: POST" in sentence for sentence in said)
    assert {"products", "customers"} <= set(tables.relations) and tables.orders.count() == 61
    assert (
        _log(tables)["product_id 'POST' is excluded"] == 1
        and _log(tables)["return lines (quantity below 0)"] == 1
    )


def test_what_cannot_be_guessed_is_said_and_marked_in_the_file(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("customer_id,order_id,sku,date,qty,fee\n1,2,3,01/02/2024,1,5\n")
    text, said = guess.source([path], folder=tmp_path)
    assert any("NOT FOUND: amount" in sentence for sentence in said)
    assert any("day and month cannot be told apart" in sentence for sentence in said)
    assert any("columns without a place: fee" in sentence for sentence in said)
    with pytest.raises(TableError, match="columns.amount|not in the file"):
        (tmp_path / "shop.yml").write_text(text)
        pz.load(tmp_path / "shop.yml")


def test_a_log_without_order_and_product_ids_is_read_as_whole_orders(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(
        "customer_id,date,amount\n"
        + "".join(f"{k % 3},2024-01-{k:02d},{k}.5\n" for k in range(1, 20))
    )
    text, said = guess.source([path], folder=tmp_path)
    (tmp_path / "shop.yml").write_text(text)
    assert pz.load(tmp_path / "shop.yml").order_totals.count() == 19
    assert any("each row is taken as a whole order" in sentence for sentence in said)


def test_a_file_that_is_no_order_log_is_refused(tmp_path):
    path = tmp_path / "cats.csv"
    path.write_text("fur,claws\nred,5\n")
    with pytest.raises(
        TableError, match="cannot be told what these files hold.*\n.*cats.csv: columns fur, claws"
    ):
        guess.source([path])
