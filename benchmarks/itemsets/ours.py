import clock

import personalize as pz

tables = pz.load("complete_journey")
baskets = tables.sql(
    "select distinct order_id, subcategory as product_id from {orders} as o join {products} as p "
    "on p.product_id = o.product_id where subcategory is not null order by 1, 2"
)
pz.association_rules.frequent_itemsets(baskets.head(1000), min_count=100)  # the compiled code is loaded


def work():
    return pz.association_rules.frequent_itemsets(baskets, min_count=156)


clock.report(work, lambda sets: len(sets))
