"""What several tests of this topic look at, computed once."""

import pytest

import personalize as pz


@pytest.fixture(scope="session")
def groceries():
    return pz.load("complete_journey")


@pytest.fixture(scope="session")
def known(groceries):
    """What two backtests of the groceries share."""
    return pz.clv.Records(groceries)


@pytest.fixture(scope="session")
def holdout(known):
    return pz.clv.backtest(known, cut="2017-09-24", horizon=14)
