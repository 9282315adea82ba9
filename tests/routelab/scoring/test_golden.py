"""Cases from the official rules, worked out by hand; each trap of the public scorers is one of them."""

from __future__ import annotations

from fractions import Fraction

import pytest

pytest.importorskip("torch")
from routelab.data.mmbench import Question, circular
from routelab.data.seed import Dataset
from routelab.data.seed import Question as SeedQuestion
from routelab.data.visual7w import Image, Pair
from routelab.scoring import mmbench, seed, visual7w, vqav2
from routelab.scoring._normalise import normalised

NORMALISED = [
    ("number words become digits", "Two dogs", "2 dogs"),
    ("none is 0", "None", "0"),
    ("an article goes even if nothing is left", "a", ""),
    ("a comma between digits goes", "1,000", "1000"),
    ("and takes every mark with it, without a space", "1,000-x", "1000x"),
    ("a mark between letters becomes a space", "t-shirt", "t shirt"),
    ("a mark beside a space becomes nothing", "t - shirt", "t shirt"),
    ("one mark beside a space decides for all of its kind", "x ;y;z", "x yz"),
    ("that is decided on the text as it was given", "red,blue, green", "redblue green"),
    ("a full stop goes", "u.s.a.", "usa"),
    ("but not before a digit", "3.5", "3.5"),
    ("the look-behind never holds, so a stop after a digit goes too", "3.", "3"),
    ("the count of 32 is the flag re.UNICODE in the wrong place", "." * 40, "." * 8),
    ("a contraction is repaired", "dont know", "don't know"),
    ("not one with a capital, for the text was lower-cased", "Im here", "im here"),
    ("somebody'd loses its apostrophe", "somebody'd", "somebodyd"),
    ("colons and apostrophes stay", "it's 5:30", "it's 5:30"),
    ("tabs and line feeds are spaces", "red\tand\nblue", "red and blue"),
]


@pytest.mark.parametrize(("rule", "text", "expected"), NORMALISED, ids=[case[0] for case in NORMALISED])
def test_normalisation(rule, text, expected):
    assert normalised(text) == expected


def agreed(answer, annotators, **rules):
    return round(vqav2.credit(vqav2.matching(answer, annotators, rules.get("normalise", "official"))), 10)


CREDITS = [
    ("one annotator", "red", ["red"] + ["blue"] * 9, {}, 0.3),
    ("two", "red", ["red"] * 2 + ["blue"] * 8, {}, 0.6),
    ("three", "red", ["red"] * 3 + ["blue"] * 7, {}, 0.9),
    ("four", "red", ["red"] * 4 + ["blue"] * 6, {}, 1.0),
    ("nobody", "green", ["red"] * 4 + ["blue"] * 6, {}, 0.0),
    ("ten who agree are not normalised, nor is the answer", "yes", ["Yes!"] * 10, {}, 0.0),
    ("letter case counts there", "Black", ["black"] * 10, {}, 0.0),
    ("who normalises always gives it", "Black.", ["black"] * 10, {"normalise": "always"}, 1.0),
    ("agreement is looked for after tabs and line feeds", "red", ["red\n"] * 5 + ["red"] * 5, {}, 1.0),
    ("one who differs turns normalisation on", "2", ["two"] * 9 + ["3"], {}, 1.0),
    ("the first release left number words", "two", ["two"] * 9 + ["2"], {"normalise": "first_release"}, 0.3),
    ("two articles are the same empty answer", "a", ["the"] * 4 + ["red"] * 6, {}, 1.0),
]


@pytest.mark.parametrize(("rule", "answer", "annotators", "rules", "expected"), CREDITS, ids=[c[0] for c in CREDITS])
def test_vqav2_credit(rule, answer, annotators, rules, expected):
    assert agreed(answer, annotators, **rules) == expected


def test_the_closed_form_is_the_same_credit_wherever_the_annotators_stand():
    values = [vqav2.closed_form(c) for c in range(11)]
    assert values == [Fraction(n, 10) for n in (0, 3, 6, 9, 10, 10, 10, 10, 10, 10, 10)]
    for c in range(11):
        matches = [at % 11 < c for at in range(10)]
        for turn in range(10):
            turned = matches[turn:] + matches[:turn]
            assert vqav2.credit(turned) == pytest.approx(float(vqav2.closed_form(sum(turned))), abs=1e-15)


def test_the_simplified_credit_is_another():
    three = [True] * 3 + [False] * 7
    assert vqav2.credit(three) == pytest.approx(0.9) and vqav2.credit(three, "simplified") == 1.0
    assert vqav2.credit(three[2:], "simplified") == pytest.approx(1 / 3)


