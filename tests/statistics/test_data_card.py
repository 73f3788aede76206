"""Claims of data_card."""

from hypothesis import strategies as st

import personalize as pz
from personalize import statistics
from tests.statistics.shops import SEVEN, shop

orders = st.lists(
    st.tuples(st.integers(1, 5), st.integers(0, 90), st.integers(0, 2000)), min_size=2, max_size=40
)


def test_the_card_names_period_size_terms_and_what_is_missing(groceries: pz.tables.Tables) -> None:
    card = statistics.card(groceries).set_index("fact").value
    assert card["period"] == "2017-01-01 to 2017-12-31, 365 days, 364 with orders"
    assert card["customers"].startswith("2,469,") and card["orders"].startswith(
        "155,848 in 1,469,307 lines"
    )
    assert "simulated" in card["terms"] and "CC0" in card["terms"]
    assert "customers: 801 rows" in card["tables"] and "events" in card["not in this source"]


def test_verdicts_follow_the_data(groceries: pz.tables.Tables, cdnow: pz.tables.Tables) -> None:
    full, short = (statistics.verdicts(tables).set_index("topic") for tables in (groceries, cdnow))
    assert (
        full.verdict[
            ["02 segmentation", "03 association rules", "05 customer lifetime value"]
        ].tolist()
        == ["yes"] * 3
    )
    assert (
        full.verdict["campaign effect"] == "no" and full.verdict["fairness and privacy"] == "partly"
    )
    assert short.verdict[["03 association rules", "04 recommenders"]].tolist() == ["no", "no"]
    assert (short.because.str.len() > 5).all()
    assert set(statistics.verdicts(shop(SEVEN)).verdict) <= {"yes", "partly", "no"}


def test_the_answer_and_the_captions_count_what_the_tables_hold(cdnow: pz.tables.Tables) -> None:
    size, odd = statistics.facts(cdnow), statistics.oddities(cdnow)
    kept, verdicts = statistics.promises(cdnow, size), statistics.verdicts(cdnow, size)
    said = statistics.readiness(size, kept, odd, verdicts)
    full, none = (int((verdicts.verdict == word).sum()) for word in ("yes", "no"))
    assert said.startswith(f"{size.customers:,.0f} customers")
    assert said.endswith(f"feed {full} of 9 topics in full and {none} not at all.")
    assert (
        kept.attrs["caption"] == f"{kept.kept.sum()} of {len(kept)} promises kept, 0 breaches found"
    )
    log = statistics.cleaning_log(cdnow)
    read = log.rows[log.step == "read"].sum()
    assert (
        log.attrs["caption"].startswith(f"{read:,} rows read") and "caption" not in cdnow.log.attrs
    )
