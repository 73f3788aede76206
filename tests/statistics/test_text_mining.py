"""Words of reviews and products, English and Chinese: cut at words, counted by the engine, rated with an interval."""

import os
import subprocess
import sys
from pathlib import Path

import jieba
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import personalize as pz
from personalize import inference, plots, statistics
from personalize.simulate.activity import opinion_truth
from personalize.statistics import text_mining
from personalize.tables import TableError, Unavailable

DAY0 = pd.Timestamp("2024-01-01")


CHINESE = [
    ("质量很好，包装也精美，非常满意。", 5, ["质量", "包装", "精美", "满意"]),
    ("物流太慢了，等了两个星期才收到。", 2, ["物流", "太慢", "星期"]),
    ("这款面膜补水效果不错，会回购。", 5, ["面膜", "补水", "效果", "不错"]),
    ("客服态度很差，打电话没人接。", 1, ["客服", "态度", "打电话"]),
    ("T恤的颜色和图片不一样，有点失望。", 2, ["t恤", "颜色", "图片", "失望"]),
    ("性价比高，推荐购买。", 5, ["性价比", "推荐", "购买"]),
    ("价格便宜，但是质量一般。", 3, ["价格便宜", "质量", "一般"]),
    ("咖啡味道香浓，包装完好。", 5, ["咖啡", "味道", "包装", "完好"]),
    ("不推荐，用了三天就坏了。", 1, ["不推荐", "三天"]),
    ("快递小哥服务周到，给个好评！", 5, ["快递", "服务周到", "好评"]),
    ("杯子有破损，申请了退货。", 1, ["杯子", "破损", "申请", "退货"]),
    ("花草茶清香，口感柔和，适合晚上喝。", 5, ["花草", "清香", "口感", "柔和", "适合", "晚上"]),
    ("尺码偏小，建议买大一号。", 3, ["尺码", "建议"]),
    ("做工精致，细节处理到位。", 5, ["做工", "精致", "细节", "处理", "到位"]),
    ("发货速度快，第二天就到了。", 5, ["发货", "速度"]),
    ("说明书看不懂，操作复杂。", 2, ["说明书", "操作", "复杂"]),
    ("蜡烛燃烧时间短，香味刺鼻。", 2, ["蜡烛", "燃烧", "时间", "香味", "刺鼻"]),
    ("送给朋友的礼物，她很喜欢。", 5, ["朋友", "礼物", "喜欢"]),
    ("Sparrow的台历设计漂亮，great value for money。", 5, ["sparrow", "台历", "设计", "漂亮", "value"]),
    ("包装简陋，商品与描述不符。", 2, ["包装", "简陋", "商品", "描述"]),
]  # fmt: skip


def shop(reviews: list[tuple], **more: pd.DataFrame) -> pz.tables.Tables:
    """A shop whose reviews are (customer, text, rating)."""
    frame = pd.DataFrame(reviews, columns=["customer_id", "text", "rating"])
    orders = pd.DataFrame(
        [(c, c, 1, DAY0, 1, 2.0) for c in sorted(set(frame.customer_id))],
        columns=["customer_id", "order_id", "product_id", "time", "quantity", "amount"],
    )
    written = frame.assign(product_id=1, time=DAY0).dropna(axis=1, how="all")
    return pz.load({"orders": orders, "reviews": written, **more})


REVIEWS = [
    (1, "lovely tea", 5), (1, "lovely mug", 4), (2, "lovely tea", 5), (2, "awful mug", 1), (3, "awful tea", 2),
    (3, "awful awful mug", 1), (4, "tea", 3), (5, "lovely", 4), (5, "awful", 2), (6, None, 5),
]  # fmt: skip


def _by_hand(word: str) -> tuple[float, float, float]:
    """Rating, half of its interval, and the score test's t, from the reviews written out."""
    frame = pd.DataFrame(REVIEWS, columns=["customer", "text", "rating"]).dropna()
    frame = frame.assign(has=frame.text.str.contains(word))
    mean, n = frame.rating.mean(), len(frame)
    each = frame[frame.has].groupby("customer").rating.agg(["sum", "size"])
    rating, k = each["sum"].sum() / each["size"].sum(), len(each)
    variance = (
        k / (k - 1) * ((each["sum"] - rating * each["size"]) ** 2).sum() / each["size"].sum() ** 2
    )
    part = frame.has.sum() / n
    h = (frame.rating - mean) * (frame.has - part)
    h = h.groupby(frame.customer).sum()
    t = h.sum() / np.sqrt(len(h) / (len(h) - 1) * (h**2).sum())
    return rating, stats.t.ppf(0.975, k - 1) * np.sqrt(variance), 2 * stats.t.sf(abs(t), k - 1)


def test_twenty_chinese_reviews_are_cut_into_words_neither_characters_nor_sentences() -> None:
    cut = list(text_mining.phrases([text for text, _, _ in CHINESE]))
    for phrases, (text, _, expected) in zip(cut, CHINESE, strict=True):
        said = {term[0] for term in text_mining.terms(phrases, longest=1)}
        assert set(expected) <= said, (text, said)
        chinese = [word for word in said if text_mining.is_chinese(word)]
        assert all(2 <= len(word) <= 4 for word in chinese), chinese
    words = [
        word
        for phrases in cut
        for phrase in phrases
        for word in phrase
        if text_mining.is_chinese(word)
    ]
    assert 1.5 < np.mean([len(word) for word in words]) < 2.5


