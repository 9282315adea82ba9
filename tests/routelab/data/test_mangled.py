"""Files mangled at random: read as something, or refused with the file's name; never another error, never a crash."""

from __future__ import annotations

import json
import random

import pytest

from routelab import BadData
from routelab.data import export, generate, mmbench, seed, small_sets, visual7w, vqav2
from routelab.scoring import mmbench as mmbench_scorer
from routelab.scoring import seed as seed_scorer
from routelab.scoring import visual7w as visual7w_scorer
from routelab.scoring import vqav2 as vqav2_scorer

ODD = [None, True, -1, 0, 1.5, 10**30, float("nan"), float("inf"), "", "A", "\ud800", "\x00", [], {}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("mangled")
    data = generate(12, 3)
    questions, annotations = export.vqav2_records(data, 1)
    vqav2.write_questions(out / "questions", vqav2.Header(), questions)
    vqav2.write_annotations(out / "annotations", vqav2.Header(), annotations)
    vqav2.write_results(out / "vqav2", {one.question_id: "yes" for one in annotations})
    images = export.visual7w_records(data, 1)
    pairs = [pair for image in images for pair in image.qa_pairs]
    visual7w.write(out / "dataset", images)
    asked = {pair.qa_id: pair.question for pair in pairs}
    visual7w.write_results(out / "visual7w", {pair.qa_id: [pair.answer] for pair in pairs}, asked)
    records = export.seed_records(data, 1)
    seed.write(out / "seed_questions", records)
    seed.write_losses(out / "losses", {one.question_id: [0.0, 1.0, 2.0, 3.0] for one in records.questions})
    seed.write_letters(out / "letters", {one.question_id: "A" for one in records.questions})
    rows = mmbench.circular(export.mmbench_records(data, 1)[:3])
    mmbench.write(out / "mmbench", rows)
    mmbench.write_results(out / "predictions", {row.index: "A" for row in rows})
    box = [{"type": "square", "color": "Black", "x_loc": 1, "y_loc": 2, "size": 10}]
    line = {"sentence": "s", "label": "true", "identifier": "1-0", "directory": "2", "structured_rep": [box, [], box]}
    (out / "nlvr").write_text(json.dumps(line))
    (out / "easy").write_text(json.dumps([["what?", "red", 0], ["is it?", "no", 1]]))
    sample = {"image": "i", "lang": "en", "category": "c", "question": "q", "options": ["A. x", "B. y"], "answer": "B"}
    (out / "samples").write_text(json.dumps(sample))
    return out


#: What is read, by the name of the file that is mangled.
READ = {
    "questions": lambda f: vqav2_scorer.score_files(f / "annotations", f / "vqav2", f / "questions"),
    "annotations": lambda f: vqav2_scorer.score_files(f / "annotations", f / "vqav2"),
    "vqav2": lambda f: vqav2_scorer.score_files(f / "annotations", f / "vqav2"),
    "dataset": lambda f: visual7w_scorer.score_files(f / "dataset", f / "visual7w", "val"),
    "visual7w": lambda f: visual7w_scorer.score_files(f / "dataset", f / "visual7w", "val"),
    "seed_questions": lambda f: seed_scorer.score_files(f / "seed_questions", f / "losses", "likelihood"),
    "losses": lambda f: seed_scorer.score_files(f / "seed_questions", f / "losses", "likelihood"),
    "letters": lambda f: seed_scorer.score_files(f / "seed_questions", f / "letters", "letter"),
    "mmbench": lambda f: mmbench_scorer.score_files(f / "mmbench", f / "predictions"),
    "predictions": lambda f: mmbench_scorer.score_files(f / "mmbench", f / "predictions"),
    "nlvr": lambda f: small_sets.load_nlvr(f / "nlvr"),
    "easy": lambda f: small_sets.load_easy_vqa(f / "easy"),
    "samples": lambda f: small_sets.load_samples(f / "samples"),
}


def bytes_mangled(rng: random.Random, content: bytes) -> bytes:
    out = bytearray(content)
    for _ in range(rng.choice([1, 1, 3])):
        at = rng.randrange(len(out))
        change = rng.randrange(4)
        if change == 0:
            out[at] = rng.randrange(256)
        elif change == 1:
            del out[at : at + rng.choice([1, 5, 50])]
        elif change == 2:
            out[at:at] = out[max(0, at - rng.choice([1, 10, 100])) : at]
        else:
            out[at : at + 1] = rng.choice([b"\t", b"\n", b'"', b",", b"]", b"{", b"\x00"])
        if not out:
            break
    return bytes(out)


def value_mangled(rng: random.Random, value):
    """One place deep in the JSON holds something odd, or is gone."""
    values = value.values() if isinstance(value, dict) else value
    inner = [one for one in values if isinstance(one, (dict, list)) and one]
    if inner and rng.random() < 0.8:
        value_mangled(rng, rng.choice(inner))
        return
    key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
    if rng.random() < 0.3:
        del value[key]
    else:
        value[key] = rng.choice(ODD)


@pytest.mark.parametrize("name", READ)
def test_mangled(folder, name):
    rng = random.Random(name)
    path = folder / name
    whole = path.read_bytes()
    READ[name](folder)
    refused = 0
    try:
        for number in range(250):
            content = bytes_mangled(rng, whole)
            if number % 2 and whole[:1] in (b"{", b"["):
                document = json.loads(whole)
                value_mangled(rng, document)
                content = json.dumps(document).encode()
            path.write_bytes(content)
            try:
                READ[name](folder)
            except BadData as error:
                refused += 1
                assert str(folder) in str(error) or "mmbench: question" in str(error) or "no question" in str(error)
    finally:
        path.write_bytes(whole)
    assert refused > 60
