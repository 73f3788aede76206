"""What values a parameter may take, as its help says in brackets at the end.

level: float = 0.95  # how sure the intervals are [0.5 to 0.999]
k: int = 10  # length of every list [1 or more]
n_segments: int = 0  # number of clusters, 0 lets the data choose [0, or 2 to 20]
kind: str = "day"  # what a period is [day, week, month]
"""

import re
from dataclasses import dataclass
from typing import Any

_NUMBER = r"-?\d+(?:\.\d+)?"
_SPAN = re.compile(
    rf"(?:(?P<also>{_NUMBER}), or )?(?P<low>{_NUMBER})(?: to (?P<high>{_NUMBER})| or more)"
)
_WORDS = re.compile(r"[\w.-]+(?:, [\w.-]+)+")
_BRACKET = re.compile(r"\s*\[([^\[\]]*)\]$")


@dataclass(frozen=True)
class Range:
    """The values a parameter may take: a span of numbers, with one more besides, or a choice of words.

    >>> Range.of("number of clusters [0, or 2 to 20]").holds(1)
    False
    """

    text: str = ""
    low: float = float("-inf")
    high: float = float("inf")
    also: float | None = None
    words: tuple[str, ...] = ()

    @classmethod
    def of(cls, help: str) -> "Range":
        """The range that a help text ends in; any value where it ends in none. ValueError where it cannot be read."""
        bracket = _BRACKET.search(help)
        if not bracket:
            return cls()
        text = bracket[1]
        if span := _SPAN.fullmatch(text):
            low, high = float(span["low"]), float(span["high"] or "inf")
            if low >= high:
                raise ValueError(f"the range [{text}] holds no value")
            return cls(text, low, high, float(span["also"]) if span["also"] else None)
        if _WORDS.fullmatch(text):
            return cls(text, words=tuple(text.split(", ")))
        raise ValueError(f"[{text}] is no range")

    def holds(self, value: Any) -> bool:
        """Whether the value, or every item of a list, is in the range."""
        if isinstance(value, list):
            return all(map(self.holds, value))
        if self.words:
            return str(value) in self.words
        if not self.text:
            return True
        return isinstance(value, int | float) and (
            self.low <= value <= self.high or value == self.also
        )

    def __str__(self) -> str:
        return f"one of {self.text}" if self.words else self.text


def meaning(help: str) -> str:
    """A help text without its range.

    >>> meaning("how sure the intervals are [0.5 to 0.999]")
    'how sure the intervals are'
    """
    return _BRACKET.sub("", help)


def is_day(name: str) -> bool:
    """Whether a parameter is a day of the data, as `as_of` is: its range is theirs."""
    return name == "as_of" or name.endswith("_as_of")
