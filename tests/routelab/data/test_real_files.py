"""The readers on the real files, where they are at hand; elsewhere these tests are skipped and say so."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from routelab.data import archives, mmbench, small_sets
from routelab.scoring import mmbench as scorer

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


def at(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the shared data set {name} is not on this machine")
    return path


def test_easy_vqa():
    folder = at("easy-vqa")
    questions = small_sets.load_easy_vqa(folder / "train" / "questions.json", folder / "answers.txt")
    assert len(questions) == 38_575 and len({one.image_id for one in questions}) == 4_000
    assert sum(one.answer in ("yes", "no") for one in questions) == 28_407  # as its README says
    with archives.Pictures(folder / "train_images.tar") as pictures:
        for one in questions[:: len(questions) // 40]:
            assert pictures[small_sets.easy_vqa_image(one.image_id)].shape == (64, 64, 3)


def test_nlvr():
    folder = at("nlvr")
    statements = small_sets.load_nlvr(folder / "dev" / "dev.json")
    assert len(statements) == 989 and all(len(one.boxes) == 3 for one in statements)
    assert 0.4 < sum(one.label for one in statements) / len(statements) < 0.6
    with archives.Pictures(folder / "dev_images.tar") as pictures:
        for one in statements[::40]:
            names = one.images("dev")
            assert len(names) == 6 and pictures[f"nlvr/dev/{names[5]}"].shape == (100, 400, 3)


def test_mmbench_samples_through_the_whole_path(tmp_path):
    """54 questions on 33 photographs: written as the public TSV, turned circular, read again and scored."""
    folder = at("mmbench-samples")
    samples = small_sets.load_samples(folder / "questions.jsonl")
    assert len(samples) == 54 and Counter(len(one.options) for one in samples) == {4: 50, 3: 4}
    with archives.Pictures(folder) as pictures:
        assert all(pictures[one.image].shape[2] == 3 for one in samples)
    questions = [
        mmbench.Question(
            number,
            one.question,
            one.options,
            one.answer,
            category=one.category,
            source=one.lang,
            split="dev",
            image=(folder / one.image).read_bytes(),
        )
        for number, one in enumerate(samples)
    ]
    rows = mmbench.circular(questions)
    assert len(rows) == 50 * 4 + 4 * 3
    path = mmbench.write(tmp_path / "samples.tsv", rows)
    assert mmbench.load(path) == rows
    assert path.stat().st_size < 2 * sum((folder / name).stat().st_size for name in {one.image for one in samples})
    right = {row.index: row.answer for row in rows}
    always = dict.fromkeys(right, "A")
    assert scorer.score(rows, right).overall.percent == 100.0
    assert scorer.score(rows, always).overall.percent == 0.0
    assert scorer.score(rows, always, "vanilla").overall.total == sum(one.answer == "A" for one in samples)