LETTERS = [
    ("a letter alone", "B", "B"),
    ("in brackets, with words before", "The answer is (C).", "C"),
    ("a capital A is a letter even if it is an article", "A dog", "A"),
    ("two letters are none: then the text decides", "A or B? the dog", "B"),
    ("a letter far from the end does not count", "B since this is what we can clearly see", "Z"),
    ("a small letter is no letter", "b", "Z"),
    ("one option's text", "it shows the dog", "B"),
    ("texts of two options are none", "dog or fish", "Z"),
    ("an option inside another: both are found", "hotdog", "Z"),
    ("an answer over twice as long as all options is not searched", "dog" + " and so on" * 5, "Z"),
    ("Z is nobody's", "Z", "Z"),
    ("a refusal", "Cannot determine the answer, maybe B", "Z"),
]
OPTIONS = {"A": "cat", "B": "dog", "C": "fish", "D": "hotdog"}


@pytest.mark.parametrize(("rule", "text", "letter"), LETTERS, ids=[case[0] for case in LETTERS])
def test_mmbench_letter(rule, text, letter):
    assert mmbench.extracted(text, OPTIONS) == letter


def test_mmbench_always_a_is_zero_by_circular_and_a_fair_share_by_vanilla():
    questions = [Question(n, "what", OPTIONS, "ABCD"[n % 4]) for n in range(8)]
    rows = circular(questions)
    always_a = {row.index: "A" for row in rows}
    assert len(rows) == 32 and mmbench.score(rows, always_a).overall.percent == 0.0
    assert mmbench.score(rows, always_a, "vanilla").overall.percent == 25.0
    assert mmbench.gap(rows, always_a) == 25.0


def test_mmbench_a_question_of_two_options_has_two_passes():
    (one,) = [Question(7, "is it", {"A": "yes", "B": "no"}, "B")]
    rows = circular([one])
    assert [(row.index, row.answer, row.options["A"]) for row in rows] == [(7, "B", "yes"), (1_000_007, "A", "no")]
    assert mmbench.score(rows, {7: "no", 1_000_007: "no"}).overall.percent == 100.0
    assert mmbench.score(rows, {7: "no", 1_000_007: "B"}).overall.percent == 0.0


def seeds(*answers):
    return Dataset(
        tuple(
            SeedQuestion(str(n), "q", ("w", "x", "y", "z"), letter, "image" if n < 3 else "video", str(n), 1 + 4 * n)
            for n, letter in enumerate(answers)
        )
    )


@pytest.mark.parametrize(
    ("rule", "text", "letter"),
    [
        ("the first character", "B. the dog", "B"),
        ("of a word too", "An apple", "A"),
        ("a bracket is no letter", "(B)", "("),
        ("small letters count", " d", "D"),
        ("nothing", "  ", ""),
    ],
)
def test_seed_letter(rule, text, letter):
    assert seed.letter_of(text) == letter


def test_seed_of_equal_losses_the_first_is_chosen():
    assert seed.letter_of_least([2.0, 1.0, 1.0, 3.0]) == "B"


def test_seed_protocols_disagree_and_the_report_says_which():
    data = seeds("A", "B", "C")
    likelihood = seed.score(data, {"0": "A", "1": "B", "2": "D"}, "likelihood")
    letter = seed.score(data, {"0": "A", "1": "A", "2": "A"}, "letter")
    assert (likelihood.overall.total, letter.overall.total) == (2.0, 1.0)
    assert likelihood.protocol == "likelihood protocol" and letter.protocol == "letter protocol"


def pairs(*answers):
    return [
        Image(n, f"v7w_{n}.jpg", "val", (Pair(n, n, "what?", answer, "what", ("x", "y", "z")),))
        for n, answer in enumerate(answers)
    ]


@pytest.mark.parametrize(
    ("rule", "given", "mode", "k", "hit"),
    [
        ("letter case does not count", ["a dog."], "mc", 1, 1.0),
        ("a space does", ["A dog. "], "mc", 1, 0.0),
        ("multiple choice looks at the first alone", ["x", "A dog."], "mc", 1, 0.0),
        ("open-ended at the first k", ["x", "A dog."], "open", 2, 1.0),
        ("nothing given", [], "mc", 1, 0.0),
    ],
)
def test_visual7w_match(rule, given, mode, k, hit):
    assert visual7w.score(pairs("A dog."), {0: given}, "val", mode=mode, k=k).outcomes == {"0": hit}


def test_there_are_forty_golden_cases_and_more():
    assert len(NORMALISED) + len(CREDITS) + len(LETTERS) + 5 + 5 >= 40
