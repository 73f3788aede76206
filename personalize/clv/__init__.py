"""Customer lifetime value: probability models, regression on window spends, and one scoreboard that judges both.

    customers = pz.clv.summary(tables, as_of="1997-09-30")      # frequency, recency, T, monetary_value
    model = pz.clv.BetaGeo().fit(customers)                     # params_, log_likelihood_, standard_errors_
    model.expected_purchases(39), model.p_alive()
    test = pz.clv.backtest(tables, cut="1997-09-30", horizon=39)     # every forecast against what happened
    test.table(), test.best

The models of `purchases`, `dropout`, `regular`, `contracts` and `spend` share the fit of `likelihood`; `forecasts`,
`regression` and `blends` stand behind one contract, `scoreboard` judges, `intervals` says how sure, `value` makes the
table to act on.
"""

from personalize.clv.advice import Dropout, dropout, regularity, shape, spend_independence
from personalize.clv.backtest import BASELINE, Backtest, Plan, backtest, contestants, plan
from personalize.clv.blends import Blend, Recalibrated
from personalize.clv.contracts import ShiftedBetaGeo, contracts
from personalize.clv.customers import outcome, periods, summary
from personalize.clv.discount import (
    discount_factor,
    discount_table,
    discounted_purchases,
    period_rate,
    present_value,
)
from personalize.clv.dropout import BetaGeoBetaBinom, ParetoNBD
from personalize.clv.exhibits import (
    alive_history,
    by_frequency,
    cdnow_check,
    frequency_recency,
    tracking,
)
from personalize.clv.forecasts import BuyTillYouDie, NaiveRate, ZeroForecast
from personalize.clv.intervals import Bands, bands, coverage, simulated_coverage
from personalize.clv.purchases import NBD, BetaGeo, ModifiedBetaGeo
from personalize.clv.records import Records
from personalize.clv.regression import Regression, WindowRegression, attributes, cumulative
from personalize.clv.regular import BetaGeoCNBD, ModifiedBetaGeoCNBD
from personalize.clv.scoreboard import deciles, gini, scoreboard, top_mask, top_share
from personalize.clv.spend import GammaGamma
from personalize.clv.value import concentration, tier_table, tiers, top_gain, value_table

__all__ = [
    "BASELINE", "Backtest", "Bands", "BetaGeo", "BetaGeoBetaBinom", "BetaGeoCNBD", "Blend", "BuyTillYouDie",
    "Dropout", "GammaGamma", "ModifiedBetaGeo", "ModifiedBetaGeoCNBD", "NBD", "NaiveRate", "ParetoNBD", "Plan",
    "Recalibrated", "Records", "Regression", "ShiftedBetaGeo", "WindowRegression", "ZeroForecast", "alive_history",
    "attributes", "backtest", "bands", "by_frequency", "cdnow_check", "concentration", "contestants", "contracts",
    "coverage", "cumulative", "deciles", "discount_factor", "discount_table", "discounted_purchases", "dropout",
    "frequency_recency", "gini", "outcome", "period_rate", "periods", "plan", "present_value", "regularity",
    "scoreboard", "shape", "simulated_coverage", "spend_independence", "summary", "tier_table", "tiers", "top_gain",
    "top_mask", "top_share", "tracking", "value_table",
]  # fmt: skip
