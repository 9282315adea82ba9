"""What is written is what is read again, in the exact public schemas; ShapeQA through each of them."""

from __future__ import annotations

import base64
import csv
import json
from collections import Counter

import numpy as np
import pytest

from routelab.data import (
    KINDS,
    Settings,
    cifar,
    encode,
    export,
    generate,
    mmbench,
    multiple_choice,
    seed,
    visual7w,
    vqav2,
)
from routelab.data.annotators import annotated
from routelab.data.pictures import png
from routelab.scoring import mmbench as mmbench_scorer
from routelab.scoring import vqav2 as vqav2_scorer


@pytest.fixture(scope="module")
def data():
    return generate(400, 3, Settings(text_share=0.1))


def test_vqav2_round_trip_in_the_public_schema(data, tmp_path):
    questions, annotations = export.vqav2_records(data, 1)
    header = vqav2.Header({"description": "ShapeQA", "year": 2026}, license={"name": "none"})
    path = vqav2.write_questions(tmp_path / "q.json", header, questions)
    marked = vqav2.write_annotations(tmp_path / "a.json", header, annotations)
    assert vqav2.load_questions(path) == (header, questions)
    assert vqav2.load_annotations(marked) == (header, annotations)
    first = json.loads(path.read_text())
    assert set(first) == {"info", "task_type", "data_type", "data_subtype", "license", "questions"}
    assert set(first["questions"][0]) == {"image_id", "question", "question_id"}
    first = json.loads(marked.read_text())
    assert set(first) == {"info", "data_type", "data_subtype", "license", "annotations"}
    keys = {"question_type", "multiple_choice_answer", "answers", "image_id", "answer_type", "question_id"}
    assert set(first["annotations"][0]) == keys
    assert set(first["annotations"][0]["answers"][0]) == {"answer", "answer_confidence", "answer_id"}
    answers = {one.question_id: data.answer_text(row) for row, one in enumerate(questions)}
    results = vqav2.write_results(tmp_path / "r.json", answers)
    assert vqav2.load_results(results) == answers
    assert vqav2_scorer.score_files(marked, results, path).overall.percent > 98
    vqav2.write_results(results, dict.fromkeys(answers, "yes"))
    assert 5 < vqav2_scorer.score_files(marked, results, path).overall.percent < 40


def test_vqav2_pictures_come_back_pixel_by_pixel(data, tmp_path):
    names = [vqav2.image_name("val2014", row + 1) for row in range(20)]
    assert names[0] == "COCO_val2014_000000000001.jpg"
    assert vqav2.image_name("test-dev2015", 42) == "COCO_test2015_000000000042.jpg"
    export.write_pictures(tmp_path, names, data.images[:20])
    assert np.array_equal(export.read_pictures(tmp_path, names), data.images[:20])


def test_visual7w_round_trip_in_the_public_schema(data, tmp_path):
    images = export.visual7w_records(data, 1)
    path = visual7w.write(tmp_path / "dataset.json", images)
    assert visual7w.load(path) == images
    first = json.loads(path.read_text())
    assert set(first) == {"dataset", "images"}
    assert set(first["images"][0]) == {"image_id", "filename", "split", "qa_pairs"}
    keys = {"qa_id", "image_id", "question", "answer", "type", "multiple_choices"}
    assert set(first["images"][0]["qa_pairs"][0]) == keys
    pairs = [pair for image in images for pair in image.qa_pairs]
    assert {pair.type for pair in pairs} == {"what", "where", "how"}
    for pair in pairs:
        assert pair.answer == data.answer_text(pair.qa_id - 1)
        assert len({pair.answer, *pair.multiple_choices}) == 4
    chosen = {pair.qa_id: [visual7w.candidates(pair)[0]] for pair in pairs}
    asked = {pair.qa_id: pair.question for pair in pairs}
    assert visual7w.load_results(visual7w.write_results(tmp_path / "r.json", chosen, asked)) == chosen


def test_visual7w_candidates_are_shuffled_by_question_and_seed(data):
    pairs = [pair for image in export.visual7w_records(data, 1) for pair in image.qa_pairs]
    places = Counter(visual7w.candidates(pair).index(pair.answer) for pair in pairs)
    assert set(places) == {0, 1, 2, 3} and max(places.values()) < 0.4 * len(pairs)
    assert all(visual7w.candidates(pair, 5) == visual7w.candidates(pair, 5) for pair in pairs)
    assert any(visual7w.candidates(pair, 5) != visual7w.candidates(pair, 6) for pair in pairs)


def test_seed_round_trip_in_the_public_schema(data, tmp_path):
    records = export.seed_records(data, 1)
    path = seed.write(tmp_path / "SEED-Bench.json", records)
    assert seed.load(path) == records
    whole = json.loads(path.read_text())
    assert set(whole) == {"questions", "question_type"} and whole["question_type"]["Instances Counting"] == 5
    keys = {"question_id", "question", "choice_a", "choice_b", "choice_c", "choice_d", "answer", "data_type", "data_id"}
    assert set(whole["questions"][0]) == keys | {"question_type_id"}
    assert {one.question_type_id for one in records.questions} == set(range(1, 10))
    for one in records.questions:
        assert one.choices["ABCD".index(one.answer)] == data.answer_text(int(one.question_id) - 1)
    letters = {one.question_id: one.answer for one in records.questions}
    losses = {one.question_id: (0.5, 1.5, 2.0, 3.25) for one in records.questions}
    assert seed.load_letters(seed.write_letters(tmp_path / "l.json", letters)) == letters
    assert seed.load_losses(seed.write_losses(tmp_path / "p.json", losses)) == losses


