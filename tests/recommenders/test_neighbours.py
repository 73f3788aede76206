"""Popularity, frequency, similar and linked customers, against numbers worked out by hand."""

import pandas as pd
import pytest

from personalize.recommenders import TIFU, MostPopular, PersonalFrequency, Social, UserKNN
from personalize.tables import TableError
from tests.recommenders.shops import scores, shop

LINKS = pd.DataFrame([(9, 1), (9, 2), (1, 3)], columns=["customer_id", "other_id"])


def test_most_popular_counts_customers_not_orders():
    rows = [(1, 5, 1), (1, 5, 2), (1, 5, 3), (1, 6, 1), (2, 6, 1), (3, 7, 1), (4, 7, 1)]
    assert scores(MostPopular(), shop(rows), 3, customer=9) == {6: 0.5, 7: 0.5, 5: 0.25}


def test_an_order_counts_half_after_one_half_life_and_alike_without():
    rows = [(1, 5, 1), (1, 6, 15), (1, 6, 15)]
    assert scores(PersonalFrequency(half_life_weeks=1), shop(rows), 15) == pytest.approx(
        {6: 2, 5: 0.25}
    )
    assert scores(PersonalFrequency(half_life_weeks=None), shop(rows), 15) == {6: 2, 5: 1}


def test_neighbours_are_those_with_the_most_alike_frequencies():
    rows = [(1, 5, 1), (1, 6, 1), (2, 5, 1), (2, 6, 1), (2, 7, 1), (3, 6, 1), (3, 8, 1), (3, 9, 1)]
    assert scores(
        UserKNN(neighbours=1, half_life_weeks=None), shop(rows), 1, repeat="new", k=1
    ) == {7: 1}


def test_tifu_is_the_weighted_sum_of_own_and_neighbours_frequencies():
    rows = [(1, 5, 1), (1, 5, 2), (2, 5, 1), (2, 7, 1)]
    assert scores(
        TIFU(own=0.7, neighbours=1, half_life_weeks=None), shop(rows), 2
    ) == pytest.approx({5: 0.7 * 2 + 0.3, 7: 0.3})


def test_tifu_with_all_weight_on_oneself_is_personal_frequency():
    rows = [(c, (c * p) % 7, 1 + (c + p) % 20) for c in range(1, 9) for p in range(1, 6)]
    own = TIFU(own=1).fit(shop(rows), as_of="2024-01-10").recommend(k=3)
    pd.testing.assert_frame_equal(
        own, PersonalFrequency().fit(shop(rows), as_of="2024-01-10").recommend(k=3)
    )


def test_a_neighbour_speaks_for_its_favourites_only():
    rows = [(1, 5, 1), (2, 5, 1), (2, 5, 2), (2, 7, 1)]
    names = scores(UserKNN(favourites=1, half_life_weeks=None), shop(rows), 2, repeat="new")
    assert names == {7: 0}, "the product left out is named by popularity alone"


def test_a_customer_without_orders_gets_what_the_linked_customers_buy():
    rows = [(1, 5, 1), (2, 5, 1), (2, 6, 1), (3, 7, 1), (4, 8, 1)]
    weights = scores(Social(steps=2, restart=0.5), shop(rows, links=LINKS), 1, customer=9)
    assert weights == pytest.approx({5: 1.0, 6: 0.5, 7: 0.5 * 0.5, 8: 0})


def test_one_step_asks_direct_links_only():
    rows = [(1, 5, 1), (2, 5, 1), (3, 7, 1), (3, 7, 2)]
    assert scores(Social(steps=1), shop(rows, links=LINKS), 2, customer=9) == {5: 1, 7: 0}


def test_missing_weights_count_one_and_negative_ones_are_refused():
    rows = [(1, 5, 1), (2, 6, 1)]
    weighted = LINKS.assign(weight=[3.0, None, 1.0])
    assert scores(Social(steps=1), shop(rows, links=weighted), 1, customer=9) == {5: 0.75, 6: 0.25}
    with pytest.raises(TableError, match="1 of them with a weight below 0"):
        Social().fit(shop(rows, links=LINKS.assign(weight=[1, -1, 1])), as_of="2024-01-01")


def test_the_social_reason_counts_linked_buyers():
    rows = [(1, 5, 1), (2, 5, 1), (3, 7, 1), (9, 4, 1)]
    table = Social().fit(shop(rows, links=LINKS), as_of="2024-01-01").recommend([9], repeat="new")
    assert table.reason.tolist() == [
        "bought by 2 of 2 linked customers",
        "bought by friends of friends",
    ]


def test_customers_near_in_principal_components_need_no_common_product():
    rows = [(1, 5, 1), (2, 6, 1), (2, 8, 1)] + [(c, p, 1) for c in range(10, 20) for p in (5, 6)]
    rows += [(c, p, 1) for c in range(30, 40) for p in (11, 12)]
    nearest = UserKNN(neighbours=11, half_life_weeks=None, components=2).fit(
        shop(rows), as_of="2024-01-01"
    )
    exact = UserKNN(neighbours=11, half_life_weeks=None).fit(shop(rows), as_of="2024-01-01")
    assert nearest.recommend([1], repeat="new").set_index("product_id").score[8] > 0
    assert exact.recommend([1], repeat="new").set_index("product_id").score[8] == 0
