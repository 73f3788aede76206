"""Moves between segments count behaviour: not newcomers, not customers who left, and not moving
borders.
"""

import pandas as pd
import pytest

import personalize as pz
from personalize.segmentation import RFM, TOO_NEW, migration, quarter
from personalize.tables import TableError, Unavailable


def frame(rows: list[tuple]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["recency_days", "frequency", "monetary"]).astype(
        {"monetary": float}
    )
    return table.assign(customer_id=range(len(table)))[["customer_id", *table.columns]]


def test_nobody_moves_between_equal_days(journey) -> None:
    found = migration(journey, journey, rfm=RFM().fit(journey))
    assert (
        found.changed.estimate == found.due_to_borders.estimate == found.changed_refit.estimate == 0
    )
    assert found.table().to_numpy().trace() == len(journey)


def test_customers_who_left_or_joined_are_shown_and_not_counted_as_moves() -> None:
    first = frame([(0, 9, 90.0), (1, 8, 80), (2, 7, 70), (3, 6, 60), (4, 5, 50)])
    later = pd.concat([first.iloc[1:], first.iloc[[0]].assign(customer_id=99)])
    found = migration(first, later, rfm=RFM().fit(first))
    assert found.changed.n == 4 and found.changed.estimate == 0
    assert found.table().loc["not yet a customer"].sum() == 1
    assert found.table()["no purchase in the window"].sum() == 1
    with pytest.raises(TableError, match="in both tables"):
        migration(first, first.assign(customer_id=first.customer_id + 50), rfm=RFM().fit(first))


def test_a_trailing_window_leaves_few_moves_to_the_borders_alone() -> None:
    tables = pz.load("complete_journey")
    days = ("2017-07-01", "2017-10-01")
    shares = {}
    for window in (0, 90):
        before, after = (pz.features.rfm(tables, as_of=day, window_days=window) for day in days)
        shares[window] = migration(before, after, rfm=RFM().fit(before)).due_to_borders.estimate
    assert shares[90] <= 0.05 < shares[0]


def test_new_customers_are_not_counted_as_movement_and_returners_are_not_called_new() -> None:
    first = pd.DataFrame(
        {
            "customer_id": range(6),
            "recency_days": [0, 3, 9, 30, 60, 1],
            "frequency": [40, 12, 5, 2, 2, 1],
            "monetary": [900.0, 300, 80, 20, 15, 5],
        }
    )
    later = pd.concat([first, first.head(2).assign(customer_id=[7, 8])], ignore_index=True)
    before = pd.DataFrame(
        {"customer_id": [0, 1, 2, 3, 4, 5, 7], "tenure_days": [300, 300, 300, 300, 300, 3, 200]}
    )
    after = pd.DataFrame(
        {"customer_id": [*range(6), 7, 8], "tenure_days": [391] * 5 + [94, 291, 10]}
    )
    found = migration(first, later, rfm=RFM().fit(first), tenure=(before, after))
    moves = found.moves.set_index("customer_id")
    assert moves.before[5] == TOO_NEW and moves.after[8] == TOO_NEW and found.changed.n == 5
    assert (
        moves.before[7] == "no purchase in the window" and moves.before[8] == "not yet a customer"
    )
    assert list(found.table().columns)[-1] == TOO_NEW


def test_a_quarter_of_moves_is_shown_best_segment_first_without_small_cells(tables) -> None:
    moves = quarter(tables, as_of="2017-12-31")
    shares = moves.shares(min_cell=10)
    assert shares.index[0] == "Champions" and shares.loc["Champions"].idxmax() == "Champions"
    assert (moves.table().loc[shares.index, shares.columns][shares.isna()].fillna(0) < 10).all(
        axis=None
    )
    assert (
        moves.due_to_borders.estimate < 0.1 and f"{moves.changed.estimate:.0%}" in moves.reading()
    )


def test_a_short_source_has_no_quarter_of_moves(tables) -> None:
    with pytest.raises(Unavailable, match="need 181 days of orders"):
        quarter(tables, as_of="2017-02-01")
