"""A lab model on files in the public formats: it answers, and its answers are written as the benchmark's results file.

A model that was trained on open questions answers in words and ranks choices by the likelihood of their text; one that
was trained on lettered options answers with a letter and ranks the letters. Which of the two it is shows in the length
of its questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from routelab._errors import BadData
from routelab.data import END, decode, encode, export, left_padded, mmbench, seed, visual7w, vqav2
from routelab.data.pictures import load_picture, pixels_of
from routelab.model import LabModel
from routelab.scoring.command import BENCHMARKS

Progress = Callable[[str], None]
Pixels = NDArray[np.uint8]
_BATCH = 256
_OPEN = 6  # tokens of the longest question without options
_SEED = 77  # of what routers draw


@dataclass(frozen=True)
class Asked:
    """Questions as the model reads them: tokens of each, and pictures uint8 [n, side, side, 3], black where none is."""

    tokens: Sequence[Sequence[int]]
    pictures: Pixels


def lettered(model: LabModel) -> bool:
    """Whether the model was made for questions with lettered options."""
    return model.config.question_length > _OPEN


def answers(model: LabModel, asked: Asked, progress: Progress = lambda _line: None) -> list[str]:
    """Greedy answers in words, decoded with the cache.

    Raises:
        BadData: a question is longer than the model's.
    """
    model.eval()
    given = []
    for part, images, questions, has_image in _batches(model, asked):
        generator = torch.Generator().manual_seed(_SEED)
        out = model.answer(images, questions, end=END, has_image=has_image, generator=generator)
        given += [decode(row) for row in out.numpy()]
        progress(f"answered {part.stop} of {len(asked.tokens)} questions")
    return given


@torch.no_grad()
def losses(
    model: LabModel, asked: Asked, options: Sequence[Sequence[str]], progress: Progress = lambda _line: None
) -> list[list[float]]:
    """Mean negative log-likelihood of a token, by question and option: the least is the choice.

    Raises:
        BadData: a question or an option is longer than the model's.
    """
    model.eval()
    length = model.config.answer_length
    pairs = [(row, encode(text)) for row, texts in enumerate(options) for text in texts]
    too_long = next((tokens for _, tokens in pairs if len(tokens) > length), None)
    if too_long is not None:
        raise BadData(f"the option {decode(too_long)!r} has {len(too_long)} tokens, the model's answers {length}")
    rows = np.array([row for row, _ in pairs], np.int64)
    repeated = Asked([asked.tokens[row] for row in rows], asked.pictures[rows])
    out: list[list[float]] = [[] for _ in options]
    for part, images, questions, has_image in _batches(model, repeated):
        wanted = torch.tensor([(tokens + [0] * length)[:length] for _, tokens in pairs[part]])
        generator = torch.Generator().manual_seed(_SEED)
        logits = model(images, questions, wanted, has_image=has_image, generator=generator).logits
        each = -torch.log_softmax(logits.float(), -1).gather(2, wanted[:, :, None])[:, :, 0]
        there = (wanted != 0).float()
        for row, loss in zip(rows[part], ((each * there).sum(1) / there.sum(1)).tolist(), strict=True):
            out[int(row)].append(loss)
        progress(f"ranked {part.stop} of {len(pairs)} options")
    return out


def _batches(
    model: LabModel, asked: Asked
) -> Iterator[tuple[slice, torch.Tensor, torch.Tensor, torch.Tensor]]:
    side, length = model.config.image, model.config.question_length
    if asked.pictures.shape[1:] != (side, side, 3):
        raise BadData(f"pictures of {asked.pictures.shape[1]} pixels", f"the model reads {side} x {side}; resize them")
    questions = torch.from_numpy(left_padded(asked.tokens, length))
    for first in range(0, len(asked.tokens), _BATCH):
        part = slice(first, min(first + _BATCH, len(asked.tokens)))
        images = torch.from_numpy(asked.pictures[part])
        yield part, images, questions[part], (images != 0).flatten(1).any(1)


def answer_file(
    model: LabModel,
    benchmark: str,
    questions: Path,
    results: Path,
    *,
    pictures: Path | None = None,
    protocol: str | None = None,
    resize: bool = False,
    progress: Progress = lambda _line: None,
) -> int:
    """Answer every question of a public file and write the results file; how many there were.

    Args:
        pictures: folder of the pictures by the benchmark's names, or those names with .png; MMBench holds its own.
        protocol: seed: likelihood (unless said otherwise) or letter. resize: bring pictures to the model's size.

    Raises:
        BadData: a file or a word does not fit, or the model cannot answer so.
    """
    if benchmark not in BENCHMARKS:
        raise BadData(f"benchmark {benchmark!r} is not known", f"one of {', '.join(BENCHMARKS)}")
    if pictures is None and benchmark != "mmbench":
        raise BadData(f"{benchmark} needs the folder of its pictures")
    side = model.config.image if resize else None
    folder = pictures or Path()
    if benchmark == "vqav2":
        return _vqav2(model, questions, results, folder, side, progress)
    if benchmark == "visual7w":
        return _visual7w(model, questions, results, folder, side, progress)
    if benchmark == "seed":
        return _seed(model, questions, results, folder, side, protocol or "likelihood", progress)
    return _mmbench(model, questions, results, side, progress)


def _vqav2(
    model: LabModel, questions: Path, results: Path, folder: Path, side: int | None, progress: Progress
) -> int:
    if lettered(model):
        raise BadData("the model answers with letters, and VQAv2's questions have no options", "take an open one")
    header, asked = vqav2.load_questions(questions)
    names = [vqav2.image_name(header.data_subtype, one.image_id) for one in asked]
    given = answers(model, Asked([encode(one.question) for one in asked], _seen(folder, names, side)), progress)
    vqav2.write_results(results, {one.question_id: text for one, text in zip(asked, given, strict=True)})
    return len(asked)


def _visual7w(
    model: LabModel, questions: Path, results: Path, folder: Path, side: int | None, progress: Progress
) -> int:
    listed = [(image, pair) for image in visual7w.load(questions) for pair in image.qa_pairs]
    options = [visual7w.candidates(pair) for _, pair in listed]
    seen = _seen(folder, [image.filename for image, _ in listed], side)
    chosen = _chosen(model, [pair.question for _, pair in listed], options, seen, progress)
    asked = {pair.qa_id: pair.question for _, pair in listed}
    visual7w.write_results(results, {pair.qa_id: [one] for (_, pair), one in zip(listed, chosen, strict=True)}, asked)
    return len(listed)


def _chosen(
    model: LabModel, questions: Sequence[str], options: Sequence[Sequence[str]], seen: Pixels, progress: Progress
) -> list[str]:
    """The option of least loss, as text."""
    ranked = losses(model, *_ranking(model, questions, options, seen), progress)
    return [texts[int(np.argmin(loss))] for texts, loss in zip(options, ranked, strict=True)]


def _ranking(
    model: LabModel, questions: Sequence[str], options: Sequence[Sequence[str]], seen: Pixels
) -> tuple[Asked, list[list[str]]]:
    """What is asked, and what is ranked: the options' texts, or their letters behind a prompt that holds the texts."""
    if not lettered(model):
        return Asked([encode(text) for text in questions], seen), [list(texts) for texts in options]
    letters = [list("ABCD"[: len(texts)]) for texts in options]
    prompts = [
        export.prompt(question, dict(zip(known, texts, strict=True)))
        for question, known, texts in zip(questions, letters, options, strict=True)
    ]
    return Asked(prompts, seen), letters


