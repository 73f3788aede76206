"""What customers say: reviews in English and Chinese from a small table of phrases, and survey
answers.
"""

import numpy as np
import pandas as pd

from personalize.simulate.baskets import Lines
from personalize.simulate.catalogue import FIRST_PRODUCT, SUBCATEGORIES, Catalogue
from personalize.simulate.customers import FIRST_CUSTOMER, per_segment
from personalize.simulate.distributions import Calendar

REVIEWED = 0.05  # probability that a bought line is reviewed
NOISE = 0.7  # spread of stars around a product's quality
ANSWERING = 0.40  # probability that a customer answers the survey
PATIENCE = np.timedelta64(
    8, "D"
)  # a survey is about the last order before the last days of the period
REMARKING = 0.40  # probability that an answer carries a remark
# words that carry the opinion: (negative, neutral, positive), each used only there
OPINIONS = {
    "en": (
        ("disappointing", "awful", "broken", "flimsy", "overpriced", "useless"),
        ("okay", "average", "ordinary", "acceptable"),
        ("excellent", "lovely", "perfect", "wonderful", "delightful", "reliable"),
    ),
    "zh": (
        ("失望", "糟糕", "难用", "昂贵", "破损", "劣质"),
        ("一般", "普通", "还行", "凑合"),
        ("满意", "喜欢", "完美", "优秀", "精致", "值得"),
    ),
}
ASPECTS = {
    "en": ("quality", "packaging", "delivery", "price"),
    "zh": ("质量", "包装", "物流", "价格"),
}
OPENINGS = {
    "en": (
        "I bought the {noun} last month. ",
        "This {noun} was a gift. ",
        "About the {noun}: ",
        "Our second {noun}. ",
    ),
    "zh": ("上个月买了{noun}。", "{noun}是送人的礼物。", "关于{noun}：", "第二次买{noun}。"),
}
MIDDLES = {
    "en": (
        "The {aspect} is {word}.",
        "I find the {aspect} {word}.",
        "{word} {aspect}, all in all.",
    ),
    "zh": ("{aspect}让人觉得{word}。", "我觉得{aspect}{word}。", "总的来说{aspect}{word}。"),
}
ENDINGS = {
    "en": ((" I will not order it again.", ""), ("", ""), (" I will order it again.", "")),
    "zh": (("不会再买了。", ""), ("", ""), ("还会再来买。", "")),
}


def opinion_truth() -> pd.DataFrame:
    """The words that carry the opinion: word, language, polarity (-1, 0, 1)."""
    rows = [
        (word, language, polarity - 1)
        for language, sides in OPINIONS.items()
        for polarity, side in enumerate(sides)
        for word in side
    ]
    return pd.DataFrame(rows, columns=["word", "language", "polarity"])


def review_table(
    orders: pd.DataFrame,
    lines: Lines,
    *,
    people: pd.DataFrame,
    catalogue: Catalogue,
    world: tuple[Calendar, np.random.Generator],
) -> pd.DataFrame:
    """The reviews table: stars around the product's quality, and words that fit the stars, 1 to 30
    days later.
    """
    calendar, rng = world
    able = (orders.who.to_numpy()[lines.order] >= 0) & (lines.quantity > 0)
    days = rng.integers(1, 31, len(able))
    when = calendar.at(
        calendar.day_of(orders.when.to_numpy()[lines.order]) + days, rng.random(len(able))
    )
    kept = able & (rng.random(len(able)) < REVIEWED) & (when < calendar.end)
    product, who = lines.product[kept], orders.who.to_numpy()[lines.order[kept]]
    quality = catalogue.truth.quality.to_numpy()[product]
    stars = np.clip(np.round(rng.normal(quality, NOISE)), 1, 5).astype("int64")
    frame = pd.DataFrame(
        {
            "customer_id": who + FIRST_CUSTOMER,
            "product_id": product + FIRST_PRODUCT,
            "time": when[kept],
            "rating": stars,
            "text": _texts(
                product, stars, chinese=people.chinese.to_numpy()[who], catalogue=catalogue, rng=rng
            ),
        }
    )
    return frame.sort_values(["time", "customer_id", "product_id"], ignore_index=True)


