"""When is a rule more than basket size? Intervals, p-values and their correction for all that was
looked at."""

import numpy as np
import pandas as pd
from scipy.special import betainc, gammaincinv, stdtr, stdtrit

from personalize.association_rules.eclat import Itemsets
from personalize.association_rules.transactions import GROUPS, Baskets
from personalize.inference import adjust

LEVEL, Q = 0.95, 0.05


def textbook(found: Itemsets, n_baskets: int) -> pd.DataFrame:
    """Every rule of itemsets already mined, with its counts and the classic measures.

    Returns
    -------
    DataFrame, one row a rule: antecedent, consequent (tuples), n, n_antecedent, n_consequent,
    support, confidence, lift, leverage, conviction.
    """
    sides, counts = found.names[found.splits[1:]], found.counts[found.splits]
    table = measures(counts[0], (counts[1], counts[2]), n_baskets)
    table.insert(0, "antecedent", sides[0])
    table.insert(1, "consequent", sides[1])
    return table


def measures(n: np.ndarray, sides: tuple[np.ndarray, np.ndarray], n_baskets: int) -> pd.DataFrame:
    """The counts of rules (baskets with both sides, with each side) and the textbook's measures
    from them."""
    first, second = sides
    confidence, share = n / first, second / max(1, n_baskets)
    support, fails = n / max(1, n_baskets), 1 - confidence
    with np.errstate(divide="ignore", invalid="ignore"):
        conviction = np.where(fails > 0, (1 - share) / fails, np.inf)
    columns = {
        "n": n,
        "n_antecedent": first,
        "n_consequent": second,
        "support": support,
        "confidence": confidence,
        "lift": confidence / share,
        "leverage": support - first / max(1, n_baskets) * share,
        "conviction": conviction,
    }
    return pd.DataFrame(columns, copy=False)


def passes(rules: pd.DataFrame, min_confidence: float, theta: float) -> pd.Series:
    """Which rules pass the textbook's thresholds: confidence at least the minimum, lift greater
    than theta."""
    return (rules["confidence"] >= min_confidence) & (rules["lift"] > theta)


def tested(found: Itemsets, data: Baskets, by_group: np.ndarray | None) -> pd.DataFrame:
    """The rules of itemsets with all their numbers, most extra baskets first.

    Parameters
    ----------
    found, data : itemsets, and the baskets that they were mined from.
    by_group : baskets with each itemset by group of customers, or None.
    """
    table, splits = textbook(found, data.n), found.splits
    expected = np.concatenate([np.empty(0), *map(data.null.expected, found.items)])
    chance = np.minimum(expected[splits[0]] / expected[splits[1]], 1.0)
    shorter = against_shorter(found, expected)
    extra = table["n"].to_numpy() - table["n_antecedent"].to_numpy() * chance
    order = np.argsort(-extra, kind="stable")
    errors = clustered_errors(by_group, splits[:, order], data)
    table = judged(table.take(order), chance[order], errors, looked_at=found.looked_at)
    p = np.maximum(table["p_value"].to_numpy(), shorter[order])
    return table.assign(productive=adjust(p, method="bh", tests=found.looked_at) <= Q)


def judged(
    table: pd.DataFrame, chance: np.ndarray, errors: np.ndarray | None, *, looked_at: int
) -> pd.DataFrame:
    """The rules with expected baskets, size-adjusted lift, intervals and p-values.

    Parameters
    ----------
    table : one row a rule, with n, n_antecedent and lift.
    chance : of the consequent in a basket with the antecedent, were basket size and popularity all
        there is.
    errors : from `clustered_errors`.
    looked_at : comparisons that the correction is for.
    """
    n, trials = table["n"].to_numpy(float), table["n_antecedent"].to_numpy(float)
    expected = trials * chance
    adjusted, lift = n / expected, table["lift"].to_numpy()
    low, high = poisson_interval(n)
    p = betainc(n, trials - n + 1, chance)
    if errors is not None:
        reach = np.exp(t_quantile() * np.minimum(errors, 30.0))
        low, high = np.minimum(low, 1 / reach), np.maximum(high, reach)
        p = np.maximum(p, stdtr(GROUPS - 1, -np.log(adjusted) / np.maximum(errors, 1e-12)))
    p_adjusted = adjust(p, method="bh", tests=looked_at)
    return table.assign(
        lift_low=lift * low,
        lift_high=lift * high,
        expected=expected,
        extra=n - expected,
        adjusted_lift=adjusted,
        adjusted_low=adjusted * low,
        adjusted_high=adjusted * high,
        p_value=p,
        p_adjusted=p_adjusted,
        accepted=p_adjusted <= Q,
    )


