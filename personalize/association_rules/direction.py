"""First one product, then the other? A test that must pass before anyone says so."""

from importlib.resources import files

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from personalize.association_rules.counting import count_codes
from personalize.association_rules.encoding import Baskets, encode
from personalize.association_rules.judging import GROUPS, LEVEL, Q, benjamini_hochberg
from personalize.tables import Tables


def visits(tables: Tables) -> pd.DataFrame:
    """The orders of known customers: order_id, customer_id, time, amount; customer by customer, in order of time."""
    sql = files("personalize").joinpath("sql", "rules_visits.sql").read_text(encoding="utf-8")
    return tables.sql(sql, max_rows=50_000_000)


def direction(
    rules: pd.DataFrame,
    baskets: pd.DataFrame,
    visits: pd.DataFrame,
    *,
    days: int = 28,
    min_count: int = 50,
) -> pd.DataFrame:
    """Does one product of a pair come first and the other at the next visit, more often than the other way round?

    Parameters
    ----------
    rules : one row a pair, with antecedent and consequent of one product each (from `pairs`).
    baskets : order_id, product_id.
    visits : from `visits`: order_id, customer_id, time.
    days : most days between two visits that follow each other.
    min_count : fewest steps from one of the two products to the other, in both directions together.

    Returns
    -------
    DataFrame, one row a pair, smallest p first: first, then (the commoner direction), n_then (visits with `first`
    whose next visit has `then`), n_before (the other way round), share = n_then of both, share_low, share_high (95%,
    over 40 groups of customers), expected_share (were it only for when products sell), p_adjusted (two-sided,
    Benjamini-Hochberg over the pairs tested), directed (p_adjusted <= 0.05).

    Notes
    -----
    A household that buys both again and again makes as many steps one way as the other, so half is no direction.
    The calendar alone can tilt it: where strawberries sell in May and grapes in August, all go from one to the other.
    With S[w, x] the share of the baskets of week w that hold x and T[v, w] the steps from week v to week w, steps of
    strangers would be e(x, y) = sum of T[v, w] S[v, x] S[w, y]; expected_share = e(x, y) / (e(x, y) + e(y, x)), and
    the test is of the steps beyond it, a sign test on sums over groups of customers (t with 39 degrees of freedom).
    """
    data, step = encode(baskets), _steps(encode(baskets), visits, days)
    code = {label: k for k, label in enumerate(data.labels.tolist())}
    sides = [[code[items[0]] for items in rules[side]] for side in ("antecedent", "consequent")]
    x, y = (np.array(side, int) for side in sides)
    moves, group = _moves(data, step), step["customer"].to_numpy() % GROUPS
    there, back = (
        count_codes(moves, np.column_stack([a, b + len(data.labels)]), group=group, groups=GROUPS)
        for a, b in ((x, y), (y, x))
    )
    expected = _calendar(data, step, (x, y))
    turn = there.sum(axis=1) < expected * (there + back).sum(axis=1)
    there, back = np.where(turn[:, None], back, there), np.where(turn[:, None], there, back)
    named = pd.DataFrame(
        {"first": data.labels[np.where(turn, y, x)], "then": data.labels[np.where(turn, x, y)]}
    )
    table = pd.concat([named, _tilted(there, back, np.where(turn, 1 - expected, expected))], axis=1)
    table = table[(there + back).sum(axis=1) >= min_count]
    p = benjamini_hochberg(table.pop("p").to_numpy(), tests=len(table))
    table = table.assign(p_adjusted=p, directed=p <= Q)
    return table.sort_values(
        ["p_adjusted", "n_then"], ascending=[True, False], kind="stable", ignore_index=True
    )


def _steps(data: Baskets, visits: pd.DataFrame, days: int) -> pd.DataFrame:
    """Each visit with the customer's next one, at most `days` days later: now, after (baskets), their weeks."""
    known = visits.assign(
        now=pd.Index(data.order_ids).get_indexer(visits["order_id"]),
        customer=pd.factorize(visits["customer_id"])[0],
        week=(visits["time"] - visits["time"].min()).dt.days // 7,
    )[["now", "customer", "week", "time"]]
    known = known[known["now"] >= 0]
    following = known.shift(-1)
    gap = following["time"] - known["time"]
    near = (
        (following["customer"] == known["customer"])
        & (gap > pd.Timedelta(0))
        & (gap <= pd.Timedelta(days=days))
    )
    return known.assign(after=following["now"], next_week=following["week"])[near].astype(
        {"after": int, "next_week": int}
    )


def _moves(data: Baskets, step: pd.DataFrame) -> Baskets:
    """One basket a step: what was bought, and, with codes of their own, what was bought the next time."""
    width, now, after = len(data.labels), step["now"].to_numpy(), step["after"].to_numpy()
    sizes = np.column_stack([data.sizes[now], data.sizes[after]])
    ends = np.cumsum(sizes.ravel())
    starts = np.column_stack([data.starts[now], data.starts[after]]).ravel()
    lines = np.repeat(starts - ends + sizes.ravel(), sizes.ravel()) + np.arange(sizes.sum())
    items = data.items[lines] + np.repeat(
        np.tile(np.array([0, width], np.int32), len(step)), sizes.ravel()
    )
    return Baskets(np.arange(2 * width), np.append(0, ends[1::2]), items, step.index.to_numpy())


def _calendar(data: Baskets, step: pd.DataFrame, pairs: tuple) -> np.ndarray:
    """The share of steps from the first product to the second that the weeks they sell in explain."""
    week = np.full(data.n, -1)
    week[step["now"]], week[step["after"]] = step["week"], step["next_week"]
    weeks, kept = int(week.max(initial=-1)) + 1, week[data.basket] >= 0
    codes, place = np.unique(np.concatenate(pairs), return_inverse=True)
    rank = np.full(len(data.labels), -1)
    rank[codes] = np.arange(len(codes))
    cell = week[data.basket] * len(codes) + rank[data.items]
    sold = np.bincount(cell[kept & (rank[data.items] >= 0)], minlength=weeks * len(codes)).reshape(
        weeks, len(codes)
    )
    share = sold / np.maximum(np.bincount(week[week >= 0], minlength=weeks), 1)[:, None]
    steps = np.bincount(step["week"] * weeks + step["next_week"], minlength=weeks**2).reshape(
        weeks, weeks
    )
    first, second = share[:, place[: len(pairs[0])]], share[:, place[len(pairs[0]) :]]
    there, back = (first * (steps @ second)).sum(axis=0), (second * (steps @ first)).sum(axis=0)
    return np.where(there + back > 0, there / np.maximum(there + back, 1e-300), 0.5)


def _tilted(there: np.ndarray, back: np.ndarray, expected: np.ndarray) -> pd.DataFrame:
    """Shares, intervals and p-values of the steps there, by group of customers, beyond those expected."""
    both = (there + back).sum(axis=1)
    beyond = there - expected[:, None] * (there + back)
    error = np.sqrt(GROUPS) * beyond.std(axis=1, ddof=1) / np.maximum(both, 1)
    share = there.sum(axis=1) / np.maximum(both, 1)
    reach = stdtrit(GROUPS - 1, (1 + LEVEL) / 2) * error
    p = 2 * stdtr(GROUPS - 1, -np.abs(share - expected) / np.maximum(error, 1e-12))
    return pd.DataFrame({"n_then": there.sum(axis=1), "n_before": back.sum(axis=1), "share": share,
                         "share_low": np.maximum(share - reach, 0), "share_high": np.minimum(share + reach, 1),
                         "expected_share": expected, "p": p})  # fmt: skip
