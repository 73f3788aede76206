import clock

import personalize as pz

pz.load("complete_journey").engine.close()  # converted before, as in every use after the first


def work():
    return pz.features.rfm(pz.load("complete_journey"), as_of="2017-12-31")


clock.report(work, lambda t: [len(t), int(t.frequency.sum()), round(float(t.monetary.sum()), 2)])
