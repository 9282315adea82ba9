"""The cosine against scikit-learn's own, and what it must hold for any text."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sovereign.judge import STOP_WORDS, tfidf_cosine
from sovereign.starter import note_paths


def sklearn_cosine(one: str, other: str, stop_words: str | None) -> float:
    text = pytest.importorskip("sklearn.feature_extraction.text", reason="scikit-learn is in the extra [bench]")
    vectorizer = text.TfidfVectorizer(ngram_range=(1, 2), stop_words=stop_words)
    try:
        made = vectorizer.fit_transform([one, other])
    except ValueError:  # an empty vocabulary
        return 0.0
    return float((made[0] @ made[1].T).toarray()[0, 0])


def pairs() -> list[tuple[str, str]]:
    texts = [path.read_text(encoding="utf-8") for path in note_paths()][:12]
    drawn = random.Random(7)
    sentences = [line for text in texts for line in text.splitlines() if len(line) > 40]
    return [(drawn.choice(sentences), drawn.choice(texts)) for _ in range(60)] + [
        ("", "words here"),
        ("the of and", "the of and"),
        ("58x and 58×, INT8; ResNet-18's", "58× int8 on resnet 18"),
        ("Größe ÉTÉ naïve ΣΑΣ", "größe été NAÏVE σας"),
        ("one_two a b c 1 22 333", "one_two 22 333 one_two"),
        ("mixture of experts", "mixture experts of mixture"),
    ]


@pytest.mark.parametrize("stop_words", [None, "english"])
def test_it_is_scikit_learns(stop_words: str | None) -> None:
    words = STOP_WORDS if stop_words else frozenset()
    for one, other in pairs():
        assert tfidf_cosine(one, other, words) == pytest.approx(sklearn_cosine(one, other, stop_words), abs=1e-12)


def test_the_stop_words_are_scikit_learns() -> None:
    text = pytest.importorskip("sklearn.feature_extraction.text", reason="scikit-learn is in the extra [bench]")
    assert set(text.ENGLISH_STOP_WORDS) == STOP_WORDS


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_it_is_symmetric_bounded_and_one_for_equal_texts(one: str, other: str) -> None:
    found = tfidf_cosine(one, other)
    assert 0.0 <= found <= 1.0 and found == tfidf_cosine(other, one)
    assert tfidf_cosine(one, one) in (0.0, pytest.approx(1.0))
    assert found == pytest.approx(sklearn_cosine(one, other, "english"), abs=1e-9)
