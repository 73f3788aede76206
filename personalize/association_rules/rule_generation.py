"""Rules "who buys these also buys that": textbook measures, and what is left once basket size is
known."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from personalize.association_rules.eclat import mine
from personalize.association_rules.significance import tested
from personalize.association_rules.transactions import Baskets, encode


def rules(
    baskets: pd.DataFrame | Baskets,
    *,
    min_count: int,
    min_confidence: float = 0.0,
    theta: float = 1.0,
    max_size: int | None = None,
    consequents: Sequence[Any] | None = None,
) -> pd.DataFrame:
    """All rules antecedent => consequent with lift > theta, and which of them hold beyond basket
    size.

    Parameters
    ----------
    baskets : one row a product in an order: order_id, product_id. With a customer_id (and 80
        customers or more) intervals and p-values allow for baskets of one customer being alike.
    min_count : baskets that hold the whole rule, 1 or more (see `support_count` for a share).
    min_confidence : least share, 0 to 1, of the antecedent's baskets that hold the consequent too.
    theta : lift must be greater; 0 for all rules. See `recommended_theta` for a reasoned choice.
    max_size : most products in a rule; None for no limit.
    consequents : only rules that speak of these products; None for all. The correction stays that
        of the whole search, so that a rule is accepted here when it is accepted there.

    Returns
    -------
    DataFrame, one row a rule, most extra baskets first:
    antecedent (sorted tuple), consequent (tuple of one), n, n_antecedent, n_consequent (baskets),
    support, confidence, lift, leverage, conviction (inf at confidence 1), lift_low, lift_high,
    expected (baskets, were basket size and popularity all there is), extra = n - expected,
    adjusted_lift = n / expected, adjusted_low, adjusted_high, p_value, p_adjusted
    (Benjamini-Hochberg over all rules that the search looked at, not only over those shown),
    accepted (p_adjusted <= 0.05), productive (accepted also against every version of the rule with
    one product of the antecedent left out: each of them adds something).

    Raises
    ------
    TableError : as `frequent_itemsets`, and for consequents that no basket holds.

    Notes
    -----
    support = n / N; confidence = n / n_X; lift = confidence / P(Y); leverage = P(XY) - P(X) P(Y);
    conviction = (1 - P(Y)) / (1 - confidence).
    expected = n_X E[XY] / E[X] with the expectations of `BasketSizeNull`; p is the upper binomial
    tail of n among n_X trials of chance E[XY] / E[X]. Intervals are 95%: Poisson (gamma quantiles
    of n); with customers the wider of that and of a delete-a-group jackknife over 40 groups of
    customers, and p the larger of the two.

    References
    ----------
    Agrawal, Srikant (1994) VLDB; Brin, Motwani, Ullman, Tsur (1997) SIGMOD (lift, conviction); Webb
    (2007), Discovering significant patterns, Machine Learning 68; Benjamini, Hochberg (1995) JRSS B
    57.

    Examples
    --------
    >>> drinks = ["tea", "jam", "tea", "jam", "tea", "nut"]
    >>> baskets = pd.DataFrame({"order_id": [1, 1, 2, 2, 3, 4], "product_id": drinks})
    >>> shown = ["antecedent", "consequent", "n", "confidence", "lift"]
    >>> rules(baskets, min_count=2)[shown].round(2)
      antecedent consequent  n  confidence  lift
    0     (jam,)     (tea,)  2        1.00  1.33
    1     (tea,)     (jam,)  2        0.67  1.33
    """
    data = encode(baskets)
    if consequents is not None:
        data.check_known(consequents)
    found = mine(data, min_count=min_count, max_size=max_size)
    by_group = data.counts_by_customers(*found.items)
    table = tested(found, data, by_group)
    table = table[(table["confidence"] >= min_confidence) & (table["lift"] > theta)]
    if consequents is not None:
        table = table[table["consequent"].str[0].isin(list(consequents))]
    return table.reset_index(drop=True)


def lengths(sets: pd.Series) -> np.ndarray:
    """How many items each of the tuples has."""
    return np.fromiter(map(len, sets), int, count=len(sets))


def pairs(rules: pd.DataFrame) -> pd.DataFrame:
    """The rules with one product on each side, each pair once: the direction of higher
    confidence."""
    single = rules[lengths(rules["antecedent"]) == 1]
    sides = pd.concat([single["antecedent"], single["consequent"]])
    codes = np.sort(pd.factorize(sides)[0].reshape(2, -1), axis=0)
    best = single.assign(one=codes[0], other=codes[1])
    best = best.sort_values("confidence", ascending=False, kind="stable")
    return single[single.index.isin(best.drop_duplicates(["one", "other"]).index)]
