"""What customers and products say: words and groups of words, and their ratings."""

import re
import warnings
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from personalize.inference import adjust
from personalize.tables import TableError, Tables, Unavailable

SOURCES = {"reviews": ("customer_id", "text", "rating"), "products": ("product_id", "text", "null")}
COLUMNS = [
    "words",
    "term",
    "script",
    "size",
    "documents",
    "share",
    "times",
    "authors",
    "rating",
    "rating_low",
    "rating_high",
    "without",
    "p_adjusted",
    "note",
]
HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_IS_HAN = re.compile(f"[{HAN}]")
_RUN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")  # letters and digits, of any script
_TURNING = frozenset("不没别未")  # turn round the word after them, and belong to it
_BREAK = re.compile(r"[^\w\s'’]+|\n|_")  # what ends a phrase


@dataclass(frozen=True)
class Words:
    """The words of a shop's texts, and the ratings of the documents that use them.

    Attributes
    ----------
    words : one row a term, most documents first: words (tuple), term (as written), script
        ("Chinese" or "letters"), size (words in it), documents (that hold it), share (of all
        documents), times (it occurs), authors, rating (mean of the documents that hold it),
        rating_low, rating_high (its interval), without (mean of the documents that do not hold it),
        p_adjusted (Holm, of the two being equal), note
    documents, authors : with a text, and who wrote them (products: each its own author)
    distinct : different texts, each cut into words once
    rating : mean of all documents with a text; NaN where nothing is rated
    level : of the intervals
    note : what could not be given, and why; empty when all is well
    """

    words: pd.DataFrame
    documents: int
    authors: int
    distinct: int
    rating: float
    level: float
    note: str = ""

    def table(self) -> pd.DataFrame:
        """One row a term."""
        return self.words.drop(columns="words")

    def shown(self) -> pd.DataFrame:
        """The table without times and notes, to show."""
        return self.table().drop(columns=["times", "note"])

    @property
    def caption(self) -> str:
        """How many texts by how many customers the words come from."""
        rated = ", not rated"
        if not np.isnan(self.rating):
            rated = f", mean rating {self.rating:.2f}"
        note = f"{self.note[:1].upper()}{self.note[1:]}"
        said = f"Words of {self.documents:,} texts by {self.authors:,} authors{rated}. {note}"
        return said.rstrip()

    def reading(self) -> str:
        """The words that go with the lowest and the highest ratings."""
        telling = self.telling()
        if telling.empty:
            return "No word is shown to go with high or low ratings."
        low, high = telling.iloc[0], telling.iloc[-1]
        return (
            f"Mean rating of texts with a word: lowest {low.term} {low.rating:.2f}, highest "
            f"{high.term} {high.rating:.2f}, all texts {self.rating:.2f}"
        )

    def telling(self, *, most: int = 6) -> pd.DataFrame:
        """The terms whose documents are rated unlike the others, lowest rating first.

        Parameters
        ----------
        most : terms at either end; a group of words is listed only where it is further out than
            each of its words
        """
        chosen = self.words[self.words.p_adjusted <= 1 - self.level]
        chosen = chosen.assign(apart=chosen.rating - chosen.without).reset_index(drop=True)
        alone = chosen[chosen["size"] == 1].set_index("term").apart.abs()
        parts = chosen[chosen["size"] > 1].words.explode()
        nearest = parts.map(alone).fillna(0.0).groupby(level=0).max()
        further = chosen.apart.abs() > nearest.reindex(chosen.index, fill_value=-1)
        ranked = chosen[further].sort_values(["apart", "term"])
        ends = pd.concat([ranked[ranked.apart < 0].head(most), ranked[ranked.apart > 0].tail(most)])
        return ends.drop(columns=["apart", "words"]).reset_index(drop=True)


def texts(tables: Tables) -> list[str]:
    """The tables whose words can be read, reviews first.

    Parameters
    ----------
    tables : Tables
    """
    present = [name for name in SOURCES if name in tables]
    return [name for name in present if "text" in getattr(tables, name).columns]


