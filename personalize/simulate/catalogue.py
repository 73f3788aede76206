"""The shop's range: products with names in English and Chinese, tastes for them, planted pairs and
price cuts.

`subcategories.csv` holds the list price of the standard tier and the words that describe a product;
`tiers.csv` the price factor and share of each tier, and in fits_X the weight of the tiers for those
who like X; `styles.csv` what completes a name.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy import ndarray
from numpy.random import Generator

from personalize.simulate.customers import TASTES, TIERS
from personalize.simulate.distributions import SETTINGS, Calendar, Streams, running, stated

FIRST_PRODUCT = 20_001
RANGE = stated("subcategories")
STYLES = stated("styles")
CATEGORIES = list(RANGE.category.unique())
CHINESE_NAMES = 0.25  # share of products named in Chinese
LATE = 0.04  # share of products launched in the later part of the period
DEPTHS = (0.10, 0.20, 0.30)
ELASTICITY = (1.2, 3.0)  # range over products


@dataclass(frozen=True)
class Catalogue:
    """Everything known about the range, by product code (0, 1, ...).

    Attributes
    ----------
    table : the products table
    truth : product_id, tier, popularity, quality (mean stars), elasticity, launch_week
    kind : subcategory (row of `RANGE`)
    liking : running choice probabilities, a row a taste and tier (taste * 3 + tier)
    by_category : running choice probabilities, a row a category
    partner, rival : code of the planted second product, of the substitute; -1 for none
    predecessor : product sold in its place before the launch
    depth : price cut, 0 to 1, a row a week, a column a product
    """

    table: pd.DataFrame
    truth: pd.DataFrame
    kind: ndarray
    liking: ndarray
    by_category: ndarray
    partner: ndarray
    rival: ndarray
    predecessor: ndarray
    depth: ndarray


@dataclass(frozen=True)
class World:
    """What every part of the shop needs: its people, its range, its days and its random streams."""

    people: pd.DataFrame
    goods: Catalogue
    calendar: Calendar
    rng: Streams


def build(products: int, weeks: int, rng: Generator) -> Catalogue:
    """A range of `products` products over eight categories and three price tiers."""
    kind = rng.permutation(np.arange(products) % len(RANGE))
    tier = rng.choice(3, products, p=TIERS.share)
    category = RANGE.category[kind].to_numpy()
    popularity = rng.permutation(1 / np.arange(10, products + 10) ** 0.6)
    popularity *= len(popularity) / popularity.sum()
    launch = np.where(rng.random(products) < LATE, rng.integers(weeks // 2, weeks - 4, products), 0)
    first = np.unique(kind, return_index=True)[1]
    launch[first] = 0
    partner, rival = _pairs(popularity, kind, launch)
    truth = pd.DataFrame(
        {
            "product_id": np.arange(products) + FIRST_PRODUCT,
            "tier": TIERS.tier[tier].to_numpy(),
            "popularity": popularity,
            "quality": np.round(rng.uniform(2.4, 4.9, products), 2),
            "elasticity": np.round(rng.uniform(*ELASTICITY, products), 2),
            "launch_week": launch,
        }
    )
    likes = taste_truth()[category].to_numpy()
    fits = TIERS.filter(like="fits_").to_numpy().T[:, tier]
    table = _table(kind, tier, rng)
    cut = rng.random((weeks, products)) < SETTINGS.promoted
    return Catalogue(
        table=table,
        truth=truth,
        kind=kind,
        liking=running((likes[:, None] * fits * popularity).reshape(3 * TASTES, -1)),
        by_category=running(popularity * (category == np.array(CATEGORIES)[:, None])),
        partner=partner,
        rival=rival,
        predecessor=np.where(launch > 0, first[kind], np.arange(products)),
        depth=np.where(cut, rng.choice(DEPTHS, cut.shape), 0.0),
    )


def taste_truth() -> pd.DataFrame:
    """Affinity of each taste for each category, 1 for the average category: one loved, one liked,
    the rest sometimes.
    """
    width, taste = len(CATEGORIES), np.arange(TASTES)
    affinity = np.full((TASTES, width), 0.04)
    affinity[taste, taste] = 0.55
    affinity[taste, (taste + 2) % width] = 0.21
    frame = pd.DataFrame(affinity * width, columns=CATEGORIES)
    return frame.rename_axis("taste").reset_index()


def pair_truth(catalogue: Catalogue) -> pd.DataFrame:
    """The planted pairs and substitutes: kind, product_id, other_id, strength (probability of
    joining, of being put back).
    """
    code = np.arange(len(catalogue.rival))
    parts = [
        ("pair", catalogue.partner, catalogue.partner >= 0, SETTINGS.attach),
        ("substitute", catalogue.rival, catalogue.rival > code, SETTINGS.block),
    ]
    frames = []
    for kind, other, held, strength in parts:
        ids = {"product_id": code[held], "other_id": other[held]}
        frame = pd.DataFrame(ids) + FIRST_PRODUCT
        frame.insert(0, "kind", kind)
        frames.append(frame.assign(strength=strength))
    return pd.concat(frames, ignore_index=True)


def promotions(catalogue: Catalogue) -> pd.DataFrame:
    """The price cuts: product_id, week (0 = first), discount (share of the list price)."""
    week, product = np.nonzero(catalogue.depth)
    cuts = {
        "product_id": product + FIRST_PRODUCT,
        "week": week,
        "discount": catalogue.depth[week, product],
    }
    return pd.DataFrame(cuts)


def _pairs(popularity: ndarray, kind: ndarray, launch: ndarray) -> tuple[ndarray, ndarray]:
    """Second products of planted pairs (different categories, middling popularity) and substitutes
    (best sellers).
    """
    partner, rival = np.full((2, len(kind)), -1)
    most = max(2, len(kind) // 20)
    ranked = np.argsort(-popularity)
    best = ranked[launch[ranked] == 0]
    for subcategory in kind[best[: len(best) // 8]]:
        same = best[kind[best] == subcategory][:2]
        if len(same) == 2 and (rival >= 0).sum() < most:
            rival[same] = same[::-1]
    middle = best[len(best) // 5 : len(best) // 2]
    middle = middle[rival[middle] < 0]
    first, second = middle[: len(middle) // 2 * 2].reshape(-1, 2).T
    apart = kind[first] // 4 != kind[second] // 4
    partner[first[apart][:most]] = second[apart][:most]
    return partner, rival


def _table(kind: ndarray, tier: ndarray, rng: Generator) -> pd.DataFrame:
    """The products table, with a name and a text in one of the two languages."""
    n = len(kind)
    kinds = RANGE.iloc[kind].reset_index(drop=True)
    code = rng.permutation(n) % 75
    brand = pd.Series(TIERS.filter(like="brand_").to_numpy()[tier, code % 3], dtype="str")
    style = STYLES.iloc[code // 3 % 5].reset_index(drop=True)
    size = STYLES.iloc[code // 15 % 5].reset_index(drop=True)
    english = rng.random(n) >= CHINESE_NAMES
    written = style.variant + " " + kinds.subcategory
    chinese = brand + style.variant_zh + kinds.chinese
    name = brand + " " + written + ", " + size["size"]
    text = written + " by " + brand + ": " + kinds.about + "."
    about = "。" + kinds.subcategory + ": " + kinds.about + "."
    factor = TIERS.price.to_numpy()[tier] * rng.lognormal(0, 0.2, n)
    listed = {
        "product_id": np.arange(n) + FIRST_PRODUCT,
        "name": name.where(english, chinese + " " + size.size_zh),
        "text": text.where(english, chinese + "，" + size.size_zh + about),
        "category": kinds.category,
        "subcategory": kinds.subcategory,
        "brand": brand,
        "price": np.maximum(np.round(kinds.price * factor, 1) - 0.01, 0.49),
    }
    return pd.DataFrame(listed)
