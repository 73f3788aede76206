"""Personalised marketing from an order log: one vocabulary, one module a question.

    import personalize as pz
    tables = pz.load("complete_journey")        # or "shop.yml", or {"orders": frame}
    pz.features.rfm(tables, as_of="2017-09-30")

Modules load when they are first named, so that a session pays only for what it uses.
"""

from importlib import import_module

__version__ = "0.2.0"

_MODULES = (
    "association_rules",
    "clv",
    "engine",
    "evaluate",
    "features",
    "inference",
    "plots",
    "recommenders",
    "report",
    "segmentation",
    "show",
    "simulate",
    "sources",
    "statistics",
    "tables",
)
__all__ = ["load", *_MODULES]


def __getattr__(name: str):
    if name == "load":
        return import_module("personalize.sources").load
    if name in _MODULES:
        return import_module(f"personalize.{name}")
    raise AttributeError(f"module 'personalize' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
