"""Do rules last? The same sets counted again in baskets that came later."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from personalize.association_rules.counting import count_codes
from personalize.association_rules.encoding import Baskets, encode
from personalize.association_rules.judging import GROUPS, LEVEL
from personalize.association_rules.null import BasketSizeNull
from personalize.association_rules.rules import pairs
from personalize.tables import Tables

LISTS = {"extra baskets": "extra", "baskets with both": "n", "confidence": "confidence", "lift": "lift"}


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
    data = encode(later)
    null = BasketSizeNull().fit(data)
    sides = [rules["antecedent"] + rules["consequent"], rules["antecedent"], rules["consequent"]]
    (both, hope), (first, hope_first), (second, _) = (_recounted(data, null, side) for side in sides)
    with np.errstate(divide="ignore", invalid="ignore"):
        lift, expected = both * data.n / (first * second), first * np.minimum(hope / hope_first, 1.0)
        adjusted = both / expected
    return rules[["antecedent", "consequent", "accepted", "lift", "adjusted_lift"]].assign(
        n_later=both.astype(int),
        n_antecedent_later=first.astype(int),
        expected_later=np.where(second, expected, np.nan),
        lift_later=lift,
        adjusted_lift_later=np.where(second, adjusted, np.nan),
    )


def kept(held: pd.DataFrame) -> pd.DataFrame:
    """How many rules still stand later, accepted ones beside those that were not.

    Parameters
    ----------
    held : from `holdout`.

    Returns
    -------
    DataFrame, two rows: rules ("accepted", "not accepted"), tested (rules whose products are sold later), lift and
    lift_later, adjusted_lift and adjusted_lift_later (medians), lift_above_1, adjusted_above_1 (share of the tested
    rules that are above 1 in the later baskets).
    """
    tested, rows = held.dropna(subset=["adjusted_lift_later", "lift_later"]), []
    for name, part in (("accepted", tested[tested["accepted"]]), ("not accepted", tested[~tested["accepted"]])):
        medians = part[["lift", "lift_later", "adjusted_lift", "adjusted_lift_later"]].median().to_dict()
        above = {"lift_above_1": (part["lift_later"] > 1).mean(),
                 "adjusted_above_1": (part["adjusted_lift_later"] > 1).mean()}  # fmt: skip
        rows.append({"rules": name, "tested": len(part), **medians, **above})
    return pd.DataFrame(rows)


def _recounted(data: Baskets, null: BasketSizeNull, sets: Iterable[tuple]) -> tuple[np.ndarray, np.ndarray]:
    """Baskets that hold each set, and how many the null expects; 0 where a product is unknown."""
    code = {label: k for k, label in enumerate(data.labels.tolist())}
    places: dict[tuple, int] = {}
    row_of = np.array([places.setdefault(items, len(places)) for items in sets], int)
    coded = [[code.get(item, -1) for item in items] for items in places]
    sizes, known = np.array([len(row) for row in coded], int), np.array([min(row) >= 0 for row in coded], bool)
    n, hope, everyone = np.zeros(len(coded)), np.zeros(len(coded)), np.zeros(data.n, np.int64)
    for size in np.unique(sizes[known]):
        rows = np.flatnonzero(known & (sizes == size))
        sets_of_size = np.array([coded[row] for row in rows])
        n[rows] = count_codes(data, sets_of_size, group=everyone, groups=1)[:, 0]
        hope[rows] = null.expected(sets_of_size)
    return n[row_of], hope[row_of]


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
    null = BasketSizeNull().fit(data)
    for name, column in by.items():
        usable = rules[rules["accepted"]] if column == "extra" else rules
        best = pairs(usable).sort_values([column, "n"], ascending=False, kind="stable").head(k)
        total, reach = _extra(data, null, best["antecedent"] + best["consequent"])
        rows.append((name, len(best), total, total - reach, total + reach))
    table = pd.DataFrame(rows, columns=["list", "pairs", "extra_later", "low", "high"])
    scaled = table[["extra_later", "low", "high"]].to_numpy(float) * 1000 / max(1, data.n)
    return table.assign(per_thousand=scaled[:, 0], per_thousand_low=scaled[:, 1], per_thousand_high=scaled[:, 2])


def _extra(data: Baskets, null: BasketSizeNull, sets: Iterable[tuple]) -> tuple[float, float]:
    """Baskets with a pair beyond those expected, summed over pairs, and how far its 95% interval reaches."""
    code = {label: k for k, label in enumerate(data.labels.tolist())}
    coded = np.array([[code[item] for item in items] for items in sets if all(item in code for item in items)], int)
    if len(coded) == 0:
        return 0.0, 0.0
    group = (np.arange(data.n) if data.customers is None else data.customers) % GROUPS
    seen = count_codes(data, coded, group=group, groups=GROUPS).sum(axis=0)
    share = np.bincount(group, weights=data.sizes, minlength=GROUPS) / data.sizes.sum()
    extra = seen - null.expected(coded).sum() * share
    return float(extra.sum()), float(stdtrit(GROUPS - 1, (1 + LEVEL) / 2) * np.sqrt(GROUPS) * extra.std(ddof=1))
