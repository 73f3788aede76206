"""The card of the data, and what they can and cannot feed: one verdict a topic of the kit."""

from collections.abc import Callable, Mapping

import pandas as pd

from personalize.tables import CONTRACTS, Tables

Verdict = tuple[str, str, str]  # yes | partly | no; because; what would help
RECOMMENDERS_USE = {
    "products": "product texts (content)",
    "links": "ties between customers (social)",
    "reviews": "ratings and reviews",
}


def captioned(table: pd.DataFrame, caption: str) -> pd.DataFrame:
    """The table with a caption in its `attrs`, where `show.table` finds it."""
    table.attrs["caption"] = caption
    return table


def facts(tables: Tables) -> pd.Series:
    """The size of a shop in one row.

    Parameters
    ----------
    tables : Tables

    Returns
    -------
    Series : lines, orders, return_orders, anonymous_orders, mixed_orders (two or more products),
    timed_orders (with a time of day), repeated_lines (a product again in the same order), products
    (sold), customers, repeat_customers (two or more orders), days_with_orders, days (first to
    last), spend.
    """
    row = tables.query("statistics_facts").iloc[0].fillna(0)
    return pd.concat([row, pd.Series({"days": (tables.end - tables.start).days + 1})])


def card(tables: Tables, size: pd.Series | None = None) -> pd.DataFrame:
    """The data's card: what they are, how many, from when to when, on which terms.

    Parameters
    ----------
    tables : Tables
    size : from `facts`; asked for when None

    Returns
    -------
    DataFrame, one row a fact: fact, value (text).
    """
    f = facts(tables) if size is None else size
    about, present = tables.card, [name for name in CONTRACTS if name in tables]
    counted = [f"{name}: {getattr(tables, name).count():,} rows" for name in present]
    absent = [name for name in CONTRACTS if name not in tables]
    origin = "given: not drawn by this kit"
    if about.get("simulated"):
        origin = "simulated: drawn by this kit from a seed"
    again, each = f.repeat_customers, f.lines / f.orders
    rows = {
        "source": f"{about.get('title') or tables.name} ({tables.name})",
        "what": about.get("description") or "no description given",
        "origin": origin,
        "terms": about.get("terms") or "none stated: check before you publish",
        "period": f"{tables.start:%Y-%m-%d} to {tables.end:%Y-%m-%d}, {f.days:,.0f} days, "
        f"{f.days_with_orders:,.0f} with orders",
        "customers": f"{f.customers:,.0f}, of whom {again:,.0f} ordered more than once",
        "orders": f"{f.orders:,.0f} in {f.lines:,.0f} lines ({each:.1f} lines an order)",
        "products": f"{f.products:,.0f} sold",
        "money": f"{f.spend:,.0f} {tables.currency or 'of unknown currency'}",
        "tables": "; ".join(counted),
        "not in this source": ", ".join(absent) or "nothing is missing",
    }
    found = pd.DataFrame({"fact": list(rows), "value": list(rows.values())})
    return captioned(found, f"The card of '{tables.name}'")


def verdicts(tables: Tables, size: pd.Series | None = None) -> pd.DataFrame:
    """For each later topic whether this data can feed it, why, and what would help.

    Parameters
    ----------
    tables : Tables
    size : from `facts`; asked for when None

    Returns
    -------
    DataFrame, one row a topic: topic, verdict ("yes", "partly" or "no"), because, would_help.

    Notes
    -----
    The limits are rules of thumb, stated in `because`: they say when a report is worth reading, not
    when code runs.
    """
    size = facts(tables) if size is None else size
    rows = []
    for topic, judge in TOPICS.items():
        rows.append((topic, *judge(tables, size)))
    found = pd.DataFrame(rows, columns=["topic", "verdict", "because", "would_help"])
    given = found.verdict.value_counts().reindex(["yes", "no"], fill_value=0)
    whole = f"{given['yes']} of {len(found)} topics can be fed in full"
    return captioned(found, f"{whole}, {given['no']} not at all")


def _graded(full: bool, because: str, would_help: str) -> Verdict:
    """Yes, or partly and what would help."""
    if full:
        return "yes", because, ""
    return "partly", because, would_help


