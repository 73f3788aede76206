"""Spark's own models give what the kit's give: the same itemsets, and factors that solve the same equations.

Where Spark runs is said in `test_conformance`; without it the tests skip.
"""

import importlib.util
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import personalize as pz
from personalize import simulate
from personalize.association_rules import baskets, frequent_itemsets, itemsets
from personalize.engine import Settings, connect
from personalize.recommenders import ALS, MostPopular
from personalize.tables import TableError, Tables

WHERE = os.environ.get("PERSONALIZE_SPARK", "local[2]")
MISSING = [
    *([] if importlib.util.find_spec("pyspark") else ["pyspark"]),
    *([] if shutil.which("java") or WHERE.startswith("sc:") else ["Java"]),
]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"no {' and no '.join(MISSING)}: make engines installs Spark"
)
DAY = "2023-06-01"
SETTINGS = {"factors": 6, "iterations": 3, "seed": 3}


@pytest.fixture(scope="module")
def duck():
    return pz.load(simulate.shop(customers=150, products=64, weeks=30, seed=7).tables)


@pytest.fixture(scope="module")
def spark(duck, tmp_path_factory):
    """The same tables in Spark."""
    engine = connect(Settings(name=WHERE), tmp_path_factory.mktemp("spark"))
    frames = {
        name: getattr(duck, name).to_pandas() for name in ("orders", "order_totals", "products")
    }
    yield Tables(
        "spark",
        engine,
        {name: engine.register(f"shop_{name}", frame) for name, frame in frames.items()},
    )
    engine.close()


@pytest.fixture(scope="module")
def far(spark):
    return ALS(**SETTINGS).fit(spark, as_of=DAY)


def both(duck, spark, **given):
    """What the call gives, or how it fails, on each engine."""
    found = []
    for tables in (duck, spark):
        try:
            found.append(itemsets(tables, **given))
        except TableError as error:
            found.append(str(error).replace(f"'{tables.name}'", "'it'"))
    return found


@pytest.mark.parametrize("level", ["product", "subcategory"])
def test_baskets_are_the_same_from_both_engines(level, duck, spark):
    one, other = (baskets(tables, level=level) for tables in (duck, spark))
    pd.testing.assert_frame_equal(one, other, check_dtype=False)


@pytest.mark.parametrize(
    ("level", "min_count", "max_size", "longest"),
    [("product", 4, None, 4), ("product", 9, 3, 3), ("subcategory", 15, None, 3), ("subcategory", 9, 2, 2),
     ("product", 9, 1, 1)],
)  # fmt: skip
def test_itemsets_of_spark_equal_those_of_our_own_miner(
    level, min_count, max_size, longest, duck, spark
):
    one, other = both(duck, spark, level=level, min_count=min_count, max_size=max_size)
    pd.testing.assert_frame_equal(one, other)
    assert one["size"].max() == longest
    own = frequent_itemsets(baskets(duck, level=level), min_count=min_count, max_size=max_size)
    pd.testing.assert_frame_equal(own, other)


@given(st.integers(1, 10**11), st.integers(0, 10**11))
def test_the_share_that_spark_is_told_means_the_very_count(min_count, more):
    from personalize.engine.mllib import _share

    n = min_count + more
    assert math.ceil(_share(min_count, n) * n) == min_count and _share(min_count, n) < 1


def test_a_threshold_no_item_reaches_gives_an_empty_table_of_the_same_columns(duck, spark):
    n = baskets(duck, level="product").order_id.nunique()
    for min_count in (n, n + 1):
        one, other = both(duck, spark, level="product", min_count=min_count)
        assert one.empty
        pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"min_count": 0}, "whole number"), ({"min_count": 0.01}, "support_count"),
     ({"min_count": 5, "max_size": 0}, "max_size"), ({"min_count": 5, "level": "shelf"}, "no such attribute"),
     ({"min_count": 4, "max_sets": 300}, r"more than 300 .* use min_count=\d+ or more"),
     ({"min_count": 4, "max_size": 2, "max_sets": 100}, r"more than 100 .* use min_count=\d+ or more")],
)  # fmt: skip
def test_what_is_wrong_is_told_in_the_same_words_by_both_engines(wrong, said, duck, spark):
    one, other = both(duck, spark, **{"level": "product", **wrong})
    assert one == other
    with pytest.raises(TableError, match=said):
        raise TableError(one)


def test_no_basket_leaves_the_cluster(spark, monkeypatch):
    asked, frame = [], type(spark.engine).frame
    monkeypatch.setattr(
        type(spark.engine), "frame", lambda *a, **k: asked.append(frame(*a, **k)) or asked[-1]
    )
    found = itemsets(spark, level="subcategory", min_count=25)
    assert max(map(len, asked)) <= len(found) < 100


