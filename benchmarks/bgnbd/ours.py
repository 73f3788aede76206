"""BG/NBD on one million customers, grouping included; imports and the making of the customers are not timed."""

import clock
from customers import customers

import personalize as pz

table = customers()
pz.clv.BetaGeo().fit(table.head(1000))
clock.report(
    lambda: pz.clv.BetaGeo().fit(table), lambda m: [round(float(m.params_[p]), 2) for p in m.names]
)
