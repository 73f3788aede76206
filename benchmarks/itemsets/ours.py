import baskets
import clock
import pandas as pd

from personalize import association_rules

table = pd.read_parquet(baskets.path("types"))
association_rules.frequent_itemsets(table.head(1000), min_count=100)  # the compiled code is loaded


def work():
    return association_rules.frequent_itemsets(table, min_count=156)


clock.report(work, lambda sets: len(sets))
