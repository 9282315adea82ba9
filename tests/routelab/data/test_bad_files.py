"""Files that are not what they are said to be: refused by the name of the file and the field, never scored."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from routelab import BadData
from routelab.data import (
    archives,
    cifar,
    export,
    generate,
    mmbench,
    multiple_choice,
    pictures,
    seed,
    small_sets,
    visual7w,
    vqav2,
)
from routelab.scoring import mmbench as mmbench_scorer
from routelab.scoring import seed as seed_scorer
from routelab.scoring import visual7w as visual7w_scorer
from routelab.scoring import vqav2 as vqav2_scorer


@pytest.fixture(scope="module")
def data():
    return generate(60, 3)


@pytest.fixture
def files(data, tmp_path):
    """One good file of each format, by name."""
    questions, annotations = export.vqav2_records(data, 1)
    return {
        "questions": vqav2.write_questions(tmp_path / "questions.json", vqav2.Header(), questions),
        "annotations": vqav2.write_annotations(tmp_path / "annotations.json", vqav2.Header(), annotations),
        "visual7w": visual7w.write(tmp_path / "dataset.json", export.visual7w_records(data, 1)),
        "seed": seed.write(tmp_path / "seed.json", export.seed_records(data, 1)),
        "mmbench": mmbench.write(tmp_path / "mmbench.tsv", mmbench.circular(export.mmbench_records(data, 1))),
    }


LOADERS = {
    "questions": vqav2.load_questions,
    "annotations": vqav2.load_annotations,
    "visual7w": visual7w.load,
    "seed": seed.load,
    "mmbench": mmbench.load,
}


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_file_that_is_cut_short(files, name, share):
    path = files[name]
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(BadData, match=path.name):
        LOADERS[name](path)


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("other", LOADERS)
def test_another_formats_file(files, name, other):
    if name == other:
        LOADERS[name](files[other])
    else:
        with pytest.raises(BadData, match=files[other].name):
            LOADERS[name](files[other])


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("content", [b"[]", b"{}", b"null", b"7", b'"text"', b"\xff\xfe", b"[" * 100_000, b"\x89PNG"])
def test_something_else_altogether(tmp_path, name, content):
    path = tmp_path / "something"
    path.write_bytes(content)
    with pytest.raises(BadData, match="something"):
        LOADERS[name](path)
    with pytest.raises(BadData, match="there is no such file"):
        LOADERS[name](tmp_path / "nowhere")
    with pytest.raises(BadData, match="cannot be read"):
        LOADERS[name](tmp_path)


def changed(path, change):
    whole = json.loads(path.read_text())
    change(whole)
    path.write_text(json.dumps(whole))


def fails(load, path, named):
    with pytest.raises(BadData) as caught:
        load(path)
    assert path.name in str(caught.value) and named in str(caught.value), str(caught.value)


@pytest.mark.parametrize(
    ("named", "change"),
    [
        ("annotations[2].answers has 9 answers, not 10", lambda all_: all_[2]["answers"].pop()),
        ("annotations[2].answers has 11", lambda all_: all_[2]["answers"].append({"answer": "x", "answer_id": 11})),
        ("answer_id 1 comes twice", lambda all_: all_[0]["answers"][4].update(answer_id=1)),
        ("annotations[0].answers[3].answer is 5, not text", lambda all_: all_[0]["answers"][3].update(answer=5)),
        ("annotations[0].answers[3].answer is missing", lambda all_: all_[0]["answers"][3].pop("answer")),
        ("annotations[0].answers[3].answer_confidence", lambda all_: all_[0]["answers"][3].update(answer_confidence=1)),
        ("annotations[1].answer_type is 'colour'", lambda all_: all_[1].update(answer_type="colour")),
        ("annotations[1].question_id is True", lambda all_: all_[1].update(question_id=True)),
        ("question_id 1 comes twice", lambda all_: all_[1].update(question_id=1)),
        ("annotations[1].answers is None", lambda all_: all_[1].update(answers=None)),
        ("annotations[1] is not an object", lambda all_: all_.__setitem__(1, [])),
    ],
)
def test_vqav2_annotations(files, named, change):
    changed(files["annotations"], lambda whole: change(whole["annotations"]))
    fails(vqav2.load_annotations, files["annotations"], named)


@pytest.mark.parametrize(
    ("named", "change"),
    [
        ("images[0].split is 'dev'", lambda all_: all_[0].update(split="dev")),
        ("images[0].qa_pairs[0].multiple_choices", lambda all_: all_[0]["qa_pairs"][0]["multiple_choices"].pop()),
        ("qa_pairs[0].multiple_choices", lambda all_: all_[0]["qa_pairs"][0].update(multiple_choices=[1, 2, 3])),
        ("images[0].qa_pairs[0].type is 'which'", lambda all_: all_[0]["qa_pairs"][0].update(type="which")),
        ("images[0].qa_pairs[0].image_id", lambda all_: all_[0]["qa_pairs"][0].update(image_id=999)),
        ("images[1].filename is missing", lambda all_: all_[1].pop("filename")),
    ],
)
def test_visual7w(files, named, change):
    changed(files["visual7w"], lambda whole: change(whole["images"]))
    fails(visual7w.load, files["visual7w"], named)


@pytest.mark.parametrize(
    ("named", "change"),
    [
        ("questions[0].answer is 'E'", lambda all_: all_[0].update(answer="E")),
        ("questions[0].answer is ''", lambda all_: all_[0].update(answer="")),
        ("questions[0].choice_d is missing", lambda all_: all_[0].pop("choice_d")),
        ("questions[0] is image in dimension 11", lambda all_: all_[0].update(question_type_id=11)),
        ("question_type_id 0", lambda all_: all_[0].update(question_type_id=0, data_type="video")),
        ("questions[0].data_type is 'audio'", lambda all_: all_[0].update(data_type="audio")),
    ],
)
def test_seed(files, named, change):
    changed(files["seed"], lambda whole: change(whole["questions"]))
    fails(seed.load, files["seed"], named)


def test_seed_losses_that_are_no_numbers(tmp_path):
    for bad in ("[1, 2, 3]", "[1, 2, 3, NaN]", '[1, 2, 3, "4"]', "[1, 2, 3, true]"):
        path = tmp_path / "losses.json"
        path.write_text(f'[{{"question_id": "1", "losses": {bad}}}]')
        fails(seed.load_losses, path, "results[0].losses")


ONE = mmbench.Question(5, "what", {"A": "x", "B": "y"}, "A")


@pytest.mark.parametrize(
    ("named", "header", "row"),
    [
        ("column answer is missing", "index\tquestion\tA\tB", "5\tq\tx\ty"),
        ("row 2.index is 'five'", "index\tquestion\tA\tB\tanswer", "five\tq\tx\ty\tA"),
        ("row 2.answer is 'C'", "index\tquestion\tA\tB\tanswer", "5\tq\tx\ty\tC"),
        ("row 2 has the options A", "index\tquestion\tA\tB\tanswer", "5\tq\tx\t\tA"),
        ("row 2 has the options A, C", "index\tquestion\tA\tB\tC\tanswer", "5\tq\tx\tnan\tz\tA"),
        ("row 2 has not 5 fields", "index\tquestion\tA\tB\tanswer", "5\tq\tx\ty"),
        ("row 2 has not 5 fields", "index\tquestion\tA\tB\tanswer", "5\tq\tx\ty\tA\tmore"),
        ("image of index 5 is 'pic.jpg'", "index\tquestion\tA\tB\tanswer\timage", "5\tq\tx\ty\tA\tpic.jpg"),
        ("image of index 5 is '99'", "index\tquestion\tA\tB\tanswer\timage", "5\tq\tx\ty\tA\t99"),
        ("image of index 5 refers to itself", "index\tquestion\tA\tB\tanswer\timage", "5\tq\tx\ty\tA\t5"),
        ("image of index 5 is not base64", "index\tquestion\tA\tB\tanswer\timage", "5\tq\tx\ty\tA\t" + "?" * 80),
        ("image of index 5 is not a picture", "index\tquestion\tA\tB\tanswer\timage", "5\tq\tx\ty\tA\t" + "QUJD" * 30),
    ],
)
def test_mmbench_rows(tmp_path, named, header, row):
    path = tmp_path / "bad.tsv"
    path.write_text(f"{header}\n{row}\n")
    fails(mmbench.load, path, named)


def test_mmbench_a_picture_that_is_cut_short_and_an_index_twice(tmp_path):
    whole = pictures.png(np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8))
    cut = base64.b64encode(whole[: len(whole) // 2]).decode()
    path = tmp_path / "bad.tsv"
    path.write_text(f"index\tquestion\tA\tB\tanswer\timage\n5\tq\tx\ty\tA\t{cut}\n")
    fails(mmbench.load, path, "image of index 5 is not a picture")
    path.write_text("index\tquestion\tA\tB\tanswer\n5\tq\tx\ty\tA\n5\tq\tx\ty\tB\n")
    fails(mmbench.load, path, "index 5 comes twice")


def test_a_picture_is_looked_at_before_it_is_unpacked(monkeypatch):
    monkeypatch.setattr(pictures, "_MOST_PIXELS", 100)
    with pytest.raises(BadData, match="bomb has 11 x 10 pixels"):
        pictures.pixels_of(pictures.png(np.zeros((10, 11, 3), np.uint8)), "bomb")


def test_pictures_of_another_size_or_none(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(BadData, match=r"a\.jpg is not a picture"):
        export.read_pictures(tmp_path, ["a.jpg"])
    with pytest.raises(BadData, match="there is no such file"):
        export.read_pictures(tmp_path, ["b.jpg"])
    (tmp_path / "c.png").write_bytes(pictures.png(np.zeros((8, 9, 3), np.uint8)))
    with pytest.raises(BadData, match="9 x 8 pixels"):
        export.read_pictures(tmp_path, ["c.png"])


def test_cifar(tmp_path):
    path = tmp_path / cifar.TEST_FILE
    for content, named in (
        (b"", "0 bytes"),
        (b"\x00" * 3072, "3072 bytes"),
        (b"\x01" + b"\x00" * 3072 + b"\x0a" + b"\x00" * 3072, "record 1: label 10"),
    ):
        path.write_bytes(content)
        fails(cifar.load_file, path, named)
    with pytest.raises(BadData, match=r"data_batch_1\.bin: there is no such file"):
        cifar.load_folder(tmp_path, train=True)
    with pytest.raises(BadData, match="label"):
        cifar.write_file(path, np.zeros((1, 32, 32, 3), np.uint8), np.array([10]))


def test_small_sets(tmp_path):
    path = tmp_path / "small.json"
    for content, named in (
        ('[["what", "red", 0], ["what", "red"]]', "entry 1"),
        ('[["what", "red", "0"]]', "entry 0"),
        ('{"what": 1}', "not a list"),
    ):
        path.write_text(content)
        fails(small_sets.load_easy_vqa, path, named)
    good = {"sentence": "s", "label": "true", "identifier": "1-0", "directory": "2", "structured_rep": [[], [], []]}
    for change, named in (
        ({"label": "maybe"}, "line 2.label"),
        ({"structured_rep": [[], []]}, "line 2.structured_rep has 2 boxes"),
        ({"structured_rep": [[{"type": "square"}], [], []]}, "line 2.structured_rep[0][0].color is missing"),
        ({"sentence": None}, "line 2.sentence"),
        ({}, "identifier 1-0 comes twice"),
    ):
        path.write_text(json.dumps(good) + "\n" + json.dumps({**good, **change}) + "\n")
        fails(small_sets.load_nlvr, path, named)
    path.write_text(json.dumps(good) + "\n" + json.dumps(good)[:-5])
    fails(small_sets.load_nlvr, path, "line 2 is not whole JSON")
    sample = {"image": "i", "lang": "en", "category": "c", "question": "q", "options": ["A. x", "B. y"], "answer": "B"}
    path.write_text(json.dumps(sample) + "\n")
    assert small_sets.load_samples(path)[0].options == {"A": "x", "B": "y"}
    bad = (({"answer": "C"}, "answer"), ({"options": ["x", "B. y"]}, "options[0]"), ({"lang": 1}, "lang"))
    for change, named in bad:
        path.write_text(json.dumps({**sample, **change}) + "\n")
        fails(small_sets.load_samples, path, named)


def test_archives(tmp_path):
    with pytest.raises(BadData, match="no such folder or tar"):
        archives.Pictures(tmp_path / "nowhere.tar")
    (tmp_path / "bad.tar").write_bytes(b"no tar at all" * 100)
    with pytest.raises(BadData, match="not a whole tar"):
        archives.Pictures(tmp_path / "bad.tar")
    with archives.Pictures(tmp_path) as folder, pytest.raises(BadData, match="there is no such file"):
        folder["x.png"]


def partly(answers):
    return dict(list(answers.items())[:-1])


def test_a_partial_result_file_is_never_scored(data):
    """The official scripts of Visual7W and (by its groups) of MMBench would score a part higher than the whole."""
    _, annotations = export.vqav2_records(data, 1)
    best = {one.question_id: one.multiple_choice_answer for one in annotations}
    images = export.visual7w_records(data, 1)
    chosen = {pair.qa_id: [pair.answer] for image in images for pair in image.qa_pairs}
    records = export.seed_records(data, 1)
    letters = {one.question_id: one.answer for one in records.questions}
    rows = mmbench.circular(export.mmbench_records(data, 1))
    truth = {one.index: one.answer for one in rows}
    scorers = [
        (lambda given: vqav2_scorer.score(annotations, given), best, 10**9),
        (lambda given: visual7w_scorer.score(images, given, "val"), chosen, 10**9),
        (lambda given: seed_scorer.score(records, given, "letter"), letters, "other"),
        (lambda given: mmbench_scorer.score(rows, given), truth, 10**9),
    ]
    for score, given, stranger in scorers:
        score(given)
        with pytest.raises(BadData, match=r"1 of \d+ questions have no answer"):
            score(partly(given))
        with pytest.raises(BadData, match="have no answer"):
            score({})
        with pytest.raises(BadData, match="was not asked"):
            score({**given, stranger: next(iter(given.values()))})
    with pytest.raises(BadData, match="passes"):
        mmbench_scorer.score(rows[:-1], partly(truth))
    with pytest.raises(BadData, match="no question"):
        vqav2_scorer.score([], {})


def test_results_twice_and_rules_unknown(tmp_path, data):
    path = tmp_path / "r.json"
    path.write_text('[{"question_id": 1, "answer": "a"}, {"question_id": 1, "answer": "b"}]')
    fails(vqav2.load_results, path, "question_id 1 comes twice")
    _, annotations = export.vqav2_records(data, 1)
    given = {one.question_id: "" for one in annotations}
    for rules in ({"normalise": "mine"}, {"rule": "mine"}):
        with pytest.raises(BadData, match="'mine'"):
            vqav2_scorer.score(annotations, given, **rules)
    for rules in ({"split": "dev"}, {"mode": "pointing"}, {"k": 2}, {"mode": "open", "k": 0}):
        with pytest.raises(BadData):
            visual7w_scorer.score([], {}, rules.pop("split", "val"), **rules)
    with pytest.raises(BadData, match="'rank'"):
        seed_scorer.score(seed.Dataset(()), {}, "rank")
    with pytest.raises(BadData, match="'both'"):
        mmbench_scorer.score([ONE], {5: "A"}, "both")
    assert multiple_choice(data, 1).letter.min() >= 0
