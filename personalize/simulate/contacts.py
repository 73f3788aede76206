"""Campaigns as experiments: offers, who was contacted with what probability, who answered, and the
true effects.

`campaigns.csv` says when a campaign starts (share of the period) and what its coupon takes off;
`arms.csv` the probability of each arm (0: not in this campaign) and its effect (further orders a
contact) by segment.
"""

import numpy as np
import pandas as pd
from numpy import ndarray
from numpy.random import Generator

from personalize.simulate.catalogue import (
    CATEGORIES,
    FIRST_PRODUCT,
    RANGE,
    Catalogue,
    World,
    promotions,
)
from personalize.simulate.customers import FIRST_CUSTOMER, LOCATIONS
from personalize.simulate.distributions import SETTINGS, Calendar, pick, running, stated, words
from personalize.tables import CONTRACTS

FIRST_OFFER = 7_001
CAMPAIGNS = stated("campaigns")
EFFECTS = stated("arms")
ARMS = ("control", "email", "sms", "post")
WINDOW = pd.Timedelta(days=SETTINGS.window)
OPEN = {"email": 0.45, "sms": 0.80}  # probability that a message is opened (letters: not tracked)
CLICK = {"email": 0.25, "sms": 0.10}  # probability that an opened message is clicked
COST = {"control": 0.0, "email": 0.02, "sms": 0.08, "post": 0.70}  # money a message


def campaign_truth() -> pd.DataFrame:
    """The truth of every campaign: campaign_id, segment, arm, probability (of the arm), effect
    (further orders).
    """
    return EFFECTS[EFFECTS.probability > 0].reset_index(drop=True)


def coupons() -> pd.DataFrame:
    """The coupons, one an arm that brings one: campaign_id, arm, offer_id."""
    sent = campaign_truth().drop_duplicates(["campaign_id", "arm"]).query("arm != 'control'")
    return sent[["campaign_id", "arm"]].assign(offer_id=np.arange(len(sent)) + FIRST_OFFER)


def _days(calendar: Calendar) -> ndarray:
    """The day (0 = first) of each campaign."""
    return (CAMPAIGNS.begins.to_numpy() * calendar.days).astype(int)


def _starts(calendar: Calendar) -> ndarray:
    """The moment of each campaign."""
    return calendar.at(_days(calendar), np.full(len(CAMPAIGNS), 0.2))


def _campaign_at(when: pd.Series, calendar: Calendar) -> ndarray:
    """The campaign in whose window each time lies, -1 for none: the windows do not overlap."""
    starts = _starts(calendar)
    campaign = np.searchsorted(starts, when, side="right") - 1
    return np.where(when < starts[campaign] + WINDOW, campaign, -1)


def send(world: World, consent: pd.DataFrame, *, entry: ndarray) -> pd.DataFrame:
    """One row a contact: who, campaign, when, campaign_id, arm, probability, answers (brings a
    further order), answer_when, category.

    Contacted are the customers of that day who allow every channel of the campaign; the arm is then
    drawn.
    """
    calendar, rng = world.calendar, world.rng["campaigns"]
    chances = EFFECTS.probability.to_numpy().reshape(-1, len(ARMS))
    segments = len(chances) // len(CAMPAIGNS)
    unused = (chances == 0).reshape(len(CAMPAIGNS), segments, -1).all(axis=1)[:, 1:]
    allowed = consent.filter(like="consent_").to_numpy()
    starts = _starts(calendar)
    able = (allowed | unused[:, None]).all(axis=2) & (entry < starts[:, None])
    campaign, who = np.nonzero(able)
    row, n = campaign * segments + world.people.code.to_numpy()[who], len(who)
    arm = pick(running(chances), row, rng)
    drawn = EFFECTS.iloc[row * len(ARMS) + arm].reset_index(drop=True)
    day = _days(calendar)[campaign] + rng.integers(1, WINDOW.days, n)
    return drawn[["campaign_id", "arm", "probability"]].assign(
        who=who,
        campaign=campaign,
        when=starts[campaign],
        answers=rng.random(n) < drawn.effect,
        answer_when=calendar.at(day, rng.random(n)),
        category=CAMPAIGNS.category.map(CATEGORIES.index).to_numpy()[campaign],
    )


def answers(contacts: pd.DataFrame) -> pd.DataFrame:
    """The further orders that the campaigns bring (who, when, category of the offer)."""
    brought = contacts[contacts.answers].reset_index(drop=True)
    return brought[["who", "answer_when", "category"]].rename(columns={"answer_when": "when"})


