"""What to do with rules: cross-sell lists, bundles, what to keep apart, names for ids."""

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.special import betaincc, gammaincinv

from personalize.association_rules.rule_generation import lengths
from personalize.association_rules.significance import (
    LEVEL,
    Q,
    jackknife_reach,
)
from personalize.association_rules.transactions import GROUPS, PRODUCT, Baskets, encode
from personalize.inference import adjust
from personalize.tables import Tables

SETS = ("itemset", "antecedent", "consequent")
SINGLES = ("product_id", "partner", "other", "because", "first", "then")


def cross_sell(
    rules: pd.DataFrame, *, k: int = 5, spend: pd.DataFrame | None = None
) -> pd.DataFrame:
    """For each product the products to offer with it: the accepted partners with most extra
    baskets.

    Parameters
    ----------
    rules : from `rules`; only accepted rules with one product on each side are used.
    k : most partners a product.
    spend : from `spend`, to put money on the extra baskets.

    Returns
    -------
    DataFrame, one row a product and partner: product_id, rank, partner, n (baskets with both),
    confidence, adjusted_lift, adjusted_low, adjusted_high, extra, extra_low, extra_high (baskets
    with both beyond what basket size and popularity explain) and, with `spend`, extra_amount =
    extra x what a basket spends on the partner.

    Notes
    -----
    Ranked by extra baskets, not by lift: lift is largest for the rarest pairs, which sell least.
    Extra baskets tell what goes together, not what an offer would add: that takes a test.
    """
    pairs = rules[rules["accepted"] & (lengths(rules["antecedent"]) == 1)]
    table = pairs[["n", "confidence", "adjusted_lift", "adjusted_low", "adjusted_high", "extra"]]
    table = table.assign(
        product_id=pairs["antecedent"].str[0],
        partner=pairs["consequent"].str[0],
        extra_low=(pairs["adjusted_low"] - 1) * pairs["expected"],
        extra_high=(pairs["adjusted_high"] - 1) * pairs["expected"],
    )
    order, ascending = ["product_id", "extra", "partner"], [True, False, True]
    table = table.sort_values(order, ascending=ascending, ignore_index=True)
    table["rank"] = table.groupby("product_id").cumcount() + 1
    first = ["product_id", "rank", "partner"]
    table = table[[*first, *table.columns.difference(first, sort=False)]]
    table = table[table["rank"] <= k].reset_index(drop=True)
    if spend is not None:
        amount = spend.set_index("product_id")["amount_per_basket"]
        table["extra_amount"] = table["extra"] * table["partner"].map(amount)
    return table


def substitutes(
    baskets: pd.DataFrame | Baskets, *, min_expected: float = 20.0, max_products: int = 2000
) -> pd.DataFrame:
    """Pairs of products found together less often than basket size and popularity let expect.

    Parameters
    ----------
    baskets : order_id, product_id; customer_id where known widens the intervals as in `rules`.
    min_expected : least expected number of baskets with both: below, an absence proves nothing.
    max_products : only the commonest products are compared.

    Returns
    -------
    DataFrame, one row a pair, most missing baskets first: product_id, other, n, expected, missing =
    expected - n, adjusted_lift, adjusted_low, adjusted_high (all below 1), p_adjusted (<= 0.05).

    Notes
    -----
    A low pair may be a substitute (one brand instead of the other), or two kinds of trip, or two
    kinds of household: read it as "do not promote together", not as proof that one sells at the
    other's cost.
    """
    data = encode(baskets)
    codes = np.argsort(-data.item_counts, kind="stable")[:max_products]
    every = data.null.expected_pairs(codes)
    one, other = np.nonzero(np.triu(every >= min_expected, k=1))
    n, expected = data.pair_counts(codes)[one, other], every[one, other]
    one, other = codes[one], codes[other]
    trials = data.item_counts[other].astype(float)
    p = betaincc(n + 1.0, np.maximum(trials - n, 1e-9), np.minimum(expected / trials, 1.0))
    table = pd.DataFrame(
        {
            "one": np.minimum(one, other),
            "two": np.maximum(one, other),
            "n": n.astype(int),
            "expected": expected,
            "missing": expected - n,
            "adjusted_lift": n / expected,
            "p_adjusted": adjust(p, method="bh"),
        }
    )
    table = table[(table["adjusted_lift"] < 1) & (table["p_adjusted"] <= Q)]
    low, high = _bounds(data, table)
    table = table.assign(adjusted_low=low, adjusted_high=high)[high < 1]
    order, ascending = ["missing", "one", "two"], [False, True, True]
    table = table.sort_values(order, ascending=ascending, ignore_index=True)
    table = table.assign(product_id=data.labels[table["one"]], other=data.labels[table["two"]])
    return table[
        [
            "product_id",
            "other",
            "n",
            "expected",
            "missing",
            "adjusted_lift",
            "adjusted_low",
            "adjusted_high",
            "p_adjusted",
        ]
    ]


