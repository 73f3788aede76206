"""What customers do besides buying: page views, reviews in English and Chinese, survey answers.

Reviews are put together from `phrases.csv`; the words that carry the opinion (part "word") are used
in that sense only.
"""

import numpy as np
import pandas as pd
from numpy import ndarray
from numpy.random import Generator

from personalize.simulate.catalogue import FIRST_PRODUCT, RANGE, Catalogue, World
from personalize.simulate.customers import FIRST_CUSTOMER
from personalize.simulate.distributions import SETTINGS, Calendar, ids, pick, stated, words

FIRST_SESSION = 50_000_001
EXTRA_VIEWS = 2.0  # mean further products seen in a visit
SIGNED_IN = 0.80  # probability that a visit without an order is signed in
DEVICES = ("mobile", "desktop", "app")
DEVICE_SHARES = (0.50, 0.35, 0.15)
STEPS = ("view", "cart", "purchase")
PAGES = ("home", "cart", "checkout")
NOISE = 0.7  # spread of stars around a product's quality
PATIENCE = np.timedelta64(8, "D")  # a survey is about the last order before these last days
REMARKING = 0.40  # probability that an answer carries a remark
PHRASES = stated("phrases")
SAID = PHRASES.groupby(["part", "language", "polarity"]).text.agg(list).to_dict()


def event_table(orders: pd.DataFrame, lines: pd.DataFrame, *, world: World) -> pd.DataFrame:
    """The events table: home page, product pages, cart and checkout of every visit.

    The visits of online orders end at the time of the order.
    """
    online = (orders.store == 0) & (orders.who >= 0) & (orders.origin != "return")
    bought = orders[online].rename_axis("order").reset_index()
    rng = world.rng["events"]
    looked = _browsing_visits(bought, calendar=world.calendar, rng=rng)
    visits = pd.concat([bought, looked], ignore_index=True)
    home = _steps(np.arange(len(visits)), 0, event=0, product=-1)
    steps = pd.concat([home, *_ordered(bought, lines), *_seen(visits, world.goods, rng)])
    steps = steps.sort_values(["visit", "step", "product"], ignore_index=True, kind="stable")
    frame = _event_rows(visits, steps, device=rng.choice(3, len(visits), p=DEVICE_SHARES))
    return frame.assign(time=frame.time.clip(lower=world.calendar.start))


def _browsing_visits(bought: pd.DataFrame, *, calendar: Calendar, rng: Generator) -> pd.DataFrame:
    """Visits without an order, up to a week before one: who looks more buys more."""
    model = bought.loc[np.repeat(bought.index, rng.poisson(SETTINGS.browsing, len(bought)))]
    day = np.maximum(calendar.day_of(model.when.to_numpy()) - rng.integers(0, 8, len(model)), 0)
    signed = rng.random(len(model)) < SIGNED_IN
    when = calendar.at(day, rng.random(len(model)))
    return model.assign(order=-1, when=when, who=model.who.where(signed, -1))


def _steps(visit: ndarray, step: int, *, event: int, product: ndarray | int) -> pd.DataFrame:
    return pd.DataFrame({"visit": visit, "step": step, "event": event, "product": product})


def _ordered(bought: pd.DataFrame, lines: pd.DataFrame) -> list[pd.DataFrame]:
    """A view and a place in the cart for each line, and one checkout."""
    visit_of = pd.Series(bought.index, index=bought.order)
    kept = lines[lines.order.isin(bought.order)]
    visit, product = visit_of[kept.order].to_numpy(), kept["product"].to_numpy()
    return [
        _steps(visit, 1, event=0, product=product),
        _steps(visit, 2, event=1, product=product),
        _steps(bought.index, 3, event=2, product=-1),
    ]


def _seen(visits: pd.DataFrame, catalogue: Catalogue, rng: Generator) -> list[pd.DataFrame]:
    """Products looked at and not bought, and carts left behind."""
    visit = np.repeat(np.arange(len(visits)), rng.poisson(EXTRA_VIEWS, len(visits)))
    product = pick(catalogue.liking, visits.row.to_numpy()[visit], rng)
    left = (np.diff(visit, append=-1) != 0) & (visits.order.to_numpy()[visit] < 0)
    left &= rng.random(len(visit)) < SETTINGS.abandoned
    return [
        _steps(visit, 1, event=0, product=product),
        _steps(visit[left], 2, event=1, product=product[left]),
    ]


def _event_rows(visits: pd.DataFrame, steps: pd.DataFrame, *, device: ndarray) -> pd.DataFrame:
    """Events with times: the last step of a visit at its time, the others half a minute apart
    before it.
    """
    of = visits.iloc[steps.visit].reset_index(drop=True)
    back = steps.groupby("visit").cumcount(ascending=False)
    product = ids(steps["product"].to_numpy(), FIRST_PRODUCT)
    page = ("product/" + pd.Series(product).astype("str")).where(
        steps["product"] >= 0, words(PAGES, steps.event.to_numpy())
    )
    frame = pd.DataFrame(
        {
            "customer_id": ids(of.who.to_numpy(), FIRST_CUSTOMER),
            "time": of.when - back * np.timedelta64(30, "s"),
            "event": words(STEPS, steps.event.to_numpy()),
            "page_id": page.mask(steps.event == 1, "cart"),
            "product_id": product,
            "session_id": steps.visit + FIRST_SESSION,
            "channel": words(DEVICES, device[steps.visit]),
        }
    )
    return frame.sort_values(["time", "session_id"], ignore_index=True, kind="stable")


