"""No notebook pulls all order lines into memory beyond a stated threshold.

Any query may give five million rows (`max_rows` of the engines). Few may give more, up to fifty million: the baskets
and visits of the rules, and the purchases that recommenders learn from and are judged on, with
the products and ties that these speak of. Beyond that they refuse; a
source that says `sample: 0.05` keeps a share of its customers and says so in its log and its card.
"""

import ast
import inspect
import json
import re
from pathlib import Path

import matplotlib
import pandas as pd
import pytest

import personalize as pz
from personalize import simulate
from personalize.engine import DuckDB
from personalize.tables import TableError

ROOT = Path(pz.__file__).parents[1]
MOST, DEFAULT = 50_000_000, 5_000_000
WHOLE = {
    "rules_baskets",
    "rules_visits",
    "recommender_visits",
    "recommender_truth",
}  # a row a line, or an order
HEADER = "customer_id,order_id,product_id,time,quantity,amount"
LINES = [
    f"{'' if k % 50 == 0 else k % 400},{k},{k % 7},2024-01-{k % 28 + 1:02d},1,2.5"
    for k in range(4000)
]  # one order in fifty is nobody's


def code(path):
    """Python of a module, or of a notebook's code cells."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    return "\n".join(
        "".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"
    )


def test_the_default_limit_is_the_stated_one_everywhere():
    for reader in (
        DuckDB.frame,
        pz.tables.Table.to_pandas,
        pz.tables.Tables.sql,
        pz.tables.Tables.query,
    ):
        assert inspect.signature(reader).parameters["max_rows"].default == DEFAULT


def test_no_line_of_code_allows_more_rows_than_stated():
    allowed = {}
    for path in [*(ROOT / "personalize").rglob("*.py"), *(ROOT / "notebooks").glob("*.ipynb")]:
        for node in ast.walk(ast.parse(code(path))):
            limits = (
                [k.value for k in node.keywords if k.arg == "max_rows"]
                if isinstance(node, ast.Call)
                else []
            )
            if isinstance(node, ast.FunctionDef):
                limits += [
                    v
                    for a, v in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
                    if a.arg == "max_rows"
                ]
            numbers = [limit.value for limit in limits if isinstance(limit, ast.Constant)]
            if any(number > DEFAULT for number in numbers):
                allowed.setdefault(path.relative_to(ROOT).parts[1], []).extend(numbers)
    assert set(allowed) <= {"association_rules", "recommenders"}, (
        "state it at the head of this file"
    )
    assert max(sum(allowed.values(), [])) <= MOST


@pytest.fixture(scope="module")
def asked():
    """Every query of every notebook on a simulated shop, with the most rows that it may give."""
    matplotlib.use("Agg")
    found, frame = [], DuckDB.frame
    tables = simulate.shop(customers=200, products=80, weeks=52, seed=9).tables

    def counted(self, sql, *, max_rows=DEFAULT):
        rows = frame(self, sql, max_rows=max_rows)
        found.append((max_rows, sql))
        return rows

    with pytest.MonkeyPatch.context() as patch:
        shop, load = pz.load(tables), pz.load
        patch.setattr(
            pz, "load", lambda source: load(source) if source == "cdnow" else shop, raising=False
        )
        patch.setattr(DuckDB, "frame", counted)
        for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
            names = {}
            exec(compile(_plain(code(path)), path.name, "exec"), names)  # noqa: S102
    return found


def _plain(text):
    return re.sub(r"^%.*$", "", text, flags=re.MULTILINE)


def test_only_the_named_queries_of_a_notebook_may_give_more_rows_than_the_limit(asked):
    named = [
        path
        for path in (ROOT / "personalize" / "sql").glob("*.sql")
        if path.stem.startswith(tuple(WHOLE))
    ]
    heads = {path.read_text(encoding="utf-8").splitlines()[0] for path in named}
    raised = {sql.splitlines()[0] for most, sql in asked if most > DEFAULT}
    raised -= {sql for sql in raised if sql.endswith((" from products", " from links"))}
    assert len(asked) > 50 and raised
    assert raised <= heads, "aggregate in SQL, or state it at the head of this file"


@pytest.fixture
def sampled(tmp_path, monkeypatch):
    monkeypatch.setenv("PERSONALIZE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "orders.csv").write_text("\n".join([HEADER, *LINES, ""]))
    listed = "{" + ", ".join(f"{name}: {name}" for name in HEADER.split(",")) + "}"

    def load(more):
        path = tmp_path / "shop.yml"
        customers = "  customers:\n    from: orders\n    columns: {customer_id: customer_id}\n"
        path.write_text(
            f"name: shop\n{more}tables:\n  orders:\n    path: orders.csv\n    columns: {listed}\n{customers}"
        )
        return pz.load(path)

    return load


def test_a_sample_keeps_whole_customers_the_same_ones_every_time_and_says_so(sampled):
    whole, fifth, half = sampled(""), sampled("sample: 0.2\n"), sampled("sample: 0.5\n")
    per = "select coalesce(customer_id, -1) as customer_id, count(*) as n from {orders} group by customer_id"
    lines, few, more = (t.sql(per).set_index("customer_id").n for t in (whole, fifth, half))
    known = few.drop(-1)
    assert (known == lines[known.index]).all() and 50 < len(known) < 110
    assert set(few.index) <= set(more.index) and fifth.customers.count() == len(known)
    assert few[-1] == pytest.approx(0.2 * lines[-1], abs=15)  # orders of nobody, by order
    dropped = fifth.log.set_index(["table", "reason"]).rows[
        "orders", "outside the sample of 0.2 of the customers"
    ]
    assert dropped == 4000 - fifth.orders.count()
    assert (
        "A sample of 0.2 of the customers." in fifth.card["description"]
        and "sample" not in whole.card["description"]
    )


@pytest.mark.parametrize("share", ["0.0", "1.5", "-0.1", "half", "true"])
def test_a_share_that_is_none_is_refused(sampled, share):
    with pytest.raises(TableError, match="'sample' must be a share"):
        sampled(f"sample: {share}\n")


def test_a_sample_is_hashed_the_same_way_as_published_md5(sampled):
    import hashlib

    kept = sampled("sample: 0.2\n").sql(
        "select distinct customer_id as c from {orders} where customer_id is not null"
    )
    edge = f"{round(0.2 * 16**8):08x}"
    assert set(kept.c) == {
        k for k in range(400) if hashlib.md5(str(k).encode()).hexdigest() < edge and k % 50
    }


def test_the_next_product_of_a_shop_of_many_products_is_learned_among_the_most_bought():
    baskets = pd.DataFrame({"order_id": [1, 1, 1, 2, 2, 3, 3, 4], "product_id": list("abcabacb")})
    whole, few = (
        pz.association_rules.NextProduct(min_count=1, most=most).fit(baskets) for most in (4_000, 2)
    )
    assert few.labels_.tolist() == ["a", "b"]
    known = pd.Index(whole.labels_).get_indexer(few.labels_)
    assert (few.confidence_ == whole.confidence_[known][:, known]).all()
    assert (few.lift_ == whole.lift_[known][:, known]).all()