def _texts(
    product: np.ndarray,
    stars: np.ndarray,
    *,
    chinese: np.ndarray,
    catalogue: Catalogue,
    rng: np.random.Generator,
) -> pd.api.extensions.ExtensionArray:
    """A short review each: every combination of phrases is written once, then looked up."""
    noun = pd.Categorical(
        catalogue.table.subcategory, categories=[row[1] for row in SUBCATEGORIES]
    ).codes[product]
    mood = np.digitize(stars, [3, 4])
    text = np.empty(len(product), dtype=object)
    for side, language in enumerate(("en", "zh")):
        here = np.flatnonzero(chinese == bool(side))
        draws = (rng.integers(1 << 20, size=len(here)) for _ in range(4))
        nouns = [row[1 + side] for row in SUBCATEGORIES]
        text[here] = [
            _text(language, nouns[name], feeling, choice)
            for name, feeling, *choice in zip(noun[here], mood[here], *draws, strict=True)
        ]
    return pd.array(text, dtype="str")


def _text(language: str, noun: str, mood: int, choice: list[int]) -> str:
    """One review.

    >>> _text("en", "mug", 2, [0, 0, 0, 0])
    'I bought the mug last month. The quality is excellent. I will order it again.'
    """
    opening = OPENINGS[language][choice[0] % len(OPENINGS[language])].format(noun=noun)
    return (
        opening
        + _sentence(language, mood, choice[1:])
        + ENDINGS[language][mood][choice[0] // 8 % 2]
    )


def _sentence(language: str, mood: int, choice: list[int]) -> str:
    middle, aspect, word = MIDDLES[language], ASPECTS[language], OPINIONS[language][mood]
    said = middle[choice[0] % len(middle)].format(
        aspect=aspect[choice[1] % len(aspect)], word=word[choice[2] % len(word)]
    )
    return said[0].upper() + said[1:]


def survey_table(
    people: pd.DataFrame, last_order: np.ndarray, *, calendar: Calendar, rng: np.random.Generator
) -> pd.DataFrame:
    """The surveys table: two questions 2 to 7 days after the last order, now and then with a
    remark.
    """
    when = calendar.at(
        calendar.day_of(last_order) + rng.integers(2, 8, len(people)), rng.random(len(people))
    )
    who = np.flatnonzero(rng.random(len(people)) < ANSWERING)
    mood = per_segment("promoter", people.segment.to_numpy()[who]) + rng.normal(0, 1.9, len(who))
    recommend = np.clip(np.round(mood), 0, 10).astype("int64")
    satisfied = np.clip(np.round(mood / 2 + rng.normal(0, 0.5, len(who))), 1, 5).astype("int64")
    known = {"customer_id": who + FIRST_CUSTOMER, "time": when[who]}
    remarks = _remarks(recommend, chinese=people.chinese.to_numpy()[who], rng=rng)
    frame = pd.concat(
        [
            pd.DataFrame({**known, "question": "recommend", "score": recommend, "text": remarks}),
            pd.DataFrame({**known, "question": "satisfaction", "score": satisfied, "text": None}),
        ]
    )
    frame = frame.astype({"question": "str", "text": "str"})
    return frame.sort_values(["time", "customer_id", "question"], ignore_index=True)


def _remarks(
    recommend: np.ndarray, *, chinese: np.ndarray, rng: np.random.Generator
) -> list[str | None]:
    """A sentence from some of those who answered: promoters (9, 10) praise, detractors (below 7)
    complain.
    """
    speaks = rng.random(len(recommend)) < REMARKING
    choice = rng.integers(1 << 20, size=(len(recommend), 3))
    mood = np.digitize(recommend, [7, 9])
    return [
        _sentence("zh" if zh else "en", feeling, list(three)) if said else None
        for said, zh, feeling, three in zip(speaks, chinese, mood, choice, strict=True)
    ]