def words(
    tables: Tables,
    *,
    of: str = "",
    longest: int = 2,
    level: float = 0.95,
    min_cell: int = 10,
) -> Words:
    """How often each word and group of words is used, and how the documents that use it are rated.

    Parameters
    ----------
    tables : Tables with a table `reviews` or `products` that has a column `text`
    of : "reviews" or "products"; the first that has texts when empty
    longest : words in the longest group; 1 for single words only
    level : of the intervals
    min_cell : terms used by fewer authors are left out

    Returns
    -------
    Words : `.table()` one row a term; `.telling()` those that go with high or low ratings.

    Raises
    ------
    Unavailable : when the source has no such table or it has no column `text`.
    TableError : when words of another table are asked for.

    Notes
    -----
    Texts are cut once for each distinct text (`phrases`); all counts are the engine's.
    Customers are what was sampled. With p and n the sum and the number of an author's ratings with
    a term: rating R = Σp / Σn, its variance k / (k - 1) Σ(p - R n)² / (Σn)², t interval with k - 1
    degrees for k authors who rate, cut at the lowest and highest rating given. Equality is a score
    test: h = (p - M n) - (Σn / N)(P - M K) for each author, P and K the sum and number of all their
    ratings, M and N the mean and number of all ratings; t = Σh / sqrt(k / (k - 1) Σh²). It stays
    defined where all ratings with a term are the same; then no interval is given and the note says
    so.

    References
    ----------
    Cochran (1977), Sampling Techniques, section 2.11. Holm (1979), Scandinavian Journal of
    Statistics 6.
    """
    documents = _documents(tables, of)
    distinct = documents.query("statistics_texts")
    used, vocabulary = _counted(distinct, longest, min_cell)
    whole = documents.query("statistics_authors").iloc[0].astype(float)
    rating = whole.p / whole.n if whole.n else np.nan
    found, why = pd.DataFrame(columns=COLUMNS), ""
    if not vocabulary:
        why = f"no word is used in {min_cell} documents"
    else:
        counts = _asked(documents, distinct, used).astype(float)
        counts = counts[counts.authors >= min_cell]
        if counts.empty:
            why = f"no word is used by {min_cell} authors"
        else:
            rows = pd.Series(vocabulary, dtype=object).loc[counts.word_no.astype(int)]
            found = _rated(counts, whole, level).assign(words=rows.to_numpy())
            found = _finished(found, whole)
    return Words(found, int(whole.documents), int(whole.authors), len(distinct), rating, level, why)


def _documents(tables: Tables, of: str) -> Tables:
    """The tables with a relation `documents`: author, text, rating."""
    of = of or next(iter(texts(tables)), "")
    if not of:
        raise Unavailable(
            f"source '{tables.name}' has no texts: it would need reviews (customer_id, product_id, "
            "time, text) or products with a text"
        )
    if of not in SOURCES:
        raise TableError(f"words of '{of}' are not known: choose one of {sorted(SOURCES)}")
    author, text, rating = SOURCES[of]
    present = getattr(tables, of).columns
    if text not in present:
        raise Unavailable(
            f"table '{of}' of source '{tables.name}' has no column 'text': nothing can be read"
        )
    if rating not in present:
        rating = "cast(null as decimal(9, 2))"
    relation = tables.relations[of]
    chosen = f"select {author} as author, {text} as text, {rating} as rating from {relation}"
    view = tables.engine.view(f"{relation.rpartition('.')[2]}_documents", chosen)
    return replace(tables, relations={**tables.relations, "documents": view})


def _counted(
    texts: pd.DataFrame, longest: int, at_least: int
) -> tuple[pd.DataFrame, list[tuple[str, ...]]]:
    """Which term is how often in which text (numbers), and the terms; rare ones are left out."""
    numbers: dict[tuple[str, ...], int] = {}
    rows = array("q")
    for text_no, cut in enumerate(phrases(texts.text)):
        for term, times in terms(cut, longest=longest).items():
            rows.extend((text_no, numbers.setdefault(term, len(numbers)), times))
    table = np.array(rows, "int64").reshape(-1, 3)
    used = pd.DataFrame(table, columns=["text_no", "word_no", "times"])
    n = np.bincount(
        used.word_no, weights=texts.n.to_numpy(float)[used.text_no], minlength=len(numbers)
    )
    kept = n[used.word_no] >= at_least
    return used[kept].reset_index(drop=True), list(numbers) if kept.any() else []


