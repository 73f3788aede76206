"""Networks: the same picture each time, names apart by the lines between them."""

import numpy as np
import pandas as pd
import pytest

from personalize import plots
from personalize.tables import TableError


def test_a_network_sets_names_apart_by_the_lines_between_them():
    chain = pd.DataFrame({"a": list("uvwx"), "b": list("vwxy"), "n": [1, 1, 1, 1]})
    spots = {
        text.get_text(): np.array(text.xy)
        for text in plots.network(chain, source="a", target="b", width="n").texts
    }
    far = [np.hypot(*(spots["u"] - spots[name])) for name in "vwxy"]
    assert far == sorted(far) and far[0] > 0


def test_a_network_is_the_same_picture_each_time_and_refuses_nothing_to_draw():
    pairs = pd.DataFrame(
        {"a": ["x", "y", "p"], "b": ["y", "z", "q"], "n": [3, 2, 1], "lift": [2.0, 3.0, 9.0]}
    )
    draw = lambda: plots.network(
        pairs, source="a", target="b", width="n", color="lift", title="Pairs"
    )  # noqa: E731
    assert plots.png(draw()) == plots.png(draw())
    assert {"x", "y", "z", "p", "q"} <= {text.get_text() for text in draw().texts}
    with pytest.raises(TableError, match="no rows"):
        plots.network(pairs.head(0), source="a", target="b", width="n")
