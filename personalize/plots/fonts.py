"""Whether the words of a chart can be drawn on this machine."""

from collections.abc import Iterable

from personalize.plots import style


def font_hint(names: Iterable[str]) -> str:
    """What to do when names hold Chinese, Japanese or Korean and no font here can draw it; empty when all is well.

    Parameters
    ----------
    names : words to be drawn

    Examples
    --------
    >>> font_hint(["tea", "coffee"])
    ''
    """
    asian = any(ord(character) > 0x2E7F for name in names for character in str(name))
    if not asian or style._cjk_family():
        return ""
    return ("No font on this machine draws Chinese, Japanese or Korean: such words are boxes in the picture. Install "
            "Noto Sans CJK (Debian and Ubuntu: fonts-noto-cjk) and make the picture again.")  # fmt: skip