def _seed(
    model: LabModel, questions: Path, results: Path, folder: Path, side: int | None, protocol: str, progress: Progress
) -> int:
    if protocol not in ("likelihood", "letter"):
        raise BadData(f"protocol is {protocol!r}", "likelihood or letter")
    if protocol == "letter" and not lettered(model):
        raise BadData("the model answers in words: it has no letter to give", "rank by likelihood")
    listed = [one for one in seed.load(questions).questions if one.data_type == "image"]
    seen = _seen(folder, [f"{one.data_id}.png" for one in listed], side)
    asked, options = _ranking(model, [one.question for one in listed], [one.choices for one in listed], seen)
    ids = [one.question_id for one in listed]
    if protocol == "letter":
        seed.write_letters(results, dict(zip(ids, answers(model, asked, progress), strict=True)))
    else:
        seed.write_losses(results, dict(zip(ids, losses(model, asked, options, progress), strict=True)))
    return len(listed)


def _mmbench(model: LabModel, questions: Path, results: Path, side: int | None, progress: Progress) -> int:
    listed = mmbench.load(questions)
    black = np.zeros((model.config.image, model.config.image, 3), np.uint8)
    seen = [
        black if one.image is None else _sized(pixels_of(one.image, f"{questions}: image of index {one.index}"), side)
        for one in listed
    ]
    with_options = lettered(model)
    prompts = [export.prompt(one.question, one.options if with_options else None) for one in listed]
    given = answers(model, Asked(prompts, _stacked(seen)), progress)
    mmbench.write_results(results, {one.index: text for one, text in zip(listed, given, strict=True)})
    return len(listed)


def _seen(folder: Path, names: Sequence[str], side: int | None) -> Pixels:
    """Pictures by name, each read once."""
    known: dict[str, Pixels] = {}
    for name in names:
        if name not in known:
            path = folder / name
            known[name] = _sized(load_picture(path if path.exists() else path.with_suffix(".png")), side)
    return _stacked([known[name] for name in names])


def _stacked(pictures: Sequence[Pixels]) -> Pixels:
    sizes = {picture.shape[:2] for picture in pictures}
    if len(sizes) > 1:
        shown = ", ".join(f"{width} x {height}" for height, width in sorted(sizes)[:3])
        raise BadData(f"the pictures have several sizes ({shown})", "resize them to the model's")
    return np.stack(pictures) if pictures else np.zeros((0, 0, 0, 3), np.uint8)


def _sized(pixels: Pixels, side: int | None) -> Pixels:
    if side is None or pixels.shape[:2] == (side, side):
        return pixels
    from PIL import Image

    return np.array(Image.fromarray(pixels).resize((side, side), Image.Resampling.BOX), np.uint8)