def _bounds(data: Baskets, table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The interval of the adjusted lift: Poisson, or wider where baskets of a customer are
    alike."""
    n, expected = table["n"].to_numpy(float), table["expected"].to_numpy()
    tail = (1 - LEVEL) / 2
    low = np.where(n > 0, gammaincinv(np.maximum(n, 1), tail), 0) / expected
    high = gammaincinv(n + 1, 1 - tail) / expected
    if data.customers is not None and len(table):
        counts = data.counts_by_group(table[["one", "two"]].to_numpy()) + 0.5 / GROUPS
        left_out = np.log(counts.sum(axis=1, keepdims=True) - counts)
        reach = np.exp(jackknife_reach(left_out))
        low, high = np.minimum(low, n / expected / reach), np.maximum(high, n / expected * reach)
    return low, high


def bundles(
    rules: pd.DataFrame,
    baskets: pd.DataFrame | Baskets,
    *,
    spend: pd.DataFrame | None = None,
    visits: pd.DataFrame | None = None,
    k: int = 100,
) -> pd.DataFrame:
    """The sets of two to four products that belong together, those with most extra baskets first.

    Parameters
    ----------
    rules : from `rules` on `baskets` with theta=0 and all confidences: what is left out there
        cannot be judged here.
    baskets : order_id, product_id.
    spend : from `spend`, to put money on the products of the set.
    visits : from `visits`, to put money on the whole baskets that hold it.
    k : most bundles of each size.

    Returns
    -------
    DataFrame, one row a bundle: itemset (sorted tuple), size, n (baskets that hold it), support,
    adjusted_lift, adjusted_low, adjusted_high, extra (of the weakest of its rules: the product that
    is held most loosely), and where known bundle_amount (what baskets spend on its products, each
    on average), basket_amount (what the baskets that hold it come to, on average), basket_times
    (that over the mean of all baskets).

    Notes
    -----
    A bundle is a *closed* set (no further product is in all its baskets) each of whose rules is
    accepted, so that every product goes with the others beyond basket size, and at least one of
    whose rules is productive, so that every product adds something (Webb 2007). Baskets that hold a
    bundle are big ones: basket_amount says where the bundle is bought, not what it brings.

    References
    ----------
    Webb (2007), Discovering significant patterns, Machine Learning 68; Pasquier, Bastide, Taouil,
    Lakhal (1999), Discovering frequent closed itemsets, ICDT, for closed sets.
    """
    data = encode(baskets)
    table = _candidates(rules).sort_values(["extra", "n"], ascending=False, kind="stable")
    table = table.groupby("size").head(k).reset_index(drop=True)
    items = table["itemset"].explode()
    if spend is not None:
        price = spend.set_index("product_id")["amount_per_basket"].astype(float)
        table["bundle_amount"] = items.map(price).fillna(0.0).groupby(level=0).sum()
    if visits is not None:
        amount = visits.set_index("order_id")["amount"].astype(float).reindex(data.order_ids)
        ones, places = np.ones(len(items)), (data.codes(items), items.index)
        shape = (len(data.labels), len(table))
        held = (data.matrix @ csr_array((ones, places), shape=shape)).tocoo()
        whole = held.data == table["size"].to_numpy()[held.col]
        of_holders = amount.iloc[held.row[whole]].groupby(held.col[whole])
        table["basket_amount"] = of_holders.mean()
        table["basket_times"] = table["basket_amount"] / amount.mean()
    return table


def _candidates(rules: pd.DataFrame) -> pd.DataFrame:
    """The sets whose rules are all accepted, one or more of them productive, and that are
    closed."""
    always_joined = set(rules.loc[rules["confidence"] == 1, "antecedent"].map(frozenset))
    rules = rules[rules["accepted"] & (lengths(rules["antecedent"]) <= 3)]
    sets = (rules["antecedent"] + rules["consequent"]).map(frozenset)
    rules = rules.assign(code=pd.factorize(sets)[0], size=lengths(sets))
    productive = rules.groupby("code")["productive"]
    good = (productive.transform("size") == rules["size"]) & productive.transform("any")
    good &= ~sets.isin(always_joined)
    weakest = rules.loc[rules[good].groupby("code")["extra"].idxmin()]
    itemset = sets[weakest.index].map(_sorted)
    shown = ["size", "n", "support", "adjusted_lift", "adjusted_low", "adjusted_high", "extra"]
    return weakest[shown].assign(itemset=itemset)[["itemset", *shown]]


def _sorted(items: frozenset) -> tuple:
    return tuple(sorted(items, key=str))


def named(table: pd.DataFrame, tables: Tables, *, level: str) -> pd.DataFrame:
    """The table with product names in place of product ids, for reading; groups are their own
    names.

    Parameters
    ----------
    table : any table of this module, with antecedent, consequent, itemset, product_id, partner,
        other, because, first or then.
    tables, level : as in `baskets`.
    """
    if level not in PRODUCT or "products" not in tables:
        return table
    products = tables.products.to_pandas(["product_id", "name"]).set_index("product_id")
    names = products["name"].to_dict()
    changed = {}
    for column in table.columns.intersection(SINGLES):
        changed[column] = table[column].map(lambda item: names.get(item, item))
    for column in table.columns.intersection(SETS):
        one_by_one = table[column].explode().map(lambda item: names.get(item, item))
        changed[column] = one_by_one.groupby(level=0, sort=False).agg(tuple)
    return table.assign(**changed)


def pair_names(rules: pd.DataFrame) -> pd.DataFrame:
    """The rules with a column `pair`: antecedent and consequent as one name."""
    return rules.assign(pair=(rules["antecedent"] + rules["consequent"]).map(_joined))


def _joined(items: tuple) -> str:
    return " + ".join(map(str, items))
