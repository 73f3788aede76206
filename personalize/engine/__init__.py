"""Where the rows live: one small interface, DuckDB in the box, Apache Spark beyond one machine.

Every aggregate of the kit is SQL in the dialect that both share; the few things they say
differently are methods.
"""

from personalize.engine.embedded import DuckDB
from personalize.engine.interface import Engine, Settings, connect
from personalize.tables import quoted, ticked

__all__ = ["DuckDB", "Engine", "Settings", "connect", "quoted", "ticked"]
