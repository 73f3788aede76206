"""The glossary: one meaning a column, ends of intervals by themselves, own meanings of a table."""

import csv
from collections import defaultdict
from pathlib import Path

import pytest

import personalize
from personalize import glossary

FILES = sorted((Path(personalize.__file__).parent / "columns").glob("*.csv"))


def _rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_line_is_whole(path):
    for row in _rows(path):
        assert list(row) == ["column", "unit", "digits", "meaning", "table"]
        assert row["column"] and row["meaning"] and row["table"] is not None, row
        assert not row["digits"] or row["digits"].isdigit(), row


def test_a_column_means_one_thing_whatever_the_topic():
    said = defaultdict(set)
    for path in FILES:
        for row in _rows(path):
            said[row["table"], row["column"]].add((row["unit"], row["digits"], row["meaning"]))
    assert {key: entries for key, entries in said.items() if len(entries) > 1} == {}


@pytest.fixture
def small(monkeypatch):
    """A glossary of three lines."""
    entries = {
        ("", "gain"): glossary.Meaning("%", 2, "more than before"),
        ("plan", "gain"): glossary.Meaning("money", None, "money more than before"),
        ("", "gain_high"): glossary.Meaning("%", 0, "the most that is thinkable"),
    }
    monkeypatch.setattr(glossary, "_entries", lambda: entries)


def test_the_ends_of_an_interval_follow_from_its_column_unless_they_have_a_line(small):
    low = glossary.meaning("gain_low")
    assert (low.unit, low.digits, low.text) == ("%", 2, "lower end of its interval")
    assert glossary.meaning("gain_high").text == "the most that is thinkable"


def test_a_table_may_have_meanings_of_its_own(small):
    assert glossary.meaning("gain", table="plan").unit == "money"
    assert glossary.meaning("gain_low", table="plan").unit == "money"
    assert glossary.meaning("gain", table="other").unit == "%"
    assert glossary.meaning("loss") is glossary.meaning("loss_low") is glossary.UNKNOWN