def _asked(documents: Tables, texts: pd.DataFrame, used: pd.DataFrame) -> pd.DataFrame:
    """The engine's counts of every term."""
    name, engine = documents.relations["documents"], documents.engine
    numbered = texts[["text"]].assign(text_no=np.arange(len(texts)))
    marks = {
        "texts": engine.register(f"{name}_texts", numbered),
        "words": engine.register(f"{name}_words", used),
    }
    return replace(documents, relations={**documents.relations, **marks}).query("statistics_words")


def _rated(w: pd.DataFrame, whole: pd.Series, level: float) -> pd.DataFrame:
    """Mean rating with and without each term, interval and score test, from sums over authors."""
    total = whole.n or np.nan
    mean, part = whole.p / total, w.n / total
    n, rest = w.n.where(w.n > 0), (whole.n - w.n).where(whole.n > w.n)
    rating = w.p / n
    k, authors = w.raters.where(w.raters > 1), max(whole.raters, 2.0)
    spread = (w.pp - 2 * rating * w.np + rating**2 * w.nn).clip(lower=0)
    same = spread <= 1e-9 * w.pp.clip(lower=1)
    half = special.stdtrit(k - 1, 0.5 + level / 2) * np.sqrt(k / (k - 1) * spread) / n
    half = half.mask(same)
    own = w.pp - 2 * mean * w.np + mean**2 * w.nn
    cross = w.pp_all - mean * (w.pn_all + w.np_all) + mean**2 * w.nn_all
    square = whole.pp - 2 * mean * whole.np + mean**2 * whole.nn
    variance = authors / (authors - 1) * (own - 2 * part * cross + part**2 * square)
    t = (w.p - mean * w.n) / np.sqrt(variance.where((variance > 0) & rest.notna()))
    p = 2 * special.stdtr(k - 1, -t.abs())
    note = np.select([w.n == 0, same & k.notna()], ["not rated", "always the same rating"], "")
    return w.assign(
        rating=rating,
        rating_low=(rating - half).clip(lower=whole.lowest),
        rating_high=(rating + half).clip(upper=whole.highest),
        without=(whole.p - w.p) / rest,
        p_adjusted=adjust(p),
        note=note,
    )


def _finished(found: pd.DataFrame, whole: pd.Series) -> pd.DataFrame:
    term = found.words.map(written)
    script = np.where(term.map(is_chinese), "Chinese", "letters")
    size, share = found.words.map(len), found.documents / whole.documents
    found = found.assign(term=term, script=script, size=size, share=share)
    found = found.astype(dict.fromkeys(("documents", "times", "authors", "size"), "int64"))
    found = found.sort_values(["documents", "term"], ascending=[False, True], ignore_index=True)
    return found[COLUMNS]


def is_chinese(term: str) -> bool:
    """Whether a Chinese character is in it.

    >>> is_chinese("T恤"), is_chinese("shirt")
    (True, False)
    """
    return bool(_IS_HAN.search(term))


def phrases(texts: Iterable[str]) -> Iterator[list[list[str]]]:
    """Each text as its phrases (between punctuation), each phrase as its words in lower case.

    Parameters
    ----------
    texts : Chinese, English (any script with spaces) or both in one text

    Notes
    -----
    Chinese is cut by jieba: the most probable words of its dictionary, and a hidden Markov model
    for characters that form no word there. Only dictionary words that the texts can hold are
    loaded, with the same result as all of them. A lone 不, 没, 别 or 未 is joined to the word it
    turns round: 不推荐 is not a recommendation.

    Examples
    --------
    >>> list(phrases(["Perfect mug, 质量让人满意。"]))
    [[['perfect', 'mug'], ['质量', '让', '人', '满意']]]
    """
    texts = list(texts)
    cut = _cutter(texts)
    for text in texts:
        found = []
        for part in _BREAK.split(text):
            words: list[str] = []
            for run in _RUN.findall(part):
                words += _words(run, cut=cut)
            if words:
                found.append(words)
        yield found


