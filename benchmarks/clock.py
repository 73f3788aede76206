"""What every benchmark program ends with: one line of JSON."""

import json
import resource
import sys
import time
from collections.abc import Callable


def report(work: Callable[[], object], result: Callable[[object], object]) -> None:
    """Do the work once, timed, and print its CPU seconds, peak memory and a result to compare."""
    start = time.process_time()
    made = work()
    cpu = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"cpu": cpu, "mb": peak, "result": result(made)}) + "\n")
