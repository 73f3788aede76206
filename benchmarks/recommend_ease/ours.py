"""EASE over the 2,000 products with most buyers: the weights alone."""

import clock
import numpy as np

import personalize as pz

history = pz.recommenders.History.load(pz.load("complete_journey"), as_of="2017-12-31")


def work():
    return (
        pz.recommenders.EASE(l2=500, max_items=2000, group_weight=0).fit_history(history).weights_
    )


clock.report(work, lambda weights: [len(weights), round(float(np.abs(weights).sum()), 0)])