def terms(phrases: list[list[str]], *, longest: int = 2) -> Counter[tuple[str, ...]]:
    """How often each word, and each group of neighbouring words, occurs in one text.

    Parameters
    ----------
    phrases : of the text, see `phrases`
    longest : words in the longest group

    Notes
    -----
    A term neither begins nor ends with a stop word, a number or a single character, so that "value
    for money" is one and "for money" is none.

    Examples
    --------
    >>> sorted(terms([["the", "tea", "is", "not", "good"]]))
    [('good',), ('not',), ('not', 'good'), ('tea',)]
    """
    found: Counter[tuple[str, ...]] = Counter()
    for phrase in phrases:
        says = [_says(word) for word in phrase]
        for start in np.flatnonzero(says).tolist():
            for end in range(start + 1, min(start + longest, len(phrase)) + 1):
                if says[end - 1]:
                    found[tuple(phrase[start:end])] += 1
    return found


def _says(word: str) -> bool:
    return len(word) > 1 and word not in stop_words() and not word.isnumeric()


@cache
def stop_words() -> frozenset[str]:
    """Words that say nothing by themselves; those that turn a meaning round (not, 不) are kept."""
    file = resources.files("personalize.statistics") / "stop_words.txt"
    return frozenset(file.read_text(encoding="utf-8").split())


def written(term: tuple[str, ...]) -> str:
    """The words of a term as they are written: Chinese without a space between.

    >>> written(("value", "for", "money")), written(("质量", "满意"))
    ('value for money', '质量满意')
    """
    said = "".join(term[:1])
    for before, word in pairwise(term):
        joined = is_chinese(before[-1]) and is_chinese(word[0])
        said += word if joined else f" {word}"
    return said


def _words(run: str, *, cut: Callable[[str], Iterable[str]]) -> list[str]:
    pieces = cut(run) if is_chinese(run) else (run,)
    words: list[str] = []
    last = ""
    for piece in pieces:
        if not piece[0].isalnum():
            continue
        word = piece.lower().replace("’", "'")
        if last in _TURNING and word not in stop_words():
            words[-1] += word
        else:
            words.append(word)
        last = word
    return words


def _cutter(texts: list[str]) -> Callable[[str], Iterable[str]]:
    """What cuts Chinese; nothing is loaded where there is none."""
    characters: set[str] = set()
    for text in filter(is_chinese, texts):
        for run in filter(is_chinese, _RUN.findall(text)):
            characters.update(run)
    if not characters:
        return lambda run: (run,)
    with warnings.catch_warnings():  # jieba 0.42 has invalid escapes and asks for pkg_resources
        for kind in (SyntaxWarning, DeprecationWarning, UserWarning):
            warnings.filterwarnings("ignore", category=kind)
        import jieba
    cutter = jieba.Tokenizer()
    cutter.FREQ, cutter.total = _dictionary(cutter, sorted(characters))
    cutter.initialized = True  # or jieba would load all, log, and leave a cache in a shared folder
    return cutter.cut


def _dictionary(cutter: Any, characters: list[str]) -> tuple[dict[str, int], int]:
    """The words that these characters can form, with frequencies; the sum of all."""
    with cutter.get_dict_file() as file:
        lines = file.read().decode()
    total = sum(map(int, re.findall(r" (\d+) ", lines)))
    known = re.findall(f"(?m)^([{re.escape(''.join(characters))}]+) (\\d+) ", lines)
    found: dict[str, int] = {}
    for word, n in known:
        for end in range(1, len(word)):
            found.setdefault(word[:end], 0)
        found[word] = int(n)
    return found, total