def _some(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _statistics(tables: Tables, f: pd.Series) -> Verdict:
    days, customers = int(f.days), int(f.customers)
    said = f"{customers:,} customers over {days:,} days"
    if customers < 30 or days < 56:
        return (
            "partly",
            f"{said}: intervals are wide, a trend needs 8 weeks",
            "more customers, a longer period",
        )
    if days < 730:
        said += "; no yearly season can be told from less than two years"
        return "yes", said, "two years of orders"
    return "yes", said, ""


def _segmentation(tables: Tables, f: pd.Series) -> Verdict:
    n, again = int(f.customers), int(f.repeat_customers)
    said = f"{n:,} customers, {again / max(n, 1):.0%} ordered more than once"
    if n < 10:
        return "no", f"{said}: groups of fewer than 10 are not shown", "more customers"
    return _graded(n >= 200 and again >= 50, said, "more repeat customers")


def _rules(tables: Tables, f: pd.Series) -> Verdict:
    wide, sold = int(f.mixed_orders), int(f.products)
    said = f"{wide:,} orders hold two or more of the {_some(sold, 'product')}"
    if wide < 20:
        return "no", f"{said}: nothing is bought together", "orders with several products"
    more = ""
    if "products" not in tables:
        more = "a products table, to find rules between groups too"
    return _graded(wide >= 1000, said, more)[0], said, more


def _recommenders(tables: Tables, f: pd.Series) -> Verdict:
    sold, again = int(f.products), int(f.repeat_customers)
    said = f"{_some(sold, 'product')}, {again:,} customers with two or more orders"
    if sold < 5:
        said += ": there is nothing to choose from"
    if sold < 5 or again < 10:
        return "no", said, "product ids and repeat customers"
    missing = [what for name, what in RECOMMENDERS_USE.items() if name not in tables]
    return _graded(again >= 100 and sold >= 50, said, "")[0], said, ", ".join(missing)


def _clv(tables: Tables, f: pd.Series) -> Verdict:
    days, again = int(f.days), int(f.repeat_customers)
    said = f"{days:,} days, {again:,} customers with two or more orders"
    if again < 30 or days < 60:
        return "no", f"{said}: a model needs 30 such customers and 60 days", "a longer period"
    verdict = _graded(again >= 200 and days >= 270, said, "")[0]
    if days >= 730:
        return verdict, said, ""
    return verdict, said, "years of history: value beyond the data is extrapolated"


def _offers(tables: Tables, f: pd.Series) -> Verdict:
    if "offers" not in tables:
        return (
            "partly",
            "prices and purchases are there, no table of offers",
            "offers, with product, discount and cost",
        )
    return "yes", f"{tables.offers.count():,} offers beside {int(f.orders):,} orders", ""


def _campaigns(tables: Tables, f: pd.Series) -> Verdict:
    if "contacts" not in tables:
        return (
            "no",
            "no record of who was written to",
            "contacts (customer, campaign, time, arm, probability), responses",
        )
    drawn = {"arm", "probability"} & set(tables.contacts.columns)
    said = "arms recorded" if drawn else "not drawn by lot: no effect can be claimed"
    said = f"{tables.contacts.count():,} messages, {said}"
    return _graded(bool(drawn), said, "a control group drawn by lot")


def _realtime(tables: Tables, f: pd.Series) -> Verdict:
    timed = f.timed_orders / max(f.orders, 1)
    seen = "page views present" if "events" in tables else "no page views"
    said = f"{timed:.0%} of the orders have a time of day, {seen}: orders can be replayed"
    return _graded(timed > 0.5 and "events" in tables, said, "events: page views and clicks")


def _trust(tables: Tables, f: pd.Series) -> Verdict:
    if "customers" not in tables:
        return (
            "partly",
            "privacy can be checked; nothing is known of who the customers are",
            "customers, with attributes",
        )
    n = tables.customers.count()
    said = f"attributes for {n:,} of {int(f.customers):,} customers"
    full = n / max(int(f.customers), 1) > 0.8
    return _graded(full, said, "attributes of all customers, or a random sample")


TOPICS: Mapping[str, Callable[[Tables, pd.Series], Verdict]] = {
    "01 statistics": _statistics,
    "02 segmentation": _segmentation,
    "03 association rules": _rules,
    "04 recommenders": _recommenders,
    "05 customer lifetime value": _clv,
    "offers and ads": _offers,
    "campaign effect": _campaigns,
    "near-real-time": _realtime,
    "fairness and privacy": _trust,
}
