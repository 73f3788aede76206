"""Mixed and many attributes become numbers by stated rules, and other methods are set beside
k-means.
"""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

import personalize as pz
from personalize.segmentation import CustomerSpace, KMeansSegments, known_facts
from personalize.tables import TableError


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    kind = np.repeat([0, 1], 100)
    town = np.where(kind == 0, rng.choice(["Gent", "Lier"], 200), rng.choice(["Mol", "Aalst"], 200))
    spend = np.exp(rng.normal(3 + 2 * kind, 0.4))
    return pd.DataFrame(
        {"customer_id": rng.permutation(200), "spend": spend, "town": town, "kind": kind}
    )


def test_mixed_attributes_recover_planted_groups(people) -> None:
    table = people.drop(columns="kind")
    space = CustomerSpace().fit(table)
    labels = KMeansSegments(2, log=False).fit(space.transform(table)).labels_
    assert adjusted_rand_score(people.kind, labels) > 0.95


def test_a_word_weighs_as_much_as_a_number(people) -> None:
    z = CustomerSpace().fit(people.drop(columns="kind")).transform(people)
    assert z.spend.var(ddof=0) == pytest.approx(1)
    assert z[[c for c in z if c.startswith("town")]].var(ddof=0).sum() == pytest.approx(1)


def test_a_value_never_seen_lands_among_the_rare_or_nowhere(people) -> None:
    space = CustomerSpace().fit(people.drop(columns="kind"))
    new = people.drop(columns="kind").head(3).assign(town=["Oslo", "Oslo", "Gent"])
    towns = space.transform(new).filter(like="town")
    assert (towns.iloc[0] == 0).all() and (towns.iloc[2] != 0).sum() == 1
    rare = people.drop(columns="kind").assign(town=lambda t: t.town.where(t.index != 5, "Vlore"))
    coded = CustomerSpace().fit(rare)
    assert "town (rare)" in coded.columns_
    assert coded.transform(new)["town (rare)"].gt(0).tolist() == [True, True, False]


def test_an_attribute_that_nobody_has_is_left_out_and_named(people) -> None:
    table = people.drop(columns="kind").assign(income=np.nan, phone=None, country="BE", one=1)
    space = CustomerSpace().fit(table)
    empty, same = "nobody has a value", "everybody has the same value"
    assert space.left_out_ == {"income": empty, "phone": empty, "country": same, "one": same}
    assert space.columns_[0] == "spend" and not any("income" in name for name in space.columns_)
    with pytest.raises(TableError, match="no attribute is left"):
        CustomerSpace().fit(table[["customer_id", "income", "country"]])


def test_an_attribute_missing_for_all_later_customers_becomes_the_median_and_missing(
    people,
) -> None:
    table = people.drop(columns="kind").assign(town=lambda t: t.town.where(t.index % 4 > 0))
    space = CustomerSpace().fit(table)
    gone = space.transform(table.assign(spend=np.nan, town=None))
    middle = space.transform(table.assign(spend=table.spend.median()))
    assert (
        gone.spend.tolist() == pytest.approx(middle.spend.tolist())
        and (gone["town missing"] > 0).all()
    )
    assert np.isfinite(gone.drop(columns="customer_id").to_numpy()).all()


def test_many_columns_become_components_that_keep_the_stated_share() -> None:
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(300, 2))
    wide = pd.DataFrame(hidden @ rng.normal(size=(2, 12)) + rng.normal(0, 0.05, (300, 12)))
    wide.columns = [f"f{i}" for i in range(12)]
    table = wide.assign(customer_id=range(300))
    space = CustomerSpace(keep=0.95).fit(table)
    rows, weight = space.table(), space.loadings()
    assert len(rows) == 2 and rows.kept.iloc[-1] >= 0.95 and rows.variance.is_monotonic_decreasing
    z = space.transform(table)
    assert list(z.columns) == ["customer_id", "component 1", "component 2"]
    assert abs(np.corrcoef(z["component 1"], z["component 2"])[0, 1]) < 1e-9
    coded = space.encoder_.transform(table[space.numbers_])
    covariance = np.cov(coded[:, 0], z["component 1"])[0, 1] / z["component 1"].std()
    assert weight.iloc[0, 0] == pytest.approx(covariance)
    assert "2 components" in space.reading() and CustomerSpace(many=99).fit(table).table().empty


def test_the_space_does_not_depend_on_the_order_of_rows(people) -> None:
    table = people.drop(columns="kind")
    one = CustomerSpace(many=2).fit(table).transform(table)
    two = CustomerSpace(many=2).fit(table.iloc[::-1]).transform(table)
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize(
    ("change", "keep", "message"),
    [
        (lambda t: t, 0, "keep = 0 is no share"),
        (lambda t: t.assign(customer_id=1), 0.9, "one row a customer"),
        (lambda t: t.head(0), 0.9, "one row a customer"),
    ],
)
def test_wrong_input_is_refused_in_words(people, change, keep, message) -> None:
    with pytest.raises(TableError, match=message):
        CustomerSpace(keep=keep).fit(change(people.drop(columns="kind")))


def test_later_customers_need_the_same_attributes(people) -> None:
    with pytest.raises(TableError, match=r"lacks \['town'\]"):
        CustomerSpace().fit(people.drop(columns="kind")).transform(people[["customer_id", "spend"]])
    with pytest.raises(TableError, match="not fitted yet"):
        CustomerSpace().transform(people)


def test_complete_journey_has_one_large_component_of_how_much_a_customer_buys() -> None:
    tables = pz.load("complete_journey")
    rfm = pz.features.rfm(tables, as_of="2017-12-31")
    wide = known_facts(tables, rfm, as_of="2017-12-31")
    assert len(wide) == len(rfm) and {"income", "spend_13w"} < set(wide)
    wide = wide.select_dtypes("number")
    space = CustomerSpace(many=5).fit(wide)
    assert space.table().variance[0] > 0.8
    assert space.loadings()["component 1"].drop("recency_days").min() > 0.8
