"""Claims of sessions."""

import pandas as pd
from hypothesis import strategies as st

import personalize as pz
from personalize import statistics
from tests.statistics.shops import DAY0, SEVEN, shop

orders = st.lists(
    st.tuples(st.integers(1, 5), st.integers(0, 90), st.integers(0, 2000)), min_size=2, max_size=40
)


def test_visits_and_funnel_by_hand() -> None:
    events = pd.DataFrame({
        "customer_id": [1, 1, 1, 1, 2, 2, 3],
        "time": [DAY0 + pd.Timedelta(days=d) for d in (0, 0, 0, 2, 0, 0, 1)],
        "event": ["view", "view", "cart", "view", "view", "cart", "view"],
        "page_id": [7, 8, 8, 7, 7, 7, 9],
        "session_id": [1, 1, 1, 2, 3, 3, 4],
    })  # fmt: skip
    for frame, note in (
        (events, ""),
        (events.drop(columns="session_id"), "a session is a customer's events of one day"),
    ):
        found = statistics.visits(shop(SEVEN, events=frame))
        assert (found.sessions, found.note) == (4, note)
        table = found.table().set_index("grain")
        assert table.total.tolist() == [7, 7, 7] and table.n.tolist() == [3, 3, 4]
        assert table["median"].tolist() == [2, 2, 1.5]
        assert found.funnel[["event", "sessions", "share"]].values.tolist() == [
            ["view", 4, 1.0],
            ["cart", 2, 0.5],
        ]
        assert (
            found.funnel.of_previous[1] == 0.5
            and found.funnel.share_low[1] < 0.5 < found.funnel.share_high[1]
        )


def test_the_simulated_shop_has_sessions_and_opinions() -> None:
    tables = pz.load("simulated_shop")
    funnel = statistics.visits(tables).funnel
    assert funnel.event[0] == "view" and funnel.sessions.is_monotonic_decreasing
    assert set(statistics.opinions(tables).measure) == {"NPS", "CSAT"}
