import inspect
import re
import subprocess
import sys

import pandas as pd
import pytest

import personalize as pz
from personalize.engine import DuckDB, Engine, Settings, connect
from personalize.engine.spark import Spark
from personalize.simulate import large
from personalize.tables import TableError


def test_more_rows_than_allowed_are_refused_not_cut():
    engine = DuckDB()
    assert len(engine.frame("select * from range(10)", max_rows=10)) == 10
    with pytest.raises(TableError, match="more than 9 rows.*aggregate in SQL, or raise max_rows"):
        engine.frame("select * from range(10)", max_rows=9)


def test_large_and_empty_results_keep_their_columns_and_order():
    engine = DuckDB()
    rows = engine.frame(
        "select i as n from range(1500000) as r(i) order by i desc", max_rows=2_000_000
    )
    assert rows.n.iloc[0] == 1_499_999 and rows.n.is_monotonic_decreasing and len(rows) == 1_500_000
    assert list(engine.frame("select 1 as a, 'x' as b where false").columns) == ["a", "b"]


def test_decimal_sums_do_not_depend_on_threads():
    frame = pd.DataFrame({"x": [0.1, 0.2, 0.3] * 100_000})
    sums = set()
    for threads in (1, 2, 4):
        engine = DuckDB(threads=threads)
        engine.register("t", frame)
        sums.add(
            engine.frame("select cast(sum(cast(x as decimal(18, 4))) as varchar) as s from t").s[0]
        )
    assert sums == {"60000.0000"}


def test_a_stored_file_is_opened_for_reading_only(tmp_path):
    path = tmp_path / "shop.duckdb"
    writer = DuckDB(path, new=True)
    writer.table("t", "select 1 as x")
    writer.close()
    first, second = DuckDB(path), DuckDB(path)
    assert (
        first.frame("select x from data.t").x[0] == second.frame("select x from data.t").x[0] == 1
    )
    with pytest.raises(Exception, match="read-only"):
        first.table("data.u", "select 1 as x")


@pytest.mark.parametrize(
    ("summer", "local"),
    [
        ("2017-01-01 11:53:26", "2017-01-01 06:53:26"),
        ("2017-07-01 12:00:00", "2017-07-01 08:00:00"),
    ],
)
def test_zones_are_moved_with_daylight_saving(summer, local):
    engine = DuckDB()
    moved = engine.to_zone(f"timestamp '{summer}'", "UTC", "America/New_York")
    assert str(engine.frame(f"select {moved} as t").t[0]) == local


@pytest.mark.parametrize("engine", [DuckDB, Spark])
def test_both_engines_have_the_methods_of_the_interface_with_its_parameters(engine):
    names = {name for name in {**vars(Engine), **vars(DuckDB)} if not name.startswith("_")}
    assert all(hasattr(Engine, name) for name in names)
    for name in names - {"places"}:
        ours, asked = (inspect.signature(getattr(of, name)).parameters for of in (engine, Engine))
        assert list(ours) == list(asked), name
        assert [p.default for p in ours.values()] == [p.default for p in asked.values()], name


def test_dropping_takes_tables_and_named_queries_alike():
    engine = DuckDB()
    engine.table("t", "select 1 as x")
    engine.view("v", "select 2 as x")
    engine.table("temporary", "select 3 as x", temporary=True)
    for name in ("t", "v", "temporary", "never_there"):
        engine.drop(name)
    assert engine.frame("select count(*) as n from duckdb_tables()").n[0] == 0


def test_named_queries_and_temporary_tables_are_not_in_the_file(tmp_path):
    engine = DuckDB(tmp_path / "x.duckdb", new=True)
    engine.table("kept", "select 1 as x")
    engine.table("gone", "select 2 as x", temporary=True)
    engine.view("named", "select 3 as x")
    engine.close()
    found = DuckDB(tmp_path / "x.duckdb").frame("select table_name from information_schema.tables")
    assert found.table_name.tolist() == ["kept"]


