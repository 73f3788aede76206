"""Products bought together: exact itemsets and rules, and which of them are more than big baskets.

    baskets = pz.association_rules.baskets(tables, level="subcategory")
    found = pz.association_rules.rules(baskets, min_count=156, theta=1.2)
    found[found.accepted]

A rule's lift says how much oftener products meet than if each basket drew them independently. Baskets differ in
size, so in any shop nearly all pairs have lift > 1: `shuffled` baskets, which hold no association at all, show it.
`rules` therefore also states the size-adjusted lift and accepts a rule only against that null.
The first call on a new machine compiles the inner loops (some seconds, once); `warm` does it ahead of time.
"""

from personalize.association_rules.bundles import bundles
from personalize.association_rules.control import (
    by_length,
    curve,
    recommended_theta,
    survivors,
    theta_curve,
    warm,
)
from personalize.association_rules.direction import direction, visits
from personalize.association_rules.encoding import (
    basket_sizes,
    baskets,
    spend,
    support_count,
    usable_level,
)
from personalize.association_rules.glossary import about, pair_names, spoken
from personalize.association_rules.itemsets import itemsets
from personalize.association_rules.later import holdout, kept, known_until, lists_compared
from personalize.association_rules.levels import cross_level, group_lifts, parents
from personalize.association_rules.measures import measures
from personalize.association_rules.mining import by_size, frequent_itemsets
from personalize.association_rules.next_product import NextProduct, next_product_trial, trial_scores
from personalize.association_rules.null import BasketSizeNull, shuffled
from personalize.association_rules.rules import pairs, passes, rules
from personalize.association_rules.use import cross_sell, named, substitutes

__all__ = [
    "BasketSizeNull", "NextProduct", "about", "basket_sizes", "baskets", "bundles", "by_length", "by_size",
    "cross_level", "cross_sell", "curve", "direction", "frequent_itemsets", "group_lifts", "holdout", "itemsets",
    "kept", "known_until", "lists_compared", "measures", "named", "next_product_trial", "pair_names", "pairs",
    "parents", "passes", "recommended_theta", "rules", "shuffled", "spend", "spoken", "substitutes", "support_count",
    "survivors", "theta_curve", "trial_scores", "usable_level", "visits", "warm",
]  # fmt: skip
