"""One simulated shop: who lives there, what they buy, and the truth that made it."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from personalize.simulate import activity, baskets, catalogue, contacts, customers
from personalize.simulate.distributions import (
    SETTINGS,
    Calendar,
    out_of_range,
    stated,
    streams,
)
from personalize.tables import TableError

# One random stream a part: append, never insert, and the other parts stay as they are.
PARTS = (
    "catalogue",
    "traits",
    "buying",
    "customers",
    "links",
    "favourites",
    "baskets",
    "walk_ins",
    "campaigns",
    "answers",
    "returns",
    "coupons",
    "offers",
    "responses",
    "reviews",
    "surveys",
    "events",
)
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
        customers : customer_id, segment, taste, circle, language, rate (orders a week), leave
            (probability after each repeat order), mean_spend (money an order), entry,
            exposure_weeks, dropout (NaT: still there), alive
        products : product_id, tier, popularity, quality (stars), elasticity, launch_week
        tastes : taste and its affinity for each category (1: the average category)
        pairs : kind (pair, substitute), product_id, other_id, strength (probability of joining, of
            being put back)
        promotions : product_id, week (0: the first), discount (share)
        orders : order_id, origin (habit, anonymous, campaign, return), value drawn (money)
        campaigns : campaign_id, segment, arm, probability, effect (further orders a contact within
            14 days)
        contacts : customer_id, campaign_id, arm, probability, natural_orders, further_orders (both
            outcomes)
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
    ['contacts', 'customers', 'events', 'links', 'offers', 'orders', 'products', 'responses',
    'reviews', 'surveys']
    >>> small.truth["segments"].segment.tolist()
    ['champions', 'everyday', 'big ticket', 'lapsed', 'newcomers']
    """
    sizes = {"customers": customers, "products": products, "weeks": weeks, "seed": seed}
    return _simulated(sizes, _checked(sizes, start))


def _checked(sizes: Mapping[str, int], start: str) -> pd.Timestamp:
    """The first day, once every argument is in its range."""
    wrong = out_of_range(sizes, LIMITS)
    try:
        first = pd.Timestamp(start).normalize()
    except (ValueError, TypeError):
        first = pd.NaT
    if pd.isna(first) or first.tz is not None:
        wrong.append(f"start = {start!r}: a day written as YYYY-MM-DD is needed")
    if wrong:
        raise TableError.of("the shop cannot be simulated:", wrong)
    return first


def _simulated(sizes: Mapping[str, int], first: pd.Timestamp) -> Simulation:
    """The shop, part by part, each from its own stream."""
    rng = streams(sizes["seed"], PARTS)
    calendar = Calendar(first, sizes["weeks"])
    goods = catalogue.build(sizes["products"], sizes["weeks"], rng["catalogue"])
    folk = customers.traits(sizes["customers"], rng["traits"])
    world = catalogue.World(folk, goods, calendar, rng)

    habit, life = customers.habits(folk, calendar, rng["buying"])
    known = customers.customer_table(folk, rng["customers"])
    entry = life.entry.to_numpy()
    sent = contacts.send(world, known, entry=entry)
    orders, lines = _sell(habit, contacts.answers(sent), world)
    lines, uses = contacts.redeem(orders, lines, contacts=sent, world=world)
    last = habit[habit.when < calendar.end - activity.PATIENCE].groupby("who").when.max().to_numpy()
    tables = {
        "orders": baskets.order_table(orders, lines),
        "products": goods.table,
        "customers": known,
        "events": activity.event_table(orders, lines, world=world),
        "reviews": activity.review_table(orders, lines, world=world),
        "links": customers.link_table(folk, rng["links"]),
        "offers": contacts.offer_table(goods, calendar, rng["offers"]),
        "contacts": contacts.contact_table(sent),
        "responses": contacts.response_table(sent, uses, orders=orders, rng=rng["responses"]),
        "surveys": activity.survey_table(last, world),
    }
    truth = {
        "segments": customers.segment_truth(),
        "customers": pd.concat([folk[customers.TRUE], life], axis=1),
        "products": goods.truth,
        "tastes": catalogue.taste_truth(),
        "pairs": catalogue.pair_truth(goods),
        "promotions": catalogue.promotions(goods),
        "orders": baskets.order_truth(orders),
        "campaigns": contacts.campaign_truth(),
        "contacts": contacts.contact_truth(sent, orders, calendar),
        "opinions": activity.opinion_truth(),
        "settings": stated("settings"),
    }
    return Simulation(tables, truth)


def _sell(
    habit: pd.DataFrame, brought: pd.DataFrame, world: catalogue.World
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All orders and their lines in order of time.

    They come by habit, from nobody known, from campaigns, and as returns.
    """
    goods, rng = world.goods, world.rng
    favourites = baskets.repertoires(world)
    number = int(round(SETTINGS.anonymous * len(habit)))
    walk_ins = baskets.walk_ins(number, world).assign(origin="anonymous")
    own = baskets.identified(habit, world, rng=rng["baskets"])
    usual = pd.concat([own.assign(origin="habit"), walk_ins], ignore_index=True)
    further = baskets.identified(brought, world, rng=rng["answers"])
    further = further.assign(origin="campaign")
    usual_lines = baskets.fill(usual, goods, favourites=favourites, rng=rng["baskets"])
    further_lines = baskets.fill(further, goods, favourites=favourites, rng=rng["answers"])
    back, back_lines = baskets.returns(usual, usual_lines, world=world)
    parts = [
        (usual, usual_lines),
        (further, further_lines),
        (back.assign(origin="return"), back_lines),
    ]
    return baskets.stacked(parts)
