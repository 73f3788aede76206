"""Old names that work for one more release."""

import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def renamed(package: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """A module's `__getattr__` that answers old names with the new things, and warns.

    Parameters
    ----------
    package : the module that offers the names, usually `__name__`
    names : old name -> new name, both of that module

    Examples
    --------
    >>> import warnings
    >>> old = renamed("personalize.tables", {"Mistake": "TableError"})
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     old("Mistake")
    <class 'personalize.tables.TableError'>
    """

    def look_up(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        message = f"{package}.{name} is now {names[name]}; the old name goes with the next release"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return getattr(import_module(package), names[name])

    return look_up
