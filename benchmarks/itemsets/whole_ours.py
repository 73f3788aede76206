"""A whole process of ours: imports, an Arrow file of order lines, and its itemsets or all its rules, tested."""

import sys

import baskets
import clock

from personalize import association_rules

WORK = {
    "sets": lambda: association_rules.frequent_itemsets(baskets.table("types"), min_count=156),
    "rules": lambda: association_rules.rules(baskets.table("types"), min_count=156, theta=0),
}
clock.report(WORK[sys.argv[1]], lambda table: len(table))
