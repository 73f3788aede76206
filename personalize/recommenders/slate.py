"""From scores to action: the periods, the merchandise, and the two slates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from personalize.evaluate import Split, time_split
from personalize.recommenders.base import Recommender
from personalize.recommenders.history import History
from personalize.recommenders.scoreboard import Scoreboard
from personalize.tables import TableError, Tables, Unavailable

__all__ = ["Periods", "answer", "cold_start", "most_named", "periods", "saleable", "slates"]


@dataclass(frozen=True)
class Periods:
    """Three stretches of days: to learn from, to choose on, to judge on.

    Attributes
    ----------
    known : Tables up to `as_of`; the final lists are made from them
    tune : Split whose test days choose the weights of a blend; it ends where `judge` starts to test
    judge : Split whose test days judge every model
    as_of : the last known day
    days : length of each test period
    """

    known: Tables
    tune: Split
    judge: Split
    as_of: pd.Timestamp
    days: int
    caption: ClassVar[str] = "What each stretch of days is used for"

    def table(self) -> pd.DataFrame:
        """One row a period: period, first_day, last_day, days, used_for."""
        day = pd.Timedelta(days=1)
        first = [self.known.start, self.tune.cut + day, self.judge.cut + day]
        last = [self.tune.cut, self.judge.cut, self.as_of]
        return pd.DataFrame(
            {
                "period": ["history", "choose", "judge"],
                "first_day": first,
                "last_day": last,
                "days": (pd.Series(last) - pd.Series(first)).dt.days + 1,
                "used_for": [
                    "every model learns",
                    "sets the weight of a blend, then is learned from too",
                    "scores every model, once; no model has seen it",
                ],
            }
        )


def periods(tables: Tables, *, as_of: Any = "", test_weeks: int = 9) -> Periods:
    """The days to learn from, to choose on and to judge on, counted back from the last known day.

    Parameters
    ----------
    tables : Tables
    as_of : the last known day; the last day with an order when empty
    test_weeks : weeks to choose on, and as many to judge on, 1 or more; shortened to a fifth of the
        days there are where the data are short

    Raises
    ------
    Unavailable : for fewer than 5 days.
    TableError : for test_weeks below 1.
    """
    known = tables.until(as_of or tables.end)
    last = pd.Timestamp(as_of or tables.end).normalize()
    span = (last - known.start).days + 1
    if test_weeks < 1 or span < 5:
        problem = TableError if test_weeks < 1 else Unavailable
        raise problem(
            f"test_weeks = {test_weeks} and {span} day(s) of orders up to {last:%Y-%m-%d}: "
            "recommendations are judged on later days, which takes 1 week or more of test and 5 "
            "days or "
            "more of orders"
        )
    days = min(7 * test_weeks, span // 5)
    cut, early = last - pd.Timedelta(days=days), last - pd.Timedelta(days=2 * days)
    tune = time_split(tables, cut=early, until=cut)
    return Periods(known, tune, time_split(tables, cut=cut, until=last), last, days)


def saleable(
    tables: Tables,
    *,
    exclude_departments: Sequence[str] = (),
    categories: Sequence[str] = (),
    offered_on: Any = None,
) -> pd.Series | None:
    """The products that may be recommended: merchandise, on request only what is on offer.

    Parameters
    ----------
    tables : Tables
    exclude_departments : names of departments that are no merchandise (fuel, postage, coupons ...);
        a name that does not occur excludes nothing
    categories : only products of these categories; all when empty
    offered_on : a day; only products with an offer that runs on it (table `offers`, by product or
        by category). What is in stock is a list of your own: give it to `recommend` as `candidates`

    Returns
    -------
    Series : product_id; None where nothing was asked that the source knows, which means all
        products

    Raises
    ------
    TableError : when the source lacks what a request needs, or no product is left.
    """
    described = tables.products.columns if "products" in tables else []
    columns = [name for name in ("department", "category") if name in described]
    if "category" not in columns and categories:
        raise Unavailable(
            f"source '{tables.name}' has no categories: give the table products a column category"
        )
    departments = len(exclude_departments) and "department" in columns
    if not (departments or categories or offered_on is not None):
        return None
    table = tables.products if described else tables.orders
    products = table.to_pandas(["product_id", *columns]).drop_duplicates("product_id")
    keep = pd.Series(True, index=products.index)
    if departments:
        keep &= ~products.department.isin(exclude_departments)
    if categories:
        keep &= products.category.isin(categories)
    if offered_on is not None:
        keep &= _offered(tables, products, pd.Timestamp(offered_on).normalize())
    if not keep.any():
        raise TableError(
            f"none of {len(products):,} products is left: categories {list(categories)}, offers on "
            f"{offered_on}"
        )
    return products.product_id[keep].reset_index(drop=True)


def _offered(tables: Tables, products: pd.DataFrame, day: pd.Timestamp) -> pd.Series:
    """One flag a product: is there an offer for it, or for its category, that runs on the day?"""
    offers = tables.offers.to_pandas()
    if "start" in offers:
        offers = offers[~(pd.to_datetime(offers.start).dt.normalize() > day)]
    if "end" in offers:
        offers = offers[~(pd.to_datetime(offers.end).dt.normalize() < day)]
    flags = pd.Series(False, index=products.index)
    for name in {"product_id", "category"} & set(offers.columns) & set(products.columns):
        flags |= products[name].isin(offers[name].dropna())
    return flags


def slates(
    again: Recommender,
    discover: Recommender,
    *,
    history: History,
    k: int = 10,
    candidates: Any = None,
) -> pd.DataFrame:
    """Two lists for every customer: what to buy again, and what to discover.

    Parameters
    ----------
    again, discover : recommenders, one for each list; both are fitted here
    history : what they learn from, `History.load(tables, as_of=...)`
    k : longest length of each list
    candidates : as for `Recommender.recommend`

    Returns
    -------
    DataFrame : as from `recommend`, ranked within customer and slate, "buy again" first; a customer
        who has bought fewer than k products has a shorter first list
    """
    first = again.fit_history(history).recommend(k=k, candidates=candidates)
    first = first[first.slate == "buy again"]
    first = first.assign(rank=first.groupby("customer_id").cumcount() + 1)
    second = discover.fit_history(history).recommend(k=k, repeat="new", candidates=candidates)
    both = pd.concat([first, second], ignore_index=True)
    order = np.argsort(history.number(both.customer_id), kind="stable")
    return both.iloc[order].reset_index(drop=True)


def most_named(
    lists: pd.DataFrame, history: History, *, slate: str, top: int = 10, min_cell: int = 10
) -> pd.DataFrame:
    """The products that one slate names most often.

    Parameters
    ----------
    lists : from `slates` or `recommend`
    history : what the lists were made from, for the names
    slate : "buy again" or "discover"
    top : rows
    min_cell : products named to fewer customers are left out

    Returns
    -------
    DataFrame : product (its name), customers (to whom it is named), share (of the customers with
        such a list), typical_reason (of the customer in the middle when they are ordered by score)
    """
    chosen = lists[lists.slate == slate]
    chosen = chosen.sort_values(["product_id", "score", "customer_id"], kind="stable")
    named = chosen.groupby("product_id")
    chosen = chosen.assign(customers=named.product_id.transform("size"))
    middle = named.cumcount() == chosen.customers // 2
    found = chosen[middle & (chosen.customers >= min_cell)]
    found = found.sort_values(["customers", "product_id"], ascending=[False, True]).head(top)
    return pd.DataFrame(
        {
            "product": history.described.names[history.product_number(found.product_id)],
            "customers": found.customers.to_numpy(),
            "share": found.customers.to_numpy() / max(chosen.customer_id.nunique(), 1),
            "typical_reason": found.reason.to_numpy(),
        }
    )


def cold_start(newcomers: Scoreboard, launches: Scoreboard) -> str:
    """What each of the two groups without a history is best shown, in two sentences."""
    return (
        f"**Newcomers** ({newcomers.customers:,} customers): {newcomers.conclusion} "
        f"**Launches** ({launches.customers:,} customers bought one): {launches.conclusion}"
    )


def answer(again: Scoreboard, discover: Scoreboard) -> str:
    """Which model serves each of the two lists, and how many of its places come true."""
    both = f"Buy again with {again.choice}, discover with {discover.choice}"
    old, new = "nothing could be judged", "there was nothing new to find"
    if again.customers:
        hits, plain = _hits(again)
        old = f"of {again.k} products named, a customer then buys {hits:.1f}, against {plain:.1f}"
        old += " of the bestsellers"
    if discover.customers:
        hits, plain = _hits(discover)
        new = f"of {discover.k} new to the customer {hits:.2f}, against {plain:.2f}"
    return f"{both}: {old}; {new}."


def _hits(board: Scoreboard) -> tuple[float, float]:
    """Places bought on the lists of the chosen model, and on those of the bestsellers."""
    chosen, popular = board.row(board.choice), board.row("most popular")
    return board.k * chosen.precision, board.k * popular.precision