def test_seed_results_may_be_lines_with_the_official_scripts_names(tmp_path):
    path = tmp_path / "results.json"
    path.write_text('{"q_id": 7, "prediction": "B", "gt": "C", "q_type_id": 1}\n{"q_id": "8", "prediction": "A"}\n')
    assert seed.load_letters(path) == {"7": "B", "8": "A"}


def test_a_video_question_keeps_its_segment(tmp_path):
    one = seed.Question("1", "q", ("w", "x", "y", "z"), "A", "video", "P01_01", 11, (1.5, 3.0))
    assert seed.load(seed.write(tmp_path / "s.json", seed.Dataset((one,)))).questions == (one,)


def test_mmbench_round_trip_with_pictures_written_once(data, tmp_path):
    rows = mmbench.circular(export.mmbench_records(data, 1))
    path = mmbench.write(tmp_path / "dev.tsv", rows)
    assert mmbench.load(path) == rows
    with path.open(newline="") as stream:
        table = list(csv.DictReader(stream, delimiter="\t"))
    columns = ["index", "question", "hint", "A", "B", "C", "D", "answer", "category", "l2-category", "source", "split"]
    assert list(table[0]) == [*columns, "image"]
    by_index = {int(row["index"]): row for row in table}
    picture = next(one for one in rows if one.turn == 0 and one.image is not None)
    assert base64.b64decode(by_index[picture.index]["image"]) == picture.image
    assert by_index[picture.index + mmbench.PASS]["image"] == str(picture.index)
    assert sum(one.image is None for one in rows) == sum(
        len(one.options) for one in rows if one.turn == 0 and one.image is None
    )
    truth = {one.index: one.answer for one in rows}
    assert mmbench.load_results(mmbench.write_results(tmp_path / "p.tsv", truth)) == truth
    assert mmbench_scorer.score_files(path, tmp_path / "p.tsv").overall.percent == 100.0


def test_circular_copies_turn_the_options_and_the_answer_along(data):
    for one in export.mmbench_records(data, 1)[:60]:
        passes = mmbench.circular([one])
        assert len(passes) == len(one.options)
        assert {row.options[row.answer] for row in passes} == {one.options[one.answer]}
        assert {row.answer for row in passes} == set(one.options)
        assert all(set(row.options.values()) == set(one.options.values()) for row in passes)


def test_prompts_of_the_files_are_the_tokens_of_the_arrays(data):
    offered = multiple_choice(data, 1)
    for row, one in enumerate(export.mmbench_records(data, 1)):
        assert export.prompt(one.question, one.options) == [int(token) for token in offered.question[row] if token]
        assert export.prompt(one.question) == encode(data.question_text(row))


def test_tabs_quotes_and_line_feeds_survive_the_tsv(tmp_path):
    image = png(np.zeros((4, 5, 3), np.uint8))
    one = mmbench.Question(3, 'a "b"\tc\nd', {"A": 'x\t"y"', "B": "z\n"}, "B", hint="'\t'", image=image)
    assert mmbench.load(mmbench.write(tmp_path / "x.tsv", [one])) == [one]


def test_cifar_round_trip_plane_by_plane(tmp_path):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (50, 32, 32, 3)).astype(np.uint8), rng.integers(0, 10, 50)
    for name in (*cifar.TRAIN_FILES, cifar.TEST_FILE):
        cifar.write_file(tmp_path / name, images, labels)
    raw = (tmp_path / cifar.TEST_FILE).read_bytes()
    assert len(raw) == 50 * 3073 and raw[3073] == labels[1]
    assert raw[3073 + 1 + 1024 + 33] == images[1, 1, 1, 1]  # green plane, second row, second column
    read, said = cifar.load_folder(tmp_path, train=False)
    assert np.array_equal(read, images) and np.array_equal(said, labels)
    assert cifar.load_folder(tmp_path, train=True)[0].shape == (250, 32, 32, 3)


def test_annotators_err_as_often_as_they_should_and_exercise_the_rules():
    data = generate(3000, 9)
    annotations = annotated(data, 4)
    assert annotations == annotated(data, 4) != annotated(data, 5)
    right, total, odd = Counter(), Counter(), 0
    for row, one in enumerate(annotations):
        assert len(one.answers) == 10 and [given.answer_id for given in one.answers] == list(range(1, 11))
        for given in one.answers:
            plain = given.answer == data.answer_text(row)
            right[one.answer_type] += plain
            total[one.answer_type] += 1
            odd += given.answer[0].isupper() or given.answer.startswith(("the ", "a ")) or "." in given.answer
    shares = {kind: right[kind] / total[kind] for kind in total}
    assert shares == pytest.approx({"yes/no": 0.85 * 0.95, "other": 0.85 * 0.95, "number": 0.75 * 0.95}, abs=0.02)
    assert 0.02 < odd / sum(total.values()) < 0.05
    assert {one.answer_type for one in annotations} == set(vqav2.ANSWER_TYPES)
    kinds = {KINDS[int(kind)]: one.question_type for kind, one in zip(data.kind, annotations, strict=True)}
    assert kinds["count"] == "how many" and kinds["existence"] == "is there a"
