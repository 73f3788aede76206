"""One million customers who buy and leave as BG/NBD says, for every program of this case alike."""

import numpy as np
import pandas as pd


def customers(n: int = 1_000_000, seed: int = 0) -> pd.DataFrame:
    """frequency, recency and T (weeks, in whole days) of customers won in the first twelve of thirty-nine weeks."""
    rng = np.random.default_rng(seed)
    rate, leaves = rng.gamma(0.25, 1 / 4.5, n), rng.beta(0.8, 2.5, n)
    age = (272 - rng.integers(0, 84, n)) / 7
    x, last, now, active = np.zeros(n, int), np.zeros(n), np.zeros(n), np.arange(n)
    while len(active):
        now[active] += rng.exponential(size=len(active)) / np.maximum(rate[active], 1e-12)
        active = active[now[active] < age[active]]
        x[active] += 1
        last[active] = now[active]
        active = active[rng.random(len(active)) >= leaves[active]]
    recency = np.where(x > 0, np.maximum(np.floor(7 * last), 1), 0) / 7
    return pd.DataFrame(
        {
            "customer_id": np.arange(n),
            "frequency": x,
            "recency": recency,
            "T": np.maximum(age, recency),
        }
    )
