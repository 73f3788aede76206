"""What customers and products say: words and groups of words, how often, and the ratings that come with them."""

from array import array
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import special

from personalize.statistics.relation import holm
from personalize.statistics.tokens import is_chinese, phrases, terms, written
from personalize.tables import TableError, Tables

SOURCES = {"reviews": ("customer_id", "text", "rating"), "products": ("product_id", "text", "null")}
COLUMNS = ["words", "term", "script", "size", "documents", "share", "times", "authors", "rating", "low", "high",
           "without", "p_adjusted", "note"]  # fmt: skip


@dataclass(frozen=True)
class Words:
    """The words of a shop's texts, and the ratings of the documents that use them.

    Attributes
    ----------
    words : one row a term, most documents first: words (tuple), term (as written), script ("Chinese" or "letters"),
        size (words in it), documents (that hold it), share (of all documents), times (it occurs), authors, rating (mean
        of the documents that hold it), low, high (its interval), without (mean of the documents that do not hold it),
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

    def telling(self, *, most: int = 6) -> pd.DataFrame:
        """The terms whose documents are rated unlike the others, beyond chance: lowest rating first.

        Parameters
        ----------
        most : terms at either end; a group of words is listed only where it is further out than each of its words
        """
        chosen = self.words[self.words.p_adjusted <= 1 - self.level]
        chosen = chosen.assign(apart=chosen.rating - chosen.without)
        alone = chosen[chosen["size"] == 1].set_index("term").apart.abs()
        further = [len(words) == 1 or abs(apart) > alone.reindex(words).fillna(0).max()
                   for words, apart in zip(chosen.words, chosen.apart, strict=True)]  # fmt: skip
        ranked = chosen[np.array(further, bool)].sort_values(["apart", "term"], kind="stable")
        ends = pd.concat([ranked[ranked.apart < 0].head(most), ranked[ranked.apart > 0].tail(most)])
        return ends.drop(columns=["apart", "words"]).reset_index(drop=True)


def texts(tables: Tables) -> list[str]:
    """The tables whose words can be read, reviews first.

    Parameters
    ----------
    tables : Tables
    """
    return [
        name
        for name, (_, text, _) in SOURCES.items()
        if name in tables and text in getattr(tables, name).columns
    ]


def words(
    tables: Tables,
    *,
    of: str = "reviews",
    longest: int = 2,
    level: float = 0.95,
    min_cell: int = 10,
) -> Words:
    """How often each word and group of words is used, and how the documents that use it are rated.

    Parameters
    ----------
    tables : Tables with a table `reviews` or `products` that has a column `text`
    of : "reviews" or "products"
    longest : words in the longest group; 1 for single words only
    level : of the intervals
    min_cell : terms used by fewer authors are left out

    Returns
    -------
    Words : `.table()` one row a term; `.telling()` those that go with high or low ratings.

    Raises
    ------
    TableError : when the source has no such table or it has no column `text`.

    Notes
    -----
    Texts are cut once for each distinct text (`tokens.phrases`); all counts are the engine's. Customers are what was
    sampled. With p and n the sum and the number of an author's ratings with a term: rating R = Σp / Σn, its variance
    k / (k - 1) Σ(p - R n)² / (Σn)², t interval with k - 1 degrees for k authors who rate, cut at the lowest and highest
    rating given. Equality is a score test: h = (p - M n) - (Σn / N)(P - M K) for each author, P and K the sum and
    number of all their ratings, M and N the mean and number of all ratings; t = Σh / sqrt(k / (k - 1) Σh²). It stays
    defined where all ratings with a term are the same; then no interval is given and the note says so.

    References
    ----------
    Cochran (1977), Sampling Techniques, section 2.11. Holm (1979), Scandinavian Journal of Statistics 6.
    """
    documents = _documents(tables, of)
    distinct = documents.query("statistics_texts")
    used, vocabulary = _counted(distinct, longest, min_cell)
    whole = documents.query("statistics_authors").iloc[0].astype(float)
    rating = whole.p / whole.n if whole.n else np.nan
    why = "" if len(vocabulary) else f"no word is used in {min_cell} documents"
    if not why:
        counts = _asked(documents, distinct, used).astype(float)
        found = _rated(counts[counts.authors >= min_cell], whole, level)
        found = found.assign(words=[vocabulary[int(number)] for number in found.word_no])
        why = "" if len(found) else f"no word is used by {min_cell} authors"
    found = _finished(found, whole) if not why else pd.DataFrame(columns=COLUMNS)
    return Words(found, int(whole.documents), int(whole.authors), len(distinct), rating, level, why)


def _documents(tables: Tables, of: str) -> Tables:
    """The tables with a relation `documents`: author, text, rating."""
    if of not in SOURCES:
        raise TableError(f"words of '{of}' are not known: choose one of {sorted(SOURCES)}")
    author, text, rating = SOURCES[of]
    if of not in tables:
        raise TableError(f"source '{tables.name}' has no table '{of}': add {author} and text")
    present = getattr(tables, of).columns
    if text not in present:
        raise TableError(
            f"table '{of}' of source '{tables.name}' has no column 'text': nothing can be read"
        )
    rating = rating if rating in present else "cast(null as decimal(9, 2))"
    chosen = (
        f"select {author} as author, {text} as text, {rating} as rating from {tables.relations[of]}"
    )
    name = f"{tables.relations[of].rpartition('.')[2]}_documents"
    return replace(
        tables, relations={**tables.relations, "documents": tables.engine.view(name, chosen)}
    )


def _counted(
    texts: pd.DataFrame, longest: int, at_least: int
) -> tuple[pd.DataFrame, list[tuple[str, ...]]]:
    """Which term is how often in which text (numbers), and the terms; those in too few documents are left out."""
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
    mean = whole.p / whole.n if whole.n else np.nan
    n, rest = w.n.where(w.n > 0), (whole.n - w.n).where(whole.n > w.n)
    rating, part = w.p / n, w.n / whole.n if whole.n else np.nan
    k, authors = w.raters.where(w.raters > 1), max(whole.raters, 2.0)
    spread = (w.pp - 2 * rating * w.np + rating**2 * w.nn).clip(lower=0)
    same = spread <= 1e-9 * w.pp.clip(lower=1)
    half = special.stdtrit(k - 1, 0.5 + level / 2) * np.sqrt(k / (k - 1) * spread) / n
    half = half.mask(same)
    own = w.pp - 2 * mean * w.np + mean**2 * w.nn
    cross = w.pp_all - mean * (w.pn_all + w.np_all) + mean**2 * w.nn_all
    total = whole.pp - 2 * mean * whole.np + mean**2 * whole.nn
    variance = authors / (authors - 1) * (own - 2 * part * cross + part**2 * total)
    t = (w.p - mean * w.n) / np.sqrt(variance.where((variance > 0) & rest.notna()))
    p = 2 * special.stdtr(k - 1, -t.abs())
    note = np.where(w.n == 0, "not rated", np.where(same & k.notna(), "always the same rating", ""))
    ends = {
        "low": (rating - half).clip(lower=whole.lowest),
        "high": (rating + half).clip(upper=whole.highest),
    }
    return w.assign(rating=rating, **ends, without=(whole.p - w.p) / rest,
                    p_adjusted=holm(p.to_numpy(float)), note=note)  # fmt: skip


def _finished(found: pd.DataFrame, whole: pd.Series) -> pd.DataFrame:
    term = found.words.map(written)
    script = np.where(term.map(is_chinese), "Chinese", "letters")
    found = found.assign(
        term=term, script=script, size=found.words.map(len), share=found.documents / whole.documents
    )
    found = found.astype(dict.fromkeys(("documents", "times", "authors", "size"), "int64"))
    return found.sort_values(["documents", "term"], ascending=[False, True], ignore_index=True)[
        COLUMNS
    ]
