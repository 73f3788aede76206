"""Every setting with our miner, from a table of order lines to a table of itemsets: one line of JSON each."""

import baskets
import pandas as pd
import turns

from personalize import association_rules

association_rules.warm()


def load(name):
    """The table, and a call that knows nothing of an earlier one."""
    table = pd.read_parquet(baskets.path(name))
    return lambda count: association_rules.frequent_itemsets(table, min_count=count)


turns.take(load, lambda sets: len(sets))
