import baskets
import clock
import pandas as pd

from personalize.association_rules.mining import mine
from personalize.association_rules.rules import passes, textbook, with_names

found = mine(pd.read_parquet(baskets.path("types")), min_count=156)


def work():
    rules = textbook(found)
    return with_names(found, rules[passes(rules, 0.3, 0)], list(rules.columns[4:]))


clock.report(work, lambda rules: len(rules))
