"""Own data as people have it, through the command line; and every way it goes wrong, each with a message that helps."""

import csv
import gzip
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import personalize as pz
from personalize.__main__ import main
from personalize.simulate import shop

HEADER = [
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
]
FEES = {
    "POST": ("POSTAGE", 18.0, 9),
    "M": ("Manual", 3.25, 5),
    "BANK CHARGES": ("Bank Charges", 15.0, 3),
}
NOTEBOOK_PARAMETERS = [
    'source: str = "complete_journey"  # built-in source or source file',
    'as_of: str = ""  # last known day',
    "n_segments: int = 5  # number of segments",
    "theta: float = 1.0  # lift threshold",
]


def cancelled(origin, number):
    return f"C{number}" if origin == "return" else str(number)


@pytest.fixture(scope="module")
def export():
    """A shop's export as a list of rows: cancellations, blank customers, fees, accents, pounds, commas in names."""
    simulated = shop(customers=80, products=80, weeks=30, start="2010-12-01", seed=11)
    lines = simulated.tables["orders"].merge(simulated.truth["orders"], on="order_id")
    products = simulated.tables["products"].set_index("product_id")
    city = simulated.tables["customers"].set_index("customer_id").location
    rows = []
    for line in lines.itertuples():
        product = products.loc[line.product_id]
        rows.append(
            {
                "InvoiceNo": cancelled(line.origin, line.order_id - 30_000_001 + 536_365),
                "StockCode": f"{line.product_id}{'A' if line.product_id % 3 == 0 else ''}",
                "Description": f"{product.subcategory}, café £{line.product_id % 7}".upper(),
                "Quantity": line.quantity,
                "InvoiceDate": f"{line.time.month}/{line.time.day}/{line.time.year} {line.time.hour}:{line.time:%M}",
                "UnitPrice": round(line.amount / line.quantity, 2),
                "CustomerID": "" if pd.isna(line.customer_id) else line.customer_id,
                "Country": "" if pd.isna(line.customer_id) else _country(city[line.customer_id]),
            }
        )
    return _with_fees(rows)


def _country(city):
    return "Côte d'Ivoire" if not city.isascii() else "United Kingdom"


def _with_fees(rows):
    """Postage, manual entries and bank charges as further lines of some orders."""
    sold = [row for row in rows if not row["InvoiceNo"].startswith("C") and row["CustomerID"]]
    place = 0
    for code, (text, price, number) in FEES.items():
        for row in sold[place : place + 40 * number : 40]:
            rows.append(
                {**row, "StockCode": code, "Description": text, "Quantity": 1, "UnitPrice": price}
            )
        place += 7
    return rows


