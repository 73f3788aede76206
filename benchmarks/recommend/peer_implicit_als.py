import clock
import numpy as np
import purchases
from implicit.als import AlternatingLeastSquares

bought = purchases.matrix()
bought.data = np.log1p(bought.data)


def work():
    model = AlternatingLeastSquares(
        64, regularization=0.1, alpha=1, iterations=15, num_threads=1, random_state=0
    )
    model.fit(bought, show_progress=False)
    return model.recommend(
        np.arange(bought.shape[0]), bought, N=10, filter_already_liked_items=False
    )[0]


clock.report(work, lambda ids: [len(ids), ids.size])
