"""The people: planted segments, tastes, circles of friends, and what the shop knows of them.

A row of `segments.csv` is a planted segment:

- share : of the customers, 0 to 1
- rate, r : mean (orders a week) and gamma shape of the purchase rate; alpha = r / rate
- leave, weight : mean and weight a + b of the beta dropout probability; a = leave * weight
- spend, p, q : gamma-gamma mean (money an order) and shapes; gamma = spend * (q - 1) / p
- entry_from, entry_to : time of the first order as shares of the period, or, if negative, weeks
  before its end
- lines : mean further lines of an order after the first
- tier : liked price tier, 0 budget, 1 standard, 2 premium
- age, promoter : mean age (years) and mean answer (0 to 10) to "would you recommend us?"
"""

import numpy as np
import pandas as pd
from numpy.random import Generator

from personalize.simulate.distributions import SETTINGS, Calendar, purchases, stated, words

FIRST_CUSTOMER = 1_000_001
SEGMENTS = stated("segments")
TIERS = stated("tiers")
TASTES = 6
CIRCLE = 12  # customers in a circle of friends
TIES = 4  # ties started by each customer
LOCATIONS = ("Northport", "Riverton", "Lakeside", "Hillview", "Westfield", "上海", "广州", "成都")
LOCATION_SHARES = (0.22, 0.18, 0.14, 0.12, 0.09, 0.12, 0.08, 0.05)
AGE_BANDS = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
MISSING = {"age": 0.08, "gender": 0.06, "income": 0.12}
CONSENT = {"email": 0.75, "sms": 0.55, "post": 0.65}
TRUE = ["customer_id", "segment", "taste", "circle", "language", "rate", "leave", "mean_spend"]


def segment_truth() -> pd.DataFrame:
    """The parameters of every segment as the papers name them (r, alpha, a, b, p, q, gamma)."""
    frame = SEGMENTS.assign(
        tier=TIERS.tier[SEGMENTS.tier].to_numpy(),
        alpha=SEGMENTS.r / SEGMENTS.rate,
        a=SEGMENTS.leave * SEGMENTS.weight,
        b=(1 - SEGMENTS.leave) * SEGMENTS.weight,
        gamma=SEGMENTS.spend * (SEGMENTS.q - 1) / SEGMENTS.p,
    )
    last = ["alpha", "a", "b", "q", "gamma", "entry_from", "entry_to"]
    return frame[[*frame.columns.drop([*last, "weight"]), *last]]


def traits(customers: int, rng: Generator) -> pd.DataFrame:
    """One row a customer: the parameters of the segment, with the customer's own rate, leave and
    mean_spend, and customer_id, code (of the segment), taste, circle, circle_taste, language.

    The counts of the segments follow their shares as closely as whole customers can.
    """
    edges = np.round(np.cumsum(SEGMENTS.share) * customers).astype(int)
    code = rng.permutation(np.searchsorted(edges, np.arange(customers), side="right"))
    own = SEGMENTS.iloc[code].reset_index(drop=True)
    circle = np.arange(customers) // CIRCLE
    circle_taste = rng.integers(TASTES, size=circle[-1] + 1)[circle]
    follows = rng.random(customers) < SETTINGS.homophily
    return own.assign(
        customer_id=np.arange(customers) + FIRST_CUSTOMER,
        code=code,
        taste=np.where(follows, circle_taste, rng.integers(TASTES, size=customers)),
        circle=circle,
        circle_taste=circle_taste,
        language=words(["en", "zh"], (rng.random(customers) < SETTINGS.chinese).astype(int)),
        rate=rng.gamma(own.r, own.rate / own.r),
        leave=rng.beta(own.leave * own.weight, (1 - own.leave) * own.weight),
        mean_spend=own.p / rng.gamma(own.q, own.p / (own.spend * (own.q - 1))),
    )


def habits(
    people: pd.DataFrame, calendar: Calendar, rng: Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The orders that people make by habit (who, when), and their truth: entry, exposure and time
    of leaving.
    """
    width = people.entry_to - people.entry_from
    spread = (people.entry_from + rng.random(len(people)) * width).to_numpy()
    entry = np.where(spread < 0, calendar.weeks + spread, calendar.weeks * spread)
    exposure = calendar.weeks - entry
    who, when, left = purchases(
        people.rate.to_numpy(), people.leave.to_numpy(), exposure=exposure, rng=rng
    )
    everyone = np.concatenate([np.arange(len(people)), who])
    clock = np.concatenate([entry, entry[who] + when])
    orders = pd.DataFrame({"who": everyone, "when": calendar.moments(clock)})
    alive = np.isinf(left)
    dropout = pd.Series(calendar.moments(entry + np.where(alive, 0, left))).mask(alive)
    truth = {
        "entry": calendar.moments(entry),
        "exposure_weeks": exposure,
        "dropout": dropout,
        "alive": alive,
    }
    return orders, pd.DataFrame(truth)


def customer_table(people: pd.DataFrame, rng: Generator) -> pd.DataFrame:
    """The customers table: attributes as a shop holds them, with gaps."""
    n = len(people)
    age = np.clip(np.round(rng.normal(people.age, 8)), 18, 90)
    income = np.round(rng.lognormal(np.log(30 + 25 * people.tier), 0.35)) * 1000
    absent = {name: rng.random(n) < share for name, share in MISSING.items()}
    band = np.searchsorted([25, 35, 45, 55, 65], age, side="right")
    frame = pd.DataFrame(
        {
            "customer_id": people.customer_id,
            "age": pd.array(age, dtype="Int64"),
            "age_band": words(AGE_BANDS, band),
            "gender": words(["female", "male", "other"], rng.choice(3, n, p=[0.56, 0.42, 0.02])),
            "location": words(LOCATIONS, rng.choice(len(LOCATIONS), n, p=LOCATION_SHARES)),
            "income": pd.array(income, dtype="Int64"),
            "household_size": 1 + rng.binomial(5, 0.3, n),
        }
    )
    for column in ("age", "gender", "income"):
        frame[column] = frame[column].mask(absent[column])
    frame["age_band"] = frame.age_band.mask(absent["age"])
    for channel, share in CONSENT.items():
        frame[f"consent_{channel}"] = rng.random(n) < share
    return frame


def link_table(people: pd.DataFrame, rng: Generator) -> pd.DataFrame:
    """The links table: each tie in both directions, with a weight of 1 to 5."""
    n = len(people)
    one = np.repeat(np.arange(n), TIES)
    inside = one // CIRCLE * CIRCLE + rng.integers(CIRCLE, size=len(one))
    closed = rng.random(len(one)) < SETTINGS.closure
    other = np.where(closed, inside, rng.integers(n, size=len(one)))
    kept = (one != other) & (other < n)
    low, high = np.minimum(one, other)[kept], np.maximum(one, other)[kept]
    low, high = np.divmod(np.unique(low * n + high), n)
    forth = pd.DataFrame(
        {
            "customer_id": low + FIRST_CUSTOMER,
            "other_id": high + FIRST_CUSTOMER,
            "weight": 1 + rng.binomial(4, 0.25, len(low)),
        }
    )
    back = forth.rename(columns={"customer_id": "other_id", "other_id": "customer_id"})
    return pd.concat([forth, back]).sort_values(["customer_id", "other_id"], ignore_index=True)