def clustered_errors(
    by_group: np.ndarray | None, places: np.ndarray, data: Baskets
) -> np.ndarray | None:
    """Standard error of log lift over customers: delete-a-group jackknife; None where it cannot be
    told.

    Parameters
    ----------
    by_group : baskets with each set by group of customers, from `counts_by_customers`.
    places : three rows, a column a rule: its set, its antecedent, its consequent among those sets.
    data : the baskets.
    """
    if by_group is None:
        return None
    left = np.maximum(by_group.sum(axis=1, keepdims=True) - by_group, 0.5)
    logs = np.log(left).astype(np.float32)
    baskets = np.log(data.n - np.bincount(data.group, minlength=GROUPS)).astype(np.float32)
    deviations = []
    for both, first, second in np.array_split(places, places.shape[1] // 20_000 + 1, axis=1):
        lift = logs[both] - logs[first] - logs[second] + baskets
        deviations.append(lift.std(axis=1, dtype=float))
    return np.sqrt(GROUPS - 1) * np.concatenate(deviations)


def against_shorter(found: Itemsets, expected: np.ndarray) -> np.ndarray:
    """For each rule the largest p-value against the rules with one product of the antecedent left
    out.

    Parameters
    ----------
    found : the itemsets, all of whose subsets are at hand with their true counts.
    expected : baskets of each itemset under the basket-size null.

    Returns
    -------
    One number a rule, itemset by itemset and consequent by consequent; 0 for rules between two
    products.

    Notes
    -----
    If X without x predicts y as well as X does, the baskets of X hold y with the chance that those
    of X without x do, times what the null says that basket size changes: c = n[X-x,y] / n[X-x]
    (E[Xy] / E[X]) / (E[X-x,y] / E[X-x]). p is the upper binomial tail of n[Xy] among n[X] trials of
    chance c. The test is strict where the products of X attract each other: their baskets are then
    smaller than the null, which needs big baskets to bring them together, takes them to be.

    References
    ----------
    Webb (2007), Discovering significant patterns, Machine Learning 68, section 3 (productive
    rules).
    """
    n, starts = found.counts.astype(float), found.starts
    p_values = [np.zeros(items.size) for items in found.items[1:2]]
    for k in range(2, len(found.items)):
        sets = np.arange(starts[k], starts[k + 1])
        smaller = found.without[k]
        worst = np.zeros(smaller.shape)
        for consequent in range(k + 1):
            antecedent = starts[k - 1] + smaller[:, consequent]
            for left_out in range(k + 1):
                if left_out == consequent:
                    continue
                shorter = starts[k - 1] + smaller[:, left_out]
                column = consequent - (consequent > left_out)
                start = starts[k - 2] + found.without[k - 1][smaller[:, left_out], column]
                size = expected[sets] / expected[antecedent] / (expected[shorter] / expected[start])
                chance = np.minimum(n[shorter] / n[start] * size, 1.0)
                p = betainc(n[sets], n[antecedent] - n[sets] + 1, chance)
                worst[:, consequent] = np.maximum(worst[:, consequent], p)
        p_values.append(worst.ravel())
    return np.concatenate([np.empty(0), *p_values])


def poisson_interval(n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The exact 95% interval of a Poisson mean, divided by the count n seen (n >= 1; Garwood 1936).

    >>> low, high = poisson_interval(np.array([10.0]))
    >>> (10 * low).round(3), (10 * high).round(3)
    (array([4.795]), array([18.39]))
    """
    tail = (1 - LEVEL) / 2
    counts, place = np.unique(n, return_inverse=True)
    low, high = gammaincinv(counts, tail) / counts, gammaincinv(counts + 1, 1 - tail) / counts
    return low[place], high[place]


def t_quantile(groups: int = GROUPS) -> float:
    """How many standard errors a 95% interval reaches to each side: t with as many degrees of
    freedom as groups less one."""
    return float(stdtrit(groups - 1, (1 + LEVEL) / 2))


def jackknife_reach(left_out: np.ndarray) -> np.ndarray:
    """How far the 95% interval of an estimate reaches, from its values with each group of customers
    left out.

    The delete-a-group jackknife (Kott 2001) with as many t degrees of freedom as groups less one;
    columns are groups.
    """
    groups = left_out.shape[-1]
    return t_quantile(groups) * np.sqrt(groups - 1) * left_out.std(axis=-1)
