"""The shops that several tests of association rules share."""

import itertools

import numpy as np
import pandas as pd
import pytest

import personalize as pz
from personalize import association_rules as ar
from tests.association_rules.shops import frame, lines, published


@pytest.fixture(scope="session")
def groceries():
    return published("groceries.csv.gz", ",")


@pytest.fixture(scope="session")
def retail():
    return published("retail.dat.gz", None)


@pytest.fixture(scope="session")
def product_types():
    return ar.baskets(pz.load("complete_journey"), level="subcategory")


@pytest.fixture(scope="session")
def random_shop():
    """2,000 baskets of very different sizes, products of very different popularity, no
    association."""
    rng = np.random.default_rng(3)
    popularity = 1 / np.arange(1, 41)
    sizes = np.minimum(rng.geometric(0.18, 2000), 12)
    return frame(
        [rng.choice(40, size, replace=False, p=popularity / popularity.sum()) for size in sizes]
    )


@pytest.fixture(scope="session")
def shop():
    """1,500 baskets of very different sizes: jam goes with tea, cola never with juice, the rest is
    chance."""
    rng = np.random.default_rng(1)
    items = np.array([f"p{k:02}" for k in range(24)] + ["tea", "jam", "cola", "juice"])
    popularity = np.append(1 / np.arange(2, 26), [0.15, 0.15, 0.4, 0.4])
    rows = []
    for order, size in enumerate(np.minimum(rng.geometric(0.2, 1500), 12)):
        basket = set(rng.choice(items, size, replace=False, p=popularity / popularity.sum()))
        basket |= {"jam"} if "tea" in basket and rng.random() < 0.6 else set()
        basket -= {"juice"} if "cola" in basket else set()
        rows += [(order, item) for item in sorted(basket)]
    return pd.DataFrame(rows, columns=["order_id", "product_id"])


@pytest.fixture(scope="session")
def tables():
    orders = lines([["t1", "j1"], ["t1", "j2"], ["t2", "j1"], ["x"]])
    returned = orders.head(1).assign(order_id=9, quantity=-1, amount=-2.0)
    products = pd.DataFrame(
        {
            "product_id": ["t1", "t2", "j1", "j2", "x"],
            "subcategory": ["TEA", "TEA", "JAM", "JAM", None],
        }
    )
    return pz.load({"orders": pd.concat([orders, returned]), "products": products})


@pytest.fixture(scope="session")
def chance():
    """3,000 baskets of very different sizes in which nothing has to do with anything."""
    rng = np.random.default_rng(7)
    popularity = 1 / np.arange(2, 32)
    sizes = np.minimum(rng.geometric(0.2, 3000), 12)
    return [
        set(rng.choice(30, size, replace=False, p=popularity / popularity.sum())) for size in sizes
    ]


@pytest.fixture(scope="session")
def barbecue(chance):
    """The same with 150 baskets of buns, sausage and mustard, each also bought alone, and paper
    with pen."""
    rng = np.random.default_rng(8)
    whole = {"bun", "sausage", "mustard"}
    meals = [whole if rng.random() < 0.8 else {rng.choice(sorted(whole))} for _ in range(190)]
    alone = (
        [{rng.choice(sorted(whole))} for _ in range(300)] + [{"pen", "paper"}] * 60 + [{"pen"}] * 20
    )
    return frame([{str(i) for i in basket} | extra for basket, extra in
                  itertools.zip_longest(chance, meals + alone, fillvalue=set())])  # fmt: skip


@pytest.fixture(scope="session")
def journey():
    tables = pz.load("complete_journey")
    day = ar.known_until(tables)
    return (
        ar.baskets(tables.until(day)),
        ar.baskets(tables.between(day, tables.end)),
        tables.until(day),
    )
