"""Campaigns as experiments: offers, who was contacted with what probability, who answered, and the
true effects.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from personalize.simulate.baskets import Lines
from personalize.simulate.catalogue import CATEGORIES, FIRST_PRODUCT, RANGE, Catalogue, promotions
from personalize.simulate.customers import CONSENT, FIRST_CUSTOMER, LOCATIONS, SEGMENTS
from personalize.simulate.distributions import Calendar, ids, pick, running, words
from personalize.tables import CONTRACTS

FIRST_OFFER = 7_001
WINDOW = 14  # days in which a message can bring a further order
REDEEM = (
    0.30  # probability that an order that would come anyway, with a fitting line, uses the coupon
)
OPEN = {
    "email": 0.45,
    "sms": 0.80,
}  # probability that a message is opened (letters are not tracked)
CLICK = {"email": 0.25, "sms": 0.10}  # probability that an opened message is clicked
COST = {"email": 0.02, "sms": 0.08, "post": 0.70}  # money a message
ARMS = ("control", "email", "sms", "post")
CHANNELS = ARMS[1:]
# further orders a contact, by arm and segment (champions, everyday, big ticket, lapsed, newcomers)
EFFECT = {
    "control": (0.0, 0.0, 0.0, 0.0, 0.0),
    "email": (0.05, 0.30, 0.10, 0.04, 0.25),
    "sms": (0.10, 0.15, 0.02, 0.10, 0.30),
    "post": (0.02, 0.10, 0.30, 0.16, 0.10),
}


class Campaign(NamedTuple):
    """A campaign: when (share of the period), arms with their probabilities a segment, promoted
    category, discount.
    """

    campaign_id: str
    at: float
    arms: tuple[str, ...]
    chances: tuple[tuple[float, ...], ...]  # one row for all segments, or a row a segment
    category: int
    discount: float

    def by_segment(self) -> np.ndarray:
        """Probabilities of the arms, a row a segment."""
        return np.broadcast_to(np.array(self.chances), (len(SEGMENTS), len(self.arms)))


CAMPAIGNS = (
    Campaign("C1", 0.28, ("control", "email"), ((0.5, 0.5),), 0, 0.10),
    Campaign("C2", 0.43, ("control", "email", "sms"), ((0.34, 0.33, 0.33),), 2, 0.15),
    Campaign(
        "C3",
        0.59,
        ("control", "email", "post"),
        ((0.2, 0.4, 0.4), (0.3, 0.5, 0.2), (0.3, 0.2, 0.5), (0.6, 0.2, 0.2), (0.3, 0.4, 0.3)),
        4,
        0.20,
    ),
    Campaign("C4", 0.77, ARMS, ((0.25, 0.25, 0.25, 0.25),), 3, 0.20),
)


def campaign_truth() -> pd.DataFrame:
    """The truth of every campaign: campaign_id, segment, arm, probability (of the arm), effect
    (further orders).
    """
    rows = [
        (campaign.campaign_id, segment.name, arm, chances[side], EFFECT[arm][place])
        for campaign in CAMPAIGNS
        for place, (segment, chances) in enumerate(
            zip(SEGMENTS, campaign.by_segment(), strict=True)
        )
        for side, arm in enumerate(campaign.arms)
    ]
    return pd.DataFrame(rows, columns=["campaign_id", "segment", "arm", "probability", "effect"])


def send(
    people: pd.DataFrame,
    consent: pd.DataFrame,
    *,
    entry: np.ndarray,
    calendar: Calendar,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """One row a contact (codes): who, campaign, arm, day, probability, answers (brings a further
    order), answer_when.

    Contacted are the customers of that day who allow every channel of the campaign; the arm is then
    drawn.
    """
    parts = [
        _send(number, people, consent, entry=entry, calendar=calendar)
        for number in range(len(CAMPAIGNS))
    ]
    contacts = pd.concat(parts, ignore_index=True)
    chances, arms = _chances()
    row = contacts.campaign.to_numpy() * len(SEGMENTS) + people.segment.to_numpy()[contacts.who]
    side = pick(running(chances), row, rng)
    arm = arms[contacts.campaign, side]
    effect = np.array([EFFECT[each] for each in ARMS])[arm, people.segment.to_numpy()[contacts.who]]
    day = contacts.day.to_numpy() + rng.integers(1, WINDOW, len(contacts))
    return contacts.assign(
        arm=arm,
        probability=chances[row, side],
        answers=rng.random(len(contacts)) < effect,
        answer_when=calendar.at(day, rng.random(len(contacts))),
    )


def _send(
    number: int,
    people: pd.DataFrame,
    consent: pd.DataFrame,
    *,
    entry: np.ndarray,
    calendar: Calendar,
) -> pd.DataFrame:
    campaign = CAMPAIGNS[number]
    day = int(campaign.at * calendar.days)
    when = calendar.at(np.array([day]), np.array([0.2]))[0]
    allowed = (
        consent[[f"consent_{arm}" for arm in campaign.arms if arm in CONSENT]]
        .all(axis=1)
        .to_numpy()
    )
    who = np.flatnonzero(allowed & (entry < when))
    return pd.DataFrame(
        {"who": who, "campaign": number, "day": day, "when": np.full(len(who), when)}
    )


def _chances() -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (a row a campaign and segment) and arm codes (a row a campaign), one column a
    place.
    """
    chances = np.zeros((len(CAMPAIGNS) * len(SEGMENTS), len(ARMS)))
    arms = np.zeros((len(CAMPAIGNS), len(ARMS)), dtype=int)
    for number, campaign in enumerate(CAMPAIGNS):
        rows = slice(number * len(SEGMENTS), (number + 1) * len(SEGMENTS))
        chances[rows, : len(campaign.arms)] = campaign.by_segment()
        arms[number, : len(campaign.arms)] = [ARMS.index(arm) for arm in campaign.arms]
    return chances, arms


