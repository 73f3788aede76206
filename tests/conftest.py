"""What all tests share; and two repairs of nbval, for `pytest notebooks --nbval -p tests.conftest`.

nbval compares text exactly and runs cells without history. Here numbers with a decimal point may differ by a relative
1e-6 (sums in another order), everything else must be equal; and cells run with history, as they do in a notebook, so
that a trailing semicolon means the same. Both touch internals of nbval 0.11, which is why it is pinned.
"""

import math
import os
import re

import hypothesis
import pytest

hypothesis.settings.register_profile("house", deadline=None, derandomize=True)  # no luck, no clock
hypothesis.settings.load_profile("house")
_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?")
RELATIVE, ABSOLUTE = 1e-6, 1e-9


class Near(str):
    """Text that equals other text when the words agree and the numbers nearly do; whole numbers must agree."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, str):
            return NotImplemented
        mine, theirs = _NUMBER.findall(self), _NUMBER.findall(other)
        if _NUMBER.sub("#", self) != _NUMBER.sub("#", other) or len(mine) != len(theirs):
            return False
        return all(_near(a, b) for a, b in zip(mine, theirs, strict=True))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def _near(one: str, other: str) -> bool:
    if one == other:
        return True
    whole = not any(mark in one + other for mark in ".eE")
    numbers = float(one.replace(",", "")), float(other.replace(",", ""))
    return not whole and math.isclose(*numbers, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def pytest_configure(config: pytest.Config) -> None:
    """Put the repairs in place where nbval runs, and give its kernels the environment of a report."""
    if not getattr(config.option, "nbval", False):
        return
    from nbval.kernel import RunningKernel
    from nbval.plugin import IPyNbCell

    from personalize.report.execute import SAME_EVERYWHERE

    os.environ.update(SAME_EVERYWHERE)
    os.environ.pop("PERSONALIZE_TABLES", None)
    exact = IPyNbCell.sanitize

    def sanitize(self, text):
        cleaned = exact(self, text)
        return Near(cleaned) if isinstance(cleaned, str) else cleaned

    def execute_cell_input(self, cell_input, allow_stdin=None):
        return self.kc.execute(cell_input, store_history=True, allow_stdin=allow_stdin, stop_on_error=False)

    IPyNbCell.sanitize = sanitize
    RunningKernel.execute_cell_input = execute_cell_input


@pytest.fixture(scope="session")
def notebook_file():
    """A function that writes a notebook: `notebook_file(path, [cell, ...])`, "md:" before Markdown, "p:" parameters."""
    import nbformat

    def write(path, cells):
        made = []
        for text in cells:
            kind, _, rest = text.partition(":") if text[:3] in ("md:", "py:") or text[:2] == "p:" else ("py", "", text)
            new = nbformat.v4.new_markdown_cell if kind == "md" else nbformat.v4.new_code_cell
            made.append(new(rest, metadata={"tags": ["parameters"]} if kind == "p" else {}))
        path.parent.mkdir(parents=True, exist_ok=True)
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        nbformat.write(nbformat.v4.new_notebook(cells=made, metadata=kernel), path)
        return path

    return write
