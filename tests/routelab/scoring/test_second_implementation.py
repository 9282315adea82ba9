"""Each scorer agrees with one written independently, on ten thousand random cases full of the rules' edges."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("torch")
from tests.routelab.reference import choice_scorers, vqav2_scorer

from routelab.data.mmbench import Question, circular
from routelab.data.seed import Dataset
from routelab.data.seed import Question as SeedQuestion
from routelab.data.visual7w import TYPES, Image, Pair
from routelab.scoring import mmbench, seed, visual7w, vqav2

CASES = 10_000
PIECES = [
    *"a an the A The none zero one two ten 1 2 10 3.5 .5 1,000 2,5 red Red blue dog dogs yes no".split(),
    *"dont Dont cant Im Ive its it's wont y'allll yall'd've somebody'd 'ow'sat hed've o'clock 5:30".split(),
    *"u.s.a. 3. e.g.".split(),
    *"; / [ ] \" { } ( ) = + \\ _ - > < @ ` , ? ! . .. ... : '".split(),
    *"t-shirt a-b and/or (red) \"yes\" no! what? x;y ÉTÉ ١,٢ naïve".split(),
]  # fmt: skip
GAPS = ["", " ", " ", " ", "  ", "\t", "\n"]


def phrase(rng: random.Random) -> str:
    pieces = [rng.choice(GAPS) + rng.choice(PIECES) for _ in range(rng.choice([0, 1, 1, 1, 2, 3, 5]))]
    return "".join(pieces) + rng.choice(GAPS)


@pytest.mark.parametrize(
    ("normalise", "rule", "reference"),
    [
        ("official", "leave_one_out", vqav2_scorer.official),
        ("always", "leave_one_out", vqav2_scorer.always),
        ("first_release", "leave_one_out", vqav2_scorer.first_release),
        ("official", "simplified", vqav2_scorer.simplified),
    ],
)
def test_vqav2(normalise, rule, reference):
    rng = random.Random(f"{normalise} {rule}")
    credited = 0
    for _ in range(CASES):
        plain = rng.sample(["red", "blue", "2", "two", "yes", "red dog", "on the left"], 3)
        pool = rng.choice([plain, [phrase(rng) for _ in range(rng.choice([1, 1, 2, 3]))]])
        pool += [text.upper() for text in pool[:1] if rng.random() < 0.3] + [f"the {text}" for text in pool[:1]]
        pool = pool[: rng.choice([1, len(pool)])]
        annotators = [rng.choice(pool) for _ in range(10)]
        answer = rng.choice([*pool, *pool, phrase(rng)])
        mine = vqav2.credit(vqav2.matching(answer, annotators, normalise), rule)
        expected = reference(answer, annotators)
        assert abs(mine - float(expected)) < 1e-12, (answer, annotators)
        credited += 0 < expected < 1
    assert credited > CASES / 50  # the cases are not all 0 or all 1


def test_visual7w():
    rng = random.Random("visual7w")
    words = ["A dog.", "a dog.", "A cat.", "two", "Two", "two ", "on the left", "ÄRGER", "ärger"]
    images, results = [], []
    for number in range(CASES):
        right, *wrong = rng.sample(words, 4)
        split = rng.choice(["val", "val", "test"])
        pair = Pair(number, number, "what?", right, rng.choice(TYPES), tuple(wrong))
        images.append(Image(number, f"v7w_{number}.jpg", split, (pair,)))
        if split == "val":
            given = [{"answer": rng.choice(words)} for _ in range(rng.choice([1, 1, 2, 4]))]
            results.append({"qa_id": number, "question": "what?", "candidates": given})
    plain = {
        "images": [
            {"split": one.split, "qa_pairs": [{"qa_id": p.qa_id, "answer": p.answer, "type": p.type}]}
            for one in images
            for p in one.qa_pairs
        ]
    }
    given = {entry["qa_id"]: [one["answer"] for one in entry["candidates"]] for entry in results}
    for mode, k in (("mc", 1), ("open", 1), ("open", 3)):
        report = visual7w.score(images, given, "val", mode=mode, k=k)
        expected = choice_scorers.visual7w(plain, results, "val", k)
        assert report.outcomes == {str(number): float(hit) for number, hit in expected["outcome"].items()}
        tallies = report.groups["type"]
        assert {kind: (t.total, t.count) for kind, t in tallies.items()} == expected["by_type"]


@pytest.mark.parametrize("protocol", seed.PROTOCOLS)
def test_seed(protocol):
    rng = random.Random(protocol)
    questions, results, letters = [], [], {}
    texts = ["A", "b", " C.", "(D)", "", "D dog", "An apple", "the answer is B", "Ä"]
    for number in range(CASES):
        dimension = rng.randint(1, 12)
        kind = "image" if dimension < 10 else "video"
        answer = rng.choice("ABCD")
        questions.append(SeedQuestion(str(number), "q", ("w", "x", "y", "z"), answer, kind, str(number), dimension))
        if protocol == "likelihood":
            losses = [rng.choice([0.5, 1.0, 1.5, rng.random()]) for _ in range(4)]
            results.append({"question_id": str(number), "losses": losses})
            letters[str(number)] = seed.letter_of_least(losses)
        else:
            text = rng.choice(texts)
            results.append({"question_id": str(number), "prediction": text})
            letters[str(number)] = seed.letter_of(text)
    report = seed.score(Dataset(tuple(questions)), letters, protocol)
    names = ("question_id", "answer", "question_type_id", "data_type")
    plain = [{name: getattr(q, name) for name in names} for q in questions]
    expected = choice_scorers.seed({"questions": plain}, results)
    assert report.outcomes == {number: float(hit) for number, hit in expected["outcome"].items()}
    by_number = {int(name[:2]): (t.total, t.count) for name, t in report.groups["dimension"].items()}
    assert by_number == {number: (sum(hits), len(hits)) for number, hits in expected["dimension"].items()}
    by_type = {name: (t.total, t.count) for name, t in report.groups["data_type"].items()}
    assert by_type == {name: (sum(hits), len(hits)) for name, hits in expected["data_type"].items()}


def test_mmbench_extraction():
    rng = random.Random("mmbench")
    texts = ["red", "dark red", "blue", "Red", "a", "two dogs", "yes", "no", "B"]
    pieces = [*"A B C D E Z a b (A) B. C, D: *A* #B {C} [D] the answer is because of it option red blue dark".split()]
    pieces += ["dark red", "Cannot determine the answer", "Failed to obtain answer via API", "two dogs", "RED", "A-B"]
    seen = set()
    for _ in range(CASES):
        options = dict(zip("ABCD", rng.sample(texts, rng.choice([2, 3, 4, 4])), strict=False))
        prediction = " ".join(rng.choice(pieces) for _ in range(rng.choice([0, 1, 1, 2, 3, 6, 9])))
        letter = mmbench.extracted(prediction, options)
        assert letter == choice_scorers.mmbench_letter(prediction, options), (prediction, options)
        seen.add(letter)
    assert seen == set("ABCDZ")


def test_mmbench_circular():
    rng = random.Random("circular")
    questions = []
    for number in range(CASES // 3):
        texts = rng.sample(["red", "blue", "green", "two", "dog"], rng.choice([2, 3, 4]))
        options = dict(zip("ABCD", texts, strict=False))
        questions.append(Question(number, "q", options, rng.choice(list(options)), category=rng.choice("uvw")))
    rows = circular(questions)
    assert len(rows) > 2 * len(questions)
    skill = {one.index: rng.random() for one in questions}
    predictions = {
        row.index: row.answer if rng.random() < skill[row.main] else rng.choice(["A", "B", "red", "dog", ""])
        for row in rows
    }
    plain = [
        {"index": row.index, "answer": row.answer, **{letter: row.options.get(letter, "") for letter in "ABCD"}}
        for row in rows
    ]
    expected = choice_scorers.mmbench_circular(plain, predictions)
    assert mmbench.score(rows, predictions).outcomes == {str(number): float(hit) for number, hit in expected.items()}
    assert 0 < sum(expected.values()) < len(expected)
    vanilla = mmbench.score(rows, predictions, "vanilla").overall.total
    first = [row for row in plain if row["index"] < 1_000_000]
    assert vanilla == sum(choice_scorers.mmbench_circular(first, predictions).values()) > sum(expected.values())