def test_twenty_chinese_reviews_give_counts_and_ratings_by_word() -> None:
    tables = shop([(k, text, rating) for k, (text, rating, _) in enumerate(CHINESE)])
    found = statistics.words(tables, min_cell=2).table().set_index("term")
    holding = [rating for text, rating, _ in CHINESE if "包装" in text]
    assert (found.documents["包装"], found.rating["包装"]) == (
        len(holding),
        pytest.approx(np.mean(holding)),
    )
    assert found.script["包装"] == "Chinese" and "的" not in found.index


def test_the_part_of_the_dictionary_that_is_loaded_cuts_as_the_whole_does() -> None:
    whole = jieba.Tokenizer()
    with whole.get_dict_file() as file:
        whole.FREQ, whole.total = whole.gen_pfdict(file)
    whole.initialized = True
    texts = [text for text, _, _ in CHINESE]
    part = text_mining._cutter(texts)
    assert len(part.__self__.FREQ) < len(whole.FREQ) / 10 and part.__self__.total == whole.total
    for text in texts:
        for run in text_mining._RUN.findall(text):
            assert list(part(run)) == list(whole.cut(run))


def test_english_has_no_dictionary_loaded_and_chinese_leaves_no_cache_no_log_and_no_warning(
    tmp_path: Path,
) -> None:
    program = (
        "import logging, sys\nfrom personalize.statistics import text_mining\nlist(text_mining.phrases(['lovely tea']))\n"
        "assert 'jieba' not in sys.modules\nbefore = logging.getLogger().handlers[:], logging.getLogger().level\n"
        "assert list(text_mining.phrases(['质量满意']))[0] == [['质量', '满意']]\n"
        "assert (logging.getLogger().handlers, logging.getLogger().level) == before\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(tmp_path.iterdir())


def test_both_languages_in_one_text_and_words_that_turn_a_meaning_round() -> None:
    found = list(
        text_mining.phrases(
            ["About the T恤: I didn’t like it, 不推荐! Value for money?", "", "2024"]
        )
    )
    assert found[0] == [
        ["about", "the", "t恤"],
        ["i", "didn't", "like", "it"],
        ["不推荐"],
        ["value", "for", "money"],
    ]
    assert found[1:] == [[], [["2024"]]]
    terms = {text_mining.written(term) for term in text_mining.terms(found[0], longest=3)}
    assert {"t恤", "didn't like", "不推荐", "value for money", "money"} <= terms
    assert not {"推荐", "for money", "about", "the", "2024"} & terms


@given(
    st.lists(st.sampled_from(["tea", "the", "lovely", "mug", "not"]), max_size=8), st.integers(1, 3)
)
@settings(max_examples=60, deadline=None)
def test_terms_equal_every_window_without_a_stop_word_at_its_ends(
    words: list[str], longest: int
) -> None:
    windows = [
        tuple(words[a:b])
        for a in range(len(words))
        for b in range(a + 1, min(a + longest, len(words)) + 1)
    ]
    expected = (
        pd.Series([w for w in windows if "the" not in (w[0], w[-1])], dtype=object)
        .value_counts()
        .to_dict()
    )
    assert dict(text_mining.terms([words], longest=longest)) == expected


def test_rating_by_word_its_interval_and_test_equal_those_of_the_reviews_written_out() -> None:
    found = statistics.words(shop(REVIEWS), min_cell=2, longest=1)
    table = found.table().set_index("term")
    assert (found.documents, found.authors, found.distinct) == (9, 5, 8)
    assert table.documents.to_dict() == {"awful": 4, "lovely": 4, "tea": 4, "mug": 3}
    assert table.times["awful"] == 5 and table.authors["awful"] == 3 and table.share["tea"] == 4 / 9
    expected = {word: _by_hand(word) for word in table.index}
    for word, (rating, half, _) in expected.items():
        assert table.rating[word] == pytest.approx(rating)
        ends = max(rating - half, 1), min(rating + half, 5)
        assert (table.rating_low[word], table.rating_high[word]) == pytest.approx(ends)
    adjusted = inference.adjust(np.array([expected[word][2] for word in table.index]))
    assert table.p_adjusted.to_numpy() == pytest.approx(adjusted)
    assert table.without["awful"] == pytest.approx(np.mean([5, 4, 5, 3, 4]))


def test_words_at_random_are_rarely_called_telling_and_a_planted_one_is() -> None:
    rng = np.random.default_rng(3)
    pool, alarms = [f"word{chr(97 + k)}" for k in range(26)], 0
    for _ in range(6):
        level = rng.normal(3, 0.7, 60)
        rows = [
            (c, " ".join(rng.choice(pool, 3)), float(np.clip(round(level[c] + rng.normal()), 1, 5)))
            for c in range(60)
            for _ in range(5)
        ]
        alarms += len(statistics.words(shop(rows), longest=1).telling()) > 0
    assert alarms <= 1  # 5 in 100 expected
    planted = [(c, f"{text} planted" if rating > 3 else text, rating) for c, text, rating in rows]
    assert statistics.words(shop(planted), longest=1).telling().term.tolist() == ["planted"]


def test_a_group_of_words_is_told_only_where_it_says_more_than_its_words() -> None:
    rows = [(c, "tea good", 5) for c in range(40)] + [(c, "tea not good", 1) for c in range(40)]
    rows += [(c, "tea", 3 + c % 2) for c in range(40)]
    told = statistics.words(shop(rows)).telling().set_index("term").rating
    assert told["not"] == 1 and "not good" not in told and "tea good" in told


def test_the_words_of_the_simulated_shop_carry_the_opinion_they_were_drawn_for() -> None:
    found = statistics.words(pz.load("simulated_shop"))
    truth = opinion_truth().merge(found.table(), left_on="word", right_on="term")
    assert len(truth) > 25 and set(truth.language) == {"en", "zh"}
    assert (np.sign((truth.rating - 3).round(1)) == truth.polarity).all()
    told = found.telling(most=30).merge(opinion_truth(), left_on="term", right_on="word")
    assert ((told.rating > told.without) == (told.polarity > 0)).all() and set(told.language) == {
        "en",
        "zh",
    }


def test_words_of_products_are_counted_by_product_and_not_rated() -> None:
    products = pd.DataFrame({"product_id": [1, 2, 3], "text": ["green tea", "马克杯 green", None]})
    tables = shop(REVIEWS, products=products)
    assert statistics.texts(tables) == ["reviews", "products"]
    assert statistics.texts(pz.load("complete_journey")) == []
    found = statistics.words(tables, of="products", min_cell=1, longest=1)
    assert found.table().set_index("term").documents.to_dict() == {
        "green": 2,
        "tea": 1,
        "马克杯": 1,
    }
    assert (
        np.isnan(found.rating)
        and set(found.table().note) == {"not rated"}
        and found.telling().empty
    )
    assert found.shown().rating.isna().all()


def test_counts_do_not_depend_on_the_order_of_the_reviews() -> None:
    one, two = (
        statistics.words(shop(rows), min_cell=2).table() for rows in (REVIEWS, REVIEWS[::-1])
    )
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        ([(1, None, 5.0), (2, "", 3.0)], "no word is used in 10 documents"),
        ([(1, "lovely tea", 5.0)] * 12, "no word is used by 10 authors"),
        ([(1, "the and 的", 4.0)], "no word is used in 10 documents"),
    ],
)
def test_texts_that_say_nothing_or_come_from_few_are_stated(rows: list[tuple], note: str) -> None:
    rows = [row for row in rows if row[1] is not None] or [(1, "", 3.0)]
    found = statistics.words(shop(rows))
    assert found.note == note and found.table().empty and found.telling().empty


