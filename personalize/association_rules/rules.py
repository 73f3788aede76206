"""Rules "who buys these also buys that": textbook measures, and what is left once basket size is known."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy.special import betainc, gammaincinv, stdtr, stdtrit

from personalize.association_rules.encoding import Baskets, encode
from personalize.association_rules.mining import MAX_SETS, Itemsets, mine, tuples
from personalize.association_rules.null import BasketSizeNull, shuffled
from personalize.association_rules.productive import against_shorter

LEVEL, Q, GROUPS, FEWEST_CUSTOMERS = 0.95, 0.05, 40, 80


def rules(
    baskets: pd.DataFrame,
    *,
    min_count: int,
    min_confidence: float = 0.0,
    theta: float = 1.0,
    max_size: int | None = None,
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
    TableError : as `frequent_itemsets`.

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
    table = _tested(found, _pieces(found))
    chosen = table[passes(table, min_confidence, theta)]
    return _named(found, chosen.sort_values(["extra", "set", "column"], ascending=[False, True, True]))


def _pieces(found: Itemsets) -> pd.DataFrame:
    """One row a rule of every itemset of two or more: its place, the antecedent's and the consequent's, as numbers."""
    starts = np.cumsum([0, *(len(level.n) for level in found.levels)])
    single = np.full(len(found.baskets.labels), -1)
    if found.levels:
        single[found.levels[0].items[:, 0]] = np.arange(starts[1])
    rows = [np.empty((4, 0), int)]
    for k in range(1, len(found.levels)):
        items = found.levels[k].items
        sets, columns = np.divmod(np.arange(items.size), k + 1)
        rows.append(
            np.stack([starts[k] + sets, columns, starts[k - 1] + found.subsets[k].ravel(), single[items].ravel()])
        )
    return pd.DataFrame(np.concatenate(rows, axis=1).T, columns=["set", "column", "from", "to"])


def _tested(found: Itemsets, pieces: pd.DataFrame) -> pd.DataFrame:
    """The rules with all their numbers."""
    null = BasketSizeNull().fit(found.baskets)
    n = np.concatenate([np.empty(0, int), *(level.n for level in found.levels)])
    hopes = np.concatenate([np.empty(0), *(null.expected(level.items) for level in found.levels)])
    both, first, second = (pieces[name].to_numpy() for name in ("set", "from", "to"))
    chance = np.minimum(hopes[both] / hopes[first], 1.0)
    table = pieces.assign(n=n[both], n_antecedent=n[first], n_consequent=n[second])
    groups = _group_counts(found)
    errors = None if groups is None else _clustered(groups, (both, first, second), found.baskets)
    judged = _judged(_textbook(table, found.baskets.n), chance, errors, looked_at=found.looked_at)
    p = np.maximum(judged["p_value"].to_numpy(), against_shorter(found, hopes))
    return judged.assign(productive=benjamini_hochberg(p, tests=found.looked_at) <= Q)


def _textbook(table: pd.DataFrame, n_baskets: int) -> pd.DataFrame:
    """Support, confidence, lift, leverage and conviction from the four counts."""
    n, first, second = (table[name].to_numpy(float) for name in ("n", "n_antecedent", "n_consequent"))
    confidence, share = n / first, second / n_baskets
    with np.errstate(divide="ignore"):
        conviction = np.where(confidence < 1, (1 - share) / np.where(confidence < 1, 1 - confidence, 1), np.inf)
    return table.assign(
        support=n / n_baskets,
        confidence=confidence,
        lift=n * n_baskets / (first * second),
        leverage=n / n_baskets - first / n_baskets * share,
        conviction=conviction,
    )


def _judged(table: pd.DataFrame, chance: np.ndarray, errors: np.ndarray | None, *, looked_at: int) -> pd.DataFrame:
    """Expected baskets, size-adjusted lift, intervals and p-values."""
    n, trials = table["n"].to_numpy(float), table["n_antecedent"].to_numpy(float)
    expected = trials * chance
    adjusted = n / expected
    low, high = poisson_interval(n)
    p = betainc(n, trials - n + 1, chance)
    if errors is not None:
        reach = np.exp(stdtrit(GROUPS - 1, (1 + LEVEL) / 2) * np.minimum(errors, 30.0))
        low, high = np.minimum(low, 1 / reach), np.maximum(high, reach)
        p = np.maximum(p, stdtr(GROUPS - 1, -np.log(adjusted) / np.maximum(errors, 1e-12)))
    p_adjusted = benjamini_hochberg(p, tests=looked_at)
    lift = table["lift"].to_numpy()
    return table.assign(
        lift_low=lift * low, lift_high=lift * high, expected=expected, extra=n - expected,
        adjusted_lift=adjusted, adjusted_low=adjusted * low, adjusted_high=adjusted * high,
        p_value=p, p_adjusted=p_adjusted, accepted=p_adjusted <= Q,
    )  # fmt: skip


def poisson_interval(n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The exact 95% interval of a Poisson mean, divided by the count n seen (n >= 1; Garwood 1936).

    >>> low, high = poisson_interval(np.array([10.0]))
    >>> (10 * low).round(3), (10 * high).round(3)
    (array([4.795]), array([18.39]))
    """
    tail, (counts, place) = (1 - LEVEL) / 2, np.unique(n, return_inverse=True)
    return (gammaincinv(counts, tail) / counts)[place], (gammaincinv(counts + 1, 1 - tail) / counts)[place]


