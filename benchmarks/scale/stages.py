"""What every program of this case ends with: CPU seconds by stage, peak memory, and the numbers they all must find."""

import json
import resource
import sys
import time

NAMES = (
    "lines", "anonymous_lines", "return_lines", "repeated_lines", "zero_lines", "orders", "products_of_orders",
    "mixed_orders", "return_orders", "products_sold", "customers", "days", "spend", "purchases", "recency", "monetary",
    "gaps", "gap_days", "values", "value_lines", "value_pieces", "value_spend", "cohort_cells", "cohort_active",
)  # fmt: skip


class Clock:
    """CPU seconds from one call to the next."""

    def __init__(self) -> None:
        self.cpu: dict[str, float] = {}
        self._start = self._last = time.process_time()

    def stage(self, name: str) -> None:
        """End a stage."""
        now = time.process_time()
        self.cpu[name] = self.cpu.get(name, 0) + now - self._last
        self._last = now

    def report(self, numbers: dict[str, float]) -> None:
        """Print the line."""
        self.cpu["total"] = time.process_time() - self._start
        found = [round(float(numbers[name]), 2) for name in NAMES]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        sys.stdout.write(json.dumps({"cpu": self.cpu, "mb": peak, "result": found}) + "\n")
