"""Why a report is made again: each change has its reason, and the place of a file is none."""

import pytest

from personalize.report import fingerprint
from personalize.tables import TableError
from tests.report.helpers import GOOD, ORDERS


def _reason(shop, **given):
    """Why notebook 00 would run, without running it."""
    plan = shop.plan(**{"only": "00", **given})
    return plan.reason(plan.chosen[0])


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_a_report_that_is_not_as_it_was_written_is_made_again(shop, damage, monkeypatch):
    path = shop.out / "tables" / "plan.csv"
    path.unlink() if damage == "missing" else path.write_text("x")
    assert _reason(shop).startswith(
        f"tables/plan.csv {'is missing' if damage == 'missing' else 'was changed'}"
    )


def test_changed_data_notebooks_and_code_each_have_their_reason(shop, notebook_file, monkeypatch):
    assert _reason(shop) == ""
    assert (
        _reason(shop, parameters={"00_good": {"theta": 2}})
        == "parameters changed: theta 1.5 -> 2.0"
    )
    (shop.folder / "orders.csv").write_text(ORDERS + "3,13,6,2024-02-03 10:00,1,1\n")
    assert _reason(shop) == "data changed"
    (shop.folder / "orders.csv").write_text(ORDERS)
    notebook_file(shop.folder / "notebooks" / "00_good.ipynb", [*GOOD, "1 + 1"])
    assert _reason(shop) == "notebook changed"
    monkeypatch.setattr(fingerprint, "package", lambda: "other")
    assert _reason(shop) == "notebook changed; package changed"


def test_the_place_of_a_source_is_no_part_of_its_key(shop, monkeypatch):
    monkeypatch.chdir(shop.folder)
    assert _reason(shop, source="shop.yml") == ""


def test_a_value_shared_by_notebooks_must_fit_those_that_run(shop, notebook_file):
    parameters = 'p:source: str = "x"  # source\nk: str = "word"  # a word'
    notebook_file(shop.folder / "notebooks" / "02_word.ipynb", ["md:# Word", parameters])
    plan = shop.plan(only="02", parameters={"k": "category"})
    assert plan.values["02_word"]["k"] == "category" and plan.values["00_good"]["k"] == 4
    assert shop.plan(only="02", parameters={"02.k": "category"}).values["02_word"]["k"]
    said = "'k' must be a whole number(?s:.*)for 02_word alone: -p 02.k=category"
    with pytest.raises(TableError, match=said):
        _ = shop.plan(parameters={"k": "category"}).values