def answers(contacts: pd.DataFrame) -> pd.DataFrame:
    """The further orders that the campaigns bring (who, when, category of the offer)."""
    brought = contacts[contacts.answers]
    category = np.array([campaign.category for campaign in CAMPAIGNS])[brought.campaign]
    return pd.DataFrame(
        {
            "who": brought.who.to_numpy(),
            "when": brought.answer_when.to_numpy(),
            "category": category,
        }
    )


def redeem(
    orders: pd.DataFrame,
    lines: Lines,
    *,
    contacts: pd.DataFrame,
    catalogue: Catalogue,
    rng: np.random.Generator,
) -> tuple[Lines, pd.DataFrame]:
    """Coupons used, as lines with their coupon reduction, and one row a use (contact, order,
    product).
    """
    chance = np.where(orders.origin == "campaign", 1.0, REDEEM * (orders.origin == "habit"))
    willing = orders[rng.random(len(orders)) < chance]
    coupon, uses = lines.coupon.copy(), []
    for number, campaign in enumerate(CAMPAIGNS):
        contact = _holders(
            willing, contacts[(contacts.campaign == number) & (contacts.arm > 0)], len(orders)
        )
        held = contact[lines.order]
        fits = np.flatnonzero(
            (held >= 0) & (catalogue.category[lines.product] == campaign.category)
        )
        found = pd.DataFrame(
            {"contact": held[fits], "order": lines.order[fits], "product": lines.product[fits]}
        )
        first = (found.groupby("contact").order.transform("first") == found.order).to_numpy()
        used = fits[first]
        coupon[used] = np.round(lines.amount[used] * campaign.discount / (1 - campaign.discount), 2)
        uses.append(found[first].drop_duplicates("contact"))
    return lines._replace(coupon=coupon), pd.concat(uses, ignore_index=True)


def _holders(orders: pd.DataFrame, sent: pd.DataFrame, total: int) -> np.ndarray:
    """For each of `total` orders, the contact of one campaign whose coupon it can use, or -1."""
    customer_contact = pd.Series(sent.index, index=sent.who)
    begin = sent.when.min()
    timely = orders[(orders.when >= begin) & (orders.when < begin + pd.Timedelta(days=WINDOW))]
    contact = np.full(total, -1)
    contact[timely.index] = customer_contact.reindex(timely.who, fill_value=-1)
    return contact


def offer_table(catalogue: Catalogue, calendar: Calendar, rng: np.random.Generator) -> pd.DataFrame:
    """The offers table: the coupons of the campaigns, ads with keywords, and the price cuts of
    products.

    `discount` is a share of the price (0.1 = ten per cent); `cost` is money a message, or a click
    for an ad.
    """
    start = calendar.start
    coupons = pd.DataFrame(
        [
            (
                each.campaign_id,
                CATEGORIES[each.category],
                each.discount,
                COST[arm],
                arm,
                _day(each, calendar),
            )
            for each in CAMPAIGNS
            for arm in each.arms[1:]
        ],
        columns=["campaign_id", "category", "discount", "cost", "channel", "start"],
    ).assign(kind="coupon")
    coupons["end"] = coupons.start + pd.Timedelta(days=WINDOW)
    cuts = promotions(catalogue)
    prices = pd.DataFrame(
        {"kind": "price", "product_id": cuts.product_id, "discount": cuts.discount}
    )
    prices["start"] = start + pd.to_timedelta(7 * cuts.week, unit="D")
    prices["end"] = prices.start + pd.Timedelta(days=7)
    frame = pd.concat([coupons, _ads(calendar, rng), prices], ignore_index=True)
    frame.insert(0, "offer_id", np.arange(len(frame)) + FIRST_OFFER)
    frame["product_id"] = frame.product_id.astype("Int64")
    texts = ["kind", "campaign_id", "category", "keywords", "channel", "location"]
    return frame.astype(dict.fromkeys(texts, "str"))[list(CONTRACTS["offers"].columns)]


