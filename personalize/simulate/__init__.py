"""A simulated shop whose truth is known: every table of the kit, and the parameters that made it.

    shop = simulate.shop()                    # 1,000 customers, 200 products, 78 weeks
    shop.tables["orders"]                     # canonical columns, as `personalize.tables` defines them
    shop.truth["customers"]                   # segment, taste, purchase rate, time of leaving, ...

People are planted in five segments (`people`), buy by BG/NBD and spend by gamma-gamma (`process`), choose by taste,
habit, friends, price cuts and planted pairs (`baskets`, `catalogue`), are contacted in randomised campaigns with
known effects (`campaigns`), write reviews in English and Chinese (`voice`) and visit the web shop (`web`).
For sheer size, three tables and no effects, there is `large`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from personalize.simulate import baskets, campaigns, catalogue, people, voice, web
from personalize.simulate.large import large
from personalize.simulate.people import SEGMENTS, Segment
from personalize.simulate.process import Calendar, mean_spend, order_values, purchases, streams
from personalize.tables import TableError

__all__ = [
    "SEGMENTS",
    "Segment",
    "Simulation",
    "large",
    "mean_spend",
    "order_values",
    "purchases",
    "shop",
]

# One random stream a part: append, never insert, and the other parts stay as they are.
PARTS = (
    "catalogue", "traits", "buying", "customers", "links", "favourites", "baskets", "walk_ins", "campaigns",
    "answers", "returns", "coupons", "offers", "responses", "reviews", "surveys", "events",
)  # fmt: skip
LIMITS = {
    "customers": (10, 1_000_000),
    "products": (40, 20_000),
    "weeks": (26, 520),
    "seed": (0, 2**63 - 1),
}


@dataclass(frozen=True)
class Simulation:
    """A simulated shop.

    Attributes
    ----------
    tables : table name -> rows, with the columns of `personalize.tables.CONTRACTS`, all ten tables
    truth : name -> DataFrame, what made the rows:

        segments : a row a segment: share, r, alpha (weeks), a, b, p, q, gamma, ...
        customers : customer_id, segment, taste, circle, language, rate (orders a week), leave (probability after each
            repeat order), mean_spend (money an order), entry, exposure_weeks, dropout (NaT: still there), alive
        products : product_id, tier, popularity, quality (stars), elasticity, launch_week
        tastes : taste and its affinity for each category (1: the average category)
        pairs : kind (pair, substitute), product_id, other_id, strength (probability of joining, of being put back)
        promotions : product_id, week (0: the first), discount (share)
        orders : order_id, origin (habit, anonymous, campaign, return), value drawn (money)
        campaigns : campaign_id, segment, arm, probability, effect (further orders a contact within 14 days)
        contacts : customer_id, campaign_id, arm, probability, natural_orders, further_orders (both outcomes)
        opinions : word, language, polarity (-1, 0, 1)
        settings : name, value, unit of every other parameter
    """

    tables: Mapping[str, pd.DataFrame]
    truth: Mapping[str, pd.DataFrame]


def shop(
    *,
    customers: int = 1_000,
    products: int = 200,
    weeks: int = 78,
    start: str = "2023-01-02",
    seed: int = 1,
) -> Simulation:
    """A shop of the given size, the same for the same arguments.

    Parameters
    ----------
    customers : identified customers, 10 to 1,000,000
    products : products in the range, 40 to 20,000
    weeks : length of the period, 26 to 520; segments are told apart best over 52 to 104
    start : first day, YYYY-MM-DD
    seed : 0 or more; every part of the shop draws from its own stream

    Returns
    -------
    Simulation : about 60 order lines a customer at the default length

    Raises
    ------
    TableError : for arguments outside their range, all named at once.

    Notes
    -----
    Simulated, and simple where real shops are not: no trend, no stock, no competitor, one currency.

    Examples
    --------
    >>> small = shop(customers=40, seed=3)
    >>> sorted(small.tables)
    ['contacts', 'customers', 'events', 'links', 'offers', 'orders', 'products', 'responses', 'reviews', 'surveys']
    >>> small.truth["segments"].segment.tolist()
    ['champions', 'everyday', 'big ticket', 'lapsed', 'newcomers']
    """
    first = _checked(
        {"customers": customers, "products": products, "weeks": weeks, "seed": seed}, start
    )
    calendar, rng = Calendar(first, weeks), streams(seed, PARTS)
    goods = catalogue.build(products, weeks, rng["catalogue"])
    folk = people.traits(customers, rng["traits"])
    habit, life = people.buy(folk, calendar, rng["buying"])
    known = people.customers(folk, rng["customers"])
    contacts = campaigns.send(
        folk, known, entry=life.entry.to_numpy(), calendar=calendar, rng=rng["campaigns"]
    )
    orders, lines = _sell(
        habit, campaigns.answers(contacts), folk=folk, goods=goods, world=(calendar, rng)
    )
    lines, uses = campaigns.redeem(
        orders, lines, contacts=contacts, catalogue=goods, rng=rng["coupons"]
    )
    last = habit[habit.when < calendar.end - voice.PATIENCE].groupby("who").when.max().to_numpy()
    tables = {
        "orders": baskets.table(orders, lines),
        "products": goods.table,
        "customers": known,
        "events": web.events(orders, lines, catalogue=goods, calendar=calendar, rng=rng["events"]),
        "reviews": voice.reviews(
            orders, lines, people=folk, catalogue=goods, world=(calendar, rng["reviews"])
        ),
        "links": people.links(folk, rng["links"]),
        "offers": campaigns.offers(goods, calendar, rng["offers"]),
        "contacts": campaigns.contact_table(contacts),
        "responses": campaigns.response_table(contacts, uses, orders=orders, rng=rng["responses"]),
        "surveys": voice.surveys(folk, last, calendar=calendar, rng=rng["surveys"]),
    }
    return Simulation(tables, _truth(folk, life, goods=goods, orders=orders, contacts=contacts))


def _checked(sizes: Mapping[str, int], start: str) -> pd.Timestamp:
    """The first day, once every argument is in its range."""
    wrong = [
        f"{name} = {value!r}: a whole number from {LIMITS[name][0]:,} to {LIMITS[name][1]:,} is needed"
        for name, value in sizes.items()
        if isinstance(value, bool)
        or not isinstance(value, (int, np.integer))
        or not _within(value, LIMITS[name])
    ]
    try:
        first = pd.Timestamp(start).normalize()
    except (ValueError, TypeError):
        first = pd.NaT
    if pd.isna(first) or first.tz is not None:
        wrong.append(f"start = {start!r}: a day written as YYYY-MM-DD is needed")
    if wrong:
        raise TableError.of("the shop cannot be simulated:", wrong)
    return first


def _within(value: int, limits: tuple[int, int]) -> bool:
    return limits[0] <= value <= limits[1]


def _sell(
    habit: pd.DataFrame, brought: pd.DataFrame, *, folk: pd.DataFrame, goods: catalogue.Catalogue,
    world: tuple[Calendar, dict[str, np.random.Generator]],
) -> tuple[pd.DataFrame, baskets.Lines]:  # fmt: skip
    """All orders and their lines in order of time: by habit, anonymous, brought by campaigns, and returns."""
    calendar, rng = world
    favourites = baskets.repertoires(folk, goods, rng["favourites"])
    walk_ins = baskets.walk_ins(
        int(round(baskets.ANONYMOUS * len(habit))), calendar, rng["walk_ins"]
    )
    usual = pd.concat(
        [
            baskets.identified(habit, folk, calendar=calendar, rng=rng["baskets"]).assign(
                origin="habit"
            ),
            walk_ins.assign(origin="anonymous"),
        ],
        ignore_index=True,
    )
    further = baskets.identified(brought, folk, calendar=calendar, rng=rng["answers"]).assign(
        origin="campaign"
    )
    usual_lines = baskets.fill(usual, goods, favourites=favourites, rng=rng["baskets"])
    further_lines = baskets.fill(further, goods, favourites=favourites, rng=rng["answers"])
    sent_back = baskets.returns(usual, usual_lines, calendar=calendar, rng=rng["returns"])
    returned = (sent_back[0].assign(origin="return"), sent_back[1])
    return baskets.stacked([(usual, usual_lines), (further, further_lines), returned])


def _truth(
    folk: pd.DataFrame,
    life: pd.DataFrame,
    *,
    goods: catalogue.Catalogue,
    orders: pd.DataFrame,
    contacts: pd.DataFrame,
) -> dict[str, pd.DataFrame]:
    numbers = {
        "order_id": np.arange(len(orders)) + baskets.FIRST_ORDER,
        "origin": orders.origin,
        "value": orders.value,
    }
    return {
        "segments": people.segment_truth(),
        "customers": pd.concat([people.named(folk), life], axis=1),
        "products": goods.truth,
        "tastes": catalogue.taste_truth(),
        "pairs": catalogue.pair_truth(goods),
        "promotions": catalogue.promotions(goods),
        "orders": pd.DataFrame(numbers),
        "campaigns": campaigns.truth(),
        "contacts": campaigns.contact_truth(contacts, orders),
        "opinions": voice.opinion_truth(),
        "settings": settings(),
    }


def settings() -> pd.DataFrame:
    """The parameters that are the same for every customer: name, value, unit."""
    rows = [
        ("homophily", people.HOMOPHILY, "probability that a customer has the taste of the circle"),
        ("closure", people.CLOSURE, "probability that a tie stays inside the circle"),
        (
            "loyalty",
            baskets.LOYALTY,
            "probability that a line comes from the customer's favourites",
        ),
        (
            "shared_favourites",
            baskets.SHARED,
            "probability that a favourite is one of the circle's",
        ),
        ("anonymous", baskets.ANONYMOUS, "anonymous orders for each identified one"),
        ("returned", baskets.RETURNED, "probability that an order is followed by a return"),
        ("online", baskets.ONLINE, "probability that an order is placed online"),
        (
            "attach",
            catalogue.ATTACH,
            "probability that the second product of a pair joins the first",
        ),
        ("block", catalogue.BLOCK, "probability that one of two substitutes is put back"),
        ("promoted", catalogue.PROMOTED, "share of product-weeks with a price cut"),
        ("window", campaigns.WINDOW, "days in which a message can bring a further order"),
        ("redeem", campaigns.REDEEM, "probability that a fitting order uses the coupon anyway"),
        ("reviewed", voice.REVIEWED, "probability that a line is reviewed"),
        ("answering", voice.ANSWERING, "probability that a customer answers the survey"),
        ("chinese", people.CHINESE, "share of customers who write Chinese"),
        ("browsing", web.BROWSING, "visits without an order for each online order"),
        ("abandoned", web.ABANDONED, "probability that a visit with further views leaves a cart"),
    ]
    return pd.DataFrame(rows, columns=["name", "value", "unit"])
