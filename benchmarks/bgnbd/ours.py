import clock

import personalize as pz

summary = pz.clv.summary(pz.load("cdnow"), as_of="1997-09-30", unit="W")
clock.report(lambda: pz.clv.BetaGeo().fit(summary), lambda m: [round(float(m.params_[p]), 2) for p in "ra"])
