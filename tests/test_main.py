"""The command line hands on all that it is given."""

from types import SimpleNamespace

import pytest

from personalize import report
from personalize.__main__ import main

GIVEN = [
    "shop.yml",
    "--only",
    "03,05",
    "-p",
    "theta=1.5",
    "-p",
    "03.k=a=b",
    "--jobs",
    "1",
    "--out",
    "elsewhere",
]


@pytest.mark.parametrize(
    ("command", "called", "more"), [("report", "run", ["--force"]), ("verify", "verify", [])]
)
def test_every_option_of_a_run_arrives(monkeypatch, command, called, more):
    seen = {}

    def noted(source, **given):
        seen.update(given, source=source)
        return SimpleNamespace(status=1)

    monkeypatch.setattr(report, called, noted)
    assert main([command, *GIVEN, *more]) == 1
    assert callable(seen.pop("progress")) and seen.pop("force", None) == (True if more else None)
    assert (
        seen.pop("only") == "03,05"
        and seen.pop("source") == "shop.yml"
        and str(seen.pop("out")) == "elsewhere"
    )
    assert seen == {"parameters": {"theta": "1.5", "03.k": "a=b"}, "jobs": 1}
