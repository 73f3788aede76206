"""What goes into an order: products by taste and habit, planted pairs, price cuts, quantities and
money.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from personalize.simulate.catalogue import ATTACH, BLOCK, FIRST_PRODUCT, Catalogue
from personalize.simulate.customers import FIRST_CUSTOMER, SEGMENTS, TASTES, per_segment
from personalize.simulate.distributions import Calendar, ids, order_values, pick, words

FIRST_ORDER = 30_000_001
FAVOURITES = 8  # products in a customer's own repertoire, the first the most bought
LOYALTY = 0.60  # probability that a line comes from the repertoire
SHARED = 0.80  # probability that a favourite is one of the circle's
ANONYMOUS = 0.03  # anonymous orders, as a share of identified ones
WALK_IN_SPEND = 18.0  # mean value of an anonymous order (money)
RETURNED = 0.02  # probability that an order is followed by a return
ONLINE = 0.55  # probability that an order is placed online
STORES = 4


class Lines(NamedTuple):
    """Order lines as codes: position of the order, product, pieces, money paid, reductions by shop
    and coupon.
    """

    order: np.ndarray
    product: np.ndarray
    quantity: np.ndarray
    amount: np.ndarray
    discount: np.ndarray
    coupon: np.ndarray


def repertoires(people: pd.DataFrame, catalogue: Catalogue, rng: np.random.Generator) -> np.ndarray:
    """Favourite products (codes), a row a customer: part of the customer's own choice, part the
    circle's.

    A circle has favourites for each price tier, so that friends of one tier share them.
    """
    n, circles = len(people), people.circle.max() + 1
    own = pick(catalogue.liking, np.repeat(_row(people), FAVOURITES), rng).reshape(n, FAVOURITES)
    leader = people.circle_taste.groupby(people.circle).first().to_numpy()
    rows = np.repeat(leader[:, None] * 3 + np.arange(3), FAVOURITES)
    common = pick(catalogue.liking, rows, rng).reshape(circles * 3, FAVOURITES)
    place = people.circle.to_numpy() * 3 + _row(people) % 3
    shared = common[place[:, None], rng.integers(FAVOURITES, size=(n, FAVOURITES))]
    return np.where(rng.random((n, FAVOURITES)) < SHARED, shared, own)


def _row(people: pd.DataFrame) -> np.ndarray:
    """Row of `Catalogue.liking` for each customer."""
    return (people.taste * 3 + per_segment("tier", people.segment.to_numpy())).to_numpy()


def identified(
    orders: pd.DataFrame, people: pd.DataFrame, *, calendar: Calendar, rng: np.random.Generator
) -> pd.DataFrame:
    """Orders (who, when) with what a basket needs: tastes (row), value, wished lines, store (0 =
    online), week.
    """
    buyer = people.iloc[orders.who.to_numpy()]
    segment = buyer.segment.to_numpy()
    p = per_segment("spend_shape", segment)
    return orders.assign(
        row=_row(buyer),
        value=order_values(buyer.mean_spend.to_numpy(), p=p, rng=rng),
        lines=1 + rng.poisson(per_segment("lines", segment)),
        store=np.where(
            rng.random(len(orders)) < ONLINE, 0, 1 + rng.integers(STORES, size=len(orders))
        ),
        week=calendar.day_of(orders.when.to_numpy()) // 7,
    )


def walk_ins(number: int, calendar: Calendar, rng: np.random.Generator) -> pd.DataFrame:
    """Orders in a store by people unknown to the shop."""
    when = calendar.moments(np.sort(rng.random(number)) * calendar.weeks)
    return pd.DataFrame(
        {
            "who": np.full(number, -1),
            "when": when,
            "row": rng.integers(3 * TASTES, size=number),
            "value": order_values(
                np.full(number, WALK_IN_SPEND), p=SEGMENTS[0].spend_shape, rng=rng
            ),
            "lines": 1 + rng.poisson(1.2, number),
            "store": 1 + rng.integers(STORES, size=number),
            "week": calendar.day_of(when) // 7,
        }
    )


def fill(
    orders: pd.DataFrame, catalogue: Catalogue, *, favourites: np.ndarray, rng: np.random.Generator
) -> Lines:
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
    week = orders.week.to_numpy()
    early = week[order] < catalogue.truth.launch_week.to_numpy()[product]
    product = np.where(early, catalogue.predecessor[product], product)
    order, product = _respond(order, product, catalogue, week=week, rng=rng)
    order, product = _attach(order, product, catalogue, rng)
    order, product = _block(order, product, catalogue, rng)
    return _price(order, product, catalogue, orders=orders, rng=rng)


def _choose(
    orders: pd.DataFrame,
    catalogue: Catalogue,
    order: np.ndarray,
    *,
    favourites: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """A product for each line: from the repertoire, else by taste; the first of an offer's order by
    category.
    """
    product = pick(catalogue.liking, orders.row.to_numpy()[order], rng)
    who = orders.who.to_numpy()[order]
    rank = 1 / np.arange(1, FAVOURITES + 1)
    slot = rng.choice(FAVOURITES, len(order), p=rank / rank.sum())
    loyal = (rng.random(len(order)) < LOYALTY) & (who >= 0)
    product = np.where(loyal, favourites[who, slot], product)
    if "category" in orders:
        first = np.flatnonzero(np.diff(order, prepend=-1))
        product[first] = pick(catalogue.by_category, orders.category.to_numpy(), rng)
    return product


def _respond(
    order: np.ndarray,
    product: np.ndarray,
    catalogue: Catalogue,
    *,
    week: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Further lines for products with a price cut, each in another order of the same week."""
    depth = catalogue.depth[week[order], product]
    growth = (1 - depth) ** -catalogue.truth.elasticity.to_numpy()[product] - 1
    extra = np.repeat(np.arange(len(order)), rng.poisson(growth))
    by_week = np.argsort(week, kind="stable")
    first = np.searchsorted(week[by_week], np.arange(len(catalogue.depth) + 1))
    at = week[order[extra]]
    place = first[at] + (rng.random(len(extra)) * (first[at + 1] - first[at])).astype(int)
    return np.concatenate([order, by_week[place]]), np.concatenate([product, product[extra]])


