"""Do rules hold? Against shuffled baskets, where there is nothing to find, and counted again in
later baskets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TypeVar

import numpy as np
import pandas as pd

from personalize.association_rules import rule_generation
from personalize.association_rules.rule_generation import lengths, pairs
from personalize.association_rules.significance import jackknife_reach, passes, t_quantile
from personalize.association_rules.transactions import GROUPS, Baskets, encode
from personalize.tables import Tables

THETAS = tuple(k / 10 for k in range(10, 51))
LISTS = {
    "extra baskets": "extra",
    "baskets with both": "n",
    "confidence": "confidence",
    "lift": "lift",
}


AnyBaskets = TypeVar("AnyBaskets", pd.DataFrame, Baskets)


def known_until(tables: Tables, as_of: str = "", *, share: float = 0.75) -> pd.Timestamp:
    """The last day whose orders may be used: `as_of`, or when empty the end of the first three
    quarters of the days.

    Raises
    ------
    TableError : when `as_of` is no date or outside the data.
    """
    if as_of:
        tables.until(as_of)  # refuses what is no day of the data
        return pd.Timestamp(as_of).normalize()
    return tables.start + pd.Timedelta(days=int((tables.end - tables.start).days * share))


def shuffled(baskets: AnyBaskets, *, seed: int, sweeps: int = 3) -> AnyBaskets:
    """The same baskets with all association destroyed: every basket keeps its size, every product
    its count.

    Parameters
    ----------
    baskets : order_id, product_id; a customer_id is kept.
    seed : of the random exchanges.
    sweeps : how often each line is offered an exchange. With 3 a line moves five times on average
        and the start is forgotten: on 155,663 baskets the counts of pairs, beyond those expected,
        correlate with the real ones by 0.11 after one sweep and by less than 0.02, which is chance,
        after two.

    Returns
    -------
    What was given: a DataFrame (order_id, product_id and customer_id, each pair once), or encoded
    baskets.

    Notes
    -----
    Swap randomisation: a line and one drawn at random exchange their products unless a basket would
    then hold one twice. Each step leaves all baskets with these margins equally likely. Where no
    exchange is possible (one product; all baskets alike) the baskets come back as they are.

    References
    ----------
    Gionis, Mannila, Mielikainen, Tsaparas (2007), Assessing data mining results via swap
    randomization.
    """
    from personalize.association_rules import _kernels

    data = encode(baskets)
    items, basket = data.items.astype(np.uint32), data.basket.astype(np.uint32)
    random = np.random.default_rng(seed).integers(1, 2**63, size=1).astype(np.uint64)
    for _ in range(sweeps if len(items) > 1 else 0):
        _kernels.swap(data.starts.astype(np.uint32), items, basket, random)
    first = data.basket * max(1, len(data.labels))
    items = (np.sort(first + items) - first).astype(np.int32)
    if isinstance(baskets, Baskets):
        return replace(data, items=items)
    labels = pd.Series(data.labels).astype(baskets["product_id"].dtype).array
    columns = {"order_id": data.order_ids[data.basket], "product_id": labels.take(items)}
    if data.customers is not None:
        columns["customer_id"] = data.customers[data.basket]
    return pd.DataFrame(columns)


@dataclass(frozen=True, eq=False)
class Control:
    """What a search finds in real baskets beside what the same search finds in shuffled ones.

    Attributes
    ----------
    real, shuffled : rules (theta=0) of real and of shuffled baskets.
    min_confidence, theta : the textbook's thresholds.
    """

    caption = "Rules found in the real baskets and in shuffled ones"
    real: pd.DataFrame = field(repr=False)
    shuffled: pd.DataFrame = field(repr=False)
    min_confidence: float = 0.0
    theta: float = 1.0

    def table(self) -> pd.DataFrame:
        """One row a way of judging: rules, real, shuffled (counts), false_share = shuffled / real
        (at most 1; nan where neither finds any)."""
        columns = {"real": self._counts(self.real), "shuffled": self._counts(self.shuffled)}
        table = pd.DataFrame(columns).rename_axis("rules").reset_index()
        share = table["shuffled"] / table["real"].clip(lower=1)
        either = table[["real", "shuffled"]].max(axis=1) > 0
        return table.assign(false_share=share.clip(upper=1).where(either))

    def _counts(self, rules: pd.DataFrame) -> dict[str, int]:
        passed = passes(rules, self.min_confidence, self.theta)
        return {
            "all rules": len(rules),
            "lift > 1": int((rules["lift"] > 1).sum()),
            f"lift > {self.theta:g} and confidence >= {self.min_confidence:g}": int(passed.sum()),
            "accepted beyond basket size": int(rules["accepted"].sum()),
            "passed and accepted": int((passed & rules["accepted"]).sum()),
            "passed, accepted, every product adds": int((passed & rules["productive"]).sum()),
        }

    def reading(self) -> str:
        """How much of plain lift is basket size, and what is left, in sentences."""
        real, control = self.real, self.shuffled
        if real.empty:
            return "There are no rules to judge."
        several = real[lengths(real["antecedent"]) > 1]
        return (
            f"Of the {len(real):,} rules **{(real['lift'] > 1).mean():.1%} "
            "have plain lift above 1**, "
            f"of the {len(control):,} in shuffled baskets {(control['lift'] > 1).mean():.1%}. "
            f"Once basket size is known the median lift falls from {real['lift'].median():.2f} "
            f"to **{real['adjusted_lift'].median():.2f}**, in the shuffled baskets "
            f"from {control['lift'].median():.2f} to {control['adjusted_lift'].median():.2f}, "
            "where it belongs. "
            f"Accepted are {real['accepted'].sum():,} rules, of those in the shuffled baskets "
            f"**{control['accepted'].sum():,}**; by lift alone, "
            f"at most 5% false ones need {self._price()}. "
            f"Of the {several['accepted'].sum():,} accepted rules "
            f"with several items before the arrow only **{several['productive'].sum():,}** "
            "are shown to need them all: look at pairs first."
        )

    def _price(self) -> str:
        """What a threshold of lift would have to be, and what it leaves."""
        safe = recommended_theta(curve(self.real, self.shuffled))
        left = self.real[self.real["lift"] > safe]
        if left.empty:
            return "more than any theta up to 5 gives"
        share = left["accepted"].mean()
        return f"theta {safe:g}, which leaves {len(left):,} rules, {share:.0%} of them accepted"

    def answer(self, lists: pd.DataFrame) -> str:
        """What to do, by this control and by `lists_compared`, in a sentence."""
        counts = self.table().set_index("rules").loc[:, ["real", "shuffled"]]
        textbook, kept = counts.iloc[2], counts.iloc[4]
        if not kept["real"]:
            return (
                "No rule says more than that some baskets are big: "
                "make no offer by what is bought together."
            )
        ours, by_lift = lists.iloc[0], lists.iloc[-1]
        return (
            f"Of {textbook['real']:,} textbook rules "
            f"({textbook['shuffled']:,} in shuffled baskets), "
            f"{kept['real']:,} say more than that some baskets are big. "
            f"The {ours['pairs']} best pairs of the cross-sell list bring "
            f"{ours['per_thousand']:.0f} extra baskets in 1,000 later ones {_interval(ours)}, "
            f"the {by_lift['pairs']} of highest lift "
            f"{by_lift['per_thousand']:.0f} {_interval(by_lift)}."
        )


def _interval(row: pd.Series) -> str:
    return f"[{row['per_thousand_low']:.0f} to {row['per_thousand_high']:.0f}]"


def curve(
    real: pd.DataFrame, control: pd.DataFrame, *, thetas: Sequence[float] = THETAS
) -> pd.DataFrame:
    """How many rules pass each theta, in the real baskets and in shuffled ones that hold no
    association.

    Parameters
    ----------
    real, control : rules (theta=0) of real and of shuffled baskets.
    thetas : thresholds, ascending.

    Returns
    -------
    DataFrame, one row a measure and theta: measure ("lift" or "adjusted lift"), theta, real,
    shuffled (rules above theta), false_share = shuffled / real, at most 1 (0 where both are 0).
    """
    parts = []
    for measure in ("lift", "adjusted_lift"):
        table = pd.DataFrame({"measure": measure.replace("_", " "), "theta": thetas})
        for name, rules in (("real", real), ("shuffled", control)):
            lifts = np.sort(rules[measure].to_numpy())
            table[name] = len(lifts) - np.searchsorted(lifts, table["theta"], side="right")
        share = table["shuffled"] / table["real"].clip(lower=1)
        parts.append(table.assign(false_share=share.clip(upper=1)))
    return pd.concat(parts, ignore_index=True)


def recommended_theta(table: pd.DataFrame, *, tolerance: float = 0.05) -> float:
    """The smallest theta from which on lift lets through at most `tolerance` false rules; nan where
    none does.

    >>> shares = {"measure": "lift", "theta": [1.0, 2.0], "false_share": [0.4, 0.01]}
    >>> recommended_theta(pd.DataFrame(shares))
    2.0
    """
    lift = table[table["measure"] == "lift"].sort_values("theta")
    worst_from_here = lift["false_share"][::-1].cummax()[::-1]
    return float(lift["theta"][worst_from_here <= tolerance].min())


def kept(rules: pd.DataFrame, later: pd.DataFrame | Baskets) -> pd.DataFrame:
    """How many rules still stand in later baskets, accepted ones beside those that were not.

    Parameters
    ----------
    rules : from `rules` on earlier baskets.
    later : baskets that the rules have not seen (order_id, product_id); with a customer_id the
        intervals are over 40 groups of customers, else of baskets.

    Returns
    -------
    DataFrame, two rows: rules ("accepted", "not accepted"), tested (rules whose products are sold
    later), lift and lift_later, adjusted_lift and adjusted_lift_later (medians), lift_above_1,
    adjusted_above_1 (share of the tested rules that are above 1 in the later baskets),
    adjusted_above_1_low, adjusted_above_1_high (its 95% interval).

    Notes
    -----
    The same sets are counted again, nothing is mined anew. The rules share products and baskets, so
    they are no sample of independent trials: the interval is that of the share when each group of
    customers is left out in turn (jackknife).
    """
    held, without = _recounted(rules, encode(later))
    rows = []
    for name, chosen in (("accepted", held["accepted"]), ("not accepted", ~held["accepted"])):
        tested = chosen & held["lift_later"].notna() & held["adjusted_lift_later"].notna()
        part = held[tested]
        share = (part["adjusted_lift_later"] > 1).mean()
        reach = jackknife_reach(without[tested].mean(axis=0)) if len(part) else np.nan
        medians = part[["lift", "lift_later", "adjusted_lift", "adjusted_lift_later"]].median()
        row = {"rules": name, "tested": len(part), **medians}
        row["lift_above_1"] = (part["lift_later"] > 1).mean()
        row["adjusted_above_1"] = share
        row["adjusted_above_1_low"] = max(share - reach, 0.0)
        row["adjusted_above_1_high"] = min(share + reach, 1.0)
        rows.append(row)
    return pd.DataFrame(rows)


def _recounted(rules: pd.DataFrame, data: Baskets) -> tuple[pd.DataFrame, np.ndarray]:
    """The rules with lift_later and adjusted_lift_later, nan where the antecedent or the consequent
    is not sold later, and whether the later adjusted lift is above 1 with each group of customers
    left out."""
    both, expected_both = _counted(rules["antecedent"] + rules["consequent"], data)
    first, expected_first = _counted(rules["antecedent"], data)
    n, n_first = both.sum(axis=1), first.sum(axis=1)
    n_second = _counted(rules["consequent"], data)[0].sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = np.minimum(expected_both / expected_first, 1.0)
        lift = n * data.n / (n_first * n_second)
        adjusted = np.where(n_second, n / (n_first * chance), np.nan)
        above = n[:, None] - both > (n_first[:, None] - first) * chance[:, None]
    return rules.assign(lift_later=lift, adjusted_lift_later=adjusted), above


def _counted(sets: pd.Series, data: Baskets) -> tuple[np.ndarray, np.ndarray]:
    """Baskets of each group with each set, and how many the null expects; 0 for sets with an
    unknown product."""
    counts, expected = np.zeros((len(sets), GROUPS), np.float32), np.zeros(len(sets))
    sizes = lengths(sets)
    for size in np.unique(sizes):
        rows = np.flatnonzero(sizes == size)
        codes = np.sort(data.codes(chain.from_iterable(sets.iloc[rows])).reshape(-1, size), axis=1)
        rows, codes = rows[codes[:, 0] >= 0], pd.DataFrame(codes[codes[:, 0] >= 0])
        place = codes.groupby(list(codes), sort=False).ngroup().to_numpy()  # rules share sets
        different = codes.drop_duplicates().to_numpy()
        counts[rows] = data.counts_by_group(different)[place]
        expected[rows] = data.null.expected(different)[place]
    return counts, expected


def lists_compared(
    rules: pd.DataFrame,
    later: pd.DataFrame | Baskets,
    *,
    k: int = 20,
    by: Mapping[str, str] = LISTS,
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
    DataFrame, one row a list: list, pairs, extra_later (later baskets with both products beyond
    what basket size and popularity explain, summed over its pairs), low, high (95%, over 40 groups
    of customers), per_thousand, per_thousand_low, per_thousand_high (of the later baskets).
    """
    data = encode(later)
    every, accepted = pairs(rules), pairs(rules[rules["accepted"]])
    rows = []
    for name, column in by.items():
        usable = accepted if column == "extra" else every
        best = usable.sort_values([column, "n"], ascending=False, kind="stable").head(k)
        total, reach = _extra(data, best["antecedent"] + best["consequent"])
        rows.append((name, len(best), total, total - reach, total + reach))
    table = pd.DataFrame(rows, columns=["list", "pairs", "extra_later", "low", "high"])
    scaled = table[["extra_later", "low", "high"]].astype(float) * 1000 / max(1, data.n)
    return table.join(
        scaled.set_axis(["per_thousand", "per_thousand_low", "per_thousand_high"], axis=1)
    )


def _extra(data: Baskets, sets: pd.Series) -> tuple[float, float]:
    """Baskets with a pair beyond those expected, summed over pairs, and how far its 95% interval
    reaches."""
    codes = data.codes(chain.from_iterable(sets)).reshape(-1, 2)
    codes = codes[(codes >= 0).all(axis=1)]
    if len(codes) == 0:
        return 0.0, 0.0
    seen = data.counts_by_group(codes).sum(axis=0)
    share = np.bincount(data.group, weights=data.sizes, minlength=GROUPS) / data.sizes.sum()
    extra = seen - data.null.expected(codes).sum() * share
    reach = t_quantile() * np.sqrt(GROUPS) * extra.std(ddof=1)
    return float(extra.sum()), float(reach)


def warm() -> None:
    """Compile the inner loops, or find them compiled: run once at set-up, so that no report waits
    for it."""
    toy = pd.DataFrame({"order_id": [1, 1, 1, 2, 2, 2], "product_id": list("abcabc")})
    rule_generation.rules(toy, min_count=1)
    data = encode(shuffled(toy, seed=0))
    data.counts_by_group(data.pair_counts(np.arange(2)))
