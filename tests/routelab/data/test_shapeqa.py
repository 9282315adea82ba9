"""ShapeQA: an answer that a slow reader of the grid gets too, balance, equal arrays for equal arguments."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

pytest.importorskip("torch")
import numpy as np
from tests.routelab.reference.shapeqa_reader import answer_of

from routelab import BadData
from routelab.data import END, FAMILIES, KINDS, LEVELS, Settings, decode, encode, generate, left_padded, multiple_choice
from routelab.data.vocabulary import CELLS, COLOURS, PLURALS, SHAPES, SIZES

MIXED = Settings(text_share=0.15)


@pytest.fixture(scope="module")
def data():
    return generate(6000, 7, MIXED)


def test_every_answer_is_what_a_reader_of_the_grid_says(data):
    for row in range(len(data)):
        said = answer_of(data.question_text(row), data.grid[row].tolist())
        assert said == data.answer_text(row), (data.question_text(row), data.grid[row].tolist())


def test_every_family_kind_and_level_is_there(data):
    assert set(data.family.tolist()) == set(range(len(FAMILIES)))
    assert set(data.kind.tolist()) == set(range(len(KINDS)))
    assert set(data.difficulty.tolist()) == set(range(len(LEVELS)))


def test_answers_are_balanced_inside_each_set_of_arguments(data):
    cells: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for row in range(len(data)):
        if KINDS[data.kind[row]].startswith(("existence", "count", "attribute", "locate", "relation", "two_hop")):
            cells[(data.question_text(row), int(data.kind[row]))][data.answer_text(row)] += 1
    spread = {key: max(seen.values()) - min(seen.values()) for key, seen in cells.items() if len(seen) > 1}
    assert spread and max(spread.values()) <= 1
    assert all(max(seen.values()) <= 1 for seen in cells.values() if len(seen) == 1)


def test_equal_arguments_give_equal_arrays_and_other_seeds_others():
    one, same, other = generate(300, 1, MIXED), generate(300, 1, MIXED), generate(300, 2, MIXED)
    for name in one.__dataclass_fields__:
        assert np.array_equal(getattr(one, name), getattr(same, name)), name
    assert not np.array_equal(one.images, other.images) and not np.array_equal(one.question, other.question)


def test_shapes_padding_and_modality(data):
    n = len(data)
    assert data.images.shape == (n, 32, 32, 3) and data.images.dtype == np.uint8
    assert data.question.shape == (n, 6) and data.question.dtype == np.int64
    assert data.answer.shape == (n, 3) and data.answer.dtype == np.int64
    assert (data.question[:, -1] != 0).all()
    assert (np.diff((data.question != 0).astype(int), axis=1) >= 0).all()  # padding stands on the left only
    for answer in data.answer.tolist():
        end = answer.index(END) if END in answer else 3
        assert end >= 1 and 0 not in answer[:end] and not any(answer[end + 1 :])
    blank = (data.images == 0).reshape(n, -1).all(1)
    assert np.array_equal(blank, data.modality == 0)
    assert np.array_equal(data.modality == 0, data.family == FAMILIES.index("text"))
    assert (data.blanked().images == 0).all() and np.array_equal(data.blanked().question, data.question)


def test_answer_types(data):
    words = {0: {"yes", "no"}, 1: {str(n) for n in range(9)}}
    for row, kind in enumerate(data.answer_type()):
        assert (data.answer_text(row) in words.get(int(kind), set())) == (kind != 2)


def test_harder_levels_have_more_objects_near_misses_and_noise(data):
    picture = data.modality == 1
    objects = (data.grid[:, :, 0] >= 0).sum(1)
    counts = [objects[picture & (data.difficulty == level)].mean() for level in range(3)]
    assert counts[0] + 1.5 < counts[1] and counts[1] + 1.5 < counts[2]
    rough = np.abs(np.diff(data.images.astype(float), axis=2)).mean((1, 2, 3))
    noise = [np.median(rough[picture & (data.difficulty == level)]) for level in range(3)]
    assert noise[0] < noise[1] < noise[2]


@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_few_questions(n):
    data = generate(n, 3, MIXED)
    assert len(data) == n and len(multiple_choice(data, 3)) == n


@pytest.mark.parametrize("family", [f for f in FAMILIES if f != "text"])
@pytest.mark.parametrize("level", range(3))
def test_one_family_at_one_level(family, level):
    levels = tuple(float(level == at) for at in range(3))
    data = generate(150, 5, Settings(families={family: 1.0}, levels=levels))
    assert set(data.family.tolist()) == {FAMILIES.index(family)} and set(data.difficulty.tolist()) == {level}
    for row in range(len(data)):
        assert answer_of(data.question_text(row), data.grid[row].tolist()) == data.answer_text(row)


def test_multiple_choice_has_the_answer_under_its_letter_and_no_option_twice(data):
    offered = multiple_choice(data, 11)
    for row in range(len(offered)):
        options = [decode(option) for option in offered.options[row] if option.any()]
        assert len(set(options)) == len(options) in (2, 3, 4)
        assert options[offered.letter[row]] == data.answer_text(row)
        assert "ABCD"[offered.letter[row]] == offered.answer_text(row)
        prompt = " ".join(f"{letter} {option}" for letter, option in zip("ABCD", options, strict=False))
        assert offered.question_text(row) == f"{data.question_text(row)[:-1]} {prompt}?"
    assert (offered.question[:, -1] != 0).all()


def test_right_letters_are_balanced_and_wrong_options_are_of_the_answers_sort(data):
    offered = multiple_choice(data, 11)
    for kind, name in enumerate(KINDS):
        letters = np.bincount(offered.letter[offered.kind == kind])
        assert letters.max() - letters.min() <= 1, name
    colours = offered[offered.kind == KINDS.index("attribute_color")]
    assert {decode(option) for option in colours.options.reshape(-1, 3) if option.any()} == set(COLOURS)
    for kind in range(len(KINDS)):  # an option that is never right would give itself away
        rows = np.flatnonzero(data.kind == kind)
        right = {data.answer_text(row) for row in rows}
        shown = {decode(option) for option in offered.options[rows].reshape(-1, 3) if option.any()}
        assert shown == right or KINDS[kind] == "describe_all"  # which has 48, not all in this sample
    for row in range(0, len(data), 50):  # the options of one question do not depend on the others of the sample
        assert multiple_choice(data[row : row + 1], 3).options.any((1, 2)).all()
    numbers = offered[offered.kind == KINDS.index("count")]
    assert {decode(option) for option in numbers.options.reshape(-1, 3)} == {str(n) for n in range(7)}


def test_words_and_tokens_round_trip_and_an_unknown_word_is_named(data):
    for row in range(0, len(data), 7):
        assert encode(data.question_text(row)) == [int(token) for token in data.question[row] if token]
    for words in (COLOURS, SHAPES, PLURALS, SIZES, CELLS):
        for word in words:
            assert decode(encode(word)) == word
    with pytest.raises(BadData, match="'pink'"):
        encode("is there a pink circle?")
    with pytest.raises(BadData, match="token 999"):
        decode([999])
    assert left_padded([[5], [6, 7]], 3).tolist() == [[0, 0, 5], [0, 6, 7]]
    with pytest.raises(BadData, match="2 tokens does not fit into 1"):
        left_padded([[6, 7]], 1)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (Settings(families={"colour": 1.0}), "families"),
        (Settings(families={"count": -1.0}), "negative"),
        (Settings(families={"count": 0.0}), "families"),
        (Settings(text_share=1.5), "text_share"),
        (Settings(levels=(0.0, 0.0, 0.0)), "levels"),
    ],
)
def test_settings_that_cannot_be_drawn_from(settings, named):
    with pytest.raises(BadData, match=named):
        generate(10, 0, settings)
    with pytest.raises(BadData, match="-1 questions"):
        generate(-1, 0)