def test_factors_solve_the_equations_of_their_objective(far, duck):
    pairs = duck.until(DAY).query("recommender_pairs")
    history, points = far.part(pd.Index(pairs.customer_id.unique()))
    products, penalty = far.products_.astype(float), far.l2 * history.people / len(pairs)
    assert len(history.customers) == history.people and len(history.col) == len(pairs)
    for customer, x in zip(history.customers, points, strict=True):
        own = pairs[pairs.customer_id == customer]
        bought = products[history.products.get_indexer(own.product_id)]
        weight = far.alpha * own.weight.to_numpy()
        left = (
            products.T @ products
            + (bought.T * weight) @ bought
            + penalty * len(own) * np.eye(far.factors)
        )
        assert left @ x == pytest.approx(bought.T @ (1 + weight), rel=1e-4, abs=1e-4)


def test_the_same_seed_gives_the_same_factors_in_any_order_of_rows_and_another_gives_others(
    far, spark
):
    shuffled = spark.orders.to_pandas().sample(frac=1, random_state=1)
    mixed = Tables(
        "mixed",
        spark.engine,
        {**spark.relations, "orders": spark.engine.register("mixed", shuffled)},
    )
    again, other = (
        ALS(**{**SETTINGS, "seed": seed}).fit(mixed, as_of=DAY) for seed in (SETTINGS["seed"], 4)
    )
    assert np.array_equal(again.products_, far.products_)
    assert not np.array_equal(other.products_, far.products_)
    pd.testing.assert_frame_equal(again.recommend(k=3), far.recommend(k=3))


@pytest.mark.skipif(
    not WHERE.startswith("sc:"), reason="only a Connect server limits the size of a model"
)
def test_a_limit_meant_for_models_in_the_memory_of_the_server_does_not_stop_points_on_its_workers(
    spark,
):
    from personalize.engine import mllib

    spark.engine._session.conf.set(mllib._LARGEST, "1000")
    ALS(2, iterations=1).fit(spark, as_of=DAY)


@pytest.mark.skipif(
    not WHERE.startswith("sc:"), reason="only a Connect server can be reached without Java"
)
def test_the_light_client_alone_is_enough():
    parts = [
        "test_mllib.py",
        "test_conformance.py",
        "-k",
        "our_own_miner or equations or conversions or frames",
    ]
    light = f"""if True:
        import sys
        sys.modules["py4j"] = sys.modules["pyspark.core"] = None  # what pyspark-client lacks
        import pytest
        sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *{parts!r}]))"""
    done = subprocess.run(
        [sys.executable, "-c", light], cwd=Path(__file__).parent, capture_output=True, text=True
    )
    assert done.returncode == 0 and "passed" in done.stdout, done.stdout[-2000:]


def test_recommendations_from_a_cluster_keep_the_contract(far, duck):
    popular = MostPopular().fit(duck, as_of=DAY)
    pattern, lists = popular.recommend(k=5), far.recommend(k=5)
    assert lists.dtypes.equals(pattern.dtypes) and list(lists) == list(pattern)
    pd.testing.assert_frame_equal(lists[["customer_id", "rank"]], pattern[["customer_id", "rank"]])
    assert (lists.groupby("customer_id").score.diff().dropna() <= 0).all()
    few = [int(lists.customer_id.iloc[-1]), 99, int(lists.customer_id.iloc[0])]
    served = far.recommend(few, k=5)
    assert served.customer_id.unique().tolist() == few
    pd.testing.assert_frame_equal(
        served[served.customer_id == few[0]].reset_index(drop=True),
        lists.tail(5).reset_index(drop=True),
    )
    nobody, best = served[served.customer_id == 99], popular.recommend([99], k=5)
    assert nobody.product_id.tolist() == best.product_id.tolist()
    assert nobody.reason.tolist() == best.reason.tolist() and "popular: bought by" in best.reason[0]


def test_repeat_and_candidates_mean_the_same_from_a_cluster(far, duck):
    history = pz.recommenders.History.load(duck, as_of=DAY)
    bought = set(zip(history.row, history.col, strict=True))

    def pairs(lists):
        return list(
            zip(
                history.number(lists.customer_id),
                history.product_number(lists.product_id),
                strict=True,
            )
        )

    assert not bought & set(pairs(far.recommend(k=5, repeat="new")))
    due = far.recommend(k=5, repeat="due")
    assert len(due) and history.due[[history.find(row, col) for row, col in pairs(due)]].all()
    few = history.products[:7]
    assert set(far.recommend(k=3, candidates=few).product_id) <= set(few)
    with pytest.raises(TableError, match="customer_id is given as"):
        far.recommend(["a"])
    with pytest.raises(TableError, match="k is 1 or more"):
        far.recommend(k=0)


def test_a_source_in_spark_without_a_purchase_is_told(spark):
    nobody = spark.engine.view(
        "nobody", f"select * from {spark.relations['orders']} where quantity < 0"
    )
    with pytest.raises(TableError, match="no purchase of a known customer"):
        ALS().fit(Tables("none", spark.engine, {**spark.relations, "orders": nobody}), as_of=DAY)