def _attach(
    order: np.ndarray, product: np.ndarray, catalogue: Catalogue, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The second product of each planted pair, in ATTACH of the orders that hold the first; then no
    repeats.
    """
    order, product = _distinct(order, product, catalogue)
    joins = (catalogue.partner[product] >= 0) & (rng.random(len(order)) < ATTACH)
    return _distinct(
        np.concatenate([order, order[joins]]),
        np.concatenate([product, catalogue.partner[product[joins]]]),
        catalogue,
    )


def _block(
    order: np.ndarray, product: np.ndarray, catalogue: Catalogue, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """One of two substitutes goes, in BLOCK of the orders that hold both."""
    width = len(catalogue.rival)
    rival = catalogue.rival[product]
    both = (rival >= 0) & np.isin(order * width + rival, order * width + product)
    pair = np.flatnonzero(both & (product < rival))
    drop, side = rng.random(len(pair)) < BLOCK, rng.random(len(pair)) < 0.5
    other = np.searchsorted(order * width + product, order[pair] * width + rival[pair])
    kept = np.ones(len(order), dtype=bool)
    kept[np.where(side, pair, other)[drop]] = False
    return order[kept], product[kept]


def _distinct(
    order: np.ndarray, product: np.ndarray, catalogue: Catalogue
) -> tuple[np.ndarray, np.ndarray]:
    key = np.unique(order * len(catalogue.rival) + product)
    return key // len(catalogue.rival), key % len(catalogue.rival)


def _price(
    order: np.ndarray,
    product: np.ndarray,
    catalogue: Catalogue,
    *,
    orders: pd.DataFrame,
    rng: np.random.Generator,
) -> Lines:
    """Pieces so that list prices come near the value of the order, then the value shared exactly
    (to the cent).
    """
    price = catalogue.table.price.to_numpy()[product]
    depth = catalogue.depth[orders.week.to_numpy()[order], product]
    value = orders.value.to_numpy()
    wish = rng.exponential(size=len(order)) + 0.3
    money = value[order] * wish / np.bincount(order, wish, len(value))[order]
    quantity = np.clip(np.round(money / price), 1, 24).astype("int64")
    worth = quantity * price * (1 - depth)
    amount = np.maximum(
        np.round(value[order] * worth / np.bincount(order, worth, len(value))[order], 2), 0.01
    )
    discount = np.round(amount * depth / (1 - depth), 2)
    return Lines(order, product, quantity, amount, discount, np.zeros(len(order)))


def returns(
    orders: pd.DataFrame, lines: Lines, *, calendar: Calendar, rng: np.random.Generator
) -> tuple[pd.DataFrame, Lines]:
    """Orders of returned lines (negative pieces and money), 1 to 21 days later, by the same
    customer.
    """
    days = rng.integers(1, 22, len(orders))
    back = (orders.who.to_numpy() >= 0) & (rng.random(len(orders)) < RETURNED)
    when = calendar.at(calendar.day_of(orders.when.to_numpy()) + days, rng.random(len(orders)))
    back &= when < calendar.end
    first = np.diff(lines.order, prepend=-1) > 0
    kept = back[lines.order] & (first | (rng.random(len(first)) < 0.5))
    place = np.cumsum(back) - 1
    returned = Lines(
        place[lines.order[kept]],
        lines.product[kept],
        -lines.quantity[kept],
        -lines.amount[kept],
        *np.zeros((2, kept.sum())),
    )
    return orders.assign(when=when)[back].reset_index(drop=True), returned


def stacked(parts: list[tuple[pd.DataFrame, Lines]]) -> tuple[pd.DataFrame, Lines]:
    """Several sets of orders as one, in order of time."""
    sizes = np.cumsum([0, *(len(orders) for orders, _ in parts)])
    orders = pd.concat([orders for orders, _ in parts], ignore_index=True)
    shifted = [
        lines._replace(order=lines.order + size)
        for (_, lines), size in zip(parts, sizes, strict=False)
    ]
    lines = Lines(*(np.concatenate(column) for column in zip(*shifted, strict=True)))
    by_time = np.argsort(orders.when.to_numpy(), kind="stable")
    place = np.empty(len(by_time), dtype=int)
    place[by_time] = np.arange(len(by_time))
    chosen = np.lexsort((lines.product, place[lines.order]))
    moved = lines._replace(order=place[lines.order])
    return orders.iloc[by_time].reset_index(drop=True), Lines(*(column[chosen] for column in moved))


def order_table(orders: pd.DataFrame, lines: Lines) -> pd.DataFrame:
    """The orders table: one row a line."""
    store = orders.store.to_numpy()[lines.order]
    return pd.DataFrame(
        {
            "customer_id": ids(orders.who.to_numpy()[lines.order], FIRST_CUSTOMER),
            "order_id": lines.order + FIRST_ORDER,
            "product_id": lines.product + FIRST_PRODUCT,
            "time": orders.when.to_numpy()[lines.order],
            "quantity": lines.quantity,
            "amount": lines.amount,
            "discount": lines.discount,
            "coupon_discount": lines.coupon,
            "channel": words(["online", "store"], (store > 0).astype(int)),
            "store_id": words([f"S{number:02}" for number in range(1, STORES + 1)], store - 1),
        }
    )


def order_truth(orders: pd.DataFrame) -> pd.DataFrame:
    """Where each order comes from, and the value that was drawn for it."""
    number = np.arange(len(orders)) + FIRST_ORDER
    return pd.DataFrame({"order_id": number, "origin": orders.origin, "value": orders.value})
