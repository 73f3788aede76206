"""First one product, then the other? A test that must pass before anyone says so."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_array, hstack
from scipy.special import stdtr

from personalize.association_rules.cross_selling import named
from personalize.association_rules.significance import Q, t_quantile
from personalize.association_rules.transactions import GROUPS, Baskets, encode
from personalize.inference import adjust
from personalize.tables import Tables


@dataclass(frozen=True, eq=False)
class Directions:
    """The test of every pair for a direction, from `direction`."""

    pairs: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """One row a pair, smallest p first; see `direction`."""
        return self.pairs

    def named(self, tables: Tables, *, level: str) -> "Directions":
        """The same with product names in place of ids; see `named`."""
        return Directions(named(self.pairs, tables, level=level))

    def reading(self) -> str:
        """How many pairs have a direction, and the most one-sided one, in sentences."""
        if self.pairs.empty:
            return (
                "No pair of items is bought one after the other by enough customers "
                "to ask which comes first."
            )
        row, directed = self.pairs.iloc[0], self.pairs["directed"]
        advice = "Say which comes first only of those."
        if not directed.any():
            advice = (
                "The rules here speak of the same basket: "
                "make no offer that rests on which product comes first."
            )
        return (
            f"**{directed.sum():,} of {len(directed):,} pairs have a direction.** "
            f"The most one-sided, {row['first']} before {row['then']}, goes that way "
            f"in {row['share']:.0%} of {row['n_then'] + row['n_before']:,} steps "
            f"[{row['share_low']:.0%} to {row['share_high']:.0%}]; "
            f"the calendar lets expect {row['expected_share']:.0%}; "
            f"adjusted p {row['p_adjusted']:.2f}. {advice}"
        )


def direction(
    rules: pd.DataFrame,
    baskets: pd.DataFrame | Baskets,
    visits: pd.DataFrame,
    *,
    days: int = 28,
    min_count: int = 50,
) -> Directions:
    """Does one product of a pair come first and the other at the next visit, more often than the
    other way round?

    Parameters
    ----------
    rules : one row a pair, with antecedent and consequent of one product each (from `pairs`).
    baskets : order_id, product_id.
    visits : from `visits`: order_id, customer_id, time.
    days : most days between two visits that follow each other.
    min_count : fewest steps from one of the two products to the other, in both directions together.

    Returns
    -------
    Directions, whose table has one row a pair, smallest p first: first, then (the commoner
    direction), n_then (visits with `first` whose next visit has `then`), n_before (the other way
    round), share = n_then of both, share_low, share_high (95%, over 40 groups of customers),
    expected_share (were it only for when products sell), p_adjusted (two-sided, Benjamini-Hochberg
    over the pairs tested), directed (p_adjusted <= 0.05).

    Notes
    -----
    A household that buys both again and again makes as many steps one way as the other, so half is
    no direction. The calendar alone can tilt it: where strawberries sell in May and grapes in
    August, all go from one to the other. With S[w, x] the share of the baskets of week w that hold
    x and T[v, w] the steps from week v to week w, steps of strangers would be e(x, y) = sum of T[v,
    w] S[v, x] S[w, y]; expected_share = e(x, y) / (e(x, y) + e(y, x)), and the test is of the steps
    beyond it, a sign test on sums over groups of customers (t with 39 degrees of freedom).
    """
    data = encode(baskets)
    step = _steps(data, visits, days)
    x, y = data.codes(rules["antecedent"].str[0]), data.codes(rules["consequent"].str[0])
    moves, later = _moves(data, step), len(data.labels)
    there = moves.counts_by_group(np.column_stack([x, later + y]))
    back = moves.counts_by_group(np.column_stack([y, later + x]))
    expected = _calendar(data, step, (x, y))
    turn = there.sum(axis=1) < expected * (there + back).sum(axis=1)
    there[turn], back[turn] = back[turn], there[turn]
    expected[turn] = 1 - expected[turn]
    table = pd.DataFrame(
        {"first": data.labels[np.where(turn, y, x)], "then": data.labels[np.where(turn, x, y)]}
    )
    table = table.join(_tilted(there, back, expected))
    table = table[table["n_then"] + table["n_before"] >= min_count]
    p = adjust(table.pop("p"), method="bh")
    table = table.assign(p_adjusted=p, directed=p <= Q)
    order, ascending = ["p_adjusted", "n_then"], [True, False]
    return Directions(
        table.sort_values(order, ascending=ascending, kind="stable", ignore_index=True)
    )


def _steps(data: Baskets, visits: pd.DataFrame, days: int) -> pd.DataFrame:
    """Each visit with the customer's next one, at most `days` days later: now, after (baskets),
    their weeks."""
    known = pd.DataFrame(
        {
            "now": pd.Index(data.order_ids).get_indexer(visits["order_id"]),
            "customer": pd.factorize(visits["customer_id"])[0],
            "week": ((visits["time"] - visits["time"].min()).dt.days // 7).to_numpy(),
            "time": visits["time"].to_numpy(),
        }
    )
    known = known[known["now"] >= 0]
    following = known.shift(-1)
    gap = following["time"] - known["time"]
    near = (gap > pd.Timedelta(0)) & (gap <= pd.Timedelta(days=days))
    near &= following["customer"] == known["customer"]
    step = known.assign(after=following["now"], next_week=following["week"])[near]
    return step.astype({"after": int, "next_week": int})


def _moves(data: Baskets, step: pd.DataFrame) -> Baskets:
    """One basket a step: what was bought, and, with codes of their own, what was bought the next
    time."""
    both = hstack([data.matrix[step["now"]], data.matrix[step["after"]]], format="csr")
    labels = np.arange(both.shape[1])
    return Baskets(
        labels, both.indptr, both.indices, np.arange(len(step)), step["customer"].to_numpy()
    )


def _calendar(data: Baskets, step: pd.DataFrame, pairs: tuple) -> np.ndarray:
    """The share of steps from the first product to the second that the weeks they sell in
    explain."""
    week = np.full(data.n, -1)
    week[step["now"]], week[step["after"]] = step["week"], step["next_week"]
    seen = np.flatnonzero(week >= 0)
    weeks = int(week.max(initial=-1)) + 1
    of_week = csr_array((np.ones(len(seen)), (week[seen], seen)), shape=(weeks, data.n))
    codes, place = np.unique(np.concatenate(pairs), return_inverse=True)
    sold = (of_week @ data.matrix[:, codes]).toarray()
    share = sold / np.maximum(of_week.sum(axis=1), 1)[:, None]
    moved = step["week"] * weeks + step["next_week"]
    steps = np.bincount(moved, minlength=weeks**2).reshape(weeks, weeks)
    first, second = np.split(share[:, place], 2, axis=1)
    there, back = (first * (steps @ second)).sum(axis=0), (second * (steps @ first)).sum(axis=0)
    return np.where(there + back > 0, there / np.maximum(there + back, 1e-300), 0.5)


def _tilted(there: np.ndarray, back: np.ndarray, expected: np.ndarray) -> pd.DataFrame:
    """Shares, intervals and p-values of the steps there, by group of customers, beyond those
    expected."""
    n_there, n_both = there.sum(axis=1), np.maximum((there + back).sum(axis=1), 1)
    beyond = there - expected[:, None] * (there + back)
    error = np.sqrt(GROUPS) * beyond.std(axis=1, ddof=1) / n_both
    share, reach = n_there / n_both, t_quantile() * error
    columns = {
        "n_then": n_there,
        "n_before": back.sum(axis=1),
        "share": share,
        "share_low": np.maximum(share - reach, 0),
        "share_high": np.minimum(share + reach, 1),
        "expected_share": expected,
        "p": 2 * stdtr(GROUPS - 1, -np.abs(share - expected) / np.maximum(error, 1e-12)),
    }
    return pd.DataFrame(columns)