def redeem(
    orders: pd.DataFrame, lines: pd.DataFrame, *, contacts: pd.DataFrame, world: World
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lines with their coupon reduction, and one row a coupon used (contact, order, product).

    An order that a campaign brings uses its coupon, one by habit with the probability `redeem`.
    """
    habit = SETTINGS.redeem * (orders.origin == "habit")
    chance = np.where(orders.origin == "campaign", 1.0, habit)
    willing = world.rng["coupons"].random(len(orders)) < chance
    number = _campaign_at(orders.when, world.calendar)
    held = np.full((orders.who.max() + 2, len(CAMPAIGNS) + 1), -1)
    treated = contacts[contacts.arm != "control"]
    held[treated.who, treated.campaign] = treated.index
    contact = np.where(willing, held[orders.who, number], -1)[lines.order]
    campaign = CAMPAIGNS.iloc[number[lines.order]].reset_index(drop=True)
    category = RANGE.category.to_numpy()[world.goods.kind[lines["product"]]]
    fits = (contact >= 0) & (campaign.category == category)
    found = lines[["order", "product"]].assign(contact=contact)[fits]
    found = found[found.groupby("contact").order.transform("first") == found.order]
    coupon = np.round(lines.amount * campaign.discount / (1 - campaign.discount), 2)
    used = lines.assign(coupon=coupon.where(lines.index.isin(found.index), 0.0))
    return used, found.drop_duplicates("contact")


def offer_table(catalogue: Catalogue, calendar: Calendar, rng: Generator) -> pd.DataFrame:
    """The offers table: the coupons of the campaigns, ads with keywords, and the price cuts of
    products.

    `discount` is a share of the price (0.1 = ten per cent); `cost` is money a message, or a click
    for an ad.
    """
    given = coupons().merge(CAMPAIGNS.assign(start=_days(calendar)), on="campaign_id")
    given = given.rename(columns={"arm": "channel"})
    given["cost"] = given.channel.map(COST)
    cuts = promotions(catalogue).rename(columns={"week": "start"})
    cuts["start"] *= 7
    parts = [
        given.assign(kind="coupon", end=given.start + WINDOW.days),
        _ads(rng).assign(kind="ad", start=0, end=calendar.days),
        cuts.assign(kind="price", end=cuts.start + 7),
    ]
    frame = pd.concat(parts, ignore_index=True)
    for column in ("start", "end"):
        frame[column] = calendar.start + pd.to_timedelta(frame[column], unit="D")
    frame["offer_id"] = np.arange(len(frame)) + FIRST_OFFER
    frame["product_id"] = frame.product_id.astype("Int64")
    return frame[list(CONTRACTS["offers"].columns)]


def _ads(rng: Generator) -> pd.DataFrame:
    """Two ads a category, open all the time, half of them for one place."""
    names = (RANGE.subcategory + ", " + RANGE.chinese).to_numpy()
    n = len(names) // 2
    place = np.where(rng.random(n) < 0.5, rng.integers(len(LOCATIONS), size=n), -1)
    ads = {
        "category": RANGE.category.to_numpy()[::2],
        "keywords": names[::2] + ", " + names[1::2],
        "cost": np.round(rng.uniform(0.1, 0.9, n), 2),
        "channel": words(["search", "social", "display"], rng.integers(3, size=n)),
        "location": words(LOCATIONS, place),
    }
    return pd.DataFrame(ads)


def contact_table(contacts: pd.DataFrame) -> pd.DataFrame:
    """The contacts table; the control arm has its rows, with no offer, channel or cost."""
    frame = contacts.merge(coupons(), how="left", on=["campaign_id", "arm"])
    frame = frame.assign(
        customer_id=contacts.who + FIRST_CUSTOMER,
        time=contacts.when,
        offer_id=frame.offer_id.astype("Int64"),
        channel=contacts.arm.mask(contacts.arm == "control"),
        cost=contacts.arm.map(COST),
    )
    return frame[list(CONTRACTS["contacts"].columns)]


def response_table(
    contacts: pd.DataFrame, uses: pd.DataFrame, *, orders: pd.DataFrame, rng: Generator
) -> pd.DataFrame:
    """The responses table: messages opened and clicked, coupons redeemed."""
    table = contact_table(contacts)
    n = len(table)
    opened = rng.random(n) < table.channel.map(OPEN).fillna(0)
    clicked = opened & (rng.random(n) < table.channel.map(CLICK).fillna(0))
    minutes = pd.to_timedelta(np.round(rng.exponential(600, n)) + 1, unit="min")
    seen = table.assign(time=(table.time + minutes).dt.floor("min"), kind="opened")
    pressed = seen[clicked].assign(kind="clicked")
    pressed["time"] += pd.Timedelta(minutes=1)
    used = table.iloc[uses.contact].assign(
        time=orders.when.to_numpy()[uses.order],
        kind="redeemed",
        product_id=uses["product"].to_numpy() + FIRST_PRODUCT,
    )
    frame = pd.concat([seen[opened], pressed, used])
    frame["product_id"] = frame.product_id.astype("Int64")
    frame = frame.sort_values(["time", "customer_id", "kind"], ignore_index=True)
    return frame[list(CONTRACTS["responses"].columns)]


def contact_truth(contacts: pd.DataFrame, orders: pd.DataFrame, calendar: Calendar) -> pd.DataFrame:
    """Both outcomes of every contact: orders in the window without the message, and with the arm
    that was drawn.
    """
    habit = orders[orders.origin == "habit"]
    natural = np.zeros((orders.who.max() + 1, len(CAMPAIGNS) + 1), dtype=int)
    np.add.at(natural, (habit.who, _campaign_at(habit.when, calendar)), 1)
    table = contact_table(contacts)[["customer_id", "campaign_id", "arm", "probability"]]
    return table.assign(
        natural_orders=natural[contacts.who, contacts.campaign],
        further_orders=contacts.answers.astype(int),
    )
