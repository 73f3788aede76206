"""What to do with rules: cross-sell lists, substitutes, names for ids."""

import numpy as np
import pandas as pd
from scipy.special import betaincc, gammaincinv, stdtrit

from personalize.association_rules.counting import count_codes
from personalize.association_rules.encoding import Baskets, encode
from personalize.association_rules.judging import GROUPS, LEVEL, Q, benjamini_hochberg
from personalize.association_rules.mining import tuples
from personalize.association_rules.next_product import together
from personalize.association_rules.null import null_of
from personalize.association_rules.rules import lengths
from personalize.tables import Tables


def cross_sell(
    rules: pd.DataFrame, *, k: int = 5, spend: pd.DataFrame | None = None
) -> pd.DataFrame:
    """For each product the products to offer with it: the accepted partners with most extra baskets.

    Parameters
    ----------
    rules : from `rules`; only accepted rules with one product on each side are used.
    k : most partners a product.
    spend : from `spend`, to put money on the extra baskets.

    Returns
    -------
    DataFrame, one row a product and partner: product_id, rank, partner, n (baskets with both), confidence,
    adjusted_lift, adjusted_low, adjusted_high, extra, extra_low, extra_high (baskets with both beyond what basket
    size and popularity explain) and, with `spend`, extra_amount = extra x what a basket spends on the partner.

    Notes
    -----
    Ranked by extra baskets, not by lift: lift is largest for the rarest pairs, which sell least. Extra baskets tell
    what goes together, not what an offer would add: that takes a test.
    """
    pairs = rules[rules["accepted"] & (lengths(rules["antecedent"]) == 1)]
    single = pd.DataFrame(
        {"product_id": pairs["antecedent"].str[0], "partner": pairs["consequent"].str[0]}
    )
    table = pd.concat(
        [
            single,
            pairs[["n", "confidence", "adjusted_lift", "adjusted_low", "adjusted_high", "extra"]],
        ],
        axis=1,
    )
    table["extra_low"], table["extra_high"] = (
        (table[f"adjusted_{end}"] - 1) * pairs["expected"] for end in ("low", "high")
    )
    order = ["product_id", "extra", "partner"]
    table = table.sort_values(order, ascending=[True, False, True], ignore_index=True)
    table.insert(1, "rank", table.groupby("product_id").cumcount() + 1)
    table = table[table["rank"] <= k].reset_index(drop=True)
    if spend is None:
        return table
    return table.assign(
        extra_amount=table["extra"]
        * table["partner"].map(spend.set_index("product_id")["amount_per_basket"])
    )


def substitutes(
    baskets: pd.DataFrame, *, min_expected: float = 20.0, max_products: int = 2000
) -> pd.DataFrame:
    """Pairs of products found together less often than basket size and popularity let expect.

    Parameters
    ----------
    baskets : order_id, product_id; customer_id where known widens the intervals as in `rules`.
    min_expected : least expected number of baskets with both: below, an absence proves nothing.
    max_products : only the commonest products are compared.

    Returns
    -------
    DataFrame, one row a pair, most missing baskets first: product_id, other, n, expected, missing = expected - n,
    adjusted_lift, adjusted_low, adjusted_high (all below 1), p_adjusted (<= 0.05).

    Notes
    -----
    A low pair may be a substitute (one brand instead of the other), or two kinds of trip, or two kinds of
    household: read it as "do not promote together", not as proof that one sells at the other's cost.
    """
    data = encode(baskets)
    codes = np.argsort(-data.item_counts, kind="stable")[:max_products]
    null = null_of(data)
    expected, counts = null.expected_pairs(codes), together(data, codes)
    rows, columns = np.nonzero(np.triu(expected >= min_expected, k=1))
    n, hope = counts[rows, columns].astype(float), expected[rows, columns]
    trials = data.item_counts[codes[columns]].astype(float)
    p = betaincc(n + 1, np.maximum(trials - n, 1e-9), np.minimum(hope / trials, 1.0))
    table = pd.DataFrame({"row": codes[rows], "column": codes[columns], "n": n.astype(int), "expected": hope,
                          "missing": hope - n, "adjusted_lift": n / hope,
                          "p_adjusted": benjamini_hochberg(p, tests=len(p))})  # fmt: skip
    table = _bounded(data, table[(table["adjusted_lift"] < 1) & (table["p_adjusted"] <= Q)])
    return _paired(data, table[table["adjusted_high"] < 1])


def _bounded(data: Baskets, table: pd.DataFrame) -> pd.DataFrame:
    """With the interval of the adjusted lift: Poisson, or wider where baskets of a customer are alike."""
    n, hope = table["n"].to_numpy(float), table["expected"].to_numpy()
    tail = (1 - LEVEL) / 2
    low = np.where(n > 0, gammaincinv(np.maximum(n, 1), tail), 0) / hope
    high = gammaincinv(n + 1, 1 - tail) / hope
    if data.customers is not None and len(table):
        group = data.customers % GROUPS
        counts = (
            count_codes(data, table[["row", "column"]].to_numpy(), group=group, groups=GROUPS)
            + 0.5 / GROUPS
        )
        logs = np.log(counts.sum(axis=1, keepdims=True) - counts)
        reach = np.exp(stdtrit(GROUPS - 1, 1 - tail) * np.sqrt(GROUPS - 1) * logs.std(axis=1))
        low, high = np.minimum(low, n / hope / reach), np.maximum(high, n / hope * reach)
    return table.assign(adjusted_low=low, adjusted_high=high)


def _paired(data: Baskets, table: pd.DataFrame) -> pd.DataFrame:
    codes = np.sort(table[["row", "column"]].to_numpy(int), axis=1)
    names = pd.DataFrame(
        list(tuples(data.labels, codes)), columns=["product_id", "other"], index=table.index
    )
    numbers = table[
        ["n", "expected", "missing", "adjusted_lift", "adjusted_low", "adjusted_high", "p_adjusted"]
    ]
    joined = pd.concat([names, numbers], axis=1).assign(first=codes[:, 0], second=codes[:, 1])
    joined = joined.sort_values(
        ["missing", "first", "second"], ascending=[False, True, True], ignore_index=True
    )
    return joined.drop(columns=["first", "second"])


def named(table: pd.DataFrame, tables: Tables, *, level: str) -> pd.DataFrame:
    """The table with product names in place of product ids, for reading; groups are their own names.

    Parameters
    ----------
    table : any table of this module, with antecedent, consequent, itemset, product_id, partner,
        other, because, first or then.
    tables, level : as in `baskets`.
    """
    if level not in ("product", "product_id") or "products" not in tables:
        return table
    names = (
        tables.products.to_pandas(["product_id", "name"]).set_index("product_id")["name"].to_dict()
    )
    sets, singles = (
        ("itemset", "antecedent", "consequent"),
        ("product_id", "partner", "other", "because", "first", "then"),
    )
    changed = {
        c: [tuple(names.get(item, item) for item in items) for items in table[c]]
        for c in sets
        if c in table
    }
    changed |= {c: [names.get(item, item) for item in table[c]] for c in singles if c in table}
    return table.assign(**changed)
