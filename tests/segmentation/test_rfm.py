"""RFM scores are monotone, ties stay together, cuts can be frozen, and the named segments leave no
gap.
"""

import json
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import personalize as pz
from personalize.engine import DuckDB
from personalize.segmentation import RFM, Cuts, segment_map
from personalize.tables import TableError

customers = st.lists(
    st.tuples(st.integers(0, 400), st.integers(1, 30), st.integers(-500, 9000)),
    min_size=5,
    max_size=60,
)


def frame(rows: list[tuple]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["recency_days", "frequency", "monetary"]).astype(
        {"monetary": float}
    )
    return table.assign(customer_id=range(len(table)))[["customer_id", *table.columns]]


@pytest.fixture(scope="module")
def journey() -> pd.DataFrame:
    return pz.features.rfm(pz.load("complete_journey"), as_of="2017-12-31")


@settings(max_examples=60, deadline=None)
@given(customers)
def test_scores_are_monotone_and_equal_values_have_equal_scores(rows) -> None:
    table = frame(rows)
    scored = RFM().fit(table).assign(table)
    for metric, sign in (("recency", -1), ("frequency", 1), ("monetary", 1)):
        value = sign * table[f"{metric}_days" if metric == "recency" else metric].to_numpy(float)
        score = scored[f"{metric}_score"].to_numpy()
        order = np.argsort(value, kind="stable")
        assert (np.diff(score[order]) >= 0).all()
        assert pd.Series(score).groupby(value).nunique().max() == 1
        assert score.min() >= 1 and score.max() <= 5


@settings(max_examples=30, deadline=None)
@given(customers, st.randoms(use_true_random=False))
def test_scores_do_not_depend_on_the_order_of_rows(rows, random) -> None:
    table = frame(rows)
    mixed = table.sample(frac=1, random_state=random.randint(0, 999))
    one, two = RFM().fit(table).assign(table), RFM().fit(mixed).assign(mixed)
    pd.testing.assert_frame_equal(one, two.sort_values("customer_id", ignore_index=True))


def test_a_score_follows_its_stated_tie_rule() -> None:
    table = frame([(0, 1, 10.0), (0, 1, 20), (0, 1, 30), (7, 2, 40), (9, 9, 50)])
    scored = RFM().fit(table).assign(table)
    assert scored.recency_score.tolist() == [5, 5, 5, 2, 1]
    assert scored.frequency_score.tolist() == [1, 1, 1, 4, 5]
    assert scored.monetary_score.tolist() == [1, 2, 3, 4, 5]


def test_highest_spend_scores_five() -> None:
    table = frame([(day, 50 - day, 1000.0 - day) for day in range(0, 50, 5)])
    scored = RFM().fit(table).assign(table)
    assert scored.cell.iloc[0] == "555" and scored.cell.iloc[-1] == "111"


def test_every_one_of_the_125_cells_has_one_segment_and_better_scores_never_a_worse_one() -> None:
    cuts = Cuts((1.0, 2.0, 3.0, 4.0), (1.0, 2.0, 3.0, 4.0), (1.0, 2.0, 3.0, 4.0), n_customers=5)
    cells = list(product(range(1, 6), repeat=3))
    table = frame([(6 - recency, frequency, float(money)) for recency, frequency, money in cells])
    found = RFM(cuts=cuts).assign(table)
    assert found.cell.tolist() == ["".join(map(str, cell)) for cell in cells]
    rank = dict(
        zip(cells, found.segment.map(segment_map().set_index("segment")["rank"]), strict=True)
    )
    assert not any(pd.isna(value) for value in rank.values())
    for one, other in product(cells, repeat=2):
        if all(a <= b for a, b in zip(one, other, strict=True)):
            assert rank[one] >= rank[other], (one, other)


def test_the_package_map_has_at_most_ten_names_each_with_a_treatment() -> None:
    names = segment_map()
    assert len(names) <= 10 and names.segment.is_unique and names["rank"].is_unique
    assert names[["meaning", "treatment"]].map(len).min().min() > 20


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t[t.segment != "Light"], "cell 411 has no segment"),
        (
            lambda t: t.assign(value_low=t.value_low.where(t.segment != "Loyal", 6)),
            "is in Loyal and Promising",
        ),
        (lambda t: t.assign(rank=10 - t["rank"]), "ranks below"),
        (lambda t: t.drop(columns="treatment"), r"lacks \['treatment'\]"),
    ],
)
def test_a_map_with_holes_overlaps_or_wrong_order_is_refused(change, message) -> None:
    with pytest.raises(TableError, match=message):
        segment_map(change(segment_map()))


def test_an_edited_map_is_used(tmp_path) -> None:
    own = segment_map().assign(segment=lambda t: t.segment.str.upper())
    own.to_csv(tmp_path / "own.csv", index=False)
    table = frame([(0, 9, 90.0), (1, 8, 80), (2, 7, 70), (3, 6, 60), (4, 5, 50)])
    assert RFM(names=tmp_path / "own.csv").fit(table).assign(table).segment.iloc[0] == "CHAMPIONS"
    with pytest.raises(TableError, match="does not exist"):
        segment_map(tmp_path / "none.csv")


