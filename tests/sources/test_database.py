"""Rows from real databases: the same tables as from files, and a password that nobody ever sees."""

import glob
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

import personalize as pz
from personalize.__main__ import main
from personalize.simulate import large
from personalize.sources import database
from personalize.tables import TableError

SECRET = "pl4nted-S3cret"
COLUMNS = ["customer_id", "order_id", "product_id", "time", "quantity", "amount"]
LISTED = "{" + ", ".join(f"{name}: {name}" for name in COLUMNS) + "}"


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    large(folder / "log", lines=5_000, seed=2)
    return pd.read_parquet(folder / "log" / "orders-0000.parquet").astype({"customer_id": "Int64"})


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A function that writes a source file of a query, and of the same rows as CSV."""
    monkeypatch.setenv("PERSONALIZE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def write(origin, name="shop"):
        path = tmp_path / f"{name}.yml"
        path.write_text(f"name: {name}\ntables:\n  orders:\n    {origin}\n    columns: {LISTED}\n")
        return path

    return write


@pytest.fixture
def sqlite(tmp_path, lines, monkeypatch):
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        lines.astype({"time": str, "amount": str}).to_sql("lines", connection, index=False)
    connection.close()
    monkeypatch.setenv("SHOP_DB", "sqlite:///shop.db")
    return tmp_path / "shop.db"


QUERY = (
    "sql: select * from lines order by order_id, product_id, quantity\n    connection: ${SHOP_DB}"
)


def same_as_csv(shop, lines, source):
    lines.sort_values(["order_id", "product_id", "quantity"]).to_csv("lines.csv", index=False)
    plain = pz.load(shop("path: lines.csv", "plain"))
    found = pz.load(source)
    for name in ("orders", "order_totals"):
        pd.testing.assert_frame_equal(
            getattr(found, name).to_pandas(), getattr(plain, name).to_pandas()
        )
    assert found.log.equals(plain.log)


def everything(folder):
    """All that was written anywhere, as one string."""
    return b"".join(path.read_bytes() for path in Path(folder).rglob("*") if path.is_file())


# -- SQLite ----------------------------------------------------------------------------------------------------------


def test_sqlite_gives_the_tables_that_its_export_gives(shop, lines, sqlite, monkeypatch):
    monkeypatch.setattr(database, "_ROWS", 700)  # several chunks
    same_as_csv(shop, lines, shop(QUERY))


def test_a_query_is_answered_once_for_all_notebooks_and_anew_for_a_report(shop, sqlite):
    source = shop(QUERY)
    before = pz.sources.prepare(source)
    with sqlite3.connect(sqlite) as connection:
        connection.execute("delete from lines where order_id > 100")
    connection.close()
    assert pz.load(source).order_totals.count() > 100  # as fetched before
    after = pz.sources.prepare(source)
    assert after.fingerprint != before.fingerprint and pz.load(source).order_totals.count() == 100
    assert len(list(Path("cache").glob("*.parquet"))) == 1
    assert next(Path("cache").glob("*.parquet")).stat().st_mode & 0o077 == 0


def test_a_query_cannot_write(shop, sqlite):
    before = sqlite.read_bytes()
    with pytest.raises(TableError, match="could not be read.*readonly"):
        pz.load(
            shop(
                QUERY.replace(
                    "select * from lines order by order_id, product_id, quantity",
                    "delete from lines",
                )
            )
        )
    assert sqlite.read_bytes() == before


def test_a_lost_database_is_told_keeps_the_last_answer_and_leaves_nothing_half_written(
    shop, sqlite, capsys
):
    source = shop(QUERY)
    pz.sources.prepare(source)
    cache = sorted(path.name for path in Path("cache").iterdir())
    sqlite.rename("away.db")
    assert main(["check", str(source)]) == 2
    assert "the database file of SHOP_DB does not exist" in capsys.readouterr().err
    assert (
        sorted(path.name for path in Path("cache").iterdir()) == cache
        and pz.load(source).orders.count() == 5_000
    )
    Path("away.db").rename(sqlite)
    assert main(["check", str(source)]) == 0


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        ("sql: select 1", "'sql' and 'connection' go together"),
        (
            "path: a.csv\n    sql: select 1\n    connection: ${X}",
            "either 'path' .* 'sql' .* or 'from: orders'",
        ),
        (
            f"sql: select 1\n    connection: postgresql://bob:{SECRET}@db/x",
            r"connection: \$\{SHOP_DB\}",
        ),
        (
            f"sql: select 1\n    connection: {{password: {SECRET}}}",
            "'tables.orders.connection' must be text",
        ),
        (
            "sql: select 1\n    connection: ${NOT_SET}",
            "NOT_SET is not set: set it to postgresql://",
        ),
        (
            "sql: select 1 from nowhere\n    connection: ${SHOP_DB}",
            "could not be read .no such table: nowhere",
        ),
        ("sql: select 1 as x\n    connection: ${SHOP_DB}", r"column\(s\) not in the file"),
    ],
)
def test_a_wrong_query_is_told_without_its_secrets(shop, sqlite, capsys, origin, said):
    with pytest.raises(TableError, match=said) as error:
        pz.load(shop(origin))
    assert SECRET not in str(error.value)


def test_an_address_of_an_unknown_kind_is_told_but_not_shown(shop, sqlite, monkeypatch):
    monkeypatch.setenv("SHOP_DB", f"oracle://bob:{SECRET}@db/x")
    with pytest.raises(TableError, match="SHOP_DB holds no address that is known here") as error:
        pz.load(shop(QUERY))
    assert SECRET not in str(error.value) and error.value.__cause__ is None


def test_secrets_are_cut_from_whatever_a_driver_says():
    address = "postgresql://bob%40shop:p%40ss-w0rd@db.example/shop?sslpassword=t0p"
    said = f'no "{address}"; user "bob@shop", p@ss-w0rd, p%40ss-w0rd, t0p at\n db.example'
    clean = database._without_secrets(said, address)
    assert not any(word in clean for word in ("bob", "w0rd", "t0p", "\n")) and "user" in clean


# -- PostgreSQL ------------------------------------------------------------------------------------------------------


def _programs():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    return Path(found[-1] if found else shutil.which("initdb") or "").parent


@pytest.fixture(scope="module")
def server(lines):
    """A real PostgreSQL server on loopback with a password, started for these tests; they skip where there is none."""
    pytest.importorskip("adbc_driver_postgresql", reason="the extra [postgres] is not installed")
    programs, user = (
        _programs(),
        "postgres" if hasattr(os, "geteuid") and os.geteuid() == 0 else None,
    )
    if not (programs / "initdb").is_file():
        pytest.skip("no PostgreSQL server on this machine")
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    shutil.chown(folder, user) if user else None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(program, *arguments):
        done = subprocess.run(
            [programs / program, *arguments], user=user, cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr

    (folder / "pw").write_text(SECRET)
    shutil.chown(folder / "pw", user) if user else None
    run(
        "initdb",
        "-D",
        "data",
        "-U",
        "bob",
        "--pwfile",
        "pw",
        "-A",
        "scram-sha-256",
        "-E",
        "UTF8",
        "--no-sync",
    )
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")
    address = f"postgresql://bob:{SECRET}@127.0.0.1:{port}/postgres"
    _fill(address, lines)
    yield (
        address,
        lambda verb: run(
            "pg_ctl", "-D", "data", "-w", "-l", "log", "-m", "immediate", "-o", options, verb
        ),
    )
    subprocess.run([programs / "pg_ctl", "-D", "data", "-m", "immediate", "stop"], user=user, cwd=folder, check=False,
                   capture_output=True)  # fmt: skip
    shutil.rmtree(folder, ignore_errors=True)


def _fill(address, lines):
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute(
            "create table lines (customer_id int, order_id bigint, product_id bigint, time timestamptz, "
            "quantity numeric(10, 3), amount numeric(12, 2))"
        )
        texts = [
            "(" + ", ".join("null" if pd.isna(value) else f"'{value}'" for value in row) + ")"
            for row in lines.astype({"time": str, "amount": str}).itertuples(index=False)
        ]
        cursor.execute("set time zone 'UTC'")
        cursor.execute(f"insert into lines values {', '.join(texts)}")
        connection.commit()


@pytest.fixture
def postgres(server, monkeypatch):
    monkeypatch.setenv("SHOP_DB", server[0])
    return server[1]


def test_postgresql_gives_the_tables_that_its_export_gives(shop, lines, postgres):
    same_as_csv(shop, lines, shop(QUERY))


def test_a_query_on_postgresql_cannot_write(shop, postgres):
    with pytest.raises(TableError, match="read-only transaction"):
        pz.load(shop("sql: delete from lines returning *\n    connection: ${SHOP_DB}"))
    assert pz.load(shop(QUERY)).orders.count() == 5_000


def test_credentials_are_in_no_report_manifest_log_table_or_message(
    shop, postgres, tmp_path, notebook_file
):
    parameters = "p:" + 'source: str = "shop.yml"  # source'
    load = "import personalize as pz\ntables = pz.load(source)\ntables.order_totals.count(), tables.card, tables"
    folder = tmp_path / "notebooks"
    notebook_file(folder / "01_look.ipynb", ["md:# Look", parameters, load])
    source, said = shop(QUERY), []
    from personalize import report

    done = report.run(str(source), out=tmp_path / "out", notebooks=folder, progress=said.append)
    assert done.status == 0, said
    secret = SECRET.encode()
    assert secret not in everything(tmp_path / "out") and secret not in everything(
        tmp_path / "cache"
    )
    assert SECRET not in "\n".join(said) and json.loads(
        next((tmp_path / "out").rglob("manifest.json")).read_text()
    )


def test_a_wrong_password_is_told_without_it(shop, postgres, monkeypatch, capsys):
    monkeypatch.setenv("SHOP_DB", os.environ["SHOP_DB"].replace(SECRET, "an0ther-S3cret"))
    assert main(["check", str(shop(QUERY))]) == 2
    said = capsys.readouterr()
    assert (
        "authentication failed" in said.err
        and "S3cret" not in said.err + said.out
        and "bob" not in said.err
    )


def test_a_server_that_goes_away_is_told_and_a_rerun_completes(shop, postgres):
    source = shop("sql: select *, pg_sleep(0.01) from lines\n    connection: ${SHOP_DB}")
    stop = threading.Timer(1.0, postgres, ["stop"])
    stop.start()
    with pytest.raises(TableError, match="the database of SHOP_DB could not be read") as error:
        pz.load(source)
    stop.join()
    assert SECRET not in str(error.value)
    assert not [
        path for path in Path("cache").iterdir() if path.suffix in (".parquet", ".duckdb", ".json")
    ]
    postgres("start")
    time.sleep(0.1)
    assert pz.load(shop(QUERY)).orders.count() == 5_000


def test_without_the_driver_the_extra_is_named(shop, monkeypatch):
    monkeypatch.setenv("SHOP_DB", f"postgresql://bob:{SECRET}@127.0.0.1:1/x")
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    with pytest.raises(TableError, match=r"pip install 'personalize\[postgres\]'"):
        pz.load(shop(QUERY))