def benjamini_hochberg(p: np.ndarray, *, tests: int) -> np.ndarray:
    """The p-values adjusted for `tests` comparisons, of which those without a p-value here count as 1.

    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03]), tests=4)
    array([0.04      , 0.05333333, 0.05333333])
    """
    order = np.argsort(p, kind="stable")
    stepped = p[order] * max(tests, len(p)) / np.arange(1, len(p) + 1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.minimum.accumulate(stepped[::-1])[::-1], 1.0)
    return adjusted


def _group_counts(found: Itemsets) -> tuple[np.ndarray, np.ndarray] | None:
    """Baskets with each itemset, and all baskets, in each of 40 groups of customers; None without customers."""
    data = found.baskets
    if data.customers is None or not found.levels or len(np.unique(data.customers)) < FEWEST_CUSTOMERS:
        return None
    group = data.customers % GROUPS
    sets = count_levels(data, [level.items for level in found.levels], group=group, groups=GROUPS)
    return np.concatenate(sets), np.bincount(group, minlength=GROUPS)


def _clustered(groups: tuple[np.ndarray, np.ndarray], places: Sequence[np.ndarray], data: Baskets) -> np.ndarray:
    """Standard error of log lift over customers: delete-a-group jackknife."""
    counts, all_baskets = groups
    logs = np.log(np.maximum(counts.sum(axis=1, keepdims=True) - counts, 0.5)).astype(np.float32)
    spread = np.log(data.n - all_baskets).astype(np.float32)
    chunks = (np.array_split(place, len(place) // 20_000 + 1) for place in places)
    deviations = [(logs[both] - logs[first] - logs[second] + spread).std(axis=1, dtype=float)
                  for both, first, second in zip(*chunks, strict=True)]  # fmt: skip
    return np.sqrt(GROUPS - 1) * np.concatenate(deviations)


def count_codes(data: Baskets, sets: np.ndarray, *, group: np.ndarray, groups: int) -> np.ndarray:
    """How many baskets of each group hold each set (rows of item codes, all of one size): (sets, groups)."""
    return count_levels(data, [sets], group=group, groups=groups)[0]


def count_levels(data: Baskets, levels: Sequence[np.ndarray], *, group: np.ndarray, groups: int) -> list[np.ndarray]:
    """`count_codes` for several arrays of sets: a bit row an item, a bit a basket, groups in words of their own."""
    from personalize.association_rules import kernels

    codes = np.unique(np.concatenate([np.empty(0, int), *(sets.ravel() for sets in levels if sets.shape[1] > 1)]))
    rank = np.full(len(data.labels), -1)
    rank[codes] = np.arange(len(codes))
    inside = np.bincount(group, minlength=groups)
    ends = np.concatenate([[0], np.cumsum((inside + 63) // 64)])
    slot, order = np.empty(data.n, np.int64), np.argsort(group, kind="stable")
    slot[order] = np.arange(data.n) + np.repeat(64 * ends[:-1] - (np.cumsum(inside) - inside), inside)
    rows = np.zeros((len(codes), int(ends[-1])), np.uint64)
    kernels.bit_rows(data.starts, data.items, rank, slot, rows)
    counts = [np.zeros((len(sets), groups), np.int64) for sets in levels]
    for sets, table in zip(levels, counts, strict=True):
        if sets.shape[1] > 1:
            kernels.count_groups(rows, rank[sets], ends, table)
        else:
            lines = data.items * groups + group[data.basket]
            table[:] = np.bincount(lines, minlength=len(data.labels) * groups).reshape(-1, groups)[sets[:, 0]]
    return counts


def _named(found: Itemsets, table: pd.DataFrame) -> pd.DataFrame:
    """The rules with labels in place of numbers."""
    table = table.reset_index(drop=True)
    starts = np.cumsum([0, *(len(level.n) for level in found.levels)])
    antecedent, consequent = (np.empty(len(table), object) for _ in range(2))
    for k in range(1, len(found.levels)):
        rows = np.flatnonzero((table["set"] >= starts[k]) & (table["set"] < starts[k + 1]))
        items, column = (
            found.levels[k].items[table["set"].to_numpy()[rows] - starts[k]],
            table["column"].to_numpy()[rows],
        )
        others = items[np.arange(k + 1) != column[:, None]].reshape(-1, k)
        _fill(antecedent, rows, tuples(found.baskets.labels, others))
        _fill(consequent, rows, tuples(found.baskets.labels, items[np.arange(len(rows)), column][:, None]))
    names = pd.DataFrame(
        {"antecedent": pd.Series(antecedent, dtype=object), "consequent": pd.Series(consequent, dtype=object)}
    )
    return pd.concat([names, table[NUMBERS]], axis=1)


NUMBERS = [
    "n", "n_antecedent", "n_consequent", "support", "confidence", "lift", "lift_low", "lift_high", "leverage",
    "conviction", "expected", "extra", "adjusted_lift", "adjusted_low", "adjusted_high", "p_value", "p_adjusted",
    "accepted", "productive",
]  # fmt: skip


def _fill(names: np.ndarray, rows: np.ndarray, values: Iterator[tuple]) -> None:
    for row, value in zip(rows.tolist(), values, strict=True):
        names[row] = value


THETAS = tuple(k / 10 for k in range(10, 51))


def theta_curve(
    baskets: pd.DataFrame, *, min_count: int, seed: int, min_confidence: float = 0.0, thetas: Sequence[float] = THETAS
) -> pd.DataFrame:
    """How many rules pass each theta, in the real baskets and in shuffled ones that hold no association.

    Parameters
    ----------
    baskets, min_count, min_confidence : as in `rules`.
    seed : of the shuffle.
    thetas : thresholds, ascending.

    Returns
    -------
    DataFrame, one row a measure and theta: measure ("lift" or "adjusted lift"), theta, real, shuffled (rules
    above theta), false_share = shuffled / real, at most 1 (0 where both are 0).
    """
    frames = [rules(data, min_count=min_count, min_confidence=min_confidence, theta=0)
              for data in (baskets, shuffled(baskets, seed=seed))]  # fmt: skip
    return curve(*frames, thetas=thetas)


def curve(real: pd.DataFrame, control: pd.DataFrame, *, thetas: Sequence[float] = THETAS) -> pd.DataFrame:
    """`theta_curve` from two tables of rules (theta=0) made before: of real and of shuffled baskets."""
    steps, parts = np.asarray(thetas, float), []
    for measure in ("lift", "adjusted_lift"):
        real_n, control_n = (
            len(table) - np.searchsorted(np.sort(table[measure].to_numpy()), steps, side="right")
            for table in (real, control)
        )
        share = np.minimum(control_n / np.maximum(real_n, 1), 1.0)
        columns = {"theta": steps, "real": real_n, "shuffled": control_n, "false_share": share}
        parts.append(pd.DataFrame({"measure": measure.replace("_", " "), **columns}))
    return pd.concat(parts, ignore_index=True)


def survivors(real: pd.DataFrame, control: pd.DataFrame, *, min_confidence: float, theta: float) -> pd.DataFrame:
    """What each way of judging rules finds in real baskets, and in shuffled ones where there is nothing to find.

    Parameters
    ----------
    real, control : rules (theta=0) of real and of shuffled baskets.
    min_confidence, theta : the textbook's thresholds.

    Returns
    -------
    DataFrame, one row a judgement: rules, real, shuffled (counts), false_share = shuffled / real (at most 1; nan
    where neither finds any).
    """
    judged = {
        "all rules": lambda t: np.ones(len(t), bool),
        "lift > 1": lambda t: t["lift"] > 1,
        f"lift > {theta:g} and confidence >= {min_confidence:g}": lambda t: passes(t, min_confidence, theta),
        "accepted beyond basket size": lambda t: t["accepted"],
        "passed and accepted": lambda t: t["accepted"] & passes(t, min_confidence, theta),
        "passed, accepted, every product adds": lambda t: t["productive"] & passes(t, min_confidence, theta),
    }
    table = pd.DataFrame([(name, int(f(real).sum()), int(f(control).sum())) for name, f in judged.items()],
                         columns=["rules", "real", "shuffled"])  # fmt: skip
    either = table[["real", "shuffled"]].max(axis=1)
    return table.assign(false_share=(table["shuffled"] / table["real"].clip(lower=1)).clip(upper=1).where(either > 0))


def passes(rules: pd.DataFrame, min_confidence: float, theta: float) -> pd.Series:
    """Which rules pass the textbook's thresholds: confidence at least the minimum, lift greater than theta."""
    return (rules["confidence"] >= min_confidence) & (rules["lift"] > theta)


def pairs(rules: pd.DataFrame) -> pd.DataFrame:
    """The rules with one product on each side, each pair once: the direction of higher confidence."""
    single = rules[rules["antecedent"].str.len() == 1]
    first, second = (single[side].str[0].to_list() for side in ("antecedent", "consequent"))
    codes = pd.factorize(pd.Series(first + second, dtype=object))[0].reshape(2, -1)
    pair = codes.min(axis=0) * (codes.max(initial=0) + 1) + codes.max(axis=0, initial=0)
    best = single.assign(pair=pair).sort_values("confidence", ascending=False, kind="stable").drop_duplicates("pair")
    return single.loc[single.index.isin(best.index)]


def by_length(real: pd.DataFrame, control: pd.DataFrame) -> pd.DataFrame:
    """Lift by the number of products in a rule, in real and in shuffled baskets: basket size alone makes it grow.

    Returns
    -------
    DataFrame, one row a number of products: products, rules (real), lift, adjusted_lift (medians, real),
    shuffled_lift, shuffled_adjusted_lift (medians, shuffled; nan where there is no such rule).
    """
    parts = [
        table.groupby(table["antecedent"].str.len().astype(int) + 1)[["lift", "adjusted_lift"]].median()
        for table in (real, control)
    ]
    joined = parts[0].join(parts[1].add_prefix("shuffled_"))
    joined.insert(0, "rules", real["antecedent"].str.len().astype(int).add(1).value_counts())
    return joined.rename_axis("products").reset_index()


def recommended_theta(table: pd.DataFrame, *, tolerance: float = 0.05) -> float:
    """The smallest theta from which on lift lets through at most `tolerance` false rules; nan where none does.

    >>> recommended_theta(pd.DataFrame({"measure": "lift", "theta": [1.0, 2.0], "false_share": [0.4, 0.01]}))
    2.0
    """
    lift = table[table["measure"] == "lift"].sort_values("theta")
    bad = lift["false_share"].to_numpy() > tolerance
    first = bad.size - np.argmax(bad[::-1]) if bad.any() else 0
    return float(lift["theta"].iloc[first]) if first < len(lift) else float("nan")


def warm() -> None:
    """Compile the inner loops, or find them compiled: run once at set-up, so that no report waits for it."""
    toy = encode(pd.DataFrame({"order_id": [1, 1, 1, 2, 2, 2], "product_id": list("abcabc")}))
    found = mine(toy, min_count=1)
    count_codes(toy, found.levels[1].items, group=np.zeros(toy.n, np.int64), groups=1)
    shuffled(pd.DataFrame({"order_id": [1, 2], "product_id": ["a", "b"]}), seed=0)
