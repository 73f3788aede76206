"""From a shop's own files to clean tables: read the source file, convert once, open.

The raw files are read, cast, cleaned and checked once, into an engine file that is keyed by their
content; every notebook opens that file. A change in the files, the source file or the rules of
cleaning makes a new one.
"""

from personalize.sources.loading import Prepared, load, prepare
from personalize.sources.spec import SourceSpec, names, read

__all__ = ["Prepared", "SourceSpec", "load", "names", "prepare", "read"]