def text_of(rows, header=None):
    out = io.StringIO()
    writer = csv.DictWriter(out, header or HEADER, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working folder with its own cache."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("PERSONALIZE_CACHE", str(tmp_path / "cache"))
    return work


@pytest.fixture
def own(folder, export):
    """The export as a latin-1 file in the working folder, with its source file."""
    Path("online.csv").write_bytes(text_of(export).encode("latin-1"))
    assert main(["init", "online.csv"]) == 0
    return folder


def refused(capsys, arguments, fragments):
    """The command ends with 2, says each fragment on stderr, shows no traceback and leaves no file behind."""
    before, cache = everything(Path.cwd()), everything(Path(os.environ["PERSONALIZE_CACHE"]))
    capsys.readouterr()
    try:
        status = main(arguments)
    except SystemExit as stop:  # argparse
        status = stop.code
    said = capsys.readouterr()
    assert status == 2, said
    assert "Traceback" not in said.err
    missing = [part for part in fragments if not re.search(part, said.err)]
    assert not missing, f"{missing} not said in: {said.err}"
    assert everything(Path.cwd()) == before
    assert everything(Path(os.environ["PERSONALIZE_CACHE"])) == cache
    return said.err


def everything(folder):
    return (
        {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
        if folder.exists()
        else {}
    )


def edit(old, new, file="shop.yml"):
    text = Path(file).read_text(encoding="utf-8")
    assert old in text, f"{old!r} not in {text}"
    Path(file).write_text(text.replace(old, new), encoding="utf-8")


def rewrite(rows, **changes):
    """The export again with some values replaced: column=(places, value)."""
    rows = [dict(row) for row in rows]
    for column, (places, value) in changes.items():
        for place in places:
            rows[place][column] = value
    Path("online.csv").write_bytes(text_of(rows).encode("latin-1"))


# --- own data as a user has it --------------------------------------------------------------------------------------


def test_init_guesses_columns_encoding_times_and_fees_of_a_shop_export(own):
    text = Path("shop.yml").read_text(encoding="utf-8")
    spec = pz.sources.read("shop.yml")
    orders = spec.tables["orders"]
    assert dict(orders.columns) == {
        "customer_id": "CustomerID",
        "order_id": "InvoiceNo",
        "product_id": "StockCode",
        "time": "InvoiceDate",
        "quantity": "Quantity",
        "unit_price": "UnitPrice",
    }
    assert (orders.encoding, orders.time_format) == ("latin-1", "%m/%d/%Y %H:%M")
    assert dict(spec.exclude) == {"product_id": sorted(FEES)}
    assert spec.tables["products"].columns["name"] == "Description"
    assert spec.tables["customers"].columns["location"] == "Country"
    assert text.startswith("#")


def test_check_counts_every_dropped_line_by_reason(own, export, capsys):
    assert main(["check", "shop.yml"]) == 0
    said = capsys.readouterr().out
    for code, (_, _, number) in FEES.items():
        assert re.search(rf" {number}  dropped: product_id '{code}' is excluded", said), said
    fees = sum(number for _, _, number in FEES.values())
    assert re.search(rf"{len(export):,}  read: rows in the file", said)
    assert re.search(rf"{len(export) - fees:,}  result: rows kept", said)
    anonymous = sum(row["CustomerID"] == "" for row in export)
    returned = sum(row["Quantity"] < 0 for row in export)
    assert re.search(rf" {anonymous}  kept: anonymous", said), said
    assert re.search(rf" {returned}  kept: return lines", said), said


def test_the_tables_of_own_data_hold_the_money_the_names_and_the_returns_of_the_file(own, export):
    tables = pz.load("shop.yml")
    products = [row for row in export if row["StockCode"] not in FEES]
    money = sum(round(100 * row["UnitPrice"]) * int(row["Quantity"]) for row in products) / 100
    assert tables.sql("select sum(amount) as x from {orders}").x[0] == pytest.approx(
        money, abs=1e-6
    )
    names = tables.products.to_pandas().name
    assert names.str.contains("CAFÉ £").all()
    assert set(tables.customers.to_pandas().location.dropna()) == {
        "United Kingdom",
        "Côte d'Ivoire",
    }
    returns = tables.order_totals.to_pandas().query("is_return").order_id
    assert set(returns) == {row["InvoiceNo"] for row in export if row["InvoiceNo"].startswith("C")}
    first = pd.to_datetime(export[0]["InvoiceDate"], format="%m/%d/%Y %H:%M")
    assert tables.start == first.normalize()


def test_the_same_export_as_gzip_and_as_excel_gives_the_same_tables(own, export):
    expected = pz.load("shop.yml").orders.to_pandas()
    Path("zipped.csv.gz").write_bytes(gzip.compress(Path("online.csv").read_bytes()))
    frame = pd.read_csv(
        "online.csv", encoding="latin-1", dtype={"InvoiceNo": str, "StockCode": str}
    )
    frame["InvoiceDate"] = pd.to_datetime(frame.InvoiceDate, format="%m/%d/%Y %H:%M")
    frame.to_excel("sheet.xlsx", index=False)
    for file in ("zipped.csv.gz", "sheet.xlsx"):
        name = file.split(".")[0]
        assert main(["init", file, "--name", name]) == 0
        found = pz.load(f"{name}.yml").orders.to_pandas()
        pd.testing.assert_frame_equal(found, expected, check_like=True)


def test_init_and_check_work_as_programs_and_a_wrong_source_ends_them_with_2(own):
    def run(*arguments):
        command = [sys.executable, "-m", "personalize", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", check=False
        )

    assert run("init", "online.csv", "--name", "again").returncode == 0
    done = run("check", "again.yml")
    assert (done.returncode, done.stderr) == (0, "")
    edit("name: again", "nmae: again", "again.yml")
    wrong = run("check", "again.yml")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "unknown key 'nmae'" in wrong.stderr
    assert "Traceback" not in wrong.stderr


# --- files ----------------------------------------------------------------------------------------------------------


def test_a_missing_file_is_named_with_the_folder_that_was_searched(own, capsys):
    Path("online.csv").unlink()
    refused(
        capsys,
        ["check", "shop.yml"],
        ["'orders'", "no file 'online.csv'", f"looked in .*{own.name}"],
    )
    refused(capsys, ["init", "nothing.csv", "--name", "other"], ["no file 'nothing.csv'"])
    refused(
        capsys,
        ["check", "nothing.yml"],
        ["no source 'nothing.yml'", "complete_journey", "personalize init"],
    )


def test_an_empty_file_is_called_empty(own, capsys):
    Path("online.csv").write_bytes(b"")
    for command in (["check", "shop.yml"], ["init", "online.csv", "--name", "other"]):
        refused(capsys, command, ["online.csv is empty", "0 bytes", "export it again"])


def test_a_file_with_only_a_header_has_no_row_of_data(own, capsys):
    Path("online.csv").write_bytes(text_of([]).encode())
    for command in (["check", "shop.yml"], ["init", "online.csv", "--name", "other"]):
        refused(capsys, command, ["header", "not one row of data"])


@pytest.mark.parametrize("keep", [0.5, 0.999])
def test_a_gzip_cut_short_is_called_damaged(own, capsys, keep):
    whole = gzip.compress(Path("online.csv").read_bytes(), mtime=0)
    Path("online.csv.gz").write_bytes(whole[: int(len(whole) * keep)])
    edit("online.csv", "online.csv.gz")
    refused(
        capsys,
        ["check", "shop.yml"],
        ["orders", "gzip file is damaged or cut short", "copy it again|again"],
    )
    refused(
        capsys,
        ["init", "online.csv.gz", "--name", "other"],
        ["online.csv.gz", "damaged or cut short"],
    )


@pytest.mark.parametrize(
    "start", [b"PK\x03\x04\0\0\0\0", b"\x89PNG\r\n\x1a\n\0\0", bytes(range(256))]
)
def test_a_binary_file_named_csv_is_no_text_file(own, capsys, start):
    Path("online.csv").write_bytes(start * 40)
    for command in (["check", "shop.yml"], ["init", "online.csv", "--name", "other"]):
        refused(capsys, command, ["online.csv is no text file", "export the table as CSV"])


def test_a_file_in_another_encoding_is_told_with_the_line_to_write(own, capsys):
    edit('    encoding: "latin-1"\n', "")
    refused(capsys, ["check", "shop.yml"], ["orders", "not UTF-8|not utf-8", "encoding: latin-1"])


def test_a_ragged_line_is_told_with_its_number(own, capsys):
    with Path("online.csv").open("ab") as file:
        file.write(b"1,2,3\r\n")
    lines = Path("online.csv").read_bytes().count(b"\n")
    refused(capsys, ["check", "shop.yml"], ["orders", rf"\b{lines:,}\b|\b{lines}\b|line", "header"])


@pytest.mark.parametrize("file", ["online.parquet", "online.xlsx"])
@pytest.mark.parametrize(
    "content", [b"InvoiceNo,StockCode\r\n1,2\r\n", b"PAR1" + bytes(60), b"PK\x03\x04 cut"]
)
def test_a_damaged_parquet_or_excel_file_is_named_by_its_kind(own, capsys, file, content):
    Path(file).write_bytes(content)
    edit("online.csv", file)
    for command in (["check", "shop.yml"], ["init", file, "--name", "other"]):
        said = refused(capsys, command, [file, "no readable|damaged|cannot be read"])
        assert "separator" not in said


def test_rows_that_are_all_longer_than_the_header_are_not_called_missing(folder, export, capsys):
    lines = text_of(export[:5]).splitlines()
    Path("online.csv").write_bytes(
        "\r\n".join([lines[0], *(f"{line},9" for line in lines[1:])]).encode("latin-1")
    )
    said = refused(capsys, ["init", "online.csv"], ["online.csv", "header|columns|fields"])
    assert "not one row" not in said


def test_init_does_not_replace_a_source_file(own, capsys):
    refused(capsys, ["init", "online.csv"], ["shop.yml exists already", "--out"])


@pytest.mark.parametrize("arguments", [["--out", "nowhere/shop.yml"], ["--name", "My Shop"]])
def test_init_refuses_a_place_or_a_name_that_would_not_work(folder, export, capsys, arguments):
    Path("online.csv").write_bytes(text_of(export).encode("latin-1"))
    refused(capsys, ["init", "online.csv", *arguments], ["nowhere|name"])


def test_init_names_the_columns_it_cannot_place(folder, capsys):
    Path("strange.csv").write_text("alpha,beta\n1,2\n", encoding="utf-8")
    refused(
        capsys,
        ["init", "strange.csv"],
        ["strange.csv", "alpha, beta", "customer, order, product", "rename"],
    )


def test_a_data_file_given_as_a_source_leads_to_init(own, capsys):
    refused(capsys, ["check", "online.csv"], ["online.csv", "personalize init online.csv"])


# --- the source file ------------------------------------------------------------------------------------------------


def test_a_missing_column_is_named_with_those_that_are_there(own, capsys):
    edit("CustomerID", "Customer ID")
    edit("UnitPrice", "Price")
    said = refused(
        capsys, ["check", "shop.yml"], ["'Customer ID'", "customer_id", "'Price'", "unit_price"]
    )
    assert all(name in said for name in HEADER)


def test_a_required_column_left_out_is_named_with_its_meaning(own, capsys):
    text = Path("shop.yml").read_text(encoding="utf-8")
    Path("shop.yml").write_text(re.sub(r"      order_id: .*\n", "", text), encoding="utf-8")
    refused(
        capsys,
        ["check", "shop.yml"],
        ["tables.orders.columns.order_id", "missing", "basket, invoice"],
    )


def test_unknown_keys_are_all_named_with_the_known_ones(own, capsys):
    edit("name: shop", "name: shop\ncolour: blue")
    edit("    path:", "    pahts: x\n    path:")
    edit("      time:", "      tiem: x\n      time:")
    refused(
        capsys,
        ["check", "shop.yml"],
        [
            "unknown key 'colour'",
            "unknown key 'tables.orders.pahts'",
            "columns.tiem",
            "Known",
            "time_format",
        ],
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: shop", "name: 7", ["'name' must be text, not 7"]),
        ("returns: net", "returns: yes", ["'returns' must be text, not True"]),
        ("returns: net", "returns: gross", ["'returns' must be one of 'net', 'drop', 'keep'"]),
        ('encoding: "latin-1"', "encoding: [1]", ["'tables.orders.encoding' must be text"]),
        ('encoding: "latin-1"', 'encoding: "latin-99"', ["orders", "latin-99", "encoding"]),
        ("exclude: {product_id", "exclude: {prodcut_id", ["exclude", "prodcut_id"]),
        ("tables:\n", "tables: 5\nother:\n", ["'tables' must be a mapping", "unknown key 'other'"]),
        ("parameters: {}", "parameters: [1]", ["'parameters' must be a mapping"]),
        ("name: shop", "name: shop\nname: other", ["shop.yml", "'name'", "twice"]),
        ("name: shop", "name: ../shop", ["'name' must be a short lower-case word"]),
        (
            "name: shop",
            "name: shop\ntimezone: {from: UTC, to: Nowhere}",
            ["no time zone 'Nowhere'", "Europe/London"],
        ),
        ("name: shop", "name: [shop", ["shop.yml is not readable as YAML", "line"]),
    ],
)
def test_a_wrong_type_or_value_in_the_source_file_is_named(own, capsys, old, new, said):
    edit(old, new)
    refused(capsys, ["check", "shop.yml"], said)


# --- values ---------------------------------------------------------------------------------------------------------


def test_times_that_cannot_be_read_are_counted_and_the_first_three_shown_with_their_lines(
    own, export, capsys
):
    rewrite(export, InvoiceDate=([3, 10, 20, 30], "31/31/2011 8:26"))
    said = refused(
        capsys,
        ["check", "shop.yml"],
        ["4 value", "InvoiceDate", "time_format", "'31/31/2011 8:26'", "online.csv"],
    )
    assert re.findall(r"line (\d+) of online.csv", said) == ["5", "12", "22"]


def test_text_in_quantity_is_counted_and_shown_with_its_lines(own, export, capsys):
    rewrite(export, Quantity=([0, 7], "two"), UnitPrice=([4], "1.2.3"))
    said = refused(
        capsys,
        ["check", "shop.yml"],
        ["2 value", "quantity", "'two'", "1 value", "'1.2.3'", "correct them"],
    )
    assert re.findall(r"line (\d+) of online.csv", said) == ["2", "9", "6"]


def test_an_order_with_two_customers_is_named(own, export, capsys):
    order = next(
        a["InvoiceNo"]
        for a, b in zip(export, export[1:], strict=False)
        if a["InvoiceNo"] == b["InvoiceNo"]
    )
    place = max(i for i, row in enumerate(export) if row["InvoiceNo"] == order)
    rewrite(export, CustomerID=([place], 9_999_999))
    refused(
        capsys,
        ["check", "shop.yml"],
        ["1 order", f"first: {order}", "two or more customers", "unique"],
    )


def test_repeated_product_ids_are_counted_with_examples(folder, export, capsys):
    Path("online.csv").write_bytes(text_of(export).encode("latin-1"))
    Path("products.csv").write_text(
        "sku,title\n20001,one\n20001,two\n20002,three\n20002,three\n20003,x\n", "utf-8"
    )
    assert main(["init", "online.csv", "products.csv"]) == 0
    refused(
        capsys,
        ["check", "shop.yml"],
        ["'products'", "2 value", "product_id", "20001, 20002", "remove the repeats"],
    )


def test_orders_that_all_fall_to_cleaning_leave_an_empty_table_with_the_reasons(
    own, export, capsys
):
    rewrite(export, InvoiceNo=(range(len(export)), ""))
    refused(
        capsys,
        ["check", "shop.yml"],
        ["orders' is empty", f"{len(export) - 17:,}|{len(export):,}", "no order_id"],
    )


def test_all_problems_of_all_tables_come_in_one_message(folder, export, capsys):
    Path("online.csv").write_bytes(text_of(export).encode("latin-1"))
    Path("people.csv").write_text("member,birth,age\n1,x,young\n", encoding="utf-8")
    assert main(["init", "online.csv", "people.csv"]) == 0
    rewrite(export, Quantity=([5], "none of them"))
    refused(capsys, ["check", "shop.yml"], ["'none of them'", "'young'", "age"])


# --- parameters of the report ---------------------------------------------------------------------------------------


@pytest.fixture
def notebooks(own, monkeypatch):
    """A folder with one notebook, as the folder of the checkout."""
    cells = [
        {
            "cell_type": "markdown",
            "id": "c000",
            "metadata": {},
            "source": "# Segments\n\nWho buys?",
        },
        {
            "cell_type": "code",
            "id": "c001",
            "metadata": {"tags": ["parameters"]},
            "source": "\n".join(NOTEBOOK_PARAMETERS),
            "execution_count": None,
            "outputs": [],
        },
    ]
    (own / "notebooks").mkdir()
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (own / "notebooks" / "02_segmentation.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    assert (
        main(["check", "shop.yml"]) == 0
    )  # convert once: what follows must add nothing to the cache
    return own


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["-p", "thteta=2"], ["thteta", "theta \\(float"]),
        (["-p", "theta=high"], ["'theta' must be a number", "'high'"]),
        (["-p", "n_segments=2.5"], ["'n_segments' must be a whole number", "'2.5'"]),
        (["-p", "theta=nan"], ["'theta' must be a number", "'nan'"]),
        (["-p", "thteta=2", "-p", "n_segments=many"], ["thteta", "'many'"]),
        (["-p", "theta"], ["NAME=VALUE", "theta"]),
        (
            ["-p", "as_of=1999-01-01"],
            ["as_of", "1999-01-01", "outside the data", "2010-12-01 to 2011-0"],
        ),
        (
            ["-p", "as_of=2031-01-01"],
            ["as_of", "2031-01-01", "outside the data", "2010-12-01 to 2011-0"],
        ),
        (["-p", "as_of=soon"], ["as_of", "YYYY-MM-DD", "'soon'"]),
        (["--only", "99"], ["99", "02_segmentation"]),
        (["--jobs", "0"], ["jobs", "1 or more"]),
        (["--jobs", "many"], ["jobs", "many"]),
    ],
)
def test_a_wrong_parameter_is_refused_before_anything_runs(notebooks, capsys, given, said):
    refused(capsys, ["report", "shop.yml", "--out", "reports", *given], said)
    assert not Path("reports").exists()


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("parameters: {thteta: 2}", ["shop.yml", "thteta"]),
        ("parameters: {theta: high}", ["shop.yml", "'theta' must be a number", "'high'"]),
        (
            "parameters: {02_segmentation: {n_segments: 2.5}}",
            ["shop.yml", "'n_segments' must be a whole number"],
        ),
        ("parameters: {as_of: 1999-01-01}", ["as_of", "outside the data"]),
    ],
)
def test_a_wrong_parameter_in_the_source_file_is_refused_too(notebooks, capsys, block, said):
    edit("parameters: {}", block)
    refused(capsys, ["report", "shop.yml", "--out", "reports"], said)
    assert not Path("reports").exists()