# -- the engine of a source file -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("duckdb", "duckdb"),
        ("sc://host:15002/;use_ssl=true", "sc://host:15002/;use_ssl=true"),
        ({"name": "local[4]", "memory": "3g", "folder": "/data"}, "local[4]"),
        ({"name": "duckdb", "memory": "500 MB", "threads": 2, "spill": "/big"}, "duckdb"),
    ],
)
def test_settings_that_make_sense_are_taken(given, name):
    found, problems = Settings.chosen(given)
    assert not problems and found.name == name


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (5, "must be a name or a mapping"),
        ("flink", r"must be duckdb, sc://HOST:PORT \(Spark Connect\), local\[N\]"),
        ({"name": "duckdb", "cores": 2}, "unknown key 'engine.cores'"),
        ({"threads": "two"}, "'engine.threads' must be a whole number"),
        ({"threads": True}, "'engine.threads' must be a whole number"),
        ({"threads": 0}, "'engine.threads' must be 1 or more"),
        ({"memory": "lots"}, "'engine.memory' must be like 2GB"),
        ({"folder": "/x"}, "'engine.folder' means nothing to duckdb"),
        ({"name": "local[2]", "spill": "/x"}, r"'engine.spill' means nothing to local\[2\]"),
    ],
)
def test_settings_that_make_none_are_told(given, said):
    assert re.search(said, "\n".join(Settings.chosen(given)[1]))


def test_memory_threads_and_spill_folder_reach_the_engine(tmp_path):
    settings = Settings(memory="300MB", threads=1, spill=str(tmp_path / "spill"))
    engine = connect(settings, tmp_path / "x.duckdb", new=True)
    found = engine.frame("select name, value from duckdb_settings()").set_index("name").value
    assert found["memory_limit"].startswith("286") and found["threads"] == "1"
    assert found["temp_directory"] == str(tmp_path / "spill")


def test_an_address_may_stand_in_the_environment_and_its_token_is_never_said(tmp_path, monkeypatch):
    settings = Settings.chosen("${SPARK}")[0]
    with pytest.raises(TableError, match=r"\$\{SPARK\}: set this environment variable to sc://"):
        connect(settings, tmp_path)
    monkeypatch.setenv("SPARK", "sc://127.0.0.1:9/;token=pl4nted")
    pytest.importorskip("pyspark")
    with pytest.raises(
        TableError, match=r"no Spark Connect server answers at sc://127\.0\.0\.1:9"
    ) as error:
        connect(settings, tmp_path)
    assert "pl4nted" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "extra"), [("sc://127.0.0.1:9", r"personalize\[spark\]"), ("local[1]", "pyspark")]
)
def test_without_spark_the_extra_is_named(tmp_path, monkeypatch, name, extra):
    for module in ("pyspark", "pyspark.sql", "pyspark.sql.connect.session"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(TableError, match=f"install .*{extra}"):
        connect(Settings(name=name), tmp_path)


def test_without_java_a_spark_in_this_process_says_so(tmp_path, monkeypatch):
    pytest.importorskip("pyspark")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(TableError, match="Spark needs Java 17"):
        connect(Settings(name="local[1]"), tmp_path)


# -- no room ---------------------------------------------------------------------------------------------------------

WIDE = (
    "select i, md5(cast(i as string)) as s, count(*) as n from range(1500000) as r(i) group by i, s"
)


def test_a_memory_limit_is_kept_by_spilling(tmp_path):
    engine = DuckDB(tmp_path / "x.duckdb", new=True, memory="60MB", threads=1)
    assert engine.frame(f"select sum(n) as n, max(s) as s from ({WIDE}) as t").n[0] == 1_500_000


def test_a_full_spill_folder_is_told_with_the_line_to_write(tmp_path):
    engine = DuckDB(tmp_path / "x.duckdb", new=True, memory="60MB", threads=1)
    engine._connection.execute("set max_temp_directory_size = '1MB'")
    with pytest.raises(
        TableError, match=r"no room left .*x\.spill.*engine: \{name: duckdb, memory: 4GB, spill: "
    ):
        engine.table("t", f"select * from ({WIDE}) as t", temporary=True)
    assert engine.frame("select 1 as x").x[0] == 1


def test_a_conversion_on_a_full_disk_leaves_nothing_and_a_rerun_completes(tmp_path, monkeypatch):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        monkeypatch.setenv("PERSONALIZE_CACHE", str(tmp_path / "cache"))
        source = large(tmp_path / "shop", lines=1_000_000)
        text = source.read_text()
        source.write_text(
            f"{text}engine: {{name: duckdb, memory: 25MB, threads: 1, spill: {disk}}}\n"
        )
        with pytest.raises(TableError, match="no room left to work in"):
            pz.load(source)
        assert not list((tmp_path / "cache").iterdir()) and not list(disk.iterdir())
        source.write_text(f"{text}engine: {{name: duckdb, memory: 25MB, threads: 1}}\n")
        assert pz.load(source).orders.count() == 1_000_000
        monkeypatch.setenv("PERSONALIZE_CACHE", str(disk))  # no room for the file itself
        source.write_text(text)
        with pytest.raises(TableError, match="no room left to work in"):
            pz.load(source)
        assert not list(disk.iterdir())
    finally:
        subprocess.run(["umount", disk], check=True)
