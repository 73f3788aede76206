"""Do rules last? The same sets counted again in baskets that came later."""

from collections.abc import Iterable, Mapping
from itertools import chain

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from personalize.association_rules.counting import count_codes, count_levels
from personalize.association_rules.encoding import Baskets, encode
from personalize.association_rules.judging import GROUPS, LEVEL, over_groups
from personalize.association_rules.null import BasketSizeNull, null_of
from personalize.association_rules.rules import lengths, pairs
from personalize.tables import Tables

LISTS = {
    "extra baskets": "extra",
    "baskets with both": "n",
    "confidence": "confidence",
    "lift": "lift",
}


def known_until(tables: Tables, as_of: str = "", *, share: float = 0.75) -> pd.Timestamp:
    """The last day whose orders may be used: `as_of`, or when empty the end of the first three quarters of the days.

    Raises
    ------
    TableError : when `as_of` is no date or outside the data.
    """
    if as_of:
        tables.until(as_of)  # refuses what is no day of the data
        return pd.Timestamp(as_of).normalize()
    return tables.start + pd.Timedelta(days=int((tables.end - tables.start).days * share))


def holdout(rules: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    """What became of the rules in later baskets: the same sets counted again, nothing mined anew.

    Parameters
    ----------
    rules : from `rules` on earlier baskets.
    later : baskets that the rules have not seen (order_id, product_id).

    Returns
    -------
    DataFrame, one row a rule in the order given: antecedent, consequent, accepted, lift, adjusted_lift, n_later,
    n_antecedent_later, expected_later, lift_later, adjusted_lift_later (the last three nan where the antecedent or
    the consequent is not sold later).
    """
    return _held_out(rules, encode(later))[0]


def _held_out(rules: pd.DataFrame, data: Baskets) -> tuple[pd.DataFrame, np.ndarray]:
    """`holdout`, and for each rule whether its later adjusted lift is above 1 with each group of customers left out."""
    null = null_of(data)
    sides = [rules["antecedent"] + rules["consequent"], rules["antecedent"], rules["consequent"]]
    counts, hopes, place = _recounted(data, null, pd.concat(sides, ignore_index=True))
    both, first, second = np.split(place, len(sides))
    n, n_first, n_second = (counts.sum(axis=1)[side] for side in (both, first, second))
    left = counts.sum(axis=1, keepdims=True) - counts
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = np.minimum(hopes[both] / hopes[first], 1.0)
        lift, adjusted = n * data.n / (n_first * n_second), n / (n_first * chance)
        without = left[both] > left[first] * chance[:, None]
    table = rules[["antecedent", "consequent", "accepted", "lift", "adjusted_lift"]].assign(
        n_later=n.astype(int),
        n_antecedent_later=n_first.astype(int),
        expected_later=np.where(n_second, n_first * chance, np.nan),
        lift_later=lift,
        adjusted_lift_later=np.where(n_second, adjusted, np.nan),
    )
    return table, without


def kept(rules: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    """How many rules still stand in later baskets, accepted ones beside those that were not.

    Parameters
    ----------
    rules, later : as for `holdout`; with a customer_id the intervals are over 40 groups of customers, else of baskets.

    Returns
    -------
    DataFrame, two rows: rules ("accepted", "not accepted"), tested (rules whose products are sold later), lift and
    lift_later, adjusted_lift and adjusted_lift_later (medians), lift_above_1, adjusted_above_1 (share of the tested
    rules that are above 1 in the later baskets), adjusted_above_1_low, adjusted_above_1_high (its 95% interval).

    Notes
    -----
    The rules share products and baskets, so they are no sample of independent trials: the interval is that of the
    share when each group of customers is left out in turn (jackknife).
    """
    held, without = _held_out(rules, encode(later))
    tested, rows = held[["adjusted_lift_later", "lift_later"]].notna().all(axis=1).to_numpy(), []
    for name, chosen in (
        ("accepted", held["accepted"].to_numpy()),
        ("not accepted", ~held["accepted"].to_numpy()),
    ):
        part = held[tested & chosen]
        above = {f"{kind}_above_1": (part[f"{column}_later"] > 1).mean()
                 for kind, column in (("lift", "lift"), ("adjusted", "adjusted_lift"))}  # fmt: skip
        reach = over_groups(without[tested & chosen].mean(axis=0)) if len(part) else np.nan
        low, high = above["adjusted_above_1"] - reach, above["adjusted_above_1"] + reach
        medians = (
            part[["lift", "lift_later", "adjusted_lift", "adjusted_lift_later"]].median().to_dict()
        )
        ends = {"adjusted_above_1_low": max(low, 0.0), "adjusted_above_1_high": min(high, 1.0)}
        rows.append({"rules": name, "tested": len(part), **medians, **above, **ends})
    return pd.DataFrame(rows)


def _recounted(
    data: Baskets, null: BasketSizeNull, sets: pd.Series
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Baskets of each group of customers with each different set, how many the null expects, and each set's row.

    The last row, all 0, is that of sets with an unknown product.
    """
    sizes, index = lengths(sets), pd.Index(data.labels, dtype=object)
    flat, starts = index.get_indexer(list(chain.from_iterable(sets))), np.cumsum(sizes) - sizes
    place, found, stored = np.full(len(sets), -1), [], 0
    for size in np.flatnonzero(np.bincount(sizes)):
        rows = np.flatnonzero(sizes == size)
        codes = np.sort(flat[starts[rows][:, None] + np.arange(size)], axis=1)
        known = codes[:, 0] >= 0
        different, same = _different(codes[known], width=len(index))
        place[rows[known]] = stored + same
        stored += len(different)
        found.append(different)
    counts = count_levels(data, found, group=_groups(data), groups=GROUPS)
    hopes = [null.expected(codes) for codes in found]
    return (
        np.concatenate([*counts, np.zeros((1, GROUPS))], dtype=np.float32),
        np.concatenate([*hopes, [0.0]]),
        place,
    )


def _different(codes: np.ndarray, *, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The different rows of codes below `width`, and which of them each row is: rules share sets."""
    same = np.zeros(len(codes), int)
    for column in codes.T:
        same = pd.factorize(same * width + column)[0]
    one = np.empty(same.max(initial=-1) + 1, int)
    one[same] = np.arange(len(codes))
    return codes[one], same


def _groups(data: Baskets) -> np.ndarray:
    """The group of customers of each basket; of baskets where customers are unknown."""
    return (np.arange(data.n) if data.customers is None else data.customers) % GROUPS


def lists_compared(
    rules: pd.DataFrame, later: pd.DataFrame, *, k: int = 20, by: Mapping[str, str] = LISTS
) -> pd.DataFrame:
    """Which way of choosing k pairs of products finds most extra baskets in a later period.

    Parameters
    ----------
    rules : from `rules` on earlier baskets; `pairs` of them are used. The list by
        extra baskets holds accepted pairs only, the others are the textbook's.
    later : baskets that the rules have not seen (order_id, product_id, customer_id where known).
    k : pairs in a list.
    by : name of a list -> column of `rules` that ranks it.

    Returns
    -------
    DataFrame, one row a list: list, pairs, extra_later (later baskets with both products beyond what basket size and
    popularity explain, summed over its pairs), low, high (95%, over 40 groups of customers), per_thousand,
    per_thousand_low, per_thousand_high (of the later baskets).
    """
    data, rows = encode(later), []
    null, every, accepted = null_of(data), pairs(rules), pairs(rules[rules["accepted"]])
    for name, column in by.items():
        usable = accepted if column == "extra" else every
        best = usable.sort_values([column, "n"], ascending=False, kind="stable").head(k)
        total, reach = _extra(data, null, best["antecedent"] + best["consequent"])
        rows.append((name, len(best), total, total - reach, total + reach))
    table = pd.DataFrame(rows, columns=["list", "pairs", "extra_later", "low", "high"])
    scaled = table[["extra_later", "low", "high"]].to_numpy(float) * 1000 / max(1, data.n)
    return table.assign(
        per_thousand=scaled[:, 0], per_thousand_low=scaled[:, 1], per_thousand_high=scaled[:, 2]
    )


def _extra(data: Baskets, null: BasketSizeNull, sets: Iterable[tuple]) -> tuple[float, float]:
    """Baskets with a pair beyond those expected, summed over pairs, and how far its 95% interval reaches."""
    code = {label: k for k, label in enumerate(data.labels.tolist())}
    coded = np.array(
        [[code[item] for item in items] for items in sets if all(item in code for item in items)],
        int,
    )
    if len(coded) == 0:
        return 0.0, 0.0
    group = _groups(data)
    seen = count_codes(data, coded, group=group, groups=GROUPS).sum(axis=0)
    share = np.bincount(group, weights=data.sizes, minlength=GROUPS) / data.sizes.sum()
    extra = seen - null.expected(coded).sum() * share
    return float(extra.sum()), float(
        stdtrit(GROUPS - 1, (1 + LEVEL) / 2) * np.sqrt(GROUPS) * extra.std(ddof=1)
    )
