"""Rules "who buys these also buys that": textbook measures, and what is left once basket size is known."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from personalize.association_rules.counting import clustered, group_counts
from personalize.association_rules.judging import Q, benjamini_hochberg, classic, judged
from personalize.association_rules.mining import MAX_SETS, Itemsets, mine
from personalize.association_rules.null import null_of
from personalize.association_rules.productive import against_shorter
from personalize.tables import TableError

NUMBERS = [
    "n", "n_antecedent", "n_consequent", "support", "confidence", "lift", "lift_low", "lift_high", "leverage",
    "conviction", "expected", "extra", "adjusted_lift", "adjusted_low", "adjusted_high", "p_value", "p_adjusted",
    "accepted", "productive",
]  # fmt: skip


def rules(
    baskets: pd.DataFrame,
    *,
    min_count: int,
    min_confidence: float = 0.0,
    theta: float = 1.0,
    max_size: int | None = None,
    consequents: Sequence[Any] | None = None,
) -> pd.DataFrame:
    """All rules antecedent => consequent with lift > theta, and which of them hold beyond basket size.

    Parameters
    ----------
    baskets : one row a product in an order: order_id, product_id. With a customer_id (and 80 customers or more)
        intervals and p-values allow for baskets of one customer being alike.
    min_count : baskets that hold the whole rule, 1 or more (see `support_count` for a share).
    min_confidence : least share, 0 to 1, of the antecedent's baskets that hold the consequent too.
    theta : lift must be greater; 0 for all rules. See `theta_curve` for a reasoned choice.
    max_size : most products in a rule; None for no limit.
    consequents : only rules that speak of these products; None for all. The correction stays that of the whole
        search, so that a rule is accepted here when it is accepted there.

    Returns
    -------
    DataFrame, one row a rule, most extra baskets first:
    antecedent (sorted tuple), consequent (tuple of one), n, n_antecedent, n_consequent (baskets), support,
    confidence, lift, lift_low, lift_high, leverage, conviction (inf at confidence 1),
    expected (baskets, were basket size and popularity all there is), extra = n - expected,
    adjusted_lift = n / expected, adjusted_low, adjusted_high, p_value, p_adjusted (Benjamini-Hochberg over all
    rules that the search looked at, not only over those shown), accepted (p_adjusted <= 0.05), productive (accepted
    also against every version of the rule with one product of the antecedent left out: each of them adds something).

    Raises
    ------
    TableError : as `frequent_itemsets`, and for consequents that no basket holds.

    Notes
    -----
    support = n / N; confidence = n / n_X; lift = confidence / P(Y); leverage = P(XY) - P(X) P(Y);
    conviction = (1 - P(Y)) / (1 - confidence).
    expected = n_X E[XY] / E[X] with the expectations of `BasketSizeNull`; p is the upper binomial tail of n among
    n_X trials of chance E[XY] / E[X]. Intervals are 95%: Poisson (gamma quantiles of n); with customers the wider
    of that and of a delete-a-group jackknife over 40 groups of customers, and p the larger of the two.

    References
    ----------
    Agrawal, Srikant (1994) VLDB; Brin, Motwani, Ullman, Tsur (1997) SIGMOD (lift, conviction); Webb (2007),
    Discovering significant patterns, Machine Learning 68; Benjamini, Hochberg (1995) JRSS B 57.

    Examples
    --------
    >>> drinks = ["tea", "jam", "tea", "jam", "tea", "nut"]
    >>> baskets = pd.DataFrame({"order_id": [1, 1, 2, 2, 3, 4], "product_id": drinks})
    >>> rules(baskets, min_count=2)[["antecedent", "consequent", "n", "confidence", "lift"]].round(2)
      antecedent consequent  n  confidence  lift
    0     (jam,)     (tea,)  2        1.00  1.33
    1     (tea,)     (jam,)  2        0.67  1.33
    """
    found = mine(baskets, min_count=min_count, max_size=max_size, max_sets=MAX_SETS)
    table = _tested(found, textbook(found))
    chosen = passes(table, min_confidence, theta) & _wanted(found, table, consequents)
    return with_names(found, table if chosen.all() else table[chosen], NUMBERS)


def textbook(found: Itemsets) -> pd.DataFrame:
    """Every rule of itemsets already mined, as numbers, with its counts and the classic measures.

    Returns
    -------
    DataFrame, one row a rule: set, from, to (places of its itemset, its antecedent and its consequent), n,
    n_antecedent, n_consequent, support, confidence, lift, leverage, conviction.
    """
    table, counts = _pieces(found), found.counts
    n, first, second = (counts[table[name].to_numpy()] for name in ("set", "from", "to"))
    return pd.concat([table, classic(n, (first, second), found.baskets.n)], axis=1)


def _pieces(found: Itemsets) -> pd.DataFrame:
    """One row a rule of every itemset of two or more: its place, the antecedent's and the consequent's, as numbers."""
    starts = np.cumsum([0, *(len(level.n) for level in found.levels)])
    single = np.full(len(found.baskets.labels), -1)
    if found.levels:
        single[found.levels[0].items[:, 0]] = np.arange(starts[1])
    rows = [np.empty((3, 0), int)]
    for k in range(1, len(found.levels)):
        items = found.levels[k].items
        sets = starts[k] + np.repeat(np.arange(len(items)), k + 1)
        rows.append(
            np.stack([sets, starts[k - 1] + found.subsets[k].ravel(), single[items].ravel()])
        )
    places = np.concatenate(rows, axis=1)
    return pd.DataFrame(dict(zip(("set", "from", "to"), places, strict=True)), copy=False)


def _tested(found: Itemsets, table: pd.DataFrame) -> pd.DataFrame:
    """The rules with all their numbers, most extra baskets first."""
    null = null_of(found.baskets)
    hopes = np.concatenate([np.empty(0), *(null.expected(level.items) for level in found.levels)])
    chance = np.minimum(hopes[table["set"]] / hopes[table["from"]], 1.0)
    order = np.argsort(
        table["n_antecedent"].to_numpy() * chance - table["n"].to_numpy(), kind="stable"
    )
    table = table.take(order)
    groups = group_counts(found.baskets, [level.items for level in found.levels])
    places = [table[name].to_numpy() for name in ("set", "from", "to")]
    errors = None if groups is None else clustered(groups, places, found.baskets)
    table = judged(table, chance[order], errors, looked_at=found.looked_at)
    p = np.maximum(table["p_value"].to_numpy(), against_shorter(found, hopes)[order])
    return table.assign(productive=benjamini_hochberg(p, tests=found.looked_at) <= Q)


def _wanted(found: Itemsets, table: pd.DataFrame, consequents: Sequence[Any] | None) -> np.ndarray:
    """Which rules speak of one of the products asked for; all where none is named."""
    if consequents is None:
        return np.ones(len(table), bool)
    codes = {label: code for code, label in enumerate(found.baskets.labels.tolist())}
    if unknown := [product for product in consequents if product not in codes]:
        raise TableError(
            f"consequents: {unknown[:5]} ({len(unknown):,} in all) are in none of the {found.baskets.n:,} baskets; "
            "name products as the column product_id has them"
        )
    wanted = np.isin(found.levels[0].items[:, 0], [codes[product] for product in consequents])
    return wanted[table["to"].to_numpy()]


def with_names(found: Itemsets, table: pd.DataFrame, numbers: list[str]) -> pd.DataFrame:
    """The rules with labels in place of numbers and the columns asked for; equal sides are one tuple."""
    names = np.fromiter(found.names(), dtype=object, count=len(found.counts))
    sides = {
        "antecedent": names[table["from"].to_numpy()],
        "consequent": names[table["to"].to_numpy()],
    }
    return pd.DataFrame(sides | {name: table[name].to_numpy() for name in numbers}, copy=False)


def passes(rules: pd.DataFrame, min_confidence: float, theta: float) -> pd.Series:
    """Which rules pass the textbook's thresholds: confidence at least the minimum, lift greater than theta."""
    return (rules["confidence"] >= min_confidence) & (rules["lift"] > theta)


def lengths(sets: pd.Series) -> np.ndarray:
    """How many items each of the tuples has."""
    return np.fromiter(map(len, sets), int, count=len(sets))


def pairs(rules: pd.DataFrame) -> pd.DataFrame:
    """The rules with one product on each side, each pair once: the direction of higher confidence."""
    single = rules[lengths(rules["antecedent"]) == 1]
    first, second = ([items[0] for items in single[side]] for side in ("antecedent", "consequent"))
    codes = pd.factorize(pd.Series(first + second, dtype=object))[0].reshape(2, -1)
    pair = codes.min(axis=0) * (codes.max(initial=0) + 1) + codes.max(axis=0, initial=0)
    best = (
        single.assign(pair=pair)
        .sort_values("confidence", ascending=False, kind="stable")
        .drop_duplicates("pair")
    )
    return single.loc[single.index.isin(best.index)]
