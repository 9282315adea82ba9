"""ShapeQA: questions about small synthetic pictures, as arrays ready for training.

A stand-in for VQA benchmarks that needs no download: nine families, three levels of difficulty, answers balanced inside
each set of a family's arguments. `generate(n, seed)` gives the same arrays for the same arguments, always.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from routelab._errors import BadData
from routelab.data import vocabulary as v
from routelab.data._asking import FAMILIES, KINDS, balanced
from routelab.data.questions import MAKERS
from routelab.data.scenes import ANY, GRID, LEVELS, Ints, render

TEXT, VISION = 0, 1  # as in routelab.routing
ANSWER_TYPES: Final = ("yes/no", "number", "other")
VISUAL: Final = tuple(family for family in FAMILIES if family != "text")


@dataclass(frozen=True)
class Settings:
    """What is drawn.

    Attributes:
        families: share of each family among the questions about pictures; shares are made to sum to 1.
        text_share: share of questions without a picture (0.3 for experiments that want a language score of its own).
        levels: shares of the three levels of difficulty (`scenes.LEVELS`) in each family.
    """

    families: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(VISUAL, 1.0))
    text_share: float = 0.0
    levels: tuple[float, float, float] = (0.5, 0.3, 0.2)

    def checked(self) -> Settings:
        """Itself.

        Raises:
            BadData: an unknown family, a negative share, shares that are all zero.
        """
        unknown = set(self.families) - set(VISUAL)
        if unknown:
            raise BadData(f"families: {sorted(unknown)} not known", f"choose from {', '.join(VISUAL)}")
        if any(share < 0 for share in self.families.values()) or any(share < 0 for share in self.levels):
            raise BadData("families and levels: a share is negative")
        if not 0 <= self.text_share <= 1:
            raise BadData(f"text_share: {self.text_share} is not in 0 .. 1")
        if len(self.levels) != len(LEVELS) or sum(self.levels) <= 0:
            raise BadData(f"levels: {self.levels}", "give three shares that are not all zero")
        if self.text_share < 1 and sum(self.families.values()) <= 0:
            raise BadData("families: every share is zero", "give one of them a share, or text_share 1")
        return self


@dataclass(frozen=True)
class ShapeQA:
    """n questions.

    Attributes:
        images: uint8 [n, 32, 32, 3]; all 0 where the question has no picture.
        question: int64 [n, Lq] token numbers, padded with 0 on the left: the last column always holds a token.
        answer: int64 [n, 3]: tokens, then the end token if there is room, then 0.
        family, kind: int64 [n], numbers in `FAMILIES` and `KINDS`. difficulty: int64 [n], 0 .. 2.
        modality: int64 [n], `VISION` (1), or `TEXT` (0) where there is no picture.
        grid: int64 [n, 16, 3]: colour, shape, size of each cell, -1 where it is empty.
        options: int64 [n, 4, 3] answers offered, 0 where there is none; a row of only zeros if none were asked for.
        letter: int64 [n]: which option is right, -1 without options.
    """

    images: NDArray[np.uint8]
    question: Ints
    answer: Ints
    family: Ints
    kind: Ints
    difficulty: Ints
    modality: Ints
    grid: Ints
    options: Ints
    letter: Ints

    def __len__(self) -> int:
        return int(self.question.shape[0])

    def __getitem__(self, rows: slice | Ints | NDArray[np.bool_]) -> ShapeQA:
        """The questions at `rows`."""
        return ShapeQA(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def question_text(self, row: int) -> str:
        return v.decode(self.question[row]) + "?"

    def answer_text(self, row: int) -> str:
        return v.decode(self.answer[row])

    def answer_type(self) -> Ints:
        """int64 [n], numbers in `ANSWER_TYPES`."""
        first, one = self.answer[:, 0], self.answer[:, 1] == v.END
        yes_no = one & ((first == v.TOKEN["no"]) | (first == v.TOKEN["yes"]))
        number = one & (first >= v.first(v.NUMBERS)) & (first < v.first(v.NUMBERS) + len(v.NUMBERS))
        return np.where(yes_no, 0, np.where(number, 1, 2))

    def blanked(self) -> ShapeQA:
        """The same questions without what their pictures show: for the question-only floor. Pictures are all 0."""
        return replace(self, images=np.zeros_like(self.images), grid=np.full_like(self.grid, ANY))


def generate(n: int, seed: int, settings: Settings | None = None) -> ShapeQA:
    """n questions in random order; equal arguments give equal arrays.

    Raises:
        BadData: n is negative, or the settings cannot be drawn from.
    """
    if n < 0:
        raise BadData(f"{n} questions")
    chosen = (settings or Settings()).checked()
    rng = np.random.default_rng([seed, 0x5A9E])
    sizes = _sizes(n, chosen)
    parts = [_drawn(rng, family, size, chosen) for family, size in sizes.items()]
    order = rng.permutation(n)
    question, answer, family, kind, level, grid = (np.concatenate(column)[order] for column in zip(*parts, strict=True))
    modality = np.where(family == FAMILIES.index("text"), TEXT, VISION)
    images = render(rng, grid, level)
    images[modality == TEXT] = 0
    return ShapeQA(
        images, question, answer, family, kind, level, modality, grid, np.zeros((n, 4, 3), np.int64), np.full(n, -1)
    )


def _sizes(n: int, settings: Settings) -> dict[str, int]:
    """How many questions of each family: shares rounded so that they sum to n."""
    total = sum(settings.families.values()) or 1.0
    shares = {f: (1 - settings.text_share) * settings.families.get(f, 0.0) / total for f in VISUAL}
    shares["text"] = settings.text_share
    edges = np.rint(np.cumsum(list(shares.values())) / sum(shares.values()) * n).astype(int)
    return dict(zip(shares, np.diff(edges, prepend=0).tolist(), strict=True))


def _drawn(rng: np.random.Generator, family: str, n: int, settings: Settings) -> tuple[Ints, ...]:
    shares = np.array(settings.levels) / sum(settings.levels)
    level = rng.choice(len(LEVELS), n, p=shares) if family != "text" else np.zeros(n, np.int64)
    drawn = MAKERS[family](rng, n, level)
    grid = np.full((n, GRID * GRID, 3), ANY) if drawn.objects is None else drawn.objects.grid()
    answer = drawn.answer.copy()
    length = (answer != 0).sum(1)
    ended = np.flatnonzero(length < answer.shape[1])
    answer[ended, length[ended]] = v.END
    return drawn.question, answer, np.full(n, FAMILIES.index(family)), drawn.kind, level, grid


def multiple_choice(data: ShapeQA, seed: int) -> ShapeQA:
    """The same questions with two to four options behind each, the answer being the right option's letter.

    The prompt is the question, then A, the first option, B, the second, and so on: "what color is b3 A red B cyan C
    blue D green". Wrong options are answers of the same kind; questions of yes or no have two options. Which letter is
    right is balanced in each kind. `options` and `letter` are set; the answer is one letter and the end token.
    """
    rng = np.random.default_rng([seed, 0xABCD])
    n = len(data)
    options, letter = np.zeros((n, 4, 3), np.int64), np.full(n, -1)
    for number in np.unique(data.kind):
        rows = np.flatnonzero(data.kind == number)
        options[rows], letter[rows] = _options(rng, KINDS[number], data.answer[rows])
    width = int((options != 0).any(-1).sum(-1).max(initial=0))
    columns = [data.question]
    for at in range(width):
        there = (options[:, at] != 0).any(-1)
        columns.append(np.where(there, v.TOKEN["A"] + at, 0)[:, None])
        columns.append(np.where(options[:, at] == v.END, 0, options[:, at]))
    raw = np.concatenate(columns, 1)
    order = np.argsort(raw != 0, axis=1, kind="stable")
    question = np.take_along_axis(raw, order, 1)
    empty = int((question == 0).all(0).sum())
    answer = np.zeros_like(data.answer)
    answer[:, 0], answer[:, 1] = v.TOKEN["A"] + letter, v.END
    return replace(data, question=question[:, empty:], answer=answer, options=options, letter=letter)


def _options(rng: np.random.Generator, kind: str, answer: Ints) -> tuple[Ints, Ints]:
    """Options [n, 4, 3] of questions of one kind, and the place of the right one [n]."""
    n = answer.shape[0]
    pool, sort = _pool(kind)
    right = np.argmax((answer[:, None, :] == pool[None, :, :]).all(-1), 1)
    scores = rng.random((n, len(pool)))
    scores[sort[right][:, None] != sort[None, :]] = np.inf  # a shape among colors would give itself away
    scores[np.arange(n), right] = -1.0
    order = np.argsort(scores, 1)[:, :4]
    there = np.isfinite(np.take_along_axis(scores, order, 1))
    count = there.sum(1)
    options = np.zeros((n, 4, 3), np.int64)
    options[:, : order.shape[1]] = np.where(there[:, :, None], pool[order], 0)
    letter = balanced(rng, count, 12) % count  # 12 is a multiple of 2, 3 and 4
    rows = np.arange(n)
    options[rows, letter], options[rows, 0] = options[rows, 0], options[rows, letter].copy()
    return options, letter


_SORTS: Final = {
    "yes/no": ("no", "yes"),
    "color": v.COLOURS,
    "shape": v.SHAPES,
    "size": v.SIZES,
    "cell": v.CELLS,
    "direction": v.DIRECTIONS,
    "count": v.NUMBERS[:7],
    "sum": v.NUMBERS,
    "name": tuple(f"{color} {shape}" for color in v.COLOURS for shape in v.SHAPES),
    "all": tuple(f"{size} {color} {shape}" for size in v.SIZES for color in v.COLOURS for shape in v.SHAPES),
}
#: Sorts of answers by kind of question, where the kind's last word does not say it. No other answer is ever right
#: there, so that no wrong option gives itself away.
_SORTS_OF: Final = {
    "existence": ("yes/no",),
    "locate": ("cell",),
    "relation_holds": ("yes/no",),
    "relation_which": ("direction",),
    "comparison_more": ("yes/no",),
    "comparison_most": ("color", "shape"),
    "text_more": ("yes/no",),
    "text_recall": ("color", "shape"),
}


def _pool(kind: str) -> tuple[Ints, Ints]:
    """Every answer [m, 3] that is right for some question of a kind, and each one's sort [m]."""
    rows, sorts = [], []
    for sort in _SORTS_OF.get(kind, (kind.rsplit("_", 1)[-1],)):
        for text in _SORTS[sort]:
            tokens = v.encode(text)
            rows.append((tokens + [v.END] + [v.PAD] * 3)[:3] if len(tokens) < 3 else tokens)
            sorts.append(list(_SORTS).index(sort))
    return np.array(rows, np.int64), np.array(sorts, np.int64)