def test_an_as_of_outside_the_data_is_refused_by_the_tables_too(own):
    tables = pz.load("shop.yml")
    for day in ("1999-01-01", "2031-01-01", "soon", None):
        with pytest.raises(pz.tables.TableError, match="as_of = "):
            tables.until(day)


# --- the smallest shops ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["CustomerID", "StockCode"])
def test_one_customer_or_one_product_is_a_shop_and_says_so(folder, export, capsys, column):
    kept = _shops(export)[{"CustomerID": "one customer", "StockCode": "one product"}[column]]
    Path("online.csv").write_bytes(text_of(kept).encode("latin-1"))
    assert main(["init", "online.csv"]) == 0
    assert main(["check", "shop.yml"]) == 0
    tables = pz.load("shop.yml")
    assert tables.sql(f"select count(distinct {'customer_id' if column == 'CustomerID' else 'product_id'}) as n "
                      "from {orders}").n[0] == 1  # fmt: skip
    customers = len({row["CustomerID"] for row in kept})
    assert re.search(rf"by {customers} customer", capsys.readouterr().out)


# --- the reports ----------------------------------------------------------------------------------------------------


def _shops(rows):
    """The whole export, and what is left of it with one customer, and with one product."""
    rows = [row for row in rows if row["CustomerID"] and row["StockCode"] not in FEES]

    def largest(column):
        most = pd.Series([row[column] for row in rows]).value_counts().index[0]
        return [row for row in rows if row[column] == most]

    return {
        "own data": rows,
        "one customer": largest("CustomerID"),
        "one product": largest("StockCode"),
    }


