"""Does each product of a longer rule add something? Rules against their own shorter versions."""

import numpy as np
from scipy.special import betainc

from personalize.association_rules.mining import Itemsets


def against_shorter(found: Itemsets, hopes: np.ndarray) -> np.ndarray:
    """For each rule the largest p-value against the rules with one product of the antecedent left out.

    Parameters
    ----------
    found : the itemsets, all of whose subsets are at hand with their true counts.
    hopes : expected baskets of each itemset under the basket-size null, size by size.

    Returns
    -------
    One number a rule, itemset by itemset and consequent by consequent; 0 for rules between two products.

    Notes
    -----
    If X without x predicts y as well as X does, the baskets of X hold y with the chance that those of X without x
    do, times what the null says that basket size changes: c = n[X-x,y] / n[X-x] (E[Xy] / E[X]) / (E[X-x,y] / E[X-x]).
    p is the upper binomial tail of n[Xy] among n[X] trials of chance c. The test is strict where the products of X
    attract each other: their baskets are then smaller than the null, which needs big baskets to bring them together,
    takes them to be.

    References
    ----------
    Webb (2007), Discovering significant patterns, Machine Learning 68, section 3 (productive rules).
    """
    n = np.concatenate([np.empty(0, int), *(level.n for level in found.levels)]).astype(float)
    starts = np.cumsum([0, *(len(level.n) for level in found.levels)])
    worst = [np.zeros(found.levels[1].items.size)] if len(found.levels) > 1 else []
    for k in range(2, len(found.levels)):
        whole = np.arange(starts[k], starts[k + 1])
        part = found.subsets[k]
        columns = [
            _worst_of(k, consequent, (whole, part, found.subsets[k - 1]), (n, hopes, starts))
            for consequent in range(k + 1)
        ]
        worst.append(np.column_stack(columns).ravel())
    return np.concatenate([np.empty(0), *worst])


def _worst_of(
    k: int, consequent: int, places: tuple[np.ndarray, ...], known: tuple[np.ndarray, ...]
) -> np.ndarray:
    """The largest p-value over the products of the antecedent, for one place of the consequent."""
    whole, part, below = places
    n, hopes, starts = known
    antecedent = starts[k - 1] + part[:, consequent]
    worst = np.zeros(len(whole))
    for left_out in (column for column in range(k + 1) if column != consequent):
        shorter = starts[k - 1] + part[:, left_out]
        start = starts[k - 2] + below[part[:, left_out], consequent - (consequent > left_out)]
        size = hopes[whole] / hopes[antecedent] / (hopes[shorter] / hopes[start])
        chance = np.minimum(n[shorter] / n[start] * size, 1.0)
        worst = np.maximum(worst, betainc(n[whole], n[antecedent] - n[whole] + 1, chance))
    return worst
