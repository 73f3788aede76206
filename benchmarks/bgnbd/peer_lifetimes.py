"""The same fit by lifetimes, in its own process and environment."""

import clock
from customers import customers
from lifetimes import BetaGeoFitter

t = customers()
BetaGeoFitter().fit(*(t.head(1000)[c] for c in ("frequency", "recency", "T")))
clock.report(
    lambda: BetaGeoFitter().fit(t.frequency, t.recency, t["T"]),
    lambda m: [round(float(m.params_[p]), 2) for p in ("r", "alpha", "a", "b")],
)
