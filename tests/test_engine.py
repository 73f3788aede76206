import inspect

import pandas as pd
import pytest

from personalize.engine import DuckDB, Engine
from personalize.tables import TableError


def test_more_rows_than_allowed_are_refused_not_cut():
    engine = DuckDB()
    assert len(engine.frame("select * from range(10)", max_rows=10)) == 10
    with pytest.raises(TableError, match="more than 9 rows.*aggregate in SQL, or raise max_rows"):
        engine.frame("select * from range(10)", max_rows=9)


def test_large_and_empty_results_keep_their_columns_and_order():
    engine = DuckDB()
    rows = engine.frame("select i as n from range(1500000) as r(i) order by i desc", max_rows=2_000_000)
    assert rows.n.iloc[0] == 1_499_999 and rows.n.is_monotonic_decreasing and len(rows) == 1_500_000
    assert list(engine.frame("select 1 as a, 'x' as b where false").columns) == ["a", "b"]


def test_decimal_sums_do_not_depend_on_threads():
    frame = pd.DataFrame({"x": [0.1, 0.2, 0.3] * 100_000})
    sums = set()
    for threads in (1, 2, 4):
        engine = DuckDB(threads=threads)
        engine.register("t", frame)
        sums.add(engine.frame("select cast(sum(cast(x as decimal(18, 4))) as varchar) as s from t").s[0])
    assert sums == {"60000.0000"}


def test_a_stored_file_is_opened_for_reading_only(tmp_path):
    path = tmp_path / "shop.duckdb"
    writer = DuckDB(path, new=True)
    writer.table("t", "select 1 as x")
    writer.close()
    first, second = DuckDB(path), DuckDB(path)
    assert first.frame("select x from data.t").x[0] == second.frame("select x from data.t").x[0] == 1
    with pytest.raises(Exception, match="read-only"):
        first.table("data.u", "select 1 as x")


@pytest.mark.parametrize(
    ("summer", "local"),
    [("2017-01-01 11:53:26", "2017-01-01 06:53:26"), ("2017-07-01 12:00:00", "2017-07-01 08:00:00")],
)
def test_zones_are_moved_with_daylight_saving(summer, local):
    engine = DuckDB()
    moved = engine.to_zone(f"timestamp '{summer}'", "UTC", "America/New_York")
    assert str(engine.frame(f"select {moved} as t").t[0]) == local


def test_the_interface_is_all_that_the_engine_in_the_box_offers():
    """A second engine that has these methods, with these parameters, is enough."""
    for name in {name for name in vars(DuckDB) | vars(Engine) if not name.startswith("_")}:
        assert inspect.signature(getattr(DuckDB, name)) == inspect.signature(getattr(Engine, name)), name
