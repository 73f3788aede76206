"""Time a miner on every setting whose baskets are at hand: data loaded, one call to warm up, then three counted."""

import json
import statistics
import sys
import time
from collections.abc import Callable

import baskets


def take(load: Callable, result: Callable) -> None:
    """Print a line for each setting: baskets, min_count, cpu (median of three calls), result."""
    loaded = ("", None)
    for name, count in baskets.SETTINGS:
        if baskets.path(name) is None:
            continue
        loaded = loaded if loaded[0] == name else (name, load(name))
        found, taken = loaded[1](count), []
        for _ in range(3):
            start = time.process_time()
            found = loaded[1](count)
            taken.append(time.process_time() - start)
        line = {
            "baskets": name,
            "min_count": count,
            "cpu": statistics.median(taken),
            "result": result(found),
        }
        sys.stdout.write(json.dumps(line) + "\n")
