"""What goes into an order: products by taste and habit, planted pairs, price cuts, quantities and
money.

Order lines are frames of codes: position of the order, product, pieces (quantity), money paid
(amount), reductions by shop (discount) and coupon.
"""

import numpy as np
import pandas as pd
from numpy import ndarray
from numpy.random import Generator

from personalize.simulate.catalogue import FIRST_PRODUCT, Catalogue, World
from personalize.simulate.customers import FIRST_CUSTOMER, SEGMENTS, TASTES
from personalize.simulate.distributions import SETTINGS, ids, pick, words

FIRST_ORDER = 30_000_001
FAVOURITES = 8  # products in a customer's own repertoire, the first the most bought
WALK_IN_SPEND = 18.0  # mean value of an anonymous order (money)
STORES = 4


def repertoires(world: World) -> ndarray:
    """Favourite products (codes), a row a customer: part of the customer's own choice, part the
    circle's.

    A circle has favourites for each price tier, so that friends of one tier share them.
    """
    people, catalogue, rng = world.people, world.goods, world.rng["favourites"]
    shape = len(people), FAVOURITES
    own = pick(catalogue.liking, np.repeat(_row(people), FAVOURITES), rng).reshape(shape)
    leader = people.groupby("circle").circle_taste.first().to_numpy()
    rows = np.repeat(leader[:, None] * 3 + np.arange(3), FAVOURITES)
    common = pick(catalogue.liking, rows, rng).reshape(-1, FAVOURITES)
    place = (people.circle * 3 + people.tier).to_numpy()
    shared = common[place[:, None], rng.integers(FAVOURITES, size=shape)]
    return np.where(rng.random(shape) < SETTINGS.shared_favourites, shared, own)


def _row(people: pd.DataFrame) -> ndarray:
    """Row of `Catalogue.liking` for each customer."""
    return (people.taste * 3 + people.tier).to_numpy()


def identified(orders: pd.DataFrame, world: World, *, rng: Generator) -> pd.DataFrame:
    """Orders (who, when) with what a basket needs: tastes (row), value, wished lines, store (0 =
    online), week.

    The value of an order is gamma with shape p around the customer's mean.
    """
    buyer, n = world.people.iloc[orders.who], len(orders)
    return orders.assign(
        row=_row(buyer),
        value=rng.gamma(buyer.p, buyer.mean_spend / buyer.p),
        lines=1 + rng.poisson(buyer.lines),
        store=np.where(rng.random(n) < SETTINGS.online, 0, 1 + rng.integers(STORES, size=n)),
        week=world.calendar.day_of(orders.when.to_numpy()) // 7,
    )


def walk_ins(number: int, world: World) -> pd.DataFrame:
    """Orders in a store by people unknown to the shop."""
    calendar, rng = world.calendar, world.rng["walk_ins"]
    when = calendar.moments(np.sort(rng.random(number)) * calendar.weeks)
    return pd.DataFrame(
        {
            "who": -1,
            "when": when,
            "row": rng.integers(3 * TASTES, size=number),
            "value": rng.gamma(SEGMENTS.p[0], WALK_IN_SPEND / SEGMENTS.p[0], number),
            "lines": 1 + rng.poisson(1.2, number),
            "store": 1 + rng.integers(STORES, size=number),
            "week": calendar.day_of(when) // 7,
        }
    )


def fill(
    orders: pd.DataFrame, catalogue: Catalogue, *, favourites: ndarray, rng: Generator
) -> pd.DataFrame:
    """Lines for the orders (columns as `identified` gives them, and category where an offer names
    one).

    Notes
    -----
    The lines of an order share its value in proportion to pieces x list price x (1 - price cut):
    the list price is that of a product's standard size, an order buys the sizes that make up its
    value. A price cut of depth d multiplies the expected lines of a product in its week by (1 - d)
    ** -elasticity.
    """
    order = np.repeat(np.arange(len(orders)), orders.lines)
    product = _choose(orders, catalogue, order, favourites=favourites, rng=rng)
    early = orders.week.to_numpy()[order] < catalogue.truth.launch_week.to_numpy()[product]
    product = np.where(early, catalogue.predecessor[product], product)
    key = _respond(order, product, catalogue, week=orders.week.to_numpy(), rng=rng)
    key = _block(_attach(key, catalogue, rng), catalogue, rng)
    return _price(key, catalogue, orders=orders, rng=rng)


def _choose(
    orders: pd.DataFrame,
    catalogue: Catalogue,
    order: ndarray,
    *,
    favourites: ndarray,
    rng: Generator,
) -> ndarray:
    """A product for each line: from the repertoire, else by taste; the first of an offer's order by
    category.
    """
    product = pick(catalogue.liking, orders.row.to_numpy()[order], rng)
    who = orders.who.to_numpy()[order]
    rank = 1 / np.arange(1, FAVOURITES + 1)
    slot = rng.choice(FAVOURITES, len(order), p=rank / rank.sum())
    loyal = (rng.random(len(order)) < SETTINGS.loyalty) & (who >= 0)
    product = np.where(loyal, favourites[who, slot], product)
    if "category" in orders:
        first = np.flatnonzero(np.diff(order, prepend=-1))
        product[first] = pick(catalogue.by_category, orders.category.to_numpy(), rng)
    return product


