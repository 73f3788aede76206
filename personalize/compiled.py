"""Inner loops as machine code, by numba. The files that need it are imported inside the functions
that call them.

So `import personalize` stays quick. The machine code is cached beside the file of the function or,
where that folder cannot be written, in numba's user folder (`NUMBA_CACHE_DIR` moves it); where
neither can be written the loops are compiled anew in each process and give the same answers."""

from collections.abc import Callable
from typing import Any

from numba import njit

__all__ = ["compiled"]


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as machine code, cached on disk where some folder can be written.

    Parameters
    ----------
    function : loops over numpy arrays, in the part of Python that numba compiles

    Examples
    --------
    >>> compiled(lambda a, b: a + b)(1, 2)
    3
    """
    try:
        return njit(cache=True, nogil=True)(function)
    except RuntimeError:  # numba found no folder it may write: compile in memory
        return njit(nogil=True)(function)
