import baskets
import clock

from personalize.association_rules.eclat import mine
from personalize.association_rules.significance import passes, textbook
from personalize.association_rules.transactions import encode

data = encode(baskets.table("types"))
found = mine(data, min_count=156)


def work():
    rules = textbook(found, data.n)
    return rules[passes(rules, 0.3, 0)]


clock.report(work, lambda rules: len(rules))
