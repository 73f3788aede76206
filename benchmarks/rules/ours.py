import baskets
import clock

from personalize.association_rules.mining import mine
from personalize.association_rules.rules import passes, textbook, with_names

found = mine(baskets.table("types"), min_count=156)


def work():
    rules = textbook(found)
    return with_names(found, rules[passes(rules, 0.3, 0)], list(rules.columns[3:]))


clock.report(work, lambda rules: len(rules))
