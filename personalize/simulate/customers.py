"""The people: planted segments, tastes, circles of friends, and what the shop knows of them."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from personalize.simulate.distributions import Calendar, ids, mean_spend, purchases, words

FIRST_CUSTOMER = 1_000_001
TASTES = 6
CIRCLE = 12  # customers in a circle of friends
HOMOPHILY = 0.80  # probability that a customer has the taste of the circle
CLOSURE = 0.85  # probability that a tie stays inside the circle
TIES = 4  # ties started by each customer
CHINESE = 0.30  # share of customers who write Chinese
LOCATIONS = ("Northport", "Riverton", "Lakeside", "Hillview", "Westfield", "上海", "广州", "成都")
LOCATION_SHARES = (0.22, 0.18, 0.14, 0.12, 0.09, 0.12, 0.08, 0.05)
AGE_BANDS = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
MISSING = {"age": 0.08, "gender": 0.06, "income": 0.12}
CONSENT = {"email": 0.75, "sms": 0.55, "post": 0.65}


class Segment(NamedTuple):
    """A planted segment.

    Parameters
    ----------
    share : of the customers, 0 to 1
    rate, rate_shape : mean (orders a week) and gamma shape r of the purchase rate; alpha = r / rate
    leave, leave_weight : mean and weight a + b of the beta dropout probability; a = mean * weight
    spend, spend_shape, spend_spread : gamma-gamma mean (money an order), p and q; gamma = mean * (q
        - 1) / p
    entry : weeks of the first order as shares of the period, or, if negative, weeks before its end
    lines : mean further lines of an order after the first
    tier : liked price tier, 0 budget, 1 standard, 2 premium
    age, promoter : mean age (years) and mean answer (0 to 10) to "would you recommend us?"
    """

    name: str
    share: float
    rate: float
    leave: float
    spend: float
    entry: tuple[float, float]
    lines: float
    tier: int
    age: float
    promoter: float
    rate_shape: float = 15.0
    leave_weight: float = 100.0
    spend_shape: float = 6.0
    spend_spread: float = 14.0


SEGMENTS = (
    Segment("champions", 0.12, 1.00, 0.0005, 75, (0.0, 0.5), 4.0, 1, 47, 9.2),
    Segment("everyday", 0.20, 0.90, 0.0010, 7, (0.0, 0.5), 0.6, 0, 33, 8.2),
    Segment("big ticket", 0.20, 0.11, 0.0030, 320, (0.0, 0.5), 1.5, 2, 55, 7.3),
    Segment("lapsed", 0.26, 0.60, 0.3000, 20, (0.0, 0.2), 1.5, 1, 40, 4.8),
    Segment("newcomers", 0.22, 0.45, 0.0100, 20, (-8.0, -4.0), 1.5, 1, 29, 6.4),
)


def segment_truth() -> pd.DataFrame:
    """The parameters of every segment as the papers name them (r, alpha, a, b, p, q, gamma)."""
    frame = pd.DataFrame(SEGMENTS).rename(
        columns={"name": "segment", "rate_shape": "r", "spend_shape": "p"}
    )
    frame["alpha"] = frame.r / frame.rate
    frame["a"] = frame.leave * frame.leave_weight
    frame["b"] = (1 - frame.leave) * frame.leave_weight
    frame["q"] = frame.spend_spread
    frame["gamma"] = frame.spend * (frame.q - 1) / frame.p
    frame["tier"] = np.array(["budget", "standard", "premium"])[frame.tier]
    frame[["entry_from", "entry_to"]] = frame.pop("entry").tolist()
    return frame.drop(columns=["leave_weight", "spend_spread"])


def per_segment(field: str, segment: np.ndarray) -> np.ndarray:
    """A parameter of each customer's segment."""
    return np.array([getattr(each, field) for each in SEGMENTS])[segment]


def traits(customers: int, rng: np.random.Generator) -> pd.DataFrame:
    """One row a customer: segment, taste, circle, language and the parameters of buying, all as
    codes and numbers.
    """
    segment = _quota(customers, rng)
    circle = np.arange(customers) // CIRCLE
    circle_taste = rng.integers(TASTES, size=circle[-1] + 1)
    follows = rng.random(customers) < HOMOPHILY
    shape, weight = per_segment("rate_shape", segment), per_segment("leave_weight", segment)
    leave = per_segment("leave", segment)
    return pd.DataFrame(
        {
            "segment": segment,
            "taste": np.where(follows, circle_taste[circle], rng.integers(TASTES, size=customers)),
            "circle": circle,
            "circle_taste": circle_taste[circle],
            "chinese": rng.random(customers) < CHINESE,
            "rate": rng.gamma(shape, per_segment("rate", segment) / shape),
            "leave": rng.beta(leave * weight, (1 - leave) * weight),
            "mean_spend": mean_spend(
                per_segment("spend", segment),
                p=per_segment("spend_shape", segment),
                q=per_segment("spend_spread", segment),
                rng=rng,
            ),
        }
    )