def _respond(
    order: ndarray, product: ndarray, catalogue: Catalogue, *, week: ndarray, rng: Generator
) -> ndarray:
    """The lines as keys (order * products + product, sorted, each once), with further lines for
    products with a price cut, each in another order of the same week.
    """
    depth = catalogue.depth[week[order], product]
    growth = (1 - depth) ** -catalogue.truth.elasticity.to_numpy()[product] - 1
    extra = np.repeat(np.arange(len(order)), rng.poisson(growth))
    by_week = np.argsort(week, kind="stable")
    first = np.searchsorted(week[by_week], np.arange(len(catalogue.depth) + 1))
    at = week[order[extra]]
    place = first[at] + (rng.random(len(extra)) * (first[at + 1] - first[at])).astype(int)
    everywhere = np.concatenate([order, by_week[place]])
    return np.unique(everywhere * len(catalogue.rival) + np.concatenate([product, product[extra]]))


def _attach(key: ndarray, catalogue: Catalogue, rng: Generator) -> ndarray:
    """The second product of each planted pair, in `attach` of the orders that hold the first."""
    product = key % len(catalogue.partner)
    partner = catalogue.partner[product]
    joins = (partner >= 0) & (rng.random(len(key)) < SETTINGS.attach)
    return np.union1d(key, (key - product + partner)[joins])


def _block(key: ndarray, catalogue: Catalogue, rng: Generator) -> ndarray:
    """One of two substitutes goes, in `block` of the orders that hold both."""
    product = key % len(catalogue.rival)
    rival = catalogue.rival[product]
    other = key - product + rival
    pair = (rival > product) & np.isin(other, key)
    drop, side = rng.random((2, pair.sum())) < [[SETTINGS.block], [0.5]]
    return np.setdiff1d(key, np.where(side, key[pair], other[pair])[drop])


def _price(
    key: ndarray, catalogue: Catalogue, *, orders: pd.DataFrame, rng: Generator
) -> pd.DataFrame:
    """Pieces so that list prices come near the value of the order, then the value shared exactly
    (to the cent).
    """
    order, product = np.divmod(key, len(catalogue.rival))
    price = catalogue.table.price.to_numpy()[product]
    depth = catalogue.depth[orders.week.to_numpy()[order], product]
    money = _shared(orders.value.to_numpy(), order, rng.exponential(size=len(order)) + 0.3)
    quantity = np.clip(np.round(money / price), 1, 24).astype("int64")
    worth = quantity * price * (1 - depth)
    paid = np.round(_shared(orders.value.to_numpy(), order, worth), 2)
    lines = pd.DataFrame({"order": order, "product": product, "quantity": quantity})
    lines["amount"] = np.maximum(paid, 0.01)
    lines["discount"] = np.round(lines.amount * depth / (1 - depth), 2)
    return lines.assign(coupon=0.0)


def _shared(value: ndarray, order: ndarray, weight: ndarray) -> ndarray:
    """The value of each order, shared among its lines by weight."""
    return value[order] * weight / np.bincount(order, weight, len(value))[order]


def returns(
    orders: pd.DataFrame, lines: pd.DataFrame, *, world: World
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Orders of returned lines (negative pieces and money), 1 to 21 days later, by the same
    customer.
    """
    calendar, rng = world.calendar, world.rng["returns"]
    days = rng.integers(1, 22, len(orders))
    back = (orders.who >= 0).to_numpy() & (rng.random(len(orders)) < SETTINGS.returned)
    when = calendar.at(calendar.day_of(orders.when.to_numpy()) + days, rng.random(len(orders)))
    back &= when < calendar.end
    first = ~lines.order.duplicated()
    kept = back[lines.order] & (first | (rng.random(len(first)) < 0.5))
    sent = lines[kept]
    place = np.cumsum(back) - 1
    sent = sent.assign(order=place[sent.order], quantity=-sent.quantity, amount=-sent.amount)
    later = orders.assign(when=when)[back].reset_index(drop=True)
    return later, sent.assign(discount=0.0, coupon=0.0)


def stacked(parts: list[tuple[pd.DataFrame, pd.DataFrame]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Several sets of orders, and their lines, as one, in order of time."""
    moved, before = [], 0
    for orders, lines in parts:
        moved.append(lines.assign(order=lines.order + before))
        before += len(orders)
    stack = pd.concat([orders for orders, _ in parts], ignore_index=True)
    stack = stack.sort_values("when", kind="stable")
    lines = pd.concat(moved)
    lines["order"] = np.argsort(stack.index)[lines.order]
    lines = lines.sort_values(["order", "product"], ignore_index=True)
    return stack.reset_index(drop=True), lines


def order_table(orders: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """The orders table: one row a line."""
    of = orders.iloc[lines.order]
    stores = [f"S{number:02}" for number in range(1, STORES + 1)]
    return pd.DataFrame(
        {
            "customer_id": ids(of.who.to_numpy(), FIRST_CUSTOMER),
            "order_id": lines.order + FIRST_ORDER,
            "product_id": lines["product"] + FIRST_PRODUCT,
            "time": of.when.to_numpy(),
            "quantity": lines.quantity,
            "amount": lines.amount,
            "discount": lines.discount,
            "coupon_discount": lines.coupon,
            "channel": words(["online", "store"], (of.store > 0).to_numpy().astype(int)),
            "store_id": words(stores, of.store.to_numpy() - 1),
        }
    )


def order_truth(orders: pd.DataFrame) -> pd.DataFrame:
    """Where each order comes from, and the value that was drawn for it."""
    truth = orders[["origin", "value"]].copy()
    truth.insert(0, "order_id", np.arange(len(orders)) + FIRST_ORDER)
    return truth
