"""Products bought together: exact itemsets and rules, and which of them are more than big baskets.

    lines = pz.association_rules.baskets(tables, level="subcategory")  # a DataFrame: order_id,
    product_id baskets = pz.association_rules.encode(lines)  # its arrays, made once where several
    questions follow found = pz.association_rules.rules(baskets, min_count=156, theta=1.2)
    found[found.accepted]

A rule's lift says how much oftener products meet than if each basket drew them independently.
Baskets differ in size, so in any shop nearly all pairs have lift > 1: `shuffled` baskets, which
hold no association at all, show it. `rules` therefore also states the size-adjusted lift and
accepts a rule only against that null. The first call on a new machine compiles the inner loops
(some seconds, once); `warm` does it ahead of time.
"""

from importlib import import_module
from typing import Any

from personalize.association_rules.cross_selling import (
    bundles,
    cross_sell,
    named,
    pair_names,
    substitutes,
)
from personalize.association_rules.eclat import frequent_itemsets, itemsets
from personalize.association_rules.multilevel import cross_level, group_lifts, parents
from personalize.association_rules.rule_generation import pairs, rules
from personalize.association_rules.sequence import direction
from personalize.association_rules.significance import passes
from personalize.association_rules.size_null import BasketSizeNull
from personalize.association_rules.transactions import (
    Baskets,
    basket_sizes,
    baskets,
    encode,
    spend,
    support_count,
    usable_level,
    visits,
)
from personalize.association_rules.validation import (
    Control,
    curve,
    kept,
    known_until,
    lists_compared,
    recommended_theta,
    shuffled,
    warm,
)
from personalize.deprecation import renamed

__all__ = [
    "BasketSizeNull",
    "Baskets",
    "Control",
    "NextProduct",
    "basket_sizes",
    "baskets",
    "bundles",
    "cross_level",
    "cross_sell",
    "curve",
    "direction",
    "encode",
    "frequent_itemsets",
    "group_lifts",
    "itemsets",
    "kept",
    "known_until",
    "lists_compared",
    "named",
    "next_product_trial",
    "pair_names",
    "pairs",
    "parents",
    "passes",
    "recommended_theta",
    "rules",
    "shuffled",
    "spend",
    "substitutes",
    "support_count",
    "trial_scores",
    "usable_level",
    "visits",
    "warm",
]

_old_name = renamed(__name__, {"survivors": "Control"})


def __getattr__(name: str) -> Any:
    """The recommender brings scikit-learn with it: loaded when it is asked for."""
    if name in ("NextProduct", "next_product_trial", "trial_scores"):
        return getattr(import_module("personalize.association_rules.next_product"), name)
    return _old_name(name)
