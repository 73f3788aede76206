"""Verdicts, readings and groups of a scoreboard."""

import numpy as np
import pandas as pd
import pytest

import personalize as pz
from personalize.evaluate import ranking, time_split
from personalize.recommenders import EASE, Content, ItemKNN, PersonalFrequency, Trial
from personalize.tables import TableError
from tests.recommenders.shops import CUT


@pytest.fixture(scope="module")
def board(trial):
    models = {"neighbours": ItemKNN(), "the same": PersonalFrequency(), "words": Content()}
    return trial.compare(models | {"twins": EASE(max_memory_mb=1e-6)})


def test_the_scoreboard_scores_what_the_models_recommend(tables, trial, board):
    model = PersonalFrequency().fit(tables, as_of=CUT)
    lists = model.recommend(k=5, candidates=trial.candidates)
    direct = ranking(lists, trial.truth, k=5)
    assert board.row("personal frequency").ndcg == pytest.approx(direct.ndcg.mean())
    assert board.row("personal frequency").recall == pytest.approx(direct.recall.mean())


def test_verdicts_compare_with_the_better_baseline_on_the_same_customers(board):
    table = board.table().set_index("model")
    assert board.baseline == "personal frequency"
    assert table.verdict["most popular"] == "baseline"
    assert table.verdict["the same"] == "do not: not better than personal frequency"
    assert table.gain["the same"] == 0
    assert table.verdict["neighbours"] == "do not: worse than personal frequency"
    assert board.choice == "personal frequency"
    assert "No model is shown to be better than **personal frequency**" in board.reading()


def test_a_better_model_is_chosen_with_its_gain(trial):
    class Oracle(PersonalFrequency):
        def _score(self, want):
            scores = super()._score(want).tolil()
            for place, customer in enumerate(want.customers):
                for product in trial.truth[trial.truth.customer_id == customer].product_id:
                    scores[place, self.history_.product_number([product])[0]] = 1000
            return scores.tocsr()

    board = trial.compare({"oracle": Oracle(), "neighbours": ItemKNN()})
    assert board.choice == "oracle"
    assert board.row("oracle").ndcg == pytest.approx(1)
    assert board.row("oracle").verdict == "use it"
    assert board.reading().startswith("Use **oracle**: NDCG@5 1.000")


def test_a_model_that_cannot_learn_is_named_with_its_reason(board):
    assert board.refused.model.tolist() == ["twins"]
    assert "**twins** (EASE over" in board.left_out


def test_groups_by_history_hold_every_customer_once_and_hide_small_ones(board):
    groups = board.by_history("personal frequency", groups=3, min_cell=1)
    assert groups.customers.sum() == board.customers
    assert board.by_history("personal frequency", min_cell=1000).empty
    assert np.average(groups.ndcg, weights=groups.customers) == pytest.approx(
        board.row("personal frequency").ndcg
    )


def test_nothing_to_discover_gives_an_empty_board_that_still_speaks():
    rows = [(c, p, d) for c in (1, 2) for p in (5, 6) for d in (1, 20)]
    frame = pd.DataFrame(rows, columns=["customer_id", "product_id", "day"])
    time = pd.Timestamp("2024-01-01") + pd.to_timedelta(frame.pop("day"), unit="D")
    tables = pz.load({"orders": frame.assign(time=time, order_id=range(8), quantity=1, amount=1.0)})
    trial = Trial.load(time_split(tables, cut="2024-01-10"))
    board = trial.compare({"similar": ItemKNN()}, repeat="new")
    assert (board.customers, board.choice) == (0, "most popular")
    assert board.table().empty
    assert "nothing to find in the judging days, so no model can be told from another." in (
        board.reading()
    )
    assert np.isnan(board.mean("most popular").estimate)


def test_newness_speaks_of_familiar_groups_only_where_groups_are_known(trial, tables):
    assert (
        "of a group that the customer already buys from" in trial.compare({}, repeat="new").newness
    )
    bare = Trial.load(time_split(pz.load({"orders": tables.orders.to_pandas()}), cut=CUT))
    assert bare.compare({}, repeat="new").newness.endswith("can reach it.")


def test_segments_given_as_a_table_are_scored_apart_and_small_ones_hidden(board):
    customers = board.scores.customer_id.unique()
    segments = pd.DataFrame({"customer_id": customers, "city": np.where(customers < 5, "B", "A")})
    segments.loc[segments.customer_id == 59, "city"] = None
    table = board.by_segment("neighbours", segments, min_cell=1)
    assert table.segment.tolist() == ["A", "B"]
    assert table.customers.tolist() == [54, 5]
    own = board.scores[(board.scores.model == "neighbours") & (board.scores.customer_id < 5)]
    assert table.ndcg[1] == pytest.approx(own.ndcg.mean())
    assert (table.gain - (table.ndcg - table.baseline)).abs().max() < 1e-12
    assert board.by_segment("neighbours", segments, min_cell=10).segment.tolist() == ["A"]


def test_segments_of_another_form_are_refused(board):
    twice = pd.DataFrame({"customer_id": [1, 1], "city": ["A", "B"]})
    for wrong in (twice, twice.iloc[:1].assign(country="X"), twice[["customer_id"]].iloc[:1]):
        with pytest.raises(
            TableError, match="give customer_id and one more column, one row a customer"
        ):
            board.by_segment("neighbours", wrong)
