"""The basket-size null keeps its margins and expects what shuffled baskets hold."""

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings

from personalize import association_rules as ar
from personalize.association_rules.transactions import encode
from tests.association_rules.shops import frame
from tests.association_rules.test_eclat import small


def margin_error(data):
    """Largest relative gap between expected and true basket sizes and product counts."""
    if data.n == 0:
        return 0.0
    chance, null = data.null.chance(np.arange(len(data.labels))), data.null
    sizes, totals = chance.sum(axis=0) / null.sizes, chance @ null.n_sizes / data.item_counts
    return max(np.abs(sizes - 1).max(), np.abs(totals - 1).max())


def test_expected_pairs_equal_the_mean_over_shuffled_baskets(random_shop):
    data = encode(random_shop)
    null = data.null
    counts = np.zeros((12, 12))
    for seed in range(30):
        control = encode(ar.shuffled(random_shop, seed=seed))
        held = np.zeros((data.n, 40))
        held[control.basket, control.items] = 1
        counts += (held.T @ held)[:12, :12] / 30
    pairs = np.array(list(itertools.combinations(range(12), 2)))
    expected = null.expected(pairs)
    seen = counts[pairs[:, 0], pairs[:, 1]]
    np.testing.assert_allclose(seen, expected, rtol=0.08)
    assert np.sum(seen) == pytest.approx(np.sum(expected), rel=0.01)
    np.testing.assert_allclose(
        null.expected_pairs(np.arange(12))[pairs[:, 0], pairs[:, 1]], expected, rtol=0.02
    )


@given(small)
@example([{0}, {0, 1}, {0, 1, 2, 3}, {0, 1, 2, 4}])  # chances of 0 and 1 in a staircase
@settings(max_examples=60, deadline=None)
def test_the_null_keeps_basket_sizes_and_product_counts(baskets):
    data = encode(frame(baskets))
    null = data.null
    assert (
        margin_error(data) < 0.02
    )  # tiny shops can force chances of 0 and 1, which are only approached
    singles = null.expected(np.arange(len(data.labels))[:, None])
    np.testing.assert_allclose(singles, data.item_counts, rtol=0.02)


def test_the_null_keeps_the_margins_of_a_shop_to_nine_digits(random_shop):
    assert margin_error(encode(random_shop)) < 1e-9


def test_baskets_of_one_product_expect_no_pair():
    null = encode(frame([["a"], ["b"], ["c"], ["a"], ["b"]])).null
    assert null.expected(np.array([[0, 1], [1, 2]])) == pytest.approx([0, 0])
