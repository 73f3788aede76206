"""Customers and shops that the tests of this topic share."""

import numpy as np
import pandas as pd
from hypothesis import strategies as st

import personalize as pz

POSITIVE = st.floats(0.05, 20.0)


MODELS = [pz.clv.NBD, pz.clv.BetaGeo, pz.clv.ModifiedBetaGeo, pz.clv.ParetoNBD]


def customer(x, recency, age, **more):
    return pd.DataFrame(
        {"customer_id": [1], "frequency": [x], "recency": [recency], "T": [age], **more}
    )


NAIVE, OLS = pz.clv.BASELINE, "regression: least squares on window spends"


START = pd.Timestamp("2024-01-01")


def shop(orders):
    """Tables from rows (customer_id, day number, amount), one order a row."""
    who, day, amount = zip(*orders, strict=True)
    time = START + pd.to_timedelta(day, unit="D")
    frame = pd.DataFrame(
        {
            "customer_id": who,
            "order_id": range(len(who)),
            "product_id": 1,
            "time": time,
            "quantity": 1,
        }
    )
    return pz.load({"orders": frame.assign(amount=np.asarray(amount, float))})


def clockwork(weeks, customers=80):
    """Customer i spends i every Monday."""
    return shop([(i, 7 * week, i) for i in range(1, customers + 1) for week in range(weeks)])


def day(number):
    return START + pd.Timedelta(days=number)
