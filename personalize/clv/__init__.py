"""Customer lifetime value: probability models, regression on window spends, and one scoreboard that judges both.

    customers = pz.clv.summary(tables, as_of="1997-09-30")      # frequency, recency, T, monetary_value
    model = pz.clv.BetaGeo().fit(customers)                     # params_, log_likelihood_, standard_errors_
    model.expected_purchases(39), model.p_alive()
    test = pz.clv.backtest(tables, cut="1997-09-30", horizon=39)     # every forecast against what happened
    test.table(), test.best

The models of `purchases`, `dropout` and `spend` share the fit of `likelihood`; `forecasts` puts them and regressions
behind one contract, `scoreboard` judges, `value` makes the table to act on.
"""

from personalize.clv.advice import Dropout, dropout, regularity, shape, spend_independence
from personalize.clv.backtest import BASELINE, Backtest, Bands, Plan, backtest, bands, contestants, coverage, plan
from personalize.clv.customers import outcome, periods, summary
from personalize.clv.discount import discount_factor, discount_table, discounted_purchases, period_rate, present_value
from personalize.clv.dropout import BetaGeoBetaBinom, ParetoNBD
from personalize.clv.exhibits import by_frequency, cdnow_check, frequency_recency, tracking
from personalize.clv.forecasts import BuyTillYouDie, NaiveRate, Regression, WindowRegression, ZeroForecast
from personalize.clv.purchases import NBD, BetaGeo, ModifiedBetaGeo
from personalize.clv.scoreboard import deciles, gini, scoreboard, top_mask, top_share
from personalize.clv.spend import GammaGamma
from personalize.clv.value import tier_table, tiers, top_gain, value_table

__all__ = [
    "BASELINE", "Backtest", "Bands", "BetaGeo", "BetaGeoBetaBinom", "BuyTillYouDie", "Dropout", "GammaGamma",
    "ModifiedBetaGeo", "NBD", "NaiveRate", "ParetoNBD", "Plan", "Regression", "WindowRegression", "ZeroForecast",
    "backtest", "bands", "by_frequency", "cdnow_check", "contestants", "coverage", "deciles", "discount_factor",
    "discount_table", "discounted_purchases", "dropout", "frequency_recency", "gini", "outcome", "period_rate",
    "periods", "plan", "present_value", "regularity", "scoreboard", "shape", "spend_independence", "summary",
    "tier_table", "tiers", "top_gain", "top_mask", "top_share", "tracking", "value_table",
]  # fmt: skip