def _day(campaign: Campaign, calendar: Calendar) -> pd.Timestamp:
    return calendar.start + pd.Timedelta(days=int(campaign.at * calendar.days))


def _ads(calendar: Calendar, rng: np.random.Generator) -> pd.DataFrame:
    """Two ads a category, open all the time, half of them for one place."""
    rows = [
        (
            category,
            ", ".join(
                f"{name}, {chinese}" for name, chinese, *_ in RANGE[category][half : half + 2]
            ),
        )
        for category in CATEGORIES
        for half in (0, 2)
    ]
    frame = pd.DataFrame(rows, columns=["category", "keywords"])
    place = np.where(
        rng.random(len(frame)) < 0.5, rng.integers(len(LOCATIONS), size=len(frame)), -1
    )
    return frame.assign(
        kind="ad",
        cost=np.round(rng.uniform(0.1, 0.9, len(frame)), 2),
        channel=words(["search", "social", "display"], rng.integers(3, size=len(frame))),
        start=calendar.start,
        end=calendar.start + pd.Timedelta(days=calendar.days),
        location=words(LOCATIONS, place),
    )


def _offer(contacts: pd.DataFrame) -> np.ndarray:
    """Offer code of each contact; -1 for the control arm."""
    codes, number = np.full((len(CAMPAIGNS), len(ARMS)), -1), 0
    for row, campaign in enumerate(CAMPAIGNS):
        for arm in campaign.arms[1:]:
            codes[row, ARMS.index(arm)] = number
            number += 1
    return codes[contacts.campaign, contacts.arm]


def contact_table(contacts: pd.DataFrame) -> pd.DataFrame:
    """The contacts table; the control arm has its rows, with no offer, channel or cost."""
    arm = contacts.arm.to_numpy()
    return pd.DataFrame(
        {
            "customer_id": contacts.who + FIRST_CUSTOMER,
            "campaign_id": words(
                [each.campaign_id for each in CAMPAIGNS], contacts.campaign.to_numpy()
            ),
            "time": contacts.when,
            "offer_id": ids(_offer(contacts), FIRST_OFFER),
            "channel": words(CHANNELS, arm - 1),
            "arm": words(ARMS, arm),
            "probability": contacts.probability,
            "cost": np.array([0.0, *(COST[each] for each in CHANNELS)])[arm],
        }
    )


def response_table(
    contacts: pd.DataFrame, uses: pd.DataFrame, *, orders: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """The responses table: messages opened and clicked, coupons redeemed."""
    table = contact_table(contacts)
    opened = rng.random(len(table)) < table.channel.map(OPEN).fillna(0)
    clicked = opened & (rng.random(len(table)) < table.channel.map(CLICK).fillna(0))
    minutes = pd.to_timedelta(np.round(rng.exponential(600, len(table))) + 1, unit="min")
    key = table[["customer_id", "campaign_id", "offer_id"]]
    seen = key.assign(time=(table.time + minutes).dt.floor("min"), kind="opened")
    used = key.iloc[uses.contact].assign(
        time=orders.when.to_numpy()[uses.order],
        kind="redeemed",
        product_id=uses["product"].to_numpy() + FIRST_PRODUCT,
    )
    pressed = seen[clicked].assign(
        kind="clicked", time=seen.time[clicked] + pd.Timedelta(minutes=1)
    )
    frame = pd.concat([seen[opened], pressed, used])
    frame["product_id"] = frame.product_id.astype("Int64")
    frame["kind"] = frame.kind.astype("str")
    columns = ["customer_id", "campaign_id", "time", "offer_id", "product_id", "kind"]
    return frame.sort_values(["time", "customer_id", "kind"], ignore_index=True)[columns]


def contact_truth(contacts: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """Both outcomes of every contact: orders in the window without the message, and with the arm
    that was drawn.
    """
    habit = orders[orders.origin == "habit"]
    natural = np.zeros(len(contacts), dtype=int)
    for number in range(len(CAMPAIGNS)):
        sent = contacts[contacts.campaign == number]
        begin = sent.when.min()
        inside = habit[(habit.when >= begin) & (habit.when < begin + pd.Timedelta(days=WINDOW))]
        counts = np.bincount(inside.who, minlength=orders.who.max() + 1)
        natural[sent.index] = counts[sent.who]
    table = contact_table(contacts)[["customer_id", "campaign_id", "arm", "probability"]]
    return table.assign(
        natural_orders=natural, further_orders=contacts.answers.astype(int).to_numpy()
    )
