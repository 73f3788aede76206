"""The shop's range: products with names in English and Chinese, tastes for them, planted pairs and
price cuts.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from personalize.simulate.customers import TASTES
from personalize.simulate.distributions import running, words

FIRST_PRODUCT = 20_001
CATEGORIES = ("Tea", "Coffee", "Snacks", "Kitchen", "Home", "Stationery", "Toys", "Beauty")
# category: (subcategory, in Chinese, list price of the standard tier, words that describe it)
RANGE = {
    "Tea": (
        ("green tea", "绿茶", 8.0, "fresh grassy leaf, steamed in spring"),
        ("black tea", "红茶", 7.0, "malty full leaf, good with milk"),
        ("oolong tea", "乌龙茶", 11.0, "floral rolled leaf from high mountains"),
        ("herbal tea", "花草茶", 6.0, "caffeine free infusion of camomile and mint"),
    ),
    "Coffee": (
        ("espresso beans", "浓缩咖啡豆", 12.0, "dark roast beans with notes of cocoa"),
        ("filter coffee", "滤泡咖啡", 9.0, "light roast, bright and fruity in the cup"),
        ("instant coffee", "速溶咖啡", 6.0, "freeze dried, ready in a minute"),
        ("coffee filters", "咖啡滤纸", 4.0, "unbleached paper for pour over brewing"),
    ),
    "Snacks": (
        ("dark chocolate", "黑巧克力", 4.0, "high cocoa bar, a little bitter"),
        ("butter biscuits", "黄油饼干", 5.0, "crisp biscuits baked with real butter"),
        ("roasted nuts", "烤坚果", 7.0, "almonds and cashews, lightly salted"),
        ("dried fruit", "果干", 6.0, "mango, apricot and fig without added sugar"),
    ),
    "Kitchen": (
        ("teapot", "茶壶", 24.0, "ceramic pot with a fine strainer"),
        ("mug", "马克杯", 9.0, "glazed stoneware for the dishwasher"),
        ("chopping board", "砧板", 15.0, "solid bamboo, kind to knives"),
        ("storage jar", "储物罐", 8.0, "airtight glass with a wooden lid"),
    ),
    "Home": (
        ("scented candle", "香薰蜡烛", 13.0, "soy wax with cedar and orange"),
        ("cushion", "靠垫", 18.0, "linen cover with a soft filling"),
        ("table lamp", "台灯", 35.0, "warm dimmable light for the desk"),
        ("wool blanket", "羊毛毯", 40.0, "woven merino for cold evenings"),
    ),
    "Stationery": (
        ("notebook", "笔记本", 7.0, "thread bound pages, dotted or lined"),
        ("fountain pen", "钢笔", 22.0, "steel nib that writes without pressure"),
        ("greeting cards", "贺卡", 4.0, "letterpress cards with envelopes"),
        ("desk calendar", "台历", 9.0, "one illustrated page a month"),
    ),
    "Toys": (
        ("wooden puzzle", "木制拼图", 12.0, "beech pieces for small hands"),
        ("plush animal", "毛绒玩具", 14.0, "soft animal, washable"),
        ("board game", "桌游", 25.0, "for two to four players on rainy days"),
        ("building blocks", "积木", 19.0, "coloured blocks that fit together"),
    ),
    "Beauty": (
        ("hand cream", "护手霜", 7.0, "shea butter for dry skin"),
        ("natural soap", "天然香皂", 4.0, "cold pressed with olive oil"),
        ("face mask", "面膜", 9.0, "clay mask that cleans the pores"),
        ("bath salt", "浴盐", 8.0, "sea salt with lavender"),
    ),
}
SUBCATEGORIES = [(category, *row) for category in CATEGORIES for row in RANGE[category]]
TIERS = (
    ("budget", 0.35, 0.3),
    ("standard", 0.8, 0.45),
    ("premium", 2.8, 0.25),
)  # name, price factor, share
FITS = (
    (0.92, 0.07, 0.01),
    (0.12, 0.78, 0.10),
    (0.02, 0.13, 0.85),
)  # weight of a tier (column) for those who like one
BRANDS = (
    ("Pennywise", "Plainwell", "Sparrow"),
    ("Meadow", "Harbour", "山泉"),
    ("Aurelia", "Kingsley", "御品"),
)
VARIANTS = (
    ("Classic", "经典"),
    ("Organic", "有机"),
    ("Garden", "花园"),
    ("Winter", "冬日"),
    ("Original", "原味"),
)
SIZES = (
    ("small", "小号"),
    ("regular", "标准"),
    ("large", "大号"),
    ("gift box", "礼盒"),
    ("twin pack", "两件装"),
)
CHINESE_NAMES = 0.25  # share of products named in Chinese
LATE = 0.04  # share of products launched in the later part of the period
# probability that the second product of a planted pair joins an order that holds the first
ATTACH = 0.45
BLOCK = 0.90  # probability that of two substitutes in one order one is put back
PROMOTED = 0.05  # share of product-weeks with a price cut
DEPTHS = (0.10, 0.20, 0.30)
ELASTICITY = (1.2, 3.0)  # range over products


@dataclass(frozen=True)
class Catalogue:
    """Everything known about the range, by product code (0, 1, ...).

    Attributes
    ----------
    table : the products table
    truth : product_id, popularity, quality (mean stars), elasticity, tier, launch_week
    liking : running choice probabilities, a row a taste and tier (taste * 3 + tier)
    by_category : running choice probabilities, a row a category
    partner, rival : code of the planted second product, of the substitute; -1 for none
    predecessor : product sold in its place before the launch
    depth : price cut, 0 to 1, a row a week, a column a product
    """

    table: pd.DataFrame
    truth: pd.DataFrame
    liking: np.ndarray
    by_category: np.ndarray
    category: np.ndarray
    partner: np.ndarray
    rival: np.ndarray
    predecessor: np.ndarray
    depth: np.ndarray


def build(products: int, weeks: int, rng: np.random.Generator) -> Catalogue:
    """A range of `products` products over eight categories and three price tiers."""
    kind = rng.permutation(np.arange(products) % len(SUBCATEGORIES))
    tier = rng.choice(3, products, p=[share for *_, share in TIERS])
    category = kind // 4
    popularity = rng.permutation(1 / np.arange(10, products + 10) ** 0.6)
    popularity *= len(popularity) / popularity.sum()
    launch = np.where(rng.random(products) < LATE, rng.integers(weeks // 2, weeks - 4, products), 0)
    launch[_first_of_each(kind)] = 0
    partner, rival = _pairs(popularity, kind, launch)
    truth = pd.DataFrame(
        {
            "product_id": np.arange(products) + FIRST_PRODUCT,
            "tier": words([name for name, *_ in TIERS], tier),
            "popularity": popularity,
            "quality": np.round(rng.uniform(2.4, 4.9, products), 2),
            "elasticity": np.round(rng.uniform(*ELASTICITY, products), 2),
            "launch_week": launch,
        }
    )
    return Catalogue(
        table=_table(kind, tier, rng),
        truth=truth,
        liking=running(_liking(popularity, category, tier)),
        by_category=running(popularity * (category == np.arange(len(CATEGORIES))[:, None])),
        category=category,
        partner=partner,
        rival=rival,
        predecessor=_predecessors(kind, launch),
        depth=_price_cuts(weeks, products, rng),
    )


def taste_truth() -> pd.DataFrame:
    """Affinity of each taste for each category: 1 for the average category."""
    return pd.DataFrame(_affinity(), columns=list(CATEGORIES)).rename_axis("taste").reset_index()


def pair_truth(catalogue: Catalogue) -> pd.DataFrame:
    """The planted pairs and substitutes: kind, product_id, other_id, strength (ATTACH or BLOCK)."""
    first = np.flatnonzero(catalogue.partner >= 0)
    one = np.flatnonzero(catalogue.rival > np.arange(len(catalogue.rival)))
    frame = pd.DataFrame(
        {
            "kind": ["pair"] * len(first) + ["substitute"] * len(one),
            "product_id": np.concatenate([first, one]) + FIRST_PRODUCT,
            "other_id": np.concatenate([catalogue.partner[first], catalogue.rival[one]])
            + FIRST_PRODUCT,
        }
    )
    return frame.assign(strength=np.where(frame.kind == "pair", ATTACH, BLOCK))


def promotions(catalogue: Catalogue) -> pd.DataFrame:
    """The price cuts: product_id, week (0 = first), discount (share of the list price)."""
    week, product = np.nonzero(catalogue.depth)
    return pd.DataFrame(
        {
            "product_id": product + FIRST_PRODUCT,
            "week": week,
            "discount": catalogue.depth[week, product],
        }
    )


def _affinity() -> np.ndarray:
    """Weight of each category for each taste: one loved, one liked, the rest sometimes."""
    width = len(CATEGORIES)
    affinity = np.full((TASTES, width), 0.04)
    taste = np.arange(TASTES)
    affinity[taste, taste] = 0.55
    affinity[taste, (taste + 2) % width] = 0.21
    return affinity * width


def _liking(popularity: np.ndarray, category: np.ndarray, tier: np.ndarray) -> np.ndarray:
    fits = np.array(FITS)[:, tier]
    return (_affinity()[:, None, category] * fits[None] * popularity).reshape(3 * TASTES, -1)


def _first_of_each(kind: np.ndarray) -> np.ndarray:
    return np.unique(kind, return_index=True)[1]


def _predecessors(kind: np.ndarray, launch: np.ndarray) -> np.ndarray:
    """The product of the same subcategory that is sold before a late launch."""
    old = _first_of_each(kind)
    return np.where(launch > 0, old[np.searchsorted(kind[old], kind)], np.arange(len(kind)))


def _pairs(
    popularity: np.ndarray, kind: np.ndarray, launch: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Second products of planted pairs (different categories, middling popularity) and substitutes
    (best sellers).
    """
    partner, rival = np.full((2, len(kind)), -1)
    ranked = np.argsort(-popularity)
    best = ranked[launch[ranked] == 0]
    for subcategory in kind[best[: len(best) // 8]]:
        same = best[kind[best] == subcategory][:2]
        if len(same) == 2 and (rival >= 0).sum() < max(2, len(kind) // 20):
            rival[same] = same[::-1]
    middle = [code for code in best[len(best) // 5 : len(best) // 2] if rival[code] < 0]
    for first, second in zip(middle[::2], middle[1::2], strict=False):
        if kind[first] // 4 != kind[second] // 4 and (partner >= 0).sum() < max(2, len(kind) // 20):
            partner[first] = second
    return partner, rival


def _price_cuts(weeks: int, products: int, rng: np.random.Generator) -> np.ndarray:
    cut = rng.random((weeks, products)) < PROMOTED
    return np.where(cut, rng.choice(DEPTHS, (weeks, products)), 0.0)


def _table(kind: np.ndarray, tier: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """The products table, with a name and a text in one of the two languages."""
    n = len(kind)
    category, subcategory, chinese, price, about = (
        np.array(column, dtype=object)[kind] for column in zip(*SUBCATEGORIES, strict=True)
    )
    code = rng.permutation(n) % 75
    brand = np.array(BRANDS, dtype=object)[tier, code % 3]
    variant, size = code // 3 % 5, code // 15 % 5
    english = rng.random(n) >= CHINESE_NAMES
    one, two = (np.array(VARIANTS, dtype=object)[variant, side] for side in (0, 1))
    big, other_big = (np.array(SIZES, dtype=object)[size, side] for side in (0, 1))
    written = brand + " " + one + " " + subcategory + ", " + big
    name = np.where(english, written, brand + two + chinese + " " + other_big)
    text = np.where(
        english,
        one + " " + subcategory + " by " + brand + ": " + about + ".",
        brand + two + chinese + "，" + other_big + "。" + subcategory + ": " + about + ".",
    )
    factor = np.array([factor for _, factor, _ in TIERS])[tier] * rng.lognormal(0, 0.2, n)
    listed = {
        "name": name,
        "text": text,
        "category": category,
        "subcategory": subcategory,
        "brand": brand,
    }
    frame = pd.DataFrame({"product_id": np.arange(n) + FIRST_PRODUCT, **listed}).astype(
        dict.fromkeys(listed, "str")
    )
    return frame.assign(price=np.maximum(np.round(price.astype(float) * factor, 1) - 0.01, 0.49))
