"""Regular buyers: (M)BG/CNBD-k against simulation and an independent formula."""

import mpmath
import numpy as np
import pandas as pd
import pytest

import personalize as pz
from personalize.tables import TableError

REGULAR = [pz.clv.BetaGeoCNBD, pz.clv.ModifiedBetaGeoCNBD]


PLAIN = {pz.clv.BetaGeoCNBD: pz.clv.BetaGeo, pz.clv.ModifiedBetaGeoCNBD: pz.clv.ModifiedBetaGeo}


TRUTH = {
    "r": 0.85,
    "alpha": 1.45,
    "a": 0.79,
    "b": 2.42,
}  # the simulation of the authors' own package


def buyers(k, *, n, ages, ahead=0.0, before=0, seed=0):
    """Customers who buy at every k-th event and may leave after each purchase, the first included
    where before = 1.
    """
    rng = np.random.default_rng(seed)
    rate, leaves = rng.gamma(TRUTH["r"], 1 / TRUTH["alpha"], n), rng.beta(TRUTH["a"], TRUTH["b"], n)
    age = rng.uniform(*ages, n)
    times = np.cumsum(rng.gamma(k, 1, (n, 400)) / rate[:, None], axis=1)
    stays = rng.geometric(leaves) - before
    place = np.arange(400)[None, :]
    seen = (times <= age[:, None]) & (place < stays[:, None])
    later = (times > age[:, None]) & (times <= age[:, None] + ahead) & (place < stays[:, None])
    x = seen.sum(axis=1)
    gaps = np.diff(times, axis=1, prepend=0.0)
    table = pd.DataFrame({"customer_id": range(n), "frequency": x, "T": age})
    table["recency"] = np.where(x > 0, times[np.arange(n), np.maximum(x - 1, 0)], 0.0)
    return (
        table.assign(log_gaps=np.where(seen, np.log(gaps), 0.0).sum(axis=1)),
        later.sum(axis=1),
        x == stays,
    )


@pytest.mark.parametrize("model", REGULAR)
def test_with_k_one_a_regular_model_is_the_plain_one(calibration, model):
    regular, plain = model(k=1).fit(calibration), PLAIN[model]().fit(calibration)
    assert regular.log_likelihood_ == pytest.approx(plain.log_likelihood_, abs=1e-8)
    for ask in (
        lambda m: m.p_alive(),
        lambda m: m.expected_purchases(39),
        lambda m: m.expected_from_start(np.arange(9.0)),
    ):
        assert np.asarray(ask(regular)) == pytest.approx(
            np.asarray(ask(plain)), rel=1e-7, abs=1e-10
        )


@pytest.mark.parametrize(("model", "k", "before"), [(REGULAR[0], 3, 0), (REGULAR[1], 2, 1)])
def test_simulated_buyers_give_back_their_rhythm_parameters_and_future(model, k, before):
    table, later, gone = buyers(k, n=6000, ages=(12, 96), ahead=32.0, before=before)
    fit = model().fit(table)
    interval = fit.table(level=0.999).set_index("parameter")
    assert fit.k_ == k
    assert all(interval.low[name] < value < interval.high[name] for name, value in TRUTH.items())
    true = model.at(k=k, **TRUTH)
    error = later - true.expected_purchases(32.0, table).to_numpy()
    assert abs(error.mean()) < 3 * error.std() / np.sqrt(len(error)) < 0.25
    assert 1 - true.p_alive(table).mean() == pytest.approx(gone.mean(), abs=0.015)
    with pytest.raises(TableError, match="expectations only"):
        true.simulate(32.0, table, n=1, rng=np.random.default_rng(1))


@pytest.mark.parametrize(
    ("k", "row"), [(2, (0, 0.0, 20.0)), (2, (60, 39.5, 40.0)), (3, (4, 17.0, 20.0))]
)
def test_the_regular_expectation_equals_thirty_digit_integration_over_roots_of_unity(k, row):
    (x, recency, age), t = row, 26.0
    model = pz.clv.ModifiedBetaGeoCNBD.at(k=k, r=1.329, alpha=2.813, a=0.425, b=0.790)
    found = model._if_alive_since(t, *(np.array([float(v)]) for v in row))[0]
    with mpmath.workdps(30):
        r, alpha, a, b = (mpmath.mpf(float(v)) for v in model.params_)
        shape, z = r + k * x, t / (alpha + age + t)
        wait = (age - recency) / (alpha + age)
        phases = [wait**j * mpmath.rf(shape, j) / mpmath.factorial(j) for j in range(k)]

        def stays_through(s, j):
            """E[s^floor((N + j) / k)], N events in t: a filter over the k-th roots of s."""
            total = mpmath.mpf(0)
            for h in range(k):
                u = mpmath.root(s, k) * mpmath.expjpi(mpmath.mpf(2 * h) / k)
                total += (
                    u**j * ((1 - z) / (1 - z * u)) ** (shape + j) * (1 - 1 / s) / (1 - 1 / u) / k
                )
            return mpmath.re(total)

        def future(p):
            made = sum(w * (1 - stays_through(1 - p, j)) for j, w in enumerate(phases)) / sum(
                phases
            )
            return made / p * p ** (a - 1) * (1 - p) ** (b + x)

        tiny = mpmath.mpf(10) ** -12  # below it the integrand is a power of p
        ends = [tiny, 1e-8, 1e-6, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.3, 0.7, 1 - tiny]
        exact = (mpmath.quad(future, ends, maxdegree=4) + future(tiny) * tiny / a) / mpmath.beta(
            a, b + x + 1
        )
    assert found == pytest.approx(float(exact), rel=1e-8)


@pytest.mark.parametrize("model", REGULAR)
@pytest.mark.parametrize("k", [1, 2, 5])
def test_the_gradient_of_a_regular_model_is_the_slope_of_its_likelihood(model, k):
    data = np.array([[0.0, 0, 30], [2, 12, 30], [5, 30, 30], [1, 3, 3.5], [200, 50, 51]])
    theta, fit = np.array([0.7, 3.0, 0.9, 2.2]), model.at(k=k, **TRUTH)
    steps = 1e-6 * np.diag(theta)
    numeric = [
        (fit._terms(theta + h, data)[0] - fit._terms(theta - h, data)[0]) / (2 * h.sum())
        for h in steps
    ]
    assert fit._terms(theta, data)[1] == pytest.approx(np.array(numeric).T, rel=1e-4, abs=1e-4)


def test_groceries_are_bought_with_a_rhythm_and_music_is_not(calibration):
    groceries = pz.clv.summary(pz.load("complete_journey"), as_of="2017-09-24")
    rhythm, chance = (
        pz.clv.ModifiedBetaGeoCNBD().fit(groceries),
        pz.clv.ModifiedBetaGeo().fit(groceries),
    )
    assert rhythm.k_ == 2
    assert rhythm.log_likelihood_ - chance.log_likelihood_ > 7000
    assert pz.clv.ModifiedBetaGeoCNBD().fit(calibration).k_ == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: pz.clv.BetaGeoCNBD.at(k=0, **TRUTH), "k = 0: regularity is a whole number"),
        (lambda: pz.clv.BetaGeoCNBD().fit(pd.DataFrame({"frequency": [1]})), "lacks .*log_gaps"),
        (
            lambda: pz.clv.BetaGeoCNBD.at(k=2, **TRUTH).expected_purchases(-1),
            "length of time of 0 or more",
        ),
    ],
)
def test_wrong_input_is_refused_in_words(call, words):
    with pytest.raises(TableError, match=words):
        call()
