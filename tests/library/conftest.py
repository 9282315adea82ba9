"""Small corpora made on the spot."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from sovereign.library import Library

WORDS = (
    "routing expert token latency throughput batch memory cache sparse dense model vision language layer gate top "
    "attention kernel bandwidth decode prefill offload schedule accuracy benchmark energy precision quantise"
).split()


def make_rows(seed: int, number: int, words: int = 30) -> list[dict[str, str]]:
    """Rows of a generic JSONL corpus, drawn from few words so that scores tie often."""
    draw = random.Random(seed)
    return [
        {
            "_id": f"d{n:05d}",
            "title": " ".join(draw.choices(WORDS, k=4)),
            "text": " ".join(draw.choices(WORDS, k=draw.randint(3, words))),
        }
        for n in range(number)
    ]


def write_rows(path: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    """Write rows as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_note(path: Path, body: str, **front: object) -> Path:
    """Write a note, with a front matter if any field is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = "---\n" + "".join(f"{k}: {json.dumps(v)}\n" for k, v in front.items()) + "---\n" if front else ""
    path.write_text(head + body, encoding="utf-8")
    return path


@pytest.fixture
def library(tmp_path: Path) -> Iterable[Library]:
    """An empty library."""
    with Library.open(tmp_path / "library", create=True) as opened:
        yield opened


@pytest.fixture
def build(tmp_path: Path) -> Iterable[Callable[..., Library]]:
    """A function that builds a library from rows, added in the given order and in files of the given size."""
    opened: list[Library] = []

    def _build(rows: list[dict[str, str]], per_file: int = 10_000) -> Library:
        folder = tmp_path / f"built-{len(opened)}"
        library = Library.open(folder / "library", create=True)
        opened.append(library)
        for n, start in enumerate(range(0, len(rows), per_file)):
            library.add(write_rows(folder / str(n) / "made" / "corpus.jsonl", rows[start : start + per_file]))
        return library

    yield _build
    for one in opened:
        one.close()
