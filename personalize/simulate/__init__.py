"""A simulated shop whose truth is known: every table of the kit, and the parameters that made it.

    shop = simulate.shop()                    # 1,000 customers, 200 products, 78 weeks
    shop.tables["orders"]                     # canonical columns, as `personalize.tables` has them
    shop.truth["customers"]                   # segment, taste, purchase rate, time of leaving, ...

Customers are planted in five segments (`customers`), buy by BG/NBD and spend by gamma-gamma
(`distributions`), choose by taste, habit, friends, price cuts and planted pairs (`baskets`,
`catalogue`), are contacted in randomised campaigns with known effects (`contacts`), write reviews
in English and Chinese (`reviews`) and visit the web shop (`events`). For sheer size, three tables
and no effects, there is `large`.
"""

from personalize.simulate.order_log import large
from personalize.simulate.simulation import Simulation, shop

__all__ = ["Simulation", "large", "shop"]