def test_equal_ratings_have_no_interval_but_a_test_and_missing_ratings_say_so() -> None:
    rows = [(c, "lovely", 5.0) for c in range(12)] + [(c, "plain", 3.0) for c in range(12, 30)]
    table = statistics.words(shop(rows), longest=1).table().set_index("term")
    assert np.isnan(table.rating_low["lovely"]) and table.note["lovely"] == "always the same rating"
    assert table.p_adjusted["lovely"] < 0.01
    bare = statistics.words(shop([(c, "lovely", None) for c in range(12)]), longest=1)
    assert bare.table().note.tolist() == ["not rated"] and bare.table().documents.tolist() == [12]


def test_what_is_absent_is_named() -> None:
    tables = shop(REVIEWS)
    with pytest.raises(
        TableError,
        match=r"words of 'orders' are not known: choose one of \['products', 'reviews'\]",
    ):
        statistics.words(tables, of="orders")
    with pytest.raises(TableError, match="has no table 'products'"):
        statistics.words(tables, of="products")
    with pytest.raises(TableError, match="has no column 'text'"):
        statistics.words(shop([(1, None, 5.0)]), of="reviews")
    with pytest.raises(Unavailable, match="has no texts: it would need reviews"):
        statistics.words(shop([(1, None, 5.0)]))


def test_a_picture_with_chinese_names_shows_them_or_the_hint_says_what_to_install() -> None:
    table = pd.DataFrame({"name": ["御品冬日台历", "Sparrow有机花草茶"], "rating": [4.4, 3.9]})
    drawn = [plots.png(plots.bars(table.assign(name=name), x="rating", y="name"))
             for name in (table.name, ["口口口口口口", "Sparrow口口口口口"])]  # fmt: skip
    hint = plots.font_hint(table.name)
    assert drawn[0] != drawn[1] if not hint else "Noto Sans CJK" in hint
    assert plots.font_hint(["tea", "Café"]) == ""


def test_without_a_font_for_chinese_there_is_one_clear_hint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plots.style, "cjk_family", list)
    assert plots.font_hint(["tea", "台历"]).startswith("No font on this machine draws Chinese")
