"""Page views: the visits that end in an online order, and those that do not."""

import numpy as np
import pandas as pd

from personalize.simulate.baskets import Lines
from personalize.simulate.catalogue import FIRST_PRODUCT, Catalogue
from personalize.simulate.customers import FIRST_CUSTOMER
from personalize.simulate.distributions import Calendar, ids, pick, words

FIRST_SESSION = 50_000_001
BROWSING = 1.0  # visits without an order, for each online order
EXTRA_VIEWS = 2.0  # mean further products seen in a visit
ABANDONED = 0.15  # probability that a visit without an order puts its last product into the cart
SIGNED_IN = 0.80  # probability that a visit without an order is signed in
DEVICES = ("mobile", "desktop", "app")
DEVICE_SHARES = (0.50, 0.35, 0.15)
STEPS = ("view", "cart", "purchase")


def event_table(
    orders: pd.DataFrame,
    lines: Lines,
    *,
    catalogue: Catalogue,
    calendar: Calendar,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """The events table: home page, product pages, cart and checkout of every visit."""
    bought = _buying_visits(orders, lines)
    visits = pd.concat(
        [bought, _browsing_visits(bought, orders, calendar=calendar, rng=rng)], ignore_index=True
    )
    steps = pd.concat(
        [_home(visits), _ordered(visits, lines), _seen(visits, catalogue, rng)], ignore_index=True
    )
    steps = steps.sort_values(["visit", "step", "product"], ignore_index=True, kind="stable")
    frame = _table(visits, steps, device=rng.choice(3, len(visits), p=DEVICE_SHARES))
    return frame.assign(time=frame.time.clip(lower=calendar.start))


def _buying_visits(orders: pd.DataFrame, lines: Lines) -> pd.DataFrame:
    """Visits of online orders: they end at the time of the order."""
    online = np.flatnonzero((orders.store == 0) & (orders.who >= 0) & (orders.origin != "return"))
    return pd.DataFrame(
        {
            "order": online,
            "who": orders.who.to_numpy()[online],
            "when": orders.when.to_numpy()[online],
            "row": orders.row.to_numpy()[online],
        }
    )


def _browsing_visits(
    bought: pd.DataFrame, orders: pd.DataFrame, *, calendar: Calendar, rng: np.random.Generator
) -> pd.DataFrame:
    """Visits without an order, up to a week before one: who looks more buys more."""
    model = bought.iloc[np.repeat(np.arange(len(bought)), rng.poisson(BROWSING, len(bought)))]
    day = np.maximum(calendar.day_of(model.when.to_numpy()) - rng.integers(0, 8, len(model)), 0)
    signed = rng.random(len(model)) < SIGNED_IN
    when = calendar.at(day, rng.random(len(model)))
    return model.assign(order=-1, when=when, who=np.where(signed, model.who, -1))


def _home(visits: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"visit": np.arange(len(visits)), "step": 0, "event": 0, "product": -1})


def _ordered(visits: pd.DataFrame, lines: Lines) -> pd.DataFrame:
    """A view and a place in the cart for each line, and one checkout."""
    visit_of = np.full(lines.order.max() + 1, -1)
    buying = np.flatnonzero(visits.order >= 0)
    visit_of[visits.order.to_numpy()[buying]] = buying
    kept = visit_of[lines.order] >= 0
    visit, product = visit_of[lines.order[kept]], lines.product[kept]
    return pd.DataFrame(
        {
            "visit": np.concatenate([visit, visit, buying]),
            "step": np.repeat([1, 2, 3], [len(visit), len(visit), len(buying)]),
            "event": np.repeat([0, 1, 2], [len(visit), len(visit), len(buying)]),
            "product": np.concatenate([product, product, np.full(len(buying), -1)]),
        }
    )


def _seen(visits: pd.DataFrame, catalogue: Catalogue, rng: np.random.Generator) -> pd.DataFrame:
    """Products looked at and not bought, and carts left behind."""
    visit = np.repeat(np.arange(len(visits)), rng.poisson(EXTRA_VIEWS, len(visits)))
    product = pick(catalogue.liking, visits.row.to_numpy()[visit], rng)
    last = np.diff(visit, append=-1) != 0
    left = last & (visits.order.to_numpy()[visit] < 0) & (rng.random(len(visit)) < ABANDONED)
    return pd.DataFrame(
        {
            "visit": np.concatenate([visit, visit[left]]),
            "step": np.repeat([1, 2], [len(visit), left.sum()]),
            "event": np.repeat([0, 1], [len(visit), left.sum()]),
            "product": np.concatenate([product, product[left]]),
        }
    )


def _table(visits: pd.DataFrame, steps: pd.DataFrame, *, device: np.ndarray) -> pd.DataFrame:
    """Events with times: the last step of a visit at its time, the others half a minute apart
    before it.
    """
    visit, product = steps.visit.to_numpy(), steps["product"].to_numpy()
    count = np.bincount(visit, minlength=len(visits))
    back = np.cumsum(count)[visit] - 1 - np.arange(len(steps))
    page = np.where(
        steps.event == 2, 2, np.where(steps.event == 1, 1, np.where(product < 0, 0, 3 + product))
    )
    products = len(PAGES) + product.max() + 1
    names = [*PAGES, *(f"product/{code + FIRST_PRODUCT}" for code in range(products - len(PAGES)))]
    frame = pd.DataFrame(
        {
            "customer_id": ids(visits.who.to_numpy()[visit], FIRST_CUSTOMER),
            "time": visits.when.to_numpy()[visit] - back * np.timedelta64(30, "s"),
            "event": words(STEPS, steps.event.to_numpy()),
            "page_id": words(names, page),
            "product_id": ids(product, FIRST_PRODUCT),
            "session_id": visit + FIRST_SESSION,
            "channel": words(DEVICES, device[visit]),
        }
    )
    return frame.sort_values(["time", "session_id"], ignore_index=True, kind="stable")


PAGES = ("home", "cart", "checkout")