@pytest.mark.parametrize("levels", [2, 3, 4, 7, 10])
def test_any_number_of_levels_is_scored_named_and_saved(journey, tmp_path, levels) -> None:
    model = RFM(levels).fit(journey)
    found = model.assign(journey)
    scores = found[["recency_score", "frequency_score", "monetary_score"]]
    assert scores.min().min() == 1 and scores.max().max() == levels == len(model.table())
    separator = "-" if levels == 10 else ""
    assert found.cell.tolist() == scores.astype(str).agg(separator.join, axis=1).tolist()
    rank = found.segment.map(segment_map().set_index("segment")["rank"])
    total = scores.sum(axis=1)
    assert (rank[total == 3 * levels] == 1).all() and (rank[total == 3] == 9).all()
    again = RFM(cuts=Cuts.load(model.cuts_.save(tmp_path / "cuts.json")))
    pd.testing.assert_frame_equal(again.assign(journey), found)
    engine = DuckDB()
    query = model.sql(engine.register("journey", journey)) + " order by customer_id"
    pd.testing.assert_frame_equal(engine.frame(query), found, check_dtype=False)


@pytest.mark.parametrize("levels", [1, 11, 2.5, "five"])
def test_a_number_of_levels_out_of_range_is_refused(journey, levels) -> None:
    with pytest.raises(TableError, match="whole number of scores from 2 to 10"):
        RFM(levels).fit(journey)


def test_frozen_cuts_survive_a_file_and_score_one_new_customer_as_before(journey, tmp_path) -> None:
    model = RFM().fit(journey, as_of="2017-12-31")
    again = Cuts.load(model.cuts_.save(tmp_path / "cuts.json"))
    assert again == model.cuts_ and again.as_of == "2017-12-31"
    one = RFM(cuts=again).assign(journey.tail(1))
    pd.testing.assert_frame_equal(one, model.assign(journey).tail(1).reset_index(drop=True))


def test_fit_with_given_cuts_keeps_them(journey) -> None:
    frozen = RFM().fit(journey.head(200)).cuts_
    assert RFM(cuts=frozen).fit(journey).cuts_ is frozen


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text.replace('"version": 1', '"version": 99'), "version 99"),
        (lambda text: text.replace("rfm_cuts", "kmeans_segments"), "not 'rfm_cuts'"),
        (lambda text: text[:40], "no JSON"),
        (lambda text: json.dumps({"kind": "rfm_cuts", "version": 1}), "lacks"),
        (lambda text: "[1]", "not 'rfm_cuts'"),
    ],
)
def test_a_file_that_is_not_these_cuts_is_refused(journey, tmp_path, edit, message) -> None:
    path = RFM().fit(journey).cuts_.save(tmp_path / "cuts.json")
    path.write_text(edit(path.read_text()))
    with pytest.raises(TableError, match=message):
        Cuts.load(path)


def test_a_missing_file_is_refused(tmp_path) -> None:
    with pytest.raises(TableError, match="does not exist"):
        Cuts.load(tmp_path / "none.json")


def test_one_customer_cannot_be_ranked() -> None:
    with pytest.raises(TableError, match=r"1 customer\(s\) found, 5 or more needed"):
        RFM().fit(frame([(1, 1, 1.0)]))


def test_all_problems_of_a_table_come_in_one_message() -> None:
    table = frame([(1, 2, 3.0)] * 5).assign(monetary=np.nan, customer_id=1)
    with pytest.raises(TableError, match="(?s)no monetary.*more than once"):
        RFM().fit(table)
    with pytest.raises(TableError, match=r"needs \['frequency'\]"):
        RFM().fit(table.drop(columns="frequency"))
    with pytest.raises(TableError, match="not fitted yet"):
        RFM().assign(frame([(1, 2, 3.0)]))


def test_the_table_of_borders_covers_every_value_once() -> None:
    table = frame([(day, day + 1, float(day)) for day in range(10)])
    borders = RFM().fit(table).table().set_index("score")
    assert (
        borders.loc[5, "recency_days_above"] == -np.inf
        and borders.loc[1, "recency_days_to"] == np.inf
    )
    assert borders.monetary_to.tolist()[:-1] == borders.monetary_above.tolist()[1:]
    assert borders.recency_days_above.tolist()[:-1] == borders.recency_days_to.tolist()[1:]


def test_ranges_say_the_borders_in_words_and_name_empty_scores() -> None:
    ranges = (
        Cuts((1, 3, 9, 25), (1, 1, 2, 4), (10.5, 20, 30, 40), n_customers=9)
        .ranges()
        .set_index("score")
    )
    assert ranges.recency_days.tolist() == ["26 or more", "10 to 25", "4 to 9", "2 to 3", "up to 1"]
    assert ranges.frequency.tolist() == ["up to 1", "nobody", "2", "3 to 4", "5 or more"]
    assert ranges.monetary[2] == "above 10.50 to 20.00" and ranges.monetary[5] == "above 40.00"


def test_complete_journey_has_the_measured_cuts_and_champions(journey) -> None:
    model = RFM().fit(journey)
    assert (model.cuts_.recency_days, model.cuts_.frequency) == ((1, 3, 9, 25), (16, 32, 55, 95))
    assert model.cuts_.monetary == pytest.approx((356, 872, 1628, 2986), rel=0.01)
    best = model.assign(journey).cell == "555"
    assert best.sum() == 202
    assert journey.monetary[best].sum() / journey.monetary.sum() == pytest.approx(0.254, abs=0.0005)
