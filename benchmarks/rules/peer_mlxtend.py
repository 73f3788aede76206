from collections import Counter

import baskets
import clock
import pandas as pd
from mlxtend.frequent_patterns import association_rules, fpgrowth
from mlxtend.preprocessing import TransactionEncoder

lists = baskets.lists("types")
often = {item for item, n in Counter(i for b in lists for i in b).items() if n >= 156}
encoder = TransactionEncoder()
table = pd.DataFrame(
    encoder.fit_transform([[i for i in b if i in often] for b in lists]), columns=encoder.columns_
)
sets = fpgrowth(table, min_support=155.5 / len(lists), use_colnames=True)


def work():
    return association_rules(sets, metric="confidence", min_threshold=0.3 - 1e-9)


clock.report(
    work, lambda rules: int((rules["consequents"].map(len) == 1).sum())
)  # ours have one consequent
