"""Answer normalisation of VQAv2's official evaluation, with its oddities; our own code from its rules.

Rules of GT-Vision-Lab/VQA, PythonEvaluationTools/vqaEvaluation/vqaEval.py at commit a013f00. Oddities that are kept:

- whether a mark becomes nothing or a space is decided on the text as it was given: nothing if the mark touches a space
  anywhere, or if the text has a comma between digits anywhere (then every mark becomes nothing: "1,000-x" is "1000x");
- a period goes unless a digit follows ("3." is "3", ".5" stays; the intended look-behind matches "<=" and a digit, so
  it never holds), and only the first 32 of them: the flag re.UNICODE, which is 32, stands where the count belongs;
- articles go even if nothing is left ("a" is ""); "none" is "0"; colons and apostrophes stay;
- contractions with a capital ("Im", "Ive") are never repaired, since the text was lower-cased; "somebody'd" loses its
  apostrophe.
"""

from __future__ import annotations

import re
from typing import Final

MARKS: Final = (*';/[]"{}()=+\\_-><@`,?!',)
NUMBERS: Final = {
    "none": "0",
    **{word: str(n) for n, word in enumerate("zero one two three four five six seven eight nine ten".split())},
}
ARTICLES: Final = frozenset(("a", "an", "the"))
_MOST_PERIODS: Final = 32
_COMMA: Final = re.compile(r"\d,\d")
_PERIOD: Final = re.compile(r"\.(?!\d)")

_REPAIRED: Final = """
    ain't aren't can't could've couldn't didn't doesn't don't hadn't hasn't haven't he'd he's how'd how'll how's isn't
    it'd it'll ma'am mightn't might've mustn't must've needn't not've o'clock oughtn't shan't should've shouldn't
    somebody'll somebody's someone'd someone'll someone's something'd something'll that's there'd there're there's
    they'd they'll they're they've 'twas wasn't we've weren't what'll what're what's what've when's where'd where's
    where've who'd who'll who's who've why'll why're why's won't would've wouldn't y'all you'd you'll you're you've
    couldn't've hadn't've he'd've it'd've mightn't've she'd've shouldn't've somebody'd've someone'd've something'd've
    there'd've they'd've we'd've who'd've wouldn't've y'all'll y'all'd've you'd've
""".split()


def _contractions() -> dict[str, str]:
    """Contraction by misspelling: each without one of its apostrophes, and four words of no rule."""
    out = {}
    for whole in _REPAIRED:
        for at, letter in enumerate(whole):
            if letter == "'":
                out[whole[:at] + whole[at + 1 :]] = whole
    return {**out, "ow's'at": "'ow's'at", "'ows'at": "'ow's'at", "'ow'sat": "'ow's'at", "somebody'd": "somebodyd"}


CONTRACTIONS: Final = _contractions()


def clean(text: str) -> str:
    """Line feeds and tabs as spaces, ends stripped: what is done to every answer."""
    return text.replace("\n", " ").replace("\t", " ").strip()


def without_punctuation(text: str) -> str:
    out = text
    every = _COMMA.search(text) is not None
    for mark in MARKS:
        touches = every or f"{mark} " in text or f" {mark}" in text
        out = out.replace(mark, "" if touches else " ")
    return _PERIOD.sub("", out, count=_MOST_PERIODS)


def plain_words(text: str) -> str:
    """Lower case; number words as digits, articles dropped, contractions repaired, single spaces."""
    words = (NUMBERS.get(word, word) for word in text.lower().split())
    return " ".join(CONTRACTIONS.get(word, word) for word in words if word not in ARTICLES)


def normalised(text: str) -> str:
    """All of it, as it is done where annotators differ."""
    return plain_words(without_punctuation(clean(text)))
