"""Customer lifetime value: probability models, regression on window spends, and one scoreboard that
judges both.

    customers = pz.clv.summary(tables, as_of="1997-09-30")      # frequency, recency, T,
    monetary_value model = pz.clv.BetaGeo().fit(customers)                     # params_,
    log_likelihood_, standard_errors_ model.expected_purchases(39), model.p_alive() test =
    pz.clv.backtest(tables, cut="1997-09-30", horizon=39)     # every forecast against what happened
    test.table(), test.best

The models of `bg_nbd`, `bg_cnbd`, `pareto_nbd`, `bg_bb`, `gamma_gamma` and `sbg` share the fit of
`likelihood`; `forecasts` and `regression` stand behind one contract, `backtesting` judges them,
`prediction_intervals` says how sure, `value` makes the table to act on.
"""

from personalize.clv.backtesting import (
    BASELINE,
    NOTHING,
    Backtest,
    Choice,
    Plan,
    backtest,
    contestants,
    deciles,
    gini,
    plan,
    scoreboard,
    top_mask,
    top_share,
)
from personalize.clv.bg_bb import BetaGeoBetaBinom
from personalize.clv.bg_cnbd import BetaGeoCNBD, ModifiedBetaGeoCNBD
from personalize.clv.bg_nbd import NBD, BetaGeo, ModifiedBetaGeo
from personalize.clv.customers import Records, periods, summary
from personalize.clv.diagnostics import (
    alive_history,
    by_frequency,
    cdnow_check,
    cdnow_reading,
    frequency_recency,
    tracking,
)
from personalize.clv.discount import (
    discount_factor,
    discounted_purchases,
    period_rate,
    present_value,
)
from personalize.clv.forecasts import Blend, BuyTillYouDie, NaiveRate, Recalibrated, ZeroForecast
from personalize.clv.gamma_gamma import GammaGamma
from personalize.clv.identification import Dropout, dropout, regularity, shape, spend_independence
from personalize.clv.pareto_nbd import ParetoNBD
from personalize.clv.prediction_intervals import (
    Bands,
    bands,
    coverage,
    coverage_reading,
    simulated_coverage,
)
from personalize.clv.regression import Regression, WindowRegression, cumulative
from personalize.clv.sbg import ShiftedBetaGeo, contracts
from personalize.clv.value import Worth, concentration, tier_table, tiers, top_gain, value_table

__all__ = [
    "BASELINE",
    "Backtest",
    "Bands",
    "BetaGeo",
    "BetaGeoBetaBinom",
    "BetaGeoCNBD",
    "Blend",
    "BuyTillYouDie",
    "Choice",
    "Dropout",
    "GammaGamma",
    "ModifiedBetaGeo",
    "ModifiedBetaGeoCNBD",
    "NBD",
    "NOTHING",
    "NaiveRate",
    "ParetoNBD",
    "Plan",
    "Recalibrated",
    "Records",
    "Regression",
    "ShiftedBetaGeo",
    "WindowRegression",
    "Worth",
    "ZeroForecast",
    "alive_history",
    "backtest",
    "bands",
    "by_frequency",
    "cdnow_check",
    "cdnow_reading",
    "concentration",
    "contestants",
    "contracts",
    "coverage",
    "coverage_reading",
    "cumulative",
    "deciles",
    "discount_factor",
    "discounted_purchases",
    "dropout",
    "frequency_recency",
    "gini",
    "period_rate",
    "periods",
    "plan",
    "present_value",
    "regularity",
    "scoreboard",
    "shape",
    "simulated_coverage",
    "spend_independence",
    "summary",
    "tier_table",
    "tiers",
    "top_gain",
    "top_mask",
    "top_share",
    "tracking",
    "value_table",
]
