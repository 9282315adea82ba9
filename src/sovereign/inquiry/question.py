"""What may be asked: the bounds of a question, checked before anything is stored."""

from __future__ import annotations

import unicodedata

from sovereign.records import BadInput

#: The longest question, in characters after white space is put in order. Longer texts are documents, not questions.
MAX_CHARACTERS = 2000
#: The fewest words. One word names a thing but asks nothing of it.
MIN_WORDS = 2

# Marks that turn the direction of text around: a reader would see another question than the one that is answered.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean_question(text: str) -> str:
    """The question in Unicode form NFC, its white space as single spaces.

    Raises:
        BadInput: it is empty, has fewer than two words, is over 2,000 characters, is no valid Unicode, or holds control
            characters. Scripts without spaces count a letter as a word.
    """
    for place, char in enumerate(text):
        if unicodedata.category(char) == "Cs":
            raise BadInput("the question is not valid UTF-8", "set a UTF-8 locale, or save the text as UTF-8")
        if char in _TURNING or (unicodedata.category(char) == "Cc" and not char.isspace()):
            raise BadInput(
                f"the question holds the control character U+{ord(char):04X} at position {place + 1}",
                "type the question again without it",
            )
    question = " ".join(unicodedata.normalize("NFC", text).split())
    if not question:
        raise BadInput(
            "the question is empty", 'ask in a sentence: sovereign ask "How does X compare to Y in latency?"'
        )
    if len(question) > MAX_CHARACTERS:
        raise BadInput(
            f"the question has {len(question):,} characters; the limit is {MAX_CHARACTERS:,}",
            "ask one question at a time; add long texts to the library with `sovereign library add`",
        )
    if _words(question) < MIN_WORDS:
        raise BadInput(
            f"{question!r} is one word, which asks nothing",
            "name the thing and what you want to know of it, such as its latency or accuracy against a baseline",
        )
    return question


def _words(question: str) -> int:
    count = 0
    for word in question.split():
        letters = [char for char in word if char.isalnum()]
        # Chinese, Japanese and Korean write no spaces; a letter of theirs carries about as much as a word.
        wide = sum(unicodedata.category(char) == "Lo" for char in letters)
        count += wide if wide else bool(letters)
    return count