def _reported(rows):
    """The report of a shop with these rows, run as a program: its result, and the pages it left."""
    Path("online.csv").write_bytes(text_of(rows).encode("latin-1"))
    assert main(["init", "online.csv"]) == 0
    command = [sys.executable, "-m", "personalize", "report", "shop.yml", "--out", "reports"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    return done, {path.stem for path in Path("reports/shop").glob("[0-9]*.html")}


@pytest.fixture(scope="module")
def titles():
    """The names of the notebooks of the checkout."""
    names = {path.stem for path in (Path(__file__).parents[2] / "notebooks").glob("[0-9]*.ipynb")}
    return names or pytest.skip("no notebooks in the checkout")


def test_every_report_comes_out_on_own_data(folder, export, titles):
    done, pages = _reported(export)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert pages == titles
    assert Path("reports/shop/index.html").is_file()


def test_a_report_on_one_customer_is_refused_before_anything_runs(folder, export):
    done, _ = _reported(_shops(export)["one customer"])
    assert done.returncode == 2 and "holds orders of 1 customer(s)" in done.stderr, (
        done.stdout + done.stderr
    )
    assert "Traceback" not in done.stderr and not Path("reports/shop/manifest.json").exists()


def test_a_report_on_one_product_comes_out_and_says_what_it_lacks(folder, export, titles):
    """A model with too little to work on may refuse, in words of its own; no library and no drawing fails."""
    done, pages = _reported(_shops(export)["one product"])
    assert (done.returncode in (0, 1), done.stderr) == (True, ""), done.stdout + done.stderr
    assert pages == titles
    errors = re.findall(r"^  (\w+): (.+)$", done.stdout, re.MULTILINE)
    assert len(errors) == done.stdout.count(" failed in cell ")
    assert [
        error
        for error in errors
        if error[0] not in ("TableError", "Unavailable") or error[1].startswith("plots.")
    ] == []
