"""Networks: the same picture each time, names apart by the lines between them."""

import numpy as np
import pandas as pd

from personalize import plots
from tests.plots.samples import CHARTS


def test_a_network_sets_names_apart_by_the_lines_between_them():
    chain = pd.DataFrame({"a": list("uvwx"), "b": list("vwxy"), "n": [1, 1, 1, 1]})
    spots = {
        text.get_text(): np.array(text.xy)
        for text in plots.network(chain, source="a", target="b", width="n").texts
    }
    far = [np.hypot(*(spots["u"] - spots[name])) for name in "vwxy"]
    assert far == sorted(far) and far[0] > 0


def test_every_name_of_a_network_is_written_and_drawn_as_large_as_its_lines():
    ax = CHARTS["network"]()
    assert {"x", "y", "z", "p", "q"} <= {text.get_text() for text in ax.texts}
    sizes = dict(zip("pqxyz", ax.collections[1].get_sizes(), strict=True))
    assert sizes["y"] == max(sizes.values()) and sizes["p"] == sizes["q"] == min(sizes.values())