def opinion_truth() -> pd.DataFrame:
    """The words that carry the opinion: word, language, polarity (-1, 0, 1)."""
    opinions = PHRASES[PHRASES.part == "word"].rename(columns={"text": "word"})
    return opinions[["word", "language", "polarity"]].reset_index(drop=True)


def review_table(orders: pd.DataFrame, lines: pd.DataFrame, *, world: World) -> pd.DataFrame:
    """The reviews table: stars around the product's quality, and words that fit the stars, 1 to 30
    days later.
    """
    goods, calendar, rng = world.goods, world.calendar, world.rng["reviews"]
    of, n = orders.iloc[lines.order], len(lines)
    able = (of.who.to_numpy() >= 0) & (lines.quantity.to_numpy() > 0)
    days = rng.integers(1, 31, n)
    when = calendar.at(calendar.day_of(of.when.to_numpy()) + days, rng.random(n))
    kept = able & (rng.random(n) < SETTINGS.reviewed) & (when < calendar.end)
    product, who = lines["product"].to_numpy()[kept], of.who.to_numpy()[kept]
    quality = goods.truth.quality.to_numpy()[product]
    stars = np.clip(np.round(rng.normal(quality, NOISE)), 1, 5).astype("int64")
    language = world.people.language.to_numpy()[who]
    frame = pd.DataFrame(
        {
            "customer_id": who + FIRST_CUSTOMER,
            "product_id": product + FIRST_PRODUCT,
            "time": when[kept],
            "rating": stars,
            "text": _texts(RANGE.iloc[goods.kind[product]], stars, language, rng),
        }
    )
    return frame.sort_values(["time", "customer_id", "product_id"], ignore_index=True)


def _texts(kinds: pd.DataFrame, stars: ndarray, language: ndarray, rng: Generator) -> pd.Series:
    """A short review each, of products of these kinds."""
    choice = np.empty((4, len(stars)), dtype=int)
    for name in ("en", "zh"):
        here = language == name
        choice[:, here] = rng.integers(1 << 20, size=(4, here.sum()))
    noun = kinds.subcategory.where(language == "en", kinds.chinese)
    rows = zip(language, noun, np.digitize(stars, [3, 4]) - 1, choice.T, strict=True)
    return pd.Series([_text(*row) for row in rows], dtype="str")


def _phrase(part: str, language: str, polarity: int, number: int) -> str:
    options = SAID[part, language, polarity]
    return options[number % len(options)]


def _text(language: str, noun: str, polarity: int, choice: ndarray) -> str:
    """One review.

    >>> _text("en", "mug", 1, np.zeros(4, dtype=int))
    'I bought the mug last month. The quality is excellent. I will order it again.'
    """
    text = _phrase("opening", language, 0, choice[0]).format(noun=noun)
    text += _sentence(language, polarity, choice[1:])
    if choice[0] // 8 % 2 == 0:
        text += _phrase("ending", language, polarity, 0)
    return text


def _sentence(language: str, polarity: int, choice: ndarray) -> str:
    aspect = _phrase("aspect", language, 0, choice[1])
    word = _phrase("word", language, polarity, choice[2])
    said = _phrase("middle", language, 0, choice[0]).format(aspect=aspect, word=word)
    return said[0].upper() + said[1:]


def survey_table(last_order: ndarray, world: World) -> pd.DataFrame:
    """The surveys table: two questions 2 to 7 days after the last order, now and then with a
    remark: promoters (9, 10) praise, detractors (below 7) complain.
    """
    people, calendar, rng = world.people, world.calendar, world.rng["surveys"]
    n = len(people)
    when = calendar.at(calendar.day_of(last_order) + rng.integers(2, 8, n), rng.random(n))
    asked = people.assign(time=when)[rng.random(n) < SETTINGS.answering]
    n = len(asked)
    mood = asked.promoter + rng.normal(0, 1.9, n)
    recommend = np.clip(np.round(mood), 0, 10).astype("int64")
    satisfied = np.clip(np.round(mood / 2 + rng.normal(0, 0.5, n)), 1, 5).astype("int64")
    speaks = rng.random(n) < REMARKING
    choice = rng.integers(1 << 20, size=(n, 3))
    rows = zip(asked.language, np.digitize(recommend, [7, 9]) - 1, choice, strict=True)
    remarks = pd.Series([_sentence(*row) for row in rows], index=asked.index, dtype="str")
    first = asked.assign(question="recommend", score=recommend, text=remarks.where(speaks))
    frame = pd.concat([first, asked.assign(question="satisfaction", score=satisfied)])
    frame = frame.sort_values(["time", "customer_id", "question"], ignore_index=True)
    return frame[["customer_id", "time", "question", "score", "text"]]
