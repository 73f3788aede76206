"""Learn from a year of purchases and list ten products for every customer: similar customers."""

import clock

import personalize as pz

history = pz.recommenders.History.load(pz.load("complete_journey"), as_of="2017-12-31")


def work():
    return pz.recommenders.TIFU().fit_history(history).recommend(k=10)


clock.report(work, lambda lists: [lists.customer_id.nunique(), len(lists)])
