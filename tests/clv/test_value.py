"""The table to act on: values, tiers, concentration."""

from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import personalize as pz
from personalize.parameters import Range

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "05_clv.ipynb"


def test_top_gain_is_zero_against_itself_and_positive_against_chance():
    money, chance = np.arange(1000.0), np.random.default_rng(1).permutation(1000)
    assert pz.clv.top_gain(money, money, money).difference == 0
    gain = pz.clv.top_gain(money, money, chance)
    assert gain.mean_a * gain.n == pytest.approx(money[-100:].sum())
    assert gain.low > 0


@pytest.mark.parametrize("model", [pz.clv.NaiveRate(), pz.clv.BuyTillYouDie()])
def test_clv_is_the_discounted_sum_of_the_forecast(known, model):
    model.fit(known, as_of="2017-09-24", horizon=14)
    band = pz.clv.bands(np.arange(100.0), np.arange(100.0))
    args = {"model": model, "bands": band}
    free = pz.clv.value_table(known, rate=0.0, **args)
    assert free.clv.to_numpy() == pytest.approx(free.expected_spend.to_numpy(), rel=1e-9)
    year = pz.clv.value_table(known, rate=0.10, margin=0.5, **args)
    weekly = 1.1 ** (7 / 365.25)
    even = np.mean(weekly ** -np.arange(1.0, 15))
    assert year.clv.sum() / free.clv.sum() == pytest.approx(0.5 * even, rel=1e-3)
    names = [
        "customer_id",
        "as_of",
        "p_alive",
        "expected_orders",
        "expected_spend",
        "clv",
        "low",
        "high",
    ]
    assert list(year) == names
    assert (year.low <= year.clv + 1e-9).all()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=60))
def test_tiers_split_value_in_order_and_never_part_equals(numbers):
    values = pd.Series([*numbers, 7], dtype=float)
    tier = pz.clv.tiers(values)
    assert set(tier) <= set("ABC")
    for upper, lower in (("A", "B"), ("B", "C"), ("A", "C")):
        if (tier == upper).any() and (tier == lower).any():
            assert values[tier == upper].min() > values[tier == lower].max()
    assert values[tier == "A"].sum() >= 0.5 * values.sum() - 1e-9


def test_a_tier_table_adds_up():
    table = pd.DataFrame(
        {"clv": [6.0, 3.0, 1.0], "expected_orders": [3.0, 2, 1], "p_alive": [1.0, 0.5, 0.1]}
    )
    found = pz.clv.tier_table(table, pz.clv.tiers(table.clv))
    assert found.tier.tolist() == ["A", "B", "C"]
    assert found.share_of_value.tolist() == pytest.approx([0.6, 0.3, 0.1])


def test_every_margin_and_rate_that_the_notebook_lets_one_set_gives_a_value(known):
    model = pz.clv.NaiveRate().fit(known, as_of="2017-09-24", horizon=4)
    band = pz.clv.bands(np.arange(100.0), np.arange(100.0))
    cell = nbformat.read(NOTEBOOK, 4).cells[1].source.splitlines()
    ends = {
        line.split(":")[0]: Range.of(line) for line in cell if line.startswith(("margin", "rate"))
    }
    for rate, margin in zip(
        *([ends[name].low, ends[name].high] for name in ("rate", "margin")), strict=True
    ):
        assert (
            pz.clv.value_table(known, model=model, bands=band, rate=rate, margin=margin).clv >= 0
        ).all()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=60))
def test_concentration_is_the_fewest_customers_who_bring_half(numbers):
    values = np.array([*numbers, 7], float)
    found = pz.clv.concentration(values, n_boot=20)
    size = round(found.estimate * len(values))
    ordered = np.sort(values)[::-1]
    assert ordered[:size].sum() >= 0.5 * values.sum() - 1e-9
    assert ordered[: size - 1].sum() < 0.5 * values.sum()
    assert found.low <= found.high
