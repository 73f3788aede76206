"""What this data can and cannot feed: one verdict a topic of the kit."""

from collections.abc import Callable, Mapping

import pandas as pd

from personalize.statistics.quality import facts
from personalize.tables import Tables

Verdict = tuple[str, str, str]  # yes | partly | no; because; what would help


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
    The limits are rules of thumb, stated in `because`: they say when a report is worth reading, not when code runs.
    """
    size = facts(tables) if size is None else size
    rows = [(topic, *judge(tables, size)) for topic, judge in TOPICS.items()]
    return pd.DataFrame(rows, columns=["topic", "verdict", "because", "would_help"])


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
    yearly = "" if days >= 730 else "; no yearly season can be told from less than two years"
    return "yes", said + yearly, "two years of orders" if yearly else ""


def _segmentation(tables: Tables, f: pd.Series) -> Verdict:
    n, again = int(f.customers), int(f.repeat_customers)
    said = f"{n:,} customers, {again / max(n, 1):.0%} ordered more than once"
    if n < 10:
        return "no", f"{said}: groups of fewer than 10 are not shown", "more customers"
    return (
        ("partly" if n < 200 or again < 50 else "yes"),
        said,
        "" if n >= 200 and again >= 50 else "more repeat customers",
    )


def _rules(tables: Tables, f: pd.Series) -> Verdict:
    wide, sold = int(f.mixed_orders), int(f.products)
    said = f"{wide:,} orders hold two or more of the {_some(sold, 'product')}"
    if wide < 20:
        return "no", f"{said}: nothing is bought together", "orders with several products"
    grouped = "products" in tables
    more = "" if grouped else "a products table, to find rules between groups too"
    return ("yes" if wide >= 1000 else "partly"), said, more


def _recommenders(tables: Tables, f: pd.Series) -> Verdict:
    sold, again = int(f.products), int(f.repeat_customers)
    said = f"{_some(sold, 'product')}, {again:,} customers with two or more orders"
    if sold < 5 or again < 10:
        return (
            "no",
            f"{said}: there is nothing to choose from" if sold < 5 else said,
            "product ids and repeat customers",
        )
    found = [name for name in ("products", "links", "reviews") if name in tables]
    missing = [
        what
        for name, what in (
            ("products", "product texts (content)"),
            ("links", "ties between customers (social)"),
            ("reviews", "ratings and reviews"),
        )
        if name not in found
    ]
    return ("yes" if again >= 100 and sold >= 50 else "partly"), said, ", ".join(missing)


def _clv(tables: Tables, f: pd.Series) -> Verdict:
    days, again = int(f.days), int(f.repeat_customers)
    said = f"{days:,} days, {again:,} customers with two or more orders"
    if again < 30 or days < 60:
        return "no", f"{said}: a model needs 30 such customers and 60 days", "a longer period"
    good = again >= 200 and days >= 270
    return (
        ("yes" if good else "partly"),
        said,
        "" if days >= 730 else "years of history: value beyond the data is extrapolated",
    )


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
    said = f"{tables.contacts.count():,} messages, " + (
        "arms recorded" if drawn else "not drawn by lot: no effect can be claimed"
    )
    return ("yes" if drawn else "partly"), said, "" if drawn else "a control group drawn by lot"


def _realtime(tables: Tables, f: pd.Series) -> Verdict:
    timed = f.timed_orders / max(f.orders, 1)
    said = f"{timed:.0%} of the orders have a time of day" + (
        ", page views present" if "events" in tables else ", no page views"
    )
    full = timed > 0.5 and "events" in tables
    return (
        ("yes" if full else "partly"),
        said + ": orders can be replayed",
        "" if full else "events: page views and clicks",
    )


def _trust(tables: Tables, f: pd.Series) -> Verdict:
    if "customers" not in tables:
        return (
            "partly",
            "privacy can be checked; nothing is known of who the customers are",
            "customers, with attributes",
        )
    n = tables.customers.count()
    share = n / max(int(f.customers), 1)
    said = f"attributes for {n:,} of {int(f.customers):,} customers"
    return (
        ("yes" if share > 0.8 else "partly"),
        said,
        "" if share > 0.8 else "attributes of all customers, or a random sample",
    )


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
