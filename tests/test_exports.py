"""The names that other code relies on: they may grow in number, they may not go."""

import importlib

import pytest

import personalize as pz

PROMISED = {
    "features": {"rfm", "window_spend"},
    "segmentation": {"RFM", "KMeansSegments", "Cuts", "segment_map", "choose_n_segments", "migration"},
    "association_rules": {"frequent_itemsets", "rules", "baskets", "shuffled", "cross_sell", "warm"},
    "recommenders": {
        "MostPopular", "PersonalFrequency", "TIFU", "ItemKNN", "UserKNN", "EASE", "Content", "Social", "Hybrid",
    },
    "clv": {"summary", "BetaGeo", "ModifiedBetaGeo", "ParetoNBD", "BetaGeoBetaBinom", "GammaGamma"},
    "evaluate": {"time_split", "ranking", "paired_bootstrap", "bootstrap_mean"},
    "statistics": {"describe", "verdicts"},
    "show": {"table", "text", "figure", "headline", "answer", "export"},
    "plots": {"bars", "lines", "histogram", "scatter", "heatmap", "intervals", "figure"},
    "report": {"run", "verify", "notebooks"},
    "sources": {"load", "prepare", "read", "names"},
    "simulate": {"shop", "Simulation"},
    "tables": {"CONTRACTS", "TableError", "Tables", "Table"},
}  # fmt: skip


@pytest.mark.parametrize("module", sorted(PROMISED))
def test_promised_names_are_there_and_documented(module):
    offered = importlib.import_module(f"personalize.{module}")
    for name in PROMISED[module]:
        assert getattr(getattr(offered, name), "__doc__", "") or name == "CONTRACTS", (
            f"{module}.{name}"
        )


def test_the_package_offers_load_and_its_modules_by_name():
    assert {"load", *PROMISED} <= set(pz.__all__)
    assert all(getattr(pz, name) is not None for name in pz.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = pz.nothing


@pytest.mark.parametrize(
    "module", ["segmentation", "association_rules", "recommenders", "clv", "statistics"]
)
def test_what_a_topic_lists_it_has_and_what_it_lists_is_all_there_is_to_see(module):
    offered = importlib.import_module(f"personalize.{module}")
    assert sorted(offered.__all__) == sorted(set(offered.__all__))
    assert all(hasattr(offered, name) for name in offered.__all__)