def _quota(customers: int, rng: np.random.Generator) -> np.ndarray:
    """Segment codes in random order whose counts follow the shares as closely as whole customers
    can.
    """
    edges = np.round(np.cumsum([each.share for each in SEGMENTS]) * customers).astype(int)
    return rng.permutation(np.searchsorted(edges, np.arange(customers), side="right"))


def habits(
    people: pd.DataFrame, calendar: Calendar, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The orders that people make by habit (who, when), and their truth: entry, exposure and time
    of leaving.
    """
    entry_from, entry_to = per_segment("entry", people.segment.to_numpy()).T
    spread = entry_from + rng.random(len(people)) * (entry_to - entry_from)
    entry = np.where(spread < 0, calendar.weeks + spread, calendar.weeks * spread)
    who, when, left = purchases(
        people.rate.to_numpy(), people.leave.to_numpy(), exposure=calendar.weeks - entry, rng=rng
    )
    everyone = np.concatenate([np.arange(len(people)), who])
    clock = np.concatenate([entry, entry[who] + when])
    orders = pd.DataFrame({"who": everyone, "when": calendar.moments(clock)})
    gone = np.isfinite(left)
    dropout = calendar.moments(np.where(gone, entry + np.where(gone, left, 0), 0))
    truth = pd.DataFrame(
        {
            "entry": calendar.moments(entry),
            "exposure_weeks": calendar.weeks - entry,
            "dropout": np.where(gone, dropout, np.datetime64("NaT")),
            "alive": ~gone,
        }
    )
    return orders, truth


def customer_table(people: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The customers table: attributes as a shop holds them, with gaps."""
    n, segment = len(people), people.segment.to_numpy()
    age = np.clip(np.round(rng.normal(per_segment("age", segment), 8)), 18, 90)
    income = np.round(rng.lognormal(np.log(30 + 25 * per_segment("tier", segment)), 0.35)) * 1000
    absent = {name: rng.random(n) < share for name, share in MISSING.items()}
    band = np.searchsorted([25, 35, 45, 55, 65], age, side="right")
    frame = pd.DataFrame(
        {
            "customer_id": np.arange(n) + FIRST_CUSTOMER,
            "age": pd.array(age, dtype="Int64"),
            "age_band": words(AGE_BANDS, np.where(absent["age"], -1, band)),
            "gender": words(
                ["female", "male", "other"],
                np.where(absent["gender"], -1, rng.choice(3, n, p=[0.56, 0.42, 0.02])),
            ),
            "location": words(LOCATIONS, rng.choice(len(LOCATIONS), n, p=LOCATION_SHARES)),
            "income": pd.array(income, dtype="Int64"),
            "household_size": 1 + rng.binomial(5, 0.3, n),
        }
    )
    frame.loc[absent["age"], "age"] = pd.NA
    frame.loc[absent["income"], "income"] = pd.NA
    for channel, share in CONSENT.items():
        frame[f"consent_{channel}"] = rng.random(n) < share
    return frame


def link_table(people: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The links table: each tie in both directions, with a weight of 1 to 5."""
    n = len(people)
    one = np.repeat(np.arange(n), TIES)
    inside = (one // CIRCLE) * CIRCLE + rng.integers(CIRCLE, size=len(one))
    other = np.where(rng.random(len(one)) < CLOSURE, inside, rng.integers(n, size=len(one)))
    kept = (one != other) & (other < n)
    low, high = np.minimum(one, other)[kept], np.maximum(one, other)[kept]
    ties = np.unique(low * n + high)
    low, high = ties // n, ties % n
    weight = 1 + rng.binomial(4, 0.25, len(ties))
    both = pd.DataFrame(
        {
            "customer_id": np.concatenate([low, high]) + FIRST_CUSTOMER,
            "other_id": np.concatenate([high, low]) + FIRST_CUSTOMER,
            "weight": np.concatenate([weight, weight]),
        }
    )
    return both.sort_values(["customer_id", "other_id"], ignore_index=True)


def named(people: pd.DataFrame) -> pd.DataFrame:
    """The traits with identifiers and names in place of codes: the truth about customers."""
    return pd.DataFrame(
        {
            "customer_id": ids(np.arange(len(people)), FIRST_CUSTOMER).astype("int64"),
            "segment": words([each.name for each in SEGMENTS], people.segment.to_numpy()),
            "taste": people.taste,
            "circle": people.circle,
            "language": words(["en", "zh"], people.chinese.to_numpy().astype(int)),
            "rate": people.rate,
            "leave": people.leave,
            "mean_spend": people.mean_spend,
        }
    )
