"""Words and texts, against scikit-learn and numbers worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from personalize.recommenders import Content
from personalize.recommenders.content import words
from personalize.tables import TableError
from tests.recommenders.shops import scores, shop


def test_the_vectors_of_texts_are_those_of_scikit_learn():
    text = ["milk whole milk", "milk skimmed", "black tea", "green tea", "milk tea", "山泉 tea", ""]
    products = pd.DataFrame({"product_id": range(7), "text": text})
    model = Content(min_products=2).fit(
        shop([(1, 0, 1), (1, 2, 1)], products=products), as_of="2024-01-01"
    )
    theirs = TfidfVectorizer(analyzer=words, sublinear_tf=True, min_df=2)
    expected = theirs.fit_transform(model.history_.described.text().drop_duplicates())
    assert model.vectors_.toarray() == pytest.approx(expected.toarray())
    assert model.words_.tolist() == theirs.get_feature_names_out().tolist()
    assert {"milk", "tea"} < set(model.words_)


def test_words_of_english_and_chinese_texts():
    assert words("Café-Crème 250ML") == ["café", "crème", "ml", "café crème", "crème ml"]
    assert words("好") == ["好"]
    assert words("山泉 Tea 花园") == ["山泉", "tea", "花园"]


def test_content_names_a_product_that_nobody_has_bought():
    text = pd.DataFrame({"product_id": [5, 6, 7], "text": ["green tea", "motor oil", "black tea"]})
    tables = shop([(1, 5, 1), (2, 6, 1)], products=text)
    table = (
        Content(min_products=1)
        .fit(tables, as_of="2024-01-01")
        .recommend([1], repeat="new", candidates=[6, 7])
    )
    assert table.product_id.tolist() == [7, 6]
    assert table.reason[0] == "resembles earlier purchases: tea"


def test_content_scores_are_cosines_of_tfidf_profiles():
    text = pd.DataFrame({"product_id": [5, 6], "text": ["tea", "oil"], "name": ["1", "2"]})
    cosines = scores(
        Content(min_products=1, half_life_weeks=None),
        shop([(1, 5, 1), (1, 6, 1)], products=text),
        1,
    )
    assert list(cosines.values()) == pytest.approx([np.sqrt(0.5)] * 2)


def test_content_says_which_columns_it_needs():
    with pytest.raises(
        TableError,
        match="no product text: give the table products with product_id and one or more of",
    ):
        Content().fit(shop([(1, 5, 1)]), as_of="2024-01-01")
    no_word = pd.DataFrame({"product_id": [5], "text": ["5 % 7"]})
    no_word["name"] = "1"
    with pytest.raises(TableError, match="no word occurs in 2 of the 1 different product texts"):
        Content().fit(shop([(1, 5, 1)], products=no_word), as_of="2024-01-01")


def test_a_product_without_text_is_never_named_by_content():
    text = pd.DataFrame(
        {"product_id": [5, 6, 7], "text": ["tea", None, "tea"], "name": ["1", "2", "3"]}
    )
    table = Content(min_products=1).fit(
        shop([(1, 5, 1), (2, 6, 1), (3, 7, 1)], products=text), as_of="2024-01-01"
    )
    ranked = table.recommend([1], repeat="new").set_index("product_id").score
    assert ranked[7] == pytest.approx(1)
    assert ranked[6] == 0


def test_content_reads_columns_of_ones_own():
    products = pd.DataFrame(
        {"product_id": [5, 6, 7], "text": ["same words"] * 3, "scent": ["rose", "mint", "rose"]}
    )
    tables = shop([(1, 5, 1), (2, 6, 1)], products=products)
    model = Content(min_products=1, columns=["scent"]).fit(tables)
    lists = model.recommend([1], repeat="new", candidates=[6, 7])
    assert lists.product_id.tolist() == [7, 6]
    assert lists.score.tolist() == pytest.approx([1, 0])
    with pytest.raises(TableError, match="one or more of colour"):
        Content(columns=["colour"]).fit(tables)
