import baskets
import clock

from personalize import association_rules

table = baskets.table("types")
association_rules.frequent_itemsets(table.head(1000), min_count=100)  # the compiled code is loaded


def work():
    return association_rules.frequent_itemsets(table, min_count=156)


clock.report(work, lambda sets: len(sets))
