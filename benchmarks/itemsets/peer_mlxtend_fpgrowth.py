from collections import Counter

import baskets
import clock
import pandas as pd
from mlxtend.frequent_patterns import fpgrowth
from mlxtend.preprocessing import TransactionEncoder

lists = baskets.lists("types")
often = {
    item for item, n in Counter(i for b in lists for i in b).items() if n >= 156
}  # in mlxtend's favour
encoder = TransactionEncoder()
table = pd.DataFrame(
    encoder.fit_transform([[i for i in b if i in often] for b in lists]), columns=encoder.columns_
)
clock.report(lambda: fpgrowth(table, min_support=155.5 / len(lists)), lambda sets: len(sets))
