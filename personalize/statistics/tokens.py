"""Texts cut into words: by spaces and punctuation where a script has them, by dictionary where it is Chinese."""

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from personalize.statistics.stopwords import STOP_WORDS

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_IS_HAN = re.compile(f"[{HAN}]")
_RUN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")  # letters and digits, of any script
_TURNING = frozenset("不没别未")  # turn round the word after them, and belong to it
_BREAK = re.compile(r"[^\w\s'’]+|\n|_")  # what ends a phrase


def is_chinese(term: str) -> bool:
    """Whether a Chinese character is in it.

    >>> is_chinese("T恤"), is_chinese("shirt")
    (True, False)
    """
    return bool(_IS_HAN.search(term))


def phrases(texts: Iterable[str]) -> Iterator[list[list[str]]]:
    """Each text as its phrases (what stands between punctuation), each phrase as its words in lower case.

    Parameters
    ----------
    texts : Chinese, English (any script with spaces) or both in one text

    Notes
    -----
    Chinese is cut by jieba: the most probable words of its dictionary, and a hidden Markov model for characters that
    form no word there. Only dictionary words that the texts can hold are loaded, with the same result as all of them.
    A lone 不, 没, 别 or 未 is joined to the word it turns round: 不推荐 is not a recommendation.

    Examples
    --------
    >>> list(phrases(["Perfect mug, 质量让人满意。"]))
    [[['perfect', 'mug'], ['质量', '让', '人', '满意']]]
    """
    texts = list(texts)
    cut = _cutter(texts)
    for text in texts:
        found = (
            [word for run in _RUN.findall(part) for word in _words(run, cut=cut)]
            for part in _BREAK.split(text)
        )
        yield [phrase for phrase in found if phrase]


def terms(phrases: list[list[str]], *, longest: int = 2) -> Counter[tuple[str, ...]]:
    """How often each word, and each group of neighbouring words, occurs in one text.

    Parameters
    ----------
    phrases : of the text, see `phrases`
    longest : words in the longest group

    Notes
    -----
    A term neither begins nor ends with a stop word, a number or a single character, so that "value for money" is one
    and "for money" is none.

    Examples
    --------
    >>> sorted(terms([["the", "tea", "is", "not", "good"]]))
    [('good',), ('not',), ('not', 'good'), ('tea',)]
    """
    found: Counter[tuple[str, ...]] = Counter()
    for phrase in phrases:
        says = [
            len(word) > 1 and word not in STOP_WORDS and not word.isnumeric() for word in phrase
        ]
        for start in (k for k, said in enumerate(says) if said):
            ends = range(start + 1, min(start + longest, len(phrase)) + 1)
            found.update(tuple(phrase[start:end]) for end in ends if says[end - 1])
    return found


def written(term: tuple[str, ...]) -> str:
    """The words of a term as they are written: Chinese without a space between.

    >>> written(("value", "for", "money")), written(("质量", "满意"))
    ('value for money', '质量满意')
    """
    gaps = [
        "" if is_chinese(a[-1]) and is_chinese(b[0]) else " "
        for a, b in zip(term, term[1:], strict=False)
    ]
    return "".join(word + gap for word, gap in zip(term, [*gaps, ""], strict=True))


def _words(run: str, *, cut: Callable[[str], Iterable[str]]) -> list[str]:
    pieces = cut(run) if _IS_HAN.search(run) else (run,)
    words = [piece.lower().replace("’", "'") for piece in pieces if piece[0].isalnum()]
    turned = [
        k
        for k, word in enumerate(words[:-1])
        if word in _TURNING and words[k + 1] not in STOP_WORDS
    ]
    for k in reversed(turned):
        words[k : k + 2] = [words[k] + words[k + 1]]
    return words


def _cutter(texts: list[str]) -> Callable[[str], Iterable[str]]:
    """What cuts Chinese; nothing is loaded where there is none."""
    runs = (
        run
        for text in texts
        if _IS_HAN.search(text)
        for run in _RUN.findall(text)
        if _IS_HAN.search(run)
    )
    characters = sorted(set("".join(runs)))
    if not characters:
        return lambda run: (run,)
    with warnings.catch_warnings():  # jieba 0.42 has invalid escapes and asks for pkg_resources
        for kind in (SyntaxWarning, DeprecationWarning, UserWarning):
            warnings.filterwarnings("ignore", category=kind)
        import jieba
    cutter = jieba.Tokenizer()
    cutter.FREQ, cutter.total = _dictionary(cutter, characters)
    cutter.initialized = (
        True  # or jieba would load all, log, and leave a cache in the shared temporary folder
    )
    return cutter.cut


def _dictionary(cutter: object, characters: list[str]) -> tuple[dict[str, int], int]:
    """The words that these characters can form and their frequencies, 0 for beginnings; and the sum over all words."""
    with cutter.get_dict_file() as file:
        lines = file.read().decode()
    total = sum(map(int, re.findall(r" (\d+) ", lines)))
    known = re.findall(f"(?m)^([{re.escape(''.join(characters))}]+) (\\d+) ", lines)
    beginnings = {word[:end]: 0 for word, _ in known for end in range(1, len(word))}
    return beginnings | {word: int(n) for word, n in known}, total
